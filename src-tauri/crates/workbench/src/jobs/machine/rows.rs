//! The rows of a run. What is written down and needs nothing more is forgotten, so that a run over a million messages
//! remembers only those that it is at.

use std::collections::{HashMap, VecDeque};
use std::ops::{Index, IndexMut};

use broker::{LeaseKey, MessageKey};

use super::event::LeaseNo;
use crate::jobs::MessageState;
use crate::jobs::row::{Errand, Moved, Row};

/// A row with what only this run knows of it.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) row: Row,
    /// As this run last asked for it to be written down.
    pub(super) told: Option<Row>,
    /// The state in which it is counted.
    pub(super) counted: Option<MessageState>,
    /// The state it came with: a question that is reopened falls back to it.
    pub(super) before: MessageState,
    pub(super) held: Option<Held>,
    /// Nothing more is done with it in this run.
    pub(super) settled: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) lease: LeaseNo,
    pub(super) key: LeaseKey,
    /// Giving it back would destroy it.
    pub(super) dies: bool,
    pub(super) body_bytes: u64,
}

impl Tracked {
    /// It came further since it was told, and nothing else of it changed.
    pub(super) fn moved(&self) -> Option<Moved> {
        let told = self.told.as_ref()?;
        let row = &self.row;
        if !told.state.is_under_way() || !(row.state.is_under_way() || row.state == MessageState::Done) {
            return None;
        }
        let Row { n, key, twin, twins_there, chosen, errand, state: _, stored, target, why, closed } = told;
        let same = (n, key, twin, twins_there, chosen, errand)
            == (&row.n, &row.key, &row.twin, &row.twins_there, &row.chosen, &row.errand)
            && (stored, target, why, closed) == (&row.stored, &row.target, &row.why, &row.closed);
        same.then_some(Moved { n: row.n, state: row.state })
    }

    pub(super) fn dies(&self) -> bool {
        self.held.is_some_and(|held| held.dies)
    }

    /// What is left to be done if it may not go back: put it back, to end in that state.
    pub(super) fn put_back_then(&mut self, end: MessageState, why: &str) {
        self.row.errand = Errand::PutBack(end);
        self.row.state = MessageState::Publishing;
        self.row.why = why.to_owned();
    }
}

/// Rows by index, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The index of the first that is kept.
    first: usize,
    kept: VecDeque<Option<Tracked>>,
    /// The twin numbers that are taken, by key.
    twins: HashMap<MessageKey, Vec<u64>>,
}

impl Rows {
    /// No rows yet, and these twin numbers are taken by others.
    pub(super) fn beside(twins: HashMap<MessageKey, Vec<u64>>) -> Self {
        Self { twins, ..Self::default() }
    }

    /// `planned`: it is counted where messages of that state are.
    pub(super) fn add(&mut self, row: Row, planned: bool) -> usize {
        self.twins.entry(row.key.clone()).or_default().push(row.twin);
        let counted = planned.then_some(row.state);
        self.kept.push_back(Some(Tracked { before: row.state, counted, row, told: None, held: None, settled: false }));
        self.first + self.kept.len() - 1
    }

    /// The lowest number that none of the equal ones has.
    pub(super) fn free_twin(&self, key: &MessageKey) -> u64 {
        let taken = self.twins.get(key).map_or(&[][..], Vec::as_slice);
        (0..).find(|twin| !taken.contains(twin)).unwrap_or_default()
    }

    /// It is written down and needs nothing more. Where it may be taken up again its number stays its own.
    pub(super) fn forget(&mut self, index: usize) {
        let Some(forgotten) = self.kept[index - self.first].take() else { return };
        let state = forgotten.row.state;
        let may_go_on = state == MessageState::NotStarted || state.needs_answer();
        if let (Some(taken), false) = (self.twins.get_mut(&forgotten.row.key), may_go_on) {
            taken.retain(|twin| *twin != forgotten.row.twin);
            if taken.is_empty() {
                self.twins.remove(&forgotten.row.key);
            }
        }
        while let Some(None) = self.kept.front() {
            self.kept.pop_front();
            self.first += 1;
        }
    }

    /// The indices of those that are kept.
    pub(super) fn indices(&self) -> Vec<usize> {
        let kept = self.kept.iter().enumerate().filter(|(_, kept)| kept.is_some());
        kept.map(|(at, _)| self.first + at).collect()
    }
}

impl Index<usize> for Rows {
    type Output = Tracked;

    fn index(&self, index: usize) -> &Tracked {
        self.kept[index - self.first].as_ref().expect("a row is kept while something is done with it")
    }
}

impl IndexMut<usize> for Rows {
    fn index_mut(&mut self, index: usize) -> &mut Tracked {
        self.kept[index - self.first].as_mut().expect("a row is kept while something is done with it")
    }
}
