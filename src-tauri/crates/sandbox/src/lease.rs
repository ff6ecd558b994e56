use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use broker::{
    Ask, Error, ErrorKind, Facts, Hold, Lease, LeaseKey, Leased, LookCost, MayReturn, MessageKey, Purpose,
    RemoveOutcome, Result, Returned, Returning, Rules, TopologyScope,
};
use tokio::time::Instant;

use crate::engine::queue::Back;
use crate::engine::{ChannelGone, ChannelId, Delivery};
use crate::fault::Fault;
use crate::rules::SandboxRules;
use crate::setup::Returns;
use crate::shared::{Connection, State};
use crate::topology;

/// So many may be held at most where returning destroys: what a crash can cost before it is copied.
const HELD_MAX_WHERE_DESTROYED: u64 = 16;

/// Messages held out of a queue.
#[derive(Debug)]
pub(crate) struct SandboxLease {
    connection: Arc<Connection>,
    ask: Ask,
    hold: Hold,
    channel: ChannelId,
    progress: Mutex<Progress>,
}

/// How far a lease has come.
#[derive(Debug)]
struct Progress {
    /// How many more its purpose wants. `None`: all there are.
    wanted: Option<u64>,
    /// How many of each key a pick has still to see.
    unseen: BTreeMap<MessageKey, u64>,
    /// Held and not settled, as of the last call.
    held: u64,
    /// The one held message that may not go back, where nothing more is asked for until it is settled.
    stopped_by: Option<LeaseKey>,
    closed: Option<Returned>,
}

/// What one look into the queue gave.
enum Step {
    Messages(Vec<Leased>),
    /// The purpose is fulfilled, the hold is full, or one is held that may not go back.
    Enough,
    /// The queue is empty for now.
    Empty {
        waits: bool,
    },
}

impl SandboxLease {
    pub(crate) fn open(connection: &Arc<Connection>, ask: Ask) -> Result<Self> {
        let doing = || format!("read from queue `{}`", ask.queue);
        if ask.hold.messages_max == 0 {
            return Err(Error::new(ErrorKind::Invalid, doing(), "it may hold no message at all"));
        }
        let (channel, cost) = connection.shared.act(|state| {
            state.use_connection(connection.id, doing)?;
            state.queue_exists(&ask.queue, doing)?;
            let scope = TopologyScope::Queue(ask.queue.clone());
            let facts = Facts { topology: topology::read(&state.engine, &scope), ..Facts::default() };
            let cost = SandboxRules.look(&facts, &ask);
            refuse_if_worse(&cost, &ask)?;
            Ok((state.engine.open_channel(connection.id, &ask.queue), cost))
        })?;
        let mut hold = ask.hold;
        if matches!(cost.returning, Returning::Destroys { .. }) {
            hold.messages_max = hold.messages_max.min(HELD_MAX_WHERE_DESTROYED);
        }
        let progress = Mutex::new(Progress::new(&ask.purpose));
        Ok(Self { connection: Arc::clone(connection), ask, hold, channel, progress })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the channel, or all, if that is what goes wrong next.
    fn meet_faults(&self, state: &mut State) {
        if state.engine.channel(self.channel).is_err() {
            return;
        }
        match state.faults.take(&[Fault::LeaseLost, Fault::ConnectionLost]) {
            Some(Fault::ConnectionLost) => state.cut(),
            Some(_) => state.engine.kill_channel(self.channel),
            None => {}
        }
    }

    /// Takes what is ready. Nothing is awaited in here, so what is taken is always handed on.
    fn step(&self, max: usize) -> Result<Step> {
        let mut progress = self.progress();
        let lost =
            || Error::new(ErrorKind::Lost, format!("read on from queue `{}`", self.ask.queue), "the hold is lost");
        if progress.closed.is_some() {
            return Err(lost());
        }
        self.connection.shared.act(|state| {
            self.meet_faults(state);
            let channel = state.engine.channel(self.channel).map_err(|ChannelGone| lost())?;
            let (mut held, mut bytes) = (channel.held(), channel.held_bytes());
            let mut messages = Vec::new();
            let mut is_empty = false;
            while messages.len() < max && progress.wants_more() && self.has_room(held, bytes) {
                let Some(delivery) = state.engine.deliver(self.channel).map_err(|ChannelGone| lost())? else {
                    is_empty = true;
                    break;
                };
                held += 1;
                bytes += delivery.message.body.len() as u64;
                let returns = state.engine.queues.get(&self.ask.queue).map(|queue| queue.setup.returns);
                let leased = leased(delivery, returns);
                progress.note(&leased, returns, &self.ask.purpose);
                messages.push(leased);
            }
            progress.held = held;
            Ok(match (messages.is_empty(), is_empty) {
                (false, _) => Step::Messages(messages),
                (true, true) => Step::Empty { waits: state.waits },
                (true, false) => Step::Enough,
            })
        })
    }

    fn has_room(&self, held: u64, bytes: u64) -> bool {
        held == 0 || (held < self.hold.messages_max && bytes < self.hold.bytes_max)
    }

    fn remove_one(&self, state: &mut State, progress: &mut Progress, key: LeaseKey) -> RemoveOutcome {
        let fault = state.faults.take(&[Fault::RemoveLost, Fault::RemoveUnanswered]);
        let unanswered = || RemoveOutcome::Unknown("the broker did not answer".to_owned());
        if fault == Some(Fault::RemoveLost) {
            return unanswered();
        }
        let outcome = match state.engine.ack(self.channel, key.0) {
            Ok(true) if fault.is_some() => unanswered(),
            Ok(true) => RemoveOutcome::Removed,
            Ok(false) => RemoveOutcome::Gone,
            Err(ChannelGone) => RemoveOutcome::Unknown("the hold is lost".to_owned()),
        };
        if progress.stopped_by == Some(key) {
            progress.stopped_by = None;
        }
        outcome
    }

    fn give_back(&self) -> Returned {
        let mut progress = self.progress();
        if let Some(returned) = &progress.closed {
            return returned.clone();
        }
        let returned = self.connection.shared.act(|state| {
            let charges = state.engine.queues.get(&self.ask.queue).is_some_and(|queue| queue.charges(Back::Kindly));
            match state.engine.close_channel(self.channel, Back::Kindly) {
                Ok((messages, kept)) => {
                    let counted = Some(if charges { messages } else { 0 });
                    Returned { messages, confirmed: messages == kept, counted }
                }
                Err(ChannelGone) => Returned { messages: progress.held, confirmed: false, counted: None },
            }
        });
        progress.held = 0;
        progress.closed.insert(returned).clone()
    }
}

#[async_trait]
impl Lease for SandboxLease {
    async fn next(&self, max: usize) -> Result<Vec<Leased>> {
        // Before the first look, so that nothing can come between looking and waiting.
        let mut stirs = self.connection.shared.stirs();
        let wait = Duration::from_millis(self.hold.wait_ms);
        let mut until = None;
        loop {
            match self.step(max)? {
                Step::Messages(messages) => return Ok(messages),
                Step::Enough | Step::Empty { waits: false } => return Ok(Vec::new()),
                Step::Empty { waits: true } => {}
            }
            let until = *until.get_or_insert_with(|| Instant::now() + wait);
            match tokio::time::timeout_at(until, stirs.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(Vec::new()),
            }
        }
    }

    async fn remove(&self, keys: &[LeaseKey]) -> Vec<RemoveOutcome> {
        let mut progress = self.progress();
        self.connection.shared.act(|state| {
            self.meet_faults(state);
            let outcomes = keys.iter().map(|key| self.remove_one(state, &mut progress, *key)).collect();
            if let Ok(channel) = state.engine.channel(self.channel) {
                progress.held = channel.held();
            }
            outcomes
        })
    }

    async fn close(&self) -> Result<Returned> {
        Ok(self.give_back())
    }
}

impl Drop for SandboxLease {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Progress {
    fn new(purpose: &Purpose) -> Self {
        let wanted = match purpose {
            Purpose::Look { n } | Purpose::Take { n } => Some(*n),
            Purpose::Pick { .. } | Purpose::Drain => None,
        };
        let mut unseen = BTreeMap::new();
        if let Purpose::Pick { keys } = purpose {
            for picked in keys.iter().filter(|picked| picked.twins > 0) {
                *unseen.entry(picked.key.clone()).or_insert(0) += picked.twins;
            }
            return Self { wanted: unseen.is_empty().then_some(0), unseen, held: 0, stopped_by: None, closed: None };
        }
        Self { wanted, unseen, held: 0, stopped_by: None, closed: None }
    }

    fn wants_more(&self) -> bool {
        self.wanted != Some(0) && self.stopped_by.is_none()
    }

    fn note(&mut self, leased: &Leased, returns: Option<Returns>, purpose: &Purpose) {
        if let Some(wanted) = &mut self.wanted {
            *wanted -= 1;
        }
        if let Some(twins) = self.unseen.get_mut(&leased.key) {
            *twins -= 1;
            if *twins == 0 {
                self.unseen.remove(&leased.key);
            }
            if self.unseen.is_empty() {
                self.wanted = Some(0);
            }
        }
        let counts = matches!(returns, Some(Returns::Counts { .. }));
        let gives_back = !matches!(purpose, Purpose::Take { .. });
        if counts && gives_back && leased.may_return == MayReturn::Destroys {
            self.stopped_by = Some(leased.lease_key);
        }
    }
}

fn refuse_if_worse(cost: &LookCost, ask: &Ask) -> Result<()> {
    if !cost.is_worse_than(ask.accepted.as_ref()) {
        return Ok(());
    }
    let why = cost.refusal.as_ref().map_or(&cost.words, |refusal| &refusal.why);
    Err(Error::new(ErrorKind::CostRefused, format!("read from queue `{}`", ask.queue), why.clone())
        .remedy("see what the look costs now, and accept it"))
}

fn leased(delivery: Delivery, returns: Option<Returns>) -> Leased {
    let Delivery { tag, message, dies } = delivery;
    let may_return = match returns {
        None => MayReturn::Unknown,
        Some(_) if dies => MayReturn::Destroys,
        Some(Returns::Free) => MayReturn::Free,
        Some(_) => MayReturn::Counts,
    };
    Leased { lease_key: LeaseKey(tag), key: SandboxRules.key(&message), message, may_return }
}
