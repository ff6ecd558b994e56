use jiff::SignedDuration;

use super::*;
use crate::captures::budget::{Dropped, KeepLimits, Kept};
use crate::store::now;

const UNLIMITED: u64 = u64::MAX;

impl Bench {
    /// What is there, oldest first.
    async fn left(&self) -> Vec<CaptureId> {
        self.workbench.list_captures(None).await.unwrap().into_iter().rev().map(|view| view.id).collect()
    }

    async fn kept(&self, id: CaptureId) -> Kept {
        self.workbench.capture(id).await.unwrap().kept
    }

    /// Drops as if it were so many days later.
    async fn sweep_in(&self, days: i64, limits: KeepLimits, newest: Option<CaptureId>) -> Dropped {
        let keeping = self.captures().keeping().await.unwrap().with(limits);
        let then = now() + SignedDuration::from_hours(24 * days);
        self.captures().sweep(&keeping, then, newest, true).await.unwrap()
    }
}

fn limits(days: u32, bytes: u64) -> KeepLimits {
    KeepLimits { days, bytes }
}

#[tokio::test]
async fn over_the_budget_the_oldest_goes_first_and_what_is_needed_never() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(bench.capture(vec![text(&format!("{n}").repeat(100_000))]).await);
    }
    let captures = bench.captures();
    captures.set_held(ids[0], Some("a job".into())).await.unwrap();
    captures.set_only_here(ids[1], &[1], true).await.unwrap();
    bench.workbench.keep_snapshot(ids[2], "kept".into(), String::new()).await.unwrap();
    open(&bench, ids[3]).await;
    let writing = captures.reopen(ids[6]).await.unwrap();
    let used = bench.workbench.keep_limits().await.unwrap().bytes_used;
    let listed = bench.workbench.list_captures(Some(bench.profile.id)).await.unwrap();
    let counts = |view: &&CaptureView| [ids[3], ids[4], ids[5]].contains(&view.id);
    assert_eq!(used, listed.iter().filter(counts).map(|view| view.bytes).sum::<u64>(), "what is kept does not count");

    bench.sweep_in(0, limits(30, used - 1), None).await;
    assert_eq!(bench.left().await, [ids[0], ids[1], ids[2], ids[3], ids[5], ids[6]], "the oldest that nothing needs");
    bench.sweep_in(0, limits(30, 0), Some(ids[5])).await;
    assert_eq!(bench.left().await, [ids[0], ids[1], ids[2], ids[3], ids[5], ids[6]], "the newest is spared");
    drop(writing);
    bench.sweep_in(0, limits(30, 0), None).await;
    assert_eq!(bench.left().await, [ids[0], ids[1], ids[2], ids[3], ids[6]]);
}

#[tokio::test]
async fn copies_of_a_job_are_kept_for_days_and_a_peek_while_there_is_room() {
    let bench = Bench::new().await;
    let job = bench.capture_of(CaptureSource::Job, vec![text("a")]).await;
    let peek = bench.capture(vec![text("b")]).await;
    let snapshot = bench.capture_of(CaptureSource::Job, vec![text("c")]).await;
    bench.workbench.keep_snapshot(snapshot, "kept".into(), String::new()).await.unwrap();
    let made_at = bench.workbench.capture(job).await.unwrap().made_at;
    assert_eq!(bench.kept(job).await, Kept::Until { at: made_at + SignedDuration::from_hours(24 * 30) });
    assert_eq!((bench.kept(peek).await, bench.kept(snapshot).await), (Kept::WhileThereIsRoom, Kept::Always));

    assert_eq!(bench.sweep_in(29, limits(30, UNLIMITED), None).await, Dropped::default());
    let dropped = bench.sweep_in(31, limits(30, UNLIMITED), None).await;
    assert_eq!((dropped.captures, dropped.messages), (1, 1));
    assert_eq!(bench.left().await, [peek, snapshot]);
}

#[tokio::test]
async fn what_exists_only_here_or_is_needed_is_not_dropped_at_any_age() {
    let bench = Bench::new().await;
    let take = bench.capture_of(CaptureSource::Take, vec![text("a"), text("b")]).await;
    bench.captures().set_only_here(take, &[1, 2], true).await.unwrap();
    let paused = bench.capture_of(CaptureSource::Job, vec![text("c")]).await;
    bench.captures().set_held(paused, Some("job 1 is not settled".into())).await.unwrap();
    assert_eq!((bench.kept(take).await, bench.kept(paused).await), (Kept::WhileNeeded, Kept::WhileNeeded));
    assert_eq!(bench.sweep_in(4_000, limits(1, 0), None).await, Dropped::default());

    bench.captures().set_only_here(take, &[1, 2], false).await.unwrap();
    assert!(matches!(bench.kept(take).await, Kept::Until { .. }), "what was sent is a copy like others");
    bench.sweep_in(31, limits(30, UNLIMITED), None).await;
    assert_eq!(bench.left().await, [paused]);
}

#[tokio::test]
async fn the_limits_are_set_and_kept_and_said_before_they_drop_anything() {
    let bench = Bench::new().await;
    bench.capture_of(CaptureSource::Job, vec![text("a")]).await;
    assert_eq!(bench.workbench.keep_limits().await.unwrap().limits, limits(30, 2 << 30), "by default");
    assert!(bench.workbench.set_keep_limits(limits(0, 1)).await.is_err(), "a day at least");

    let would = bench.workbench.would_drop(limits(7, 0)).await.unwrap();
    assert_eq!((would.captures, would.messages, bench.left().await.len()), (1, 1, 1), "nothing is dropped by asking");
    assert_eq!(bench.workbench.set_keep_limits(limits(7, 0)).await.unwrap(), would);
    assert_eq!(bench.left().await, []);
    let next = bench.capture(vec![text("b")]).await;
    assert_eq!(bench.left().await, [next], "the newest is spared");
    let again = workbench(bench.dir.path(), Arc::default()).await;
    assert_eq!(again.keep_limits().await.unwrap().limits, limits(7, 0));
    assert!(again.list_captures(None).await.unwrap().is_empty(), "they hold when the program starts, too");
}
