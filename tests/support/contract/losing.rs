//! What goes wrong on the way: connections cut, queues deleted, everything closed. Nothing is lost, nothing is guessed.

use std::time::{Duration, Instant};

use broker::{ErrorKind, Health, Order, PublishOutcome, Purpose, RemoveOutcome};

use super::Fixture;
use super::scene::{
    CALL_WAIT, ask, close, comes_back, holds_exactly, lease, numbered, open, publish, read, refused, remove, to_queue,
};
use crate::{eventually, within};

pub async fn a_cut_connection_gives_everything_back_and_says_lost(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("cut {kind}");
        let bodies = numbered(10);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let lease = lease(fixture, ask(&queue, Purpose::Drain)).await;
        let held = read(&lease, 10).await;
        assert_eq!(remove(&lease, &held[..2]).await, vec![RemoveOutcome::Removed; 2]);
        fixture.cut().await;
        let began = Instant::now();
        let error = loop {
            match within(CALL_WAIT, "reading on", lease.next(1)).await {
                Ok(more) => assert!(more.is_empty(), "nothing new can come"),
                Err(error) => break error,
            }
            assert!(began.elapsed() < CALL_WAIT, "a cut is noticed ({kind})");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
        let outcomes = remove(&lease, &held[2..]).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, RemoveOutcome::Unknown(_))), "{outcomes:?}");
        if let Ok(returned) = within(CALL_WAIT, "closing", lease.close()).await {
            assert!(!returned.confirmed, "nobody saw them come back ({kind})");
        }
        holds_exactly(fixture, &queue, &bodies[2..]).await;
    }
}

pub async fn after_a_cut_the_same_connection_works_again(fixture: &impl Fixture) {
    let queue = "cut and back";
    let bodies = numbered(4);
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.fill(queue, &bodies).await;
    let broker = fixture.broker();
    let mut health = broker.health();
    assert_eq!(*health.borrow_and_update(), Health::Live);
    for _ in 0..3 {
        fixture.cut().await;
        let works = async || matches!(broker.depth(&queue.into()).await, Ok(depth) if depth.ready == 4);
        eventually("the connection works again", works).await;
        let live = within(CALL_WAIT, "live again", health.wait_for(|health| *health == Health::Live)).await;
        drop(live.expect("the broker is there"));
        let lease = lease(fixture, ask(queue, Purpose::Look { n: 4 })).await;
        assert_eq!(read(&lease, 4).await.len(), 4);
        close(&lease).await;
        let outcomes = publish(fixture, vec![to_queue(queue, "more")]).await;
        assert_eq!(outcomes, [PublishOutcome::Confirmed]);
        let all = fixture.take_all(queue).await;
        assert_eq!(all.len(), 5, "{all:?}");
        fixture.fill(queue, &bodies).await;
        comes_back(fixture, queue, 4).await;
    }
}

pub async fn a_cut_publisher_says_unknown_rather_than_guess(fixture: &impl Fixture) {
    let queue = "cut on the way";
    fixture.declare(queue, fixture.kinds()[0]).await;
    for round in 0..5_u64 {
        let publisher = fixture.broker().publisher(Order::Strict).await.expect("the publisher opens");
        let bodies: Vec<_> = (0..2_000).map(|n| format!("{round}/{n:04}")).collect();
        let publish = publisher.publish(bodies.iter().map(|body| to_queue(queue, body)).collect());
        let cut = async {
            tokio::time::sleep(Duration::from_millis(round * 12)).await;
            fixture.cut().await;
        };
        let (outcomes, ()) = within(CALL_WAIT * 3, "publishing", async { tokio::join!(publish, cut) }).await;
        assert_eq!(outcomes.len(), bodies.len(), "one outcome each, always");
        // What the broker had taken in may still be on its way to the queue.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let arrived: std::collections::BTreeSet<_> = fixture.take_all(queue).await.into_iter().collect();
        for (body, outcome) in bodies.iter().zip(&outcomes) {
            let is_there = arrived.contains(body);
            match outcome {
                PublishOutcome::Confirmed => assert!(is_there, "`{body}` was confirmed and is lost"),
                PublishOutcome::Refused(why) | PublishOutcome::NotSent(why) => {
                    assert!(!is_there, "`{body}` was not sent ({why}) and is there");
                }
                PublishOutcome::Unroutable => panic!("`{body}` has a queue"),
                PublishOutcome::Unknown(why) => assert!(!why.is_empty(), "it says why"),
            }
        }
    }
}

pub async fn a_deleted_queue_ends_its_lease(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("deleted {kind}");
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &numbered(6)).await;
        let lease = lease(fixture, ask(&queue, Purpose::Drain)).await;
        let held = read(&lease, 6).await;
        fixture.delete(&queue).await;
        let outcomes = remove(&lease, &held[..1]).await;
        assert!(outcomes.iter().all(|outcome| !outcome_is_blank(outcome)), "{outcomes:?}");
        // Either answer is true: there is no more, or the hold is gone. Hanging is neither.
        if let Err(error) = within(CALL_WAIT, "reading on", lease.next(1)).await {
            assert_eq!(error.kind(), ErrorKind::Lost, "{error} ({kind})");
        }
        within(CALL_WAIT, "closing", lease.close()).await.ok();
        refused(fixture.broker().depth(&queue.as_str().into()).await, ErrorKind::NotFound);
        // One queue gone is one queue gone.
        let other = format!("other {kind}");
        fixture.declare(&other, kind).await;
        assert_eq!(publish(fixture, vec![to_queue(&other, "here")]).await, [PublishOutcome::Confirmed]);
    }
}

fn outcome_is_blank(outcome: &RemoveOutcome) -> bool {
    matches!(outcome, RemoveOutcome::Unknown(why) if why.is_empty())
}

pub async fn a_closed_connection_gives_back_and_answers_no_more(fixture: &impl Fixture) {
    let queue = "closed over";
    let bodies = numbered(5);
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.fill(queue, &bodies).await;
    let mut look = ask(queue, Purpose::Look { n: 5 });
    look.accepted = Some(super::scene::cost(fixture, &look).await);
    let lease = open(fixture, look.clone()).await;
    read(&lease, 3).await;
    let broker = fixture.broker();
    within(Duration::from_secs(6), "closing takes 5 seconds at most", broker.close()).await;
    within(Duration::from_secs(6), "closing twice is harmless", broker.close()).await;
    refused(within(CALL_WAIT, "leasing", broker.lease(look)).await, ErrorKind::Lost);
    refused(within(CALL_WAIT, "counting", broker.depth(&queue.into())).await, ErrorKind::Lost);
    match within(CALL_WAIT, "publishing", broker.publisher(Order::Any)).await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Lost, "{error}"),
        Ok(publisher) => {
            let outcomes = within(CALL_WAIT, "publishing", publisher.publish(vec![to_queue(queue, "late")])).await;
            assert!(!matches!(outcomes[..], [PublishOutcome::Confirmed]), "{outcomes:?}");
        }
    }
    assert!(matches!(*broker.health().borrow(), Health::Lost { .. }), "it says so");
    within(CALL_WAIT, "closing the lease", lease.close()).await.ok();
    holds_exactly(fixture, queue, &bodies).await;
}
