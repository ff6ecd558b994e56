//! Bounds of a hold, and what may not go back.

use broker::{ErrorKind, Hold, MayReturn, Purpose, Returning, WayOut};

use super::Fixture;
use super::scene::{
    ROOMY, ask, close, comes_back, cost, holds_exactly, lease, numbered, open, publish, read, refused, remove, text,
    texts, to_queue,
};
use crate::eventually;

pub async fn a_hold_has_no_more_messages_than_it_may(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("held {kind}");
        let bodies = numbered(20);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let mut look = ask(&queue, Purpose::Look { n: 20 });
        look.hold = Hold { messages_max: 5, ..ROOMY };
        let lease = lease(fixture, look).await;
        assert_eq!(texts(&read(&lease, 100).await), bodies[..5], "the hold is full ({kind})");
        assert_eq!(fixture.ready(&queue).await, 15, "others still get the rest ({kind})");
        assert_eq!(close(&lease).await.messages, 5, "({kind})");
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn a_hold_stops_asking_at_its_bytes(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("heavy {kind}");
        let bodies: Vec<_> = (0..200).map(|n| format!("{n:03}{}", "x".repeat(9_997))).collect();
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let mut look = ask(&queue, Purpose::Look { n: 200 });
        look.hold = Hold { bytes_max: 100_000, ..ROOMY };
        let lease = lease(fixture, look).await;
        let held = read(&lease, 1_000).await;
        assert!(held.len() >= 10, "it asks until so many bytes are held, and stopped at {} ({kind})", held.len());
        assert!(held.len() <= 40, "{} times 10 kB is not about 100 kB ({kind})", held.len());
        assert!(fixture.ready(&queue).await >= 160, "others still get the rest ({kind})");
        close(&lease).await;
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn one_message_may_be_larger_than_the_hold(fixture: &impl Fixture) {
    let queue = "larger";
    let bodies = ["x".repeat(300_000), "y".repeat(300_000)];
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.fill(queue, &bodies).await;
    let mut look = ask(queue, Purpose::Look { n: 2 });
    look.hold = Hold { bytes_max: 1_000, ..ROOMY };
    let lease = lease(fixture, look).await;
    let held = read(&lease, 2).await;
    assert!(held.len() == 1 && held[0].message.body == bodies[0].as_bytes(), "one, then it is full: {}", held.len());
    close(&lease).await;
    holds_exactly(fixture, queue, &bodies).await;
}

pub async fn a_hold_of_nothing_is_refused(fixture: &impl Fixture) {
    let queue = "nothing";
    fixture.declare(queue, fixture.kinds()[0]).await;
    let mut look = ask(queue, Purpose::Look { n: 2 });
    look.hold = Hold { messages_max: 0, ..ROOMY };
    refused(fixture.broker().lease(look).await, ErrorKind::Invalid);
}

/// What is said to survive survives, and what is said to be destroyed is.
pub async fn may_return_tells_what_giving_back_does(fixture: &impl Fixture) {
    const LIMIT: u64 = 3;
    for failed in 0..=LIMIT {
        let queue = format!("failed {failed} times");
        fixture.declare_limited(&queue, LIMIT).await;
        fixture.fill_failed(&queue, "the only one", failed).await;
        let lease = lease(fixture, ask(&queue, Purpose::Look { n: 1 })).await;
        let held = read(&lease, 1).await;
        assert_eq!(held.len(), 1, "failed {failed} of {LIMIT} times");
        assert_eq!(held[0].message.delivery_count, Some(failed), "the count is known");
        let may_return = held[0].may_return;
        let returned = close(&lease).await;
        match may_return {
            MayReturn::Free | MayReturn::Counts => {
                assert!(returned.confirmed, "failed {failed} of {LIMIT} times: {returned:?}");
                holds_exactly(fixture, &queue, &["the only one".to_owned()]).await;
            }
            MayReturn::Destroys => {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                assert_eq!(fixture.ready(&queue).await, 0, "it was said to be destroyed, after {failed} of {LIMIT}");
            }
            MayReturn::Unknown => panic!("the limit and the count are known, so the rest is"),
        }
        assert!(failed == LIMIT || may_return != MayReturn::Destroys, "after {failed} of {LIMIT}: {may_return:?}");
    }
}

pub async fn a_look_that_would_destroy_is_refused_below_the_front_door(fixture: &impl Fixture) {
    let bodies = numbered(4);
    let queue = fixture.dead_of_limit(&bodies).await;
    let look = ask(&queue, Purpose::Look { n: 4 });
    let cost = cost(fixture, &look).await;
    assert_eq!(matches!(cost.returning, Returning::Destroys { .. }), fixture.destroys(), "{cost:?}");
    assert_eq!(cost.refusal.is_some(), fixture.destroys(), "{cost:?}");
    if let Some(refusal) = &cost.refusal {
        assert_eq!(refusal.code, "destroys", "{refusal:?}");
        assert_eq!(refusal.ways, [WayOut::MakeSafe, WayOut::Take, WayOut::Careful], "the ways out, in order");
        for purpose in [Purpose::Look { n: 1 }, Purpose::Drain, Purpose::Pick { keys: Vec::new() }] {
            let error = refused(fixture.broker().lease(ask(&queue, purpose)).await, ErrorKind::CostRefused);
            assert!(error.to_string().contains(&queue), "it says where: {error}");
        }
        let mut outdated = look.clone();
        outdated.accepted = Some(broker::LookCost { refusal: None, returning: Returning::Marks, ..cost.clone() });
        refused(fixture.broker().lease(outdated).await, ErrorKind::CostRefused);
    } else {
        let lease = lease(fixture, look).await;
        assert_eq!(read(&lease, 4).await.len(), 4);
        assert_eq!(close(&lease).await.messages, 4);
    }
    comes_back(fixture, &queue, 4).await;
    let mut all = fixture.take_all(&queue).await;
    all.sort();
    assert_eq!(all, bodies, "a refused look touches nothing");
}

pub async fn what_died_of_its_limit_can_be_taken_without_loss(fixture: &impl Fixture) {
    let bodies = numbered(40);
    let queue = fixture.dead_of_limit(&bodies).await;
    let lease = lease(fixture, ask(&queue, Purpose::Take { n: 40 })).await;
    let mut taken = Vec::new();
    loop {
        let held = read(&lease, 100).await;
        if held.is_empty() {
            break;
        }
        assert!(
            held.len() <= 16 || !fixture.destroys(),
            "at most 16 are held where returning destroys: {}",
            held.len()
        );
        taken.extend(texts(&held));
        let outcomes = remove(&lease, &held).await;
        assert!(outcomes.iter().all(|outcome| *outcome == broker::RemoveOutcome::Removed), "{outcomes:?}");
    }
    assert_eq!(close(&lease).await.messages, 0, "a take gives nothing back");
    taken.sort();
    assert_eq!(taken, bodies);
    assert_eq!(fixture.ready(&queue).await, 0);
}

/// What was held and handed to nobody could be copied by nobody: closing would destroy it.
pub async fn what_nobody_was_handed_is_not_held_where_returning_destroys(fixture: &impl Fixture) {
    let bodies = numbered(30);
    let queue = fixture.dead_of_limit(&bodies).await;
    let opened = lease(fixture, ask(&queue, Purpose::Take { n: 30 })).await;
    close(&opened).await;
    comes_back(fixture, &queue, 30).await;
    let some = lease(fixture, ask(&queue, Purpose::Take { n: 30 })).await;
    let held = some.next(3).await.expect("messages are handed out");
    assert!(!held.is_empty() && held.len() <= 3, "{}", held.len());
    let outcomes = remove(&some, &held).await;
    assert!(outcomes.iter().all(|outcome| *outcome == broker::RemoveOutcome::Removed), "{outcomes:?}");
    close(&some).await;
    comes_back(fixture, &queue, 30 - u64::try_from(held.len()).expect("three at most")).await;
    assert_eq!(fixture.take_all(&queue).await.len() + held.len(), 30, "none was destroyed");
}

/// The override: what may go back is given back, what may not is published again, confirmed, then removed.
pub async fn what_died_of_its_limit_can_be_looked_at_carefully(fixture: &impl Fixture) {
    let bodies = numbered(5);
    let queue = fixture.dead_of_limit(&bodies).await;
    let mut seen = Vec::new();
    for _ in 0..bodies.len() {
        let mut look = ask(&queue, Purpose::Look { n: 16 });
        look.accepted = Some(cost(fixture, &look).await);
        let lease = open(fixture, look).await;
        let held = read(&lease, 16).await;
        seen.extend(held.iter().map(text));
        let may_not: Vec<_> = held.into_iter().filter(|one| one.may_return == MayReturn::Destroys).collect();
        assert!(fixture.destroys() || may_not.is_empty(), "nothing is destroyed here: {may_not:?}");
        let target = broker::Target::Queue { queue: queue.as_str().into() };
        for one in &may_not {
            let again = fixture.rules().prepare(&one.message, &target).outgoing;
            assert_eq!(publish(fixture, vec![again]).await, [broker::PublishOutcome::Confirmed]);
        }
        remove(&lease, &may_not).await;
        close(&lease).await;
        comes_back(fixture, &queue, bodies.len() as u64).await;
    }
    for body in &bodies {
        assert!(seen.contains(body), "`{body}` was seen: {seen:?}");
    }
    assert_eq!(publish(fixture, vec![to_queue(&queue, "m99")]).await, [broker::PublishOutcome::Confirmed]);
    let mut left = fixture.take_all(&queue).await;
    left.sort();
    assert_eq!(left, [&bodies[..], &["m99".to_owned()]].concat(), "nothing is lost and nothing is doubled");
}

/// Way 1: with the broker changed nothing can be lost; changed back, it is as before.
pub async fn a_guard_makes_looking_safe_and_can_be_taken_back(fixture: &impl Fixture) {
    let bodies = numbered(6);
    let queue = fixture.dead_of_limit(&bodies).await;
    let broker = fixture.broker();
    let Some(guard) = broker.guard() else { panic!("this broker can destroy, or could") };
    let look = ask(&queue, Purpose::Look { n: 6 });
    let before = cost(fixture, &look).await;
    let name = queue.as_str().into();
    let plan = guard.propose(&name).await.expect("a change can be proposed");
    assert_eq!(cost(fixture, &look).await, before, "a proposal changes nothing");
    if !fixture.destroys() {
        return;
    }
    assert_eq!(plan.queue, name);
    assert_eq!(plan.useless, None, "the limit is none of the queue's own");
    assert_ne!(plan.allowed, Some(false), "this user may");
    assert!(!plan.words.is_empty(), "it says what: {plan:?}");
    guard.apply(&plan).await.expect("the change can be made");
    let is_safe = async || cost(fixture, &look).await.refusal.is_none();
    eventually("the look is safe", is_safe).await;
    for _ in 0..3 {
        let lease = lease(fixture, look.clone()).await;
        let held = read(&lease, 6).await;
        assert_eq!(held.len(), 6);
        assert!(held.iter().all(|one| one.may_return != MayReturn::Destroys), "nothing is destroyed any more");
        assert!(close(&lease).await.confirmed);
    }
    guard.take_back(&plan).await.expect("the change can be taken back");
    let is_refused = async || cost(fixture, &look).await.refusal.is_some();
    eventually("the look is refused again", is_refused).await;
    comes_back(fixture, &queue, 6).await;
    let mut all = fixture.take_all(&queue).await;
    all.sort();
    assert_eq!(all, bodies, "nothing was lost");
}
