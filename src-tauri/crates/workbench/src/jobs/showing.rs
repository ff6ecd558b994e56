//! Jobs as they are shown.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{DeedAsk, End, JobRow, JobRowAsk, JobRowPage, JobView};
use super::{ending, reckoning};
use crate::store::{Entry, JobRecord, RowsOf};
use crate::{ActivityRow, CaptureId, JobCounts, JobId, JobState, ProfileId, Result, Workbench};

/// Rows of one job that are shown.
const ROWS_MAX: usize = 500;
/// Rows whose message is opened to say its id.
const OPENED_MAX: usize = 50;

impl Workbench {
    /// One job, with the messages that are not simply done.
    pub async fn show_job(&self, job: JobId) -> Result<JobView> {
        // Asked before the journal is: a watch that has ended has written down what it saw.
        let watched = self.inner.jobs.watches().all();
        let record = self.job_record(job).await?;
        let counts = self.counts_now(&record).await?;
        let which = if record.state == JobState::Running { RowsOf::Astray } else { RowsOf::NotDone };
        let entries = self.inner.store.job_page(job, which, 0, ROWS_MAX).await?;
        let mut rows = Vec::new();
        for (at, mut entry) in entries.into_iter().enumerate() {
            if at < OPENED_MAX && entry.message_id.is_none() {
                entry.message_id = self.message_id(record.capture, entry.row.stored).await;
            }
            rows.push(row_of(entry));
        }
        let by = match record.activity {
            Some(activity) => self.inner.store.read(move |connection| ActivityRow::by(connection, activity)).await?,
            None => None,
        };
        // Of a profile that is not there any more nothing can be gone on with.
        let typed = self.typed_to_resume(&record, &counts).await.unwrap_or_default();
        Ok(JobView { rows, typed, by: by.unwrap_or_default(), ..self.job_view(record, counts, &watched) })
    }

    /// Jobs, newest first, without their messages. One whose program is gone is not said to run.
    pub async fn list_jobs(&self, profile: Option<ProfileId>) -> Result<Vec<JobView>> {
        let watched = self.inner.jobs.watches().all();
        let mut records = self.inner.store.jobs(profile).await?;
        if records.iter().any(|record| record.state == JobState::Running && !self.inner.jobs.runs(record.id)) {
            self.inner.jobs.settle().await?;
            records = self.inner.store.jobs(profile).await?;
        }
        let mut views = Vec::new();
        for record in records {
            let counts = self.counts_now(&record).await?;
            views.push(self.job_view(record, counts, &watched));
        }
        Ok(views)
    }

    /// What became of each message of a job, by the page.
    pub async fn job_rows(&self, job: JobId, ask: JobRowAsk) -> Result<JobRowPage> {
        let from = ask.from;
        let (total, entries) = self.inner.store.job_entries_shown(job, ask).await?;
        Ok(JobRowPage { total, from, rows: entries.into_iter().map(row_of).collect() })
    }

    /// As a job that runs here last told, otherwise as they are written down.
    async fn counts_now(&self, record: &JobRecord) -> Result<JobCounts> {
        match self.inner.jobs.counts(record.id).filter(|_| record.state == JobState::Running) {
            Some(counts) => Ok(ending::counted(record, counts)),
            None => self.counts_of(record).await,
        }
    }

    fn job_view(&self, record: JobRecord, counts: JobCounts, watched: &HashMap<JobId, Timestamp>) -> JobView {
        let elsewhere = record.state == JobState::Running && !self.inner.jobs.runs(record.id);
        let watching_until = watched.get(&record.id).copied();
        JobView { watching_until, ..view_of(record, counts, elsewhere) }
    }

    async fn message_id(&self, capture: Option<CaptureId>, stored: Option<u64>) -> Option<String> {
        let stored = self.inner.captures.load(capture?, stored?).await.ok()?;
        stored.message.message_id().map(str::to_owned)
    }
}

fn view_of(record: JobRecord, counts: JobCounts, elsewhere: bool) -> JobView {
    let options = record.ask.as_ref().map(DeedAsk::options).unwrap_or_default();
    JobView {
        id: record.id,
        number: record.number,
        deed: record.deed,
        state: record.state,
        profile: record.profile,
        profile_name: record.profile_name,
        queue: record.queue,
        target: record.target,
        to_profile: options.to_profile,
        elsewhere,
        by: String::new(),
        typed: None,
        per_second: options.per_second,
        canary: options.canary,
        watch_s: options.watch_s,
        started_at: record.started_at,
        ended_at: record.ended_at,
        counts,
        outcome: record.outcome,
        fault: record.fault,
        capture: record.capture,
        watching_until: None,
        rows: Vec::new(),
    }
}

/// A state as one word.
pub(super) fn state_words(state: JobState) -> &'static str {
    match state {
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Finished => "finished",
        JobState::Interrupted => "interrupted",
        JobState::NeedsAnswer => "waiting for answers",
        JobState::Stopped => "stopped",
        JobState::Failed => "failed",
    }
}

/// What is known of both ends.
pub(super) fn ends_of(entry: &Entry) -> (End, End) {
    let unseen = || End::NotLooked { why: "nobody has looked yet".to_owned() };
    let at_source = match entry.at_source.clone() {
        Some(end) => end,
        None if entry.row.errand.starts_in_queue() => unseen(),
        None => End::NotApplicable,
    };
    let at_target = match entry.at_target.clone() {
        Some(end) => end,
        None if entry.row.errand.publishes() => unseen(),
        None => End::NotApplicable,
    };
    (at_source, at_target)
}

fn row_of(entry: Entry) -> JobRow {
    let (at_source, at_target) = ends_of(&entry);
    let (recommended, answers) = reckoning::answers(&entry.row, &at_source, &at_target);
    JobRow {
        n: entry.row.n,
        message_id: entry.message_id,
        key: entry.row.key.to_string(),
        state: entry.row.state,
        why: entry.row.why,
        at: Some(entry.at),
        at_source,
        at_target,
        recommended,
        answers,
        bounced: entry.bounced,
        chosen: entry.row.chosen,
    }
}
