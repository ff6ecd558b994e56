//! `kill -9` at a random instant of a redrive, and of what goes on with it.

use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind};
use crate::laws::{self, Seen};
use crate::redrive::{Pace, Resumed, go_on};

pub(crate) async fn kills(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("kills {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    let (mut kills, mut half_way, mut seen) = (0, 0, Seen::default());
    while kills < form.kills {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let run = ground.redrive(&qscope);
        tokio::time::sleep(pace.instant(&mut chance)).await;
        kills += usize::from(run.kill().await.was_killed());
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::UnderFire).await;
        kills += over.kills;
        half_way += usize::from(over.half_way);
        seen += laws::hold(&ground, &qscope, &were, over.job).await;
    }
    say(&format!(
        "{version:?} {kind:?}: {kills} kills of redrives of {} messages in {pace}, {half_way} half way: {seen}",
        form.messages
    ));
}
