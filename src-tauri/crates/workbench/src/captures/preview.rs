//! The first characters of a body, for a line in a table.

use std::fmt::Write;

/// In characters.
const PREVIEW_MAX: usize = 120;
/// Bytes shown of what is not text.
const BINARY_BYTES: usize = 24;
/// Bytes looked at: a character takes four at most, and white space is drawn together.
const LOOKED_AT: usize = 2048;

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
