//! Looks: messages are held, read, and given back.

use std::time::Duration;

use broker::{MayReturn, Purpose, Returning};

use super::Fixture;
use super::scene::{
    ask, close, comes_back, cost, holds_exactly, lease, numbered, open, outgoing, publish, read, text, texts,
};
use crate::eventually;

/// More looks than the default delivery limit of any broker.
const LOOKS: usize = 30;

pub async fn peek_leaves_messages_where_they_are(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("peeked {kind}");
        let bodies = numbered(12);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        for _ in 0..2 {
            let lease = lease(fixture, ask(&queue, Purpose::Look { n: 6 })).await;
            assert_eq!(texts(&read(&lease, 6).await), bodies[..6], "the first six, in order ({kind})");
            let returned = close(&lease).await;
            assert_eq!((returned.messages, returned.confirmed), (6, true), "all six are back, seen to be ({kind})");
            assert_eq!(fixture.ready(&queue).await, 12, "nothing is missing when it says so ({kind})");
        }
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn a_look_sees_what_was_asked_for_and_then_no_more(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("asked {kind}");
        let bodies = numbered(8);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let some = lease(fixture, ask(&queue, Purpose::Look { n: 5 })).await;
        assert_eq!(read(&some, 100).await.len(), 5, "no more than asked for ({kind})");
        assert_eq!(fixture.ready(&queue).await, 3, "and no more are held ({kind})");
        close(&some).await;
        let all = lease(fixture, ask(&queue, Purpose::Look { n: 100 })).await;
        assert_eq!(texts(&read(&all, 100).await), bodies, "no more than there are ({kind})");
        close(&all).await;
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn thirty_looks_lose_nothing(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("looked at {kind}");
        let bodies = numbered(6);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let look = ask(&queue, Purpose::Look { n: 6 });
        let limit = match cost(fixture, &look).await.returning {
            Returning::Counts { limit } => limit,
            _ => None,
        };
        let mut lost = Vec::new();
        for n in 0..LOOKS {
            let lease = lease(fixture, look.clone()).await;
            let held = read(&lease, 6).await;
            // What has used all its deliveries may not go back: whoever looks on takes it out, and loses nothing so.
            let last: Vec<_> = held.into_iter().filter(|one| one.may_return == MayReturn::Destroys).collect();
            assert!(last.is_empty() || limit.is_some_and(|limit| n as u64 >= limit), "at look {n} ({kind}): {last:?}");
            super::scene::remove(&lease, &last).await;
            lost.extend(texts(&last));
            let returned = close(&lease).await;
            assert!(returned.confirmed, "look {n} ({kind})");
        }
        comes_back(fixture, &queue, (bodies.len() - lost.len()) as u64).await;
        lost.extend(fixture.take_all(&queue).await);
        lost.sort();
        assert_eq!(lost, bodies, "nothing is lost by looking ({kind})");
    }
}

pub async fn a_look_while_another_holds_sees_the_rest(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("shared {kind}");
        let bodies = numbered(9);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let first = lease(fixture, ask(&queue, Purpose::Look { n: 4 })).await;
        assert_eq!(texts(&read(&first, 4).await), bodies[..4], "the head ({kind})");
        let second = lease(fixture, ask(&queue, Purpose::Look { n: 100 })).await;
        assert_eq!(texts(&read(&second, 100).await), bodies[4..], "what the first does not hold ({kind})");
        close(&first).await;
        close(&second).await;
        comes_back(fixture, &queue, 9).await;
        // Two holds given back one after the other may change places.
        let mut left = fixture.take_all(&queue).await;
        left.sort();
        assert_eq!(left, bodies, "{kind}");
    }
}

pub async fn an_empty_queue_has_nothing_to_show(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("empty {kind}");
        fixture.declare(&queue, kind).await;
        let lease = lease(fixture, ask(&queue, Purpose::Look { n: 10 })).await;
        assert!(read(&lease, 10).await.is_empty());
        let returned = close(&lease).await;
        assert_eq!((returned.messages, returned.confirmed), (0, true), "nothing to give back is no doubt ({kind})");
    }
}

pub async fn a_dropped_lease_gives_back(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("dropped {kind}");
        let bodies = numbered(7);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let lease = lease(fixture, ask(&queue, Purpose::Look { n: 5 })).await;
        let held = read(&lease, 5).await;
        super::scene::remove(&lease, &held[..1]).await;
        drop(lease);
        holds_exactly(fixture, &queue, &bodies[1..]).await;
    }
}

pub async fn closing_twice_repeats_the_first_answer(fixture: &impl Fixture) {
    let queue = "closed twice";
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.fill(queue, &numbered(3)).await;
    let lease = lease(fixture, ask(queue, Purpose::Look { n: 3 })).await;
    read(&lease, 3).await;
    let first = close(&lease).await;
    assert_eq!(close(&lease).await, first);
    let after = lease.next(1).await.map(|held| held.len()).unwrap_or_default();
    assert_eq!(after, 0, "a closed lease holds nothing more");
    holds_exactly(fixture, queue, &numbered(3)).await;
}

pub async fn next_may_be_dropped_half_way(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("hurried {kind}");
        let bodies = numbered(60);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let lease = lease(fixture, ask(&queue, Purpose::Look { n: 60 })).await;
        let mut seen = Vec::new();
        for n in 0..400_u64 {
            // From "dropped before it was polled a second time" to "long enough".
            let patience = Duration::from_micros((n * 37) % 3_000);
            if let Ok(more) = tokio::time::timeout(patience, lease.next(3)).await {
                seen.extend(more.expect("the hold lives").iter().map(text));
            }
        }
        seen.extend(texts(&read(&lease, 60).await));
        assert_eq!(seen, bodies, "each once, in order, whatever was dropped ({kind})");
        assert_eq!(close(&lease).await.messages, 60);
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn bodies_come_out_as_they_went_in(fixture: &impl Fixture) {
    let queue = "bodies";
    fixture.declare(queue, fixture.kinds()[0]).await;
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let large: Vec<u8> = (0..5 << 20_usize).map(|n: usize| (n % 251) as u8).collect();
    let bodies = [Vec::new(), binary, vec![0], large, b"\xff\xfe not UTF-8 \xc3\x28".to_vec()];
    let target = broker::Target::Queue { queue: queue.into() };
    let batch = bodies.iter().map(|body| outgoing(target.clone(), body.clone())).collect();
    let outcomes = publish(fixture, batch).await;
    assert_eq!(outcomes, vec![broker::PublishOutcome::Confirmed; bodies.len()]);
    eventually("all are ready", async || fixture.ready(queue).await == bodies.len() as u64).await;
    let mut look = ask(queue, Purpose::Look { n: 10 });
    look.accepted = Some(cost(fixture, &look).await);
    let lease = open(fixture, look).await;
    let held = read(&lease, 10).await;
    assert_eq!(held.len(), bodies.len());
    for (one, body) in held.iter().zip(&bodies) {
        assert!(one.message.body == *body, "a body of {} bytes came out as {}", body.len(), one.message.body.len());
    }
    assert_eq!(close(&lease).await.messages, bodies.len() as u64);
}
