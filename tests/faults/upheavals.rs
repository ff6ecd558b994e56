//! The broker is restarted at a random instant of a redrive, or the target is deleted when some of it has arrived.

use std::time::Duration;

use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind, SOURCE, Slow, TARGET, Tally};
use crate::laws::{self, Seen};
use crate::qscope::{Qscope, Run};
use crate::redrive::{Pace, Resumed, go_on};

/// The broker confirms what reaches a queue that is being deleted, and does not count it: a batch at most.
const UNCOUNTED_MAX: u64 = 500;

const TAKES: Duration = Duration::from_secs(6);

/// `qscope jobs resolve` answers some hundreds at once.
const ANSWERS_MAX: usize = 50;

pub(crate) async fn restarts(version: Version) {
    let form = Form::chosen();
    let rabbit = Rabbit::start(version).await;
    for kind in [Kind::Classic, Kind::Quorum] {
        let mut chance = Chance::of(&format!("restarts {version:?} {kind:?}"));
        let mut ground = Ground::lay(&rabbit, kind).await;
        let pace = Pace::of(version, kind, &ground).await;
        let (mut half_way, mut seen) = (0, Seen::default());
        for _ in 0..form.upheavals {
            let were = ground.fill(form.messages, &mut chance).await;
            let qscope = ground.qscope();
            let run = met_half_way(&ground, &qscope, &mut chance).await;
            let (ended, ()) = tokio::join!(run.end(), rabbit.restart());
            ground.hang_up();
            ground.reconnect().await;
            laws::is_truthful(&ended, &ground).await;
            let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
            half_way += usize::from(over.half_way);
            seen += laws::hold(&ground, &qscope, &were, over.job).await;
        }
        say(&format!("{version:?} {kind:?}: {} restarts of the broker, {half_way} half way: {seen}", form.upheavals));
    }
}

/// A redrive of which some has arrived; the rest would take longer than a broker takes to stop.
async fn met_half_way(ground: &Ground, qscope: &Qscope, chance: &mut Chance) -> Run {
    let messages = Form::chosen().messages;
    let slow = Slow::any(TAKES, chance);
    let run = ground.redrive_slowly(qscope, messages, slow, &[]).await;
    ground.arrive(chance.below(messages as u64 / 2)).await;
    run
}

/// What had arrived goes with the target; everything else is in the source, and arrives once the target is there again.
pub(crate) async fn deletions(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("deletions {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    for _ in 0..form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let mut run = ground.redrive(&qscope);
        run.line().await.expect("a redrive says its job first");
        // Chosen by messages and not by time: they arrive in a small part of it.
        ground.arrive(chance.below(form.messages as u64 * 2 / 3)).await;
        let deleted = ground.delete_target().await;
        let job = run.end().await.summary().expect("a redrive says what it did");
        ground.hang_up();
        laws::adds_up(&job);
        ground.declare_target().await;
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
        let job = qscope.show(over.job.expect("it had a job")).await;
        laws::adds_up(&job);
        assert!(deleted <= job.done + job.open(), "{deleted} went with the target: {job:?}");
        close_questions(&qscope, job.number).await;
        // Those that came back as unroutable, or are in doubt, are sent by a redrive of their own.
        let rest = ground.redrive(&qscope).end().await;
        assert_eq!(rest.code, Some(0), "the rest arrives: {:?}", rest.summary());
        let (left, arrived) = (ground.drain(SOURCE).await, ground.drain(TARGET).await);
        assert_eq!(left, Tally::new(), "nothing is left behind: {job:?}");
        let kept: u64 = arrived.values().sum();
        let lost = job.planned.saturating_sub(kept);
        assert!(lost <= job.done + job.open(), "{lost} are lost, and not because they had arrived: {job:?}");
        assert!(lost <= deleted + UNCOUNTED_MAX, "{lost} are lost, {deleted} went with the target: {job:?}");
        let doubled = arrived.iter().find(|(id, n)| **n > were[*id]);
        assert_eq!(doubled, None, "nothing arrives twice: {job:?}");
        say(&format!(
            "{version:?} {kind:?}: the target was deleted with {deleted}, {} came back as unroutable, {kept} arrived",
            job.unroutable
        ));
    }
}

/// Leaves what is in doubt as it is: no other job may have it before.
async fn close_questions(qscope: &Qscope, job: Option<u64>) {
    let job = job.expect("a job has a number");
    for _ in 0..ANSWERS_MAX {
        if qscope.show(job).await.state != "needsAnswer" {
            return;
        }
        qscope.run(&["jobs", "resolve", &job.to_string(), "--answer", "leave"]).await;
    }
    panic!("questions stay open: {:?}", qscope.jobs().await);
}
