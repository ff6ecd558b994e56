//! A plan: what will be done, frozen before it is, and what must be typed to start it.

use std::collections::BTreeMap;

use broker::{Hazard, LookCost, QueueName, Returning};

use super::machine::Limits;
use super::{Deed, DeedAsk, PlanLine, PlanView, StrippedLine};
use crate::store::Entry;
use crate::{CaptureId, Environment, Profile};

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
}

/// What giving back means for how much is held at a time, and whether everything that is read must be copied first.
pub(super) fn limits(cost: Option<&LookCost>) -> (Limits, bool) {
    match cost.map(|cost| &cost.returning) {
        Some(Returning::Destroys { .. } | Returning::Unknown) => (Limits::WARY, true),
        Some(Returning::Counts { limit: Some(_) }) => (Limits::COUNTED, true),
        _ => (Limits::BROAD, false),
    }
}

/// What must be typed to start, if a click is not enough.
pub(super) fn needs_typing(
    profile: &Profile,
    deed: Deed,
    messages: u64,
    queue: &QueueName,
    cost: Option<&LookCost>,
) -> Option<String> {
    let overrides = cost.is_some_and(|cost| cost.refusal.is_some());
    let in_production = profile.environment == Environment::Production && messages > 1;
    (overrides || in_production || deed == Deed::DiscardCopies).then(|| queue.to_string())
}

/// Sentences that must be read before leasing a queue at that cost.
pub(super) fn warnings(cost: &LookCost, guarded: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if guarded {
        warnings.push("A change that makes looking at this queue safe is in place: nothing is destroyed.".to_owned());
    }
    if let Some(refusal) = &cost.refusal {
        warnings.push(refusal.why.clone());
    }
    match cost.returning {
        Returning::Destroys { limit } => warnings.push(format!(
            "What failed more than {limit} times is destroyed by being given back, so it is published again to the end of \
             the queue and its count starts again. Between delivery and our copy one moment stays: if this computer stops or \
             the connection is cut in it, at most {} messages can be lost.",
            Limits::WARY.hold_messages_max
        )),
        Returning::Unknown => warnings.push(
            "What giving back does here is not known, so everything that is held is published again to the end of the \
             queue."
                .to_owned(),
        ),
        _ => {}
    }
    if cost.returning != Returning::Free
        && let Some(reach) = cost.reach.filter(|reach| *reach > 1)
    {
        warnings.push(format!("To reach the last of them {reach} messages are held; those that stay are put back."));
    }
    warnings
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

/// What is no longer as it was planned; `None`: the plan still fits.
pub(super) fn outdated(planned: &PlanView, now: &PlanView) -> Option<String> {
    let ways = |view: &PlanView| -> Vec<_> {
        let mut ways: Vec<_> = view
            .lines
            .iter()
            .map(|line| {
                (line.key.clone(), format!("{:?}", line.target), line.arrives_in.clone(), line.stays, line.messages)
            })
            .collect();
        ways.sort();
        ways
    };
    if let Some(why) = &now.blocked {
        return Some(format!("it cannot be done any more: {why}"));
    }
    if ways(planned) != ways(now) {
        return Some("messages would not arrive where the plan says any more".to_owned());
    }
    match (&planned.cost, &now.cost) {
        (then, Some(cost)) if cost.is_worse_than(then.as_ref()) => {
            Some(format!("holding messages costs more now: {}", cost.words))
        }
        _ if now.hazards.iter().any(|hazard| !planned.hazards.contains(hazard)) => {
            Some("there is a danger at the target that the plan did not name".to_owned())
        }
        _ => None,
    }
}
