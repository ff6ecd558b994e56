//! What breaks half way: the network, the broker, the queue. Nothing is lost, nothing hangs, nothing is guessed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Broker, ErrorKind, Health, Lease, Leased, Order, PublishOutcome, Publisher, Purpose, RemoveOutcome};
use support::contract::scene::{ask, close, numbered, read, remove, to_queue};
use support::{Client, Direction, Proxy, Rabbit, Version, Vhost, eventually, within};

use super::{lease, open_with, publish};

support::on_every_version!(
    a_publish_cut_after_any_byte_tells_the_truth,
    a_lease_cut_after_any_byte_loses_nothing,
    an_administrator_who_closes_the_connection_is_survived,
);

/// Longer than the heartbeat, and than any wait for an answer.
const SILENCE_WAIT: Duration = Duration::from_secs(75);

async fn behind_a_proxy(version: Version) -> (Vhost, Proxy, Client, Arc<dyn Broker>) {
    let rabbit = Rabbit::shared(version).await;
    let vhost = rabbit.vhost().await;
    let proxy = Proxy::start(rabbit.amqp_port()).await;
    let broker = open_with(&vhost.settings_at(proxy.port()), &vhost.secret()).await;
    let client = vhost.client().await;
    (vhost, proxy, client, broker)
}

/// Every outcome against what the witness finds.
async fn is_true(client: &Client, queue: &str, bodies: &[String], outcomes: &[PublishOutcome]) {
    assert_eq!(outcomes.len(), bodies.len(), "one outcome each, always");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let taken = client.take_bodies(queue).await;
    let arrived: BTreeSet<_> = taken.iter().cloned().collect();
    assert_eq!(arrived.len(), taken.len(), "nothing arrived twice");
    for (body, outcome) in bodies.iter().zip(outcomes) {
        let is_there = arrived.contains(body);
        match outcome {
            PublishOutcome::Confirmed => assert!(is_there, "`{body}` was confirmed and is lost"),
            PublishOutcome::Refused(why) | PublishOutcome::NotSent(why) => {
                assert!(!is_there, "`{body}` was not sent ({why}) and is there");
            }
            PublishOutcome::Unroutable => panic!("`{body}` has a queue"),
            PublishOutcome::Unknown(_) => {}
        }
    }
}

async fn a_publish_cut_after_any_byte_tells_the_truth(version: Version) {
    let (_vhost, proxy, client, broker) = behind_a_proxy(version).await;
    client.quorum("orders").await;
    let bodies: Vec<_> = (0..300).map(|n| format!("{n:03} {}", "x".repeat(200))).collect();
    for (direction, bytes) in [
        (Direction::ToBroker, 1),
        (Direction::ToBroker, 2_000),
        (Direction::ToBroker, 41_000),
        (Direction::ToBroker, 80_000),
        (Direction::FromBroker, 1),
        (Direction::FromBroker, 60),
        (Direction::FromBroker, 400),
    ] {
        let publisher = ready_publisher(broker.as_ref()).await;
        client.take_bodies("orders").await;
        proxy.cut_after(direction, bytes);
        let batch = bodies.iter().map(|body| to_queue("orders", body)).collect();
        let outcomes = within(SILENCE_WAIT, "publishing", publisher.publish(batch)).await;
        is_true(&client, "orders", &bodies, &outcomes).await;
        proxy.pass();
    }
}

/// A publisher on a connection that is known to live.
async fn ready_publisher(broker: &dyn Broker) -> Arc<dyn Publisher> {
    let deadline = Instant::now() + support::SOON;
    loop {
        if let Ok(publisher) = within(super::OPEN_WAIT, "opening", broker.publisher(Order::Strict)).await {
            let outcomes =
                within(SILENCE_WAIT, "publishing", publisher.publish(vec![to_queue("orders", "ready")])).await;
            if outcomes == [PublishOutcome::Confirmed] {
                return publisher;
            }
        }
        assert!(Instant::now() < deadline, "the connection does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_lease_cut_after_any_byte_loses_nothing(version: Version) {
    let (_vhost, proxy, client, broker) = behind_a_proxy(version).await;
    client.classic("orders").await;
    let bodies: Vec<_> = (0..200).map(|n| format!("{n:03} {}", "x".repeat(200))).collect();
    client.fill("orders", bodies.clone()).await;
    for (n, bytes) in [1, 700, 9_000, 30_000, 48_000].into_iter().enumerate() {
        let opened = async {
            let held = lease(broker.as_ref(), ask("orders", Purpose::Drain)).await?;
            proxy.cut_after(Direction::FromBroker, bytes);
            loop {
                let more = within(super::CALL_WAIT, "reading", held.next(50)).await?;
                if more.is_empty() {
                    return within(super::CALL_WAIT, "closing", held.close()).await;
                }
            }
        };
        let ended = within(SILENCE_WAIT, "a lease", opened).await;
        if let Err(error) = &ended {
            assert_eq!(error.kind(), ErrorKind::Lost, "cut {n}: {error}");
        }
        proxy.pass();
        client.reaches("orders", 200).await;
        let healed = async || broker.depth(&"orders".into()).await.is_ok();
        eventually("the connection works again", healed).await;
    }
    assert!(client.take_bodies("orders").await == bodies, "all of them, in order");
}

async fn an_administrator_who_closes_the_connection_is_survived(version: Version) {
    let (vhost, _proxy, client, broker) = behind_a_proxy(version).await;
    client.quorum("orders").await;
    client.fill("orders", numbered(5)).await;
    let held = lease(broker.as_ref(), ask("orders", Purpose::Drain)).await.expect("the lease opens");
    let messages = read(&held, 5).await;
    assert_eq!(remove(&held, &messages[..1]).await, [RemoveOutcome::Removed]);
    eventually("the broker lists our connections and closes them", async || {
        vhost.api().close_connections(&vhost.user).await >= 2
    })
    .await;
    let error = loop {
        match within(super::CALL_WAIT, "reading on", held.next(1)).await {
            Ok(more) => assert!(more.is_empty()),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    client.reaches("orders", 4).await;
    eventually("the connection works again", async || broker.depth(&"orders".into()).await.is_ok()).await;
    assert_eq!(publish(broker.as_ref(), vec![to_queue("orders", "m05")]).await, [PublishOutcome::Confirmed]);
    assert_eq!(client.take_bodies("orders").await, ["m01", "m02", "m03", "m04", "m05"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_and_comes_back_is_reached_again() {
    let rabbit = Rabbit::start(Version::NEWEST).await;
    let vhost = rabbit.vhost().await;
    let client = vhost.client().await;
    client.classic("orders").await;
    client.quorum("others").await;
    client.fill("orders", numbered(5)).await;
    client.fill("others", numbered(5)).await;
    let broker = open_with(&vhost.settings(), &vhost.secret()).await;
    let held = lease(broker.as_ref(), ask("orders", Purpose::Drain)).await.expect("the lease opens");
    read(&held, 5).await;
    let mut health = broker.health();
    rabbit.stop().await;
    let lost = health.wait_for(|health| matches!(health, Health::Lost { .. }));
    drop(within(super::CALL_WAIT, "it says that it is gone", lost).await.expect("the connection is there"));
    let error = within(super::CALL_WAIT, "reading on", held.next(1)).await.expect_err("the hold is lost");
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    let depth = within(super::CALL_WAIT, "counting", broker.depth(&"orders".into())).await.expect_err("it is gone");
    assert!(depth.is_passing(), "it may come back: {depth:?}");
    assert!(within(super::CALL_WAIT, "reading", broker.topology(broker::TopologyScope::All)).await.is_err());
    let gone = within(SILENCE_WAIT, "opening", broker.publisher(Order::Any)).await;
    if let Ok(publisher) = gone {
        let outcomes = within(SILENCE_WAIT, "publishing", publisher.publish(vec![to_queue("orders", "lost?")])).await;
        assert!(matches!(outcomes[..], [PublishOutcome::Unknown(_) | PublishOutcome::NotSent(_)]), "{outcomes:?}");
    }
    rabbit.resume().await;
    let live = health.wait_for(|health| *health == Health::Live);
    drop(within(Duration::from_secs(45), "it is back by itself", live).await.expect("the connection is there"));
    let client = vhost.client().await;
    for queue in ["orders", "others"] {
        let held = lease(broker.as_ref(), ask(queue, Purpose::Look { n: 5 })).await.expect("the lease opens");
        assert_eq!(read(&held, 5).await.len(), 5, "`{queue}`");
        close(&held).await;
        assert_eq!(client.take_bodies(queue).await, numbered(5), "nothing is lost in `{queue}`");
    }
}

/// A network that swallows everything: no error ever comes, so that only our own bounds help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_network_is_noticed_in_time() {
    let (_vhost, proxy, client, broker) = behind_a_proxy(Version::NEWEST).await;
    client.quorum("orders").await;
    client.fill("orders", numbered(5)).await;
    let held = lease(broker.as_ref(), ask("orders", Purpose::Drain)).await.expect("the lease opens");
    let messages = read(&held, 3).await;
    let publisher = broker.publisher(Order::Strict).await.expect("the publisher opens");
    assert_eq!(publisher.publish(vec![to_queue("orders", "m05")]).await, [PublishOutcome::Confirmed]);
    proxy.freeze();
    let began = Instant::now();
    let removing = remove_in_silence(&held, &messages[..1]);
    let publishing = within(SILENCE_WAIT, "publishing", publisher.publish(vec![to_queue("orders", "in doubt")]));
    let counting = within(SILENCE_WAIT, "counting", async { broker.depth(&"orders".into()).await });
    let (removed, published, counted) = tokio::join!(removing, publishing, counting);
    assert!(matches!(removed[..], [RemoveOutcome::Unknown(_)]), "nobody answered: {removed:?}");
    assert!(matches!(published[..], [PublishOutcome::Unknown(_)]), "nobody answered: {published:?}");
    assert!(counted.is_err_and(|error| error.is_passing()), "nobody answered");
    assert!(began.elapsed() < SILENCE_WAIT, "{:?}", began.elapsed());
    within(super::CALL_WAIT, "closing", held.close()).await.ok();
    proxy.pass();
    proxy.cut();
    eventually("the connection works again", async || broker.depth(&"orders".into()).await.is_ok()).await;
    // What was said to be unknown may have happened; nothing else may.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = client.take_bodies("orders").await;
    for body in ["m01", "m02", "m03", "m04", "m05"] {
        assert_eq!(left.iter().filter(|one| *one == body).count(), 1, "`{body}`: {left:?}");
    }
}

async fn remove_in_silence(held: &Arc<dyn Lease>, messages: &[Leased]) -> Vec<RemoveOutcome> {
    let keys: Vec<_> = messages.iter().map(|one| one.lease_key).collect();
    within(SILENCE_WAIT, "removing", held.remove(&keys)).await
}

/// The message arrives and its confirm does not: the one case in which only "unknown" is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_confirm_is_unknown() {
    let (_vhost, proxy, client, broker) = behind_a_proxy(Version::NEWEST).await;
    client.quorum("orders").await;
    let publisher = broker.publisher(Order::Strict).await.expect("the publisher opens");
    assert_eq!(publisher.publish(vec![to_queue("orders", "before")]).await, [PublishOutcome::Confirmed]);
    proxy.drop_answers();
    let publishing = publisher.publish(vec![to_queue("orders", "unanswered")]);
    let outcomes = within(SILENCE_WAIT, "publishing", publishing).await;
    assert!(matches!(outcomes[..], [PublishOutcome::Unknown(_)]), "{outcomes:?}");
    client.reaches("orders", 2).await;
    assert_eq!(client.take_bodies("orders").await, ["before", "unanswered"], "it had arrived");
}

/// An alarm: the broker takes what is sent and says nothing until the alarm is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_with_an_alarm_says_that_it_blocks() {
    // More room than any disk has.
    let rabbit = Rabbit::start_with(Version::NEWEST, &["disk_free_limit.absolute = 1000000GB"]).await;
    let vhost = rabbit.vhost().await;
    vhost.client().await.classic("orders").await;
    let broker = open_with(&vhost.settings(), &vhost.secret()).await;
    let mut health = broker.health();
    let publishing = async {
        let publisher = broker.publisher(Order::Strict).await.expect("the publisher opens");
        publisher.publish(vec![to_queue("orders", "waits")]).await
    };
    let blocked = async {
        let blocked = health.wait_for(|health| matches!(health, Health::Blocked { .. })).await;
        let Health::Blocked { why } = blocked.expect("the connection is there").clone() else { return String::new() };
        why
    };
    let together = async { tokio::join!(publishing, blocked) };
    let (outcomes, why) = within(SILENCE_WAIT, "publishing while blocked", together).await;
    assert!(matches!(outcomes[..], [PublishOutcome::Unknown(_) | PublishOutcome::NotSent(_)]), "{outcomes:?}");
    assert!(why.contains("disk"), "it says why: {why}");
    assert_eq!(broker.depth(&"orders".into()).await.map(|depth| depth.ready).ok(), Some(0), "reading goes on");
}
