//! Publishing into a sandbox through the port.

mod kit;

use std::time::Duration;

use broker::{Broker, ErrorKind, Health, Outgoing, PublishOutcome, REDRIVE_HEADER, RedriveId, Target};
use kit::{fill, outgoing, publisher, ready, run, to};
use sandbox::{ExchangeKind, Fault, Sandbox};

fn plain() -> Sandbox {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue("q");
    sandbox
}

fn is_unknown(outcome: &PublishOutcome) -> bool {
    matches!(outcome, PublishOutcome::Unknown(_))
}

#[test]
fn each_message_of_a_batch_has_its_own_outcome() {
    let sandbox = plain();
    sandbox.set_message_bytes_max(10);
    sandbox.declare_exchange("x", ExchangeKind::Direct);
    let unbound = Target::Exchange { exchange: "x".into(), key: "k".to_owned() };
    let missing = Target::Exchange { exchange: "nowhere".into(), key: "k".to_owned() };
    let batch = vec![
        outgoing(to("q"), "a"),
        outgoing(unbound, "b"),
        outgoing(missing, "c"),
        outgoing(to("q"), "more than ten bytes"),
        outgoing(to("no such queue"), "d"),
        outgoing(to("q"), "e"),
    ];
    let outcomes = run(publisher(&sandbox).publish(batch));
    assert_eq!(outcomes[0], PublishOutcome::Confirmed);
    assert_eq!(outcomes[1], PublishOutcome::Unroutable);
    assert!(matches!(&outcomes[2], PublishOutcome::Refused(why) if why.contains("no such exchange")));
    assert!(matches!(&outcomes[3], PublishOutcome::Refused(why) if why.contains("19 bytes")));
    assert_eq!(outcomes[4], PublishOutcome::Unroutable);
    assert_eq!(outcomes[5], PublishOutcome::Confirmed);
    assert_eq!(ready(&sandbox, "q"), ["a", "e"], "in order");
}

#[test]
fn the_redrive_id_travels_in_its_header() {
    let sandbox = plain();
    let id = RedriveId { job: uuid::Uuid::from_u128(7), n: 3 };
    let mut sent = outgoing(to("q"), "a");
    sent.headers.push(REDRIVE_HEADER, "an older one");
    run(publisher(&sandbox).publish(vec![Outgoing { redrive: Some(id), ..sent }]));
    let arrived = &sandbox.ready("q")[0];
    assert_eq!(arrived.headers.text(REDRIVE_HEADER), Some(id.to_string().as_str()));
    assert_eq!(arrived.headers.len(), 1, "the older one is replaced");
    assert_eq!((arrived.redelivered, arrived.delivery_count), (Some(false), None));
}

#[test]
fn faults_of_a_publisher_hit_one_message_each() {
    let sandbox = plain();
    sandbox.fail_next(Fault::PublishUnanswered);
    sandbox.fail_next(Fault::PublishLost);
    let batch = ["a", "b", "c"].map(|body| outgoing(to("q"), body)).to_vec();
    let outcomes = run(publisher(&sandbox).publish(batch));
    assert!(is_unknown(&outcomes[0]) && is_unknown(&outcomes[1]), "{outcomes:?}");
    assert_eq!(outcomes[2], PublishOutcome::Confirmed);
    assert_eq!(ready(&sandbox, "q"), ["a", "c"], "the unanswered one arrived, the lost one did not");
}

#[test]
fn after_a_lost_connection_nothing_more_is_sent() {
    let sandbox = plain();
    let publisher_before = publisher(&sandbox);
    run(publisher_before.publish(vec![outgoing(to("q"), "a")]));
    sandbox.fail_next(Fault::ConnectionLost);
    let outcomes = run(publisher_before.publish(["b", "c"].map(|body| outgoing(to("q"), body)).to_vec()));
    assert!(outcomes.iter().all(is_unknown), "{outcomes:?}");
    assert!(run(publisher_before.publish(vec![outgoing(to("q"), "d")])).iter().all(is_unknown));
    assert_eq!(ready(&sandbox, "q"), ["a"]);
    let outcomes = run(publisher(&sandbox).publish(vec![outgoing(to("q"), "e")]));
    assert_eq!(outcomes, [PublishOutcome::Confirmed], "a new publisher works");
}

#[test]
fn what_is_published_during_an_alarm_arrives_after_it() {
    let sandbox = plain();
    let publisher = publisher(&sandbox);
    sandbox.block("memory");
    assert!(matches!(&*sandbox.health().borrow(), Health::Blocked { why } if why == "memory"));
    let outcomes = run(publisher.publish(vec![outgoing(to("q"), "a")]));
    assert!(is_unknown(&outcomes[0]), "{outcomes:?}");
    assert!(ready(&sandbox, "q").is_empty());
    fill(&sandbox, "q", &["raw"]);
    sandbox.unblock();
    assert_eq!(ready(&sandbox, "q"), ["raw", "a"]);
    assert_eq!(*sandbox.health().borrow(), Health::Live);
}

#[test]
fn a_cut_during_an_alarm_forgets_what_waits() {
    let sandbox = plain();
    let publisher = publisher(&sandbox);
    sandbox.block("memory");
    run(publisher.publish(vec![outgoing(to("q"), "a")]));
    sandbox.cut();
    sandbox.unblock();
    assert!(ready(&sandbox, "q").is_empty());
}

#[tokio::test]
async fn an_outstanding_publish_is_answered_by_what_happens_next() {
    let sandbox = plain();
    sandbox.set_waits(true);
    for (happens, expected) in [
        (Sandbox::unblock as fn(&Sandbox), PublishOutcome::Confirmed),
        (Sandbox::cut as fn(&Sandbox), PublishOutcome::Unknown("the connection was lost".to_owned())),
    ] {
        let publisher = sandbox.publisher(broker::Order::Any).await.expect("a publisher opens");
        sandbox.block("memory");
        let (outcomes, ()) = tokio::join!(publisher.publish(vec![outgoing(to("q"), "a")]), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            happens(&sandbox);
        });
        assert_eq!(outcomes, [expected]);
        sandbox.unblock();
    }
    assert_eq!(ready(&sandbox, "q"), ["a"], "the one before the cut");
}

#[test]
fn a_closed_publisher_sends_nothing() {
    let sandbox = plain();
    let publisher = publisher(&sandbox);
    run(publisher.close()).expect("closing works");
    run(publisher.close()).expect("closing twice works");
    let outcomes = run(publisher.publish(vec![outgoing(to("q"), "a")]));
    assert!(matches!(outcomes[..], [PublishOutcome::NotSent(_)]), "{outcomes:?}");
    assert!(ready(&sandbox, "q").is_empty());
}

#[test]
fn while_it_is_down_every_call_is_lost_and_health_says_why() {
    let sandbox = plain();
    let publisher = publisher(&sandbox);
    sandbox.go_down("the plug was pulled");
    assert!(matches!(&*sandbox.health().borrow(), Health::Lost { why } if why == "the plug was pulled"));
    let error = run(sandbox.measure(broker::Scope::All)).expect_err("nobody answers");
    assert_eq!((error.kind(), error.why()), (ErrorKind::Lost, "the plug was pulled"));
    assert!(is_unknown(&run(publisher.publish(vec![outgoing(to("q"), "a")]))[0]));
    sandbox.come_back();
    assert!(run(sandbox.measure(broker::Scope::All)).is_ok());
    assert_eq!(*sandbox.health().borrow(), Health::Live);
}
