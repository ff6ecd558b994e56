use serde::{Deserialize, Serialize};

use crate::{ErrorKind, ExchangeName, QueueName, Table};

/// What could be read, and what could not. What is missing is unknown, never absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Partial<T> {
    pub value: T,
    pub missing: Vec<Missing>,
}

impl<T> Partial<T> {
    /// Everything was read.
    pub fn whole(value: T) -> Self {
        Self { value, missing: Vec::new() }
    }
}

/// A part that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Which part, in the words of the screen: "policies".
    pub what: String,
    pub kind: ErrorKind,
    /// Why, and by the broker's name which permission would show it.
    pub why: String,
}

/// What is there: queues, exchanges and every edge along which a message can travel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topology {
    pub queues: Vec<Queue>,
    pub exchanges: Vec<Exchange>,
    pub bindings: Vec<Binding>,
    /// Where queues send what dies in them, whether or not that place exists.
    pub dead_letter_routes: Vec<DeadLetterRoute>,
}

impl Topology {
    pub fn queue(&self, name: &QueueName) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.name == *name)
    }

    pub fn exchange(&self, name: &ExchangeName) -> Option<&Exchange> {
        self.exchanges.iter().find(|exchange| exchange.name == *name)
    }
}

/// A queue as it was declared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Queue {
    pub name: QueueName,
    /// The vendor's word for its type: `classic`, `quorum`, `stream`. Empty where it is not known.
    pub label: String,
    pub durable: Option<bool>,
    pub auto_delete: Option<bool>,
    pub exclusive: Option<bool>,
    /// The vendor's arguments, typed.
    pub arguments: Table,
    /// The policies in force here, as the broker resolved them.
    pub policies: Vec<Policy>,
    /// What the adapter makes of both, for badges: "delivery limit 20, by default".
    pub badges: Vec<String>,
    /// Whether dead letters can arrive here: some route leads here.
    pub is_dead_letter_queue: bool,
}

/// A policy that applies to a queue or an exchange.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    pub name: String,
    /// Set by the operator: limits what users may choose.
    pub operator: bool,
    pub definition: Table,
}

/// An exchange as it was declared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exchange {
    pub name: ExchangeName,
    /// The vendor's word for its type: `direct`, `topic`, `fanout`, `headers`, or a plugin's.
    pub label: String,
    pub durable: Option<bool>,
    pub auto_delete: Option<bool>,
    /// Only bindings reach it, no publisher.
    pub internal: bool,
    pub arguments: Table,
    pub policies: Vec<Policy>,
    /// Where messages go that no binding matches, from arguments or policies.
    pub alternate: Option<ExchangeName>,
    /// It comes with the broker.
    pub built_in: bool,
}

/// Where a binding leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", content = "name")]
pub enum Destination {
    Queue(QueueName),
    Exchange(ExchangeName),
}

/// From an exchange to a queue or another exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    pub source: ExchangeName,
    pub destination: Destination,
    pub key: String,
    pub arguments: Table,
}

/// Where a queue sends what dies in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterRoute {
    pub queue: QueueName,
    pub exchange: ExchangeName,
    /// `None`: the key the message had.
    pub routing_key: Option<String>,
    pub source: RouteSource,
    /// The queues that it reaches for certain. Empty: nothing, or it depends on the message's key.
    pub reaches: Vec<QueueName>,
    /// The exchange does not exist: what dies here is dropped.
    pub broken: bool,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", content = "name")]
pub enum RouteSource {
    Argument,
    Policy(String),
    OperatorPolicy(String),
    /// The broker's own wiring, without policies: a redrive policy of the queue.
    Queue,
}
