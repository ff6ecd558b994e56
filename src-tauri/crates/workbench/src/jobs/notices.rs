//! What is said of a job when it has ended, or waits, to somebody who does not look at it.

use serde::Serialize;

use super::{Deed, JobState, Wish, words};
use crate::store::{self, JobRecord};
use crate::{AppEvent, JobCounts, JobId, ProfileId, Result, Workbench};

/// Whether the system is to tell of jobs that end.
const SETTING: &str = "notices";

/// A job that ran here has ended, or waits to be gone on with. Names no message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct JobNotice {
    pub job: JobId,
    pub profile: ProfileId,
    /// "7 messages discarded", "Job 12 is paused".
    pub title: String,
    /// "refunds.dlq, job 12: 7 discarded; the copies are kept for a while".
    pub text: String,
    /// Every message ended as it was meant to.
    pub well: bool,
    /// The user asked for this end.
    pub asked_for: bool,
    /// What it removed can be put back from the copies here.
    pub undoable: bool,
    /// Why it cannot be undone, where it cannot.
    pub no_undo: Option<String>,
}

impl JobNotice {
    fn of(record: &JobRecord, counts: &JobCounts, asked_for: bool) -> Self {
        let place = record.queue.as_ref().map_or(record.target.as_str(), |queue| queue.as_str());
        let undoable = is_undoable(record.deed, record.capture.is_some(), counts);
        Self {
            job: record.id,
            profile: record.profile,
            title: title(record, counts),
            text: format!("{place}, job {}: {}", record.number, record.outcome),
            well: record.state == JobState::Finished && counts.done == counts.planned && counts.bounced == 0,
            asked_for,
            undoable,
            no_undo: (!undoable && counts.done > 0).then(|| no_undo(record.deed)).flatten().map(str::to_owned),
        }
    }
}

/// Whether the originals that a job removed can be put back where they were without harm. What a redrive sent may be
/// consumed already: only a copy of it can be sent.
pub(super) fn is_undoable(deed: Deed, has_copies: bool, counts: &JobCounts) -> bool {
    matches!(deed, Deed::Discard | Deed::Take | Deed::Move) && has_copies && counts.done > 0
}

fn no_undo(deed: Deed) -> Option<&'static str> {
    match deed {
        Deed::Redrive => Some("What was sent cannot be called back; the copies are kept for a while."),
        Deed::Copy | Deed::Replay | Deed::SendCopy | Deed::Undo => Some("What was sent cannot be called back."),
        Deed::Purge | Deed::DiscardCopies => Some("Nothing was kept: this cannot be undone."),
        Deed::Discard | Deed::Take | Deed::Move | Deed::CarefulLook => None,
    }
}

fn title(record: &JobRecord, counts: &JobCounts) -> String {
    let number = record.number;
    match record.state {
        JobState::Finished => format!("{} {}", words::messages(counts.done), words::done_to(record.deed)),
        JobState::Running => format!("Job {number} runs"),
        JobState::Paused => format!("Job {number} is paused"),
        JobState::Interrupted => format!("Job {number} was interrupted"),
        JobState::NeedsAnswer => format!("Job {number} needs answers"),
        JobState::Stopped => format!("Job {number} was stopped"),
        JobState::Failed => format!("Job {number} failed"),
    }
}

impl Workbench {
    /// Tells whoever listens how a job that ran here has ended.
    pub(super) async fn tell_of_end(&self, job: JobId, wish: Option<Wish>) {
        match self.notice_of(job, wish).await {
            Ok(notice) => self.tell(AppEvent::JobEnded { notice: Box::new(notice) }),
            Err(error) => tracing::warn!(%error, %job, "it cannot be said how a job has ended"),
        }
    }

    async fn notice_of(&self, job: JobId, wish: Option<Wish>) -> Result<JobNotice> {
        let record = self.job_record(job).await?;
        let counts = self.counts_of(&record).await?;
        Ok(JobNotice::of(&record, &counts, wish.is_some()))
    }

    /// What the system is to tell of an event: the end of a job that nobody asked for, where nobody looks at the window and
    /// the user wants to know.
    pub async fn news_of(&self, event: AppEvent, looked_at: bool) -> Option<JobNotice> {
        let AppEvent::JobEnded { notice } = event else { return None };
        let is_news = !looked_at && !notice.asked_for && self.notifies().await.unwrap_or(true);
        is_news.then_some(*notice)
    }

    /// Whether the system is to tell of jobs that end. It is, until the user does not want it.
    pub async fn notifies(&self) -> Result<bool> {
        let chosen = self.inner.store.read(|connection| store::setting(connection, SETTING)).await?;
        Ok(chosen.unwrap_or(true))
    }

    /// Has the system tell of jobs that end, or not.
    pub async fn set_notifies(&self, on: bool) -> Result<()> {
        let put = move |transaction: &store::Transaction<'_>| store::put_setting(transaction, SETTING, &on);
        self.inner.store.write(put).await
    }
}
