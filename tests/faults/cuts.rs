//! A connection that is cut, late, silent or gone at a random instant of a redrive.

use std::time::Duration;

use support::{Direction, Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind};
use crate::laws::{self, Seen};
use crate::qscope::Run;
use crate::redrive::{Pace, Resumed, go_on};

/// What happens to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Every connection is reset; new ones pass.
    Reset,
    /// The same, in the middle of whatever is being said.
    AfterBytes(Direction),
    /// Everything is late, and then reset.
    Late,
    /// Every connection is reset, and no new one is let in.
    Shut,
    /// What the broker says does not arrive; what it is told does.
    Deaf,
    /// Nothing passes, and nobody is told.
    BlackHole,
}

const CUTS: [Cut; 7] = [
    Cut::Reset,
    Cut::AfterBytes(Direction::ToBroker),
    Cut::Deaf,
    Cut::AfterBytes(Direction::FromBroker),
    Cut::Late,
    Cut::BlackHole,
    Cut::Shut,
];
const LATE: Duration = Duration::from_millis(80);
const BYTES_MAX: u64 = 400_000;

impl Cut {
    /// Disturbs the redrive at that instant, and waits until it has ended by itself.
    async fn befall(self, run: Run, ground: &Ground, pace: Pace, chance: &mut Chance) -> crate::qscope::Ended {
        let proxy = &ground.proxy;
        let instant = pace.instant(chance);
        let disturb = async {
            tokio::time::sleep(instant).await;
            match self {
                Self::Reset => proxy.cut(),
                Self::AfterBytes(direction) => proxy.cut_after(direction, 1 + chance.below(BYTES_MAX)),
                Self::Late => {
                    proxy.delay(LATE);
                    tokio::time::sleep(chance.between(Duration::ZERO, pace.whole)).await;
                    proxy.cut();
                }
                Self::Shut => proxy.close(),
                Self::Deaf => proxy.drop_answers(),
                Self::BlackHole => proxy.freeze(),
            }
        };
        let (ended, ()) = tokio::join!(run.end(), disturb);
        ended
    }
}

pub(crate) async fn cuts(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("cuts {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    let (mut half_way, mut seen, mut longest) = (0, Seen::default(), Duration::ZERO);
    // The short form has a few of them for each broker, and all of them together.
    let first = version as usize + 2 * kind as usize;
    for n in 0..form.cuts {
        let cut = CUTS[(first + n) % CUTS.len()];
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let ended = cut.befall(ground.redrive(&qscope), &ground, pace, &mut chance).await;
        longest = longest.max(ended.took);
        // Neither side of a silent connection has noticed yet that the other is gone.
        ground.hang_up();
        laws::is_truthful(&ended, &ground).await;
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
        half_way += usize::from(over.half_way);
        seen += laws::hold(&ground, &qscope, &were, over.job).await;
    }
    let longest = longest.as_secs_f32();
    say(&format!(
        "{version:?} {kind:?}: {} cuts, {half_way} half way, the longest wait {longest:.1} s: {seen}",
        form.cuts
    ));
}
