//! Going on with a job that was paused, stopped, cut short or interrupted: first what can be answered safely, then the
//! messages that were not started, then the rest of its rule.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::ending::planned_by_rule;
use super::machine::{Quest, Work};
use super::row::Row;
use super::running::Undertaking;
use super::starting::{busy, errand_of};
use super::{Answer, JobCounts, JobState, MessageState, Selection, plan, reckoning, showing};
use crate::activity::NewActivity;
use crate::store::{Entry, JobRecord, RowsOf};
use crate::{Act, Error, JobId, Outcome, RefusedCode, Result, Workbench};

/// How far to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Resume {
    /// Carry out what is recommended for messages that were left open, and nothing else.
    Answers,
    /// Do that, then finish the job.
    All,
}

impl Workbench {
    /// Goes on with a job: looks at both ends of what was left open, carries out every recommended answer, and, with
    /// [`Resume::All`], does what was not done. What has no safe answer stays open. Returns when it runs;
    /// [`crate::AppEvent::JobChanged`] tells how it goes on. Needs writes, as a start does.
    ///
    /// `typed` is what the user typed: [`crate::JobView::typed`], as at a start.
    pub async fn resume_job(&self, job: JobId, resume: Resume, typed: Option<String>) -> Result<()> {
        self.inner.jobs.settle().await?;
        let record = self.job_record(job).await?;
        if matches!(record.state, JobState::Running | JobState::Finished) {
            let why = format!("job {} is {}", record.number, showing::state_words(record.state));
            return Err(Error::Invalid { why });
        }
        let live = self.live(record.profile)?;
        let options = record.ask.as_ref().map(super::DeedAsk::options).unwrap_or_default();
        let to = options.to_profile.map(|profile| self.live(profile)).transpose()?;
        for changed in plan::changes(record.deed, record.profile, options.to_profile.unwrap_or(record.profile)) {
            self.may_write(changed)?;
        }
        let counts = self.counts_of(&record).await?;
        if let Some(asked) = self.typed_to_resume(&record, &counts).await?.filter(|asked| typed.as_ref() != Some(asked))
        {
            let why = format!("type `{asked}` to confirm");
            return Err(Error::Refused { code: RefusedCode::ConfirmationMissing, why });
        }
        if self.inner.store.is_at_work(&record).await? {
            return Err(busy("the queue"));
        }
        let owner = self.inner.jobs.own(job)?.ok_or_else(|| busy("the job"))?;
        self.reconcile(&record, &live).await?;
        let record = self.job_record(job).await?;
        let Some(work) = self.what_is_left(&record, resume).await? else {
            let state = record.state;
            owner.give_up(Some(state));
            return match state {
                JobState::NeedsAnswer | JobState::Interrupted => {
                    let why = format!("no message of job {} has an answer that is surely safe", record.number);
                    Err(Error::Invalid { why })
                }
                _ => Ok(()),
            };
        };
        self.inner.store.write_rows(job, work.rows.clone()).await.map_err(|error| {
            tracing::debug!(%error, "a job cannot take its messages up again");
            let why = format!("another job has messages of job {} meanwhile", record.number);
            Error::Refused { code: RefusedCode::AlreadyOutstanding, why }
        })?;
        self.inner.store.set_job_state(job, JobState::Running, record.outcome.clone(), None, None).await?;
        let reads = !matches!(work.quest, Quest::Rows) || work.rows.iter().any(|row| row.errand.starts_in_queue());
        let writer = match (record.capture, reads) {
            (Some(capture), true) => Some(self.inner.captures.reopen(capture).await?),
            _ => None,
        };
        let note = NewActivity::new(Act::Answer, &live.profile, &live.identity.user)
            .place(record.queue.as_ref().map_or_else(|| record.target.clone(), ToString::to_string))
            .job(job);
        self.note(note.outcome(Outcome::Done, format!("job {} goes on", record.number))).await?;
        let live = Some(live);
        let everything = resume == Resume::All;
        // One that nobody watched to its end is sent anew.
        let canary = options.canary.filter(|_| everything && !record.canary_seen);
        drop(self.undertake(Undertaking { record, owner, live, to, writer, work, canary, everything }));
        Ok(())
    }

    /// What has to be typed to go on with a job, if a click is not enough: the same as at its start, for what is left of it.
    pub(super) async fn typed_to_resume(&self, record: &JobRecord, counts: &JobCounts) -> Result<Option<String>> {
        if matches!(record.state, JobState::Running | JobState::Finished) {
            return Ok(None);
        }
        let left = counts.not_started + counts.under_way + counts.in_doubt + counts.left_behind + counts.only_our_copy;
        let to = record.ask.as_ref().and_then(|ask| ask.options().to_profile);
        let profiles = std::iter::once(record.profile).chain(to);
        let is_production = self.is_production(profiles).await?;
        let place = record.queue.clone().unwrap_or_else(|| record.target.as_str().into());
        Ok(plan::needs_typing(is_production, record.deed, left, &place, record.cost.as_ref()).filter(|_| left > 0))
    }

    /// `None`: there is nothing that can be done.
    async fn what_is_left(&self, record: &JobRecord, resume: Resume) -> Result<Option<Work>> {
        let store = &self.inner.store;
        let open = store.job_entries(record.id, RowsOf::Open).await?;
        let (mut rows, mut leave) = (Vec::new(), HashMap::new());
        let mut taken: HashMap<_, Vec<_>> = HashMap::new();
        for entry in open.into_iter().filter(|entry| entry.row.is_open()) {
            taken.entry(entry.row.key.clone()).or_default().push(entry.row.twin);
            match recommended(&entry).and_then(reckoning::errand_for) {
                Some(errand) => rows.push(Row { errand, ..entry.row }),
                None if entry.row.errand.starts_in_queue() => *leave.entry(entry.row.key).or_default() += 1,
                None => {}
            }
        }
        let mut quest = Quest::Rows;
        if resume == Resume::All {
            let reads_queue = record.ask.as_ref().and_then(super::DeedAsk::selection);
            let reads_queue = matches!(reads_queue, Some(Selection::First { .. }));
            let errand = errand_of(record.deed, reads_queue);
            let again = store.job_entries(record.id, RowsOf::NotStarted).await?;
            let again = again.into_iter().filter_map(|entry| {
                Some(Row { errand: errand?, state: MessageState::Planned, why: String::new(), ..entry.row })
            });
            if reads_queue {
                for entry in store.job_entries(record.id, RowsOf::Staying).await? {
                    *leave.entry(entry.row.key).or_default() += 1;
                }
            }
            let listed = store.job_counts(record.id).await?.planned;
            rows.extend(again);
            let rest = planned_by_rule(record).unwrap_or(0).saturating_sub(listed);
            if let (true, Some(errand)) = (rest > 0, errand) {
                let met = rows.iter().filter(|row| row.errand.starts_in_queue()).count() as u64;
                quest = Quest::Each { n: rest + met + leave.values().sum::<u64>(), errand };
            }
        }
        if rows.is_empty() && quest == Quest::Rows {
            return Ok(None);
        }
        let (limits, wary) = plan::limits(record.cost.as_ref());
        let rate = record.ask.as_ref().and_then(|ask| ask.options().per_second);
        // A number is left out: a message that is new may be taken for one that is left, and then gets no row.
        let next_n = store.last_n(record.id).await? + 1 + u64::from(!leave.is_empty());
        let limits = match quest {
            Quest::Rows => plan::picking(limits, rows.len() as u64, rate),
            _ => plan::paced(limits, rate),
        };
        Ok(Some(Work { quest, rows, next_n, leave, taken, wary, limits }))
    }
}

fn recommended(entry: &Entry) -> Option<Answer> {
    let (at_source, at_target) = showing::ends_of(entry);
    reckoning::answers(&entry.row, &at_source, &at_target).0
}
