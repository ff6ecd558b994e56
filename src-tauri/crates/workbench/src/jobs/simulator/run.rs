//! One life of a job: events in an order chosen by the seed, faults, a death, the recovery, the answers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use broker::{LeaseKey, MessageKey, PublishOutcome, QueueName, RemoveOutcome, Returned};

use super::laws;
use super::scenario::{Chance, Scenario};
use super::world::{Letter, Return, World};
use crate::jobs::machine::{Command, Event, LeaseNo, Machine, Quest, ToCopy, ToPublish, Trouble, Work};
use crate::jobs::reckoning::{self, Ends, Sight};
use crate::jobs::row::{Lines, Moved, Row};
use crate::jobs::{Answer, End, MessageState};

/// Says the seed when a law is broken on the way.
struct Saying(u64, Option<u64>);

impl Drop for Saying {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let at = self.1.map_or("no crash".to_owned(), |step| format!("a crash at step {step}"));
            eprintln!("seed {}, {at}: run it alone with QUEUESCOPE_SEED={}", self.0, self.0);
        }
    }
}

/// Runs one life. Returns its steps.
pub(super) fn run(seed: u64, scenario: &Scenario, crash_at: Option<u64>) -> u64 {
    let _saying = Saying(seed, crash_at);
    let mut life = Life {
        chance: Chance::new(seed ^ 0xabcd),
        scenario,
        world: World { returns: Some(scenario.returns), rule: scenario.has_rule(), ..World::default() },
        waiting: VecDeque::new(),
        bodies: HashMap::new(),
        step: 0,
        crash_at,
        unwritten: false,
    };
    if scenario.sends_copies() {
        life.world.capture = scenario.letters.clone();
    } else {
        life.world.source = scenario.letters.iter().cloned().collect();
    }
    life.world.write(&scenario.rows);
    let work = Work {
        quest: scenario.quest,
        next_n: scenario.rows.len() as u64 + 1,
        rows: scenario.rows.clone(),
        leave: HashMap::new(),
        taken: HashMap::new(),
        wary: scenario.is_wary(),
        limits: scenario.limits,
    };
    let whole = life.live(Machine::new(work));
    let steps = life.step;
    life.crash_at = None;
    if !whole || life.world.journal.values().any(|row| row.state.is_under_way() || row.is_open()) {
        life.recover();
    }
    life.go_on();
    laws::check_end(&life.world, scenario);
    steps
}

struct Life<'a> {
    chance: Chance,
    scenario: &'a Scenario,
    world: World,
    waiting: VecDeque<Command>,
    /// What the program holds in memory.
    bodies: HashMap<(LeaseNo, LeaseKey), Letter>,
    step: u64,
    crash_at: Option<u64>,
    /// A commit failed: from here on the journal is not complete.
    unwritten: bool,
}

impl Life<'_> {
    /// Until the machine ends, or the program dies. `true`: it ended, and wrote everything down.
    fn live(&mut self, mut machine: Machine) -> bool {
        self.waiting = machine.on(Event::Start).into();
        while !machine.is_over() {
            let command = self.choose();
            self.step += 1;
            let dies = self.crash_at == Some(self.step - 1);
            if dies && self.chance.one_in(2) {
                self.waiting.push_front(command);
                self.die();
                return false;
            }
            let event = self.carry_out(command, &machine);
            if dies {
                self.die();
                return false;
            }
            self.meddle();
            if let Some(event) = event {
                self.waiting.extend(machine.on(event));
            }
            if self.scenario.faults && self.chance.one_in(60) {
                self.waiting.extend(machine.on(Event::Stop));
            }
            assert!(self.step < 5_000, "it does not end");
        }
        self.bodies.clear();
        !machine.is_mute()
    }

    /// Commands end in any order, but commits and copies in theirs.
    fn choose(&mut self) -> Command {
        let count = self.waiting.len() as u64;
        assert!(count > 0, "it waits for nothing");
        let mut at = self.chance.below(count) as usize;
        let alike = |command: &Command| match &self.waiting[at] {
            Command::Journal { .. } => matches!(command, Command::Journal { .. }),
            Command::Copy { .. } => matches!(command, Command::Copy { .. }),
            _ => false,
        };
        at = self.waiting.iter().position(alike).unwrap_or(at);
        self.waiting.remove(at).unwrap()
    }

    /// Others use the queue too.
    fn meddle(&mut self) {
        let consumes = self.scenario.consumers && self.chance.one_in(6);
        if let (true, Some(letter)) = (consumes, self.world.source.front().cloned()) {
            self.world.source.pop_front();
            self.world.consumed.push(letter);
        }
        if self.scenario.faults && !self.world.cut && self.chance.one_in(80) {
            self.world.cut = true;
            self.world.give_everything_back();
        }
    }

    fn die(&mut self) {
        let (mut commits_stop, mut copies_stop) = (false, false);
        for command in std::mem::take(&mut self.waiting) {
            if self.world.cut && !matches!(command, Command::Journal { .. } | Command::Copy { .. }) {
                continue;
            }
            match command {
                // Commits are cut off somewhere; whatever else was under way happened or not, message by message.
                Command::Journal { lines, .. } if !commits_stop && self.chance.one_in(2) => self.write_lines(&lines),
                Command::Journal { .. } => commits_stop = true,
                Command::Copy { lease, messages, .. } if !copies_stop && self.chance.one_in(2) => {
                    for message in messages {
                        self.world.copy(&self.bodies[&(lease, message.key)], message.only_here);
                    }
                }
                Command::Copy { .. } => copies_stop = true,
                Command::Publish { messages, .. } => {
                    for message in messages {
                        if self.chance.one_in(2) {
                            self.publish(&message);
                        }
                    }
                }
                Command::Remove { lease, keys, .. } => {
                    for key in keys {
                        if self.chance.one_in(2) {
                            self.remove(lease, key);
                        }
                    }
                }
                _ => {}
            }
        }
        self.bodies.clear();
        self.world.give_everything_back();
    }

    fn trouble(&self, words: &str) -> Trouble {
        Trouble { words: words.to_owned(), lost: self.world.cut }
    }

    fn fault(&mut self, one_in: u64) -> bool {
        self.scenario.faults && self.chance.one_in(one_in)
    }

    fn carry_out(&mut self, command: Command, machine: &Machine) -> Option<Event> {
        let _ = machine;
        Some(match command {
            Command::Lease { lease, .. } if self.world.cut || self.fault(30) => {
                Event::NotLeased { lease, trouble: self.trouble("no lease") }
            }
            Command::Lease { lease, .. } => {
                self.world.several_leases |= lease > 0;
                Event::Leased { lease }
            }
            Command::Read { lease, .. } if self.world.cut => Event::ReadFailed { lease, trouble: self.trouble("cut") },
            // More is there, and does not come in time.
            Command::Read { lease, .. } if !self.world.source.is_empty() && self.fault(25) => {
                Event::Read { lease, seen: Vec::new(), withheld: true }
            }
            Command::Read { lease, max } => {
                let max = 1 + self.chance.below(max as u64) as usize;
                let seen = self.world.read(lease, max);
                for one in &seen {
                    let letter = self.world.held[&lease][&one.lease_key].clone();
                    self.bodies.insert((lease, one.lease_key), letter);
                }
                Event::Read { lease, seen, withheld: false }
            }
            Command::Forget { lease, keys } => {
                keys.iter().for_each(|key| drop(self.bodies.remove(&(lease, *key))));
                return None;
            }
            Command::Copy { batch, .. } if self.fault(40) => {
                self.world.dangers += 1;
                Event::NotCopied { batch, trouble: self.trouble("the disk is full") }
            }
            Command::Copy { batch, lease, messages } => {
                let copy = |message: &ToCopy| self.world.copy(&self.bodies[&(lease, message.key)], message.only_here);
                Event::Copied { batch, numbers: messages.iter().map(copy).collect() }
            }
            Command::Journal { commit, .. } if self.unwritten || self.fault(60) => {
                self.unwritten = true;
                Event::NotCommitted { commit, trouble: self.trouble("the disk is full") }
            }
            Command::Journal { commit, lines } => {
                self.write_lines(&lines);
                Event::Committed { commit }
            }
            Command::Publish { batch, .. } if self.fault(40) => {
                Event::NotPublished { batch, trouble: self.trouble("no channel") }
            }
            Command::Publish { batch, messages } => {
                let outcomes = messages.iter().map(|message| self.try_to_publish(message)).collect();
                Event::Published { batch, outcomes }
            }
            Command::Remove { batch, lease, keys } => {
                let outcomes = keys.iter().map(|key| self.try_to_remove(lease, *key)).collect();
                Event::Removed { batch, outcomes }
            }
            Command::GiveUp { batch, numbers } => {
                Event::Removed { batch, outcomes: vec![RemoveOutcome::Removed; numbers.len()] }
            }
            Command::Close { lease } if self.world.cut => {
                let messages = self.world.give_back(lease, false);
                assert_eq!(messages, 0, "a cut gave everything back");
                Event::Closed { lease, returned: None }
            }
            Command::Close { lease } => {
                let messages = self.world.give_back(lease, true);
                Event::Closed { lease, returned: Some(Returned { messages, confirmed: true, counted: None }) }
            }
            Command::End => return None,
        })
    }

    fn write_lines(&mut self, lines: &Lines) {
        self.write(&lines.rows);
        let moved = |moved: &Moved| Row { state: moved.state, ..self.world.journal[&moved.n].clone() };
        let rows: Vec<_> = lines.moved.iter().map(moved).collect();
        self.write(&rows);
    }

    fn write(&mut self, rows: &[Row]) {
        for row in rows {
            if let Some(before) = self.world.journal.get(&row.n) {
                assert!(laws::may_follow(before, row), "the journal says {:?} after {:?}", row, before);
            }
        }
        self.world.write(rows);
        laws::check_twins(&self.world);
    }

    fn try_to_publish(&mut self, message: &ToPublish) -> PublishOutcome {
        if self.world.cut {
            return PublishOutcome::Unknown("cut".into());
        }
        if self.scenario.faults {
            match self.chance.below(26) {
                0 => return PublishOutcome::Unroutable,
                1 => return PublishOutcome::Refused("no".into()),
                2 => return PublishOutcome::Unknown("no answer; it did not arrive".into()),
                3 => {
                    self.publish(message);
                    return PublishOutcome::Unknown("no answer; it arrived".into());
                }
                4 | 5 => return PublishOutcome::NotSent("an alarm".into()),
                _ => {}
            }
        }
        self.publish(message);
        PublishOutcome::Confirmed
    }

    fn publish(&mut self, message: &ToPublish) {
        laws::check_before_publish(&self.world, message.n, message.stored, self.unwritten);
        let held = message.held.and_then(|place| self.bodies.get(&place).cloned());
        let letter = held.or_else(|| message.stored.map(|n| self.world.capture[n as usize - 1].clone())).unwrap();
        self.world.publish(&letter, message.n, message.target.is_some());
    }

    fn try_to_remove(&mut self, lease: LeaseNo, key: LeaseKey) -> RemoveOutcome {
        if self.world.cut {
            return RemoveOutcome::Unknown("cut".into());
        }
        if self.fault(30) {
            if self.chance.one_in(2) {
                self.remove(lease, key);
            }
            return RemoveOutcome::Unknown("no answer".into());
        }
        if self.remove(lease, key) { RemoveOutcome::Removed } else { RemoveOutcome::Gone }
    }

    fn remove(&mut self, lease: LeaseNo, key: LeaseKey) -> bool {
        let Some(letter) = self.world.held.get(&lease).and_then(|held| held.get(&key)).cloned() else { return false };
        laws::check_before_remove(&self.world, &letter, self.unwritten);
        self.world.held.get_mut(&lease).unwrap().remove(&key);
        self.world.removed.push(letter);
        true
    }

    /// The next start of the program: reckon, then carry out what is recommended, twice if need be.
    fn recover(&mut self) {
        self.unwritten = false;
        self.world.cut = false;
        for _ in 0..3 {
            self.reckon();
            let answered = self.answered();
            if answered.is_empty() {
                return;
            }
            let next_n = self.world.journal.keys().max().copied().unwrap_or(0) + 1;
            let work = Work {
                quest: Quest::Rows,
                rows: answered,
                next_n,
                leave: HashMap::new(),
                taken: HashMap::new(),
                wary: self.scenario.is_wary(),
                limits: self.scenario.limits,
            };
            // Sometimes it dies again while the answers are carried out.
            self.crash_at = self.chance.one_in(3).then(|| self.step + self.chance.below(12));
            self.live(Machine::new(work));
            self.crash_at = None;
            self.unwritten = false;
            self.world.cut = false;
            self.world.give_everything_back();
        }
        self.reckon();
    }

    /// The job is gone on with: what was not started, then the rest of its rule. What waits for an answer is left alone.
    fn go_on(&mut self) {
        let Quest::Each { n, errand } = self.scenario.quest else { return };
        let journal: Vec<_> = self.world.journal.values().cloned().collect();
        let again = journal.iter().filter(|row| row.chosen && row.state == MessageState::NotStarted);
        let again = again.map(|row| Row { errand, state: MessageState::Planned, why: String::new(), ..row.clone() });
        let again: Vec<_> = again.collect();
        let listed = journal.iter().filter(|row| row.chosen).count() as u64;
        let mut leave: HashMap<MessageKey, u64> = HashMap::new();
        let stays = |row: &&Row| row.chosen && row.state != MessageState::NotStarted && reckoning::stays_in_queue(row);
        let waits = |row: &&Row| row.is_open() && row.errand.starts_in_queue();
        for row in journal.iter().filter(|row| waits(row) || stays(row)) {
            *leave.entry(row.key.clone()).or_default() += 1;
        }
        let n = n.saturating_sub(listed) + again.len() as u64 + leave.values().sum::<u64>();
        self.write(&again);
        self.world.resumed = true;
        let work = Work {
            quest: Quest::Each { n, errand },
            next_n: self.world.journal.keys().max().copied().unwrap_or(0) + 1 + u64::from(!leave.is_empty()),
            rows: again,
            leave,
            taken: twins_of(journal.iter().filter(|row| row.is_open())),
            wary: self.scenario.is_wary(),
            limits: self.scenario.limits,
        };
        self.crash_at = self.chance.one_in(3).then(|| self.step + self.chance.below(20));
        self.live(Machine::new(work));
        self.crash_at = None;
        self.unwritten = false;
        self.world.cut = false;
        self.world.give_everything_back();
        self.recover();
    }

    fn sights(&mut self) -> (Sight, Sight) {
        let refused = matches!(self.scenario.returns, Return::Destroys { .. });
        let source = if refused || self.chance.one_in(8) {
            Sight::Not { why: "refused".into() }
        } else {
            self.world.sight(self.world.source.iter().cloned(), !self.scenario.consumers, !self.scenario.is_wary())
        };
        let target = if self.chance.one_in(8) {
            Sight::Not { why: "it has consumers".into() }
        } else {
            self.world.sight(self.world.target.iter().cloned(), true, true)
        };
        (source, target)
    }

    fn reckon(&mut self) {
        let mut rows: Vec<_> = self.world.journal.values().cloned().collect();
        if !self.scenario.sends_copies() && !matches!(self.scenario.quest, Quest::Look { .. }) {
            let known: Vec<_> = rows.iter().filter_map(|row| row.stored).collect();
            let copies = self.world.capture.iter().enumerate().map(|(at, copy)| (at as u64 + 1, copy.key.clone()));
            let copies = copies.filter(|(number, _)| !known.contains(number));
            let next_n = rows.iter().map(|row| row.n).max().unwrap_or(0) + 1;
            let chosen = self.scenario.quest != Quest::Rows;
            reckoning::adopt(&mut rows, next_n, copies, self.scenario.besides, chosen);
        }
        let (source, target) = self.sights();
        let targets = BTreeMap::from([(QueueName::from("target"), target)]);
        let name = QueueName::from("source");
        let met_to = match self.scenario.quest {
            Quest::Each { .. } if !self.world.several_leases => {
                (1..).take_while(|n| self.world.journal.contains_key(n)).last().unwrap_or(0)
            }
            _ => 0,
        };
        let ends = Ends { met_to, source_name: Some(&name), source: &source, targets: &targets };
        for reckoned in reckoning::reckon(&rows, &ends) {
            let row = rows.iter_mut().find(|row| row.n == reckoned.n).unwrap();
            (row.state, row.why) = (reckoned.state, reckoned.why.clone());
            self.ends_of(row, &reckoned.at_source, &reckoned.at_target);
        }
        self.write(&rows);
    }

    fn ends_of(&mut self, row: &mut Row, at_source: &End, at_target: &End) {
        let (recommended, answers) = reckoning::answers(row, at_source, at_target);
        if let Some(answer) = recommended {
            assert!(answers.contains(&answer), "what is recommended can be answered");
        }
        assert!(!row.is_open() || !answers.is_empty(), "an open question can be answered: {row:?}");
        // Kept in the row's words between reckoning and answering.
        row.why = match recommended {
            Some(Answer::Remove) => "recommended: remove".into(),
            Some(Answer::SendAgain) => "recommended: send again".into(),
            Some(Answer::SendCopy) => "recommended: send copy".into(),
            _ => row.why.clone(),
        };
    }

    fn answered(&mut self) -> Vec<Row> {
        let open = self.world.journal.values().filter(|row| row.is_open()).cloned();
        let answered = open.filter_map(|mut row| {
            let answer = match row.why.strip_prefix("recommended: ")? {
                "remove" => Answer::Remove,
                "send again" => Answer::SendAgain,
                _ => Answer::SendCopy,
            };
            row.errand = reckoning::errand_for(answer)?;
            row.why = String::new();
            Some(row)
        });
        answered.collect()
    }
}

fn twins_of<'a>(rows: impl Iterator<Item = &'a Row>) -> HashMap<MessageKey, Vec<u64>> {
    let mut twins: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        twins.entry(row.key.clone()).or_default().push(row.twin);
    }
    twins
}
