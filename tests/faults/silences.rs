//! A connection over which nothing comes any more, half way, and nobody is told; nor does a new one get an answer.

use std::time::Duration;

use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind, Slow};
use crate::laws::{self, Seen};
use crate::redrive::{Pace, Resumed, go_on};

const TAKES: Duration = Duration::from_secs(4);
/// So long until a job whose broker is silent has said so.
const NOTICED_AFTER_MAX: Duration = Duration::from_secs(120);

pub(crate) async fn silences(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("silences {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    let (mut half_way, mut longest, mut seen) = (0, Duration::ZERO, Seen::default());
    for _ in 0..form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let run = ground.redrive_slowly(&qscope, form.messages, Slow::any(TAKES, &mut chance), &[]).await;
        let enough = chance.below(form.messages as u64 * 2 / 3);
        let (ended, ()) = tokio::join!(run.end(), async {
            ground.arrive(enough).await;
            ground.proxy.freeze();
        });
        let job = ended.summary().expect("a redrive says what it did");
        laws::adds_up(&job);
        let early = qscope.run(&["jobs", "resume", "1"]).await;
        assert_ne!(early.code, Some(0), "nobody answers there: {:?}", early.summary());
        longest = longest.max(ended.took).max(early.took);
        assert!(longest < NOTICED_AFTER_MAX, "it does not wait for ever: {longest:?}");
        // Neither side of a silent connection has noticed yet that the other is gone.
        ground.hang_up();
        laws::is_truthful(&ended, &ground).await;
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
        half_way += usize::from(over.half_way);
        seen += laws::hold(&ground, &qscope, &were, over.job).await;
    }
    let longest = longest.as_secs_f32();
    say(&format!(
        "{version:?} {kind:?}: {} silences, {half_way} half way, the longest wait {longest:.1} s: {seen}",
        form.upheavals
    ));
}
