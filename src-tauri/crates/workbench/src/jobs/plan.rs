//! A plan: what will be done, frozen before it is, and what must be typed to start it.

use std::collections::BTreeMap;

use broker::{Hazard, LookCost, QueueName, Returning};

use super::machine::Limits;
use super::{Deed, DeedAsk, PlanLine, PlanView, StrippedLine};
use crate::store::Entry;
use crate::{CaptureId, Environment, Profile, ProfileId};

/// A plan with what its view does not show.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) view: PlanView,
    pub(super) ask: DeedAsk,
    pub(super) entries: Vec<Entry>,
    /// The capture whose messages are sent or given up.
    pub(super) of: Option<CaptureId>,
    /// "orders.payment-capture", "2 queues".
    pub(super) target: String,
    /// Ready in the queue that messages leave, where one is read.
    pub(super) ready: Option<u64>,
}

/// What giving back means for how much is held at a time, and whether everything that is read must be copied first.
pub(super) fn limits(cost: Option<&LookCost>) -> (Limits, bool) {
    match cost.map(|cost| &cost.returning) {
        Some(Returning::Destroys { .. } | Returning::Unknown) => (Limits::WARY, true),
        Some(Returning::Counts { limit: Some(_) }) => (Limits::COUNTED, true),
        _ => (Limits::BROAD, false),
    }
}

/// The limits at that rate: what is held waits for its turn, so no more is held than is soon sent.
pub(super) fn paced(limits: Limits, per_second: Option<u32>) -> Limits {
    let slow = slowed(limits, per_second);
    let held = per_second.map_or(u64::MAX, |_| 2 * slow.batch_messages_max as u64);
    Limits { hold_messages_max: slow.hold_messages_max.min(held), ..slow }
}

/// The limits for so many chosen ones, which may lie behind any number of others, at that rate. Each lease has a connection
/// of its own, so the fewer are chosen the more one of them holds: removing one of `n` takes the broker some `n` steps.
pub(super) fn picking(limits: Limits, chosen: u64, per_second: Option<u32>) -> Limits {
    let slow = slowed(limits, per_second);
    if limits != Limits::BROAD {
        return slow;
    }
    let reach = limits.hold_messages_max * limits.leases_max as u64;
    let held = (STEPS_MAX / chosen.max(1)).clamp(limits.hold_messages_max, PICK_HOLD_MAX);
    let leases_max = usize::try_from(reach.div_ceil(held)).unwrap_or(usize::MAX);
    Limits { hold_messages_max: held, leases_max, ..slow }
}

fn slowed(limits: Limits, per_second: Option<u32>) -> Limits {
    let Some(rate) = per_second else { return limits };
    let batch = usize::try_from(rate / BATCHES_PER_SECOND).unwrap_or(usize::MAX).clamp(1, limits.batch_messages_max);
    Limits { batch_messages_max: batch, batches_in_flight_max: 1, ..limits }
}

/// Steps that a broker may take for all removals of a job.
const STEPS_MAX: u64 = 25_000_000;
/// What one hold of chosen ones and others is at most.
const PICK_HOLD_MAX: u64 = 50_000;

/// Smooth enough for consumers, and coarse enough for the journal.
const BATCHES_PER_SECOND: u32 = 4;

/// Whether originals are removed from their queue.
pub(super) fn removes(deed: Deed) -> bool {
    matches!(deed, Deed::Redrive | Deed::Move | Deed::Discard | Deed::Take | Deed::Purge)
}

/// Which brokers a deed changes.
pub(super) fn changes(deed: Deed, from: ProfileId, to: ProfileId) -> Vec<ProfileId> {
    let sends = matches!(deed, Deed::Redrive | Deed::Move | Deed::Copy | Deed::Replay | Deed::SendCopy | Deed::Undo);
    let mut changed: Vec<_> = removes(deed).then_some(from).into_iter().chain(sends.then_some(to)).collect();
    changed.dedup();
    changed
}

/// Whether one of these is in production.
pub(super) fn is_production(profiles: &[&Profile]) -> bool {
    profiles.iter().any(|profile| profile.environment == Environment::Production)
}

/// What must be typed to start, if a click is not enough.
pub(super) fn needs_typing(
    is_production: bool,
    deed: Deed,
    messages: u64,
    queue: &QueueName,
    cost: Option<&LookCost>,
) -> Option<String> {
    let overrides = cost.is_some_and(|cost| cost.refusal.is_some());
    let keeps_nothing = matches!(deed, Deed::DiscardCopies | Deed::Purge);
    (overrides || (is_production && messages > 1) || keeps_nothing).then(|| queue.to_string())
}

/// Sentences that must be read before that deed leases a queue at that cost.
pub(super) fn warnings(deed: Deed, cost: &LookCost, guarded: bool) -> Vec<String> {
    let picks = matches!(deed, Deed::Redrive | Deed::Move | Deed::Copy | Deed::Discard);
    let gives_back = picks || deed == Deed::CarefulLook;
    let mut warnings = Vec::new();
    if guarded && gives_back {
        warnings.push("A change that makes looking at this queue safe is in place: nothing is destroyed.".to_owned());
    }
    if let Some(refusal) = &cost.refusal {
        warnings.push(refusal.why.clone());
    }
    warnings.extend(put_back(&cost.returning, gives_back));
    warnings.extend(risk(&cost.returning));
    if picks
        && cost.returning != Returning::Free
        && let Some(reach) = cost.reach.filter(|reach| *reach > 1)
    {
        warnings.push(format!("To reach the last of them {reach} messages are held; those that stay are put back."));
    }
    warnings
}

/// How held messages get back into their queue where they may not simply be given back.
fn put_back(returning: &Returning, gives_back: bool) -> Option<String> {
    match returning {
        Returning::Destroys { limit } if gives_back => Some(format!(
            "What failed more than {limit} times is destroyed by being given back, so it is published again to the end of \
             the queue and its count starts again."
        )),
        Returning::Unknown if gives_back => Some(
            "What giving back does here is not known, so everything that is held is published again to the end of the \
             queue."
                .to_owned(),
        ),
        _ => None,
    }
}

/// The one moment in which a message can be lost, whatever the deed: the broker itself gives back what a dead connection
/// held.
fn risk(returning: &Returning) -> Option<String> {
    let Returning::Destroys { limit } = returning else { return None };
    Some(format!(
        "Between delivery and our copy one moment stays: if this computer stops or the connection is cut in it, the broker \
         destroys what failed more than {limit} times. At most {} messages can be lost so.",
        Limits::WARY.hold_messages_max
    ))
}

/// What a plan gathers message by message.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) lines: Vec<PlanLine>,
    pub(super) hazards: Vec<Hazard>,
    stripped: BTreeMap<(String, String), u64>,
}

impl Gathered {
    /// One message more that goes that way.
    pub(super) fn add_line(&mut self, line: PlanLine) {
        let same = |other: &&mut PlanLine| {
            let PlanLine { from, key, target, arrives_in, messages: _, note, stays } = other;
            *from == line.from
                && *key == line.key
                && *target == line.target
                && *arrives_in == line.arrives_in
                && *note == line.note
                && *stays == line.stays
        };
        match self.lines.iter_mut().find(same) {
            Some(other) => other.messages += line.messages,
            None => self.lines.push(line),
        }
    }

    pub(super) fn add_hazards(&mut self, hazards: Vec<Hazard>) {
        for hazard in hazards {
            if !self.hazards.contains(&hazard) {
                self.hazards.push(hazard);
            }
        }
    }

    pub(super) fn add_stripped(&mut self, name: &str, why: &str) {
        *self.stripped.entry((name.to_owned(), why.to_owned())).or_default() += 1;
    }

    pub(super) fn stripped(&self) -> Vec<StrippedLine> {
        let line = |((name, why), messages): (&(String, String), &u64)| StrippedLine {
            name: name.clone(),
            why: why.clone(),
            messages: *messages,
        };
        self.stripped.iter().map(line).collect()
    }
}
