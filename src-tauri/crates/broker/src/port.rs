use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::{
    Ask, CheckStep, Depth, Form, Kind, LeaseKey, MayReturn, Measures, Message, MessageKey, Order, Outgoing, Partial,
    PublishOutcome, QueueName, RemoveOutcome, Result, Returned, Rules, Secret, Settings, Topology,
};

/// One kind of broker: everything before a connection exists. The brokers we ship are a list of these.
#[async_trait]
pub trait Driver: Debug + Send + Sync {
    fn kind(&self) -> Kind;

    /// The connection form, as data.
    fn form(&self) -> Form;

    /// Reads a connection URL into settings. A password in it is not kept: it comes back beside them.
    /// Fails with [`crate::ErrorKind::Invalid`] and what is wrong with it.
    fn read_url(&self, url: &str) -> Result<(Settings, Secret)>;

    fn rules(&self) -> Arc<dyn Rules>;

    /// Tries each step of connecting and says what it found, one step after the other. Reads only: no message is
    /// touched and nothing is declared. An error is also a step that failed.
    async fn check(&self, settings: &Settings, secret: &Secret, steps: mpsc::Sender<CheckStep>) -> Result<()>;

    /// Connects. Fails within 15 seconds if it cannot. The connection heals itself; its state is in
    /// [`Broker::health`].
    async fn open(&self, settings: &Settings, secret: &Secret) -> Result<Arc<dyn Broker>>;
}

/// Who is at the other end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The same for every profile that reaches the same queues: cluster name and virtual host, account and region.
    /// Two profiles of one broker must not send a message twice; this is how they meet.
    pub broker: String,
    /// "RabbitMQ".
    pub product: String,
    /// "4.3.6"; empty where it does not say.
    pub version: String,
    /// As whom we are logged in.
    pub user: String,
    /// Where, for the status bar, without secrets: "amqps 5671", "management 15672".
    pub endpoints: Vec<String>,
    /// The part of the broker that this connection sees: "vhost /orders".
    pub place: String,
}

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Health {
    Live,
    /// Connected, but the broker takes no messages for now.
    Blocked {
        why: String,
    },
    /// Not connected; it tries again by itself.
    Lost {
        why: String,
    },
}

/// Which part of a topology to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopologyScope {
    All,
    /// One queue with everything that decides what a look at it costs, read anew and not from a cache.
    Queue(QueueName),
}

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    Queues(Vec<QueueName>),
}

/// An open connection. Calls may run side by side; each has a time-out of its own.
#[async_trait]
pub trait Broker: Debug + Send + Sync {
    fn identity(&self) -> Identity;

    fn health(&self) -> watch::Receiver<Health>;

    /// Whole, or as much as may be read: what could not be read is named in [`Partial::missing`], and only a broker that
    /// answers nothing at all is an error. Reads only.
    async fn topology(&self, scope: TopologyScope) -> Result<Partial<Topology>>;

    /// Counts and rates. Reads only; costs the broker time that grows with its queues.
    async fn measure(&self, scope: Scope) -> Result<Partial<Measures>>;

    /// What the broker counts in that queue this instant. Reads only. [`crate::ErrorKind::NotFound`] where it does not
    /// exist.
    async fn depth(&self, queue: &QueueName) -> Result<Depth>;

    /// Holds messages. Refused with [`crate::ErrorKind::CostRefused`] if the cost now is worse than the one accepted:
    /// the refusal lives here, below every front door. Needs read permission; what it does to the queue is its cost.
    async fn lease(&self, ask: Ask) -> Result<Arc<dyn Lease>>;

    /// Destroys every message that is ready in that queue; how many they were. Nothing is copied and nothing comes back:
    /// for a deed that was confirmed in plain words. Needs read permission (RabbitMQ).
    async fn purge(&self, queue: &QueueName) -> Result<u64>;

    /// A way to publish, on a connection of its own. Needs write permission when used.
    async fn publisher(&self, order: Order) -> Result<Arc<dyn Publisher>>;

    /// Makes looking safe, where this broker can.
    fn guard(&self) -> Option<&dyn Guard> {
        None
    }

    /// Closes every connection, within 5 seconds. What a lease still holds is given back by the broker.
    async fn close(&self);
}

/// A message that is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    pub lease_key: LeaseKey,
    pub key: MessageKey,
    pub message: Message,
    /// What giving it back would do.
    pub may_return: MayReturn,
}

/// Messages that are held. A handle on a task that owns the channel: dropping the handle asks that task to give back in
/// the harmless way; only the end of the process skips that.
#[async_trait]
pub trait Lease: Debug + Send + Sync {
    /// The next messages, at most `max`, in the queue's order. Empty: there is no more, or the hold is full. May be
    /// dropped half way without losing a message. [`crate::ErrorKind::Lost`]: the hold is gone, and the broker has
    /// everything back that was not removed.
    async fn next(&self, max: usize) -> Result<Vec<Leased>>;

    /// Removes held messages for good. One outcome each, in order, always; answered only after the broker has handled
    /// the removal.
    async fn remove(&self, keys: &[LeaseKey]) -> Vec<RemoveOutcome>;

    /// Gives back what was not removed, in the way that costs least, and waits (at most 10 seconds) until the broker has
    /// it. Calling it twice is harmless: the first answer is repeated.
    async fn close(&self) -> Result<Returned>;
}

/// A way to publish: mandatory and confirmed. Runs in a task of its own; no answer in time is [`PublishOutcome::Unknown`].
#[async_trait]
pub trait Publisher: Debug + Send + Sync {
    /// One outcome each, in order, always, also when the connection dies. Several batches may be under way at once.
    async fn publish(&self, batch: Vec<Outgoing>) -> Vec<PublishOutcome>;

    /// Waits for what is under way and closes the channel, within 5 seconds. Idempotent.
    async fn close(&self) -> Result<()>;
}

/// Changes a broker's settings so that giving back destroys nothing.
#[async_trait]
pub trait Guard: Debug + Send + Sync {
    /// What would be changed, or the command for whoever may. Reads only.
    async fn propose(&self, queue: &QueueName) -> Result<GuardPlan>;

    /// Makes the change. A broker change: needs the right named in the plan.
    async fn apply(&self, plan: &GuardPlan) -> Result<()>;

    /// Takes the change back. Messages above their limit are in danger again from then on.
    async fn take_back(&self, plan: &GuardPlan) -> Result<()>;
}

/// A change that makes looking safe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct GuardPlan {
    pub queue: QueueName,
    /// What is changed, one or two sentences.
    pub words: String,
    /// The same as a command, for whoever has the right.
    pub command: String,
    /// Whether this user may. `None`: found out when used.
    pub allowed: Option<bool>,
    /// Why it would not help: the limit is an argument of the queue, or an operator's.
    pub useless: Option<String>,
    /// The adapter's own note of what it changes; stored to take it back.
    pub note: String,
}
