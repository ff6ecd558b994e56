use serde::{Deserialize, Serialize};

use crate::{MessageKey, QueueName};

/// What a lease is asked for. The adapter refuses it if the cost now is worse than `accepted`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub queue: QueueName,
    pub purpose: Purpose,
    pub hold: Hold,
    /// The cost that was shown and accepted; `None` accepts only what costs no more than a mark.
    pub accepted: Option<LookCost>,
    /// The queue's type as the user states it, where the broker does not tell.
    pub stated_label: Option<String>,
}

/// Why messages are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Read the first `n` and give them back.
    Look { n: u64 },
    /// Hold until all of these were seen, twins counted; they will be removed, the rest given back.
    Pick { keys: Vec<Picked> },
    /// Read until the queue is empty; the caller decides message by message.
    Drain,
    /// Remove the first `n` after copying them; nothing is given back.
    Take { n: u64 },
}

/// So many messages with that key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    pub key: MessageKey,
    pub twins: u64,
}

/// How much may be held, and how long it is waited for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// At most so many messages unsettled at a time.
    pub messages_max: u64,
    /// Stop asking for more once so many bytes of bodies are held. One message may exceed it.
    pub bytes_max: u64,
    /// Nothing new for so long, in milliseconds, means: there is no more.
    pub wait_ms: u64,
}

/// What a look does to a queue, and to others. Computed before the first read, shown, and checked again by the adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct LookCost {
    pub returning: Returning,
    /// At most so many messages are held and given back. `None`: all that are in the queue.
    #[specta(type = Option<u32>)]
    pub reach: Option<u64>,
    /// Consumers that get later messages first while we hold the head. `None`: unknown.
    #[specta(type = Option<u32>)]
    pub consumers: Option<u64>,
    /// Set: the look is not made unless the user overrides it by typing the queue's name.
    pub refusal: Option<Refusal>,
    /// One or two sentences for the screen, in the broker's words.
    pub words: String,
    /// How we know: name and value.
    pub evidence: Vec<Evidence>,
}

impl LookCost {
    /// Whether this cost is worse than one that was accepted. Nothing accepted means: no more than a mark.
    pub fn is_worse_than(&self, accepted: Option<&LookCost>) -> bool {
        let Some(accepted) = accepted else {
            return self.refusal.is_some() || self.returning.rank() > Returning::Marks.rank();
        };
        let refusal_is_new = match (&self.refusal, &accepted.refusal) {
            (Some(now), Some(then)) => now.code != then.code,
            (Some(_), None) => true,
            (None, _) => false,
        };
        refusal_is_new || self.returning.rank() > accepted.returning.rank()
    }
}

/// What giving a message back does to it. In the order of harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Returning {
    /// Nothing at all.
    Free,
    /// It is marked as redelivered, for good.
    Marks,
    /// It is marked and its delivery count rises; above the limit the broker moves it aside or destroys it.
    Counts {
        #[specta(type = Option<u32>)]
        limit: Option<u64>,
    },
    /// Not known, because the queue is not known well enough.
    Unknown,
    /// What has been handed out more often than `limit` is destroyed by being given back.
    Destroys {
        #[specta(type = u32)]
        limit: u64,
    },
}

impl Returning {
    fn rank(&self) -> u8 {
        match self {
            Self::Free => 0,
            Self::Marks => 1,
            Self::Counts { .. } => 2,
            Self::Unknown => 3,
            Self::Destroys { .. } => 4,
        }
    }
}

/// Why a look is not made, and what can be done instead, in the order in which to offer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Short and stable: `destroys`, `dropHead`, `expires`, `singleActive`, `typeUnknown`, `noWrite`, `delayedRetry`.
    pub code: String,
    /// What would happen, and how we know: two or three sentences.
    pub why: String,
    pub ways: Vec<WayOut>,
}

/// What can be done where a look is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum WayOut {
    /// Change the queue's settings so that giving back destroys nothing: [`crate::Guard`].
    MakeSafe,
    /// Copy and remove: gives nothing back.
    Take,
    /// Small batches, each copied as it arrives; what may not go back is published again. Needs the queue's name typed.
    Careful,
}

/// One line of "how we know".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct Evidence {
    pub name: String,
    pub value: String,
}

/// What giving back one held message would do, now that its count is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MayReturn {
    Free,
    /// It costs one of its deliveries (or a mark), and it survives.
    Counts,
    /// The broker would destroy it or move it aside.
    Destroys,
    Unknown,
}

/// What a closed lease gave back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returned {
    /// Messages that were held and given back.
    pub messages: u64,
    /// Whether the broker was seen to have them again; `false`: the wait ended first, or the connection had died.
    pub confirmed: bool,
    /// How many of them may have been charged a delivery. `None`: not known.
    pub counted: Option<u64>,
}
