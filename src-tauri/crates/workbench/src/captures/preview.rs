//! The first characters of a body, for a line in a table.

use std::fmt::Write;

/// In characters.
const PREVIEW_MAX: usize = 120;
/// Bytes shown of what is not text.
const BINARY_BYTES: usize = 24;
/// Bytes looked at: a character takes four at most, and white space is drawn together.
const LOOKED_AT: usize = 2048;
/// Shown on each side of what was found.
const AROUND_BYTES: usize = 60;

/// One line without control characters and without those that turn the direction of writing around.
pub(super) fn preview(body: &[u8]) -> String {
    let start = &body[..body.len().min(LOOKED_AT)];
    match text_of(start, start.len() < body.len()) {
        Some(text) => one_line(text),
        None => hex(start),
    }
}

/// The text of bytes that may be cut off inside a character. `None`: not text.
pub(super) fn text_of(bytes: &[u8], cut: bool) -> Option<&str> {
    if bytes.contains(&0) {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if cut && error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// Where a text begins in a body; Latin letters in upper and lower case are alike.
pub(super) fn find(body: &[u8], text: &[u8]) -> Option<usize> {
    let Some((first, rest)) = text.split_first() else { return Some(0) };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut from = 0;
    while let Some(place) = body[from..].iter().position(|byte| *byte == lower || *byte == upper) {
        let place = from + place;
        from = place + 1;
        let behind = body.get(from..from + rest.len())?;
        if behind.eq_ignore_ascii_case(rest) {
            return Some(place);
        }
    }
    None
}

/// What is before a place of a body, at it, and behind it, as one line; bytes that are no text are shown as such.
pub(super) fn around(body: &[u8], place: usize, len: usize) -> [String; 3] {
    let inside = |byte: &u8| byte & 0xc0 == 0x80;
    let end = (place + len).min(body.len());
    let before = &body[place.saturating_sub(AROUND_BYTES)..place];
    let after = &body[end..(end + AROUND_BYTES).min(body.len())];
    // Neither begins or ends inside a character.
    let before = &before[before.iter().take_while(|byte| inside(byte)).count()..];
    let cut = end + after.len() < body.len() && inside(&body[end + after.len()]);
    let whole = after.iter().rposition(|byte| !inside(byte)).unwrap_or(0);
    let after = if cut { &after[..whole] } else { after };
    [before, &body[place..end], after].map(|part| {
        let seen = |c: char| if c.is_whitespace() { Some(' ') } else { (!is_unseen(c)).then_some(c) };
        String::from_utf8_lossy(part).chars().filter_map(seen).collect()
    })
}

fn one_line(text: &str) -> String {
    let (mut line, mut length, mut gap) = (String::new(), 0, false);
    for c in text.chars() {
        if c.is_whitespace() {
            gap = length > 0;
            continue;
        }
        if is_unseen(c) {
            continue;
        }
        if length + usize::from(gap) >= PREVIEW_MAX {
            break;
        }
        if gap {
            line.push(' ');
            length += 1;
            gap = false;
        }
        line.push(c);
        length += 1;
    }
    line
}

/// Control characters, and what orders text differently from how it is stored.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{061c}' | '\u{feff}')
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(BINARY_BYTES) {
        // Writing to a string does not fail.
        if write!(text, "{byte:02x} ").is_err() {
            break;
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_harmless_line() {
        assert_eq!(preview(b"  {\r\n\t\"a\":  1\x07 }\n"), "{ \"a\": 1 }");
        assert_eq!(preview("abc\u{202e}fdp.exe\u{2066}".as_bytes()), "abcfdp.exe");
        assert_eq!(preview(b""), "");
    }

    #[test]
    fn a_preview_is_short_and_never_cuts_a_character() {
        let long = "é".repeat(5000);
        assert_eq!(preview(long.as_bytes()), "é".repeat(PREVIEW_MAX));
        let odd = format!("a{long}");
        assert_eq!(preview(odd.as_bytes()).chars().count(), PREVIEW_MAX, "the cut falls inside a character");
    }

    #[test]
    fn what_is_not_text_is_shown_as_bytes() {
        assert_eq!(preview(&[0x89, b'P', b'N', b'G', 0]), "89 50 4e 47 00");
        assert_eq!(preview(&[0xff, 0xfe]), "ff fe");
    }
}
