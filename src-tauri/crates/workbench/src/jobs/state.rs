//! What the states of a message mean: which are ends, which still bind the message to its job, and how they add up.

use std::collections::HashMap;

use super::{JobCounts, MessageState};

impl MessageState {
    /// As the journal writes it: the same word as everywhere.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Copied => "copied",
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Removing => "removing",
            Self::Done => "done",
            Self::LeftBehind => "leftBehind",
            Self::Unroutable => "unroutable",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::InDoubt => "inDoubt",
            Self::Gone => "gone",
            Self::Skipped => "skipped",
            Self::NotStarted => "notStarted",
            Self::OnlyOurCopy => "onlyOurCopy",
        }
    }

    /// On its way: the job is at it.
    pub(crate) fn is_under_way(self) -> bool {
        matches!(self, Self::Planned | Self::Copied | Self::Publishing | Self::Published | Self::Removing)
    }

    /// No other job may have the message. That our copy is the only one concerns nobody else.
    pub(crate) fn is_outstanding(self) -> bool {
        self.is_under_way() || matches!(self, Self::LeftBehind | Self::InDoubt)
    }

    /// Somebody has to say what becomes of it.
    pub(crate) fn needs_answer(self) -> bool {
        matches!(self, Self::InDoubt | Self::LeftBehind | Self::OnlyOurCopy)
    }
}

/// How the numbers of messages in each state changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes(HashMap<MessageState, i64>);

impl Changes {
    /// One message more in that state; `before`: it was in this one.
    pub(crate) fn note(&mut self, before: Option<MessageState>, now: MessageState) {
        if let Some(before) = before {
            *self.0.entry(before).or_default() -= 1;
        }
        *self.0.entry(now).or_default() += 1;
    }
}

impl JobCounts {
    /// These, with what has changed since they were counted.
    pub(crate) fn with(mut self, changes: &Changes) -> Self {
        for (state, change) in &changes.0 {
            let part = self.part(*state);
            *part = part.saturating_add_signed(*change);
        }
        self.planned = self.sum();
        self
    }

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
