//! What the rules of a sandbox say, and that the sandbox does it.

mod kit;

use broker::{
    Arrivals, Broker, Death, DeathReason, ExchangeName, Facts, FailedIn, Harm, Message, REDRIVE_HEADER, Returning,
    Routing, Rules, Scope, Table, Target, TopologyScope, Value,
};
use jiff::{SignedDuration, Timestamp};
use kit::{ask, outgoing, run, text, to};
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof, proptest};
use sandbox::{ExchangeKind, QueueSetup, Returns, Sandbox, SandboxRules};

fn facts(sandbox: &Sandbox) -> Facts {
    let topology = run(sandbox.topology(TopologyScope::All)).expect("it can be read");
    let measures = run(sandbox.measure(Scope::All)).expect("it can be measured");
    Facts { topology, measures: Some(measures), ..Facts::default() }
}

fn at(second: i64) -> Option<Timestamp> {
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(second)).ok()
}

fn death(queue: &str, reason: DeathReason, second: i64) -> Death {
    let exchange = Some(ExchangeName::from("orders"));
    Death { queue: queue.into(), reason, count: 1, at: at(second), exchange, routing_keys: vec![format!("to.{queue}")] }
}

fn dead(deaths: Vec<Death>) -> Message {
    Message { deaths, ..text("a") }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![Just("a"), Just("b"), Just("*"), Just("#"), Just("")];
    prop::collection::vec(word, 0..4).prop_map(|words| words.join("."))
}

proptest! {
    #[test]
    fn arrivals_are_where_the_broker_puts_it(
        kind in prop_oneof![Just(ExchangeKind::Direct), Just(ExchangeKind::Fanout), Just(ExchangeKind::Topic)],
        bindings in prop::collection::vec((words(), 0..4_usize), 0..8),
        key in words(),
    ) {
        let sandbox = Sandbox::bare();
        sandbox.declare_exchange("x", kind);
        let queues = ["q0", "q1", "q2", "q3"];
        queues.iter().for_each(|queue| sandbox.declare_queue(*queue));
        for (pattern, n) in bindings {
            sandbox.bind("x", &pattern, queues[n]).expect("both exist");
        }
        let target = Target::Exchange { exchange: "x".into(), key };
        let foretold = SandboxRules.arrivals(&facts(&sandbox), &outgoing(target.clone(), "a"));
        let reached = sandbox.publish_raw(&target, text("a"));
        prop_assert_eq!(&foretold.queues, &reached);
        prop_assert_eq!(foretold.is_unroutable(), reached.is_empty());
        for queue in queues {
            prop_assert_eq!(sandbox.ready(queue).len(), usize::from(reached.contains(&queue.into())));
        }
    }
}

#[test]
fn the_default_exchange_knows_every_queue_and_an_unknown_one_is_unsure() {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue("q");
    let arrivals = |target| SandboxRules.arrivals(&facts(&sandbox), &outgoing(target, "a"));
    assert_eq!(arrivals(to("q")).queues, ["q".into()]);
    assert_eq!(arrivals(Target::Exchange { exchange: "".into(), key: "q".into() }).queues, ["q".into()]);
    assert!(arrivals(to("nowhere")).is_unroutable());
    let unsure = arrivals(Target::Exchange { exchange: "nowhere".into(), key: "k".into() });
    assert!(unsure.queues.is_empty() && !unsure.is_unroutable(), "the broker would refuse, not return");
    assert!(unsure.unsure[0].why.contains("no exchange `nowhere`"), "{}", unsure.unsure[0].why);
}

#[test]
fn hazards_name_what_drops_or_delays() {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue("dead");
    for setup in [
        QueueSetup::new("short").ttl_ms(5_000),
        QueueSetup::new("short with letters").ttl_ms(5_000).dead_letters_to_key("", "dead"),
        QueueSetup::new("limited").returning(Returns::Counts { limit: Some(3) }),
        QueueSetup::new("limited with letters").returning(Returns::Counts { limit: Some(3) }).dead_letters_to(""),
        QueueSetup::new("broken").returning(Returns::Counts { limit: Some(3) }).dead_letters_to("nowhere"),
    ] {
        sandbox.declare_queue(setup);
    }
    let facts = facts(&sandbox);
    for (queue, expected) in [
        ("short", vec![Harm::Loses, Harm::Delays]),
        ("short with letters", vec![Harm::Delays, Harm::Delays]),
        ("limited", vec![Harm::Loses, Harm::Delays]),
        ("limited with letters", vec![Harm::Note, Harm::Delays]),
        ("broken", vec![Harm::Loses, Harm::Delays]),
        ("dead", vec![Harm::Delays]),
    ] {
        let arrivals = Arrivals { queues: vec![queue.into()], unsure: Vec::new() };
        let hazards = SandboxRules.hazards(&facts, &to(queue), &arrivals);
        let harms: Vec<_> = hazards.iter().map(|hazard| hazard.harm).collect();
        assert_eq!(harms, expected, "{queue}: {hazards:?}");
        let last = hazards.last().expect("nobody consumes it");
        assert!(last.words.starts_with("Nobody consumes"), "{}", last.words);
    }
    let unmeasured = Facts { measures: None, ..facts };
    let arrivals = Arrivals { queues: vec!["dead".into()], unsure: Vec::new() };
    assert!(SandboxRules.hazards(&unmeasured, &to("dead"), &arrivals).is_empty(), "unknown is not absent");
}

#[test]
fn the_cost_of_a_look_is_what_the_queue_does() {
    let sandbox = Sandbox::bare();
    for (returns, expected) in [
        (Returns::Free, Returning::Free),
        (Returns::Marks, Returning::Marks),
        (Returns::Counts { limit: None }, Returning::Counts { limit: None }),
        (Returns::Counts { limit: Some(4) }, Returning::Counts { limit: Some(4) }),
        (Returns::Destroys { limit: 4 }, Returning::Marks),
    ] {
        sandbox.declare_queue(QueueSetup::new("q").returning(returns));
        let cost = SandboxRules.look(&facts(&sandbox), &ask("q", broker::Purpose::Look { n: 7 }));
        assert_eq!((cost.returning, cost.reach, cost.consumers), (expected, Some(7), Some(0)), "{returns:?}");
        assert_eq!(cost.refusal, None, "{returns:?}");
    }
    let cost = SandboxRules.look(&Facts::default(), &ask("q", broker::Purpose::Drain));
    assert_eq!((cost.returning, cost.reach, cost.consumers), (Returning::Unknown, None, None));
    assert_eq!(cost.refusal.expect("it is refused").code, "typeUnknown");
}

#[test]
fn a_queue_in_which_what_is_held_could_expire_is_refused() {
    let sandbox = Sandbox::bare();
    for (ttl_ms, code) in [(59_999, Some("expires")), (60_000, None)] {
        sandbox.declare_queue(QueueSetup::new("q").ttl_ms(ttl_ms));
        let cost = SandboxRules.look(&facts(&sandbox), &ask("q", broker::Purpose::Look { n: 1 }));
        assert_eq!(cost.refusal.as_ref().map(|refusal| refusal.code.as_str()), code, "{ttl_ms} ms");
    }
    let both = QueueSetup::new("q").ttl_ms(1).returning(Returns::Destroys { limit: 2 }).keeps_counts();
    sandbox.declare_queue(both);
    let cost = SandboxRules.look(&facts(&sandbox), &ask("q", broker::Purpose::Look { n: 1 }));
    assert_eq!(cost.refusal.expect("it is refused").code, "destroys", "the worse one is told");
}

#[test]
fn preparing_strips_what_would_mislead_the_broker_and_nothing_else() {
    let mut message = dead(vec![death("q", DeathReason::Rejected, 1)]);
    for name in ["x-death", "CC", "keep", "x-delivery-count", "x-first-death-queue", "x-last-death-reason", "BCC"] {
        message.headers.push(name, "v");
    }
    message.headers.push(REDRIVE_HEADER, "old");
    message.properties = Table::from_iter([("message-id", "m"), ("user-id", "guest")]);
    let prepared = SandboxRules.prepare(&message, &to("q"));
    assert_eq!(prepared.outgoing.headers, Table::from_iter([("keep", "v")]));
    assert_eq!(prepared.outgoing.properties, Table::from_iter([("message-id", "m")]));
    assert_eq!((prepared.outgoing.body, prepared.outgoing.target), (message.body, to("q")));
    let names: Vec<_> = prepared.stripped.iter().map(|stripped| stripped.name.as_str()).collect();
    let expected = [
        "x-death",
        "x-first-death-queue",
        "x-last-death-reason",
        "x-delivery-count",
        "CC",
        "BCC",
        REDRIVE_HEADER,
        "user-id",
        "deaths",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_bounce_is_not_its_original_but_a_twin_is() {
    let original = dead(vec![death("q", DeathReason::Rejected, 1)]);
    let key = SandboxRules.key(&original);
    assert_eq!(SandboxRules.key(&original.clone()), key, "a twin");
    let handed_out = Message { redelivered: Some(true), delivery_count: Some(4), ..original.clone() };
    assert_eq!(SandboxRules.key(&handed_out), key, "a look changes nothing");
    let mut again = original.clone();
    again.deaths[0].count = 2;
    assert_ne!(SandboxRules.key(&again), key, "it died again");
    let later = dead(vec![death("q", DeathReason::Rejected, 2)]);
    assert_ne!(SandboxRules.key(&later), key, "sent back and dead once more");
    assert_ne!(SandboxRules.key(&text("a")), key, "alive");
    let mut redriven = original;
    redriven.headers.push(REDRIVE_HEADER, Value::from("id"));
    assert_ne!(SandboxRules.key(&redriven), key);
}

#[test]
fn it_failed_where_it_last_died_of_more_than_time() {
    let failed_in = |deaths| SandboxRules.failed_in(&dead(deaths));
    let expired = |queue, second| death(queue, DeathReason::Expired, second);
    let FailedIn::Queue { queue, evidence } =
        failed_in(vec![expired("retry", 3), death("work", DeathReason::DeliveryLimit, 2), expired("old", 1)])
    else {
        panic!("it failed in a queue");
    };
    assert_eq!((queue.as_str(), evidence.as_str()), ("work", "death 2 of 3: delivery_limit in `work`"));
    let only = failed_in(vec![expired("b", 2), expired("a", 1), expired("b", 0)]);
    assert_eq!(only, FailedIn::OnlyExpired { queues: vec!["b".into(), "a".into()] });
    assert_eq!(failed_in(Vec::new()), FailedIn::Unknown);
}

#[test]
fn the_origin_is_the_way_of_the_earliest_death() {
    let looped = dead(vec![death("work", DeathReason::Rejected, 1), death("retry", DeathReason::Expired, 2)]);
    let origin = SandboxRules.origin(&looped);
    assert_eq!(
        origin,
        Some(Routing { exchange: "orders".into(), key: "to.work".into() }),
        "merged deaths move to front"
    );
    let alive = Message { routing: Routing { exchange: "x".into(), key: "k".into() }, ..text("a") };
    assert_eq!(SandboxRules.origin(&alive), Some(alive.routing.clone()));
}
