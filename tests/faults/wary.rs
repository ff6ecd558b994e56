//! `kill -9` where giving back destroys, and the user said so: a kill costs at most what the plan named, and the journal
//! names it.

use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, SOURCE, TARGET, Tally};
use crate::laws::{self, Seen};
use crate::redrive::{Pace, Resumed, go_on, settle};

/// What is held and may not yet be copied: what the plan says.
const LOST_PER_KILL_MAX: u64 = 16;
/// Every message must be failed so often before it dies of its limit.
const MESSAGES_PART: usize = 8;

pub(crate) async fn kills(version: Version) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("wary kills {version:?}")));
    let ground = Ground::lay_deadly(Rabbit::shared(version).await).await;
    let messages = form.messages / MESSAGES_PART;
    let pace = undisturbed(&ground, messages).await;
    let (mut kills, mut half_way, mut seen) = (0, 0, Seen::default());
    while kills < form.kills {
        let were = ground.fill_exhausted(messages).await;
        let qscope = ground.qscope();
        let run = ground.redrive_with(&qscope, &["--accept-cost", SOURCE]);
        tokio::time::sleep(pace.instant(&mut chance)).await;
        let killed = usize::from(run.kill().await.was_killed());
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::UnderFire).await;
        let killed = killed + over.kills;
        if let Some(job) = over.job {
            settle(&qscope, job).await;
        }
        kills += killed;
        half_way += usize::from(over.half_way);
        seen += laws::hold_but(LOST_PER_KILL_MAX * killed as u64, &ground, &qscope, &were, over.job).await;
    }
    say(&format!("{version:?}, where giving back destroys: {kills} kills in {pace}, {half_way} half way: {seen}"));
}

/// How long one takes that nobody kills.
async fn undisturbed(ground: &Ground, messages: usize) -> Pace {
    let were = ground.fill_exhausted(messages).await;
    let qscope = ground.qscope();
    let mut run = ground.redrive_with(&qscope, &["--accept-cost", SOURCE]);
    let start = run.line().await.expect("a redrive says its job first");
    let ended = run.end().await;
    assert_eq!(ended.code, Some(0), "nothing is in its way: {:?} {}", ended.summary(), ended.said);
    let says = format!("At most {LOST_PER_KILL_MAX} messages can be lost so");
    assert!(ended.said.contains(&says), "the plan names the bound: {}", ended.said);
    assert_eq!((ground.drain(SOURCE).await, ground.drain(TARGET).await), (Tally::new(), were), "each arrived once");
    Pace { start, whole: ended.took }
}
