//! What must hold, whatever happened.

use std::time::Duration;

use crate::ground::{Ground, SOURCE, TARGET, Tally};
use crate::journal::Named;
use crate::qscope::{Ended, Qscope, Summary};

/// What was held by a connection that died comes back within so many looks.
const BACK_LOOKS_MAX: usize = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Messages of a job that `qscope jobs show` lists, where there are more.
const LISTED_MAX: u64 = 500;

/// What waits for an answer names what may be somewhere twice.
const MAY_BE_DOUBLED: &[&str] = &["inDoubt", "leftBehind", "gone"];
/// Of these a copy is kept that may be the only one.
const MAY_BE_ONLY_HERE: &[&str] = &["onlyOurCopy", "inDoubt"];

/// What a test saw at its end, for its one line.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Nowhere, and no copy of them may be the only one.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) only_here: u64,
    pub(crate) open: u64,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.only_here += other.only_here;
        self.open += other.open;
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { lost, doubled, only_here, open } = self;
        write!(f, "{lost} lost, {open} open, {doubled} doubled and named, {only_here} only here")
    }
}

pub(crate) fn adds_up(job: &Summary) {
    assert_eq!(job.planned, job.sum(), "what was planned is the sum of its parts: {job:?}");
}

/// A command that ended by itself says what is so, and says so with its exit code.
pub(crate) async fn is_truthful(ended: &Ended, ground: &Ground) {
    assert!(!ended.was_killed(), "it ends by itself");
    let Some(job) = ended.summary() else {
        assert_eq!(ended.code, Some(1), "without a job nothing was done");
        return;
    };
    adds_up(&job);
    let all = job.state == "finished" && job.done == job.planned;
    assert_eq!(ended.code == Some(0), all, "exit code {:?} of {job:?}", ended.code);
    let held_back = job.only_our_copy + job.gone;
    let (mut source, mut target) = (0, 0);
    for _ in 0..BACK_LOOKS_MAX {
        (source, target) = ground.depths().await;
        if source + target + held_back >= job.planned {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let seen = format!("{source} in the source, {target} at the target: {job:?}");
    assert!(source + target + held_back >= job.planned, "all of them are somewhere: {seen}");
    assert!(target >= job.done + job.left_behind, "what is said to be sent was sent: {seen}");
    assert!(source >= job.untouched(), "what is said to be untouched is there: {seen}");
    assert!(source <= job.planned - job.done, "what is said to be done was removed: {seen}");
}

/// When everything is over: nothing is lost, and what is doubled is named. Empties both queues.
pub(crate) async fn hold(ground: &Ground, qscope: &Qscope, were: &Tally, job: Option<u64>) -> Seen {
    hold_but(0, ground, qscope, were, job).await
}

/// The same where so many may be lost, if they are counted as gone.
pub(crate) async fn hold_but(lost_max: u64, ground: &Ground, qscope: &Qscope, were: &Tally, job: Option<u64>) -> Seen {
    let (source, target) = (ground.drain(SOURCE).await, ground.drain(TARGET).await);
    let all: u64 = were.values().sum();
    let strange = source.keys().chain(target.keys()).find(|id| !were.contains_key(*id));
    assert_eq!(strange, None, "nobody else sends there");
    let Some(job) = job else {
        assert_eq!((&source, target.len()), (were, 0), "without a job nothing was touched");
        return Seen::default();
    };
    let mut job = qscope.show(job).await;
    adds_up(&job);
    assert_eq!((job.planned, job.under_way), (all, 0), "everything was planned, and nothing is on its way: {job:?}");
    let listed = job.messages.take().map_or(0, |rows| rows.len() as u64);
    // What a rule never met has no line of its own.
    let lines = job.open() + job.untouched() - job.not_started;
    assert!(listed >= LISTED_MAX.min(lines), "what is not done is listed: {job:?}");
    let named = Named::read(&qscope.data(), job.snapshot.as_deref().expect("a redrive keeps copies"));
    let (doubtful, kept) = (named.in_states(MAY_BE_DOUBLED), named.in_states(MAY_BE_ONLY_HERE));
    let mut seen = Seen { open: job.open() + job.gone, ..Seen::default() };
    for (id, were) in were {
        let count = |tally: &Tally| tally.get(id).copied().unwrap_or_default();
        let there = count(&source) + count(&target);
        let (extra, missing) = (there.saturating_sub(*were), were.saturating_sub(there));
        let only_here = missing.min(count(&kept));
        assert!(missing == only_here || lost_max > 0, "{missing} of {id} are lost: {job:?}");
        assert!(extra <= count(&doubtful), "{extra} of {id} too many, and nobody says so: {job:?}");
        seen.lost += missing - only_here;
        seen.doubled += extra;
        seen.only_here += only_here;
    }
    assert!(seen.lost <= lost_max.min(job.gone), "{} are lost, {lost_max} may be: {job:?}", seen.lost);
    let (left, sent): (u64, u64) = (source.values().sum(), target.values().sum());
    assert!(sent >= job.done && left <= all - job.done, "{left} are left, {sent} were sent: {job:?}");
    assert!(left >= job.untouched(), "{left} are left: {job:?}");
    seen
}
