//! What every test does: an undisturbed redrive to know how long it takes, and one that is gone on with to its end.

use std::time::Duration;

use support::Version;
use tokio::sync::OnceCell;

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind};
use crate::journal::Named;
use crate::laws;
use crate::qscope::{Qscope, Summary};

/// A job is over after so many resumes, or never.
const RESUMES_MAX: usize = 12;
/// And after so many answers.
const ANSWERS_MAX: usize = 60;
/// One resume in so many is killed.
const KILLED_IN: u64 = 2;
const KILLS_MAX: usize = 4;

const BEGUN: &[&str] = &["publishing", "published", "removing", "done", "leftBehind", "inDoubt"];

static PACES: [OnceCell<Pace>; 8] = [const { OnceCell::const_new() }; 8];

/// How long an undisturbed redrive takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Until its job runs.
    pub(crate) start: Duration,
    pub(crate) whole: Duration,
}

impl Pace {
    /// Of redrives on that broker; the first test that asks runs one.
    pub(crate) async fn of(version: Version, kind: Kind, ground: &Ground) -> Self {
        let at = 2 * version as usize + kind as usize;
        *PACES[at].get_or_init(|| Self::measure(ground, Form::chosen().messages)).await
    }

    /// Runs one, which does everything that was planned.
    async fn measure(ground: &Ground, messages: usize) -> Self {
        let were = ground.fill(messages, &mut Chance::of("pace")).await;
        let qscope = ground.qscope();
        let mut run = ground.redrive(&qscope);
        let start = run.line().await.expect("a redrive says its job first");
        let ended = run.end().await;
        ground.proxy.pass();
        laws::is_truthful(&ended, ground).await;
        let job = ended.summary().expect("a redrive says what it did");
        assert_eq!((job.done, ended.code), (messages as u64, Some(0)), "nothing is in its way: {job:?}");
        let seen = laws::hold(ground, &qscope, &were, job.number).await;
        assert_eq!((seen.open, seen.doubled), (0, 0), "nothing is in its way");
        Self { start, whole: ended.took }
    }

    /// Any instant of it; mostly one at which the job runs.
    pub(crate) fn instant(&self, chance: &mut Chance) -> Duration {
        let from = if chance.one_in(4) { Duration::ZERO } else { self.start };
        chance.between(from, self.whole)
    }
}

/// Whether going on is itself disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resumed {
    InPeace,
    UnderFire,
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} s", self.whole.as_secs_f32())
    }
}

/// A redrive that came to its end.
#[derive(Debug)]
pub(crate) struct Over {
    /// `None`: it never became a job.
    pub(crate) job: Option<u64>,
    /// When it was met, something was sent, or about to be, and not everything was done.
    pub(crate) half_way: bool,
    /// Resumes that were killed.
    pub(crate) kills: usize,
}

/// Goes on with the only job of this user until it is over.
pub(crate) async fn go_on(ground: &Ground, qscope: &Qscope, pace: Pace, chance: &mut Chance, how: Resumed) -> Over {
    ground.hang_up();
    let mut over = Over { job: None, half_way: false, kills: 0 };
    for n in 0..RESUMES_MAX {
        let mut jobs = qscope.jobs().await;
        assert!(jobs.len() <= 1, "one redrive is one job: {jobs:?}");
        let Some(job) = jobs.pop() else { return over };
        laws::adds_up(&job);
        over.job = job.number;
        over.half_way |= n == 0 && is_half_way(qscope, &job);
        // What needs an answer may have one that is safe.
        if job.state == "finished" || (n > 0 && job.is_over()) {
            return over;
        }
        let number = job.number.expect("a job has a number").to_string();
        let run = qscope.start(&["jobs", "resume", &number]);
        if how == Resumed::UnderFire && over.kills < KILLS_MAX && chance.one_in(KILLED_IN) {
            tokio::time::sleep(chance.between(Duration::ZERO, pace.whole)).await;
            over.kills += usize::from(run.kill().await.was_killed());
            ground.hang_up();
            continue;
        }
        let ended = run.end().await;
        assert!(!ended.was_killed(), "a resume ends by itself");
        if let Some(job) = ended.summary() {
            laws::adds_up(&job);
        }
    }
    panic!("{RESUMES_MAX} resumes do not finish it: {:?}", qscope.jobs().await)
}

/// Brings a job to its end: what is open is answered as recommended, and left as it is where nothing is.
pub(crate) async fn settle(qscope: &Qscope, job: u64) -> Summary {
    let number = job.to_string();
    for n in 0..ANSWERS_MAX {
        let now = qscope.show(job).await;
        laws::adds_up(&now);
        match now.state.as_str() {
            "finished" => return now,
            // It answers some hundreds at once.
            "needsAnswer" if n == 0 => qscope.run(&["jobs", "resolve", &number, "--recommended"]).await,
            "needsAnswer" => qscope.run(&["jobs", "resolve", &number, "--answer", "leave"]).await,
            _ => qscope.run(&["jobs", "resume", &number]).await,
        };
    }
    panic!("it does not end: {:?}", qscope.jobs().await)
}

fn is_half_way(qscope: &Qscope, job: &Summary) -> bool {
    let Some(snapshot) = &job.snapshot else { return false };
    let begun = Named::read(&qscope.data(), snapshot).in_states(BEGUN);
    !begun.is_empty() && job.done < job.planned
}
