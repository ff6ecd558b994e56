//! The end of a run: every row gets a state that needs nobody, or one that says what is to be answered.

use super::event::Command;
use super::{After, Halt, Machine, ReadOut};
use crate::jobs::MessageState;
use crate::jobs::row::Errand;

impl Machine {
    /// Every lease is closed.
    pub(super) fn finish(&mut self) {
        for index in self.rows.indices() {
            let tracked = &self.rows[index];
            if !tracked.settled && tracked.row.state == tracked.before {
                self.settle_unfound(index);
            }
        }
        self.ending = true;
        // Earlier commits that failed are tried once more.
        let rows = if self.mute { self.rows.indices() } else { Vec::new() };
        self.journal(rows, After::End);
    }

    fn settle_unfound(&mut self, index: usize) {
        let row = &self.rows[index].row;
        match (&self.halt, self.read_out) {
            (Some(Halt::Stopped), _) => self.unstart(index, "stopped before it"),
            (Some(Halt::Trouble(trouble)), _) => {
                let why = format!("stopped before it: {}", trouble.words);
                self.unstart(index, &why);
            }
            (None, Some(ReadOut::Reach)) => self.unstart(index, "not among the messages that could be held"),
            (None, Some(ReadOut::Withheld)) => {
                self.unstart(index, "the broker counts more messages as ready, and did not hand them out in time");
            }
            (None, _) => match row.errand {
                Errand::Remove => self.settle(index, MessageState::Done, "the original was gone already"),
                _ if row.stored.is_some() => {
                    self.settle(index, MessageState::OnlyOurCopy, "it is not in its queue any more");
                }
                _ => {
                    self.settle(index, MessageState::Gone, "not in the queue: consumed, expired, or held by a consumer")
                }
            },
        }
    }

    pub(super) fn end(&mut self) {
        self.over = true;
        self.outbox.push(Command::End);
    }
}
