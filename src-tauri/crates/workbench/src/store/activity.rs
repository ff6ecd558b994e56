//! The table of the activity log: only ever appended to. A line that says "running" or "in doubt" is completed.

use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};

use super::{parsed, time, unworded, worded};
use crate::activity::ActivityRow;
use crate::{ActivityAsk, ActivityId, ActivityPage, Outcome};

/// For how long lines are kept, in days.
const KEPT_DAYS: i64 = 366;
/// Lines in one page.
const PAGE_MAX: u32 = 500;

pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE activity (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    act TEXT NOT NULL,
    profile TEXT,
    profile_name TEXT NOT NULL,
    place TEXT NOT NULL,
    messages INTEGER,
    outcome TEXT NOT NULL,
    words TEXT NOT NULL,
    by TEXT NOT NULL,
    broker_user TEXT NOT NULL,
    confirmed TEXT NOT NULL,
    job TEXT,
    capture TEXT
) STRICT;
CREATE INDEX activity_at ON activity (at, id);
CREATE TRIGGER activity_is_not_rewritten BEFORE UPDATE ON activity WHEN OLD.outcome NOT IN ('running', 'inDoubt')
BEGIN SELECT RAISE(ABORT, 'a line of the activity log is not rewritten'); END;
"];

impl ActivityRow {
    pub(crate) fn add(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute(
            "INSERT INTO activity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                self.id.to_string(),
                self.at.as_microsecond(),
                worded(&self.act),
                self.profile.map(|id| id.to_string()),
                self.profile_name,
                self.place,
                self.messages,
                worded(&self.outcome),
                self.words,
                self.by,
                self.broker_user,
                self.confirmed,
                self.job.map(|id| id.to_string()),
                self.capture.map(|id| id.to_string()),
            ],
        )?;
        Ok(())
    }

    /// Completes a line that says "running" or "in doubt". Whether there was one.
    pub(crate) fn complete(
        transaction: &Transaction<'_>,
        id: ActivityId,
        outcome: Outcome,
        words: &str,
        messages: Option<u64>,
    ) -> rusqlite::Result<bool> {
        let changed = transaction.execute(
            "UPDATE activity SET outcome = ?2, words = ?3, messages = coalesce(?4, messages)
             WHERE id = ?1 AND outcome IN ('running', 'inDoubt')",
            params![id.to_string(), worded(&outcome), words, messages],
        )?;
        Ok(changed == 1)
    }

    /// Forgets what is older than a year.
    pub(crate) fn prune(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
        let since = now.checked_sub((KEPT_DAYS * 24).hours()).unwrap_or(Timestamp::MIN);
        transaction.execute("DELETE FROM activity WHERE at < ?1", [since.as_microsecond()])?;
        Ok(())
    }

    /// The account and the program that did it; `None`: the line is too old to be kept.
    pub(crate) fn by(connection: &Connection, id: ActivityId) -> rusqlite::Result<Option<String>> {
        let mut statement = connection.prepare_cached("SELECT by FROM activity WHERE id = ?1")?;
        statement.query_row([id.to_string()], |row| row.get(0)).optional()
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        fn id<T: std::str::FromStr<Err = uuid::Error>>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
            row.get::<_, Option<String>>(column)?.map(|text| parsed(&text)).transpose()
        }
        Ok(Self {
            id: parsed(&row.get::<_, String>("id")?)?,
            at: time(row.get("at")?)?,
            act: unworded(row.get("act")?)?,
            profile: id(row, "profile")?,
            profile_name: row.get("profile_name")?,
            place: row.get("place")?,
            messages: row.get("messages")?,
            outcome: unworded(row.get("outcome")?)?,
            words: row.get("words")?,
            by: row.get("by")?,
            broker_user: row.get("broker_user")?,
            confirmed: row.get("confirmed")?,
            job: id(row, "job")?,
            capture: id(row, "capture")?,
        })
    }
}

impl ActivityPage {
    /// Newest first.
    pub(crate) fn read(connection: &Connection, ask: &ActivityAsk) -> rusqlite::Result<Self> {
        let (condition, values) = condition(ask);
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        let count = format!("SELECT count(*) FROM activity WHERE {condition}");
        let total = connection.prepare_cached(&count)?.query_row(values.as_slice(), |row| row.get(0))?;
        let (n, from) = (ask.n.min(PAGE_MAX), ask.from);
        let sql = format!("SELECT * FROM activity WHERE {condition} ORDER BY at DESC, id DESC LIMIT {n} OFFSET {from}");
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map(values.as_slice(), ActivityRow::from_row)?.collect::<Result<_, _>>()?;
        Ok(Self { total, from, rows })
    }
}

fn condition(ask: &ActivityAsk) -> (String, Vec<String>) {
    let (mut parts, mut values) = (vec!["true".to_owned()], Vec::new());
    let filter = ask.filter.trim().to_lowercase();
    if !filter.is_empty() {
        values.push(filter);
        let columns = ["place", "words", "act", "profile_name"];
        parts.push(format!("({})", columns.map(|column| format!("instr(lower({column}), ?1) > 0")).join(" OR ")));
    }
    if let Some(profile) = ask.profile {
        values.push(profile.to_string());
        parts.push(format!("profile = ?{}", values.len()));
    }
    if ask.only_open {
        parts.push(format!("outcome IN ('{}', '{}')", worded(&Outcome::Running), worded(&Outcome::InDoubt)));
    }
    (parts.join(" AND "), values)
}
