//! Leasing and reading: what is held, what is read next, and which errand each message that comes gets.

use broker::{MayReturn, MessageKey, Picked, Purpose, Returned};

use super::batch::Item;
use super::event::{Command, LeaseNo, Seen, Trouble, Way};
use super::{Held, Machine, Quest, ReadOut};
use crate::jobs::MessageState;
use crate::jobs::row::{Errand, Row};

/// One lease.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) stage: Stage,
    /// An answer to [`Command::Read`] is awaited.
    reading: bool,
    /// It had room and got nothing.
    dry: bool,
    /// Not because there was nothing.
    withheld: bool,
    /// The hold is gone: the broker has everything back that was not removed.
    pub(super) lost: bool,
    messages_max: u64,
    pub(super) messages: u64,
    pub(super) body_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    Open,
    Closing,
    Closed,
}

/// Bodies that one lease holds before it is full, in bytes.
pub(crate) const HOLD_BYTES_MAX: u64 = 256 * 1024 * 1024;

impl Hold {
    fn is_full(&self) -> bool {
        self.messages >= self.messages_max || self.body_bytes >= HOLD_BYTES_MAX
    }
}

impl Machine {
    pub(super) fn is_reading(&self) -> bool {
        self.holds.iter().any(|hold| hold.reading || hold.stage == Stage::Opening)
    }

    /// Asks for more where there is room for it and a use.
    pub(super) fn read_on(&mut self) {
        if self.is_reading() || !self.wants_more() {
            return;
        }
        let has_room = |hold: &Hold| hold.stage == Stage::Open && !hold.is_full() && !hold.dry;
        let room = match self.work {
            // What goes back lies in its order only as long as no lease gets what lies behind that of another.
            Quest::Rows => self.holds.len().checked_sub(1).filter(|last| has_room(&self.holds[*last])),
            _ => self.holds.iter().position(has_room),
        };
        if let Some(lease) = room {
            let hold = &mut self.holds[lease];
            hold.reading = true;
            let room = hold.messages_max - hold.messages;
            let max = room.min(self.limits.batch_messages_max as u64).min(self.still_to_read());
            self.outbox.push(Command::Read { lease, max: usize::try_from(max).unwrap_or(usize::MAX) });
        } else if let Some(dry) = self.holds.iter().find(|hold| hold.stage == Stage::Open && hold.dry) {
            // While a batch is under way its removal may let the queue give more.
            if self.batches.is_empty() && self.pending.is_empty() {
                self.read_out = Some(if dry.withheld { ReadOut::Withheld } else { ReadOut::Empty });
            }
        } else if self.holds.len() < self.limits.leases_max {
            self.open_lease();
        } else if self.batches.is_empty() {
            self.read_out = Some(ReadOut::Reach);
        }
    }

    fn wants_more(&self) -> bool {
        if self.halt.is_some() || self.read_out.is_some() || self.still_to_read() == 0 {
            return false;
        }
        let copying = || self.batches.values().any(|batch| batch.is_copying()) || !self.pending.is_empty();
        self.batches.len() < self.limits.batches_in_flight_max && !(self.wary && copying())
    }

    fn still_to_read(&self) -> u64 {
        match self.work {
            Quest::Rows if self.wanted_count == 0 => 0,
            Quest::Rows => u64::MAX,
            Quest::Look { n } | Quest::Careful { n } | Quest::Each { n, .. } | Quest::Count { n } => {
                n.saturating_sub(self.read)
            }
        }
    }

    fn open_lease(&mut self) {
        let lease = self.holds.len();
        let purpose = match self.work {
            Quest::Rows => Purpose::Pick { keys: self.still_wanted() },
            Quest::Each { errand: Errand::Take | Errand::Discard, .. } => Purpose::Take { n: self.still_to_read() },
            Quest::Each { .. } => Purpose::Drain,
            Quest::Look { .. } | Quest::Careful { .. } | Quest::Count { .. } => {
                Purpose::Look { n: self.still_to_read() }
            }
        };
        let messages_max = self.limits.hold_messages_max.min(self.still_to_read());
        self.holds.push(Hold {
            stage: Stage::Opening,
            reading: false,
            dry: false,
            withheld: false,
            lost: false,
            messages_max,
            messages: 0,
            body_bytes: 0,
        });
        self.returned.push(None);
        self.outbox.push(Command::Lease { lease, purpose, messages_max });
    }

    fn still_wanted(&self) -> Vec<Picked> {
        let wanted = self.wanted.iter().filter(|(_, rows)| !rows.is_empty());
        let mut keys: Vec<_> =
            wanted.map(|(key, rows)| Picked { key: key.clone(), twins: rows.len() as u64 }).collect();
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        keys
    }

    pub(super) fn leased(&mut self, lease: LeaseNo) {
        self.holds[lease].stage = Stage::Open;
    }

    pub(super) fn not_leased(&mut self, lease: LeaseNo, trouble: Trouble) {
        self.holds[lease].stage = Stage::Closed;
        self.trouble(trouble);
    }

    pub(super) fn read_failed(&mut self, lease: LeaseNo, trouble: Trouble) {
        let hold = &mut self.holds[lease];
        hold.reading = false;
        hold.lost = trouble.lost;
        self.trouble(trouble);
    }

    pub(super) fn take_in(&mut self, lease: LeaseNo, seen: Vec<Seen>, withheld: bool) {
        let hold = &mut self.holds[lease];
        hold.reading = false;
        (hold.dry, hold.withheld) = (seen.is_empty(), withheld);
        hold.messages += seen.len() as u64;
        hold.body_bytes += seen.iter().map(|seen| seen.body_bytes).sum::<u64>();
        let mut forget = Vec::new();
        for seen in seen {
            let key = seen.lease_key;
            if !self.take_one_in(lease, seen) {
                forget.push(key);
            }
        }
        if !forget.is_empty() {
            self.outbox.push(Command::Forget { lease, keys: forget });
        }
    }

    /// Whether something is done with it; otherwise it is only held, and given back at the end.
    fn take_one_in(&mut self, lease: LeaseNo, seen: Seen) -> bool {
        if matches!(self.work, Quest::Count { .. }) {
            let met = self.tally.entry(seen.key.clone()).or_default();
            met.times += 1;
            met.last_at = self.read;
        }
        self.read += 1;
        if let Some(n) = seen.ours {
            self.ours.insert(n);
            if self.put_back.contains(&n) {
                self.read_out = Some(ReadOut::CameRound);
                return false;
            }
        }
        // What giving back would do is not known: publishing it again is the only way that surely keeps it.
        let dies = matches!(seen.may_return, MayReturn::Destroys | MayReturn::Unknown);
        let row = self.errand_for(&seen, dies);
        if let Some(index) = row {
            let tracked = &mut self.rows[index];
            tracked.held = Some(Held { lease, key: seen.lease_key, dies, body_bytes: seen.body_bytes });
        }
        if dies && matches!(self.work, Quest::Look { .. } | Quest::Count { .. }) {
            self.read_out = Some(ReadOut::MayNotReturn);
        }
        let is_needed = match row {
            Some(index) => !self.rows[index].settled,
            None => matches!(self.work, Quest::Look { .. }),
        };
        if !is_needed {
            return false;
        }
        self.pending.push(Item { lease, key: seen.lease_key, row });
        true
    }

    fn errand_for(&mut self, seen: &Seen, dies: bool) -> Option<usize> {
        if matches!(self.work, Quest::Rows | Quest::Each { .. })
            && let Some(index) = self.find_wanted(seen)
        {
            let row = &mut self.rows[index].row;
            if let (None, Some(Way::To(target))) = (&row.target, &seen.way) {
                row.target = Some(target.clone());
            }
            return Some(index);
        }
        let quest = self.work;
        match quest {
            // One that came back is no part of the plan.
            Quest::Each { errand, .. } if seen.ours.is_none() && !self.is_left(&seen.key) => {
                return Some(self.add_chosen(seen, errand, dies));
            }
            Quest::Careful { .. } if dies => {
                return Some(self.add_row(seen, Errand::PutBack(MessageState::Done), true));
            }
            Quest::Careful { .. } => return Some(self.add_row(seen, Errand::GiveBack(MessageState::Done), true)),
            _ => {}
        }
        let gives_all_back = matches!(self.work, Quest::Rows | Quest::Each { .. });
        match dies {
            true => Some(self.add_row(seen, Errand::PutBack(MessageState::Done), false)),
            false if self.wary && gives_all_back => {
                Some(self.add_row(seen, Errand::GiveBack(MessageState::Done), false))
            }
            false => None,
        }
    }

    /// It waits for an answer, or another one like it does.
    fn is_left(&mut self, key: &MessageKey) -> bool {
        let Some(left) = self.leave.get_mut(key).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }

    fn find_wanted(&mut self, seen: &Seen) -> Option<usize> {
        let rows = self.wanted.get_mut(&seen.key)?;
        let found = rows.pop_front();
        if rows.is_empty() {
            self.wanted.remove(&seen.key);
        }
        self.wanted_count -= usize::from(found.is_some());
        found
    }

    /// A message that the plan's rule is about: it gets the errand of all, or stays where the rule says so.
    fn add_chosen(&mut self, seen: &Seen, errand: Errand, dies: bool) -> usize {
        let Some(Way::Stays(why)) = seen.way.as_ref().filter(|_| errand.sends()) else {
            let index = self.add_row(seen, errand, true);
            if let Some(Way::To(target)) = &seen.way {
                self.rows[index].row.target = Some(target.clone());
            }
            return index;
        };
        let errand = match dies {
            true => Errand::PutBack(MessageState::Skipped),
            false => Errand::GiveBack(MessageState::Skipped),
        };
        let index = self.add_row(seen, errand, true);
        self.rows[index].row.why.clone_from(why);
        if !dies && !self.wary {
            self.settle(index, MessageState::Skipped, why);
        }
        index
    }

    fn add_row(&mut self, seen: &Seen, errand: Errand, chosen: bool) -> usize {
        let row = Row {
            n: self.next_n,
            key: seen.key.clone(),
            twins_there: None,
            twin: self.rows.free_twin(&seen.key),
            chosen,
            errand,
            state: MessageState::Planned,
            stored: None,
            target: None,
            why: String::new(),
            closed: false,
        };
        self.next_n += 1;
        self.rows.add(row, false)
    }

    /// Everything is done that can be: gives back what is held, lease by lease in the order in which they were taken, so
    /// that the queue keeps its order.
    pub(super) fn wind_up(&mut self) {
        if self.holds.iter().any(|hold| hold.stage == Stage::Closing) {
            return;
        }
        match self.holds.iter().position(|hold| hold.stage == Stage::Open) {
            Some(lease) => {
                self.holds[lease].stage = Stage::Closing;
                self.outbox.push(Command::Close { lease });
            }
            None => self.finish(),
        }
    }

    pub(super) fn closed(&mut self, lease: LeaseNo, returned: Option<Returned>) {
        let hold = &mut self.holds[lease];
        hold.stage = Stage::Closed;
        // What a lost lease held is back already, in the way that costs most, or destroyed.
        if hold.lost || returned.is_none() {
            self.lose(lease);
        }
        let words = match &returned {
            Some(returned) if returned.confirmed => "given back",
            _ => "given back; the broker was not seen to have it again",
        };
        for index in self.rows.indices() {
            let tracked = &self.rows[index];
            let is_here = tracked.held.is_some_and(|held| held.lease == lease);
            let Errand::GiveBack(end) = tracked.row.errand else { continue };
            if is_here && !tracked.settled && tracked.row.state == MessageState::Copied {
                let why = if tracked.row.why.is_empty() { words.to_owned() } else { tracked.row.why.clone() };
                self.settle(index, end, why);
            }
        }
        self.returned[lease] = returned;
    }

    /// The hold is gone: what becomes of the messages that it held is looked up later.
    fn lose(&mut self, lease: LeaseNo) {
        for index in self.rows.indices() {
            let tracked = &mut self.rows[index];
            if tracked.settled || tracked.held.is_none_or(|held| held.lease != lease) {
                continue;
            }
            if tracked.row.stored.is_some() {
                tracked.settled = true;
                self.riding.push(index);
            } else if tracked.dies() {
                let why =
                    "it was held and not yet copied when the connection was lost: the broker may have destroyed it";
                self.settle(index, MessageState::Failed, why);
            } else {
                self.unstart(index, "the connection was lost");
            }
        }
    }

    pub(super) fn is_lost(&self, lease: LeaseNo) -> bool {
        self.holds[lease].lost
    }

    /// A message is settled at the broker: there is room again.
    pub(super) fn let_go(&mut self, index: usize) {
        if let Some(held) = self.rows[index].held.take() {
            let hold = &mut self.holds[held.lease];
            hold.messages -= 1;
            hold.body_bytes -= held.body_bytes;
            hold.dry = false;
        }
    }
}
