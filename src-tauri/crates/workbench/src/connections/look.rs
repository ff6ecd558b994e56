use broker::{Ask, Guard, Hold, Purpose, QueueName, WayOut};
use jiff::Timestamp;

use super::{GuardView, Live, LookOffer};
use crate::activity::NewActivity;
use crate::{Act, Error, Outcome, ProfileId, Result, Workbench};

/// What one look holds at most, in messages: as many as its leases can.
pub(crate) const LOOK_MESSAGES_MAX: u64 = 200_000;
/// What one look holds at most, in bytes of bodies.
pub(crate) const LOOK_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// A queue that gives nothing for so long has no more, in milliseconds.
pub(crate) const LOOK_WAIT_MS: u64 = 300;

/// The question of a plain look at the first `n` messages.
pub(crate) fn look_ask(queue: &QueueName, n: u64) -> Ask {
    let n = n.clamp(1, LOOK_MESSAGES_MAX);
    Ask {
        queue: queue.clone(),
        purpose: Purpose::Look { n },
        hold: Hold { messages_max: n, bytes_max: LOOK_BYTES_MAX, wait_ms: LOOK_WAIT_MS },
        accepted: None,
        stated_label: None,
    }
}

impl Workbench {
    /// What looking at the first `n` messages of a queue would do, asked of the broker just now. Reads no message.
    pub async fn offer_look(&self, profile: ProfileId, queue: QueueName, n: u64) -> Result<LookOffer> {
        let live = self.live(profile)?;
        let (facts, depth) = self.facts_of(&live, &queue).await?;
        let cost = live.rules.look(&facts, &look_ask(&queue, n));
        let offers_guard = cost.refusal.as_ref().is_some_and(|refusal| refusal.ways.contains(&WayOut::MakeSafe));
        let applied = self.inner.store.guard_of(profile, &queue).await?.is_some();
        let guard = if offers_guard || applied { Some(self.guard_view(&live, &queue).await?) } else { None };
        Ok(LookOffer { cost, ready: Some(depth.ready), guard })
    }

    /// The change that would make looking at that queue safe, and whether it is in place. Reads only.
    pub async fn show_guard(&self, profile: ProfileId, queue: QueueName) -> Result<GuardView> {
        self.guard_view(&self.live(profile)?, &queue).await
    }

    async fn guard_view(&self, live: &Live, queue: &QueueName) -> Result<GuardView> {
        if let Some((plan, applied_at)) = self.inner.store.guard_of(live.profile.id, queue).await? {
            return Ok(GuardView { plan, applied_at: Some(applied_at) });
        }
        Ok(GuardView { plan: guard_of(live)?.propose(queue).await?, applied_at: None })
    }

    /// Makes the change, and remembers it before it does, so that it can be taken back even after a crash.
    pub async fn apply_guard(&self, profile: ProfileId, queue: QueueName) -> Result<GuardView> {
        self.may_write(profile)?;
        let live = self.live(profile)?;
        let plan = guard_of(&live)?.propose(&queue).await?;
        if let Some(why) = &plan.useless {
            return Err(Error::Invalid { why: why.clone() });
        }
        let applied_at = Timestamp::now();
        self.inner.store.keep_guard(profile, plan.clone(), applied_at).await?;
        let applied = guard_of(&live)?.apply(&plan).await;
        if let Err(error) = applied {
            if !error.is_passing() {
                self.inner.store.drop_guard(profile, &queue).await?;
            }
            self.note_guard(&live, Act::MakeLookSafe, &queue, Outcome::Failed, error.to_string()).await?;
            return Err(error.into());
        }
        self.note_guard(&live, Act::MakeLookSafe, &queue, Outcome::Done, plan.words.clone()).await?;
        Ok(GuardView { plan, applied_at: Some(applied_at) })
    }

    /// Takes the change back.
    pub async fn take_back_guard(&self, profile: ProfileId, queue: QueueName) -> Result<()> {
        self.may_write(profile)?;
        let live = self.live(profile)?;
        let found = self.inner.store.guard_of(profile, &queue).await?;
        let (plan, _) =
            found.ok_or_else(|| Error::NoSuch { what: "change to take back on", name: queue.to_string() })?;
        guard_of(&live)?.take_back(&plan).await?;
        self.inner.store.drop_guard(profile, &queue).await?;
        let words = "taken back; messages above their limit are in danger again".to_owned();
        self.note_guard(&live, Act::TakeBackLookSafe, &queue, Outcome::Done, words).await
    }

    async fn note_guard(
        &self,
        live: &Live,
        act: Act,
        queue: &QueueName,
        outcome: Outcome,
        words: String,
    ) -> Result<()> {
        let note =
            NewActivity::new(act, &live.profile, &live.identity.user).place(queue.to_string()).outcome(outcome, words);
        self.note(note).await?;
        Ok(())
    }
}

fn guard_of(live: &Live) -> Result<&dyn Guard> {
    live.broker
        .guard()
        .ok_or_else(|| Error::Invalid { why: "this broker has no setting that makes looking safe".into() })
}
