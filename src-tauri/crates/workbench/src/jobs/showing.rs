//! Jobs as they are shown.

use super::reckoning;
use super::{End, JobRow, JobView};
use crate::store::{Entry, JobRecord};
use crate::{CaptureId, JobCounts, JobId, JobState, MessageState, ProfileId, Result, Workbench};

/// Rows of one job that are shown.
const ROWS_MAX: usize = 500;
/// Rows whose message is opened to say its id.
const OPENED_MAX: usize = 50;

impl Workbench {
    /// One job, with the messages that are not simply done.
    pub async fn show_job(&self, job: JobId) -> Result<JobView> {
        let record = self.job_record(job).await?;
        let entries = self.inner.store.job_entries(job).await?;
        let counts = JobCounts::of(entries.iter().map(|entry| &entry.row));
        let shown = entries.into_iter().filter(|entry| is_shown(entry, record.state)).take(ROWS_MAX);
        let mut rows = Vec::new();
        for (at, mut entry) in shown.enumerate() {
            if at < OPENED_MAX && entry.message_id.is_none() {
                entry.message_id = self.message_id(record.capture, entry.row.stored).await;
            }
            rows.push(row_of(entry));
        }
        Ok(JobView { rows, ..view_of(record, counts) })
    }

    /// Jobs, newest first, without their messages.
    pub async fn list_jobs(&self, profile: Option<ProfileId>) -> Result<Vec<JobView>> {
        let mut views = Vec::new();
        for record in self.inner.store.jobs(profile).await? {
            let counts = self.inner.store.job_counts(record.id).await?;
            views.push(view_of(record, counts));
        }
        Ok(views)
    }

    async fn message_id(&self, capture: Option<CaptureId>, stored: Option<u64>) -> Option<String> {
        let stored = self.inner.captures.load(capture?, stored?).await.ok()?;
        stored.message.message_id().map(str::to_owned)
    }
}

fn is_shown(entry: &Entry, state: JobState) -> bool {
    let waits = state == JobState::Running && entry.row.state == MessageState::Planned;
    entry.row.state != MessageState::Done && !entry.row.closed && !waits
}

fn view_of(record: JobRecord, counts: JobCounts) -> JobView {
    JobView {
        id: record.id,
        number: record.number,
        deed: record.deed,
        state: record.state,
        profile: record.profile,
        profile_name: record.profile_name,
        queue: record.queue,
        target: record.target,
        started_at: record.started_at,
        ended_at: record.ended_at,
        counts,
        outcome: record.outcome,
        fault: record.fault,
        capture: record.capture,
        rows: Vec::new(),
    }
}

fn row_of(entry: Entry) -> JobRow {
    let unseen = || End::NotLooked { why: "nobody has looked yet".to_owned() };
    let at_source = match entry.at_source {
        Some(end) => end,
        None if entry.row.errand.starts_in_queue() => unseen(),
        None => End::NotApplicable,
    };
    let at_target = match entry.at_target {
        Some(end) => end,
        None if entry.row.errand.publishes() => unseen(),
        None => End::NotApplicable,
    };
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
    }
}
