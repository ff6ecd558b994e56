//! How held messages are given back to a queue, and what that does to each, once its delivery count is known.

use broker::{Facts, MayReturn, Message, Queue};

use super::settings::{DelayedRetry, delayed_retry};
use super::version::Version;

/// The way that costs least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveBack {
    /// Cancel, then close the channel: keeps the order; a quorum queue counts it.
    Close,
    /// Cancel, then one nack of everything with requeue: keeps the order, counts nothing on 4.3 and later.
    Nack,
}

/// Only quorum queues of 4.3 and later take a nack better than a closed channel, unless delayed retry hides what was
/// nacked.
pub(crate) fn give_back(facts: &Facts, queue: &Queue) -> GiveBack {
    give_back_by(&facts.version, &queue.label, delayed_retry(queue))
}

fn give_back_by(version: &str, label: &str, retry: DelayedRetry) -> GiveBack {
    let nack = label == "quorum" && Version::read(version).nack_is_free() && retry != DelayedRetry::Returned;
    if nack { GiveBack::Nack } else { GiveBack::Close }
}

/// What giving back does in the way of [`give_back`]; `limit` is the effective one. By close a quorum queue destroys
/// what has come back as often as its limit says; by nack only what was above it before.
pub(crate) fn may_return_by(
    way: GiveBack,
    version: &str,
    label: &str,
    limit: Option<u64>,
    message: &Message,
) -> MayReturn {
    match (label, way, limit) {
        ("stream", ..) => MayReturn::Free,
        ("classic", ..) => MayReturn::Counts,
        ("quorum", GiveBack::Nack, None) => MayReturn::Free,
        ("quorum", GiveBack::Close, None) => MayReturn::Counts,
        ("quorum", way, Some(limit)) => match (count_here(version, message), way) {
            (None, _) => MayReturn::Unknown,
            (Some(count), GiveBack::Nack) if count <= limit => MayReturn::Free,
            (Some(count), GiveBack::Close) if count < limit => MayReturn::Counts,
            (Some(_), _) => MayReturn::Destroys,
        },
        _ => MayReturn::Unknown,
    }
}

/// Before 4.3 a dead letter shows the count of the queue it died in until it has come back once. What was never handed
/// out here has none.
fn count_here(version: &str, message: &Message) -> Option<u64> {
    if message.redelivered == Some(false) && !Version::read(version).carries_counts() {
        return Some(0);
    }
    message.delivery_count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the way that a queue without delayed retry takes.
    fn may_return(version: &str, label: &str, limit: Option<u64>, message: &Message) -> MayReturn {
        may_return_by(give_back_by(version, label, DelayedRetry::Off), version, label, limit, message)
    }

    fn counted(count: Option<u64>, redelivered: bool) -> Message {
        Message { delivery_count: count, redelivered: Some(redelivered), ..Message::default() }
    }

    #[test]
    fn by_close_a_message_survives_until_it_has_come_back_as_often_as_the_limit_says() {
        for version in ["3.10.8", "4.0.5", "4.2.1", ""] {
            for (count, may) in
                [(0, MayReturn::Counts), (2, MayReturn::Counts), (3, MayReturn::Destroys), (21, MayReturn::Destroys)]
            {
                assert_eq!(
                    may_return(version, "quorum", Some(3), &counted(Some(count), true)),
                    may,
                    "{version} {count}"
                );
            }
        }
        assert_eq!(may_return("4.0.5", "quorum", Some(0), &counted(Some(0), false)), MayReturn::Destroys);
    }

    #[test]
    fn by_nack_only_what_is_above_the_limit_is_destroyed() {
        for version in ["4.3.0", "4.3.6", "4.4.0", "5.0.0"] {
            for (count, may) in [(0, MayReturn::Free), (20, MayReturn::Free), (21, MayReturn::Destroys)] {
                assert_eq!(
                    may_return(version, "quorum", Some(20), &counted(Some(count), true)),
                    may,
                    "{version} {count}"
                );
            }
        }
    }

    #[test]
    fn where_delayed_retry_asks_for_close_the_stricter_bound_holds() {
        assert_eq!(give_back_by("4.3.6", "quorum", DelayedRetry::Returned), GiveBack::Close);
        let at_limit = counted(Some(20), true);
        assert_eq!(may_return_by(GiveBack::Close, "4.3.6", "quorum", Some(20), &at_limit), MayReturn::Destroys);
        assert_eq!(may_return_by(GiveBack::Nack, "4.3.6", "quorum", Some(20), &at_limit), MayReturn::Free);
    }

    #[test]
    fn an_unlimited_queue_destroys_nothing() {
        assert_eq!(may_return("4.3.6", "quorum", None, &counted(Some(99), true)), MayReturn::Free);
        assert_eq!(may_return("3.10.8", "quorum", None, &counted(Some(99), true)), MayReturn::Counts);
    }

    #[test]
    fn the_count_that_a_dead_letter_shows_before_4_3_is_not_of_this_queue_while_it_is_not_redelivered() {
        let died_elsewhere = counted(Some(21), false);
        assert_eq!(may_return("4.0.5", "quorum", Some(20), &died_elsewhere), MayReturn::Counts);
        assert_eq!(may_return("4.3.6", "quorum", Some(20), &died_elsewhere), MayReturn::Destroys);
        assert_eq!(
            may_return("", "quorum", Some(20), &died_elsewhere),
            MayReturn::Destroys,
            "an unknown version may be 4.3"
        );
    }

    #[test]
    fn other_queues_count_nothing_and_an_unknown_one_is_unknown() {
        let message = counted(None, false);
        assert_eq!(may_return("4.3.6", "classic", None, &message), MayReturn::Counts);
        assert_eq!(may_return("4.3.6", "stream", None, &message), MayReturn::Free);
        assert_eq!(may_return("4.3.6", "", Some(20), &message), MayReturn::Unknown);
        assert_eq!(may_return("4.3.6", "quorum", Some(20), &message), MayReturn::Unknown, "no count, no answer");
    }

    #[test]
    fn only_quorum_queues_of_4_3_are_given_back_to_by_nack() {
        for (version, label, way) in [
            ("4.3.6", "quorum", GiveBack::Nack),
            ("4.3.6", "classic", GiveBack::Close),
            ("4.2.0", "quorum", GiveBack::Close),
            ("3.10.8", "quorum", GiveBack::Close),
            ("", "quorum", GiveBack::Close),
        ] {
            assert_eq!(give_back_by(version, label, DelayedRetry::Off), way, "{version} {label}");
        }
    }
}
