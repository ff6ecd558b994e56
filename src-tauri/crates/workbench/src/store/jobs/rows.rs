//! The messages of jobs.

use broker::Target;
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row as SqlRow, Transaction, params};
use serde::Serialize;

use super::{Store, json, unjson};
use crate::jobs::row::{Errand, Lines, Moved, Row};
use crate::store::{now, parsed, time, unworded};
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
    /// It was found again after it was sent.
    pub(crate) bounced: bool,
}

/// Another job has the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outstanding {
    /// That job's number.
    pub(crate) number: u64,
}

impl Entry {
    pub(crate) fn new(row: Row) -> Self {
        let (at, at_source, at_target) = (now(), None, None);
        Self { row, place: None, origin: None, message_id: None, at, at_source, at_target, bounced: false }
    }

    pub(super) fn outstanding_elsewhere(&self, transaction: &Transaction<'_>) -> rusqlite::Result<Option<Outstanding>> {
        let Some((broker, queue)) = &self.place else { return Ok(None) };
        let mut statement = transaction.prepare_cached(
            "SELECT job FROM job_row JOIN job_place ON job_place.id = job_row.place
             WHERE broker = ?1 AND queue = ?2 AND key = ?3 AND twin = ?4 AND outstanding = 1",
        )?;
        let key = self.row.key.to_string();
        let found = statement.query_row(params![broker, queue, key, self.row.twin], |row| row.get(0)).optional()?;
        Ok(found.map(|number| Outstanding { number }))
    }

    pub(super) fn add(&self, transaction: &Transaction<'_>, job: u64) -> rusqlite::Result<()> {
        let place = self.place.as_ref().map(|(broker, queue)| place(transaction, broker, queue)).transpose()?;
        RowWriter::new(transaction, Number { job, place })?.write(&self.row)?;
        let sql = "UPDATE job_row SET origin = ?3, message_id = ?4 WHERE job = ?1 AND n = ?2";
        let mut statement = transaction.prepare_cached(sql)?;
        statement.execute(params![job, self.row.n, self.origin, self.message_id])?;
        Ok(())
    }

    pub(super) fn from_row(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
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
            bounced: row.get("bounced")?,
        })
    }
}

/// The number of a place, which is noted if it is new.
pub(super) fn place(transaction: &Transaction<'_>, broker: &str, queue: &str) -> rusqlite::Result<i64> {
    let add = "INSERT OR IGNORE INTO job_place (broker, queue) VALUES (?1, ?2)";
    transaction.prepare_cached(add)?.execute([broker, queue])?;
    let find = "SELECT id FROM job_place WHERE broker = ?1 AND queue = ?2";
    transaction.prepare_cached(find)?.query_row([broker, queue], |row| row.get(0))
}

/// A job's number, and the place of the messages that it binds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    pub(super) job: u64,
    place: Option<i64>,
}

/// Writes rows one after the other. What most of them have in common is put into words once.
struct RowWriter<'a> {
    statement: CachedStatement<'a>,
    number: Number,
    at: i64,
    errand: InJson<Errand>,
    target: InJson<Target>,
}

/// A value as JSON, kept for the next one that is equal to it.
struct InJson<T>(Option<(T, String)>);

impl<T: Serialize + PartialEq + Clone> InJson<T> {
    fn of(&mut self, value: &T) -> rusqlite::Result<&str> {
        if self.0.as_ref().is_none_or(|(known, _)| known != value) {
            self.0 = Some((value.clone(), json(value)?));
        }
        Ok(self.0.as_ref().map_or("", |(_, words)| words))
    }
}

impl<'a> RowWriter<'a> {
    fn new(transaction: &'a Transaction<'_>, number: Number) -> rusqlite::Result<Self> {
        let statement = transaction.prepare_cached(
            "INSERT INTO job_row
                 (job, n, key, twin, twins_there, chosen, errand, state, stored, target, why, closed, at, place, outstanding,
                 astray)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15 AND ?14 IS NOT NULL, ?16)
             ON CONFLICT (job, n) DO UPDATE SET errand = excluded.errand, state = excluded.state,
                 stored = excluded.stored, target = excluded.target, why = excluded.why, closed = excluded.closed,
                 at = excluded.at, outstanding = ?15 AND place IS NOT NULL, astray = excluded.astray",
        )?;
        let at = now().as_microsecond();
        Ok(Self { statement, number, at, errand: InJson(None), target: InJson(None) })
    }

    fn write(&mut self, row: &Row) -> rusqlite::Result<()> {
        let target = row.target.as_ref().map(|target| self.target.of(target)).transpose()?;
        self.statement.execute(params![
            self.number.job,
            row.n,
            row.key.to_string(),
            row.twin,
            row.twins_there,
            row.chosen,
            self.errand.of(&row.errand)?,
            row.state.word(),
            row.stored,
            target,
            row.why,
            row.closed,
            self.at,
            self.number.place.filter(|_| row.binds()),
            row.is_outstanding(),
            row.is_astray(),
        ])?;
        Ok(())
    }
}

/// Rows that came into another state, neighbours together.
fn write_moved(transaction: &Transaction<'_>, job: u64, moved: &[Moved]) -> rusqlite::Result<()> {
    let on = "UPDATE job_row SET state = ?4, at = ?5 WHERE job = ?1 AND n BETWEEN ?2 AND ?3";
    let done = "UPDATE job_row SET state = ?4, at = ?5, outstanding = 0 WHERE job = ?1 AND n BETWEEN ?2 AND ?3";
    let at = now().as_microsecond();
    for run in moved.chunk_by(|one, next| next.n == one.n + 1 && next.state == one.state) {
        let (first, last) = (run[0], run[run.len() - 1]);
        let sql = if first.state == MessageState::Done { done } else { on };
        let changed =
            transaction.prepare_cached(sql)?.execute(params![job, first.n, last.n, first.state.word(), at])?;
        if changed != run.len() {
            return Err(rusqlite::Error::StatementChangedRows(changed));
        }
    }
    Ok(())
}

pub(super) fn number_of(connection: &Connection, job: JobId) -> rusqlite::Result<Number> {
    let mut statement = connection.prepare_cached("SELECT number, place FROM job WHERE id = ?1")?;
    statement.query_row([job.to_string()], |row| Ok(Number { job: row.get(0)?, place: row.get(1)? }))
}

/// Which messages of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsOf {
    All,
    /// Everything that is not done.
    NotDone,
    /// The same without what was left as it is on purpose.
    NotDoneNorClosed,
    /// What ended otherwise than done.
    Astray,
    /// On their way, or waiting for an answer; and those that are equal to one of these.
    Open,
    /// Those, and what was not started.
    OpenOrNotStarted,
    NotStarted,
    /// What the job met and left in its queue.
    Staying,
}

impl RowsOf {
    fn sql(self) -> &'static str {
        match self {
            Self::All => "TRUE",
            Self::NotDone => "state <> 'done'",
            Self::NotDoneNorClosed => "state <> 'done' AND closed = 0",
            Self::Astray => "astray = 1",
            Self::Open => {
                "key IN (SELECT key FROM job_row WHERE job = ?1 AND (state IN ('planned', 'copied', 'publishing',
                     'published', 'removing') OR closed = 0 AND state IN ('leftBehind', 'inDoubt', 'onlyOurCopy')))"
            }
            Self::OpenOrNotStarted => {
                "state = 'notStarted' OR key IN (SELECT key FROM job_row WHERE job = ?1 AND (state IN ('planned', 'copied',
                     'publishing', 'published', 'removing')
                     OR closed = 0 AND state IN ('leftBehind', 'inDoubt', 'onlyOurCopy')))"
            }
            Self::NotStarted => "state = 'notStarted' AND chosen = 1",
            Self::Staying => {
                "chosen = 1 AND (state IN ('skipped', 'unroutable', 'refused', 'failed') OR state = 'done'
                     AND errand IN ('{\"kind\":\"copy\"}', '{\"kind\":\"giveBack\",\"end\":\"done\"}'))"
            }
        }
    }
}

impl Store {
    /// Writes messages of a job as they are now, in one commit.
    pub(crate) async fn write_rows(&self, job: JobId, rows: Vec<Row>) -> Result<()> {
        self.write(move |transaction| {
            let number = number_of(transaction, job)?;
            let mut writer = RowWriter::new(transaction, number)?;
            rows.iter().try_for_each(|row| writer.write(row))
        })
        .await
    }

    /// Writes what several commits of one run have to say, in that order, in one commit. A row that only moved must be
    /// there already.
    pub(crate) async fn write_lines(&self, job: JobId, lines: Vec<Lines>) -> Result<()> {
        self.write(move |transaction| {
            let number = number_of(transaction, job)?;
            let mut writer = RowWriter::new(transaction, number)?;
            for Lines { rows, moved } in &lines {
                rows.iter().try_for_each(|row| writer.write(row))?;
                write_moved(transaction, number.job, moved)?;
            }
            Ok(())
        })
        .await
    }

    /// At most `max` messages of a job with numbers above `after`, in order.
    pub(crate) async fn job_page(&self, job: JobId, which: RowsOf, after: u64, max: usize) -> Result<Vec<Entry>> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            // Left to itself SQLite reads all the others too.
            let by = if which == RowsOf::Astray { "INDEXED BY job_row_astray" } else { "" };
            let which = which.sql();
            let sql = format!("SELECT * FROM job_row {by} WHERE job = ?1 AND n > ?2 AND ({which}) ORDER BY n LIMIT ?3");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map(params![number, after, max], Entry::from_row)?.collect()
        })
        .await
    }

    /// All messages of a job that are such. In memory at once: for those that are few.
    pub(crate) async fn job_entries(&self, job: JobId, which: RowsOf) -> Result<Vec<Entry>> {
        self.job_page(job, which, 0, i64::MAX as usize).await
    }

    /// The highest number of a message of that job, 0 where it has none.
    pub(crate) async fn last_n(&self, job: JobId) -> Result<u64> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let sql = "SELECT coalesce(max(n), 0) FROM job_row WHERE job = ?1";
            connection.prepare_cached(sql)?.query_row([number], |row| row.get(0))
        })
        .await
    }

    /// Up to which number a job's messages are numbered without a gap.
    pub(crate) async fn gapless_to(&self, job: JobId) -> Result<u64> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let mut statement = connection.prepare_cached("SELECT n FROM job_row WHERE job = ?1 ORDER BY n")?;
            let mut rows = statement.query([number])?;
            let mut to = 0;
            while let Some(row) = rows.next()?
                && row.get::<_, u64>(0)? == to + 1
            {
                to += 1;
            }
            Ok(to)
        })
        .await
    }

    /// The numbers of all copies that the journal knows, rising.
    pub(crate) async fn stored_of(&self, job: JobId) -> Result<Vec<u64>> {
        self.numbers(job, "stored IS NOT NULL").await
    }

    /// The numbers of the copies whose originals the job removed, rising.
    pub(crate) async fn stored_of_done(&self, job: JobId) -> Result<Vec<u64>> {
        self.numbers(job, "stored IS NOT NULL AND chosen = 1 AND state = 'done'").await
    }

    /// The messages that were sent, and have copies: their numbers and those of the copies.
    pub(crate) async fn sent_and_stored(&self, job: JobId) -> Result<Vec<(u64, u64)>> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let sql =
                "SELECT n, stored FROM job_row WHERE job = ?1 AND stored IS NOT NULL AND chosen = 1 AND state = 'done'";
            connection.prepare_cached(sql)?.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .await
    }

    async fn numbers(&self, job: JobId, which: &'static str) -> Result<Vec<u64>> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let sql = format!("SELECT stored FROM job_row WHERE job = ?1 AND {which} ORDER BY stored");
            connection.prepare_cached(&sql)?.query_map([number], |row| row.get(0))?.collect()
        })
        .await
    }

    /// Whether some of a job's messages are on their way, and whether some wait for an answer; chosen or not.
    pub(crate) async fn job_is_open(&self, job: JobId) -> Result<(bool, bool)> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let mut statement = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM job_row WHERE job = ?1
                     AND state IN ('planned', 'copied', 'publishing', 'published', 'removing')),
                 EXISTS (SELECT 1 FROM job_row WHERE job = ?1 AND closed = 0
                     AND state IN ('leftBehind', 'inDoubt', 'onlyOurCopy'))",
            )?;
            statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .await
    }

    /// How many of a job's chosen messages are in which state.
    pub(crate) async fn job_counts(&self, job: JobId) -> Result<JobCounts> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let sql = "SELECT state, count(*), sum(bounced) FROM job_row WHERE job = ?1 AND chosen GROUP BY state";
            let mut statement = connection.prepare_cached(sql)?;
            let mut counts = JobCounts::default();
            let parts =
                statement.query_map([number], |row| Ok((row.get(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?)))?;
            for part in parts {
                let (state, count, bounced) = part?;
                *counts.part(unworded::<MessageState>(state)?) += count;
                counts.planned += count;
                counts.bounced += bounced;
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
                RowWriter::new(transaction, number)?.write(row)?;
                let sql = "UPDATE job_row SET at_source = ?3, at_target = ?4 WHERE job = ?1 AND n = ?2";
                let mut statement = transaction.prepare_cached(sql)?;
                statement.execute(params![number.job, row.n, json(at_source)?, json(at_target)?])?;
            }
            Ok(())
        })
        .await
    }
}
