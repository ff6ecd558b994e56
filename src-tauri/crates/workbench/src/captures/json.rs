//! Indenting JSON without changing a token of it: numbers, escapes, the order of names and repeated names stay as sent.

use super::body::Indented;
use serde::de::IgnoredAny;

/// What JSON text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Json,
    /// JSON as far as it goes.
    Start,
    No,
}

/// Whether it is JSON: one value and nothing more. A bare word or number is JSON too, but says nothing of the body.
pub(super) fn verdict(text: &str) -> Verdict {
    if !text.trim_start().starts_with(['{', '[']) {
        return Verdict::No;
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Verdict::Json,
        Err(error) if error.is_eof() => Verdict::Start,
        Err(_) => Verdict::No,
    }
}

/// Brackets inside each other, those in strings not counted.
pub(super) fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether it is one value of JSON, an object or a list.
pub(crate) fn is_json(text: &str) -> bool {
    verdict(text) == Verdict::Json
}

/// Why it is no JSON, and in which line and column: the first that is wrong.
pub(crate) fn trouble(text: &str) -> Option<(u32, u32, String)> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    let (line, column) = (error.line(), error.column());
    let place = format!(" at line {line} column {column}");
    let words = error.to_string().replace(&place, "");
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Some((number(line), number(column), format!("this is no JSON: {words}")))
}

/// Valid JSON without white space between its tokens.
pub(crate) fn compact(text: &str) -> String {
    let (mut out, bytes, mut at) = (String::with_capacity(text.len()), text.as_bytes(), 0);
    while at < bytes.len() {
        let end = token_end(bytes, at);
        if !bytes[at].is_ascii_whitespace() {
            out.push_str(&text[at..end]);
        }
        at = end;
    }
    out
}

/// Indents valid JSON. `None`: it would become larger than may be shown.
pub(crate) fn indent(text: &str) -> Option<String> {
    let mut out = Indented::default();
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while let Some(byte) = bytes.get(at) {
        let end = token_end(bytes, at);
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' | b'[' => {
                out.push(&text[at..end])?;
                let next = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
                if matches!(next, Some(b'}' | b']')) {
                    // An empty one is closed where it was opened.
                    at = end + bytes[end..].iter().position(|byte| matches!(byte, b'}' | b']')).unwrap_or(0);
                    out.push(&text[at..=at])?;
                    at += 1;
                    continue;
                }
                depth += 1;
                out.new_line(depth)?;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                out.new_line(depth)?;
                out.push(&text[at..end])?;
            }
            b',' => {
                out.push(",")?;
                out.new_line(depth)?;
            }
            b':' => out.push(": ")?,
            _ => out.push(&text[at..end])?,
        }
        at = end;
    }
    Some(out.into_text())
}

/// Where the token ends that begins there: a string with its quotes, one sign, or what runs up to the next sign.
fn token_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    match bytes[start] {
        b'"' => {
            let mut escaped = false;
            let close = rest.iter().position(|byte| match byte {
                _ if escaped => {
                    escaped = false;
                    false
                }
                b'\\' => {
                    escaped = true;
                    false
                }
                byte => *byte == b'"',
            });
            close.map_or(bytes.len(), |close| start + close + 2)
        }
        b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => start + 1,
        _ => {
            let ends = |byte: &u8| matches!(byte, b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r');
            rest.iter().position(ends).map_or(bytes.len(), |end| start + 1 + end)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

    use super::*;

    /// The text without the white space between its tokens.
    fn tokens(text: &str) -> String {
        let (mut kept, mut in_string, mut escaped) = (String::new(), false, false);
        for sign in text.chars() {
            if !in_string && sign.is_ascii_whitespace() {
                continue;
            }
            kept.push(sign);
            match sign {
                _ if escaped => escaped = false,
                '\\' if in_string => escaped = true,
                '"' => in_string = !in_string,
                _ => {}
            }
        }
        kept
    }

    fn space() -> impl Strategy<Value = String> {
        "[ \t\n\r]{0,3}"
    }

    fn string() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just("\\\"".to_owned()),
                Just("\\\\".to_owned()),
                Just("\\u0041".to_owned()),
                Just("\\ud83d\\ude00".to_owned()),
                "[a-z{}\\[\\],: é😀]{1,4}",
            ],
            0..5,
        )
        .prop_map(|parts| format!("\"{}\"", parts.concat()))
    }

    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            Just("1.50".to_owned()),
            Just("-0".to_owned()),
            Just("1E400".to_owned()),
            Just("123456789012345678901234567890.000".to_owned()),
        ]
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![string(), number(), Just("true".to_owned()), Just("null".to_owned())];
        leaf.prop_recursive(5, 60, 6, |inner| {
            let value =
                (space(), inner, space()).prop_map(|(before, value, after)| format!("{before}{value}{after}")).boxed();
            let field = (space(), string(), space(), value.clone())
                .prop_map(|(before, name, after, value)| format!("{before}{name}{after}:{value}"));
            prop_oneof![
                (proptest::collection::vec(value, 0..5), space())
                    .prop_map(|(values, space)| format!("[{space}{}]", values.join(","))),
                (proptest::collection::vec(field, 0..5), space())
                    .prop_map(|(fields, space)| format!("{{{space}{}}}", fields.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn indenting_changes_white_space_only(text in json()) {
            let indented = indent(&text).expect("it is small");
            assert_eq!(tokens(&indented), tokens(&text));
            assert_eq!(indent(&indented).as_deref(), Some(indented.as_str()), "indenting twice changes nothing");
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            indent(&text);
            nesting(&text);
            verdict(&text);
        }
    }

    #[test]
    fn names_that_repeat_and_numbers_that_no_float_holds_stay() {
        let text = r#"{"b":1.0,"a":12345678901234567890,"b":1e5,"e":{},"l":[ ]}"#;
        let indented = "{\n  \"b\": 1.0,\n  \"a\": 12345678901234567890,\n  \"b\": 1e5,\n  \"e\": {},\n  \"l\": []\n}";
        assert_eq!(indent(text).unwrap(), indented);
    }

    #[test]
    fn what_is_cut_off_is_the_start_of_json_and_what_is_not_json_is_not() {
        assert_eq!(verdict("{\"a\": [1, 2"), Verdict::Start);
        assert_eq!(verdict("[info] started"), Verdict::No);
        assert_eq!(verdict("17"), Verdict::No);
        assert_eq!(verdict(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))), Verdict::Json);
    }
}
