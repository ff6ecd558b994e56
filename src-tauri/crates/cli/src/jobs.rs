//! Carrying out a plan: the job's id first, how far it is on a terminal, its summary last.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use workbench::{JobId, JobState, JobView, PlanView};

use crate::failure::{Exit, Failure};
use crate::out::Out;
use crate::session::Session;
use crate::summary::{self, Summary};

/// A job is looked at this often; a short one sooner.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(20);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(500);

#[derive(Debug, Serialize)]
struct Started {
    job: JobId,
    state: JobState,
}

/// Starts the plan and stays until its job has ended, and is watched no more for what comes back. Stopped, it ends the job
/// between two batches, or the watch.
pub(crate) async fn carry_out(
    session: &Session,
    plan: &PlanView,
    typed: Option<String>,
    says_id: bool,
) -> Result<JobView, Failure> {
    let job = Box::pin(session.workbench.start_plan(plan.id, typed)).await?;
    // From here on nobody listening is no reason to leave a job alone.
    if says_id {
        let started = Started { job, state: JobState::Running };
        let said = if session.out.json { session.out.object(&started) } else { session.out.line(&job.to_string()) };
        said.ok();
    }
    follow(session, job, plan.will_act).await
}

/// Stays until the job has ended and is watched no more.
pub(crate) async fn follow(session: &Session, job: JobId, of: u64) -> Result<JobView, Failure> {
    let began = Instant::now();
    let mut pause = LOOK_AGAIN_MIN;
    let (mut told, mut is_alone) = (false, false);
    loop {
        let now = session.workbench.show_job(job).await?;
        match now.watching_until {
            None if now.state != JobState::Running => {
                session.out.progress_ends();
                return Ok(now);
            }
            Some(until) if now.state != JobState::Running => session.out.progress(&watch_words(&now, until)),
            _ => show_progress(&session.out, &now, of, began.elapsed()),
        }
        // It may have ended while it was looked at; looked at twice, it could not say so.
        if now.elsewhere && is_alone {
            session.out.progress_ends();
            session.out.warn("could not write down how the job ended: the store takes nothing, the log says why");
            return Ok(JobView { state: JobState::Interrupted, ..now });
        }
        is_alone = now.elsewhere;
        if session.stop.is_cancelled() && !told {
            told = true;
            // It may have ended at that very moment.
            session.workbench.stop_job(job).await.ok();
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LOOK_AGAIN_MAX),
            () = session.stop.cancelled(), if !told => {}
        }
    }
}

fn show_progress(out: &Out, job: &JobView, of: u64, took: Duration) {
    let done = job.counts.planned.saturating_sub(job.counts.under_way + job.counts.skipped + job.counts.not_started);
    out.progress(&progress_words(done, of.max(done), took));
}

fn watch_words(job: &JobView, until: Timestamp) -> String {
    let left_s = until.duration_since(Timestamp::now()).as_secs().max(0);
    format!("{} of {} came back, watching for {left_s} s more", job.counts.bounced, job.counts.done)
}

fn progress_words(done: u64, of: u64, took: Duration) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done as f64 / took.as_secs_f64().max(0.001);
    let percent = (done * 100).checked_div(of).unwrap_or(100);
    let mut words = format!("{done} of {of} ({percent} %), {rate:.0} a second");
    if done > 0 && done < of {
        #[allow(clippy::cast_precision_loss, reason = "an estimate for people")]
        let left_s = (of - done) as f64 / rate.max(0.001);
        words.push_str(&format!(", {left_s:.0} s to go"));
    }
    words
}

/// How a job ended, said: its summary, and what is left to do. How the program ends with it.
pub(crate) fn conclude(session: &Session, job: &JobView) -> Exit {
    let out = &session.out;
    let summary = if out.json { out.object(&Summary::of_job(job)) } else { out.line(&in_words(job)) };
    // What was done is done, whether or not anybody reads it.
    summary.ok();
    advise(out, job);
    if session.stop.is_cancelled() { Exit::Interrupted } else { summary::exit_of(job.state, &job.counts) }
}

pub(crate) fn in_words(job: &JobView) -> String {
    format!(
        "job {} ({}) {}: {}",
        job.number,
        summary::deed_words(job.deed),
        summary::state_words(job.state),
        crate::out::clean(&job.outcome)
    )
}

/// What to do about what a job left.
pub(crate) fn advise(out: &Out, job: &JobView) {
    if let Some(fault) = &job.fault {
        out.warn(&crate::out::clean(&fault.message));
    }
    match job.state {
        JobState::Interrupted | JobState::Paused | JobState::Stopped => {
            out.say(&format!("`qscope jobs resume {}` looks up what became of each message, and goes on", job.number));
        }
        JobState::NeedsAnswer => {
            out.say(&format!(
                "`qscope jobs show {0}` says what is known of both ends, `qscope jobs resolve {0} --recommended` settles it",
                job.number
            ));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_a_rate_and_an_end() {
        assert_eq!(progress_words(50, 200, Duration::from_secs(5)), "50 of 200 (25 %), 10 a second, 15 s to go");
        assert_eq!(progress_words(0, 0, Duration::ZERO), "0 of 0 (100 %), 0 a second");
        assert_eq!(progress_words(200, 200, Duration::from_secs(2)), "200 of 200 (100 %), 100 a second");
    }
}
