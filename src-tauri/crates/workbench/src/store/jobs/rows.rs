//! The messages of jobs.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};

use super::{Store, json, unjson};
use crate::jobs::row::Row;
use crate::store::{now, parsed, time, unworded, worded};
use crate::{End, JobCounts, JobId, MessageState, Result};

/// A message of a job, with what only people read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// Broker and queue (or capture) that it comes from, for messages that are sent: no other job may send the same one.
    pub(crate) place: Option<(String, String)>,
    /// Its number in the capture that it was chosen from.
    pub(crate) origin: Option<u64>,
    pub(crate) message_id: Option<String>,
    pub(crate) at: Timestamp,
    pub(crate) at_source: Option<End>,
    pub(crate) at_target: Option<End>,
}

/// Another job has the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outstanding {
    /// That job's number.
    pub(crate) number: u64,
}

impl Entry {
    pub(crate) fn new(row: Row) -> Self {
        Self { row, place: None, origin: None, message_id: None, at: now(), at_source: None, at_target: None }
    }

    pub(super) fn outstanding_elsewhere(&self, transaction: &Transaction<'_>) -> rusqlite::Result<Option<Outstanding>> {
        let Some((broker, queue)) = &self.place else { return Ok(None) };
        let mut statement = transaction.prepare_cached(
            "SELECT job FROM job_row JOIN job_place ON job_place.id = job_row.place
             WHERE broker = ?1 AND queue = ?2 AND key = ?3 AND twin = ?4 AND closed = 0
                 AND state IN ('planned', 'copied', 'publishing', 'published', 'removing', 'leftBehind', 'inDoubt')",
        )?;
        let key = self.row.key.to_string();
        let found = statement.query_row(params![broker, queue, key, self.row.twin], |row| row.get(0)).optional()?;
        Ok(found.map(|number| Outstanding { number }))
    }

    pub(super) fn add(&self, transaction: &Transaction<'_>, job: u64) -> rusqlite::Result<()> {
        write_row(transaction, job, &self.row)?;
        let place = match &self.place {
            Some((broker, queue)) => {
                transaction
                    .execute("INSERT OR IGNORE INTO job_place (broker, queue) VALUES (?1, ?2)", [broker, queue])?;
                let sql = "SELECT id FROM job_place WHERE broker = ?1 AND queue = ?2";
                Some(transaction.query_row(sql, [broker, queue], |row| row.get::<_, i64>(0))?)
            }
            None => None,
        };
        transaction.execute(
            "UPDATE job_row SET place = ?3, origin = ?4, message_id = ?5 WHERE job = ?1 AND n = ?2",
            params![job, self.row.n, place, self.origin, self.message_id],
        )?;
        Ok(())
    }

    fn from_row(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
        let end = |column: &str| -> rusqlite::Result<Option<End>> {
            row.get::<_, Option<String>>(column)?.map(|text| unjson(&text)).transpose()
        };
        Ok(Self {
            row: Row {
                n: row.get("n")?,
                key: parsed(&row.get::<_, String>("key")?)?,
                twin: row.get("twin")?,
                twins_there: row.get("twins_there")?,
                chosen: row.get("chosen")?,
                errand: unjson(&row.get::<_, String>("errand")?)?,
                state: unworded(row.get("state")?)?,
                stored: row.get("stored")?,
                target: row.get::<_, Option<String>>("target")?.map(|text| unjson(&text)).transpose()?,
                why: row.get("why")?,
                closed: row.get("closed")?,
            },
            place: None,
            origin: row.get("origin")?,
            message_id: row.get("message_id")?,
            at: time(row.get("at")?)?,
            at_source: end("at_source")?,
            at_target: end("at_target")?,
        })
    }
}

fn write_row(transaction: &Transaction<'_>, job: u64, row: &Row) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO job_row (job, n, key, twin, twins_there, chosen, errand, state, stored, target, why, closed, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (job, n) DO UPDATE SET errand = excluded.errand, state = excluded.state, stored = excluded.stored,
             target = excluded.target, why = excluded.why, closed = excluded.closed, at = excluded.at",
    )?;
    statement.execute(params![
        job,
        row.n,
        row.key.to_string(),
        row.twin,
        row.twins_there,
        row.chosen,
        json(&row.errand)?,
        worded(&row.state),
        row.stored,
        row.target.as_ref().map(json).transpose()?,
        row.why,
        row.closed,
        now().as_microsecond(),
    ])?;
    Ok(())
}

fn number_of(connection: &Connection, job: JobId) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT number FROM job WHERE id = ?1")?;
    statement.query_row([job.to_string()], |row| row.get(0))
}

impl Store {
    /// Writes messages of a job as they are now, in one commit.
    pub(crate) async fn write_rows(&self, job: JobId, rows: Vec<Row>) -> Result<()> {
        self.write(move |transaction| {
            let number = number_of(transaction, job)?;
            rows.iter().try_for_each(|row| write_row(transaction, number, row))
        })
        .await
    }

    /// Every message of a job.
    pub(crate) async fn job_entries(&self, job: JobId) -> Result<Vec<Entry>> {
        self.read(move |connection| {
            let number = number_of(connection, job)?;
            let mut statement = connection.prepare_cached("SELECT * FROM job_row WHERE job = ?1 ORDER BY n")?;
            statement.query_map([number], Entry::from_row)?.collect()
        })
        .await
    }

    /// How many of a job's chosen messages are in which state.
    pub(crate) async fn job_counts(&self, job: JobId) -> Result<JobCounts> {
        self.read(move |connection| {
            let number = number_of(connection, job)?;
            let sql = "SELECT state, count(*) FROM job_row WHERE job = ?1 AND chosen GROUP BY state";
            let mut statement = connection.prepare_cached(sql)?;
            let mut counts = JobCounts::default();
            for part in statement.query_map([number], |row| Ok((row.get(0)?, row.get::<_, u64>(1)?)))? {
                let (state, count) = part?;
                *counts.part(unworded::<MessageState>(state)?) += count;
                counts.planned += count;
            }
            Ok(counts)
        })
        .await
    }

    /// Writes what is known of both ends of these messages, with their states.
    pub(crate) async fn write_ends(&self, job: JobId, rows: Vec<(Row, End, End)>) -> Result<()> {
        self.write(move |transaction| {
            let number = number_of(transaction, job)?;
            for (row, at_source, at_target) in &rows {
                write_row(transaction, number, row)?;
                transaction.execute(
                    "UPDATE job_row SET at_source = ?3, at_target = ?4 WHERE job = ?1 AND n = ?2",
                    params![number, row.n, json(at_source)?, json(at_target)?],
                )?;
            }
            Ok(())
        })
        .await
    }
}
