//! What the machine is told and what it asks for.

use broker::{LeaseKey, MayReturn, MessageKey, PublishOutcome, Purpose, RemoveOutcome, Returned, Target};

use crate::jobs::row::Lines;

/// Numbers the leases of one run, from 0.
pub(crate) type LeaseNo = usize;
/// Numbers the batches of one run.
pub(crate) type BatchNo = u64;
/// Numbers the commits of one run.
pub(crate) type CommitNo = u64;

/// Something happened: the answer to a command, or the user's wish.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Start,
    /// The user wants it to stop after the batch it is at.
    Stop,
    Leased {
        lease: LeaseNo,
    },
    NotLeased {
        lease: LeaseNo,
        trouble: Trouble,
    },
    /// Empty: there is no more, or the hold is full.
    Read {
        lease: LeaseNo,
        seen: Vec<Seen>,
        /// It is empty although there is more, as far as the broker tells.
        withheld: bool,
    },
    ReadFailed {
        lease: LeaseNo,
        trouble: Trouble,
    },
    /// The copies are in the capture, committed and synced, under these numbers, in the order asked.
    Copied {
        batch: BatchNo,
        numbers: Vec<u64>,
    },
    NotCopied {
        batch: BatchNo,
        trouble: Trouble,
    },
    /// What the rows said is in the journal, synced.
    Committed {
        commit: CommitNo,
    },
    NotCommitted {
        commit: CommitNo,
        trouble: Trouble,
    },
    Published {
        batch: BatchNo,
        outcomes: Vec<PublishOutcome>,
    },
    /// Nothing of the batch left this computer.
    NotPublished {
        batch: BatchNo,
        trouble: Trouble,
    },
    Removed {
        batch: BatchNo,
        outcomes: Vec<RemoveOutcome>,
    },
    /// `None`: it could not be closed in order; the broker takes back what it held by itself.
    Closed {
        lease: LeaseNo,
        returned: Option<Returned>,
    },
}

/// What went wrong, as far as the machine behaves differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) words: String,
    /// The connection, or the hold, is gone.
    pub(crate) lost: bool,
}

/// A message that is held; its body stays with the driver.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) lease_key: LeaseKey,
    pub(crate) key: MessageKey,
    pub(crate) may_return: MayReturn,
    pub(crate) body_bytes: u64,
    /// It carries a redrive id of this job: its number.
    pub(crate) ours: Option<u64>,
    /// Where the plan's rule sends it; `None` where the plan has no rule.
    pub(crate) way: Option<Way>,
}

/// What a rule decides of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    To(Target),
    /// It is not sent, and why.
    Stays(String),
}

/// Something to be done. Commands run beside each other; each is answered by exactly one event, [`Command::Forget`] and
/// [`Command::End`] by none. Commits are carried out in the order given, and so
/// are copies.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Lease {
        lease: LeaseNo,
        purpose: Purpose,
        messages_max: u64,
    },
    Read {
        lease: LeaseNo,
        max: usize,
    },
    /// These bodies are not needed; the messages stay held.
    Forget {
        lease: LeaseNo,
        keys: Vec<LeaseKey>,
    },
    Copy {
        batch: BatchNo,
        lease: LeaseNo,
        messages: Vec<ToCopy>,
    },
    Journal {
        commit: CommitNo,
        lines: Lines,
    },
    Publish {
        batch: BatchNo,
        messages: Vec<ToPublish>,
    },
    Remove {
        batch: BatchNo,
        lease: LeaseNo,
        keys: Vec<LeaseKey>,
    },
    /// Give up these copies; answered by [`Event::Removed`].
    GiveUp {
        batch: BatchNo,
        numbers: Vec<u64>,
    },
    Close {
        lease: LeaseNo,
    },
    /// There is nothing more to do.
    End,
}

/// A held message to be copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToCopy {
    pub(crate) key: LeaseKey,
    /// Its body is needed again: it will be published.
    pub(crate) keep: bool,
    /// From now on our copy may be the only one: it is taken, or would not survive being given back.
    pub(crate) only_here: bool,
}

/// A message to be published: its body is with the driver, or in the capture.
#[derive(Debug, Clone)]
pub(crate) struct ToPublish {
    pub(crate) n: u64,
    /// `None`: the queue that it came from.
    pub(crate) target: Option<Target>,
    pub(crate) held: Option<(LeaseNo, LeaseKey)>,
    pub(crate) stored: Option<u64>,
}
