//! What all connections to one sandbox share: the engine behind its lock, the faults to come, and who waits.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::{Error, ErrorKind, Health, Message, Outgoing, PublishOutcome, QueueName, REDRIVE_HEADER, Result};
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::engine::Engine;
use crate::fault::{Fault, FaultPlan};
use crate::story::Story;

/// How often the clock of a sandbox that runs by itself moves.
const TICK: Duration = Duration::from_millis(100);
/// RabbitMQ 4's own default.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
pub(crate) const CONNECTION_LOST: &str = "the connection was lost";

/// A publish that waits for an alarm to end.
struct Waiting {
    connection: u64,
    outgoing: Outgoing,
    answer: oneshot::Sender<PublishOutcome>,
}

/// The outcome of a publish, or where it will come from.
#[derive(Debug)]
pub(crate) enum Answer {
    Now(PublishOutcome),
    Later(oneshot::Receiver<PublishOutcome>),
}

/// One sandbox.
pub(crate) struct State {
    pub(crate) engine: Engine,
    pub(crate) faults: FaultPlan,
    pub(crate) message_bytes_max: usize,
    /// Whether a reader waits for more. A sandbox whose time stands still answers at once: nothing can come.
    pub(crate) waits: bool,
    /// How often everything was cut; what was opened before the last cut is dead.
    pub(crate) cuts: u64,
    /// Why the broker takes no messages for now.
    pub(crate) alarm: Option<String>,
    /// Why nobody can reach it.
    down: Option<String>,
    connections: BTreeMap<u64, watch::Sender<Health>>,
    last_connection: u64,
    waiting: VecDeque<Waiting>,
    story: Option<Story>,
    /// A task moves the clock.
    runs: bool,
}

impl State {
    /// Fails where this connection cannot be used.
    pub(crate) fn reach(&self, connection: u64, doing: impl FnOnce() -> String) -> Result<()> {
        if let Some(why) = &self.down {
            return Err(Error::new(ErrorKind::Lost, doing(), why.clone()));
        }
        if !self.connections.contains_key(&connection) {
            return Err(Error::new(ErrorKind::Lost, doing(), "this connection was closed"));
        }
        Ok(())
    }

    /// Like [`Self::reach`], for what a [`Fault::ConnectionLost`] may hit.
    pub(crate) fn use_connection(&mut self, connection: u64, doing: impl Fn() -> String) -> Result<()> {
        self.reach(connection, &doing)?;
        if self.faults.take(&[Fault::ConnectionLost]).is_some() {
            self.cut();
            return Err(Error::new(ErrorKind::Lost, doing(), CONNECTION_LOST));
        }
        Ok(())
    }

    pub(crate) fn queue_exists(&self, name: &QueueName, doing: impl FnOnce() -> String) -> Result<()> {
        if self.engine.queues.contains_key(name) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, doing(), format!("there is no queue `{name}`")))
    }

    /// Every channel dies, and every publish without an answer stays without one.
    pub(crate) fn cut(&mut self) {
        self.cuts += 1;
        self.engine.kill_channels(None);
        self.engine.stirred += 1;
        self.waiting.clear();
        self.tell_health(&Health::Lost { why: CONNECTION_LOST.to_owned() });
        self.tell_health(&self.health());
    }

    pub(crate) fn set_down(&mut self, down: Option<String>) {
        let goes_down = down.is_some();
        self.down = down;
        if goes_down {
            self.cut();
        } else {
            self.tell_health(&self.health());
        }
    }

    pub(crate) fn set_alarm(&mut self, alarm: Option<String>) {
        self.alarm = alarm;
        self.tell_health(&self.health());
        if self.alarm.is_some() {
            return;
        }
        for Waiting { outgoing, answer, .. } in std::mem::take(&mut self.waiting) {
            // Nobody waits for the answer any more: the message arrives all the same.
            answer.send(self.route(outgoing)).ok();
        }
    }

    /// Publishes one message over that connection, opened when so many cuts had happened.
    pub(crate) fn publish(&mut self, connection: u64, cuts: u64, outgoing: Outgoing) -> Answer {
        let unknown = || Answer::Now(PublishOutcome::Unknown(CONNECTION_LOST.to_owned()));
        if cuts != self.cuts || self.use_connection(connection, || "publish".to_owned()).is_err() {
            return unknown();
        }
        let bytes = outgoing.body.len();
        if bytes > self.message_bytes_max {
            let max = self.message_bytes_max;
            return Answer::Now(PublishOutcome::Refused(format!("the body has {bytes} bytes, the broker takes {max}")));
        }
        match self.faults.take(&[Fault::PublishLost, Fault::PublishUnanswered]) {
            Some(Fault::PublishUnanswered) => {
                self.route(outgoing);
                return Answer::Now(PublishOutcome::Unknown("the broker did not answer".to_owned()));
            }
            Some(_) => return Answer::Now(PublishOutcome::Unknown("the broker did not answer".to_owned())),
            None => {}
        }
        if self.alarm.is_none() {
            return Answer::Now(self.route(outgoing));
        }
        let (answer, later) = oneshot::channel();
        self.waiting.push_back(Waiting { connection, outgoing, answer });
        Answer::Later(later)
    }

    fn route(&mut self, outgoing: Outgoing) -> PublishOutcome {
        let Outgoing { target, body, properties, mut headers, redrive } = outgoing;
        if let Some(id) = redrive {
            headers.set(REDRIVE_HEADER, id.to_string());
        }
        let message = Message { body, properties, headers, ..Message::default() };
        match self.engine.publish(&target, message) {
            Ok(queues) if queues.is_empty() => PublishOutcome::Unroutable,
            Ok(_) => PublishOutcome::Confirmed,
            Err(_) => PublishOutcome::Refused("there is no such exchange".to_owned()),
        }
    }

    fn health(&self) -> Health {
        match (&self.down, &self.alarm) {
            (Some(why), _) => Health::Lost { why: why.clone() },
            (None, Some(why)) => Health::Blocked { why: why.clone() },
            (None, None) => Health::Live,
        }
    }

    fn tell_health(&self, health: &Health) {
        for told in self.connections.values() {
            told.send_replace(health.clone());
        }
    }

    fn connect(&mut self) -> (u64, watch::Receiver<Health>) {
        self.last_connection += 1;
        let (tell, health) = watch::channel(self.health());
        self.connections.insert(self.last_connection, tell);
        (self.last_connection, health)
    }

    fn disconnect(&mut self, connection: u64) {
        let Some(told) = self.connections.remove(&connection) else { return };
        told.send_replace(Health::Lost { why: "this connection was closed".to_owned() });
        self.engine.kill_channels(Some(connection));
        self.waiting.retain(|waiting| waiting.connection != connection);
    }
}

/// One sandbox behind its lock, and what wakes those who wait for its messages.
pub(crate) struct Shared {
    state: Mutex<State>,
    stirred: watch::Sender<()>,
    /// The name of this broker: what its [`broker::Identity`] says.
    pub(crate) name: String,
    /// Follows the clock of the machine; else time moves only when it is told to.
    follows_clock: bool,
}

impl fmt::Debug for Shared {
    /// Its name alone: what is in it are payloads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Shared {
    fn new(name: String, engine: Engine, story: Option<Story>, follows_clock: bool) -> Arc<Self> {
        let state = State {
            engine,
            faults: FaultPlan::default(),
            message_bytes_max: MESSAGE_BYTES_MAX,
            waits: follows_clock,
            cuts: 0,
            alarm: None,
            down: None,
            connections: BTreeMap::new(),
            last_connection: 0,
            waiting: VecDeque::new(),
            story,
            runs: false,
        };
        Arc::new(Self { state: Mutex::new(state), stirred: watch::Sender::new(()), name, follows_clock })
    }

    /// An empty broker whose time stands still.
    pub(crate) fn bare(name: String, now: Timestamp) -> Arc<Self> {
        Self::new(name, Engine::new(now), None, false)
    }

    /// A broker with the story in it, as of now. It lives by itself once [`Self::run`] was called.
    pub(crate) fn with_story(name: String, now: Timestamp) -> Arc<Self> {
        let mut engine = Engine::new(now);
        let story = Story::begin(&mut engine);
        Self::new(name, engine, Some(story), true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the broker as of now, and wakes readers if it gave them a reason to look.
    pub(crate) fn act<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let before = state.engine.stirred;
        if self.follows_clock {
            state.engine.advance(Timestamp::now());
        }
        let result = work(&mut state);
        let is_stirred = state.engine.stirred != before;
        drop(state);
        if is_stirred {
            self.stirred.send_replace(());
        }
        result
    }

    /// Wakes whenever there may be more to read.
    pub(crate) fn stirs(&self) -> watch::Receiver<()> {
        self.stirred.subscribe()
    }

    /// Lets time and traffic run while anybody is connected. Needs a runtime. While nobody was there was no traffic: that
    /// it was none is not a rate.
    pub(crate) fn run(self: &Arc<Self>) {
        let runs = self.act(|state| {
            if !state.runs {
                state.engine.meter_anew();
            }
            std::mem::replace(&mut state.runs, true)
        });
        if runs {
            return;
        }
        let mut running = Running { shared: Arc::clone(self), is_over: false };
        drop(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while running.tick() {
                ticks.tick().await;
            }
        }));
    }
}

/// The task that moves the clock.
struct Running {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Running {
    /// Lets the traffic of a moment happen. `false`: nobody is connected.
    fn tick(&mut self) -> bool {
        self.is_over = self.shared.act(|state| {
            if let Some(story) = &mut state.story {
                story.go_on(&mut state.engine);
            }
            state.runs = !state.connections.is_empty();
            !state.runs
        });
        !self.is_over
    }
}

impl Drop for Running {
    /// The runtime may end before the task does; the next one shall start it again.
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.lock().runs = false;
        }
    }
}

/// One connection to a sandbox: closed when the last handle that uses it is gone.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: u64,
    pub(crate) health: watch::Receiver<Health>,
}

impl Connection {
    pub(crate) fn open(shared: &Arc<Shared>) -> Arc<Self> {
        let (id, health) = shared.act(State::connect);
        Arc::new(Self { shared: Arc::clone(shared), id, health })
    }

    pub(crate) fn close(&self) {
        self.shared.act(|state| state.disconnect(self.id));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}
