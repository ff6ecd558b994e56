//! Which bindings a routing key matches.

use crate::setup::ExchangeKind;

/// Whether a binding with `pattern` takes a message with `key` at an exchange of that kind.
pub(crate) fn matches(kind: ExchangeKind, pattern: &str, key: &str) -> bool {
    match kind {
        ExchangeKind::Fanout => true,
        ExchangeKind::Direct => pattern == key,
        ExchangeKind::Topic => topic_matches(&words(pattern), &words(key)),
    }
}

/// The empty key has no words, as in RabbitMQ.
fn words(key: &str) -> Vec<&str> {
    if key.is_empty() { Vec::new() } else { key.split('.').collect() }
}

/// Walks all readings of the pattern at once, so that many `#` cost no more than their number times the key's words.
fn topic_matches(pattern: &[&str], key: &[&str]) -> bool {
    // reached[n]: the pattern so far can stand for the first n words.
    let mut reached = vec![false; key.len() + 1];
    reached[0] = true;
    for part in pattern {
        if *part == "#" {
            let first = reached.iter().position(|yes| *yes).unwrap_or(reached.len());
            reached[first..].fill(true);
        } else {
            for n in (0..key.len()).rev() {
                reached[n + 1] = reached[n] && (*part == "*" || *part == key[n]);
            }
            reached[0] = false;
        }
    }
    reached[key.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_match_as_the_protocol_says() {
        for (pattern, key, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("#", "", true),
            ("#", "a.b", true),
            ("*", "", false),
            ("", "", true),
            ("", "a", false),
            ("#.z", "a.b.z", true),
            ("#.z", "z", true),
            ("#.z", "a.b", false),
            ("*.#.c", "a.c", true),
            ("*.#.c", "c", false),
            ("a.#.#.b", "a.b", true),
            ("a..b", "a..b", true),
            ("a.*.b", "a..b", true),
            ("#.a.#", "b.a.c", true),
            ("#.a.#", "b.c", false),
        ] {
            let found = matches(ExchangeKind::Topic, pattern, key);
            assert_eq!(found, expected, "pattern `{pattern}`, key `{key}`");
        }
    }

    #[test]
    fn a_direct_exchange_knows_no_wildcards() {
        assert!(!matches(ExchangeKind::Direct, "#", "a"), "`#` is a plain key there");
        assert!(matches(ExchangeKind::Fanout, "x", "a"), "a fanout ignores keys");
    }

    #[test]
    fn a_hostile_pattern_is_answered_at_once() {
        let pattern = "#.".repeat(500) + "z";
        let key = "a.".repeat(500) + "b";
        assert!(!matches(ExchangeKind::Topic, &pattern, &key), "nothing ends in z");
    }
}
