use serde::{Deserialize, Serialize};

use crate::{ExchangeName, QueueName, RedriveId, Routing, Table, Value};

/// Where messages are sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Target {
    /// One queue and nothing else.
    Queue { queue: QueueName },
    /// An exchange; whatever it routes to.
    Exchange { exchange: ExchangeName, key: String },
}

/// A message on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub target: Target,
    pub body: Vec<u8>,
    pub properties: Table,
    pub headers: Table,
    /// Written into the [`crate::REDRIVE_HEADER`]; it is how a returned message is matched.
    pub redrive: Option<RedriveId>,
}

/// What will be sent, and what was left out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    pub outgoing: Outgoing,
    pub stripped: Vec<Stripped>,
}

/// A header or property that is not sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripped {
    pub name: String,
    pub value: Value,
    /// What it would do there.
    pub why: &'static str,
}

/// Where a message would arrive, computed from what is known of the topology.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Arrivals {
    /// Each queue once, sorted by name.
    pub queues: Vec<QueueName>,
    /// Parts of the way that cannot be computed: an exchange of a plugin, bindings that could not be read.
    pub unsure: Vec<Unsure>,
}

impl Arrivals {
    /// Nothing matches and nothing is unknown: the broker will return it.
    pub fn is_unroutable(&self) -> bool {
        self.queues.is_empty() && self.unsure.is_empty()
    }
}

/// What is not known about a way, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Unsure {
    pub at: Routing,
    pub why: String,
}

/// What endangers a message at its target although the broker confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Hazard {
    pub queue: Option<QueueName>,
    pub harm: Harm,
    /// What would happen, one sentence.
    pub words: String,
}

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Harm {
    /// Worth knowing.
    Note,
    /// It may not reach a consumer soon, or not as expected.
    Delays,
    /// It may be dropped although it was confirmed.
    Loses,
}

/// The queue in which a dead letter failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum FailedIn {
    /// `evidence` names the entry or header that says so.
    Queue {
        queue: QueueName,
        evidence: String,
    },
    /// It only ever expired, in these queues, newest first: a retry loop or a TTL, not a failure.
    OnlyExpired {
        queues: Vec<QueueName>,
    },
    Unknown,
}

/// Whether messages must reach the target in the order in which they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    Strict,
    Any,
}

/// What became of one published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The broker took responsibility and did not return it.
    Confirmed,
    /// The broker returned it: nothing matched.
    Unroutable,
    /// The broker said no: full, not permitted, too large.
    Refused(String),
    /// It did not leave this computer, and nothing would for now: the broker takes nothing, or the connection is gone.
    NotSent(String),
    /// No answer: it may or may not be there.
    Unknown(String),
}

/// What became of one message that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoveOutcome {
    /// The broker handled the removal: a call after it was answered.
    Removed,
    /// It was not there any more.
    Gone,
    /// No answer, or the hold was lost: it may still be in the queue.
    Unknown(String),
}
