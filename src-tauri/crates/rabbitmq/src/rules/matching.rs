//! Whether a binding takes a message: topic patterns and header comparisons, as RabbitMQ does them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use broker::{Table, Value};

/// Whether something matches, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// It depends on something that is not known here.
    Perhaps,
}

impl From<bool> for Fit {
    fn from(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

/// Words between dots. The empty key has no word at all; every other key has one more word than it has dots, empty ones
/// included.
fn words(key: &[u8]) -> Vec<&[u8]> {
    if key.is_empty() { Vec::new() } else { key.split(|byte| *byte == b'.').collect() }
}

/// `*` stands for exactly one word, an empty one too; `#` for any number of words, none too.
pub(super) fn topic_fits(pattern: &[u8], key: &[u8]) -> bool {
    let key = words(key);
    // fits[n]: the pattern so far takes the first n words of the key.
    let mut fits = vec![false; key.len() + 1];
    fits[0] = true;
    for word in words(pattern) {
        if word == b"#" {
            for n in 1..fits.len() {
                fits[n] = fits[n] || fits[n - 1];
            }
        } else {
            for n in (1..fits.len()).rev() {
                fits[n] = fits[n - 1] && (word == b"*" || word == key[n - 1]);
            }
            fits[0] = false;
        }
    }
    fits[key.len()]
}

/// Whether the pattern takes every key there is.
pub(super) fn takes_every_key(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.split('.').all(|word| word == "#")
}

/// Whether a binding of a headers exchange takes a message with these headers (`None`: not known). `exactly` says how
/// the broker compares, see [`super::version::Version::compares_headers_exactly`].
pub(super) fn headers_fit(arguments: &Table, headers: Option<&Table>, exactly: Option<bool>) -> Fit {
    let mode = arguments.text("x-match").unwrap_or("all");
    let with_x = mode.ends_with("-with-x");
    let mut fits = arguments
        .iter()
        .filter(|(name, _)| name.as_bytes() != b"x-match" && (with_x || !name.as_bytes().starts_with(b"x-")))
        .map(|(name, wanted)| match headers {
            None => Fit::Perhaps,
            Some(headers) => {
                let found = headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value);
                found.map_or(Fit::No, |found| header_fits(wanted, found, exactly))
            }
        });
    let (decides, otherwise) = if mode.starts_with("any") { (Fit::Yes, Fit::No) } else { (Fit::No, Fit::Yes) };
    fits.try_fold(otherwise, |so_far, fit| match fit {
        fit if fit == decides => Err(decides),
        Fit::Perhaps => Ok(Fit::Perhaps),
        _ => Ok(so_far),
    })
    .unwrap_or_else(|decided| decided)
}

/// Compares a binding's argument, as the management API shows it, with a header. The broker compares values without
/// their types: a text equals bytes, an integer equals an integer of another width.
fn header_fits(wanted: &Value, found: &Value, exactly: Option<bool>) -> Fit {
    match (wanted, found) {
        // No value asks for presence alone. The management API writes it as this text.
        (Value::Void, _) => Fit::Yes,
        (Value::Text(text), found) if text == b"undefined" => {
            if bytes(found) == Some(b"undefined") {
                Fit::Yes
            } else {
                Fit::Perhaps
            }
        }
        // Types inside are compared by the broker, but are not told by the management API.
        (Value::Array(_), Value::Array(_)) | (Value::Table(_), Value::Table(_)) => Fit::Perhaps,
        (Value::Decimal { .. }, _) | (_, Value::Decimal { .. }) if wanted != found => Fit::Perhaps,
        (wanted, found) => match (bytes(wanted), bytes(found)) {
            (Some(wanted), Some(found)) => bytes_fit(wanted, found),
            (None, None) => number_fits(wanted, found, exactly),
            _ => Fit::No,
        },
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Text(bytes) | Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn bytes_fit(wanted: &[u8], found: &[u8]) -> Fit {
    // How the management API writes bytes that are not UTF-8.
    let hidden = wanted.strip_prefix(b"Not UTF-8, base64 is: ").and_then(|text| BASE64.decode(text).ok());
    if hidden.is_some_and(|bytes| bytes == found) { Fit::Perhaps } else { (wanted == found).into() }
}

fn number_fits(wanted: &Value, found: &Value, exactly: Option<bool>) -> Fit {
    let found_whole = match found {
        Value::Timestamp(seconds) => match exactly {
            Some(true) => Some(i128::from(*seconds) * 1000),
            Some(false) => Some((*seconds).into()),
            None => return Fit::Perhaps,
        },
        other => whole(other),
    };
    let equal_if = |loosely: bool, strictly: bool| match exactly {
        _ if loosely == strictly => loosely.into(),
        Some(exactly) => if exactly { strictly } else { loosely }.into(),
        None => Fit::Perhaps,
    };
    match (whole(wanted), found_whole, float(wanted), float(found)) {
        (Some(wanted), Some(found), ..) => (wanted == found).into(),
        // The broker cannot hold what is no number; what it does with it is not known.
        (_, _, _, Some(found)) if !found.is_finite() => Fit::Perhaps,
        (_, _, Some(wanted), Some(found)) => equal_if(wanted == found, wanted.to_bits() == found.to_bits()),
        (Some(whole), None, None, Some(float)) | (None, Some(whole), Some(float), None) => {
            equal_if(float.fract() == 0.0 && float as i128 == whole, false)
        }
        _ => (wanted == found).into(),
    }
}

fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::F32(bits) => Some(f32::from_bits(*bits).into()),
        Value::F64(bits) => Some(f64::from_bits(*bits)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow reference: tries everything that a `#` may stand for.
    fn slowly(pattern: &[&[u8]], key: &[&[u8]]) -> bool {
        match pattern.split_first() {
            None => key.is_empty(),
            Some((&b"#", rest)) => (0..=key.len()).any(|n| slowly(rest, &key[n..])),
            Some((word, rest)) => key
                .split_first()
                .is_some_and(|(first, others)| (*word == b"*" || word == first) && slowly(rest, others)),
        }
    }

    #[test]
    fn topic_patterns_match_as_the_broker_does() {
        for (pattern, key, fits) in [
            ("#", "", true),
            ("*", "", false),
            ("", "", true),
            ("", "a", false),
            ("*", "a", true),
            ("*", "a.b", false),
            ("*.*", ".", true),
            ("a.*", "a.", true),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("#.a", "a", true),
            ("#.a.#", "x.a.y", true),
            ("a..b", "a..b", true),
            ("a.*.b", "a..b", true),
            ("#.#", "", true),
            ("*.#", "", false),
            ("*.#.*", "a", false),
            ("orders.*.failed", "orders.eu.failed", true),
            ("orders.*.failed", "orders.failed", false),
            ("a*", "ab", false),
        ] {
            assert_eq!(topic_fits(pattern.as_bytes(), key.as_bytes()), fits, "`{pattern}` on `{key}`");
        }
    }

    proptest! {
        #[test]
        fn topic_matching_agrees_with_the_slow_reference(
            pattern in proptest::collection::vec(prop_oneof!["#", "\\*", "a", "b", ""], 0..7),
            key in proptest::collection::vec(prop_oneof!["a", "b", "", "\\*", "#"], 0..7),
        ) {
            let (pattern, key) = (pattern.join("."), key.join("."));
            let expected = slowly(&words(pattern.as_bytes()), &words(key.as_bytes()));
            prop_assert_eq!(topic_fits(pattern.as_bytes(), key.as_bytes()), expected, "`{}` on `{}`", pattern, key);
            if takes_every_key(&pattern) {
                prop_assert!(expected);
            }
        }
    }

    fn table<const N: usize>(fields: [(&str, Value); N]) -> Table {
        fields.into_iter().collect()
    }

    fn fit(arguments: &Table, headers: &Table) -> Fit {
        let [older, newer] = [false, true].map(|exactly| headers_fit(arguments, Some(headers), Some(exactly)));
        assert_eq!(older, newer, "the versions agree on this");
        older
    }

    #[test]
    fn all_wants_every_argument_and_any_wants_one() {
        let both = table([("a", Value::I64(1)), ("b", "x".into())]);
        let one = table([("a", Value::I64(1)), ("b", "y".into())]);
        let mut all = table([("x-match", "all".into()), ("a", Value::I64(1)), ("b", "x".into())]);
        assert_eq!((fit(&all, &both), fit(&all, &one)), (Fit::Yes, Fit::No));
        all.set("x-match", "any");
        assert_eq!((fit(&all, &one), fit(&all, &Table::new())), (Fit::Yes, Fit::No));
        all.remove("x-match");
        assert_eq!(fit(&all, &one), Fit::No, "all is what holds without x-match");
    }

    #[test]
    fn without_a_condition_all_takes_everything_and_any_nothing() {
        for (mode, expected) in [("all", Fit::Yes), ("any", Fit::No), ("all-with-x", Fit::Yes), ("any-with-x", Fit::No)]
        {
            assert_eq!(fit(&table([("x-match", mode.into())]), &table([("a", Value::I64(1))])), expected, "{mode}");
        }
    }

    #[test]
    fn names_that_begin_with_x_count_only_where_it_says_so() {
        let headers = table([("x-kind", "a".into())]);
        let binding = |mode: &str, kind: &str| table([("x-match", mode.into()), ("x-kind", kind.into())]);
        assert_eq!(fit(&binding("all", "b"), &headers), Fit::Yes, "left out");
        assert_eq!(fit(&binding("any", "a"), &headers), Fit::No, "left out");
        assert_eq!(fit(&binding("all-with-x", "b"), &headers), Fit::No);
        assert_eq!(fit(&binding("any-with-x", "a"), &headers), Fit::Yes);
    }

    #[test]
    fn void_asks_for_presence_and_the_apis_word_for_it_may_mean_either() {
        let void = table([("a", Value::Void)]);
        assert_eq!(fit(&void, &table([("a", Value::I64(5))])), Fit::Yes);
        assert_eq!(fit(&void, &table([("b", Value::I64(5))])), Fit::No);
        let word = table([("a", "undefined".into())]);
        assert_eq!(fit(&word, &table([("a", Value::I64(5))])), Fit::Perhaps);
        assert_eq!(fit(&word, &table([("a", "undefined".into())])), Fit::Yes);
        assert_eq!(fit(&word, &Table::new()), Fit::No);
    }

    #[test]
    fn one_condition_may_decide_whatever_is_open_besides() {
        let headers = table([("a", Value::I64(1)), ("b", Value::I64(2)), ("c", Value::I64(3))]);
        for (mode, deciding, expected) in
            [("any", 2, Fit::Yes), ("all", 9, Fit::No), ("any", 9, Fit::Perhaps), ("all", 2, Fit::Perhaps)]
        {
            let open = || Value::from("undefined");
            let binding = table([("x-match", mode.into()), ("a", open()), ("b", Value::I64(deciding)), ("c", open())]);
            assert_eq!(fit(&binding, &headers), expected, "{mode} {deciding}");
        }
    }

    #[test]
    fn values_are_compared_without_their_types() {
        let holds = |wanted: Value, found: Value| fit(&table([("a", wanted)]), &table([("a", found)]));
        assert_eq!(holds(Value::I64(7), Value::U8(7)), Fit::Yes);
        assert_eq!(holds(Value::I64(7), Value::I32(8)), Fit::No);
        assert_eq!(holds("x".into(), Value::Bytes(b"x".to_vec())), Fit::Yes);
        assert_eq!(holds("1".into(), Value::I64(1)), Fit::No);
        assert_eq!(holds("true".into(), Value::Bool(true)), Fit::No);
        assert_eq!(holds(Value::Bool(true), Value::Bool(true)), Fit::Yes);
        assert_eq!(holds(Value::F64(0.5_f64.to_bits()), Value::F32(0.5_f32.to_bits())), Fit::Yes);
        assert_eq!(holds(Value::F64(0.5_f64.to_bits()), Value::F64(f64::NAN.to_bits())), Fit::Perhaps);
        assert_eq!(holds("Not UTF-8, base64 is: /wA=".into(), Value::Text(vec![255, 0])), Fit::Perhaps);
        assert_eq!(holds(Value::Array(vec![Value::I64(1)]), Value::Array(vec![Value::I64(1)])), Fit::Perhaps);
    }

    #[test]
    fn newer_brokers_compare_more_strictly_and_count_timestamps_in_milliseconds() {
        let fits = |wanted: Value, found: Value, exactly| {
            headers_fit(&table([("a", wanted)]), Some(&table([("a", found)])), exactly)
        };
        let one = || Value::F64(1_f64.to_bits());
        assert_eq!(fits(Value::I64(1), one(), Some(false)), Fit::Yes);
        assert_eq!(fits(Value::I64(1), one(), Some(true)), Fit::No);
        assert_eq!(fits(Value::I64(1), one(), None), Fit::Perhaps);
        assert_eq!(fits(Value::I64(2), one(), None), Fit::No);
        let two_to_53 = || Value::F64(9_007_199_254_740_992_f64.to_bits());
        assert_eq!(fits(Value::I64(9_007_199_254_740_993), two_to_53(), Some(false)), Fit::No, "not rounded");
        let [zero, minus_zero] = [0.0_f64, -0.0].map(|zero| Value::F64(zero.to_bits()));
        assert_eq!(fits(zero.clone(), minus_zero.clone(), Some(false)), Fit::Yes);
        assert_eq!(fits(zero, minus_zero, Some(true)), Fit::No);
        assert_eq!(fits(Value::I64(9), Value::Timestamp(9), Some(false)), Fit::Yes);
        assert_eq!(fits(Value::I64(9), Value::Timestamp(9), Some(true)), Fit::No);
        assert_eq!(fits(Value::I64(9000), Value::Timestamp(9), Some(true)), Fit::Yes);
    }

    #[test]
    fn unknown_headers_leave_every_condition_open() {
        let binding = table([("a", Value::I64(1))]);
        assert_eq!(headers_fit(&binding, None, Some(true)), Fit::Perhaps);
        assert_eq!(headers_fit(&Table::new(), None, Some(true)), Fit::Yes);
    }
}
