//! Looking for a text in the messages of all captures. What is found is told as it is found.

use std::sync::Arc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{MessageRow, file, preview};
use crate::store::CaptureRecord;
use crate::{CaptureId, Error, ProfileId, Result, Workbench};

/// Messages that one search gives; behind the last of them it does not look.
const HITS_MAX: u64 = 500;
/// Of the text, in characters.
const TEXT_MAX: usize = 200;
/// Messages between two words about how far it has come.
const STEP_MESSAGES: u64 = 200;

/// A text to look for.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct SearchAsk {
    /// In the captures of that profile and in files of nobody; `None`: in all.
    pub profile: Option<ProfileId>,
    /// Anywhere in a body; Latin letters in upper and lower case alike.
    pub text: String,
}

/// A message that holds the text.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct SearchHit {
    pub capture: CaptureId,
    pub row: MessageRow,
    /// The first place that holds it, as the body writes it, with a few characters on both sides.
    pub before: String,
    pub found: String,
    pub after: String,
}

/// How far a search has come, and what it found since it last said so.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct SearchStep {
    pub hits: Vec<SearchHit>,
    #[specta(type = u32)]
    pub searched: u64,
    #[specta(type = u32)]
    pub of: u64,
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct SearchEnd {
    #[specta(type = u32)]
    pub searched: u64,
    #[specta(type = u32)]
    pub of: u64,
    #[specta(type = u32)]
    pub found: u64,
    /// It ended because it had found as many as one search gives.
    pub cut: bool,
    /// Captures that could not be read, and why.
    pub unread: Vec<String>,
}

impl Workbench {
    /// Looks for a text in every body of the captures that are listed, newest capture first; `told` hears of each part.
    /// One body is in memory at a time. It ends when 500 messages were found.
    ///
    /// Fails with [`Error::Invalid`] where there is no text, and with [`Error::Cancelled`].
    pub async fn search_captures(
        &self,
        ask: SearchAsk,
        cancel: CancellationToken,
        told: impl Fn(SearchStep) + Send + Sync + 'static,
    ) -> Result<SearchEnd> {
        if ask.text.trim().is_empty() || ask.text.chars().count() > TEXT_MAX {
            return Err(Error::Invalid { why: format!("a text to look for has 1 to {TEXT_MAX} characters") });
        }
        let mut records = self.inner.store.read(CaptureRecord::all).await?;
        records.retain(|record| ask.profile.is_none_or(|profile| record.is_of(profile)));
        let of = records.iter().map(|record| record.counted.messages).sum();
        let mut end = SearchEnd { searched: 0, of, found: 0, cut: false, unread: Vec::new() };
        // Whoever stops waiting stops the search too.
        let stop = cancel.child_token();
        let waited_for = stop.clone().drop_guard();
        let told = Arc::new(told);
        for record in records {
            let mut part = Part {
                capture: record.id,
                text: ask.text.clone(),
                stop: stop.clone(),
                room: HITS_MAX - end.found,
                searched: end.searched,
                of,
                hits: Vec::new(),
                told: Arc::clone(&told),
            };
            match self.inner.captures.read(record.id, move |connection| part.search(connection)).await {
                Ok((searched, found)) => {
                    end.searched = searched;
                    end.found += found;
                }
                Err(error) => end.unread.push(format!("{}: {error}", record.queue)),
            }
            if stop.is_cancelled() {
                return Err(Error::Cancelled);
            }
            end.cut = end.found >= HITS_MAX;
            if end.cut {
                break;
            }
        }
        drop(waited_for);
        Ok(end)
    }
}

/// The search of one capture.
struct Part<F> {
    capture: CaptureId,
    text: String,
    stop: CancellationToken,
    /// Messages that may still be found.
    room: u64,
    searched: u64,
    of: u64,
    /// Found and not told yet.
    hits: Vec<SearchHit>,
    told: Arc<F>,
}

impl<F: Fn(SearchStep)> Part<F> {
    /// How many are searched now, and how many it found.
    fn search(&mut self, connection: &Connection) -> rusqlite::Result<(u64, u64)> {
        let mut statement = connection.prepare("SELECT n, body FROM body ORDER BY n")?;
        let mut rows = statement.query([])?;
        let mut found = 0;
        while let Some(row) = rows.next()? {
            if self.stop.is_cancelled() || found >= self.room {
                break;
            }
            let body = row.get_ref(1)?.as_blob()?;
            if let Some(place) = preview::find(body, self.text.as_bytes()) {
                found += 1;
                let hit = self.hit(connection, row.get(0)?, body, place)?;
                self.hits.extend(hit);
            }
            self.searched += 1;
            if self.searched.is_multiple_of(STEP_MESSAGES) {
                self.tell();
            }
        }
        self.tell();
        Ok((self.searched, found))
    }

    fn hit(&self, connection: &Connection, n: u64, body: &[u8], place: usize) -> rusqlite::Result<Option<SearchHit>> {
        let Some(row) = file::row(connection, n)? else { return Ok(None) };
        let [before, found, after] = preview::around(body, place, self.text.len());
        Ok(Some(SearchHit { capture: self.capture, row, before, found, after }))
    }

    fn tell(&mut self) {
        let hits = std::mem::take(&mut self.hits);
        (self.told)(SearchStep { hits, searched: self.searched, of: self.of });
    }
}
