//! The journal: jobs, their messages, and the settings that were changed to make looking safe.

mod bounces;
mod guards;
mod rows;
mod shown;

use broker::{LookCost, QueueName};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use rows::{Entry, Outstanding, RowsOf};

use super::{Store, parsed, time, unreadable, unworded, worded};
use crate::jobs::Wish;
use crate::jobs::row::Errand;
use crate::{ActivityId, CaptureId, Deed, DeedAsk, Fault, JobId, JobState, ProfileId, Result};

pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    deed TEXT NOT NULL,
    state TEXT NOT NULL,
    profile TEXT NOT NULL,
    profile_name TEXT NOT NULL,
    broker TEXT NOT NULL,
    queue TEXT,
    target TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT NOT NULL DEFAULT '',
    fault TEXT,
    -- Where the copies are, and the capture whose messages are sent.
    capture TEXT,
    of TEXT,
    -- The errand of a copy that the journal does not know. NULL: there are copies that are no business of the journal.
    besides TEXT,
    keep_origin INTEGER NOT NULL,
    cost TEXT,
    activity TEXT
) STRICT;
CREATE INDEX job_state ON job (state);

-- A queue of a broker, or a capture whose copies are sent: where messages come from.
CREATE TABLE job_place (
    id INTEGER PRIMARY KEY,
    broker TEXT NOT NULL,
    queue TEXT NOT NULL,
    UNIQUE (broker, queue)
) STRICT;

CREATE TABLE job_row (
    job INTEGER NOT NULL REFERENCES job (number),
    n INTEGER NOT NULL,
    key TEXT NOT NULL,
    twin INTEGER NOT NULL,
    twins_there INTEGER,
    chosen INTEGER NOT NULL,
    errand TEXT NOT NULL,
    state TEXT NOT NULL,
    stored INTEGER,
    target TEXT,
    why TEXT NOT NULL,
    closed INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- Set for messages that are sent: no other job may send the same one.
    place INTEGER REFERENCES job_place (id),
    origin INTEGER,
    message_id TEXT,
    at_source TEXT,
    at_target TEXT,
    PRIMARY KEY (job, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX job_row_outstanding ON job_row (place, key, twin) WHERE place IS NOT NULL AND closed = 0
    AND state IN ('planned', 'copied', 'publishing', 'published', 'removing', 'leftBehind', 'inDoubt');

CREATE TABLE guard (
    id INTEGER PRIMARY KEY,
    profile TEXT NOT NULL,
    queue TEXT NOT NULL,
    plan TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    taken_back_at INTEGER
) STRICT;
CREATE UNIQUE INDEX guard_in_place ON guard (profile, queue) WHERE taken_back_at IS NULL;
",
    "
-- What was asked for, to go on with it; the queue that it works on, alone; what another program wants of its owner; and
-- messages that were done with without a line each.
ALTER TABLE job ADD COLUMN ask TEXT;
ALTER TABLE job ADD COLUMN place INTEGER REFERENCES job_place (id);
ALTER TABLE job ADD COLUMN wish TEXT;
ALTER TABLE job ADD COLUMN unlisted INTEGER NOT NULL DEFAULT 0;
-- It was sent, and was found again in the queue that it came from.
ALTER TABLE job_row ADD COLUMN bounced INTEGER NOT NULL DEFAULT 0;
",
    "
-- Whether a message binds its job, and whether it ended otherwise than done: in columns of their own, so that an index is
-- not written anew with every step of a message.
-- Messages were held in more than one lease: where connections die, the leases may come back in any order.
ALTER TABLE job ADD COLUMN several_leases INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_row ADD COLUMN outstanding INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_row ADD COLUMN astray INTEGER NOT NULL DEFAULT 0;
UPDATE job_row SET
    outstanding = place IS NOT NULL AND closed = 0
        AND state IN ('planned', 'copied', 'publishing', 'published', 'removing', 'leftBehind', 'inDoubt'),
    astray = state NOT IN ('planned', 'copied', 'publishing', 'published', 'removing', 'done');
DROP INDEX job_row_outstanding;
CREATE UNIQUE INDEX job_row_outstanding ON job_row (place, key, twin) WHERE outstanding = 1;
CREATE INDEX job_row_astray ON job_row (job, n) WHERE astray = 1;
",
    "
-- The canary was watched to its end, and its user was told what came of it.
ALTER TABLE job ADD COLUMN canary_seen INTEGER NOT NULL DEFAULT 0;
",
];

/// A job as the journal keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobRecord {
    pub(crate) id: JobId,
    /// Given by the store; 0 before.
    pub(crate) number: u64,
    pub(crate) deed: Deed,
    pub(crate) state: JobState,
    pub(crate) profile: ProfileId,
    pub(crate) profile_name: String,
    /// [`broker::Identity::broker`].
    pub(crate) broker: String,
    pub(crate) queue: Option<QueueName>,
    /// In words.
    pub(crate) target: String,
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) outcome: String,
    pub(crate) fault: Option<Fault>,
    pub(crate) capture: Option<CaptureId>,
    pub(crate) of: Option<CaptureId>,
    pub(crate) besides: Option<Errand>,
    pub(crate) keep_origin: bool,
    /// The cost of leasing the queue, as it was accepted.
    pub(crate) cost: Option<LookCost>,
    pub(crate) activity: Option<ActivityId>,
    /// What was asked for; `None` for a look.
    pub(crate) ask: Option<DeedAsk>,
    /// Messages that were done with without a row each.
    pub(crate) unlisted: u64,
    /// It held messages in more than one lease. Kept by [`Store::note_several_leases`].
    pub(crate) several_leases: bool,
    /// What came of its canary is known. Kept by [`Store::note_canary_seen`].
    pub(crate) canary_seen: bool,
}

/// A value as JSON text, for a column.
fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn unjson<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(error.into()))
}

impl JobRecord {
    /// Adds it; its number.
    fn add(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let place =
            self.queue.as_ref().map(|queue| rows::place(transaction, &self.broker, queue.as_str())).transpose()?;
        transaction.execute(
            "INSERT INTO job (id, deed, state, profile, profile_name, broker, queue, target, started_at, outcome,
                 capture, of, besides, keep_origin, cost, activity, ask, place)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
            params![
                self.id.to_string(),
                worded(&self.deed),
                worded(&self.state),
                self.profile.to_string(),
                self.profile_name,
                self.broker,
                self.queue.as_ref().map(QueueName::as_str),
                self.target,
                self.started_at.as_microsecond(),
                self.outcome,
                self.capture.map(|id| id.to_string()),
                self.of.map(|id| id.to_string()),
                self.besides.as_ref().map(json).transpose()?,
                self.keep_origin,
                self.cost.as_ref().map(json).transpose()?,
                self.activity.map(|id| id.to_string()),
                self.ask.as_ref().map(json).transpose()?,
                place,
            ],
        )?;
        u64::try_from(transaction.last_insert_rowid()).map_err(|error| unreadable(error.into()))
    }

    fn from_row(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
        fn id<T: std::str::FromStr<Err = uuid::Error>>(row: &SqlRow<'_>, column: &str) -> rusqlite::Result<Option<T>> {
            row.get::<_, Option<String>>(column)?.map(|text| parsed(&text)).transpose()
        }
        fn value<T: DeserializeOwned>(row: &SqlRow<'_>, column: &str) -> rusqlite::Result<Option<T>> {
            row.get::<_, Option<String>>(column)?.map(|text| unjson(&text)).transpose()
        }
        Ok(Self {
            id: parsed(&row.get::<_, String>("id")?)?,
            number: row.get("number")?,
            deed: unworded(row.get("deed")?)?,
            state: unworded(row.get("state")?)?,
            profile: parsed(&row.get::<_, String>("profile")?)?,
            profile_name: row.get("profile_name")?,
            broker: row.get("broker")?,
            queue: row.get::<_, Option<String>>("queue")?.map(QueueName::from),
            target: row.get("target")?,
            started_at: time(row.get("started_at")?)?,
            ended_at: row.get::<_, Option<i64>>("ended_at")?.map(time).transpose()?,
            outcome: row.get("outcome")?,
            fault: value(row, "fault")?,
            capture: id(row, "capture")?,
            of: id(row, "of")?,
            besides: value(row, "besides")?,
            keep_origin: row.get("keep_origin")?,
            cost: value(row, "cost")?,
            activity: id(row, "activity")?,
            ask: value(row, "ask")?,
            unlisted: row.get("unlisted")?,
            several_leases: row.get("several_leases")?,
            canary_seen: row.get("canary_seen")?,
        })
    }

    fn in_the_way(&self, transaction: &Transaction<'_>, is_about_all: bool) -> rusqlite::Result<Option<Outstanding>> {
        let Some(queue) = &self.queue else { return Ok(None) };
        let place = rows::place(transaction, &self.broker, queue.as_str())?;
        let number = |row: &SqlRow<'_>| row.get(0);
        let running = "SELECT number FROM job WHERE place = ?1 AND state = 'running'";
        let mut found = transaction.prepare_cached(running)?.query_row([place], number).optional()?;
        if found.is_none() && is_about_all {
            let sql = "SELECT job FROM job_row WHERE place = ?1 AND outstanding = 1 LIMIT 1";
            found = transaction.prepare_cached(sql)?.query_row([place], number).optional()?;
        }
        Ok(found.map(|number| Outstanding { number }))
    }

    /// Adds it with its messages, or says which other job is in the way.
    pub(super) fn add_with(
        &self,
        transaction: &Transaction<'_>,
        entries: &[Entry],
    ) -> rusqlite::Result<Result<u64, Outstanding>> {
        // A look is listed only when it has to keep a message, and must not fail at that.
        let in_the_way = match self.ask {
            Some(_) => self.in_the_way(transaction, entries.is_empty())?,
            None => None,
        };
        if let Some(other) = in_the_way {
            return Ok(Err(other));
        }
        for entry in entries {
            if let Some(other) = entry.outstanding_elsewhere(transaction)? {
                return Ok(Err(other));
            }
        }
        let number = self.add(transaction)?;
        entries.iter().try_for_each(|entry| entry.add(transaction, number))?;
        Ok(Ok(number))
    }

    fn find(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare_cached("SELECT * FROM job WHERE id = ?1")?;
        statement.query_row([id.to_string()], Self::from_row).optional()
    }
}

impl Store {
    /// Adds a job with its messages, or says which other job has one of them, or is at that queue: what one holds the other
    /// cannot see. A job without messages of its own is about all of its queue.
    pub(crate) async fn add_job(&self, job: JobRecord, entries: Vec<Entry>) -> Result<Result<u64, Outstanding>> {
        self.write(move |transaction| job.add_with(transaction, &entries)).await
    }

    pub(crate) async fn find_job(&self, id: JobId) -> Result<Option<JobRecord>> {
        self.read(move |connection| JobRecord::find(connection, id)).await
    }

    /// Newest first.
    pub(crate) async fn jobs(&self, profile: Option<ProfileId>) -> Result<Vec<JobRecord>> {
        self.read(move |connection| {
            let sql = "SELECT * FROM job WHERE ?1 IS NULL OR profile = ?1 ORDER BY number DESC LIMIT 1000";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map([profile.map(|id| id.to_string())], JobRecord::from_row)?.collect()
        })
        .await
    }

    /// Every job in one of these states.
    pub(crate) async fn jobs_in(&self, states: &'static [JobState]) -> Result<Vec<JobRecord>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM job WHERE state = ?1 ORDER BY number")?;
            let mut found = Vec::new();
            for state in states {
                for job in statement.query_map([worded(state)], JobRecord::from_row)? {
                    found.push(job?);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Says how a job is now.
    pub(crate) async fn set_job_state(
        &self,
        id: JobId,
        state: JobState,
        outcome: String,
        fault: Option<Fault>,
        ended_at: Option<Timestamp>,
    ) -> Result<()> {
        self.write(move |transaction| {
            transaction.execute(
                "UPDATE job SET state = ?2, outcome = ?3, fault = ?4, ended_at = ?5 WHERE id = ?1",
                params![
                    id.to_string(),
                    worded(&state),
                    outcome,
                    fault.as_ref().map(json).transpose()?,
                    ended_at.map(Timestamp::as_microsecond),
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Whether another job runs at the queue of this one.
    pub(crate) async fn is_at_work(&self, job: &JobRecord) -> Result<bool> {
        let Some(queue) = job.queue.clone() else { return Ok(false) };
        let (id, broker) = (job.id.to_string(), job.broker.clone());
        self.read(move |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM job
                 WHERE broker = ?1 AND queue = ?2 AND state = 'running' AND id <> ?3)";
            connection.prepare_cached(sql)?.query_row([&broker, queue.as_str(), &id], |row| row.get(0))
        })
        .await
    }

    /// What another program wants of whoever runs the job.
    pub(crate) async fn wish(&self, id: JobId, wish: Wish) -> Result<()> {
        self.write(move |transaction| {
            transaction.execute("UPDATE job SET wish = ?2 WHERE id = ?1", [id.to_string(), worded(&wish)])?;
            Ok(())
        })
        .await
    }

    /// The wish, if there is one. It is not there any more.
    pub(crate) async fn take_wish(&self, id: JobId) -> Result<Option<Wish>> {
        let wish = move |connection: &Connection| -> rusqlite::Result<Option<String>> {
            let mut statement = connection.prepare_cached("SELECT wish FROM job WHERE id = ?1")?;
            Ok(statement.query_row([id.to_string()], |row| row.get(0)).optional()?.flatten())
        };
        let Some(found) = self.read(wish).await? else { return Ok(None) };
        self.write(move |transaction| {
            transaction.execute("UPDATE job SET wish = NULL WHERE id = ?1", [id.to_string()])?;
            unworded(found).map(Some)
        })
        .await
    }

    /// The job is about to hold messages in a second lease.
    pub(crate) async fn note_several_leases(&self, id: JobId) -> Result<()> {
        self.note("UPDATE job SET several_leases = 1 WHERE id = ?1", id).await
    }

    /// What came of the job's canary is about to be told.
    pub(crate) async fn note_canary_seen(&self, id: JobId) -> Result<()> {
        self.note("UPDATE job SET canary_seen = 1 WHERE id = ?1", id).await
    }

    async fn note(&self, sql: &'static str, id: JobId) -> Result<()> {
        self.write(move |transaction| transaction.execute(sql, [id.to_string()]).map(drop)).await
    }

    /// So many messages were done with without a row each.
    pub(crate) async fn set_unlisted(&self, id: JobId, messages: u64) -> Result<()> {
        self.write(move |transaction| {
            transaction.execute("UPDATE job SET unlisted = ?2 WHERE id = ?1", params![id.to_string(), messages])?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn set_job_activity(&self, id: JobId, activity: ActivityId) -> Result<()> {
        self.write(move |transaction| {
            let ids = [id.to_string(), activity.to_string()];
            transaction.execute("UPDATE job SET activity = ?2 WHERE id = ?1", ids)?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::worded;
    use crate::MessageState as S;

    #[test]
    fn a_message_binds_its_job_until_it_is_settled() {
        let states = [
            (S::Planned, true),
            (S::Copied, true),
            (S::Publishing, true),
            (S::Published, true),
            (S::Removing, true),
            (S::LeftBehind, true),
            (S::InDoubt, true),
            (S::Done, false),
            (S::Unroutable, false),
            (S::Refused, false),
            (S::Failed, false),
            (S::Gone, false),
            (S::Skipped, false),
            (S::NotStarted, false),
            (S::OnlyOurCopy, false),
        ];
        for (state, outstanding) in states {
            assert_eq!(state.word(), worded(&state), "{state:?} is written as everywhere");
            assert_eq!(state.is_outstanding(), outstanding, "{state:?}");
        }
    }
}
