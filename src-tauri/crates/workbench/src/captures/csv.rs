//! Messages as CSV, for spreadsheets. Not lossless: types and properties are left out, and what a spreadsheet would take for
//! a formula is changed. It cannot be imported.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::cells::inert;
use super::{Stored, head};
use crate::{Error, Result};

const COLUMNS: [&str; 8] =
    ["position", "message id", "published", "routing key", "content type", "headers", "body encoding", "body"];

/// The names of the columns, with the line's end.
pub(super) fn names() -> Result<Vec<u8>> {
    row(&COLUMNS.map(str::to_owned))
}

/// One message, with the line's end.
pub(super) fn line(stored: &Stored) -> Result<Vec<u8>> {
    let message = &stored.message;
    // A level of tables is three of brackets.
    let depth = 3 * head::nesting(&message.headers);
    let headers = head::with_room(depth, || serde_json::to_string(&message.headers));
    let (encoding, body) = match std::str::from_utf8(&message.body) {
        Ok(text) if !text.contains('\0') => ("utf8", text.to_owned()),
        _ => ("base64", BASE64.encode(&message.body)),
    };
    row(&[
        stored.n.to_string(),
        message.message_id().unwrap_or_default().to_owned(),
        message.published_at().map(|at| at.to_string()).unwrap_or_default(),
        message.routing.key.clone(),
        message.content_type().unwrap_or_default().to_owned(),
        headers.map_err(|error| Error::Invalid { why: error.to_string() })?,
        encoding.to_owned(),
        body,
    ])
}

/// Every cell is quoted, so that none ends early.
fn row(cells: &[String; COLUMNS.len()]) -> Result<Vec<u8>> {
    let unwritten = |why: String| Error::Invalid { why: format!("a message could not be written as CSV: {why}") };
    let mut writer =
        WriterBuilder::new().quote_style(QuoteStyle::Always).terminator(Terminator::CRLF).from_writer(Vec::new());
    writer
        .write_record(cells.iter().map(|cell| inert(cell).into_owned()))
        .map_err(|error| unwritten(error.to_string()))?;
    writer.into_inner().map_err(|error| unwritten(error.to_string()))
}
