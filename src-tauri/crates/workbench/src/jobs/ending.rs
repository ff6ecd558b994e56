//! How a job ended: its state, its words, and what becomes of the copies.

use jiff::Timestamp;

use super::machine::Halt;
use super::row::{Errand, Row};
use super::{Deed, JobCounts, JobState, MessageState, words};
use crate::store::{Entry, JobRecord};
use crate::{AppEvent, Error, Fault, JobId, Result, Workbench};

impl Workbench {
    /// Writes down how a run ended. `halt` is what the machine said of its end, and whether the journal had failed it;
    /// `None` where it did not come to one.
    pub(super) async fn finish_job(
        &self,
        job: JobId,
        halt: Option<(Option<Halt>, bool)>,
        fault: Option<Fault>,
    ) -> Result<()> {
        let record = self.job_record(job).await?;
        let entries = self.inner.store.job_entries(job).await?;
        let counts = JobCounts::of(entries.iter().map(|entry| &entry.row));
        let state = state_of(&entries, &halt);
        let outcome = words::outcome(record.deed, &counts);
        let ended_at = Some(Timestamp::now());
        self.inner.store.set_job_state(job, state, outcome.clone(), fault, ended_at).await?;
        self.mark_copies(&record, &entries, state).await?;
        if let Some(activity) = record.activity {
            let logged = words::logged(state, &counts);
            match self.amend(activity, logged, outcome, Some(counts.done)).await {
                // The line was completed when the job first ended.
                Ok(()) | Err(Error::NoSuch { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) async fn job_record(&self, job: JobId) -> Result<JobRecord> {
        let found = self.inner.store.find_job(job).await?;
        found.ok_or_else(|| Error::NoSuch { what: "job", name: job.to_string() })
    }

    /// Which copies are the only ones, which may be dropped, and what is said of the messages that were chosen from.
    async fn mark_copies(&self, record: &JobRecord, entries: &[Entry], state: JobState) -> Result<()> {
        let captures = &self.inner.captures;
        if let Some(capture) = record.capture {
            let (only, elsewhere): (Vec<_>, Vec<_>) = entries
                .iter()
                .map(|entry| &entry.row)
                .filter(|row| row.stored.is_some())
                .partition(|row| is_only_copy(row));
            let numbers = |rows: Vec<&Row>| rows.iter().filter_map(|row| row.stored).collect::<Vec<_>>();
            let (only, elsewhere) = (numbers(only), numbers(elsewhere));
            if !only.is_empty() {
                captures.set_only_here(capture, &only, true).await?;
            }
            if !elsewhere.is_empty() {
                captures.set_only_here(capture, &elsewhere, false).await?;
            }
            let settled = !matches!(state, JobState::Running | JobState::Interrupted | JobState::NeedsAnswer);
            if settled {
                captures.set_held(capture, None).await?;
            }
        }
        if let Some(of) = record.of {
            let fate = |entry: &Entry| Some((entry.origin?, record.id, fate_words(record, &entry.row)));
            let fates: Vec<_> = entries.iter().filter_map(fate).collect();
            match captures.set_fate(of, &fates).await {
                // The look that it was chosen from may have been dropped since.
                Ok(()) | Err(Error::NoSuch { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.tell(AppEvent::CapturesChanged);
        Ok(())
    }
}

fn state_of(entries: &[Entry], halt: &Option<(Option<Halt>, bool)>) -> JobState {
    let rows = || entries.iter().map(|entry| &entry.row);
    let open = rows().any(Row::is_open);
    let (halt, mute) = match halt {
        Some((halt, mute)) => (halt.as_ref(), *mute),
        None => (None, true),
    };
    let lost = matches!(halt, Some(Halt::Trouble(trouble)) if trouble.lost);
    match halt {
        _ if rows().any(|row| row.state.is_under_way()) => JobState::Interrupted,
        _ if open && (lost || mute) => JobState::Interrupted,
        _ if open => JobState::NeedsAnswer,
        Some(Halt::Stopped) => JobState::Stopped,
        Some(Halt::Trouble(_)) => JobState::Failed,
        None => JobState::Finished,
    }
}

/// Our copy is, or may be, the only one.
fn is_only_copy(row: &Row) -> bool {
    match row.errand {
        _ if row.closed && row.state != MessageState::OnlyOurCopy => false,
        _ if row.state == MessageState::OnlyOurCopy => true,
        Errand::Take => !matches!(row.state, MessageState::NotStarted | MessageState::Gone),
        Errand::SendCopy => row.state != MessageState::Done,
        Errand::Discard => row.state != MessageState::Done,
        Errand::PutBack(_) | Errand::GiveBack(_) => row.state.is_under_way() || row.state == MessageState::InDoubt,
        Errand::Send | Errand::Remove => false,
    }
}

fn fate_words(record: &JobRecord, row: &Row) -> String {
    let done = match record.deed {
        Deed::Redrive => "redriven",
        Deed::SendCopy => "sent from this copy",
        Deed::Take => "taken",
        Deed::CarefulLook => "put back",
        Deed::DiscardCopies => "discarded",
    };
    let words = match row.state {
        MessageState::Done => done,
        MessageState::LeftBehind => "sent, the original still to be removed",
        MessageState::InDoubt => "in doubt",
        MessageState::OnlyOurCopy => "only in our copy",
        MessageState::Unroutable => "returned as unroutable, put back",
        MessageState::Refused => "refused, put back",
        MessageState::Failed => "failed",
        MessageState::Gone => "gone from its queue",
        MessageState::Skipped => "skipped",
        MessageState::NotStarted => "not started",
        _ => "under way",
    };
    format!("{words} (job {})", record.number)
}
