//! The sandbox as a profile, and what it shows of itself.

mod kit;

use std::time::Duration;

use broker::{Broker, CheckOutcome, Driver, ErrorKind, Health, Kind, Purpose, Scope, Secret, Settings, TopologyScope};
use kit::{ask, fill, look, next, run, text};
use sandbox::{ExchangeKind, QueueSetup, Returns, Sandbox, SandboxDriver};

async fn open(driver: &SandboxDriver) -> std::sync::Arc<dyn Broker> {
    driver.open(&Settings::default(), &Secret::none()).await.expect("a sandbox always opens")
}

#[test]
fn its_url_is_its_name() {
    let driver = SandboxDriver::new();
    assert_eq!(driver.kind(), Kind("sandbox"));
    for url in ["sandbox:", "sandbox://", " sandbox: "] {
        let (settings, secret) = driver.read_url(url).expect("it is the sandbox");
        assert_eq!((settings, secret.reveal()), (Settings::default(), None));
    }
    for url in ["", "amqp://localhost", "sandbox://host", "sandbox"] {
        assert_eq!(driver.read_url(url).expect_err("it is not").kind(), ErrorKind::Invalid, "{url}");
    }
    let form = driver.form();
    assert_eq!((form.title.as_str(), form.fields.len(), form.secret_label), ("Sandbox", 0, None));
}

#[tokio::test]
async fn checking_names_one_step_that_passes() {
    let (steps, mut told) = tokio::sync::mpsc::channel(8);
    let driver = SandboxDriver::new();
    driver.check(&Settings::default(), &Secret::none(), steps).await.expect("it passes");
    let first = told.recv().await.expect("it begins");
    let last = told.recv().await.expect("it ends");
    assert_eq!((first.outcome, last.outcome), (CheckOutcome::Running, CheckOutcome::Passed));
    assert_eq!(first.name, last.name);
    assert!(told.recv().await.is_none(), "and no more");
}

#[tokio::test]
async fn all_connections_of_a_driver_meet_the_same_broker() {
    let driver = SandboxDriver::new();
    let (one, two) = (open(&driver).await, open(&driver).await);
    assert_eq!(one.identity(), two.identity());
    assert_ne!(one.identity().broker, open(&SandboxDriver::new()).await.identity().broker, "another one is another");
    let before = one.depth(&"orders.dead".into()).await.expect("the story has it").ready;
    let mut take = ask("orders.dead", Purpose::Take { n: 5 });
    take.hold.wait_ms = 0;
    let lease = two.lease(take).await.expect("it only marks");
    let held = lease.next(5).await.expect("the hold lives");
    lease.remove(&kit::keys(&held)).await;
    one.close().await;
    assert!(matches!(*one.health().borrow(), Health::Lost { .. }));
    let after = two.depth(&"orders.dead".into()).await.expect("the other is open").ready;
    assert!((before - 5..before).contains(&after), "{before} before, {after} after five were taken");
}

#[tokio::test]
async fn rates_are_unknown_when_a_sandbox_was_just_opened_again() {
    let driver = SandboxDriver::new();
    open(&driver).await.close().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let broker = open(&driver).await;
    let measures = broker.measure(Scope::All).await.expect("it is open").value;
    assert!(measures.queues.iter().all(|queue| queue.rate_in.is_none() && queue.rate_out.is_none()), "no traffic yet");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let measures = broker.measure(Scope::All).await.expect("it is open").value;
    assert!(measures.queues.iter().all(|queue| queue.rate_in.is_some()), "a second has passed");
}

#[tokio::test]
async fn the_story_goes_on_while_somebody_is_connected() {
    let driver = SandboxDriver::new();
    let broker = open(&driver).await;
    let mut rates = Vec::new();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let measures = broker.measure(Scope::All).await.expect("it is open").value;
        let orders = measures.exchanges.iter().find(|exchange| exchange.name.as_str() == "orders");
        // Unknown in the first second.
        rates.push(orders.expect("it is measured").rate_in);
        if rates.last().is_some_and(|rate| rate.is_some_and(|rate| rate > 0.0)) {
            return;
        }
    }
    panic!("nothing was published: {rates:?}");
}

#[tokio::test]
async fn the_story_shows_every_kind_of_look() {
    let driver = SandboxDriver::new();
    let broker = open(&driver).await;
    let topology = broker.topology(TopologyScope::All).await.expect("it can be read");
    let facts = broker::Facts { topology, ..broker::Facts::default() };
    let rules = driver.rules();
    let cost = |queue: &str| rules.look(&facts, &ask(queue, Purpose::Look { n: 50 }));
    assert!(!cost("orders.dead").is_worse_than(None), "a look that only marks");
    assert!(cost("parts.reserve").refusal.is_none() && cost("parts.reserve").is_worse_than(None), "one that counts");
    let refused = cost("parts.reserve.dead").refusal.expect("one that destroys");
    assert_eq!(refused.code, "destroys");
}

#[test]
fn the_topology_tells_settings_and_where_dead_letters_go() {
    let sandbox = Sandbox::bare();
    sandbox.declare_exchange("dlx", ExchangeKind::Fanout);
    sandbox.declare_queue("dead");
    sandbox.bind("dlx", "", "dead").expect("both exist");
    let limited = QueueSetup::new("q").returning(Returns::Counts { limit: Some(7) });
    sandbox.declare_queue(limited.ttl_ms(21_600_000).dead_letters_to("dlx"));
    sandbox.declare_queue(QueueSetup::new("broken").dead_letters_to_key("nowhere", "k"));
    let topology = run(sandbox.topology(TopologyScope::All)).expect("it can be read").value;
    let queue = topology.queue(&"q".into()).expect("it is declared");
    assert_eq!(queue.badges, ["delivery limit 7", "TTL 6 h", "DLX dlx"]);
    assert_eq!((queue.label.as_str(), queue.is_dead_letter_queue), ("quorum", false));
    assert!(topology.queue(&"dead".into()).expect("it is declared").is_dead_letter_queue);
    let routes = &topology.dead_letter_routes;
    assert_eq!(routes.len(), 2);
    assert_eq!((routes[0].queue.as_str(), routes[0].broken, routes[0].reaches.len()), ("broken", true, 0));
    assert_eq!((routes[1].queue.as_str(), routes[1].broken), ("q", false));
    assert_eq!(routes[1].reaches, ["dead".into()], "a fanout reaches it whatever the key");
    let default = topology.exchange(&"".into()).expect("it is always there");
    assert!(default.built_in);

    let one = run(sandbox.topology(TopologyScope::Queue("dead".into()))).expect("it can be read").value;
    assert_eq!(one.queues.len(), 1);
    assert!(one.queues[0].is_dead_letter_queue, "told from what leads there");
    assert_eq!((one.bindings.len(), one.dead_letter_routes.len()), (1, 1));
}

#[test]
fn what_it_prints_of_itself_holds_no_payload() {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue("q");
    fill(&sandbox, "q", &["SECRETPAYLOAD"]);
    let lease = look(&sandbox, "q", 1);
    next(&lease, 1);
    let publisher = kit::publisher(&sandbox);
    let printed = format!("{sandbox:?} {lease:?} {publisher:?}");
    assert!(printed.contains("sandbox/"), "it names itself: {printed}");
    let bytes = format!("{:?}", b"SECRETPAYLOAD".to_vec());
    assert!(!printed.contains("SECRETPAYLOAD") && !printed.contains(&bytes), "{printed}");
}

#[test]
fn bindings_need_both_ends() {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue("q");
    sandbox.declare_exchange("x", ExchangeKind::Direct);
    assert_eq!(sandbox.bind("nowhere", "k", "q").expect_err("no exchange").kind(), ErrorKind::NotFound);
    assert_eq!(sandbox.bind("x", "k", "nowhere").expect_err("no queue").kind(), ErrorKind::NotFound);
    assert_eq!(sandbox.bind("", "k", "q").expect_err("the default one").kind(), ErrorKind::Invalid);
    sandbox.bind("x", "k", "q").expect("both exist");
    assert!(sandbox.unbind("x", "k", "q") && !sandbox.unbind("x", "k", "q"), "once");
}

#[test]
fn measures_are_exact_and_rates_are_means() {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue("q");
    fill(&sandbox, "q", &["four", "four", "four", "four"]);
    sandbox.declare_exchange("unbound", ExchangeKind::Direct);
    let unbound = broker::Target::Exchange { exchange: "unbound".into(), key: String::new() };
    sandbox.publish_raw(&unbound, text("lost"));
    let published_at = sandbox.now();
    let lease = look(&sandbox, "q", 1);
    next(&lease, 1);
    sandbox.advance(Duration::from_secs(2));
    let measures = run(sandbox.measure(Scope::All)).expect("it can be measured").value;
    let queue = &measures.queues[0];
    assert_eq!((queue.ready, queue.in_flight, queue.consumers), (Some(3), Some(1), Some(0)));
    assert_eq!((queue.bytes, queue.oldest_at), (Some(16), Some(published_at)));
    assert_eq!((queue.rate_in, queue.rate_deliver, queue.rate_out), (Some(2.0), Some(0.5), Some(0.0)));
    assert_eq!((measures.totals.ready, measures.totals.in_flight), (Some(3), Some(1)));
    let exchange = measures.exchanges.iter().find(|exchange| exchange.name.as_str() == "unbound");
    assert_eq!(exchange.and_then(|exchange| exchange.rate_unroutable), Some(0.5));
    let scope = Scope::Queues(vec!["q".into(), "nowhere".into()]);
    let some = run(sandbox.measure(scope)).expect("it can be measured");
    assert_eq!((some.value.queues.len(), some.missing.len()), (1, 1), "what is not there is named");
    let depth = run(sandbox.depth(&"q".into())).expect("it is there");
    assert_eq!((depth.ready, depth.consumers), (3, Some(1)));
}
