//! What the broker answered, and what follows: outcomes are committed before anything is removed.

use broker::{LeaseKey, PublishOutcome, RemoveOutcome};

use super::batch::{Batch, Step};
use super::event::{BatchNo, Command, Trouble};
use super::{After, Commit, Machine};
use crate::jobs::MessageState;
use crate::jobs::row::Errand;

impl Machine {
    pub(super) fn published(&mut self, no: BatchNo, outcomes: Vec<PublishOutcome>) {
        let rows = &self.rows;
        let sent = self.batches[&no].rows.iter().filter(|index| rows[**index].row.state == MessageState::Publishing);
        let sent: Vec<_> = sent.copied().collect();
        debug_assert_eq!(sent.len(), outcomes.len(), "one outcome for each message");
        let mut outcomes = outcomes.into_iter();
        for index in sent {
            let missing = || PublishOutcome::Unknown("no outcome was told".to_owned());
            self.judge(index, outcomes.next().unwrap_or_else(missing));
        }
        if self.mute {
            return self.leave_behind_unwritten(no);
        }
        if let Some(batch) = self.batches.get_mut(&no) {
            batch.step = Step::Judging;
        }
        self.journal_batch(no);
    }

    fn judge(&mut self, index: usize, outcome: PublishOutcome) {
        let errand = self.rows[index].row.errand;
        let (state, why) = match outcome {
            PublishOutcome::Confirmed if errand == Errand::SendCopy => {
                return self.settle(index, MessageState::Done, "");
            }
            PublishOutcome::Confirmed if errand == Errand::Copy => (MessageState::Done, String::new()),
            PublishOutcome::Confirmed => {
                let row = &mut self.rows[index].row;
                row.state = MessageState::Published;
                if matches!(errand, Errand::PutBack(_)) {
                    self.put_back.insert(row.n);
                }
                return;
            }
            PublishOutcome::Unknown(why) => {
                self.trouble(Trouble { words: format!("a message was sent and not answered: {why}"), lost: false });
                return self.settle(index, MessageState::InDoubt, why);
            }
            PublishOutcome::NotSent(why) => return self.held_up(index, why),
            PublishOutcome::Unroutable => (MessageState::Unroutable, "the broker returned it: no queue matched".into()),
            PublishOutcome::Refused(why) => (MessageState::Refused, why),
        };
        let lost = self.rows[index].held.is_some_and(|held| self.is_lost(held.lease));
        match errand {
            Errand::PutBack(_) => self.not_put_back(index, &why),
            Errand::Send | Errand::Copy if self.rows[index].dies() && lost => self.not_put_back(index, &why),
            Errand::Send | Errand::Copy if self.rows[index].dies() => self.rows[index].put_back_then(state, &why),
            _ => self.rest(index, state, &why),
        }
    }

    /// Nothing can be sent for now: the message stays, and so does everything behind it, until the job is gone on with.
    fn held_up(&mut self, index: usize, why: String) {
        self.trouble(Trouble { words: format!("a message was not sent: {why}"), lost: false });
        match self.rows[index].row.errand {
            Errand::PutBack(_) => self.not_put_back(index, &why),
            _ => self.withhold(index, &format!("it was not sent: {why}")),
        }
        self.waits.get_or_insert(why);
    }

    /// What was published cannot be written down: it is not removed. The exception is what was put back without a copy
    /// and without a line in the journal.
    fn leave_behind_unwritten(&mut self, no: BatchNo) {
        let Some(batch) = self.batches.get_mut(&no) else { return };
        let rows = std::mem::take(&mut batch.rows);
        for index in rows {
            let tracked = &self.rows[index];
            match tracked.row.state {
                _ if tracked.settled => {}
                MessageState::Published if tracked.row.stored.is_none() => {
                    if let Some(batch) = self.batches.get_mut(&no) {
                        batch.rows.push(index);
                    }
                }
                MessageState::Published => {
                    let why = "sent; not removed, because the journal could not be written";
                    self.settle(index, MessageState::LeftBehind, why);
                }
                MessageState::Publishing => self.not_put_back(index, "the journal could not be written"),
                _ => {}
            }
        }
        self.remove(no);
    }

    pub(super) fn committed(&mut self, commit: u64) {
        let Some(Commit { after, ends }) = self.commits.remove(&commit) else { return };
        ends.into_iter().for_each(|index| self.rows.forget(index));
        match after {
            After::Batch(no) => self.committed_batch(no),
            After::End => self.end(),
        }
    }

    pub(super) fn not_committed(&mut self, commit: u64, trouble: Trouble) {
        self.trouble(trouble);
        self.mute = true;
        match self.commits.remove(&commit).map(|commit| commit.after) {
            Some(After::Batch(no)) if self.batches[&no].step == Step::Starting => self.start(no),
            Some(After::Batch(no)) => self.leave_behind_unwritten(no),
            Some(After::End) => self.end(),
            None => {}
        }
    }

    /// Outcomes are written down: what was refused and may not go back is put back, what was confirmed is removed.
    pub(super) fn judged(&mut self, no: BatchNo) {
        let rows = &self.rows;
        let Some(batch) = self.batches.get_mut(&no) else { return };
        let (again, rest): (Vec<_>, Vec<_>) =
            batch.rows.drain(..).partition(|index| rows[*index].row.state == MessageState::Publishing);
        batch.rows = rest;
        batch.rows.retain(|index| !rows[*index].settled);
        if !again.is_empty() {
            let next = self.add_batch(Batch::new(Step::Publishing, again.clone()));
            self.publish(next, &again);
        }
        self.remove(no);
    }

    pub(super) fn remove(&mut self, no: BatchNo) {
        let rows = &self.rows;
        let Some(batch) = self.batches.get_mut(&no) else { return };
        batch.step = Step::Removing;
        let to_remove = |index: &usize| {
            !rows[*index].settled && matches!(rows[*index].row.state, MessageState::Published | MessageState::Removing)
        };
        batch.rows.retain(to_remove);
        let held: Vec<(usize, LeaseKey)> =
            batch.rows.iter().filter_map(|index| rows[*index].held.map(|held| (held.lease, held.key))).collect();
        let copies: Vec<_> = batch.rows.iter().filter(|index| rows[**index].row.errand == Errand::GiveUp).collect();
        if !copies.is_empty() {
            let numbers = copies.iter().filter_map(|index| rows[**index].row.stored).collect();
            self.outbox.push(Command::GiveUp { batch: no, numbers });
        } else if let Some((lease, _)) = held.first() {
            debug_assert_eq!(held.len(), batch.rows.len(), "what is removed is held");
            let keys = held.iter().map(|(_, key)| *key).collect();
            self.outbox.push(Command::Remove { batch: no, lease: *lease, keys });
        } else {
            self.batches.remove(&no);
        }
    }

    pub(super) fn removed(&mut self, no: BatchNo, outcomes: Vec<RemoveOutcome>) {
        let Some(batch) = self.batches.remove(&no) else { return };
        debug_assert_eq!(batch.rows.len(), outcomes.len(), "one outcome for each message");
        let mut outcomes = outcomes.into_iter();
        for index in batch.rows {
            let missing = || RemoveOutcome::Unknown("no outcome was told".to_owned());
            let outcome = outcomes.next().unwrap_or_else(missing);
            if !matches!(outcome, RemoveOutcome::Unknown(_)) {
                self.let_go(index);
            }
            self.end_of(index, outcome);
        }
    }

    fn end_of(&mut self, index: usize, outcome: RemoveOutcome) {
        let row = &self.rows[index].row;
        let kept_why = row.why.clone();
        let (state, why) = match (outcome, row.errand) {
            (RemoveOutcome::Removed | RemoveOutcome::Gone, Errand::PutBack(end)) => (end, kept_why),
            (RemoveOutcome::Removed, _) => (MessageState::Done, String::new()),
            (RemoveOutcome::Gone, Errand::Remove) => (MessageState::Done, "the original was gone already".to_owned()),
            (RemoveOutcome::Gone, Errand::Send) => {
                (MessageState::Gone, "sent; somebody else had removed the original".to_owned())
            }
            (RemoveOutcome::Gone, _) => (MessageState::Gone, "somebody else removed it".to_owned()),
            (RemoveOutcome::Unknown(why), errand) => {
                self.trouble(Trouble { words: format!("a removal was not answered: {why}"), lost: true });
                let done = if errand.publishes() || errand == Errand::Remove { "sent" } else { "copied" };
                (MessageState::LeftBehind, format!("{done}; the original may still be there: {why}"))
            }
        };
        self.settle(index, state, why);
    }
}
