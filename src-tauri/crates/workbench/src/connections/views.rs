//! What the window sees of a connection: rows, pages and details, computed from the last topology and measures.

use broker::{DeadLetterRoute, Destination, ExchangeName, GuardPlan, Health, LookCost, Missing, QueueName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ProfileId;

/// A connection as the frame shows it. Sent whole whenever something in it changes.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    pub profile: ProfileId,
    pub state: ConnectionState,
    pub product: String,
    pub version: String,
    /// "vhost /orders".
    pub place: String,
    pub user: String,
    /// For the status bar: protocol and port.
    pub endpoints: Vec<String>,
    pub writes: Writes,
    pub freshness: Freshness,
    /// `None`: not read yet, or not readable.
    pub queues: Option<u32>,
    pub exchanges: Option<u32>,
    /// Ready in all dead-letter queues together.
    #[specta(type = Option<u32>)]
    pub dead_letters: Option<u64>,
    /// What could not be read, and why.
    pub missing: Vec<Missing>,
    /// Rises with every new set of numbers: pages shown are to be asked for again.
    pub generation: u32,
}

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum ConnectionState {
    Connecting,
    Open {
        health: Health,
    },
    /// Could not be opened; tried again at that time (`None`: not by itself).
    Failed {
        fault: crate::Fault,
        #[specta(type = Option<String>)]
        retry_at: Option<Timestamp>,
    },
    Closed,
}

/// Whether acts that change the broker may start.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Writes {
    /// This profile does not lock writes.
    Open,
    Locked,
    Until {
        #[specta(type = String)]
        at: Timestamp,
    },
}

/// How old the numbers on screen are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// When the broker last answered, `None` before the first time.
    #[specta(type = Option<String>)]
    pub measured_at: Option<Timestamp>,
    /// How old the broker's own numbers were by then, at most.
    #[specta(type = Option<u32>)]
    pub age_ms_max: Option<u64>,
    /// How long the broker took to answer.
    #[specta(type = Option<u32>)]
    pub took_ms: Option<u64>,
    /// Why the last try failed, if it did: the numbers are older than they should be.
    pub failing: Option<String>,
    pub paused: bool,
}

/// Which queues to show, how sorted, and which part of them.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct QueueAsk {
    /// Part of the name; upper and lower case alike.
    pub filter: String,
    pub only: Vec<QueueFilter>,
    pub sort: QueueColumn,
    pub descending: bool,
    pub from: u32,
    /// At most 500.
    pub n: u32,
}

/// A switch above the table of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum QueueFilter {
    DeadLetterQueues,
    NoConsumers,
    Growing,
    NotEmpty,
}

/// A column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum QueueColumn {
    Name,
    Label,
    Ready,
    InFlight,
    Delayed,
    Consumers,
    RateIn,
    RateOut,
    Redelivered,
    Bytes,
    Drain,
    Oldest,
}

/// A part of the table of queues.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct QueuePage {
    /// All queues of the connection.
    pub total: u32,
    /// Those that the filters leave.
    pub shown: u32,
    pub from: u32,
    pub rows: Vec<QueueRow>,
    /// How many queues each switch would leave.
    pub counts: Vec<(QueueFilter, u32)>,
}

/// One queue in a table. `None` is not known.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct QueueRow {
    pub name: QueueName,
    pub label: String,
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    #[specta(type = Option<u32>)]
    pub in_flight: Option<u64>,
    #[specta(type = Option<u32>)]
    pub delayed: Option<u64>,
    #[specta(type = Option<u32>)]
    pub consumers: Option<u64>,
    #[specta(type = Option<f32>)]
    pub rate_in: Option<f64>,
    #[specta(type = Option<f32>)]
    pub rate_out: Option<f64>,
    #[specta(type = Option<f32>)]
    pub rate_redeliver: Option<f64>,
    #[specta(type = Option<u32>)]
    pub bytes: Option<u64>,
    #[specta(type = Option<String>)]
    pub oldest_at: Option<Timestamp>,
    pub approximate: bool,
    pub is_dead_letter_queue: bool,
    pub drain: Drain,
    /// Ready, oldest first, at most 60 samples of this session; gaps are `None`.
    #[specta(type = Vec<Option<u32>>)]
    pub trend: Vec<Option<u64>>,
    /// The vendor's word, where it is not simply running.
    pub state: Option<String>,
}

/// How long until a queue is empty at the present rates, or why that cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Drain {
    Empty,
    Seconds {
        #[specta(type = u32)]
        seconds: u64,
    },
    Growing,
    Steady,
    Stuck,
    NoConsumers,
    DeadLetterQueue,
    Unknown,
}

/// Everything about one queue.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    pub row: QueueRow,
    pub badges: Vec<String>,
    pub durable: Option<bool>,
    pub auto_delete: Option<bool>,
    pub exclusive: Option<bool>,
    pub arguments: Vec<FieldView>,
    pub policies: Vec<PolicyView>,
    pub bindings: Vec<BindingView>,
    /// Where its dead letters go.
    pub dead_letters_to: Vec<DeadLetterRoute>,
    /// The queues whose dead letters can arrive here.
    pub dead_letters_from: Vec<QueueName>,
    /// In flight, in and out, as [`QueueRow::trend`].
    #[specta(type = Vec<Option<u32>>)]
    pub trend_in_flight: Vec<Option<u64>>,
    #[specta(type = Vec<Option<f32>>)]
    pub trend_in: Vec<Option<f64>>,
    #[specta(type = Vec<Option<f32>>)]
    pub trend_out: Vec<Option<f64>>,
    /// The exchanges that can be chosen as a target here.
    pub missing: Vec<Missing>,
}

/// A name with a typed value, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct FieldView {
    pub name: String,
    /// The name is not UTF-8; what is shown is a replacement.
    pub name_is_bytes: bool,
    /// `int64`, `text`, `table`, as in exports.
    pub type_name: String,
    /// At most 4,096 characters.
    pub value: String,
    pub truncated: bool,
    /// How deep inside tables and lists, 0 at the top; tables and lists are followed by what they hold.
    pub depth: u32,
}

/// A policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct PolicyView {
    pub name: String,
    pub operator: bool,
    pub definition: Vec<FieldView>,
}

/// One binding.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct BindingView {
    pub source: ExchangeName,
    pub destination: Destination,
    pub key: String,
    pub arguments: Vec<FieldView>,
    /// Of the destination, where it is a queue.
    #[specta(type = Option<u32>)]
    pub consumers: Option<u64>,
}

/// Which exchanges to show.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeAsk {
    /// Part of the name, of a key or of a bound queue.
    pub filter: String,
    pub built_in: bool,
    pub only_unbound: bool,
    pub sort: ExchangeColumn,
    pub descending: bool,
    pub from: u32,
    pub n: u32,
}

/// A column to sort exchanges by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum ExchangeColumn {
    Name,
    Label,
    RateIn,
    RateOut,
    Unroutable,
    Bindings,
}

/// A part of the table of exchanges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ExchangePage {
    pub total: u32,
    pub shown: u32,
    pub from: u32,
    pub rows: Vec<ExchangeRow>,
}

/// One exchange in a table.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeRow {
    pub name: ExchangeName,
    pub label: String,
    pub built_in: bool,
    pub internal: bool,
    pub durable: Option<bool>,
    #[specta(type = Option<f32>)]
    pub rate_in: Option<f64>,
    #[specta(type = Option<f32>)]
    pub rate_out: Option<f64>,
    #[specta(type = Option<f32>)]
    pub rate_unroutable: Option<f64>,
    /// `None`: bindings could not be read.
    pub bindings: Option<u32>,
    pub alternate: Option<ExchangeName>,
}

/// Everything about one exchange.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeView {
    pub row: ExchangeRow,
    pub arguments: Vec<FieldView>,
    pub policies: Vec<PolicyView>,
    pub bindings: Vec<BindingView>,
}

/// What a look would do, asked of the broker just now.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct LookOffer {
    pub cost: LookCost,
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    /// The first way out, where the refusal names it.
    pub guard: Option<GuardView>,
}

/// A change that makes looking safe, and whether it is in place.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct GuardView {
    pub plan: GuardPlan,
    /// Set: it was made at that time and not taken back.
    #[specta(type = Option<String>)]
    pub applied_at: Option<Timestamp>,
}
