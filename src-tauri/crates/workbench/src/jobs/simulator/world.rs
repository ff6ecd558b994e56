//! A broker, a capture and a journal in memory, with every end countable.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use broker::{LeaseKey, MayReturn, MessageKey, Target};

use crate::jobs::MessageState;
use crate::jobs::machine::{LeaseNo, Met, Seen, Way};
use crate::jobs::reckoning::Sight;
use crate::jobs::row::Row;

/// One message in a queue. `id` tells even twins apart; the engine never sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) id: u64,
    pub(super) key: MessageKey,
    pub(super) count: u64,
    pub(super) ours: Option<u64>,
}

/// What coming back does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    Free,
    /// Always counted; above the limit it is destroyed.
    Counts {
        limit: u64,
    },
    /// Counted only when the channel dies; above the limit it is destroyed.
    Destroys {
        limit: u64,
    },
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) returns: Option<Return>,
    pub(super) rule: bool,
    /// The job was gone on with: what has an older copy may be held again, and be destroyed before it is copied again.
    pub(super) resumed: bool,
    /// See [`crate::store::JobRecord::several_leases`].
    pub(super) several_leases: bool,
    pub(super) source: VecDeque<Letter>,
    pub(super) held: BTreeMap<LeaseNo, BTreeMap<LeaseKey, Letter>>,
    pub(super) target: Vec<Letter>,
    pub(super) consumed: Vec<Letter>,
    pub(super) destroyed: Vec<Letter>,
    /// Removed by us.
    pub(super) removed: Vec<Letter>,
    /// Number - 1 is the index.
    pub(super) capture: Vec<Letter>,
    /// Copies that are marked as perhaps the only ones.
    pub(super) only_here: BTreeSet<u64>,
    pub(super) journal: BTreeMap<u64, Row>,
    /// The rows that were ever left open, or were said to have been taken by somebody else too.
    pub(super) named: BTreeSet<u64>,
    pub(super) last_key: u64,
    pub(super) cut: bool,
    /// How often what was held and not yet copied was in danger: everything came back at once, or a copy failed.
    pub(super) dangers: usize,
}

impl World {
    fn dies(&self, letter: &Letter, kindly: bool) -> bool {
        match self.returns.unwrap_or(Return::Free) {
            Return::Free => false,
            Return::Counts { limit } => letter.count + 1 > limit,
            Return::Destroys { limit } => letter.count + u64::from(!kindly) > limit,
        }
    }

    /// Whether a kindly return would destroy it; the engine is told this much.
    fn may_return(&self, letter: &Letter) -> MayReturn {
        match self.returns.unwrap_or(Return::Free) {
            _ if self.dies(letter, true) => MayReturn::Destroys,
            Return::Free => MayReturn::Free,
            _ => MayReturn::Counts,
        }
    }

    /// What the plan's rule says, where it has one: some stay.
    fn way(&self, letter: &Letter) -> Option<Way> {
        let target = || Target::Queue { queue: "target".into() };
        self.rule.then(|| match letter.key == MessageKey::Id("k0".into()) {
            true => Way::Stays("it does not say where".into()),
            false => Way::To(target()),
        })
    }

    pub(super) fn read(&mut self, lease: LeaseNo, max: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        for _ in 0..max {
            let Some(letter) = self.source.pop_front() else { break };
            self.last_key += 1;
            let lease_key = LeaseKey(self.last_key);
            seen.push(Seen {
                lease_key,
                key: letter.key.clone(),
                may_return: self.may_return(&letter),
                body_bytes: 1,
                ours: letter.ours,
                way: self.way(&letter),
            });
            self.held.entry(lease).or_default().insert(lease_key, letter);
        }
        seen
    }

    /// Puts back what a lease holds, in order. `kindly`: it was asked to; otherwise its channel died.
    pub(super) fn give_back(&mut self, lease: LeaseNo, kindly: bool) -> u64 {
        let held = self.held.remove(&lease).unwrap_or_default();
        let count = held.len() as u64;
        let mut back = Vec::new();
        for (_, mut letter) in held {
            if self.dies(&letter, kindly) {
                self.destroyed.push(letter);
                continue;
            }
            let charged = match self.returns.unwrap_or(Return::Free) {
                Return::Free => false,
                Return::Counts { .. } => true,
                Return::Destroys { .. } => !kindly,
            };
            letter.count += u64::from(charged);
            back.push(letter);
        }
        if !kindly {
            back.into_iter().rev().for_each(|letter| self.source.push_front(letter));
            return count;
        }
        for letter in back {
            // Into its old place, whichever lease is given back first; what was put back by us stays at the tail.
            let old = |letter: &Letter| (letter.ours.is_some(), letter.id);
            let at = self.source.iter().position(|other| old(other) > old(&letter));
            self.source.insert(at.unwrap_or(self.source.len()), letter);
        }
        count
    }

    pub(super) fn give_everything_back(&mut self) {
        self.dangers += 1;
        let mut leases: Vec<_> = self.held.keys().rev().copied().collect();
        // Connections that die together are noticed in any order.
        if self.dangers.is_multiple_of(2) {
            leases.reverse();
        }
        for lease in leases {
            self.give_back(lease, false);
        }
    }

    pub(super) fn copy(&mut self, letter: &Letter, only_here: bool) -> u64 {
        self.capture.push(letter.clone());
        let number = self.capture.len() as u64;
        if only_here {
            self.only_here.insert(number);
        }
        number
    }

    /// `to_target`: otherwise to the tail of the source.
    pub(super) fn publish(&mut self, letter: &Letter, n: u64, to_target: bool) {
        let mut sent = Letter { count: 0, ours: Some(n), ..letter.clone() };
        if to_target {
            self.target.push(sent);
        } else {
            // The header that it carries makes it another message to whoever compares.
            sent.key = MessageKey::Id(format!("{}+{n}", letter.key));
            self.source.push_back(sent);
        }
    }

    pub(super) fn sight(&self, letters: impl Iterator<Item = Letter>, undisturbed: bool, keeps: bool) -> Sight {
        let (mut tally, mut ours): (HashMap<_, Met>, _) = (HashMap::new(), BTreeSet::new());
        for (letter, at) in letters.zip(0..) {
            let met = tally.entry(letter.key).or_default();
            (met.times, met.last_at) = (met.times + 1, at);
            ours.extend(letter.ours);
        }
        Sight::Whole { tally, ours, undisturbed, keeps }
    }

    pub(super) fn write(&mut self, rows: &[Row]) {
        for row in rows {
            let says_taken_besides = row.state == MessageState::Gone && row.stored.is_some();
            if row.state.needs_answer() || says_taken_besides {
                self.named.insert(row.n);
            }
            self.journal.insert(row.n, row.clone());
        }
    }
}
