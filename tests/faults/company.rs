//! Several programs at one store: on one queue, on two, and one that tells another what to do.

use std::time::Duration;

use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind, OTHER_SOURCE, OTHER_TARGET, SOURCE, Slow, TARGET, Tally};
use crate::laws;

const TAKES: Duration = Duration::from_secs(4);

/// While one redrives a queue, another may neither redrive it nor take the job over; the first one does not notice.
pub(crate) async fn on_one_queue(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("on one queue {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    for _ in 0..form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let first = ground.redrive_slowly(&qscope, form.messages, Slow::Rate(TAKES), &[]).await;
        let enough = chance.below(form.messages as u64 / 4);
        let (first, (second, resumed)) = tokio::join!(first.end(), async {
            ground.arrive(enough).await;
            tokio::join!(ground.redrive(&qscope).end(), qscope.run(&["jobs", "resume", "1"]))
        });
        assert_eq!(second.code, Some(3), "it is refused: {}", second.said);
        assert!(second.said.contains("job 1 "), "it names the job: {}", second.said);
        assert!(resumed.said.contains("job 1 is running"), "it runs elsewhere: {}", resumed.said);
        assert_eq!(first.code, Some(0), "the first one does not notice: {:?} {}", first.summary(), first.said);
        let seen = laws::hold(&ground, &qscope, &were, Some(1)).await;
        assert_eq!((seen.doubled, seen.open), (0, 0), "nothing is in its way");
        say(&format!("{version:?} {kind:?}: a second redrive of a queue was refused"));
    }
}

/// Two at once, each on a queue of its own.
pub(crate) async fn on_two_queues(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("on two queues {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    for _ in 0..form.upheavals {
        let were = [ground.fill(form.messages, &mut chance).await, ground.fill_other(form.messages, &mut chance).await];
        let qscope = ground.qscope();
        let (one, other) = tokio::join!(ground.redrive(&qscope).end(), ground.redrive_other(&qscope, &[]).end());
        for ended in [&one, &other] {
            let job = ended.summary().expect("a redrive says what it did");
            assert_eq!((ended.code, job.done), (Some(0), form.messages as u64), "each does all of its own: {job:?}");
        }
        for (were, source, target) in [(&were[0], SOURCE, TARGET), (&were[1], OTHER_SOURCE, OTHER_TARGET)] {
            let (left, arrived) = (ground.drain(source).await, ground.drain(target).await);
            assert_eq!((left, &arrived), (Tally::new(), were), "each message arrived once");
        }
        say(&format!("{version:?} {kind:?}: two redrives at once, each of a queue of its own"));
    }
}

/// Paused and stopped by another program, and gone on with by a third.
pub(crate) async fn told_by_another(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("told by another {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    for (word, state) in [("pause", "paused"), ("stop", "stopped")].repeat(form.upheavals) {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let slow = Slow::any(TAKES, &mut chance);
        let run = ground.redrive_slowly(&qscope, form.messages, slow, &[]).await;
        let enough = chance.below(form.messages as u64 / 4);
        let (ended, told) = tokio::join!(run.end(), async {
            ground.arrive(enough).await;
            qscope.run(&["jobs", word, "1"]).await
        });
        laws::is_truthful(&ended, &ground).await;
        let job = ended.summary().expect("a redrive says what it did");
        // A large batch that was the last one ends the job before it hears.
        assert!(job.state == state || job.state == "finished", "{word}: {job:?}");
        assert_eq!(told.code, Some(0), "who told it hears what became of it: {}", told.said);
        assert_eq!(told.summary().map(|told| told.done), Some(job.done), "{word}: both say the same");
        let resumed = qscope.run(&["jobs", "resume", "1"]).await;
        assert_eq!(resumed.code, Some(0), "it is gone on with: {:?} {}", resumed.summary(), resumed.said);
        let seen = laws::hold(&ground, &qscope, &were, Some(1)).await;
        assert_eq!((seen.doubled, seen.open), (0, 0), "nothing was disturbed");
        say(&format!("{version:?} {kind:?}: {} after {} of {}", job.state, job.done, job.planned));
    }
}
