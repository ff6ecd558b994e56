//! A body as text: what it is, found from its bytes, and indented where that changes nothing but white space.

use rusqlite::Connection;

use super::preview::text_of;
use super::{BodyFormat, BodyView, file, json, xml};

/// Bytes of a body that are given at once.
pub(super) const SHOWN_MAX: usize = 1024 * 1024;
/// Indented text may become so much larger; deep nesting grows with its square.
const INDENTED_MAX: usize = 4 * 1024 * 1024;
/// Brackets inside each other, above which a reader of the text may break.
const NESTED_MAX: usize = 128;
const STEP: &str = "  ";

/// Text that is being indented, with a bound.
#[derive(Debug, Default)]
pub(super) struct Indented(String);

impl Indented {
    pub(super) fn push(&mut self, part: &str) -> Option<()> {
        if self.0.len() + part.len() > INDENTED_MAX {
            return None;
        }
        self.0.push_str(part);
        Some(())
    }

    pub(super) fn new_line(&mut self, depth: usize) -> Option<()> {
        if self.0.len() + 1 + depth * STEP.len() > INDENTED_MAX {
            return None;
        }
        self.0.push('\n');
        self.0.extend(std::iter::repeat_n(STEP, depth));
        Some(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// `len` bytes of a body from there on, fewer at its end, and how many it has in all. `None`: there is no such message.
pub(super) fn read_part(
    connection: &Connection,
    n: u64,
    from: u64,
    len: usize,
) -> rusqlite::Result<Option<(Vec<u8>, u64)>> {
    let exists = "SELECT EXISTS (SELECT 1 FROM body WHERE n = ?1)";
    if !connection.query_row(exists, [n], |row| row.get::<_, bool>(0))? {
        return Ok(None);
    }
    if file::is_sealed(connection)? {
        return opened_part(connection, n, from, len).map(Some);
    }
    let row = i64::try_from(n).map_err(|error| crate::store::unreadable(error.into()))?;
    // Read in place: a query would bring a body of any size into memory whole.
    let blob = connection.blob_open("main", "body", "body", row, true)?;
    let total = blob.len();
    let from = usize::try_from(from).unwrap_or(total).min(total);
    let mut part = vec![0; len.min(total - from)];
    blob.read_at_exact(&mut part, from)?;
    Ok(Some((part, total as u64)))
}

/// A sealed body is opened whole, and a part of it given.
fn opened_part(connection: &Connection, n: u64, from: u64, len: usize) -> rusqlite::Result<(Vec<u8>, u64)> {
    let body: Vec<u8> = connection.query_row("SELECT body FROM body WHERE n = ?1", [n], |row| row.get(0))?;
    let from = usize::try_from(from).unwrap_or(body.len()).min(body.len());
    let end = from.saturating_add(len).min(body.len());
    Ok((body[from..end].to_vec(), body.len() as u64))
}

/// What to show of a body that begins with these bytes, at most [`SHOWN_MAX`], and has so many in all.
pub(crate) fn shown(start: &[u8], bytes_total: u64) -> BodyView {
    let cut = (start.len() as u64) < bytes_total;
    if bytes_total == 0 {
        return view(BodyFormat::Empty, String::new(), false, None, 0, 0);
    }
    let Some(text) = text_of(start, cut) else {
        return view(BodyFormat::Binary, String::new(), false, None, bytes_total, 0);
    };
    let bytes_shown = text.len() as u64;
    let (format, indented, note) = if cut { cut_off(text) } else { whole(text) };
    let is_indented = indented.is_some();
    view(format, indented.unwrap_or_else(|| text.to_owned()), is_indented, note, bytes_total, bytes_shown)
}

fn view(
    format: BodyFormat,
    text: String,
    indented: bool,
    note: Option<String>,
    bytes_total: u64,
    bytes_shown: u64,
) -> BodyView {
    BodyView { format, text, indented, note, bytes_total, bytes_shown }
}

type Found = (BodyFormat, Option<String>, Option<String>);

fn cut_off(text: &str) -> Found {
    if json::verdict(text) == json::Verdict::Start && json::nesting(text) <= NESTED_MAX {
        let note = "larger than 1 MiB: its start is shown as it was sent".to_owned();
        return (BodyFormat::Json, None, Some(note));
    }
    (BodyFormat::Text, None, None)
}

fn whole(text: &str) -> Found {
    if json::verdict(text) == json::Verdict::Json {
        if json::nesting(text) > NESTED_MAX {
            let note = format!("nested deeper than {NESTED_MAX}: shown as it was sent");
            return (BodyFormat::Text, None, Some(note));
        }
        return indented_or_noted(BodyFormat::Json, json::indent(text));
    }
    match xml::read(text) {
        xml::Read::Xml(indented) => indented_or_noted(BodyFormat::Xml, indented),
        xml::Read::No => (BodyFormat::Text, None, None),
    }
}

fn indented_or_noted(format: BodyFormat, indented: Option<String>) -> Found {
    let note = indented.is_none().then(|| "too large when indented: shown as it was sent".to_owned());
    (format, indented, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &[u8]) -> BodyView {
        shown(&body[..body.len().min(SHOWN_MAX)], body.len() as u64)
    }

    #[test]
    fn the_format_is_found_from_the_bytes() {
        let cases: [(&[u8], BodyFormat); 9] = [
            (b"", BodyFormat::Empty),
            (b"{\"a\":1}", BodyFormat::Json),
            (b" [1, 2] ", BodyFormat::Json),
            (b"[info] hello", BodyFormat::Text),
            (b"<a><b/></a>", BodyFormat::Xml),
            (b"<html><br></html>", BodyFormat::Text),
            (b"plain", BodyFormat::Text),
            (b"a\0b", BodyFormat::Binary),
            (&[0xff, 0xd8, 0xff], BodyFormat::Binary),
        ];
        for (body, format) in cases {
            assert_eq!(of(body).format, format, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_large_body_is_shown_up_to_a_mebibyte_and_never_cut_inside_a_character() {
        let body = format!("x{}", "é".repeat(SHOWN_MAX));
        let view = of(body.as_bytes());
        assert_eq!((view.format, view.indented), (BodyFormat::Text, false));
        assert_eq!(view.bytes_total, body.len() as u64);
        assert_eq!(view.bytes_shown, SHOWN_MAX as u64 - 1);
        assert!(body.starts_with(&view.text));

        let json = format!("[{}]", "\"abc\",".repeat(SHOWN_MAX));
        let view = of(json.as_bytes());
        assert_eq!((view.format, view.indented), (BodyFormat::Json, false));
        assert!(view.note.is_some_and(|note| note.contains("larger than 1 MiB")));
    }

    #[test]
    fn json_nested_ten_thousand_deep_is_shown_as_sent() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let body = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            let view = of(body.as_bytes());
            assert_eq!((view.format, view.indented, view.text.as_str()), (BodyFormat::Text, false, body.as_str()));
            assert_eq!(view.note.as_deref(), Some("nested deeper than 128: shown as it was sent"));
        }
    }

    #[test]
    fn what_would_grow_too_large_is_shown_as_sent() {
        let body = format!("{}{}{}", "[".repeat(100), "1,".repeat(100_000) + "1", "]".repeat(100));
        let view = of(body.as_bytes());
        assert_eq!((view.format, view.indented, view.text.as_str()), (BodyFormat::Json, false, body.as_str()));
        assert!(view.note.is_some_and(|note| note.contains("too large when indented")));
    }
}
