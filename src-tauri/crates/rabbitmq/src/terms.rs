//! On which terms messages are held, and how many are asked for at a time. Pure.

use broker::{Hold, Purpose, QueueName};

use crate::rules::GiveBack;

/// What one window brings may lie here unread: the client keeps it all in memory. A prefetch could be 65,535.
const WINDOW_MAX: u64 = 5_000;
/// How many times what has been seen so far the next window may be, where the size of the messages is known from those
/// alone.
const GROWTH: u64 = 8;
/// The first window of a pick, and how it grows: what a pick reaches beyond its last message is held for nothing.
const PICK_FIRST: u64 = 64;
const GROWTH_OF_PICK: u64 = 3;

/// On which terms messages are held.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) queue: QueueName,
    pub(crate) label: String,
    pub(crate) version: String,
    /// The effective delivery limit.
    pub(crate) limit: Option<u64>,
    pub(crate) way: GiveBack,
    pub(crate) purpose: Purpose,
    pub(crate) hold: Hold,
    /// The cost was refused and accepted all the same: what may not go back is the caller's to settle.
    pub(crate) is_override: bool,
    /// Giving back destroys: nothing is asked for ahead of a caller, since what nobody has seen is copied by nobody.
    pub(crate) is_on_demand: bool,
    /// The mean size of a body in this queue, where it is known.
    pub(crate) body_bytes: Option<u64>,
}

impl Terms {
    /// How many messages are asked for in all.
    pub(crate) fn wanted(&self) -> u64 {
        match self.purpose {
            Purpose::Look { n } | Purpose::Take { n } => n,
            Purpose::Pick { .. } | Purpose::Drain => u64::MAX,
        }
    }

    /// What is not removed is given back, so nothing more than was asked for may come once something is removed.
    pub(crate) fn gives_back(&self) -> bool {
        matches!(self.purpose, Purpose::Look { .. } | Purpose::Pick { .. })
    }

    /// Where each return counts towards a limit, the first message is held alone, and the look stops at the first that
    /// may not go back.
    pub(crate) fn is_wary(&self) -> bool {
        self.gives_back()
            && !self.is_override
            && self.label == "quorum"
            && self.way == GiveBack::Close
            && self.limit.is_some()
    }

    /// How many messages the next window asks for, with room for so many in the hold. Where the size of their bodies is
    /// not known, the first one is asked for alone, and windows grow by what was seen.
    pub(crate) fn window_size(&self, room: u64, seen: &Seen) -> u64 {
        let bytes_left = self.hold.bytes_max.saturating_sub(seen.held_bytes);
        let mean = seen.delivered_bytes.checked_div(seen.delivered).max(self.body_bytes);
        let by_bytes = mean.map_or(1, |mean| (bytes_left / mean.max(1)).max(1));
        let by_sample = match self.body_bytes {
            Some(_) => u64::MAX,
            None => (seen.delivered * GROWTH).max(1),
        };
        let by_purpose = match self.purpose {
            _ if self.is_wary() && seen.delivered == 0 => 1,
            Purpose::Pick { .. } => PICK_FIRST.max(seen.delivered * GROWTH_OF_PICK),
            _ => u64::MAX,
        };
        room.min(by_bytes).min(by_sample).min(by_purpose).min(WINDOW_MAX)
    }
}

/// What a hold has seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) held_bytes: u64,
    pub(crate) delivered: u64,
    pub(crate) delivered_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(purpose: Purpose) -> Terms {
        Terms {
            queue: "q".into(),
            label: "classic".into(),
            version: "4.3.6".into(),
            limit: None,
            way: GiveBack::Close,
            purpose,
            hold: Hold { messages_max: 100_000, bytes_max: 1 << 20, wait_ms: 100 },
            is_override: false,
            is_on_demand: false,
            body_bytes: None,
        }
    }

    #[test]
    fn without_a_known_size_the_first_message_is_asked_for_alone_and_windows_grow() {
        let terms = terms(Purpose::Look { n: 10_000 });
        assert_eq!(terms.window_size(10_000, &Seen::default()), 1);
        let small = Seen { held_bytes: 640, delivered: 64, delivered_bytes: 640 };
        assert_eq!(terms.window_size(9_936, &small), 512);
        let large = Seen { held_bytes: 640_000, delivered: 64, delivered_bytes: 640_000 };
        assert_eq!(terms.window_size(9_936, &large), 40, "as many as the bytes that are left hold");
    }

    #[test]
    fn five_thousand_small_messages_of_unknown_size_take_five_windows() {
        let terms = terms(Purpose::Look { n: 5_000 });
        let (mut seen, mut windows) = (Seen::default(), 0);
        while seen.delivered < 5_000 {
            let size = terms.window_size(5_000 - seen.delivered, &seen);
            let (delivered, bytes) = (seen.delivered + size, (seen.delivered + size) * 20);
            seen = Seen { held_bytes: bytes, delivered, delivered_bytes: bytes };
            windows += 1;
        }
        assert_eq!(windows, 5);
    }

    #[test]
    fn what_is_larger_than_the_hold_is_held_alone() {
        let terms = terms(Purpose::Look { n: 10 });
        assert_eq!(terms.window_size(10, &Seen::default()), 1);
        let seen = Seen { held_bytes: 0, delivered: 1, delivered_bytes: 5 << 20 };
        assert_eq!(terms.window_size(10, &seen), 1, "also once the first was removed");
    }

    #[test]
    fn a_known_size_fills_the_hold_at_once_and_never_beyond_a_window() {
        let known = |body_bytes| Terms { body_bytes: Some(body_bytes), ..terms(Purpose::Look { n: 100_000 }) };
        assert_eq!(known(1).window_size(100_000, &Seen::default()), WINDOW_MAX);
        assert_eq!(known(1 << 10).window_size(100_000, &Seen::default()), 1_024);
        assert_eq!(known(5 << 20).window_size(100_000, &Seen::default()), 1, "one message may exceed the hold");
        assert_eq!(known(0).window_size(10, &Seen::default()), 10, "empty bodies are bounded by their number");
    }

    #[test]
    fn where_returns_count_towards_a_limit_the_first_message_is_held_alone() {
        let wary =
            Terms { label: "quorum".into(), limit: Some(3), body_bytes: Some(1), ..terms(Purpose::Look { n: 50 }) };
        assert_eq!(wary.window_size(50, &Seen::default()), 1);
        assert_eq!(wary.window_size(49, &Seen { held_bytes: 1, delivered: 1, delivered_bytes: 1 }), 49);
        let free = Terms { way: GiveBack::Nack, ..wary };
        assert_eq!(free.window_size(50, &Seen::default()), 50);
    }

    #[test]
    fn a_pick_does_not_reach_much_further_than_it_must() {
        let pick = Terms { body_bytes: Some(1), ..terms(Purpose::Pick { keys: Vec::new() }) };
        assert_eq!(pick.window_size(100_000, &Seen::default()), 64);
        assert_eq!(pick.window_size(100_000, &Seen { held_bytes: 64, delivered: 64, delivered_bytes: 64 }), 192);
    }
}
