//! Reading messages of a queue into a capture and giving them back: what it costs is said first, and refused where it
//! may remove one.

use broker::{QueueName, WayOut};
use workbench::{CaptureId, DeedAsk, FaultCode, JobState, LookOffer, Profile};

use crate::consent::CostConsent;
use crate::failure::Failure;
use crate::jobs;
use crate::out::clean;
use crate::plan;
use crate::session::Session;

/// More than any look holds: as many as there are.
pub(crate) const ALL: u64 = u64::MAX;

/// What was read.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    pub(crate) capture: CaptureId,
    pub(crate) read: u64,
    /// Ready in the queue when the look began, where that was known.
    pub(crate) of: Option<u64>,
    /// "put back, in order".
    pub(crate) words: String,
    /// Why it ended early, where it did.
    pub(crate) stopped: Option<String>,
}

/// Reads the first `n` messages. Refused where that may remove one, unless the queue's name was repeated.
pub(crate) async fn look(
    session: &Session,
    profile: &Profile,
    queue: &QueueName,
    n: u64,
    consent: &CostConsent,
) -> Result<Looked, Failure> {
    let offering = async { Ok(session.workbench.offer_look(profile.id, queue.clone(), n).await?) };
    let offer = session.unless_stopped(offering).await?;
    if offer.cost.refusal.is_some() {
        return match consent.covers(queue.as_str())? {
            true => carefully(session, profile, queue, n.min(offer.ready.unwrap_or(n))).await,
            false => Err(refusal(profile, queue, &offer)),
        };
    }
    session.out.note(&clean(&offer.cost.words));
    let progress = |far: workbench::PeekProgress| session.out.progress(&format!("{} of {} read", far.read, far.of));
    let looking =
        session.workbench.peek_queue(profile.id, queue.clone(), n, Some(offer.cost), session.stop.clone(), progress);
    let looked = Box::pin(looking).await;
    session.out.progress_ends();
    let end =
        looked.map_err(|error| Failure::from(error).messages("what was held is back in its queue, or goes back"))?;
    if !end.put_back {
        session.out.warn("the broker was not seen to have all of them back yet");
    }
    Ok(Looked { capture: end.capture, read: end.read, of: end.of, words: end.words, stopped: end.stopped })
}

/// In small batches, each copied as it arrives; what may not go back is published again.
async fn carefully(session: &Session, profile: &Profile, queue: &QueueName, n: u64) -> Result<Looked, Failure> {
    let ask = DeedAsk::CarefulLook { queue: queue.clone(), n };
    let planned = Box::pin(session.workbench.make_plan(profile.id, ask)).await?;
    plan::say(&session.out, &planned);
    if let Some(why) = &planned.blocked {
        return Err(Failure::new(format!("it cannot be done: {why}")));
    }
    let job = jobs::carry_out(session, &planned, planned.typed.clone(), false).await?;
    jobs::advise(&session.out, &job);
    let Some(capture) = job.capture else {
        return Err(Failure::new(format!("the look failed: {}", job.outcome)));
    };
    let read = session.workbench.capture(capture).await?.messages;
    let stopped = (job.state != JobState::Finished).then(|| job.outcome.clone());
    Ok(Looked { capture, read, of: Some(n), words: job.outcome, stopped })
}

/// Why it is refused, and the ways out in their order.
fn refusal(profile: &Profile, queue: &QueueName, offer: &LookOffer) -> Failure {
    let Some(refusal) = &offer.cost.refusal else { return Failure::new("the look is refused") };
    let mut ways = Vec::new();
    for way in &refusal.ways {
        match way {
            WayOut::MakeSafe => {
                let Some(guard) = &offer.guard else { continue };
                match &guard.plan.useless {
                    None if guard.plan.command.is_empty() => {
                        ways.push(format!("make it safe, in the window: {}", guard.plan.words));
                    }
                    None => ways.push(format!("make it safe, in the window or so: {}", guard.plan.command)),
                    Some(why) => ways.push(format!("(it cannot be made safe: {why})")),
                }
            }
            WayOut::Take => {
                ways.push(format!("copy and remove them: qscope capture -c '{}' '{queue}' --take", profile.name));
            }
            WayOut::Careful => {
                ways.push(format!("look carefully, at some risk: add --accept-cost '{queue}'"));
            }
        }
    }
    Failure::refused(FaultCode::CostRefused, refusal.why.clone()).remedy(ways.join("\n"))
}
