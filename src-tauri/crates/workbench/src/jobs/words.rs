//! What plans and jobs are called on screen, and how they ended.

use std::collections::BTreeSet;

use broker::Target;

use super::{Deed, JobCounts, JobState};
use crate::store::JobRecord;
use crate::{Act, Outcome};

/// "1 message", "12 messages".
pub(super) fn messages(n: u64) -> String {
    if n == 1 { "1 message".to_owned() } else { format!("{n} messages") }
}

/// The main action's words.
pub(super) fn title(deed: Deed, n: u64) -> String {
    let messages = messages(n);
    match deed {
        Deed::Redrive => format!("Redrive {messages}"),
        Deed::Move => format!("Move {messages}"),
        Deed::Copy => format!("Copy {messages}"),
        Deed::Replay => format!("Replay {messages}"),
        Deed::Discard => format!("Discard {messages}"),
        Deed::Purge => format!("Purge {messages} without copies"),
        Deed::Undo => format!("Put {messages} back"),
        Deed::SendCopy => format!("Send {messages} from our copy"),
        Deed::Take => format!("Take {messages}"),
        Deed::CarefulLook => format!("Look at {messages} carefully"),
        Deed::DiscardCopies => format!("Discard {messages} that exist only here"),
    }
}

/// A job as it is named beside others: "job 7 (redrive, orders.dead)".
pub(super) fn name(job: &JobRecord) -> String {
    let deed = match job.deed {
        Deed::Redrive => "redrive",
        Deed::Move => "move",
        Deed::Copy => "copy",
        Deed::Replay => "replay",
        Deed::Discard => "discard",
        Deed::Purge => "purge",
        Deed::Undo => "undo",
        Deed::SendCopy => "send from our copy",
        Deed::Take => "take",
        Deed::CarefulLook => "careful look",
        Deed::DiscardCopies => "discard of copies",
    };
    let place = job.queue.as_ref().map_or(job.target.as_str(), |queue| queue.as_str());
    format!("job {} ({deed}, {place})", job.number)
}

pub(super) fn act(deed: Deed) -> Act {
    match deed {
        Deed::Redrive => Act::Redrive,
        Deed::Move => Act::Move,
        Deed::Copy => Act::Copy,
        Deed::Replay => Act::Replay,
        Deed::Discard => Act::Discard,
        Deed::Purge => Act::Purge,
        Deed::Undo => Act::Undo,
        Deed::SendCopy => Act::SendCopy,
        Deed::Take => Act::Take,
        Deed::CarefulLook => Act::CarefulLook,
        Deed::DiscardCopies => Act::DiscardCopies,
    }
}

/// A target in words.
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Queue { queue } => queue.to_string(),
        Target::Exchange { exchange, .. } if exchange.as_str().is_empty() => "the default exchange".to_owned(),
        Target::Exchange { exchange, .. } => format!("exchange {exchange}"),
    }
}

/// Several targets in words.
pub(super) fn targets<'a>(all: impl Iterator<Item = &'a Target>) -> String {
    let names: BTreeSet<_> = all.map(target).collect();
    match names.len() {
        0 => String::new(),
        1 => names.into_iter().collect(),
        n => format!("{n} places"),
    }
}

/// What was done to a message: "redriven".
pub(super) fn done_to(deed: Deed) -> &'static str {
    match deed {
        Deed::Redrive => "redriven",
        Deed::Move => "moved",
        Deed::Copy => "copied",
        Deed::Replay => "replayed",
        Deed::Discard | Deed::Purge | Deed::DiscardCopies => "discarded",
        Deed::Undo => "put back",
        Deed::SendCopy => "sent from our copy",
        Deed::Take => "taken",
        Deed::CarefulLook => "looked at",
    }
}

/// What happened, one sentence: "1 redriven, confirmed and removed".
pub(super) fn outcome(deed: Deed, counts: &JobCounts) -> String {
    let done = match deed {
        Deed::Redrive => "redriven, confirmed and removed",
        Deed::Move => "moved, confirmed and removed",
        Deed::Copy => "copied to the target and confirmed",
        Deed::Replay => "replayed and confirmed",
        Deed::Discard => "discarded; the copies are kept for a while",
        Deed::Purge => "purged without copies",
        Deed::Undo => "put back",
        Deed::SendCopy => "sent and confirmed",
        Deed::Take => "taken: copied here and removed there",
        Deed::CarefulLook => "copied and put back",
        Deed::DiscardCopies => "discarded",
    };
    let parts = [
        (counts.done, done),
        (counts.left_behind, "sent, the original still to be removed"),
        (counts.in_doubt, "in doubt"),
        (counts.only_our_copy, "only in our copy"),
        (counts.unroutable, "returned as unroutable"),
        (counts.refused, "refused"),
        (counts.failed, "failed"),
        (counts.gone, "gone"),
        (counts.skipped, "skipped"),
        (counts.not_started, "not started"),
        (counts.under_way, "to be looked up"),
        (counts.bounced, "came back"),
    ];
    let said: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{n} {words}")).collect();
    match said.is_empty() {
        // The broker may have been told, and its answer not seen.
        true if deed == Deed::Purge => "nothing is known to have been purged".to_owned(),
        true => "nothing was there".to_owned(),
        false => said.join(", "),
    }
}

/// A job's state as the activity log says it.
pub(super) fn logged(state: JobState, counts: &JobCounts) -> Outcome {
    match state {
        JobState::Running => Outcome::Running,
        JobState::Paused => Outcome::Partly,
        JobState::Interrupted | JobState::NeedsAnswer => Outcome::InDoubt,
        JobState::Finished if counts.done == counts.planned => Outcome::Done,
        JobState::Finished | JobState::Stopped => Outcome::Partly,
        JobState::Failed if counts.done > 0 => Outcome::Partly,
        JobState::Failed => Outcome::Failed,
    }
}
