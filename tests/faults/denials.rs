//! Half way the broker does not let a redrive go on: the user may not send any more, the way to the target is gone, or the
//! queue of dead letters itself.

use std::time::Duration;

use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind, SOURCE, Slow, TARGET, Tally, WAY};
use crate::journal::Named;
use crate::laws;
use crate::redrive::{Pace, Resumed, go_on, settle};

const TAKES: Duration = Duration::from_secs(4);

/// Between its first messages and the rest, a redrive loses the permission to send: what is refused stays where it is, and
/// is sent once that is permitted again.
pub(crate) async fn permissions(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("permissions {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    for _ in 0..form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        // The broker asks who may send when a channel sends first, and the rest goes by another one than the canary.
        let first = 1 + chance.below(form.messages as u64 * 2 / 3);
        let run = ground.redrive_with(&qscope, &["--canary", &first.to_string(), "--canary-wait", "2"]);
        let (ended, ()) = tokio::join!(run.end(), async {
            ground.arrive(first - 1).await;
            ground.forbid_sending().await;
        });
        laws::is_truthful(&ended, &ground).await;
        let job = ended.summary().expect("a redrive says what it did");
        assert_eq!((job.done, job.refused), (first, job.planned - first), "what was refused is named: {job:?}");
        ground.permit_sending().await;
        let rest = ground.redrive(&qscope).end().await;
        assert_eq!(rest.code, Some(0), "the rest arrives: {:?}", rest.summary());
        all_arrived_once(&ground, &were).await;
        say(&format!(
            "{version:?} {kind:?}: sending was forbidden after {first}, {} were refused and stayed",
            job.refused
        ));
    }
}

/// The binding by which messages arrive is deleted when some have arrived: what cannot be routed stays.
pub(crate) async fn unbindings(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("unbindings {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    for _ in 0..form.upheavals {
        ground.declare_way().await;
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let slow = Slow::any(TAKES, &mut chance);
        let run = ground.redrive_slowly(&qscope, form.messages, slow, &["--to-exchange", WAY]).await;
        let enough = chance.below(form.messages as u64 / 2);
        let (ended, ()) = tokio::join!(run.end(), async {
            ground.arrive(enough).await;
            ground.unbind_way().await;
        });
        laws::is_truthful(&ended, &ground).await;
        let job = ended.summary().expect("a redrive says what it did");
        assert!(job.done > enough, "what arrived before is done: {job:?}");
        assert_eq!(job.done + job.unroutable, job.planned, "each arrived or came back: {job:?}");
        assert_eq!(ground.depths().await, (job.unroutable, job.done), "what came back is where it was: {job:?}");
        let rest = ground.redrive(&qscope).end().await;
        assert_eq!(rest.code, Some(0), "the rest arrives: {:?}", rest.summary());
        all_arrived_once(&ground, &were).await;
        let (done, unroutable) = (job.done, job.unroutable);
        say(&format!("{version:?} {kind:?}: unbound after {done}, {unroutable} could not be routed and stayed"));
    }
}

/// The queue of dead letters is deleted when some have arrived: what the broker deleted is never said to be done.
pub(crate) async fn deleted_sources(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("deleted sources {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    for _ in 0..form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let run = ground.redrive_slowly(&qscope, form.messages, Slow::Rate(TAKES), &[]).await;
        let enough = chance.below(form.messages as u64 / 2);
        let (ended, ()) = tokio::join!(run.end(), async {
            ground.arrive(enough).await;
            ground.delete_source().await;
        });
        let job = ended.summary().expect("a redrive says what it did");
        laws::adds_up(&job);
        let arrived = ground.depth_of_target().await;
        assert!(arrived >= job.done + job.left_behind, "{arrived} arrived: what is said to be sent was sent: {job:?}");
        let early = qscope.run(&["jobs", "resume", "1"]).await;
        assert_ne!(early.code, Some(0), "there is no such queue: {:?}", early.summary());
        ground.declare_source(version).await;
        go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
        let job = settle(&qscope, 1).await;
        let named = Named::read(&qscope.data(), job.snapshot.as_deref().expect("a redrive keeps copies"));
        let (left, arrived) = (ground.drain(SOURCE).await, ground.drain(TARGET).await);
        assert_eq!(left, Tally::new(), "nobody puts anything there again");
        for (id, done) in named.in_states(&["done"]) {
            let there = arrived.get(&id).copied().unwrap_or_default();
            assert!(there >= done, "{done} of {id} are said to be done, {there} arrived: {job:?}");
        }
        let doubled = arrived.iter().find(|(id, n)| **n > were[*id]);
        assert_eq!(doubled, None, "nothing arrives twice: {job:?}");
        let kept: u64 = arrived.values().sum();
        assert_eq!((job.done, job.gone), (kept, job.planned - kept), "what was deleted is gone, not done: {job:?}");
        say(&format!("{version:?} {kind:?}: the source was deleted: {} were gone, {kept} arrived", job.gone));
    }
}

/// Nothing is left, and nothing is there twice.
async fn all_arrived_once(ground: &Ground, were: &Tally) {
    let (left, arrived) = (ground.drain(SOURCE).await, ground.drain(TARGET).await);
    assert_eq!((left, &arrived), (Tally::new(), were), "each arrived once");
}
