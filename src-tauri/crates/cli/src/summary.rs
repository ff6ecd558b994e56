//! A job, or a plan of one, as machines read it: how many messages came where.

use broker::QueueName;
use jiff::Timestamp;
use serde::Serialize;
use workbench::{CaptureId, Deed, JobCounts, JobId, JobState, JobView, PlanView};

use crate::failure::Exit;

/// The summary of a job. `planned` is the sum of the parts after it, without `bounced`, which is a part of `done`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// `None`: a plan that was not started.
    job: Option<JobId>,
    number: Option<u64>,
    state: State,
    deed: Deed,
    profile: String,
    queue: Option<QueueName>,
    target: Option<String>,
    planned: u64,
    done: u64,
    left_behind: u64,
    unroutable: u64,
    refused: u64,
    failed: u64,
    in_doubt: u64,
    gone: u64,
    skipped: u64,
    not_started: u64,
    only_our_copy: u64,
    under_way: u64,
    /// Found again where dead letters arrive.
    bounced: u64,
    warnings: Vec<String>,
    outcome: Option<String>,
    /// Where the copies are.
    snapshot: Option<CaptureId>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

/// Where it is in its life.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
enum State {
    Planned(Planned),
    Job(JobState),
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Planned {
    Planned,
}

impl Summary {
    pub(crate) fn of_plan(plan: &PlanView) -> Self {
        let counts = JobCounts {
            planned: plan.messages,
            skipped: plan.messages.saturating_sub(plan.will_act),
            not_started: plan.will_act,
            ..JobCounts::default()
        };
        let warnings = plan.warnings.iter().chain(plan.hazards.iter().map(|hazard| &hazard.words)).cloned().collect();
        Self {
            profile: plan.profile_name.clone(),
            queue: plan.queue.clone(),
            warnings,
            outcome: plan.blocked.clone(),
            ..Self::counted(counts, plan.deed)
        }
    }

    /// Nothing was there to be sent: no plan, no job.
    pub(crate) fn of_nothing(queue: &QueueName, profile: &str, deed: Deed) -> Self {
        Self { profile: profile.to_owned(), queue: Some(queue.clone()), ..Self::counted(JobCounts::default(), deed) }
    }

    pub(crate) fn of_job(job: &JobView) -> Self {
        let fault = job.fault.as_ref().map(|fault| fault.message.clone());
        Self {
            job: Some(job.id),
            number: Some(job.number),
            state: State::Job(job.state),
            profile: job.profile_name.clone(),
            queue: job.queue.clone(),
            target: Some(job.target.clone()),
            warnings: fault.into_iter().collect(),
            outcome: Some(job.outcome.clone()),
            snapshot: job.capture,
            started_at: Some(job.started_at),
            ended_at: job.ended_at,
            ..Self::counted(job.counts, job.deed)
        }
    }

    fn counted(counts: JobCounts, deed: Deed) -> Self {
        let JobCounts {
            planned,
            done,
            left_behind,
            unroutable,
            refused,
            failed,
            in_doubt,
            gone,
            skipped,
            not_started,
            only_our_copy,
            under_way,
            bounced,
        } = counts;
        Self {
            job: None,
            number: None,
            state: State::Planned(Planned::Planned),
            deed,
            profile: String::new(),
            queue: None,
            target: None,
            planned,
            done,
            left_behind,
            unroutable,
            refused,
            failed,
            in_doubt,
            gone,
            skipped,
            not_started,
            only_our_copy,
            under_way,
            bounced,
            warnings: Vec::new(),
            outcome: None,
            snapshot: None,
            started_at: None,
            ended_at: None,
        }
    }
}

/// How the program ends after a job that ended so.
pub(crate) fn exit_of(state: JobState, counts: &JobCounts) -> Exit {
    match state {
        JobState::Finished if counts.done == counts.planned => Exit::Done,
        JobState::Running | JobState::Paused | JobState::Interrupted | JobState::NeedsAnswer => Exit::Partly,
        JobState::Finished | JobState::Stopped | JobState::Failed if counts.done > 0 => Exit::Partly,
        JobState::Stopped => Exit::Partly,
        JobState::Finished | JobState::Failed => Exit::Failed,
    }
}

/// The state as a word for people.
pub(crate) fn state_words(state: JobState) -> &'static str {
    match state {
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Finished => "finished",
        JobState::Interrupted => "interrupted",
        JobState::NeedsAnswer => "needs an answer",
        JobState::Stopped => "stopped",
        JobState::Failed => "failed",
    }
}

/// The deed as a word for people.
pub(crate) fn deed_words(deed: Deed) -> String {
    let word = serde_json::to_value(deed).unwrap_or_default();
    let mut words = String::new();
    for sign in word.as_str().unwrap_or_default().chars() {
        if sign.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(sign.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_whether_all_some_or_nothing_was_done() {
        let counts = |planned, done| JobCounts { planned, done, ..JobCounts::default() };
        assert_eq!(exit_of(JobState::Finished, &counts(3, 3)), Exit::Done);
        assert_eq!(exit_of(JobState::Finished, &counts(0, 0)), Exit::Done, "there was nothing to do");
        assert_eq!(exit_of(JobState::Finished, &counts(3, 2)), Exit::Partly);
        assert_eq!(exit_of(JobState::Finished, &counts(3, 0)), Exit::Failed);
        assert_eq!(exit_of(JobState::Failed, &counts(3, 0)), Exit::Failed);
        assert_eq!(exit_of(JobState::Failed, &counts(3, 1)), Exit::Partly);
        assert_eq!(exit_of(JobState::NeedsAnswer, &counts(3, 3)), Exit::Partly, "somebody has to answer");
        assert_eq!(exit_of(JobState::Stopped, &counts(3, 0)), Exit::Partly);
    }

    #[test]
    fn a_deed_is_said_in_words() {
        assert_eq!(deed_words(Deed::CarefulLook), "careful look");
        assert_eq!(deed_words(Deed::Redrive), "redrive");
    }
}
