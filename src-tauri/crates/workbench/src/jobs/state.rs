//! What the states of a message mean: which are ends, which still bind the message to its job, and how they add up.

use super::{JobCounts, MessageState};

impl MessageState {
    /// On its way: the job is at it.
    pub(crate) fn is_under_way(self) -> bool {
        matches!(self, Self::Planned | Self::Copied | Self::Publishing | Self::Published | Self::Removing)
    }

    /// Somebody has to say what becomes of it.
    pub(crate) fn needs_answer(self) -> bool {
        matches!(self, Self::InDoubt | Self::LeftBehind | Self::OnlyOurCopy)
    }
}

impl JobCounts {
    /// Counts the messages that the plan is about. `planned` is what was planned, not the sum of the others: that they
    /// are equal is a law, and is checked.
    #[cfg(test)]
    pub(crate) fn of<'a>(rows: impl Iterator<Item = &'a super::row::Row>) -> Self {
        let mut counts = Self::default();
        for row in rows.filter(|row| row.chosen) {
            counts.planned += 1;
            *counts.part(row.state) += 1;
        }
        debug_assert_eq!(counts.planned, counts.sum(), "every planned message is somewhere");
        counts
    }

    /// All parts together.
    pub(crate) fn sum(&self) -> u64 {
        self.done
            + self.left_behind
            + self.unroutable
            + self.refused
            + self.failed
            + self.in_doubt
            + self.gone
            + self.skipped
            + self.not_started
            + self.only_our_copy
            + self.under_way
    }

    /// The part that a message in that state belongs to.
    pub(crate) fn part(&mut self, state: MessageState) -> &mut u64 {
        match state {
            MessageState::Planned
            | MessageState::Copied
            | MessageState::Publishing
            | MessageState::Published
            | MessageState::Removing => &mut self.under_way,
            MessageState::Done => &mut self.done,
            MessageState::LeftBehind => &mut self.left_behind,
            MessageState::Unroutable => &mut self.unroutable,
            MessageState::Refused => &mut self.refused,
            MessageState::Failed => &mut self.failed,
            MessageState::InDoubt => &mut self.in_doubt,
            MessageState::Gone => &mut self.gone,
            MessageState::Skipped => &mut self.skipped,
            MessageState::NotStarted => &mut self.not_started,
            MessageState::OnlyOurCopy => &mut self.only_our_copy,
        }
    }
}
