//! The engine: what is done with messages, in which order, and what is written down before each step. No clock, no
//! chance, no I/O: it is told events and answers commands. The driver runs it against brokers, the simulator against a
//! world that it breaks on purpose.
//!
//! The law of a message that is sent: its copy is committed in the capture; `publishing` is committed in the journal; it
//! is published; `published` is committed; it is removed behind a barrier; `done` rides with the next commit.

mod batch;
mod ending;
mod event;
mod judging;
mod reading;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use broker::{MessageKey, Returned};

pub(crate) use event::{BatchNo, Command, CommitNo, Event, LeaseNo, Seen, ToCopy, ToPublish, Trouble, Way};

use super::MessageState;
use super::row::{Errand, Lines, Row};
use super::state::Changes;
use batch::Batch;
pub(crate) use reading::HOLD_BYTES_MAX;
use reading::Hold;
use rows::{Held, Rows};

/// How much is done at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Messages that are copied, published and removed together.
    pub(crate) batch_messages_max: usize,
    /// Batches between being read and being removed.
    pub(crate) batches_in_flight_max: usize,
    /// Messages that one lease holds.
    pub(crate) hold_messages_max: u64,
    /// Leases held one behind the other: with the last of them the reach ends.
    pub(crate) leases_max: usize,
}

impl Limits {
    /// Reaches 200,000 deep, in holds so small that removing some of one is quick.
    ///
    /// Measured: with smaller batches the broker and the disk are busier with their ends than with messages. What is in
    /// doubt after a crash is what is being published: one of them.
    pub(crate) const BROAD: Self =
        Self { batch_messages_max: 1_000, batches_in_flight_max: 4, hold_messages_max: 5_000, leases_max: 40 };
    /// Where giving back is counted and limited: a kill can cost at most what one hold has not yet copied.
    pub(crate) const COUNTED: Self =
        Self { batch_messages_max: 250, batches_in_flight_max: 4, hold_messages_max: 500, leases_max: 40 };
    /// A look: everything in one hold, so that it comes back in order whatever the broker.
    const LOOK: Self =
        Self { batch_messages_max: 1_000, batches_in_flight_max: 4, hold_messages_max: 10_000, leases_max: 1 };
    /// A look at more, up to 200,000: nothing is removed in between, so that large holds go back as fast as small ones.
    const DEEP_LOOK: Self =
        Self { batch_messages_max: 1_000, batches_in_flight_max: 3, hold_messages_max: 50_000, leases_max: 4 };
    /// Where giving back destroys: a kill can cost at most the messages of one batch that are not yet copied.
    pub(crate) const WARY: Self =
        Self { batch_messages_max: 16, batches_in_flight_max: 4, hold_messages_max: 16, leases_max: 64 };

    /// For a look at that many.
    pub(crate) fn look(n: u64) -> Self {
        if n > Self::LOOK.hold_messages_max { Self::DEEP_LOOK } else { Self::LOOK }
    }
}

/// Which messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quest {
    /// Those of the rows.
    Rows,
    /// The first `n`: copied and given back.
    Look { n: u64 },
    /// The first `n`: copied and given back, each with a row; goes on behind what may not go back.
    Careful { n: u64 },
    /// The first `n`, those of the rows among them: each gets this errand.
    Each { n: u64, errand: Errand },
    /// The first `n`: counted by key, not copied.
    Count { n: u64 },
}

/// What a machine is made of.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) quest: Quest,
    pub(crate) rows: Vec<Row>,
    /// The first number for a row that is not planned.
    pub(crate) next_n: u64,
    /// Messages that may be met and are no part of this run: how often each key.
    pub(crate) leave: HashMap<MessageKey, u64>,
    /// The twin numbers of the job's messages that are open besides.
    pub(crate) taken: HashMap<MessageKey, Vec<u64>>,
    /// Giving back may destroy: everything that is read is copied before more is read.
    pub(crate) wary: bool,
    pub(crate) limits: Limits,
}

/// How often a key was met, and where last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) times: u64,
    /// Its place among all that was read, from 0.
    pub(crate) last_at: u64,
}

/// Why it stops before everything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    Stopped,
    Trouble(Trouble),
}

/// A commit that is under way.
#[derive(Debug)]
struct Commit {
    after: After,
    /// Rows that need nothing more once it is there.
    ends: Vec<usize>,
}

/// What a commit was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Batch(BatchNo),
    End,
}

#[derive(Debug)]
pub(crate) struct Machine {
    work: Quest,
    wary: bool,
    limits: Limits,
    rows: Rows,
    next_n: u64,
    /// Rows to be found, by key, twins in order.
    wanted: HashMap<MessageKey, VecDeque<usize>>,
    wanted_count: usize,
    leave: HashMap<MessageKey, u64>,
    /// Rows that need no source queue, in order.
    at_hand: VecDeque<usize>,
    holds: Vec<Hold>,
    pending: Vec<batch::Item>,
    batches: BTreeMap<BatchNo, Batch>,
    batch_last: BatchNo,
    commits: HashMap<CommitNo, Commit>,
    commit_last: CommitNo,
    /// Rows whose last step is written with the next commit.
    riding: Vec<usize>,
    halt: Option<Halt>,
    /// Why nothing can be sent for now.
    waits: Option<String>,
    /// The journal takes nothing: nothing more is sent.
    mute: bool,
    /// The queue gave everything, or as much as may be read.
    read_out: Option<ReadOut>,
    /// How often each key was seen, where that is asked.
    tally: HashMap<MessageKey, Met>,
    ours: BTreeSet<u64>,
    /// Rows that were published to their own queue: meeting one again means that the queue was read once round.
    put_back: BTreeSet<u64>,
    read: u64,
    copied: u64,
    returned: Vec<Option<Returned>>,
    ending: bool,
    over: bool,
    /// What became of the chosen messages since it began.
    changes: Changes,
    outbox: Vec<Command>,
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOut {
    /// There was no more.
    Empty,
    /// There is more, as far as the broker tells, and it did not hand it out in time.
    Withheld,
    /// What comes next was put there by this run.
    CameRound,
    /// As many are held as may be.
    Reach,
    /// A message that may not go back: a plain look ends there.
    MayNotReturn,
}

impl Machine {
    pub(crate) fn new(work: Work) -> Self {
        let mut machine = Self {
            work: work.quest,
            wary: work.wary,
            limits: work.limits,
            rows: Rows::beside(work.taken),
            next_n: work.next_n,
            wanted: HashMap::new(),
            wanted_count: 0,
            leave: work.leave,
            at_hand: VecDeque::new(),
            holds: Vec::new(),
            pending: Vec::new(),
            batches: BTreeMap::new(),
            batch_last: 0,
            commits: HashMap::new(),
            commit_last: 0,
            riding: Vec::new(),
            halt: None,
            waits: None,
            mute: false,
            read_out: None,
            tally: HashMap::new(),
            ours: BTreeSet::new(),
            put_back: BTreeSet::new(),
            read: 0,
            copied: 0,
            returned: Vec::new(),
            ending: false,
            over: false,
            changes: Changes::default(),
            outbox: Vec::new(),
        };
        work.rows.into_iter().for_each(|row| machine.plan(row));
        machine
    }

    fn plan(&mut self, row: Row) {
        let (key, errand) = (row.key.clone(), row.errand);
        let index = self.rows.add(row, true);
        if errand.starts_in_queue() {
            self.wanted.entry(key).or_default().push_back(index);
            self.wanted_count += 1;
        } else {
            self.at_hand.push_back(index);
        }
    }

    /// Takes an event in and says what is to be done next.
    pub(crate) fn on(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Start => {}
            Event::Stop => self.stop(),
            Event::Leased { lease } => self.leased(lease),
            Event::NotLeased { lease, trouble } => self.not_leased(lease, trouble),
            Event::Read { lease, seen, withheld } => self.take_in(lease, seen, withheld),
            Event::ReadFailed { lease, trouble } => self.read_failed(lease, trouble),
            Event::Copied { batch, numbers } => self.copied(batch, &numbers),
            Event::NotCopied { batch, trouble } => self.not_copied(batch, trouble),
            Event::Committed { commit } => self.committed(commit),
            Event::NotCommitted { commit, trouble } => self.not_committed(commit, trouble),
            Event::Published { batch, outcomes } => self.published(batch, outcomes),
            Event::NotPublished { batch, trouble } => self.not_published(batch, trouble),
            Event::Removed { batch, outcomes } => self.removed(batch, outcomes),
            Event::Closed { lease, returned } => self.closed(lease, returned),
        }
        self.go_on();
        std::mem::take(&mut self.outbox)
    }

    fn go_on(&mut self) {
        if self.ending || self.over {
            return;
        }
        self.send_what_is_at_hand();
        self.read_on();
        self.make_batch();
        // One that ended at once, because nothing can be written down any more, leaves its turn to the next.
        while self.batches.is_empty() && !self.pending.is_empty() && !self.is_reading() {
            self.make_batch();
        }
        // A batch that was just made may allow to read on, or be the last thing to wait for.
        self.read_on();
        if self.is_idle() {
            self.wind_up();
        }
    }

    fn stop(&mut self) {
        self.halt.get_or_insert(Halt::Stopped);
    }

    /// The first trouble is the one that is told.
    fn trouble(&mut self, trouble: Trouble) {
        if !self.in_trouble() {
            self.halt = Some(Halt::Trouble(trouble));
        }
    }

    fn in_trouble(&self) -> bool {
        matches!(self.halt, Some(Halt::Trouble(_)))
    }

    fn is_idle(&self) -> bool {
        let at_hand_waits = !self.at_hand.is_empty() && self.halt.is_none();
        self.batches.is_empty() && self.pending.is_empty() && !self.is_reading() && !at_hand_waits
    }

    /// Writes these rows down as they are now, with what was done and not yet written down.
    fn journal(&mut self, mut indices: Vec<usize>, after: After) {
        indices.append(&mut self.riding);
        indices.sort_unstable();
        indices.dedup();
        let mut lines = Lines::default();
        for index in &indices {
            let tracked = &mut self.rows[*index];
            // What was to be written before may not have been.
            match tracked.moved().filter(|_| !self.mute) {
                Some(moved) => lines.moved.push(moved),
                None => lines.rows.push(tracked.row.clone()),
            }
            if tracked.row.chosen {
                let before = tracked.counted.replace(tracked.row.state);
                self.changes.note(before, tracked.row.state);
            }
            tracked.told = Some(tracked.row.clone());
        }
        indices.retain(|index| self.rows[*index].settled);
        self.commit_last += 1;
        let commit = self.commit_last;
        self.commits.insert(commit, Commit { after, ends: indices });
        self.outbox.push(Command::Journal { commit, lines });
    }

    /// Ends a row, to be written with the next commit.
    fn settle(&mut self, index: usize, state: MessageState, why: impl Into<String>) {
        let tracked = &mut self.rows[index];
        tracked.row.state = state;
        tracked.row.why = why.into();
        tracked.settled = true;
        self.riding.push(index);
    }

    pub(crate) fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    /// Why nothing could be sent for now, where that is what halted it.
    pub(crate) fn waits(&self) -> Option<&str> {
        self.waits.as_deref()
    }

    /// Why reading ended by itself, if it did.
    pub(crate) fn read_out(&self) -> Option<ReadOut> {
        self.read_out
    }

    /// The first number that no row has.
    pub(crate) fn next_n(&self) -> u64 {
        self.next_n
    }

    /// Messages read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// Messages copied so far.
    pub(crate) fn copies(&self) -> u64 {
        self.copied
    }

    /// What became of the chosen messages since it began, as it was asked to be written down.
    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// How often each key was seen, by [`Quest::Count`].
    pub(crate) fn tally(&self) -> &HashMap<MessageKey, Met> {
        &self.tally
    }

    /// The numbers of this job's own redrive ids that were met.
    pub(crate) fn ours(&self) -> &BTreeSet<u64> {
        &self.ours
    }

    /// What each lease gave back, in order.
    pub(crate) fn returned(&self) -> &[Option<Returned>] {
        &self.returned
    }

    /// The journal could not be written to the end: the job is not settled.
    pub(crate) fn is_mute(&self) -> bool {
        self.mute
    }

    #[cfg(test)]
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }
}
