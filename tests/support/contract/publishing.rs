//! Publishing: one outcome each, in order, and each of them true.

use std::collections::BTreeMap;

use broker::{Order, PublishOutcome, Purpose, REDRIVE_HEADER, RedriveId};
use uuid::Uuid;

use super::Fixture;
use super::scene::{
    CALL_WAIT, ask, close, comes_back, holds_exactly, lease, numbered, publish, read, to_exchange, to_queue,
};
use crate::within;

const BATCH: usize = 500;

fn confirmed(count: usize) -> Vec<PublishOutcome> {
    vec![PublishOutcome::Confirmed; count]
}

pub async fn a_confirmed_message_is_in_the_queue(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("confirmed {kind}");
        let bodies = numbered(100);
        fixture.declare(&queue, kind).await;
        let batch = bodies.iter().map(|body| to_queue(&queue, body)).collect();
        assert_eq!(publish(fixture, batch).await, confirmed(100), "{kind}");
        assert_eq!(fixture.ready(&queue).await, 100, "it is there when it says so ({kind})");
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn strict_order_is_kept_over_several_batches(fixture: &impl Fixture) {
    let queue = "ordered";
    let bodies: Vec<_> = (0..1_500).map(|n| format!("{n:04}")).collect();
    fixture.declare(queue, fixture.kinds()[0]).await;
    let publisher = fixture.broker().publisher(Order::Strict).await.expect("the publisher opens");
    let batches =
        bodies.chunks(300).map(|chunk| publisher.publish(chunk.iter().map(|body| to_queue(queue, body)).collect()));
    let outcomes = within(CALL_WAIT, "publishing", futures::future::join_all(batches)).await;
    assert_eq!(outcomes.concat(), confirmed(1_500));
    publisher.close().await.expect("the publisher closes");
    holds_exactly(fixture, queue, &bodies).await;
}

pub async fn an_unroutable_message_is_said_to_be_unroutable_and_only_that_one(fixture: &impl Fixture) {
    let queue = "bound";
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.route("orders", "known", queue).await;
    let job = Uuid::now_v7();
    for (round, order) in [Order::Strict, Order::Any, Order::Strict, Order::Any].into_iter().enumerate() {
        let publisher = fixture.broker().publisher(order).await.expect("the publisher opens");
        let is_unroutable = |n: usize| n % 3 == round % 3;
        let message = |n: usize| {
            let mut message =
                to_exchange("orders", if is_unroutable(n) { "nobody" } else { "known" }, &format!("{n:03}"));
            message.redrive = (round < 2).then_some(RedriveId { job, n: n as u64 });
            message
        };
        let outcomes = within(CALL_WAIT, "publishing", publisher.publish((0..BATCH).map(message).collect())).await;
        assert_eq!(outcomes.len(), BATCH, "one outcome each");
        for (n, outcome) in outcomes.iter().enumerate() {
            let expected = if is_unroutable(n) { PublishOutcome::Unroutable } else { PublishOutcome::Confirmed };
            assert_eq!(*outcome, expected, "message {n} of round {round}");
        }
        publisher.close().await.expect("the publisher closes");
        let mut arrived = fixture.take_all(queue).await;
        arrived.sort();
        let expected: Vec<_> = (0..BATCH).filter(|n| !is_unroutable(*n)).map(|n| format!("{n:03}")).collect();
        assert_eq!(arrived, expected, "round {round}");
    }
}

/// Equal bodies, told apart by nothing but their redrive id and where they go.
pub async fn the_same_holds_for_twins(fixture: &impl Fixture) {
    let queue = "bound";
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.route("orders", "known", queue).await;
    let job = Uuid::now_v7();
    let message = |n: usize| {
        let key = if n.is_multiple_of(2) { "known" } else { "nobody" };
        let mut message = to_exchange("orders", key, "the same body");
        message.redrive = (n % 4 < 2).then_some(RedriveId { job, n: n as u64 });
        message
    };
    let outcomes = publish(fixture, (0..BATCH).map(message).collect()).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        let expected = if n % 2 == 0 { PublishOutcome::Confirmed } else { PublishOutcome::Unroutable };
        assert_eq!(*outcome, expected, "message {n}");
    }
    assert_eq!(fixture.take_all(queue).await.len(), BATCH / 2);
}

pub async fn a_missing_exchange_refuses_and_the_next_batch_goes_on(fixture: &impl Fixture) {
    let queue = "there";
    fixture.declare(queue, fixture.kinds()[0]).await;
    let publisher = fixture.broker().publisher(Order::Any).await.expect("the publisher opens");
    let batch =
        vec![to_queue(queue, "before"), to_exchange("no such exchange", "k", "lost?"), to_queue(queue, "after")];
    let outcomes = within(CALL_WAIT, "publishing", publisher.publish(batch)).await;
    let PublishOutcome::Refused(why) = &outcomes[1] else { panic!("not refused: {outcomes:?}") };
    assert!(!why.is_empty(), "it says why");
    let arrived = fixture.take_all(queue).await;
    for (n, body) in [(0, "before"), (2, "after")] {
        match &outcomes[n] {
            PublishOutcome::Confirmed => assert!(arrived.contains(&body.to_owned()), "`{body}` was confirmed"),
            PublishOutcome::Refused(_) | PublishOutcome::NotSent(_) => {
                assert!(!arrived.contains(&body.to_owned()), "`{body}` was refused")
            }
            PublishOutcome::Unknown(_) => {}
            PublishOutcome::Unroutable => panic!("`{body}` has a queue"),
        }
    }
    let outcomes = within(CALL_WAIT, "publishing", publisher.publish(vec![to_queue(queue, "next batch")])).await;
    assert_eq!(outcomes, confirmed(1), "a refusal ends nothing");
    holds_exactly(fixture, queue, &["next batch".to_owned()]).await;
}

pub async fn an_empty_batch_has_no_outcomes(fixture: &impl Fixture) {
    assert_eq!(publish(fixture, Vec::new()).await, []);
}

pub async fn several_batches_may_be_under_way(fixture: &impl Fixture) {
    let queue = "busy";
    fixture.declare(queue, fixture.kinds()[0]).await;
    let publisher = fixture.broker().publisher(Order::Any).await.expect("the publisher opens");
    let batches = (0..20).map(|batch| {
        let publisher = publisher.clone();
        async move { publisher.publish((0..50).map(|n| to_queue(queue, &format!("{batch:02}/{n:02}"))).collect()).await }
    });
    let outcomes = within(CALL_WAIT, "publishing", futures::future::join_all(batches)).await;
    assert_eq!(outcomes.concat(), confirmed(1_000));
    publisher.close().await.expect("the publisher closes");
    let mut counts = BTreeMap::<String, usize>::new();
    for body in fixture.take_all(queue).await {
        *counts.entry(body).or_default() += 1;
    }
    assert_eq!(counts.len(), 1_000, "each of them arrived");
    assert!(counts.values().all(|count| *count == 1), "and once");
}

pub async fn a_redrive_id_travels_with_its_message(fixture: &impl Fixture) {
    let queue = "redriven";
    fixture.declare(queue, fixture.kinds()[0]).await;
    let id = RedriveId { job: Uuid::now_v7(), n: 7 };
    let older = RedriveId { job: Uuid::now_v7(), n: 1 };
    let mut message = to_queue(queue, "again");
    message.headers.push("tenant", "eu");
    message.headers.push(REDRIVE_HEADER, older.to_string());
    message.redrive = Some(id);
    assert_eq!(publish(fixture, vec![message]).await, confirmed(1));
    let lease = lease(fixture, ask(queue, Purpose::Look { n: 1 })).await;
    let held = read(&lease, 1).await;
    let headers = &held[0].message.headers;
    assert_eq!(headers.text(REDRIVE_HEADER), Some(id.to_string().as_str()), "an older id is replaced: {headers:?}");
    assert_eq!(headers.text("tenant"), Some("eu"), "the rest is as it was");
    assert_eq!(headers.iter().filter(|(name, _)| name.as_str() == Some(REDRIVE_HEADER)).count(), 1);
    close(&lease).await;
}

pub async fn a_closed_publisher_sends_nothing(fixture: &impl Fixture) {
    let queue = "closed";
    fixture.declare(queue, fixture.kinds()[0]).await;
    let publisher = fixture.broker().publisher(Order::Strict).await.expect("the publisher opens");
    publisher.close().await.expect("the publisher closes");
    within(CALL_WAIT, "closing again", publisher.close()).await.expect("closing twice is harmless");
    let outcomes = within(CALL_WAIT, "publishing", publisher.publish(vec![to_queue(queue, "late")])).await;
    assert!(matches!(outcomes[..], [PublishOutcome::NotSent(_) | PublishOutcome::Unknown(_)]), "{outcomes:?}");
    comes_back(fixture, queue, 0).await;
}
