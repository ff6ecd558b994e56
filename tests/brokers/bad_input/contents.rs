//! Bodies that are too large, too deep, or no text at all.

use broker::{Driver, ErrorKind, PublishOutcome, Purpose, Target};
use rabbitmq::RabbitDriver;
use support::client::text;
use support::contract::scene::{ask, close, outgoing, read, to_queue};
use support::{Rabbit, Version, Vhost, within};

use super::{lease, open, publish};

support::on_every_version!(
    bodies_that_are_no_text_pass_byte_by_byte,
    a_body_above_the_limit_is_refused_and_only_that_one,
    a_full_queue_refuses_and_says_so,
    headers_that_mislead_are_left_out,
    a_stream_is_said_to_be_unreadable_and_stays_as_it_is,
);

const MIB: usize = 1 << 20;

/// Deeper than any parser should follow.
fn deep_json() -> Vec<u8> {
    let mut json = "[".repeat(10_000).into_bytes();
    json.extend("]".repeat(10_000).into_bytes());
    json
}

async fn bodies_that_are_no_text_pass_byte_by_byte(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    for queue in ["from", "to"] {
        client.quorum(queue).await;
    }
    let bodies = [deep_json(), vec![0xff, 0xfe, 0x00, 0xc3, 0x28], Vec::new(), vec![0; MIB]];
    client.fill("from", bodies.clone()).await;
    let broker = open(&vhost).await;
    let held = lease(broker.as_ref(), ask("from", Purpose::Look { n: 10 })).await.expect("the lease opens");
    let messages = read(&held, 10).await;
    assert_eq!(messages.len(), bodies.len());
    let target = Target::Queue { queue: "to".into() };
    let batch = messages.iter().map(|one| RabbitDriver.rules().prepare(&one.message, &target).outgoing).collect();
    assert_eq!(publish(broker.as_ref(), batch).await, vec![PublishOutcome::Confirmed; bodies.len()]);
    close(&held).await;
    for queue in ["from", "to"] {
        let found: Vec<_> = client.take_all(queue).await.into_iter().map(|taken| taken.body).collect();
        assert!(found == bodies, "`{queue}` has them byte by byte");
    }
}

/// 16 MiB since 4.0, 128 MiB before.
fn body_bytes_max(release: &str) -> usize {
    if release.starts_with("3.") { 128 * MIB } else { 16 * MIB }
}

async fn a_body_above_the_limit_is_refused_and_only_that_one(version: Version) {
    let rabbit = Rabbit::shared(version).await;
    let vhost = rabbit.vhost().await;
    let client = vhost.client().await;
    client.classic("orders").await;
    let broker = open(&vhost).await;
    let large = vec![b'x'; body_bytes_max(rabbit.release()) + 1];
    let batch = vec![
        to_queue("orders", "before"),
        outgoing(Target::Queue { queue: "orders".into() }, large),
        to_queue("orders", "after"),
    ];
    let outcomes = publish(broker.as_ref(), batch).await;
    let PublishOutcome::Refused(why) = &outcomes[1] else { panic!("not refused: {outcomes:?}") };
    assert!(why.contains("large"), "it names the cause: {why}");
    let arrived = client.take_bodies("orders").await;
    for (n, body) in [(0, "before"), (2, "after")] {
        assert_eq!(outcomes[n], PublishOutcome::Confirmed, "`{body}` is not concerned: {outcomes:?}");
        assert!(arrived.iter().any(|one| one == body), "`{body}` was confirmed: {} arrived", arrived.len());
    }
    assert_eq!(arrived.len(), 2, "and the large one is nowhere");
}

/// 64 MiB in, out, and in again.
async fn carries_64_mib(vhost: &Vhost) {
    let client = vhost.client().await;
    for queue in ["from", "to"] {
        client.classic(queue).await;
    }
    let body: Vec<u8> = (0..64 * MIB).map(|n| (n % 253) as u8).collect();
    client.fill("from", [body.clone()]).await;
    let broker = open(vhost).await;
    let held = lease(broker.as_ref(), ask("from", Purpose::Look { n: 1 })).await.expect("the lease opens");
    // Nothing may have come within the hold's wait: the body may still be on its way.
    let mut messages = Vec::new();
    while messages.is_empty() {
        messages = read(&held, 1).await;
    }
    assert!(messages[0].message.body == body, "it came out as it went in");
    let target = Target::Queue { queue: "to".into() };
    let batch = vec![RabbitDriver.rules().prepare(&messages[0].message, &target).outgoing];
    assert_eq!(publish(broker.as_ref(), batch).await, [PublishOutcome::Confirmed]);
    assert!(close(&held).await.confirmed);
    for queue in ["from", "to"] {
        let taken = client.take(queue).await.expect("it is there");
        assert!(taken.body == body, "`{queue}` has it byte by byte");
    }
}

#[cfg(debian)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_64_mib_passes_where_the_broker_takes_it() {
    let vhost = Rabbit::shared(Version::V3_10).await.vhost().await;
    within(std::time::Duration::from_secs(90), "64 MiB", carries_64_mib(&vhost)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_64_mib_passes_where_the_limit_was_raised() {
    let rabbit = Rabbit::start_with(Version::NEWEST, &["max_message_size = 134217728"]).await;
    let vhost = rabbit.vhost().await;
    within(std::time::Duration::from_secs(90), "64 MiB", carries_64_mib(&vhost)).await;
}

async fn a_full_queue_refuses_and_says_so(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    for kind in ["classic", "quorum"] {
        let queue = format!("full {kind}");
        let with = [
            ("x-queue-type", text(kind)),
            ("x-max-length", support::client::number(3)),
            ("x-overflow", text("reject-publish")),
        ];
        client.declare(&queue, &with).await;
        let broker = open(&vhost).await;
        // One by one: a quorum queue notices a little late that it is full.
        let (mut kept, mut refused) = (0, 0);
        for n in 0..12 {
            match &publish(broker.as_ref(), vec![to_queue(&queue, &format!("{n}"))]).await[0] {
                PublishOutcome::Confirmed => kept += 1,
                PublishOutcome::Refused(why) => {
                    assert!(why.contains("full"), "it names the cause: {why}");
                    refused += 1;
                }
                other => panic!("neither kept nor refused: {other:?}"),
            }
        }
        assert!(refused >= 6, "{refused} of 12 were refused ({kind})");
        assert_eq!(client.count(&queue).await, kept, "what was confirmed is there, and nothing else ({kind})");
    }
}

/// What a dead letter brings with it would fan out again, or make the broker drop it.
async fn headers_that_mislead_are_left_out(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.dead_letter_pair("orders", 3).await;
    client.classic("copies").await;
    let copies = lapin::types::AMQPValue::FieldArray(vec![text("copies")].into());
    let headers = support::client::arguments(&[("CC", copies), ("tenant", text("eu"))]);
    let properties = lapin::protocol::basic::AMQPProperties::default().with_headers(headers);
    client.publish("", "orders", b"paid", properties).await;
    assert_eq!(client.take_bodies("copies").await, ["paid"], "the copy that was meant");
    client.reject("orders", 1).await;
    client.reaches("orders.dlq", 1).await;
    let broker = open(&vhost).await;
    let held = lease(broker.as_ref(), ask("orders.dlq", Purpose::Drain)).await.expect("the lease opens");
    let letters = read(&held, 1).await;
    let letter = &letters[0].message;
    assert_eq!(letter.deaths.len(), 1, "{:?}", letter.deaths);
    let target = Target::Queue { queue: letter.deaths[0].queue.clone() };
    let prepared = RabbitDriver.rules().prepare(letter, &target);
    assert!(prepared.stripped.iter().any(|stripped| stripped.name == "x-death"), "{:?}", prepared.stripped);
    assert_eq!(publish(broker.as_ref(), vec![prepared.outgoing]).await, [PublishOutcome::Confirmed]);
    support::contract::scene::remove(&held, &letters).await;
    close(&held).await;
    let home = client.take_all("orders").await;
    assert_eq!(home.len(), 1, "it is back where it failed");
    assert_eq!((home[0].header("x-death"), home[0].header("CC")), (None, None));
    assert_eq!(home[0].text("tenant"), Some("eu"), "and the rest is as it was");
    assert_eq!(client.count("copies").await, 0, "nobody got another copy");
    assert_eq!(client.count("orders.dlq").await, 0);
    assert_eq!(broker.depth(&"gone".into()).await.expect_err("it never was").kind(), ErrorKind::NotFound);
}

async fn a_stream_is_said_to_be_unreadable_and_stays_as_it_is(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.declare("history", &[("x-queue-type", text("stream"))]).await;
    let broker = open(&vhost).await;
    assert_eq!(publish(broker.as_ref(), vec![to_queue("history", "event")]).await, [PublishOutcome::Confirmed]);
    let error = lease(broker.as_ref(), ask("history", Purpose::Look { n: 1 })).await.expect_err("not yet");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    client.classic("next").await;
    assert!(lease(broker.as_ref(), ask("next", Purpose::Look { n: 1 })).await.is_ok(), "the connection lives");
}
