//! The table that lists captures; what is in them is in a file each.

use std::collections::HashMap;

use broker::QueueName;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{parsed, time, unworded, worded};
use crate::{CaptureId, CaptureSource, ProfileId};

pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE capture (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    profile TEXT NOT NULL,
    profile_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    queue TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    of INTEGER,
    -- Set: a snapshot.
    name TEXT,
    note TEXT NOT NULL DEFAULT '',
    -- These four are what the file held when it was last counted.
    state TEXT NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    only_here INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    held TEXT
) STRICT;
CREATE INDEX capture_made_at ON capture (made_at);
",
    "
-- Heads and bodies are encrypted in its file.
ALTER TABLE capture ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
",
];

/// What is known of a capture without opening its file.
///
/// Its serialised form is in the file too, so that a capture can stand alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CaptureRecord {
    pub(crate) id: CaptureId,
    pub(crate) source: CaptureSource,
    pub(crate) profile: ProfileId,
    pub(crate) profile_name: String,
    /// The kind of broker; empty where that is not known any more.
    pub(crate) kind: String,
    pub(crate) queue: QueueName,
    pub(crate) made_at: Timestamp,
    pub(crate) of: Option<u64>,
    pub(crate) name: Option<String>,
    pub(crate) note: String,
    pub(crate) state: CaptureState,
    #[serde(skip)]
    pub(crate) counted: Counted,
    pub(crate) outcome: String,
    /// Heads and bodies are encrypted in its file.
    #[serde(default)]
    pub(crate) sealed: bool,
    /// Why it may not be removed now, apart from messages that exist only in it.
    #[serde(skip)]
    pub(crate) held: Option<String>,
}

/// Where a capture is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CaptureState {
    Writing,
    Whole,
    /// The program ended while it was being written.
    CutShort,
}

/// What a capture's file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) messages: u64,
    /// Messages that exist nowhere else.
    pub(crate) only_here: u64,
    pub(crate) bytes: u64,
}

impl CaptureRecord {
    /// What stands for the profile of messages that no connection of this computer read.
    pub(crate) const NO_PROFILE: Uuid = Uuid::nil();

    /// Whether it is listed with that profile: its own, and what came from a file and is of none.
    pub(crate) fn is_of(&self, profile: ProfileId) -> bool {
        self.profile == profile || self.profile == Self::NO_PROFILE.into()
    }

    pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let mut statement = connection.prepare_cached("SELECT * FROM capture ORDER BY made_at DESC, id DESC")?;
        statement.query_map([], Self::from_row)?.collect()
    }

    /// Whether heads and bodies of it are encrypted.
    pub(crate) fn is_sealed(connection: &Connection, id: CaptureId) -> rusqlite::Result<bool> {
        let mut statement = connection.prepare_cached("SELECT sealed FROM capture WHERE id = ?1")?;
        Ok(statement.query_row([id.to_string()], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    pub(crate) fn any_sealed(connection: &Connection) -> rusqlite::Result<bool> {
        connection.query_row("SELECT EXISTS (SELECT 1 FROM capture WHERE sealed)", [], |row| row.get(0))
    }

    /// When the last job ended that has its copies in a capture, by capture.
    pub(crate) fn ends_of_jobs(connection: &Connection) -> rusqlite::Result<HashMap<CaptureId, Timestamp>> {
        let sql = "SELECT capture, max(ended_at) FROM job WHERE capture IS NOT NULL AND ended_at IS NOT NULL GROUP BY capture";
        let mut statement = connection.prepare_cached(sql)?;
        let ends = statement.query_map([], |row| Ok((parsed(&row.get::<_, String>(0)?)?, time(row.get(1)?)?)))?;
        ends.collect()
    }

    pub(crate) fn find(connection: &Connection, id: CaptureId) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare_cached("SELECT * FROM capture WHERE id = ?1")?;
        statement.query_row([id.to_string()], Self::from_row).optional()
    }

    pub(crate) fn add(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute(
            "INSERT OR IGNORE INTO capture (id, source, profile, profile_name, kind, queue, made_at, of, name, note,
                 state, messages, only_here, bytes, outcome, held, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                self.id.to_string(),
                worded(&self.source),
                self.profile.to_string(),
                self.profile_name,
                self.kind,
                self.queue.as_str(),
                self.made_at.as_microsecond(),
                self.of,
                self.name,
                self.note,
                worded(&self.state),
                self.counted.messages,
                self.counted.only_here,
                self.counted.bytes,
                self.outcome,
                self.held,
                self.sealed,
            ],
        )?;
        Ok(())
    }

    /// It is written no more.
    pub(crate) fn settle(
        transaction: &Transaction<'_>,
        id: CaptureId,
        state: CaptureState,
        counted: Counted,
        outcome: Option<&str>,
    ) -> rusqlite::Result<()> {
        transaction.execute(
            "UPDATE capture SET state = ?2, messages = ?3, only_here = ?4, bytes = ?5, outcome = coalesce(?6, outcome)
             WHERE id = ?1",
            params![id.to_string(), worded(&state), counted.messages, counted.only_here, counted.bytes, outcome],
        )?;
        Ok(())
    }

    pub(crate) fn set_state(transaction: &Transaction<'_>, id: CaptureId, state: CaptureState) -> rusqlite::Result<()> {
        transaction.execute("UPDATE capture SET state = ?2 WHERE id = ?1", [id.to_string(), worded(&state)])?;
        Ok(())
    }

    pub(crate) fn count(transaction: &Transaction<'_>, id: CaptureId, counted: Counted) -> rusqlite::Result<()> {
        transaction.execute(
            "UPDATE capture SET messages = ?2, only_here = ?3, bytes = ?4 WHERE id = ?1",
            params![id.to_string(), counted.messages, counted.only_here, counted.bytes],
        )?;
        Ok(())
    }

    /// Whether it is there.
    pub(crate) fn set_held(transaction: &Transaction<'_>, id: CaptureId, why: Option<&str>) -> rusqlite::Result<bool> {
        let sql = "UPDATE capture SET held = ?2 WHERE id = ?1";
        Ok(transaction.execute(sql, params![id.to_string(), why])? == 1)
    }

    pub(crate) fn keep(transaction: &Transaction<'_>, id: CaptureId, name: &str, note: &str) -> rusqlite::Result<()> {
        let sql = "UPDATE capture SET name = ?2, note = ?3 WHERE id = ?1";
        transaction.execute(sql, [id.to_string().as_str(), name, note])?;
        Ok(())
    }

    /// Lists it no more, unless it is held. Whether it was done.
    pub(crate) fn delete(transaction: &Transaction<'_>, id: CaptureId) -> rusqlite::Result<bool> {
        let sql = "DELETE FROM capture WHERE id = ?1 AND held IS NULL";
        Ok(transaction.execute(sql, [id.to_string()])? == 1)
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: parsed(&row.get::<_, String>("id")?)?,
            source: unworded(row.get("source")?)?,
            profile: parsed(&row.get::<_, String>("profile")?)?,
            profile_name: row.get("profile_name")?,
            kind: row.get("kind")?,
            queue: row.get::<_, String>("queue")?.into(),
            made_at: time(row.get("made_at")?)?,
            of: row.get("of")?,
            name: row.get("name")?,
            note: row.get("note")?,
            state: unworded(row.get("state")?)?,
            counted: Counted {
                messages: row.get("messages")?,
                only_here: row.get("only_here")?,
                bytes: row.get("bytes")?,
            },
            outcome: row.get("outcome")?,
            sealed: row.get("sealed")?,
            held: row.get("held")?,
        })
    }
}
