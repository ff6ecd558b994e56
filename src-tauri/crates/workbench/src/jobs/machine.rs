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

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use broker::{LeaseKey, MessageKey, Returned};

pub(crate) use event::{BatchNo, Command, CommitNo, Event, LeaseNo, Seen, ToCopy, ToPublish, Trouble};

use super::MessageState;
use super::row::{Errand, Row};
use batch::Batch;
pub(crate) use reading::HOLD_BYTES_MAX;
use reading::Hold;

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
    /// Measured: larger batches gain nothing, and what is in doubt after a crash is the batches in flight.
    pub(crate) const BROAD: Self =
        Self { batch_messages_max: 500, batches_in_flight_max: 4, hold_messages_max: 5_000, leases_max: 20 };
    /// Where giving back is counted and limited: a kill can cost at most what one hold has not yet copied.
    pub(crate) const COUNTED: Self =
        Self { batch_messages_max: 250, batches_in_flight_max: 4, hold_messages_max: 500, leases_max: 40 };
    /// A look: everything in one hold, so that it comes back in order.
    pub(crate) const LOOK: Self =
        Self { batch_messages_max: 1_000, batches_in_flight_max: 4, hold_messages_max: 10_000, leases_max: 1 };
    /// Where giving back destroys: a kill can cost at most the messages of one batch that are not yet copied.
    pub(crate) const WARY: Self =
        Self { batch_messages_max: 16, batches_in_flight_max: 4, hold_messages_max: 16, leases_max: 64 };
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
    /// The first `n`: copied and removed.
    Take { n: u64 },
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
    /// Giving back may destroy: everything that is read is copied before more is read.
    pub(crate) wary: bool,
    pub(crate) limits: Limits,
}

/// Why it stops before everything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    Stopped,
    Trouble(Trouble),
}

/// A row with what only this run knows of it.
#[derive(Debug)]
struct Tracked {
    row: Row,
    /// The state it came with: a question that is reopened falls back to it.
    before: MessageState,
    held: Option<Held>,
    /// Nothing more is done with it in this run.
    settled: bool,
    /// It was published to its own queue in this run: meeting it again means that the queue was read once round.
    put_back: bool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    lease: LeaseNo,
    key: LeaseKey,
    /// Giving it back would destroy it.
    dies: bool,
    body_bytes: u64,
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
    rows: Vec<Tracked>,
    next_n: u64,
    /// Rows to be found, by key, twins in order.
    wanted: HashMap<MessageKey, VecDeque<usize>>,
    wanted_count: usize,
    /// Rows that need no source queue, in order.
    at_hand: VecDeque<usize>,
    holds: Vec<Hold>,
    pending: Vec<batch::Item>,
    batches: BTreeMap<BatchNo, Batch>,
    batch_last: BatchNo,
    commits: HashMap<CommitNo, After>,
    commit_last: CommitNo,
    /// Rows whose last step is written with the next commit.
    riding: Vec<usize>,
    halt: Option<Halt>,
    /// The journal takes nothing: nothing more is sent.
    mute: bool,
    /// The queue gave everything, or as much as may be read.
    read_out: Option<ReadOut>,
    tally: HashMap<MessageKey, u64>,
    ours: BTreeSet<u64>,
    read: u64,
    copied: u64,
    returned: Vec<Option<Returned>>,
    ending: bool,
    over: bool,
    outbox: Vec<Command>,
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOut {
    /// There was no more.
    Empty,
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
            rows: Vec::with_capacity(work.rows.len()),
            next_n: work.next_n,
            wanted: HashMap::new(),
            wanted_count: 0,
            at_hand: VecDeque::new(),
            holds: Vec::new(),
            pending: Vec::new(),
            batches: BTreeMap::new(),
            batch_last: 0,
            commits: HashMap::new(),
            commit_last: 0,
            riding: Vec::new(),
            halt: None,
            mute: false,
            read_out: None,
            tally: HashMap::new(),
            ours: BTreeSet::new(),
            read: 0,
            copied: 0,
            returned: Vec::new(),
            ending: false,
            over: false,
            outbox: Vec::new(),
        };
        work.rows.into_iter().for_each(|row| machine.plan(row));
        machine
    }

    fn plan(&mut self, row: Row) {
        let index = self.rows.len();
        if row.errand.starts_in_queue() {
            self.wanted.entry(row.key.clone()).or_default().push_back(index);
            self.wanted_count += 1;
        } else {
            self.at_hand.push_back(index);
        }
        self.rows.push(Tracked { before: row.state, row, held: None, settled: false, put_back: false });
    }

    /// Takes an event in and says what is to be done next.
    pub(crate) fn on(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Start => {}
            Event::Stop => self.stop(),
            Event::Leased { lease } => self.leased(lease),
            Event::NotLeased { lease, trouble } => self.not_leased(lease, trouble),
            Event::Read { lease, seen } => self.take_in(lease, seen),
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

    fn journal(&mut self, rows: Vec<Row>, after: After) {
        self.commit_last += 1;
        let commit = self.commit_last;
        self.commits.insert(commit, after);
        self.outbox.push(Command::Journal { commit, rows });
    }

    /// What was done and not yet written down.
    fn take_riding(&mut self) -> Vec<Row> {
        let riding = std::mem::take(&mut self.riding);
        riding.into_iter().map(|index| self.rows[index].row.clone()).collect()
    }

    /// Ends a row, to be written with the next commit.
    fn settle(&mut self, index: usize, state: MessageState, why: impl Into<String>) {
        let tracked = &mut self.rows[index];
        tracked.row.state = state;
        tracked.row.why = why.into();
        tracked.settled = true;
        self.riding.push(index);
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().map(|tracked| &tracked.row)
    }

    pub(crate) fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    /// Why reading ended by itself, if it did.
    pub(crate) fn read_out(&self) -> Option<ReadOut> {
        self.read_out
    }

    /// Messages read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// Messages copied so far.
    pub(crate) fn copies(&self) -> u64 {
        self.copied
    }

    /// How often each key was seen.
    pub(crate) fn tally(&self) -> &HashMap<MessageKey, u64> {
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

impl Tracked {
    fn dies(&self) -> bool {
        self.held.is_some_and(|held| held.dies)
    }

    /// What is left to be done if it may not go back: put it back, to end in that state.
    fn put_back_then(&mut self, end: MessageState, why: &str) {
        self.row.errand = Errand::PutBack(end);
        self.row.state = MessageState::Publishing;
        self.row.why = why.to_owned();
    }
}
