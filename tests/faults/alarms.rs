//! The broker has too little memory half way: it takes no messages until it has more, and says so.

use std::time::Duration;

use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind, Slow};
use crate::laws::{self, Seen};
use crate::redrive::{Pace, Resumed, go_on};

/// Raising the alarm takes some seconds by itself.
const TAKES: Duration = Duration::from_secs(16);
/// What was sent is waited for, and so is what was to be sent next; then the job says so.
const GIVES_UP_AFTER_MAX: Duration = Duration::from_secs(150);

pub(crate) async fn alarms(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("alarms {version:?} {kind:?}")));
    let rabbit = Rabbit::start(version).await;
    let ground = Ground::lay(&rabbit, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    let (mut half_way, mut longest, mut seen) = (0, Duration::ZERO, Seen::default());
    for _ in 0..form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let run = ground.redrive_slowly(&qscope, form.messages, Slow::any(TAKES, &mut chance), &[]).await;
        let enough = chance.below(form.messages as u64 / 3);
        let (ended, ()) = tokio::join!(run.end(), async {
            ground.arrive(enough).await;
            rabbit.raise_memory_alarm().await;
        });
        longest = longest.max(ended.took);
        assert!(ended.took < GIVES_UP_AFTER_MAX, "it does not wait for ever: {:?}", ended.took);
        let job = ended.summary().expect("a redrive says what it did");
        laws::adds_up(&job);
        assert_eq!(job.refused, 0, "what cannot be sent for now is not refused for good: {job:?}");
        assert!(job.done == job.planned || ended.said.contains("alarm"), "it says why: {job:?}, {}", ended.said);
        rabbit.clear_memory_alarm().await;
        laws::is_truthful(&ended, &ground).await;
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
        let over_now = qscope.show(over.job.expect("it had a job")).await;
        assert_eq!(over_now.untouched(), 0, "the rest was sent when the alarm was over: {over_now:?}");
        half_way += usize::from(over.half_way);
        seen += laws::hold(&ground, &qscope, &were, over.job).await;
    }
    let longest = longest.as_secs_f32();
    say(&format!(
        "{version:?} {kind:?}: {} memory alarms, {half_way} half way, the longest wait {longest:.1} s: {seen}",
        form.upheavals
    ));
}
