//! Removing: chosen ones, all, some; twins told apart by counting.

use std::time::Duration;

use broker::{Hold, LeaseKey, Leased, MessageKey, Picked, Purpose, RemoveOutcome};

use super::Fixture;
use super::scene::{ROOMY, ask, close, comes_back, holds_exactly, lease, numbered, read, remove, texts};

fn strings(bodies: &[&str]) -> Vec<String> {
    bodies.iter().map(|body| (*body).to_owned()).collect()
}

/// The key of the first message with that body.
async fn key_of(fixture: &impl Fixture, queue: &str, body: &str) -> MessageKey {
    let lease = lease(fixture, ask(queue, Purpose::Look { n: 100 })).await;
    let held = read(&lease, 100).await;
    let found = held.iter().find(|one| one.message.body == body.as_bytes()).expect("it is there");
    let key = found.key.clone();
    assert_eq!(fixture.rules().key(&found.message), key, "a message has one key, whoever asks");
    close(&lease).await;
    key
}

pub async fn removing_removes_exactly_those(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("twins {kind}");
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &strings(&["a", "b", "twin", "c", "twin", "d", "twin", "e"])).await;
        let key = key_of(fixture, &queue, "twin").await;
        let pick = Purpose::Pick { keys: vec![Picked { key: key.clone(), twins: 2 }] };
        let lease = lease(fixture, ask(&queue, pick)).await;
        let held = read(&lease, 100).await;
        let twins: Vec<Leased> = held.iter().filter(|one| one.key == key).take(2).cloned().collect();
        assert_eq!(twins.len(), 2, "both were found, a look before changed no key ({kind})");
        assert_eq!(remove(&lease, &twins).await, [RemoveOutcome::Removed, RemoveOutcome::Removed]);
        let returned = close(&lease).await;
        assert_eq!(returned.messages, held.len() as u64 - 2, "everything else goes back ({kind})");
        let left = strings(&["a", "b", "c", "d", "twin", "e"]);
        holds_exactly(fixture, &queue, &left).await;
    }
}

pub async fn the_rest_of_a_pick_keeps_its_order(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("picked {kind}");
        let mut bodies = numbered(60);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let mut keys = Vec::new();
        for body in ["m00", "m17", "m40"] {
            keys.push(Picked { key: key_of(fixture, &queue, body).await, twins: 1 });
        }
        let lease = lease(fixture, ask(&queue, Purpose::Pick { keys: keys.clone() })).await;
        let mut held = read(&lease, 100).await;
        held.retain(|one| keys.iter().any(|picked| picked.key == one.key));
        assert_eq!(texts(&held), ["m00", "m17", "m40"], "{kind}");
        assert_eq!(remove(&lease, &held).await, vec![RemoveOutcome::Removed; 3], "{kind}");
        close(&lease).await;
        bodies.retain(|body| !["m00", "m17", "m40"].contains(&body.as_str()));
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn what_is_not_held_cannot_be_removed(fixture: &impl Fixture) {
    let queue = "not held";
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.fill(queue, &numbered(3)).await;
    let lease = lease(fixture, ask(queue, Purpose::Look { n: 2 })).await;
    let held = read(&lease, 2).await;
    let strange = LeaseKey(u64::MAX);
    let asked = [strange, held[1].lease_key, strange];
    let outcomes = lease.remove(&asked).await;
    assert_eq!(outcomes, [RemoveOutcome::Gone, RemoveOutcome::Removed, RemoveOutcome::Gone], "one each, in order");
    assert_eq!(lease.remove(&[held[1].lease_key]).await, [RemoveOutcome::Gone], "it is removed already");
    assert_eq!(lease.remove(&[]).await, []);
    close(&lease).await;
    holds_exactly(fixture, queue, &strings(&["m00", "m02"])).await;
}

pub async fn a_drain_goes_on_when_it_gets_room(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("drained {kind}");
        let bodies = numbered(23);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let mut drain = ask(&queue, Purpose::Drain);
        drain.hold = Hold { messages_max: 5, ..ROOMY };
        let lease = lease(fixture, drain).await;
        let mut seen = Vec::new();
        loop {
            let held = read(&lease, 100).await;
            if held.is_empty() {
                break;
            }
            assert!(held.len() <= 5, "{} are held ({kind})", held.len());
            seen.extend(texts(&held));
            assert_eq!(remove(&lease, &held).await, vec![RemoveOutcome::Removed; held.len()]);
        }
        assert_eq!(seen, bodies, "all of them, in order ({kind})");
        assert_eq!(close(&lease).await.messages, 0);
        assert_eq!(fixture.ready(&queue).await, 0);
    }
}

/// Its batches are removed while the rest is still to be found.
pub async fn a_pick_goes_on_when_it_gets_room(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("picked on {kind}");
        let mut bodies = numbered(23);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let others = ["m03", "m11", "m20"];
        let look = lease(fixture, ask(&queue, Purpose::Look { n: 23 })).await;
        let mut wanted = read(&look, 100).await;
        close(&look).await;
        wanted.retain(|one| !others.iter().any(|other| one.message.body == other.as_bytes()));
        let keys: Vec<_> = wanted.iter().map(|one| Picked { key: one.key.clone(), twins: 1 }).collect();
        let mut pick = ask(&queue, Purpose::Pick { keys: keys.clone() });
        pick.hold = Hold { messages_max: 5, ..ROOMY };
        let lease = lease(fixture, pick).await;
        let mut seen = Vec::new();
        while seen.len() < wanted.len() {
            let mut held = read(&lease, 100).await;
            assert!(!held.is_empty(), "{} of {} were found ({kind})", seen.len(), wanted.len());
            held.retain(|one| keys.iter().any(|picked| picked.key == one.key));
            seen.extend(texts(&held));
            assert_eq!(remove(&lease, &held).await, vec![RemoveOutcome::Removed; held.len()]);
        }
        assert_eq!(close(&lease).await.messages, 3, "the others were held on the way ({kind})");
        bodies.retain(|body| !others.contains(&body.as_str()));
        assert_eq!(seen, bodies, "all of them, in order ({kind})");
        holds_exactly(fixture, &queue, &strings(&others)).await;
    }
}

/// Another lease may hold what lies behind it: all goes back in its order only if this one takes nothing from there.
pub async fn a_pick_takes_nothing_more_unasked(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("two picks {kind}");
        let mut bodies = numbered(30);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let mut keys = Vec::new();
        for body in ["m01", "m29"] {
            keys.push(Picked { key: key_of(fixture, &queue, body).await, twins: 1 });
        }
        let mut pick = ask(&queue, Purpose::Pick { keys: keys.clone() });
        pick.hold = Hold { messages_max: 5, ..ROOMY };
        let first = lease(fixture, pick).await;
        let held = read(&first, 5).await;
        assert_eq!(texts(&held), bodies[..5], "{kind}");
        let second = lease(fixture, ask(&queue, Purpose::Pick { keys: keys[1..].to_vec() })).await;
        assert_eq!(remove(&first, &held[1..2]).await, [RemoveOutcome::Removed]);
        let behind = read(&second, 100).await;
        assert_eq!(texts(&behind), bodies[5..], "the first one took none of them ({kind})");
        assert_eq!(remove(&second, &behind[24..]).await, [RemoveOutcome::Removed]);
        assert_eq!((close(&first).await.messages, close(&second).await.messages), (4, 24), "{kind}");
        bodies.retain(|body| !["m01", "m29"].contains(&body.as_str()));
        holds_exactly(fixture, &queue, &bodies).await;
    }
}

pub async fn take_all_leaves_nothing(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("taken {kind}");
        let bodies = numbered(300);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let mut take = ask(&queue, Purpose::Take { n: 10_000 });
        take.hold = Hold { messages_max: 100, ..ROOMY };
        let lease = lease(fixture, take).await;
        let mut seen = Vec::new();
        loop {
            let held = read(&lease, 40).await;
            if held.is_empty() {
                break;
            }
            seen.extend(texts(&held));
            assert_eq!(remove(&lease, &held).await, vec![RemoveOutcome::Removed; held.len()]);
        }
        assert_eq!(seen, bodies, "{kind}");
        assert_eq!(close(&lease).await.messages, 0, "a take gives nothing back ({kind})");
        assert_eq!(fixture.ready(&queue).await, 0, "{kind}");
    }
}

pub async fn taking_some_leaves_the_rest_untouched(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("half taken {kind}");
        let bodies = numbered(10);
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &bodies).await;
        let take = lease(fixture, ask(&queue, Purpose::Take { n: 4 })).await;
        let mut seen = Vec::new();
        loop {
            let held = read(&take, 3).await;
            if held.is_empty() {
                break;
            }
            seen.extend(texts(&held));
            remove(&take, &held).await;
        }
        assert_eq!(seen, bodies[..4], "{kind}");
        close(&take).await;
        comes_back(fixture, &queue, 6).await;
        // What follows was never handed out to anybody.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let look = lease(fixture, ask(&queue, Purpose::Look { n: 10 })).await;
        let rest = read(&look, 10).await;
        assert_eq!(texts(&rest), bodies[4..], "{kind}");
        assert!(rest.iter().all(|one| one.message.redelivered != Some(true)), "it was not looked at ({kind})");
        close(&look).await;
    }
}
