//! A message with holes where ids, numbers and names were, so that failures with the same cause read the same.

use serde::Serialize;

/// Characters of a message that are looked at.
const LOOKED_AT_MAX: usize = 2_000;
/// Characters of a pattern, its holes as placeholders.
const LENGTH_MAX: usize = 300;
/// Characters kept of what was in a hole.
const VALUE_MAX: usize = 80;
/// Letters and digits in a row that are an id and no word.
const TOKEN_MIN: usize = 20;
/// The same where there is no digit among them.
const LETTERS_MIN: usize = 64;
/// Hexadecimal digits in a row that are an id.
const HEX_MIN: usize = 8;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Part {
    Text {
        text: String,
    },
    /// What differs between messages of one pattern.
    Hole {
        /// What is there, to be shown where it is not the same in all: `n`, `id`, `time`, `…`.
        what: String,
        /// What was there, in all of them. `None`: not the same.
        value: Option<String>,
    },
}

/// A message as text and holes. Equal for messages that differ only in their holes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    pub parts: Vec<Part>,
}

impl Pattern {
    /// Numbers, ids, times, addresses, quoted texts and long tokens become holes; white space is drawn together.
    pub fn of(message: &str) -> Self {
        let end = message.char_indices().nth(LOOKED_AT_MAX).map_or(message.len(), |(end, _)| end);
        let mut reader = Reader { text: &message[..end], at: 0, before: None };
        let mut writer = Writer::default();
        while let Some(piece) = reader.next() {
            let room = match piece {
                Piece::Sign(sign) => writer.sign(sign),
                Piece::Hole(what, value) => writer.hole(what, value),
            };
            if !room {
                break;
            }
        }
        Self { parts: writer.finish() }
    }

    /// The same without holes: a text that is to be taken as it is.
    pub fn plain(text: &str) -> Self {
        let end = text.char_indices().nth(LENGTH_MAX).map_or(text.len(), |(end, _)| end);
        let text = text[..end].to_owned();
        Self { parts: if text.is_empty() { Vec::new() } else { vec![Part::Text { text }] } }
    }

    /// The pattern as one text with placeholders: what messages of one pattern have in common.
    pub fn key(&self) -> String {
        let mut key = String::new();
        for part in &self.parts {
            match part {
                Part::Text { text } => key.push_str(text),
                Part::Hole { what, .. } => key.extend(["{", what, "}"]),
            }
        }
        key
    }

    /// Forgets what was in those holes that hold something else there. Both have the same key.
    pub fn join(&mut self, other: &Self) {
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            if let (Part::Hole { value, .. }, Part::Hole { value: other, .. }) = (part, other)
                && value != other
            {
                *value = None;
            }
        }
    }
}

/// Collects parts up to the bound.
#[derive(Default)]
struct Writer {
    parts: Vec<Part>,
    text: String,
    length: usize,
    gap: bool,
}

impl Writer {
    /// Whether there was room for so many characters more, and one for the sign that says that there was not.
    fn room(&mut self, more: usize) -> bool {
        let gap = usize::from(self.gap && self.length > 0);
        if self.length + gap + more >= LENGTH_MAX {
            self.text.push('…');
            self.gap = false;
            return false;
        }
        if gap == 1 {
            self.text.push(' ');
        }
        self.gap = false;
        self.length += gap + more;
        true
    }

    fn sign(&mut self, sign: char) -> bool {
        if sign.is_whitespace() || sign.is_control() {
            self.gap = true;
            return true;
        }
        let room = self.room(1);
        if room {
            self.text.push(sign);
        }
        room
    }

    fn hole(&mut self, what: &str, value: &str) -> bool {
        if !self.room(what.chars().count() + 2) {
            return false;
        }
        self.end_text();
        let mut kept: String = value.chars().filter(|c| !c.is_control()).take(VALUE_MAX + 1).collect();
        if let Some((end, _)) = kept.char_indices().nth(VALUE_MAX) {
            kept.truncate(end);
            kept.push('…');
        }
        self.parts.push(Part::Hole { what: what.to_owned(), value: Some(kept) });
        true
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(Part::Text { text: std::mem::take(&mut self.text) });
        }
    }

    fn finish(mut self) -> Vec<Part> {
        self.end_text();
        self.parts
    }
}

enum Piece<'a> {
    Sign(char),
    Hole(&'static str, &'a str),
}

/// Reads a message from its start, once.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The sign before: of a hole the one by which its placeholder ends, so that a pattern is its own pattern.
    before: Option<char>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = &self.text[self.at..];
        let sign = rest.chars().next()?;
        let (piece, length) = match hole(rest, self.before) {
            Some((what, length)) => (Piece::Hole(what, &rest[..length]), length),
            None => (Piece::Sign(sign), sign.len_utf8()),
        };
        self.before = Some(if matches!(piece, Piece::Hole(..)) { '}' } else { sign });
        self.at += length;
        Some(piece)
    }
}

/// The hole that begins here: what it is, and its length in bytes.
fn hole(rest: &str, before: Option<char>) -> Option<(&'static str, usize)> {
    let first = rest.chars().next()?;
    if let Some(length) = quoted(rest, first, before) {
        return Some(("…", length));
    }
    let in_word = before.is_some_and(is_of_word);
    if !in_word {
        let word = [("id", uuid(rest)), ("time", time(rest)), ("address", email(rest)), ("id", id(rest))];
        if let Some((what, length)) = word.into_iter().find_map(|(what, length)| Some((what, length?))) {
            return Some((what, length));
        }
    }
    let signed = !in_word && matches!(first, '-' | '+') && before.is_none_or(|c| c.is_whitespace() || c == '=');
    let length = number(&rest[usize::from(signed)..])?;
    Some(("n", length + usize::from(signed)))
}

fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

/// From a quote at the beginning of a word to its like at the end of one, both included.
fn quoted(rest: &str, first: char, before: Option<char>) -> Option<usize> {
    let closing = match first {
        '"' | '\'' | '`' => first,
        '“' => '”',
        _ => return None,
    };
    if before.is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | '[' | '{' | '=' | ':' | ',' | '<' | '$')) {
        return None;
    }
    let inside = first.len_utf8();
    rest[inside..].match_indices(closing).map(|(at, _)| inside + at + closing.len_utf8()).find(|end| {
        let after = rest[*end..].chars().next();
        after
            .is_none_or(|c| c.is_whitespace() || matches!(c, '.' | ',' | ';' | ':' | ')' | ']' | '}' | '>' | '!' | '?'))
    })
}

fn uuid(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes().get(..36)?;
    let fits = bytes.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (fits && !rest[36..].starts_with(is_of_word)).then_some(36)
}

/// A date, a date and a time, or a time with its seconds.
fn time(rest: &str) -> Option<usize> {
    let Some(date) = fits(rest, b"dddd-dd-dd") else { return clock(rest) };
    let behind = &rest[date..];
    let hours = behind.strip_prefix(['T', ' ']).and_then(clock);
    Some(date + hours.map_or(0, |hours| hours + 1))
}

fn clock(rest: &str) -> Option<usize> {
    let mut end = fits(rest, b"dd:dd:dd")?;
    if let Some(part) = rest[end..].strip_prefix(['.', ',']) {
        let digits = digits(part);
        end += if digits > 0 { digits + 1 } else { 0 };
    }
    let zone = &rest[end..];
    let offset = [&b"+dd:dd"[..], b"-dd:dd", b"+dddd", b"-dddd", b"Z"].into_iter().find_map(|zones| fits(zone, zones));
    Some(end + offset.unwrap_or(0))
}

/// Whether a text begins so; `d` stands for any digit.
fn fits(rest: &str, shape: &[u8]) -> Option<usize> {
    let start = rest.as_bytes().get(..shape.len())?;
    let fits = start.iter().zip(shape).all(|(byte, wanted)| match wanted {
        b'd' => byte.is_ascii_digit(),
        sign => byte == sign,
    });
    fits.then_some(shape.len())
}

fn digits(rest: &str) -> usize {
    rest.bytes().take_while(u8::is_ascii_digit).count()
}

fn email(rest: &str) -> Option<usize> {
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let local = rest.bytes().take_while(is_local).count();
    let domain = rest[local..].strip_prefix('@')?;
    let length = domain.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte)).count();
    let domain = domain[..length].trim_end_matches(['.', '-']);
    let is_named = domain.split_once('.').is_some_and(|(host, zone)| !host.is_empty() && !zone.is_empty());
    (local > 0 && is_named).then_some(local + 1 + domain.len())
}

/// A hexadecimal number, or letters and digits that make no word.
fn id(rest: &str) -> Option<usize> {
    let prefix = if rest.starts_with("0x") || rest.starts_with("0X") { 2 } else { 0 };
    let run = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if rest[run..].starts_with(is_of_word) {
        return None;
    }
    let word = &rest.as_bytes()[prefix..run.max(prefix)];
    let has_digit = word.iter().any(u8::is_ascii_digit);
    let has_letter = word.iter().any(u8::is_ascii_alphabetic);
    let is_hex = !word.is_empty() && word.iter().all(u8::is_ascii_hexdigit);
    let is_id = is_hex && (prefix == 2 || word.len() >= HEX_MIN && has_digit && has_letter)
        || word.len() >= TOKEN_MIN && has_digit && has_letter
        || word.len() >= LETTERS_MIN;
    is_id.then_some(run)
}

/// Digits, with the points and commas inside them.
fn number(rest: &str) -> Option<usize> {
    let mut end = digits(rest);
    if end == 0 {
        return None;
    }
    while let Some(more) = rest[end..].strip_prefix(['.', ',']).map(digits).filter(|more| *more > 0) {
        end += more + 1;
    }
    Some(end)
}
