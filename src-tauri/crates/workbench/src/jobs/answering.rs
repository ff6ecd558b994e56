//! Answers to what was left open, carried out by the same engine under the same job.

use std::collections::HashMap;

use super::ending::RunEnd;
use super::machine::{Quest, Work};
use super::reckoning;
use super::row::Row;
use super::running::Undertaking;
use super::starting::busy;
use super::{Answer, AnswerFor, JobState, JobView, MessageState, plan};
use crate::activity::NewActivity;
use crate::store::{JobRecord, RowsOf};
use crate::{Act, AppEvent, Error, JobId, Outcome, Result, Workbench};

impl Workbench {
    /// Carries out the user's answers for messages that a job left open, and waits for the end. Every step is journaled as
    /// in the first run. Needs writes, as a start does, unless everything is left as it is.
    ///
    /// Fails with [`Error::Invalid`] where an answer does not fit what is known of its message.
    pub async fn answer_job(&self, job: JobId, answers: Vec<AnswerFor>) -> Result<JobView> {
        let shown = self.show_job(job).await?;
        let wanted: HashMap<u64, Answer> = answers.iter().map(|answer| (answer.n, answer.answer)).collect();
        for (n, answer) in &wanted {
            let row = shown.rows.iter().find(|row| row.n == *n);
            if !row.is_some_and(|row| row.answers.contains(answer)) {
                return Err(Error::Invalid {
                    why: format!("message {n} of job {} cannot be answered so", shown.number),
                });
            }
        }
        let record = self.job_record(job).await?;
        if wanted.values().any(|answer| *answer != Answer::Leave) {
            self.may_write(record.profile)?;
        }
        let owner = self.inner.jobs.own(job)?.ok_or_else(|| busy("the job"))?;
        let now = self.job_record(job).await?.state;
        if now != shown.state {
            owner.give_up(Some(now));
            let why = format!("job {} has changed meanwhile: look at it again", shown.number);
            return Err(Error::Invalid { why });
        }
        let entries = self.inner.store.job_entries(job, RowsOf::Open).await?;
        let next_n = self.inner.store.last_n(job).await? + 1;
        let (mut rows, mut left) = (Vec::new(), Vec::new());
        for row in entries.into_iter().map(|entry| entry.row) {
            let Some(answer) = wanted.get(&row.n) else { continue };
            match reckoning::errand_for(*answer) {
                Some(errand) => rows.push(Row { errand, ..row }),
                None => left.push(leave(row)),
            }
        }
        self.note_answers(&record, &wanted).await?;
        self.inner.store.write_rows(job, left).await?;
        if rows.is_empty() {
            let state = self.finish_job(job, Some(RunEnd::default()), record.fault.clone()).await?;
            owner.give_up(Some(state));
        } else {
            let live = Some(self.live(record.profile)?);
            let state = JobState::Running;
            self.inner.store.set_job_state(job, state, record.outcome.clone(), None, None).await?;
            let writer = match (record.capture, rows.iter().any(|row| row.errand.starts_in_queue())) {
                (Some(capture), true) => Some(self.inner.captures.reopen(capture).await?),
                _ => None,
            };
            let (limits, wary) = plan::limits(record.cost.as_ref());
            let work =
                Work { quest: Quest::Rows, rows, next_n, leave: HashMap::new(), taken: HashMap::new(), wary, limits };
            let to = record.ask.as_ref().and_then(|ask| ask.options().to_profile);
            let to = to.map(|profile| self.live(profile)).transpose()?;
            let run =
                self.undertake(Undertaking { record, owner, live, to, writer, work, canary: None, everything: false });
            if let Err(error) = run.await {
                tracing::error!(%error, %job, "answers broke off");
            }
        }
        self.tell(AppEvent::JobChanged { job });
        self.show_job(job).await
    }

    async fn note_answers(&self, record: &JobRecord, answers: &HashMap<u64, Answer>) -> Result<()> {
        let said = |answer: Answer, words: &str| {
            let n = answers.values().filter(|other| **other == answer).count();
            (n > 0).then(|| format!("{n} {words}"))
        };
        let parts = [
            said(Answer::Remove, "arrived: the original is to be removed"),
            said(Answer::SendAgain, "to be sent again"),
            said(Answer::SendCopy, "to be sent from our copy"),
            said(Answer::Leave, "left as it is"),
        ];
        let words: Vec<_> = parts.into_iter().flatten().collect();
        let user = self.live(record.profile).map(|live| live.identity.user).unwrap_or_default();
        let note =
            NewActivity { broker_user: user, ..NewActivity::local(Act::Answer, record.profile, &record.profile_name) };
        let place = record.queue.as_ref().map_or_else(|| record.target.clone(), ToString::to_string);
        let note = note.place(place).messages(answers.len() as u64).job(record.id);
        self.note(note.outcome(Outcome::Done, words.join(", "))).await?;
        Ok(())
    }
}

/// The question is closed; what is known stays written.
fn leave(mut row: Row) -> Row {
    row.closed = true;
    if row.state == MessageState::InDoubt {
        row.why = format!("left as it is: {}", row.why);
    }
    row
}
