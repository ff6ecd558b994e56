//! The way of a batch: copied, written down, published. Judging and removing follow in their own file.

use broker::LeaseKey;

use super::event::{BatchNo, Command, LeaseNo, ToCopy, ToPublish, Trouble};
use super::{After, Machine};
use crate::jobs::MessageState;
use crate::jobs::row::Errand;

/// A held message on its way into a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) lease: LeaseNo,
    pub(super) key: LeaseKey,
    /// `None`: it is copied, and that is all.
    pub(super) row: Option<usize>,
}

/// Messages that go the way together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) step: Step,
    /// In the order of the queue; those that are done with are left out.
    pub(super) rows: Vec<usize>,
    /// What is being copied, in the order of the answer.
    copying: Vec<Option<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Copying,
    /// Intentions are being committed.
    Starting,
    Publishing,
    /// Outcomes are being committed.
    Judging,
    Removing,
}

impl Batch {
    pub(super) fn new(step: Step, rows: Vec<usize>) -> Self {
        Self { step, rows, copying: Vec::new() }
    }

    pub(super) fn is_copying(&self) -> bool {
        self.step == Step::Copying
    }
}

impl Machine {
    pub(super) fn add_batch(&mut self, batch: Batch) -> BatchNo {
        self.batch_last += 1;
        self.batches.insert(self.batch_last, batch);
        self.batch_last
    }

    /// Copies that exist here already are on their way at once.
    pub(super) fn send_what_is_at_hand(&mut self) {
        while self.halt.is_none() && self.batches.len() < self.limits.batches_in_flight_max {
            let Some(first) = self.at_hand.front() else { return };
            let errand = self.rows[*first].row.errand;
            let alike = self.at_hand.iter().take_while(|index| self.rows[**index].row.errand == errand).count();
            let rows = self.at_hand.drain(..alike.min(self.limits.batch_messages_max)).collect();
            let no = self.add_batch(Batch::new(Step::Starting, rows));
            self.start(no);
        }
    }

    /// Makes a batch of what was read, when it is large enough or nothing more comes for now.
    pub(super) fn make_batch(&mut self) {
        let is_small = self.pending.len() < self.limits.batch_messages_max;
        let are_many = self.batches.len() >= self.limits.batches_in_flight_max;
        let Some(first) = self.pending.first() else { return };
        if are_many || (is_small && self.is_reading()) {
            return;
        }
        let lease = first.lease;
        let same = self.pending.iter().take_while(|item| item.lease == lease).count();
        let items: Vec<_> = self.pending.drain(..same.min(self.limits.batch_messages_max)).collect();
        let mut batch = Batch::new(Step::Copying, items.iter().filter_map(|item| item.row).collect());
        let mut messages = Vec::new();
        for item in items {
            let tracked = item.row.map(|index| &self.rows[index]);
            // A row of an earlier run was copied then.
            if tracked.is_some_and(|tracked| tracked.row.stored.is_some()) {
                continue;
            }
            let keep = tracked.is_some_and(|tracked| tracked.row.errand.publishes() || tracked.dies());
            let only_here = tracked.is_some_and(|tracked| tracked.row.errand == Errand::Take || tracked.dies());
            messages.push(ToCopy { key: item.key, keep, only_here });
            batch.copying.push(item.row);
        }
        let no = self.add_batch(batch);
        if messages.is_empty() {
            self.start(no);
        } else {
            self.outbox.push(Command::Copy { batch: no, lease, messages });
        }
    }

    fn batch(&mut self, no: BatchNo) -> &mut Batch {
        self.batches.get_mut(&no).expect("a batch stays until its last answer has come")
    }

    pub(super) fn copied(&mut self, no: BatchNo, numbers: &[u64]) {
        let copying = std::mem::take(&mut self.batch(no).copying);
        debug_assert_eq!(copying.len(), numbers.len(), "one number for each copy");
        self.copied += numbers.len() as u64;
        for (row, number) in copying.into_iter().zip(numbers) {
            if let Some(index) = row {
                self.rows[index].row.stored = Some(*number);
            }
        }
        self.start(no);
    }

    /// Nothing without a copy is sent or removed. What giving back would destroy is put back all the same: it is
    /// confirmed in its queue before the original is removed, and is nowhere else.
    pub(super) fn not_copied(&mut self, no: BatchNo, trouble: Trouble) {
        let words = format!("it could not be copied: {}", trouble.words);
        self.trouble(trouble);
        for index in self.batch(no).rows.clone() {
            if self.rows[index].row.stored.is_none() {
                self.withhold(index, &words);
            }
        }
        self.start(no);
    }

    /// Writes down what is about to be done.
    pub(super) fn start(&mut self, no: BatchNo) {
        self.batch(no).step = Step::Starting;
        if self.mute {
            return self.abandon(no);
        }
        let in_trouble = self.in_trouble();
        for index in self.batch(no).rows.clone() {
            match self.rows[index].row.errand {
                errand if errand.sends() && in_trouble => self.withhold(index, "stopped before it was sent"),
                errand if errand.publishes() => self.enter(index, MessageState::Publishing),
                Errand::GiveBack(_) => self.enter(index, MessageState::Copied),
                _ => self.enter(index, MessageState::Removing),
            }
        }
        self.journal_batch(no);
    }

    fn enter(&mut self, index: usize, state: MessageState) {
        let tracked = &mut self.rows[index];
        if !tracked.settled {
            tracked.row.state = state;
        }
    }

    /// Leaves out what is settled and commits the rest, with what rides along.
    pub(super) fn journal_batch(&mut self, no: BatchNo) {
        let indices = self.batch(no).rows.clone();
        if indices.is_empty() && self.riding.is_empty() {
            self.batches.remove(&no);
            return;
        }
        let open = indices.iter().copied().filter(|index| !self.rows[*index].settled).collect();
        self.batch(no).rows = open;
        self.journal(indices, After::Batch(no));
    }

    pub(super) fn committed_batch(&mut self, no: BatchNo) {
        match self.batch(no).step {
            Step::Starting => self.started(no),
            _ => self.judged(no),
        }
    }

    fn started(&mut self, no: BatchNo) {
        if self.in_trouble() {
            let rows = &self.rows;
            if self.batches[&no].rows.iter().any(|index| rows[*index].row.errand.sends()) {
                // Trouble came while the intention was being written: it is taken back before it is acted on.
                return self.start(no);
            }
        }
        let rows = &self.rows;
        let sent = self.batches[&no].rows.iter().filter(|index| rows[**index].row.state == MessageState::Publishing);
        let sent: Vec<_> = sent.copied().collect();
        if sent.is_empty() {
            self.remove(no);
        } else {
            self.publish(no, &sent);
        }
    }

    pub(super) fn publish(&mut self, no: BatchNo, sent: &[usize]) {
        self.batch(no).step = Step::Publishing;
        let messages = sent.iter().map(|index| {
            let tracked = &self.rows[*index];
            let target = match tracked.row.errand {
                Errand::PutBack(_) => None,
                _ => tracked.row.target.clone(),
            };
            let held = tracked.held.map(|held| (held.lease, held.key));
            ToPublish { n: tracked.row.n, target, held, stored: tracked.row.stored }
        });
        let messages = messages.collect();
        self.outbox.push(Command::Publish { batch: no, messages });
    }

    /// Takes a message out that is not to be sent now: it goes back to its queue, in the way that keeps it.
    pub(super) fn withhold(&mut self, index: usize, why: &str) {
        let tracked = &mut self.rows[index];
        if tracked.settled || matches!(tracked.row.errand, Errand::PutBack(_)) {
            return;
        }
        let (dies, lost) = (tracked.dies(), tracked.held.is_some_and(|held| self.holds[held.lease].lost));
        if lost && (dies || self.wary) {
            // Whether it is back or destroyed is looked up later.
            tracked.settled = true;
            if tracked.row.stored.is_some() {
                tracked.row.state = MessageState::Copied;
            }
            self.riding.push(index);
        } else if dies {
            tracked.put_back_then(MessageState::NotStarted, why);
        } else {
            self.unstart(index, why);
        }
    }

    /// The message is where it was; a question that was reopened is open again.
    pub(super) fn unstart(&mut self, index: usize, why: &str) {
        match self.rows[index].before {
            MessageState::Planned => self.rest(index, MessageState::NotStarted, why),
            before => self.rest(index, before, why),
        }
    }

    /// Nothing more is done with it than giving it back. Where that may fail to keep it, it is not settled before.
    pub(super) fn rest(&mut self, index: usize, end: MessageState, why: &str) {
        let tracked = &mut self.rows[index];
        if self.wary && tracked.held.is_some() && tracked.row.stored.is_some() {
            tracked.row.errand = Errand::GiveBack(end);
            tracked.row.state = MessageState::Copied;
            tracked.row.why = why.to_owned();
            self.riding.push(index);
        } else {
            self.settle(index, end, why);
        }
    }

    /// Nothing can be written down, so nothing is sent. The exception is what has no copy and would be destroyed: it is
    /// put back, since a second one of it in its own queue is better than none.
    fn abandon(&mut self, no: BatchNo) {
        let rows = std::mem::take(&mut self.batch(no).rows);
        let (rescued, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|index| {
            let tracked = &self.rows[*index];
            !tracked.settled && tracked.dies() && tracked.row.stored.is_none()
        });
        for index in rest {
            self.leave_unwritten(index);
        }
        for index in &rescued {
            self.rows[*index].put_back_then(MessageState::NotStarted, "the journal could not be written");
        }
        if rescued.is_empty() {
            self.batches.remove(&no);
        } else {
            self.batch(no).rows.clone_from(&rescued);
            self.publish(no, &rescued);
        }
    }

    fn leave_unwritten(&mut self, index: usize) {
        let tracked = &mut self.rows[index];
        if tracked.settled {
            return;
        }
        if tracked.dies() {
            tracked.row.errand = Errand::PutBack(MessageState::NotStarted);
            self.settle(index, MessageState::OnlyOurCopy, "the journal could not be written, so it was not put back");
        } else {
            self.unstart(index, "the journal could not be written");
        }
    }

    pub(super) fn not_published(&mut self, no: BatchNo, trouble: Trouble) {
        let words = format!("it was not sent: {}", trouble.words);
        self.trouble(trouble);
        for index in self.batch(no).rows.clone() {
            let tracked = &self.rows[index];
            match tracked.row.errand {
                Errand::PutBack(_) if tracked.row.state == MessageState::Publishing => self.not_put_back(index, &words),
                errand if errand.sends() => self.withhold(index, &words),
                _ => {}
            }
        }
        self.start(no);
    }

    /// The hold is about to destroy it.
    pub(super) fn not_put_back(&mut self, index: usize, why: &str) {
        let state = match self.rows[index].row.stored {
            Some(_) => MessageState::OnlyOurCopy,
            None => MessageState::Failed,
        };
        self.settle(index, state, format!("it could not be put back: {why}"));
    }
}
