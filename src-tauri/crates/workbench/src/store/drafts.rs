//! The tables of drafts, of their revisions, and of messages that are kept by name.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::de::DeserializeOwned;

use super::{Store, time, unreadable, worded};
use crate::{Draft, DraftContent, DraftId, DraftRevision, DraftRow, DraftSource, ProfileId, Result, Template};

pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE draft (
    id TEXT PRIMARY KEY,
    profile TEXT NOT NULL,
    purpose TEXT NOT NULL,
    -- The message that it was made of: its queue, and what identifies it there.
    queue TEXT,
    message_key TEXT,
    revision INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX draft_profile ON draft (profile, changed_at);
CREATE TABLE draft_revision (
    draft TEXT NOT NULL,
    revision INTEGER NOT NULL,
    written TEXT NOT NULL,
    -- A plan or a job may name it.
    planned INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (draft, revision)
) STRICT;
CREATE TABLE template (
    -- The name in lower case: two names may not differ in case only.
    name_key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;
"];

/// How keeping a draft went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    Kept,
    /// Another one kept a later revision.
    Changed,
    /// It was given up.
    Gone,
    /// So many are kept already.
    Full,
}

fn read<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(error.into()))
}

impl Draft {
    fn keep(&self, transaction: &Transaction<'_>, written: &str, drafts_max: u64) -> rusqlite::Result<Keeping> {
        let id = self.id.to_string();
        let sql = "SELECT revision FROM draft WHERE id = ?1";
        let known: Option<u32> = transaction.query_row(sql, [&id], |row| row.get(0)).optional()?;
        match known {
            None if self.revision > 1 => return Ok(Keeping::Gone),
            Some(known) if known + 1 != self.revision => return Ok(Keeping::Changed),
            _ => {}
        }
        let count = "SELECT count(*) FROM draft";
        if known.is_none() && transaction.query_row(count, [], |row| row.get::<_, u64>(0))? >= drafts_max {
            return Ok(Keeping::Full);
        }
        let source = self.source.as_ref();
        transaction.execute(
            "INSERT OR REPLACE INTO draft (id, profile, purpose, queue, message_key, revision, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id,
                self.profile.to_string(),
                worded(&self.purpose),
                source.map(|source| source.queue.as_str()),
                source.map(|source| &source.key),
                self.revision,
                self.changed_at.map(|at| at.as_microsecond()),
            ],
        )?;
        transaction.execute("DELETE FROM draft_revision WHERE draft = ?1 AND planned = 0", [&id])?;
        let sql = "INSERT INTO draft_revision (draft, revision, written) VALUES (?1, ?2, ?3)";
        transaction.execute(sql, params![id, self.revision, written])?;
        Ok(Keeping::Kept)
    }

    fn give_up(transaction: &Transaction<'_>, id: DraftId) -> rusqlite::Result<bool> {
        let id = id.to_string();
        transaction.execute("DELETE FROM draft_revision WHERE draft = ?1 AND planned = 0", [&id])?;
        Ok(transaction.execute("DELETE FROM draft WHERE id = ?1", [&id])? == 1)
    }

    /// Forgets revisions that no plan and no unsettled job names any more.
    pub(super) fn prune(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute(
            "DELETE FROM draft_revision WHERE planned = 1
                 AND NOT EXISTS (SELECT 1 FROM draft
                     WHERE draft.id = draft_revision.draft AND draft.revision = draft_revision.revision)
                 AND NOT EXISTS (SELECT 1 FROM plan
                     WHERE json_extract(plan.ask, '$.options.instead.draft') = draft_revision.draft)
                 AND NOT EXISTS (SELECT 1 FROM job
                     WHERE job.state <> 'finished' AND json_extract(job.ask, '$.options.instead.draft') = draft_revision.draft)",
            [],
        )?;
        Ok(())
    }

    fn row(row: &Row<'_>) -> rusqlite::Result<DraftRow> {
        let draft: Self = read(&row.get::<_, String>("written")?)?;
        let changed_at = time(row.get("changed_at")?)?;
        let Self { id, purpose, source, revision, content, .. } = draft;
        Ok(DraftRow { id, purpose, source, to: content.to, revision, changed_at })
    }
}

const NEWEST: &str = "SELECT written, changed_at FROM draft
     JOIN draft_revision ON draft_revision.draft = draft.id AND draft_revision.revision = draft.revision";

fn draft_from(row: &Row<'_>) -> rusqlite::Result<Draft> {
    read(&row.get::<_, String>("written")?)
}

impl Store {
    pub(crate) async fn keep_draft(&self, draft: Draft, written: String, drafts_max: u64) -> Result<Keeping> {
        self.write(move |transaction| draft.keep(transaction, &written, drafts_max)).await
    }

    /// Whether it was there.
    pub(crate) async fn give_up_draft(&self, id: DraftId) -> Result<bool> {
        self.write(move |transaction| Draft::give_up(transaction, id)).await
    }

    /// The newest revision.
    pub(crate) async fn find_draft(&self, id: DraftId) -> Result<Option<Draft>> {
        let sql = format!("{NEWEST} WHERE draft.id = ?1");
        self.read(move |connection| connection.query_row(&sql, [id.to_string()], draft_from).optional()).await
    }

    /// The edit that there is of that message.
    pub(crate) async fn draft_of(&self, profile: ProfileId, source: &DraftSource) -> Result<Option<Draft>> {
        let wanted = [profile.to_string(), source.queue.to_string(), source.key.clone()];
        let sql = format!(
            "{NEWEST} WHERE draft.purpose = 'edit' AND draft.profile = ?1 AND draft.queue = ?2 AND draft.message_key = ?3
             ORDER BY changed_at DESC LIMIT 1"
        );
        self.read(move |connection| connection.query_row(&sql, wanted, draft_from).optional()).await
    }

    /// Newest first.
    pub(crate) async fn drafts(&self, profile: ProfileId) -> Result<Vec<DraftRow>> {
        let sql = format!("{NEWEST} WHERE draft.profile = ?1 ORDER BY changed_at DESC");
        let list = move |connection: &Connection| {
            connection.prepare_cached(&sql)?.query_map([profile.to_string()], Draft::row)?.collect()
        };
        self.read(list).await
    }

    /// A revision, which is kept from now on for as long as a plan or a job needs it.
    pub(crate) async fn planned_draft(&self, wanted: DraftRevision) -> Result<Option<Draft>> {
        let key = (wanted.draft.to_string(), wanted.revision);
        let find = move |transaction: &Transaction<'_>| {
            let sql = "UPDATE draft_revision SET planned = 1 WHERE draft = ?1 AND revision = ?2 RETURNING written";
            transaction.query_row(sql, params![key.0, key.1], draft_from).optional()
        };
        self.write(find).await
    }
}

impl Template {
    /// Adds it, or replaces the one of that name. Whether there was room among so many.
    pub(crate) fn put(&self, transaction: &Transaction<'_>, templates_max: u64) -> rusqlite::Result<bool> {
        let key = self.name.to_lowercase();
        let others = "SELECT count(*) FROM template WHERE name_key <> ?1";
        if transaction.query_row(others, [&key], |row| row.get::<_, u64>(0))? >= templates_max {
            return Ok(false);
        }
        let content = serde_json::to_string(&self.content).map_err(|error| unreadable(error.into()))?;
        transaction.execute(
            "INSERT OR REPLACE INTO template (name_key, name, content, saved_at) VALUES (?1, ?2, ?3, ?4)",
            params![key, self.name, content, self.saved_at.as_microsecond()],
        )?;
        Ok(true)
    }

    pub(crate) fn names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT name FROM template ORDER BY name_key";
        connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
    }

    pub(crate) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Self>> {
        let sql = "SELECT name, content, saved_at FROM template WHERE name_key = ?1";
        let template = |row: &Row<'_>| {
            let content: DraftContent = read(&row.get::<_, String>("content")?)?;
            Ok(Self { name: row.get("name")?, content, saved_at: time(row.get("saved_at")?)? })
        };
        connection.prepare_cached(sql)?.query_row([name.to_lowercase()], template).optional()
    }

    /// Whether there was one of that name.
    pub(crate) fn delete(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
        Ok(transaction.execute("DELETE FROM template WHERE name_key = ?1", [name.to_lowercase()])? == 1)
    }
}
