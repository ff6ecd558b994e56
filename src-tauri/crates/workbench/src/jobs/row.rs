//! One message of a job as the journal keeps it.

use broker::{MessageKey, Target};
use serde::{Deserialize, Serialize};

use super::MessageState;

/// One message of a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Its number in the job, from 1; half of its redrive id.
    pub(crate) n: u64,
    pub(crate) key: MessageKey,
    /// 0, 1, 2.. among equal messages of the plan.
    pub(crate) twin: u64,
    /// How many equal ones the queue held when the plan was made; `None` where not all of it had been read.
    pub(crate) twins_there: Option<u64>,
    /// The plan is about it. Otherwise it stood in the way and must not be lost.
    pub(crate) chosen: bool,
    pub(crate) errand: Errand,
    pub(crate) state: MessageState,
    /// The number of its copy in the job's capture.
    pub(crate) stored: Option<u64>,
    /// Where it is sent by [`Errand::Send`] and [`Errand::SendCopy`].
    pub(crate) target: Option<Target>,
    /// Why it is in this state, where that is not plain.
    pub(crate) why: String,
    /// The user closed the question; the state stays for the record.
    pub(crate) closed: bool,
}

impl Row {
    /// Its message may not be at work for two jobs at once.
    pub(crate) fn binds(&self) -> bool {
        self.chosen && !matches!(self.errand, Errand::GiveBack(_) | Errand::PutBack(_))
    }

    /// It is at work for its job, or waits for an answer: no other job may have it.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.binds() && !self.closed && self.state.is_outstanding()
    }

    /// It ended otherwise than done.
    pub(crate) fn is_astray(&self) -> bool {
        !self.state.is_under_way() && self.state != MessageState::Done
    }

    /// Somebody still has to answer.
    pub(crate) fn is_open(&self) -> bool {
        !self.closed && self.state.needs_answer()
    }
}

/// A message that came one step further, or is done, with everything else as it was written down before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) n: u64,
    pub(crate) state: MessageState,
}

/// What one commit writes down.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lines {
    /// Rows as they are now.
    pub(crate) rows: Vec<Row>,
    pub(crate) moved: Vec<Moved>,
}

impl From<Vec<Row>> for Lines {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, moved: Vec::new() }
    }
}

impl Lines {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.moved.is_empty()
    }
}

/// What is to be done with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "end")]
pub(crate) enum Errand {
    /// Find, copy, publish, remove.
    Send,
    /// Find, copy, publish, give back.
    Copy,
    /// Publish from our copy; nothing is removed.
    SendCopy,
    /// Find, copy, remove: from then on our copy is the only one, and is never dropped by itself.
    Take,
    /// Find, copy, remove: it is not wanted any more, and its copy is kept for a while.
    Discard,
    /// Find, copy, hold until the end, give back. Ends in that state.
    GiveBack(MessageState),
    /// Giving it back would destroy it: copy, publish again to the same queue, remove. Ends in that state.
    PutBack(MessageState),
    /// Find and remove: it was sent before.
    Remove,
    /// Give up our copy.
    GiveUp,
}

impl Errand {
    /// Whether the message is looked for in the source queue.
    pub(crate) fn starts_in_queue(self) -> bool {
        !matches!(self, Self::SendCopy | Self::GiveUp)
    }

    /// Whether it is sent elsewhere, for which it needs a target.
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Copy | Self::SendCopy)
    }

    /// Whether it is published on the way.
    pub(crate) fn publishes(self) -> bool {
        matches!(self, Self::Send | Self::Copy | Self::SendCopy | Self::PutBack(_))
    }
}
