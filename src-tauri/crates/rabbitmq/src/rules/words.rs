//! Numbers and times as they stand in our sentences.

use broker::QueueName;

const NARROW_SPACE: char = '\u{202f}';

/// Groups of three from four digits on.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len() > 3 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(NARROW_SPACE);
        }
        grouped.push(digit);
    }
    grouped
}

/// "1 message", "2 messages".
pub(super) fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

/// The two largest units: "7 min 19 s", "2 d 02 h", "500 ms".
pub(crate) fn duration(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let Some(at) = units.iter().position(|(size, _)| ms >= *size) else {
        return format!("{ms} ms");
    };
    let (size, unit) = units[at];
    let whole = format!("{} {unit}", count(ms / size));
    match units.get(at + 1) {
        Some((smaller, unit)) if ms % size >= *smaller => format!("{whole} {:02} {unit}", ms % size / smaller),
        _ => whole,
    }
}

/// "`a`, `b` and 3 more".
pub(super) fn named(queues: &[QueueName], shown_max: usize) -> String {
    let shown: Vec<_> = queues.iter().take(shown_max).map(|queue| format!("`{queue}`")).collect();
    let rest = queues.len() - shown.len();
    let more = if rest > 0 { format!(" and {} more", count(rest as u64)) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_from_four_digits_on() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (4_180_332, "4\u{202f}180\u{202f}332")] {
            assert_eq!(count(n), text);
        }
        assert_eq!((counted(1, "consumer"), counted(2, "consumer")), ("1 consumer".into(), "2 consumers".into()));
    }

    #[test]
    fn durations_have_their_two_largest_units() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (60_000, "1 min"),
            (439_000, "7 min 19 s"),
            (180_000_000, "2 d 02 h"),
            (86_400_000, "1 d"),
            (3_601_000, "1 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(named(&["a".into(), "b".into(), "c".into()], 2), "`a`, `b` and 1 more");
        assert_eq!(named(&["a".into()], 2), "`a`");
    }
}
