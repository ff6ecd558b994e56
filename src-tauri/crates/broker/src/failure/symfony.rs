//! Symfony Messenger keeps the exception in a stamp of the envelope: as JSON in a header, or serialised by PHP in the
//! body, which is searched and never unserialised.

use serde::Deserialize;

use super::{Failure, message, name};

pub(super) const STAMP_HEADER: &str = "X-Message-Stamp-Symfony\\Component\\Messenger\\Stamp\\ErrorDetailsStamp";
const STAMP: &[u8] = b"ErrorDetailsStamp";
/// Of the body: stamps stand before the message.
const SEARCHED_MAX: usize = 256 * 1024;
/// Bytes of one serialised text that are read.
const TEXT_MAX: usize = 8 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stamp {
    exception_class: Option<String>,
    exception_message: Option<String>,
}

/// From the stamp as JSON: a list, of which the last one tells the newest failure.
pub(super) fn from_stamp(json: &str) -> Option<Failure> {
    let stamps: Vec<Stamp> = serde_json::from_str(json).ok()?;
    let stamp = stamps.into_iter().next_back()?;
    failure(stamp.exception_class.as_deref(), stamp.exception_message.as_deref())
}

/// From an envelope that PHP serialised, and whose quotes Symfony escapes.
pub(super) fn from_body(body: &[u8]) -> Option<Failure> {
    let body = &body[..body.len().min(SEARCHED_MAX)];
    if !body.starts_with(b"O:") || !contains(body, b"Messenger") {
        return None;
    }
    // Each failure adds a stamp behind the others.
    let last = rfind(body, b"exceptionClass")?;
    if !contains(&body[..last], STAMP) {
        return None;
    }
    let class = text_behind(&body[last..], b"exceptionClass");
    let said = text_behind(&body[last..], b"exceptionMessage");
    failure(class.as_deref(), said.as_deref())
}

fn failure(class: Option<&str>, said: Option<&str>) -> Option<Failure> {
    let (exception, message) = (class.and_then(name), said.and_then(message));
    if exception.is_none() && message.is_none() {
        return None;
    }
    Some(Failure { by: "Symfony Messenger", exception, message, ..Failure::default() })
}

/// The text that is serialised behind the name of a field: `…";s:5:"hello";`, with or without escaped quotes.
fn text_behind(bytes: &[u8], field: &[u8]) -> Option<String> {
    let start = find(bytes, field)? + field.len();
    let mut rest = Unescaped { bytes: &bytes[start..], at: 0 };
    for wanted in b"\";s:" {
        (rest.next()? == *wanted).then_some(())?;
    }
    let mut length = 0usize;
    loop {
        match rest.next()? {
            digit @ b'0'..=b'9' => length = length.checked_mul(10)?.checked_add(usize::from(digit - b'0'))?,
            b':' => break,
            _ => return None,
        }
    }
    (rest.next()? == b'"').then_some(())?;
    let text: Vec<u8> = rest.take(length.min(TEXT_MAX)).collect();
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Bytes with the escapes of `addslashes` taken back. A text that was not escaped holds no escapes to take back but in
/// names of classes, where a single one stands between names and is kept.
struct Unescaped<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        let next = self.bytes.get(self.at + 1);
        let (given, taken) = match (byte, next) {
            (b'\\', Some(escaped @ (b'"' | b'\'' | b'\\'))) => (*escaped, 2),
            (b'\\', Some(b'0')) => (0, 2),
            _ => (byte, 1),
        };
        self.at += taken;
        Some(given)
    }
}

pub(super) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    find(bytes, part).is_some()
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn rfind(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).rposition(|window| window == part)
}
