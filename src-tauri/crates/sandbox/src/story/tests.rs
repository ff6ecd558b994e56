use std::collections::BTreeMap;

use broker::{DeathReason, FailedIn, Message, Rules};

use super::*;
use crate::SandboxRules;

fn begin() -> (Engine, Story) {
    let mut engine = Engine::new(Timestamp::from_second(1_780_000_000).expect("it is a time"));
    let story = Story::begin(&mut engine);
    (engine, story)
}

fn messages(engine: &Engine, queue: &str) -> Vec<Message> {
    let queue = &engine.queues[&queue.into()];
    queue.ready.values().map(|entry| entry.message(queue.setup.returns)).collect()
}

#[test]
fn the_shop_begins_with_two_hundred_failures_of_many_causes() {
    let (engine, _) = begin();
    let dead = messages(&engine, "orders.dead");
    assert!((180..=220).contains(&dead.len()), "{} dead letters", dead.len());
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for message in &dead {
        *causes.entry(message.headers.text("x-exception-type").unwrap_or("none")).or_default() += 1;
    }
    assert!(causes.len() >= 6, "{causes:?}");
    assert!(dead.iter().all(|message| !message.deaths.is_empty()), "each has died");
    assert!(dead.iter().any(|message| message.body.len() > 200_000), "one is large");
    assert!(dead.iter().any(|message| message.content_type() == Some("application/xml")), "some are XML");
    assert!(dead.iter().any(|message| std::str::from_utf8(&message.body).is_err()), "one is binary");
    assert!(dead.iter().any(|message| message.deaths.len() > 1), "some were retried");
    let died = |message: &Message| message.deaths.first().and_then(|death| death.at);
    assert!(dead.iter().filter_map(died).all(|at| at <= engine.now()), "none died in the future");
}

#[test]
fn some_failures_only_expired_and_one_failed_where_no_queue_is_any_more() {
    let (engine, _) = begin();
    let failed: Vec<_> = messages(&engine, "orders.dead").iter().map(|dead| SandboxRules.failed_in(dead)).collect();
    assert!(failed.iter().any(|found| matches!(found, FailedIn::OnlyExpired { .. })));
    let gone = |found: &&FailedIn| matches!(found, FailedIn::Queue { queue, .. } if !engine.queues.contains_key(queue));
    assert_eq!(failed.iter().filter(gone).count(), 1);
}

#[test]
fn all_json_in_the_shop_is_json_and_every_message_has_its_own_id() {
    let (engine, _) = begin();
    let mut ids = std::collections::BTreeSet::new();
    for name in engine.queues.keys() {
        for message in messages(&engine, name.as_str()) {
            if message.content_type() == Some("application/json") {
                let read: Result<serde_json::Value, _> = serde_json::from_slice(&message.body);
                assert!(read.is_ok(), "in {name}");
            }
            let id = message.message_id().map(str::to_owned);
            assert!(ids.insert(id.expect("each has an id")), "twice in {name}");
        }
    }
}

#[test]
fn a_shift_of_traffic_keeps_every_queue_small() {
    let (mut engine, mut story) = begin();
    let mut deepest = BTreeMap::new();
    for _ in 0..8 * 3_600 {
        let later = engine.now() + SignedDuration::from_secs(1);
        engine.advance(later);
        story.go_on(&mut engine);
        for (name, queue) in &engine.queues {
            let depth = deepest.entry(name.clone()).or_insert(0);
            *depth = queue.ready.len().max(*depth);
        }
    }
    assert!(deepest.values().all(|depth| *depth <= 420), "{deepest:?}");
    let dead = messages(&engine, "orders.dead");
    let unsupported = |message: &&Message| message.headers.text("x-exception-type") == Some("UnsupportedSchema");
    assert!(dead.iter().filter(unsupported).count() > 50, "the failing consumer failed");
    let poisoned = messages(&engine, "parts.reserve.dead");
    let by_limit = poisoned.iter().filter(|message| message.deaths[0].reason == DeathReason::DeliveryLimit);
    assert!(by_limit.count() > 16, "some more died of their limit");
}

#[test]
fn the_shop_lives_at_a_few_messages_a_second() {
    let (mut engine, mut story) = begin();
    for _ in 0..600 {
        let later = engine.now() + SignedDuration::from_millis(100);
        engine.advance(later);
        story.go_on(&mut engine);
    }
    let taken: f64 = engine.exchanges.values().filter_map(|exchange| engine.rate(&exchange.taken)).sum();
    assert!((1.0..6.0).contains(&taken), "{taken} a second");
    let dropped = engine.rate(&engine.exchanges[&"showroom.screens".into()].unroutable);
    assert!(dropped.is_some_and(|rate| rate > 0.0), "an exchange without queues drops what it takes");
}
