//! The filter above a table of messages: `TEXT` anywhere in the body, `header.NAME=VALUE`, `body.PATH=VALUE`; several
//! joined by a space mean and; quotes hold what has spaces together.

mod condition;
mod path;

use broker::Table;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio_util::sync::CancellationToken;

use super::head::Head;
use crate::{Error, Result};
use condition::Condition;
pub(crate) use path::{json_at, path_of};

/// Conditions in one filter.
const CONDITIONS_MAX: usize = 32;

/// What a message has to fulfil to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter(Vec<Condition>);

impl Filter {
    /// Fails with [`Error::Invalid`], which names the place.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut conditions = Vec::new();
        for word in words(text)? {
            conditions.push(Condition::parse(&word)?);
        }
        if conditions.len() > CONDITIONS_MAX {
            return Err(Error::Invalid { why: format!("a filter has at most {CONDITIONS_MAX} conditions") });
        }
        Ok(Self(conditions))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers of the messages that fulfil it, rising. One body is in memory at a time.
    pub(super) fn matching(&self, connection: &Connection, stop: &CancellationToken) -> rusqlite::Result<Vec<u32>> {
        let reads_headers = self.0.iter().any(Condition::reads_headers);
        let head = if reads_headers { "head" } else { "NULL" };
        let body = if self.0.iter().any(|condition| !condition.reads_headers()) { "body" } else { "NULL" };
        let mut statement = connection.prepare(&format!("SELECT n, {head}, {body} FROM body ORDER BY n"))?;
        let mut rows = statement.query([])?;
        let mut matching = Vec::new();
        while let Some(row) = rows.next()? {
            if stop.is_cancelled() {
                break;
            }
            let headers = match row.get_ref(1)? {
                ValueRef::Text(_) => Head::read(row.get_ref(1)?.as_str()?)?.headers,
                _ => Table::new(),
            };
            let body = match row.get_ref(2)? {
                ValueRef::Blob(body) => body,
                _ => &[],
            };
            if self.0.iter().all(|condition| condition.holds(&headers, body)) {
                matching.push(row.get(0)?);
            }
        }
        Ok(matching)
    }
}

/// A word of a filter: its characters, and which of them were quoted, so that a quoted `=` is only a sign.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    /// From 1, in characters.
    place: usize,
    signs: Vec<(char, bool)>,
}

impl Word {
    fn text(&self) -> String {
        self.signs.iter().map(|(sign, _)| sign).collect()
    }
}

fn words(text: &str) -> Result<Vec<Word>> {
    let mut words: Vec<Word> = Vec::new();
    let mut current: Option<Word> = None;
    let mut quoted_since = None;
    let mut signs = text.chars().zip(1..);
    while let Some((sign, place)) = signs.next() {
        if sign == '"' {
            quoted_since = if quoted_since.is_some() { None } else { Some(place) };
            current.get_or_insert(Word { place, signs: Vec::new() });
            continue;
        }
        if sign.is_whitespace() && quoted_since.is_none() {
            words.extend(current.take());
            continue;
        }
        let sign = match sign {
            '\\' if quoted_since.is_some() => signs.next().map_or('\\', |(escaped, _)| escaped),
            plain => plain,
        };
        let word = current.get_or_insert(Word { place, signs: Vec::new() });
        word.signs.push((sign, quoted_since.is_some()));
    }
    if let Some(place) = quoted_since {
        return Err(Error::Invalid { why: format!("the quote at character {place} of the filter is not closed") });
    }
    words.extend(current);
    words.retain(|word| !word.signs.is_empty());
    Ok(words)
}

#[cfg(test)]
mod tests;
