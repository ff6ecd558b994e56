//! How deaths are written down and what they forbid, as RabbitMQ does it.

use broker::{Death, DeathReason, QueueName, Routing};
use jiff::Timestamp;

/// Adds a death in front. One like it (same queue, same reason) is counted up and keeps its own time and routing.
pub(crate) fn record(
    deaths: &mut Vec<Death>,
    queue: &QueueName,
    reason: DeathReason,
    at: Timestamp,
    came_by: &Routing,
) {
    let known = deaths.iter().position(|death| death.queue == *queue && death.reason == reason);
    let death = match known {
        Some(n) => {
            let mut death = deaths.remove(n);
            death.count += 1;
            death
        }
        None => Death {
            queue: queue.clone(),
            reason,
            count: 1,
            at: Some(at),
            exchange: Some(came_by.exchange.clone()),
            routing_keys: vec![came_by.key.clone()],
        },
    };
    deaths.insert(0, death);
}

/// Whether a dead letter has come to that queue by itself, with no consumer's refusal on the way round: it is dropped,
/// or it would go round for ever.
pub(crate) fn goes_round(deaths: &[Death], queue: &QueueName) -> bool {
    if deaths.first().is_some_and(|newest| newest.reason == DeathReason::Rejected) {
        return false;
    }
    let Some(before) = deaths.iter().position(|death| death.queue == *queue) else { return false };
    deaths[..=before].iter().all(|death| death.reason != DeathReason::Rejected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing(exchange: &str, key: &str) -> Routing {
        Routing { exchange: exchange.into(), key: key.into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a small number of seconds is a time")
    }

    #[test]
    fn deaths_are_merged_by_queue_and_reason_newest_first() {
        let mut deaths = Vec::new();
        record(&mut deaths, &"work".into(), DeathReason::Rejected, at(1), &routing("orders", "new"));
        record(&mut deaths, &"retry".into(), DeathReason::Expired, at(2), &routing("dlx", "work"));
        record(&mut deaths, &"work".into(), DeathReason::Rejected, at(3), &routing("dlx", "again"));
        record(&mut deaths, &"work".into(), DeathReason::Expired, at(4), &routing("dlx", "again"));
        let told: Vec<_> =
            deaths.iter().map(|death| (death.queue.as_str(), death.reason.clone(), death.count, death.at)).collect();
        assert_eq!(
            told,
            [
                ("work", DeathReason::Expired, 1, Some(at(4))),
                ("work", DeathReason::Rejected, 2, Some(at(1))),
                ("retry", DeathReason::Expired, 1, Some(at(2))),
            ]
        );
        assert_eq!(deaths[1].routing_keys, ["new"], "a merged death keeps the first way in");
    }

    #[test]
    fn only_a_way_round_without_a_refusal_is_a_cycle() {
        let mut deaths = Vec::new();
        record(&mut deaths, &"a".into(), DeathReason::Expired, at(1), &routing("", "a"));
        assert!(goes_round(&deaths, &"a".into()), "back to where it just expired");
        assert!(!goes_round(&deaths, &"b".into()), "it never was there");
        record(&mut deaths, &"b".into(), DeathReason::Rejected, at(2), &routing("", "b"));
        assert!(!goes_round(&deaths, &"a".into()), "a consumer refused it");
        record(&mut deaths, &"c".into(), DeathReason::Expired, at(3), &routing("", "c"));
        assert!(!goes_round(&deaths, &"a".into()), "a refusal lies on the way round");
        assert!(goes_round(&deaths, &"c".into()), "no refusal since c");
    }
}
