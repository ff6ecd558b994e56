//! The table of plans that were made: what each was about, how it was to go, and the job that it became.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::jobs::Outstanding;
use super::{Entry, JobRecord, Store, now, parsed, unreadable, unworded};
use crate::jobs::{SavedPlan, Started};
use crate::{CaptureId, Deed, JobId, PlanId, ProfileId, Result};

pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE plan (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    profile TEXT NOT NULL,
    profile_name TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    ask TEXT NOT NULL,
    view TEXT NOT NULL,
    -- Ready in the queue when it was made, where a queue is read.
    ready INTEGER,
    -- The id of the job that it was started as.
    job TEXT,
    -- Of ask and view together.
    bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX plan_made_at ON plan (made_at);
"];

/// Plans that are kept.
const PLANS_MAX: u64 = 200;
/// What they may take together. The newest is kept, however large it is.
const PLANS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long a plan is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

const COLUMNS: &str = "plan.number, plan.ask, plan.view, plan.ready, plan.job, job.number AS job_number
     FROM plan LEFT JOIN job ON job.id = plan.job";

/// What another job did with messages of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DoneSince {
    /// That job's number.
    pub(crate) number: u64,
    pub(crate) deed: Deed,
    /// Of the message in the capture.
    pub(crate) origin: u64,
}

/// Why a plan's job was not added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAdded {
    Outstanding(Outstanding),
    /// The plan is a job already.
    Started(Started),
    /// The plan is not kept any more.
    Forgotten,
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn unjson<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|error| unreadable(error.into()))
}

impl SavedPlan {
    /// Adds it and forgets those that are too many, too old or too large; its number.
    fn add(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let (ask, view) = (json(&self.ask)?, json(&self.view)?);
        transaction.execute(
            "INSERT INTO plan (id, profile, profile_name, made_at, ask, view, ready, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                self.view.id.to_string(),
                self.view.profile.to_string(),
                self.view.profile_name,
                self.view.made_at.as_microsecond(),
                ask,
                view,
                self.ready,
                (ask.len() + view.len()) as u64,
            ],
        )?;
        let number = transaction.last_insert_rowid();
        Self::prune(transaction, now())?;
        u64::try_from(number).map_err(|error| unreadable(error.into()))
    }

    /// Forgets what is not kept any more.
    pub(super) fn prune(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
        let oldest = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN).as_microsecond();
        transaction.execute("DELETE FROM plan WHERE made_at < ?1", [oldest])?;
        transaction.execute(
            "DELETE FROM plan WHERE number IN (
                 SELECT number FROM (SELECT number, row_number() OVER newest AS place, sum(bytes) OVER newest AS bytes
                     FROM plan WINDOW newest AS (ORDER BY number DESC))
                 WHERE place > ?1 OR place > 1 AND bytes > ?2)",
            [PLANS_MAX, PLANS_BYTES_MAX],
        )?;
        Ok(())
    }

    fn find(connection: &Connection, id: PlanId) -> rusqlite::Result<Option<Self>> {
        let sql = format!("SELECT {COLUMNS} WHERE plan.id = ?1");
        connection.prepare_cached(&sql)?.query_row([id.to_string()], Self::from_row).optional()
    }

    /// The job that it was started as, if it was; the outer `None`: there is no such plan.
    fn started(transaction: &Transaction<'_>, id: PlanId) -> rusqlite::Result<Option<Option<Started>>> {
        let sql = format!("SELECT {COLUMNS} WHERE plan.id = ?1");
        transaction.prepare_cached(&sql)?.query_row([id.to_string()], started_of).optional()
    }

    fn set_job(transaction: &Transaction<'_>, id: PlanId, job: JobId) -> rusqlite::Result<()> {
        transaction.execute("UPDATE plan SET job = ?2 WHERE id = ?1", [id.to_string(), job.to_string()])?;
        Ok(())
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            view: unjson(row, "view")?,
            ask: unjson(row, "ask")?,
            ready: row.get("ready")?,
            started: started_of(row)?,
        })
    }
}

fn started_of(row: &Row<'_>) -> rusqlite::Result<Option<Started>> {
    let job: Option<String> = row.get("job")?;
    let Some((job, number)) = job.zip(row.get("job_number")?) else { return Ok(None) };
    Ok(Some(Started { job: parsed(&job)?, number }))
}

fn add_job_of_plan(
    transaction: &Transaction<'_>,
    job: &JobRecord,
    entries: &[Entry],
    plan: PlanId,
) -> rusqlite::Result<Result<u64, NotAdded>> {
    match SavedPlan::started(transaction, plan)? {
        None => return Ok(Err(NotAdded::Forgotten)),
        Some(Some(started)) => return Ok(Err(NotAdded::Started(started))),
        Some(None) => {}
    }
    let added = job.add_with(transaction, entries)?;
    if added.is_ok() {
        SavedPlan::set_job(transaction, plan, job.id)?;
    }
    Ok(added.map_err(NotAdded::Outstanding))
}

impl Store {
    /// Keeps a plan; its number.
    pub(crate) async fn keep_plan(&self, plan: SavedPlan) -> Result<u64> {
        self.write(move |transaction| plan.add(transaction)).await
    }

    /// Adds the jobs that carry these plans out, each of which is done once, with their messages: [`Store::add_job`]. All of
    /// them or none: their numbers, or which is in the way and why.
    pub(crate) async fn add_jobs_of_plans(
        &self,
        jobs: Vec<(JobRecord, Vec<Entry>, PlanId)>,
    ) -> Result<Result<Vec<u64>, (PlanId, NotAdded)>> {
        self.write(move |transaction| {
            transaction.execute_batch("SAVEPOINT jobs")?;
            let mut numbers = Vec::new();
            for (job, entries, plan) in &jobs {
                match add_job_of_plan(transaction, job, entries, *plan)? {
                    Ok(number) => numbers.push(number),
                    Err(why) => {
                        transaction.execute_batch("ROLLBACK TO jobs; RELEASE jobs")?;
                        return Ok(Err((*plan, why)));
                    }
                }
            }
            transaction.execute_batch("RELEASE jobs")?;
            Ok(Ok(numbers))
        })
        .await
    }

    /// Newest first.
    pub(crate) async fn plans(&self, profile: Option<ProfileId>) -> Result<Vec<SavedPlan>> {
        self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} WHERE ?1 IS NULL OR plan.profile = ?1 ORDER BY plan.number DESC");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map([profile.map(|id| id.to_string())], SavedPlan::from_row)?.collect()
        })
        .await
    }

    pub(crate) async fn find_plan(&self, id: PlanId) -> Result<Option<SavedPlan>> {
        self.read(move |connection| SavedPlan::find(connection, id)).await
    }

    /// Whether it was there.
    pub(crate) async fn forget_plan(&self, id: PlanId) -> Result<bool> {
        self.write(move |transaction| Ok(transaction.execute("DELETE FROM plan WHERE id = ?1", [id.to_string()])? == 1))
            .await
    }

    /// What jobs that were started after that time did with messages chosen from that capture, by job.
    pub(crate) async fn done_since(&self, capture: CaptureId, after: Timestamp) -> Result<Vec<DoneSince>> {
        self.read(move |connection| {
            // The few jobs first, then the rows of each.
            let mut statement = connection.prepare_cached(
                "SELECT job.number, job.deed, job_row.origin FROM job CROSS JOIN job_row ON job_row.job = job.number
                 WHERE job.of = ?1 AND job.started_at > ?2 AND job_row.state = 'done' AND job_row.chosen = 1
                     AND job_row.origin IS NOT NULL
                 ORDER BY job.number",
            )?;
            let rows = statement.query_map(params![capture.to_string(), after.as_microsecond()], |row| {
                Ok(DoneSince { number: row.get(0)?, deed: unworded(row.get(1)?)?, origin: row.get(2)? })
            })?;
            rows.collect()
        })
        .await
    }
}
