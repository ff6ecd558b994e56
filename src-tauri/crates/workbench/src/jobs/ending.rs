//! How a job ended: its state, its words, and what becomes of the copies.

use jiff::Timestamp;

use super::machine::{Halt, Machine, Trouble};
use super::row::{Errand, Row};
use super::{Deed, JobCounts, JobState, MessageState, Selection, plan, words};
use crate::store::{Entry, JobRecord, RowsOf};
use crate::{AppEvent, Error, Fault, JobId, Result, Workbench};

/// Rows that are read at a time.
const PAGE: usize = 2_000;

/// What the machine said of its end.
#[derive(Debug, Default)]
pub(super) struct RunEnd {
    pub(super) halt: Option<Halt>,
    /// The journal could not be written to the end.
    pub(super) mute: bool,
    /// Why it waits, where it is to be gone on with.
    pub(super) pause: Option<String>,
    /// It was to do all that the job is about, and not only what was answered.
    pub(super) everything: bool,
}

impl RunEnd {
    pub(super) fn of(machine: &Machine) -> Self {
        let pause = machine.waits().map(str::to_owned);
        Self { halt: machine.halt().cloned(), mute: machine.is_mute(), pause, ..Self::default() }
    }

    pub(super) fn failed(error: &Error) -> Self {
        let trouble = Trouble { words: error.to_string(), lost: false };
        Self { halt: Some(Halt::Trouble(trouble)), ..Self::default() }
    }
}

impl Workbench {
    /// Writes down how a run ended; `None` where it did not come to an end. How the job is now.
    pub(super) async fn finish_job(
        &self,
        job: JobId,
        mut end: Option<RunEnd>,
        fault: Option<Fault>,
    ) -> Result<JobState> {
        let record = self.job_record(job).await?;
        if let Some(end) = end.as_mut().filter(|end| !end.everything && end.halt.is_none() && end.pause.is_none()) {
            let counts = self.counts_of(&JobRecord { state: JobState::Paused, ..record.clone() }).await?;
            end.pause = (counts.not_started > 0).then(|| "the rest was not started".to_owned());
        }
        let (under_way, open) = self.inner.store.job_is_open(job).await?;
        let mut state = state_of(under_way, open, end.as_ref());
        let counts = self.counts_of(&JobRecord { state, ..record.clone() }).await?;
        if matches!(state, JobState::Stopped | JobState::Paused) && counts.planned > 0 && counts.done == counts.planned
        {
            // It was told to stop when there was nothing left to do.
            state = JobState::Finished;
        }
        let outcome = match end.as_ref().and_then(|end| end.pause.as_ref()).filter(|_| state == JobState::Paused) {
            Some(why) => format!("{}; paused: {why}", words::outcome(record.deed, &counts)),
            None => words::outcome(record.deed, &counts),
        };
        let ended_at = Some(Timestamp::now());
        self.inner.store.set_job_state(job, state, outcome.clone(), fault, ended_at).await?;
        self.mark_copies(&record, state).await?;
        if counts.planned > 0 && counts.done == counts.planned {
            self.give_up_sent(&record).await?;
        }
        if let Some(activity) = record.activity {
            let logged = words::logged(state, &counts);
            match self.amend(activity, logged, outcome, Some(counts.planned)).await {
                // The line was completed when the job first ended.
                Ok(()) | Err(Error::NoSuch { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(state)
    }

    /// What was edited was sent: its draft is done with.
    async fn give_up_sent(&self, record: &JobRecord) -> Result<()> {
        match record.ask.as_ref().and_then(|ask| ask.options().instead) {
            Some(sent) => self.give_up_draft(sent.draft).await,
            None => Ok(()),
        }
    }

    pub(super) async fn job_record(&self, job: JobId) -> Result<JobRecord> {
        let found = self.inner.store.find_job(job).await?;
        found.ok_or_else(|| Error::NoSuch { what: "job", name: job.to_string() })
    }

    /// How a job's messages are. Those of a rule that were not met yet, or that were not there, are counted too.
    pub(super) async fn counts_of(&self, record: &JobRecord) -> Result<JobCounts> {
        Ok(counted(record, self.inner.store.job_counts(record.id).await?))
    }

    /// Which copies are the only ones, which may be dropped, and what is said of the messages that were chosen from.
    async fn mark_copies(&self, record: &JobRecord, state: JobState) -> Result<()> {
        // Where nothing was held that may not go back, what went as planned was marked when it was copied.
        let all = plan::limits(record.cost.as_ref()).1 || record.of.is_some() || !plan::removes(record.deed);
        let which = if all { RowsOf::All } else { RowsOf::NotDoneNorClosed };
        let mut after = 0;
        loop {
            let page = self.inner.store.job_page(record.id, which, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.row.n;
            self.mark_copies_of(record, &page).await?;
        }
        // One that is to be gone on with needs its copies.
        let open = [JobState::Running, JobState::Interrupted, JobState::NeedsAnswer, JobState::Paused];
        let settled = !open.contains(&state);
        if let (Some(capture), true) = (record.capture, settled) {
            self.inner.captures.set_held(capture, None).await?;
        }
        self.tell(AppEvent::CapturesChanged);
        Ok(())
    }

    async fn mark_copies_of(&self, record: &JobRecord, entries: &[Entry]) -> Result<()> {
        let captures = &self.inner.captures;
        if let Some(capture) = record.capture {
            let numbers = |only: bool| -> Vec<_> {
                let rows = entries.iter().map(|entry| &entry.row);
                rows.filter(|row| is_only_copy(record.deed, row) == Some(only)).filter_map(|row| row.stored).collect()
            };
            for only in [true, false] {
                let numbers = numbers(only);
                if !numbers.is_empty() {
                    captures.set_only_here(capture, &numbers, only).await?;
                }
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
        Ok(())
    }
}

/// How many messages a plan that names a rule is about.
pub(super) fn planned_by_rule(record: &JobRecord) -> Option<u64> {
    match record.ask.as_ref()?.selection()? {
        Selection::First { n, .. } => *n,
        Selection::Chosen { .. } | Selection::Whole { .. } => None,
    }
}

/// With those that have no row: done with unlisted, or of a rule and not met.
pub(super) fn counted(record: &JobRecord, mut counts: JobCounts) -> JobCounts {
    counts.planned += record.unlisted;
    counts.done += record.unlisted;
    let missing = planned_by_rule(record).unwrap_or(0).saturating_sub(counts.planned);
    counts.planned += missing;
    *match record.state {
        // Only a job that looked for all of them can say so.
        JobState::Finished => &mut counts.gone,
        JobState::Running | JobState::Interrupted => &mut counts.under_way,
        _ => &mut counts.not_started,
    } += missing;
    debug_assert_eq!(counts.planned, counts.sum(), "every planned message is somewhere");
    counts
}

fn state_of(under_way: bool, open: bool, end: Option<&RunEnd>) -> JobState {
    let Some(RunEnd { halt, mute, pause, everything: _ }) = end else {
        return if under_way || open { JobState::Interrupted } else { JobState::Failed };
    };
    let lost = matches!(halt, Some(Halt::Trouble(trouble)) if trouble.lost);
    match halt {
        _ if under_way => JobState::Interrupted,
        _ if open && (lost || *mute) => JobState::Interrupted,
        _ if open => JobState::NeedsAnswer,
        // Whatever else is the matter, it can be gone on with as it is.
        _ if pause.is_some() => JobState::Paused,
        Some(Halt::Trouble(_)) => JobState::Failed,
        Some(Halt::Stopped) => JobState::Stopped,
        None => JobState::Finished,
    }
}

/// Whether our copy is, or may be, the only one. `None`: this job has nothing to say about it.
fn is_only_copy(deed: Deed, row: &Row) -> Option<bool> {
    Some(match row.errand {
        _ if row.stored.is_none() => return None,
        _ if row.closed && row.state != MessageState::OnlyOurCopy => false,
        _ if row.state == MessageState::OnlyOurCopy => true,
        Errand::Take => !matches!(row.state, MessageState::NotStarted | MessageState::Gone),
        Errand::SendCopy if !matches!(deed, Deed::SendCopy | Deed::Undo | Deed::Take) => return None,
        // Once sent it exists elsewhere; otherwise it is as it was.
        Errand::SendCopy if row.state == MessageState::Done => false,
        Errand::SendCopy => return None,
        Errand::GiveUp => row.state != MessageState::Done,
        Errand::PutBack(_) | Errand::GiveBack(_) => row.state.is_under_way() || row.state == MessageState::InDoubt,
        Errand::Send | Errand::Copy | Errand::Discard | Errand::Remove => false,
    })
}

fn fate_words(record: &JobRecord, row: &Row) -> String {
    let done = match record.deed {
        Deed::Redrive => "redriven",
        Deed::Move => "moved",
        Deed::Copy => "copied",
        Deed::Replay => "replayed",
        Deed::Undo => "put back from this copy",
        Deed::SendCopy => "sent from this copy",
        Deed::Take => "taken",
        Deed::CarefulLook => "put back",
        Deed::Discard | Deed::DiscardCopies | Deed::Purge => "discarded",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_could_send_nothing_for_now_is_paused_unless_something_is_open() {
        let trouble = Trouble { words: "a message was not sent: an alarm".to_owned(), lost: false };
        let ended = |pause: Option<&str>| RunEnd {
            halt: Some(Halt::Trouble(trouble.clone())),
            pause: pause.map(str::to_owned),
            ..RunEnd::default()
        };
        assert_eq!(state_of(false, false, Some(&ended(Some("an alarm")))), JobState::Paused);
        assert_eq!(state_of(false, true, Some(&ended(Some("an alarm")))), JobState::NeedsAnswer);
        assert_eq!(state_of(false, false, Some(&ended(None))), JobState::Failed);
    }
}
