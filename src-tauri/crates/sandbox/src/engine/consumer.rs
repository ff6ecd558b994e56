use std::collections::VecDeque;

use broker::{QueueName, Table};
use jiff::{SignedDuration, Timestamp};

use crate::engine::queue::{Content, Entry};

/// What a consumer makes of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    /// Refused for good, with a note on the message, as AMQP 1.0's *modified* lets a consumer do.
    Reject(Table),
    /// Put back to be tried again.
    Requeue,
}

/// A consumer of the demo: takes messages in order, works on one at a time.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) queue: QueueName,
    pub(crate) prefetch: usize,
    /// How long it works on one message.
    pub(crate) work_ms: u32,
    pub(crate) judge: fn(&Content) -> Verdict,
    held: VecDeque<(Timestamp, Entry)>,
}

impl Consumer {
    pub(crate) fn new(queue: &str, prefetch: usize, work_ms: u32, judge: fn(&Content) -> Verdict) -> Self {
        Self { queue: queue.into(), prefetch, work_ms, judge, held: VecDeque::new() }
    }

    pub(crate) fn wants_more(&self) -> bool {
        self.held.len() < self.prefetch
    }

    pub(crate) fn take(&mut self, entry: Entry, now: Timestamp) {
        let begins = self.held.back().map_or(now, |(due, _)| *due);
        let work = SignedDuration::from_millis(self.work_ms.max(1).into());
        let due = begins.checked_add(work).unwrap_or(Timestamp::MAX);
        self.held.push_back((due, entry));
    }

    /// What it is done with by now, in order.
    pub(crate) fn finished(&mut self, now: Timestamp) -> Option<(Entry, Verdict)> {
        if self.held.front()?.0 > now {
            return None;
        }
        let (_, entry) = self.held.pop_front()?;
        let verdict = (self.judge)(&entry.content);
        Some((entry, verdict))
    }
}
