//! What the simulator plays: which letters lie where, what is wanted of them, and what may go wrong. All by seed.

use std::collections::BTreeMap;

use broker::{MessageKey, Target};

use super::world::{Letter, Return};
use crate::jobs::MessageState;
use crate::jobs::machine::{Limits, Quest};
use crate::jobs::row::{Errand, Row};

/// Repeatable chance.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

const GIVE_BACK: Errand = Errand::GiveBack(MessageState::Done);

#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) letters: Vec<Letter>,
    pub(super) rows: Vec<Row>,
    pub(super) quest: Quest,
    pub(super) limits: Limits,
    pub(super) returns: Return,
    pub(super) faults: bool,
    pub(super) consumers: bool,
    pub(super) besides: Errand,
}

impl Scenario {
    fn new(chance: &mut Chance, quest: Quest, besides: Errand) -> Self {
        let kinds = 1 + chance.below(6);
        let letters = (0..2 + chance.below(7)).map(|id| {
            let key = MessageKey::Id(format!("k{}", chance.below(kinds)));
            Letter { id, key, count: 0, ours: None }
        });
        let letters = letters.collect();
        let limits = Limits {
            batch_messages_max: 1 + chance.below(3) as usize,
            batches_in_flight_max: 1 + chance.below(3) as usize,
            hold_messages_max: 1 + chance.below(9),
            leases_max: 1 + chance.below(6) as usize,
        };
        let returns = Return::Free;
        Self { letters, rows: Vec::new(), quest, limits, returns, faults: false, consumers: false, besides }
    }

    pub(super) fn redrive(chance: &mut Chance) -> Self {
        let mut scenario = Self::new(chance, Quest::Rows, GIVE_BACK);
        let mut twins: BTreeMap<MessageKey, u64> = BTreeMap::new();
        for letter in scenario.letters.clone() {
            if chance.one_in(3) {
                continue;
            }
            let twin = twins.entry(letter.key.clone()).or_default();
            scenario.rows.push(planned(scenario.rows.len() as u64 + 1, letter.key, *twin, Errand::Send));
            *twin += 1;
        }
        // The plan knows how many equal ones there are where the whole queue had been read.
        if chance.one_in(2) {
            for row in &mut scenario.rows {
                let there = scenario.letters.iter().filter(|letter| letter.key == row.key).count();
                row.twins_there = Some(there as u64);
            }
        }
        // Sometimes one that is not there.
        if chance.one_in(4) {
            let n = scenario.rows.len() as u64 + 1;
            scenario.rows.push(planned(n, MessageKey::Id("nowhere".into()), 0, Errand::Send));
        }
        scenario
    }

    pub(super) fn take(chance: &mut Chance) -> Self {
        let n = 1 + chance.below(6);
        Self::new(chance, Quest::Each { n, errand: Errand::Take }, Errand::Take)
    }

    /// Everything by a rule, as it is read.
    pub(super) fn each(chance: &mut Chance, errand: Errand) -> Self {
        let n = 1 + chance.below(9);
        Self::new(chance, Quest::Each { n, errand }, errand)
    }

    pub(super) fn careful(chance: &mut Chance) -> Self {
        let n = 1 + chance.below(8);
        Self::new(chance, Quest::Careful { n }, GIVE_BACK)
    }

    pub(super) fn look(chance: &mut Chance) -> Self {
        let n = 1 + chance.below(8);
        Self::new(chance, Quest::Look { n }, GIVE_BACK)
    }

    pub(super) fn send_copy(chance: &mut Chance) -> Self {
        let mut scenario = Self::new(chance, Quest::Rows, GIVE_BACK);
        for (index, letter) in scenario.letters.iter().enumerate() {
            let n = index as u64 + 1;
            let twin = scenario.rows.iter().filter(|row| row.key == letter.key).count() as u64;
            let mut row = planned(n, letter.key.clone(), twin, Errand::SendCopy);
            row.stored = Some(n);
            scenario.rows.push(row);
        }
        scenario
    }

    pub(super) fn destroying(mut self, chance: &mut Chance) -> Self {
        self.returns = Return::Destroys { limit: 2 };
        self.count_some(chance, 5)
    }

    pub(super) fn counting(mut self, chance: &mut Chance) -> Self {
        self.returns = Return::Counts { limit: 2 };
        self.count_some(chance, 3)
    }

    fn count_some(mut self, chance: &mut Chance, below: u64) -> Self {
        self.letters.iter_mut().for_each(|letter| letter.count = chance.below(below));
        self
    }

    pub(super) fn with_faults(mut self) -> Self {
        self.faults = true;
        self
    }

    pub(super) fn with_consumers(mut self) -> Self {
        self.consumers = true;
        self
    }

    pub(super) fn is_wary(&self) -> bool {
        self.returns != Return::Free
    }

    /// Originals stay: each message may also be at the target.
    pub(super) fn copies(&self) -> bool {
        self.besides == Errand::Copy
    }

    pub(super) fn has_rule(&self) -> bool {
        matches!(self.quest, Quest::Each { errand, .. } if errand.sends())
    }

    pub(super) fn sends_copies(&self) -> bool {
        self.rows.iter().any(|row| row.errand == Errand::SendCopy)
    }
}

pub(super) fn planned(n: u64, key: MessageKey, twin: u64, errand: Errand) -> Row {
    Row {
        n,
        key,
        twin,
        twins_there: None,
        chosen: true,
        errand,
        state: MessageState::Planned,
        stored: None,
        target: Some(Target::Queue { queue: "target".into() }),
        why: String::new(),
        closed: false,
    }
}
