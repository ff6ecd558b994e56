//! What the window sees of plans and jobs.

use broker::{Hazard, LookCost, QueueName, Target};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CaptureId, DraftRevision, Edit, Environment, JobId, PlanId, ProfileId};

/// What the user wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum DeedAsk {
    /// Send messages. What exists only in a capture is sent without a removal, whatever the deed.
    Send {
        deed: Sending,
        from: Selection,
        to: TargetChoice,
        #[serde(default)]
        options: SendOptions,
    },
    /// Remove messages from their queue; their copies are kept for a while, and can be put back.
    Discard { from: Selection },
    /// Let the broker empty a queue. Nothing is copied, and nothing can be put back.
    Purge { queue: QueueName },
    /// Send the copies of what a job removed back to the queue that it was removed from.
    Undo { job: JobId },
    /// Copy and remove the first `n` messages of a queue.
    Take {
        queue: QueueName,
        #[specta(type = u32)]
        n: u64,
    },
    /// Look at a queue where looking was refused, in small batches.
    CarefulLook {
        queue: QueueName,
        #[specta(type = u32)]
        n: u64,
    },
    /// Give up the copies that exist only here, on purpose.
    DiscardCopies {
        capture: CaptureId,
        #[specta(type = Vec<u32>)]
        messages: Vec<u64>,
    },
}

/// Why messages are sent, and what becomes of the originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Sending {
    /// Back to where they failed; removed from their queue once confirmed.
    Redrive,
    /// To another place; removed from their queue once confirmed.
    Move,
    /// To another place; they also stay where they are.
    Copy,
    /// Copies out of a capture, in its order; no queue is read.
    Replay,
}

/// Which messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Selection {
    /// Messages of a capture, by their numbers in it: the exact set.
    Chosen {
        capture: CaptureId,
        #[specta(type = Vec<u32>)]
        messages: Vec<u64>,
    },
    /// All messages of a capture.
    Whole { capture: CaptureId },
    /// The first `n` of a queue as they come: a rule, frozen with the number that is ready when the plan is made. `None`:
    /// all of those.
    First {
        queue: QueueName,
        #[specta(type = Option<u32>)]
        n: Option<u64>,
    },
}

/// How messages are sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", default)]
pub struct SendOptions {
    /// Keep what is stripped in a header of its own.
    pub keep_origin: bool,
    /// Leave out the header by which a message that came back is recognised.
    pub unmarked: bool,
    /// The connection to send to, where it is another one.
    pub to_profile: Option<ProfileId>,
    /// At most so many a second.
    pub per_second: Option<u32>,
    pub canary: Option<Canary>,
    /// Watch for so many seconds after the end which of them come back.
    pub watch_s: Option<u32>,
    /// What is changed in each before it is sent. One that cannot be changed so is not sent.
    pub edit: Option<Edit>,
    /// What is sent instead of the one message that is chosen, as it was kept then.
    pub instead: Option<DraftRevision>,
}

/// A few messages first, to see whether they come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Canary {
    pub messages: u32,
    /// How long is waited for them to come back, in seconds.
    pub wait_s: u32,
    /// With more than so many that came back the rest is not sent.
    pub bounces_max: u32,
}

impl DeedAsk {
    /// What is chosen, where it is a choice.
    pub(crate) fn selection(&self) -> Option<&Selection> {
        match self {
            Self::Send { from, .. } | Self::Discard { from } => Some(from),
            _ => None,
        }
    }

    pub(crate) fn options(&self) -> SendOptions {
        match self {
            Self::Send { options, .. } => options.clone(),
            _ => SendOptions::default(),
        }
    }

    /// The number of messages is settled: what comes later is no part of the plan.
    pub(crate) fn freeze(&mut self, ready: u64) {
        if let Self::Send { from: Selection::First { n, .. }, .. }
        | Self::Discard { from: Selection::First { n, .. } } = self
        {
            *n = Some(n.unwrap_or(u64::MAX).min(ready));
        }
    }
}

/// Where messages are to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum TargetChoice {
    /// Each to the queue it failed in, and nowhere else.
    FailedIn,
    /// Each to the exchange and key it first came by; the plan shows where that leads.
    Origin,
    /// All to one place.
    Place { target: Target },
}

/// What will happen, computed before it does. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    pub id: PlanId,
    pub deed: Deed,
    /// "Redrive 1 dead letter".
    pub title: String,
    pub profile: ProfileId,
    pub profile_name: String,
    pub environment: Environment,
    /// The queue that messages leave, where any do.
    pub queue: Option<QueueName>,
    #[specta(type = String)]
    pub made_at: Timestamp,
    #[specta(type = u32)]
    pub took_ms: u64,
    pub lines: Vec<PlanLine>,
    #[specta(type = u32)]
    pub messages: u64,
    /// Of those, how many will be sent (or taken, or looked at).
    #[specta(type = u32)]
    pub will_act: u64,
    /// Of those, how many are equal to another one of the plan.
    #[specta(type = u32)]
    pub duplicates: u64,
    /// How long sending takes at the chosen rate, in seconds; `None`: as fast as the broker takes them.
    #[specta(type = Option<u32>)]
    pub takes_s: Option<u64>,
    /// The connection that is sent to, where it is another one.
    pub to_profile_name: Option<String>,
    /// Originals are removed after the broker confirmed.
    pub removes_original: bool,
    pub hazards: Vec<Hazard>,
    pub stripped: Vec<StrippedLine>,
    /// What leasing the source queue costs bystanders; `None` where no queue is leased.
    pub cost: Option<LookCost>,
    /// What is sent instead of the message, where it was edited by hand: one sentence.
    #[serde(default)]
    pub edited: Option<String>,
    /// Sentences that must be read before starting: the moment of risk, a bound.
    pub warnings: Vec<String>,
    /// What must be typed to start; `None`: a click is enough.
    pub typed: Option<String>,
    /// Writes are locked on this connection: turn them on first.
    pub writes_locked: bool,
    /// Why it cannot be started at all.
    pub blocked: Option<String>,
}

/// Messages of a plan that go the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct PlanLine {
    pub from: Option<QueueName>,
    /// The key they died with.
    pub key: String,
    /// `None`: stays, for the reason in `note`.
    pub target: Option<Target>,
    pub arrives_in: Vec<QueueName>,
    #[specta(type = u32)]
    pub messages: u64,
    /// "12 consumers", or why they stay.
    pub note: String,
    pub stays: bool,
}

/// A header or property that is not sent along, and in how many messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct StrippedLine {
    pub name: String,
    pub why: String,
    #[specta(type = u32)]
    pub messages: u64,
}

/// The deeds of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Deed {
    Redrive,
    Move,
    /// They are sent and stay where they are.
    Copy,
    /// Copies out of a capture are sent, in its order.
    Replay,
    /// Removed; the copies are kept for a while.
    Discard,
    /// The broker emptied the queue, without copies.
    Purge,
    /// Copies were put back where a job had removed the originals.
    Undo,
    /// A message that exists only here is sent; nothing is removed.
    SendCopy,
    Take,
    CarefulLook,
    DiscardCopies,
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum JobState {
    Running,
    /// It stopped at a point from which it goes on when it is told to.
    Paused,
    /// Every message has an end that needs nobody.
    Finished,
    /// The program that ran it ended; what can be known has not been looked up yet.
    Interrupted,
    /// It stopped, and some messages wait for an answer.
    NeedsAnswer,
    /// The user stopped it.
    Stopped,
    /// It could not go on; nothing is in doubt.
    Failed,
}

/// How a message of a job ended, or where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum MessageState {
    Planned,
    Copied,
    Publishing,
    Published,
    Removing,
    Done,
    LeftBehind,
    Unroutable,
    Refused,
    Failed,
    InDoubt,
    Gone,
    Skipped,
    NotStarted,
    /// It left the queue and was not sent: the copy here is the only one.
    OnlyOurCopy,
}

/// How many messages of a job are in which state. `planned` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct JobCounts {
    #[specta(type = u32)]
    pub planned: u64,
    #[specta(type = u32)]
    pub done: u64,
    #[specta(type = u32)]
    pub left_behind: u64,
    #[specta(type = u32)]
    pub unroutable: u64,
    #[specta(type = u32)]
    pub refused: u64,
    #[specta(type = u32)]
    pub failed: u64,
    #[specta(type = u32)]
    pub in_doubt: u64,
    #[specta(type = u32)]
    pub gone: u64,
    #[specta(type = u32)]
    pub skipped: u64,
    #[specta(type = u32)]
    pub not_started: u64,
    #[specta(type = u32)]
    pub only_our_copy: u64,
    /// On their way: planned to removing. 0 when the job has ended.
    #[specta(type = u32)]
    pub under_way: u64,
    /// A part of `done`: sent, and found again where dead letters arrive.
    #[specta(type = u32)]
    pub bounced: u64,
}

/// A job as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    pub id: JobId,
    /// Counts up from 1 on this computer.
    #[specta(type = u32)]
    pub number: u64,
    pub deed: Deed,
    pub state: JobState,
    pub profile: ProfileId,
    pub profile_name: String,
    pub queue: Option<QueueName>,
    /// "orders.payment-capture", "exchange orders", "2 queues".
    pub target: String,
    /// The connection that it sends to, where it is another one.
    pub to_profile: Option<ProfileId>,
    /// What must be typed to go on with it; empty in lists.
    pub typed: Option<String>,
    /// Another program runs it: it can be watched, paused and stopped from here.
    pub elsewhere: bool,
    /// The account on this computer and the program that started it; empty in lists.
    pub by: String,
    /// At most so many a second.
    pub per_second: Option<u32>,
    pub canary: Option<Canary>,
    /// For so many seconds after its end it is watched which messages come back.
    pub watch_s: Option<u32>,
    #[specta(type = String)]
    pub started_at: Timestamp,
    #[specta(type = Option<String>)]
    pub ended_at: Option<Timestamp>,
    pub counts: JobCounts,
    /// What happened, one sentence: "1 redriven, confirmed and removed".
    pub outcome: String,
    /// What went wrong, where something did.
    pub fault: Option<crate::Fault>,
    /// Where the copies are.
    pub capture: Option<CaptureId>,
    /// The job has ended, and this program watches until then which of its messages come back.
    #[specta(type = Option<String>)]
    pub watching_until: Option<Timestamp>,
    /// The messages that are not simply done, at most 500, with what is known of both ends.
    pub rows: Vec<JobRow>,
}

/// One message of a job.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct JobRow {
    #[specta(type = u32)]
    pub n: u64,
    pub message_id: Option<String>,
    pub key: String,
    pub state: MessageState,
    pub why: String,
    #[specta(type = Option<String>)]
    pub at: Option<Timestamp>,
    /// Whether it is in the queue it came from.
    pub at_source: End,
    /// Whether it arrived where it was sent.
    pub at_target: End,
    /// What we would do; `None`: the user knows better.
    pub recommended: Option<Answer>,
    /// What can be answered.
    pub answers: Vec<Answer>,
    /// It was sent, and was found again where dead letters arrive.
    pub bounced: bool,
    /// The job was to act on it; others it only had to hold, and put back.
    pub chosen: bool,
}

/// Which messages of a job to show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct JobRowAsk {
    pub only: RowFilter,
    /// Part of the message's id, of its key, or of why it ended so; empty: every message.
    pub text: String,
    /// The last one first.
    pub newest_first: bool,
    pub from: u32,
    pub n: u32,
}

/// Messages of a job that ended in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum RowFilter {
    /// Everything that is written down.
    All,
    /// Of those that it was to act on.
    In { state: MessageState },
    /// Sent, and found again.
    CameBack,
}

/// A part of a job's messages.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct JobRowPage {
    pub total: u32,
    pub from: u32,
    pub rows: Vec<JobRow>,
}

/// What is known of one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum End {
    Yes,
    No,
    NotLooked {
        why: String,
    },
    /// This deed has no such end.
    NotApplicable,
}

/// What to do with a message that was left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It arrived: remove the original.
    Remove,
    /// It did not arrive: send it, then remove the original.
    SendAgain,
    /// It is only in our copy: send that.
    SendCopy,
    /// Leave everything as it is and close the question.
    Leave,
}

/// The user's answer for one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct AnswerFor {
    #[specta(type = u32)]
    pub n: u64,
    pub answer: Answer,
}
