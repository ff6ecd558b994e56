use jiff::Timestamp;
use serde::Serialize;

use crate::{ExchangeName, QueueName};

/// Counts and rates at one moment. Whatever the broker does not tell is `None`, never 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    /// When the broker answered, by our clock.
    pub taken_at: Timestamp,
    /// How old the broker's own numbers may be by then, in milliseconds, where that is known.
    pub age_ms_max: Option<u64>,
    pub queues: Vec<QueueMeasure>,
    pub exchanges: Vec<ExchangeMeasure>,
    pub nodes: Vec<NodeMeasure>,
    pub totals: Totals,
}

/// One queue's counts; rates per second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct QueueMeasure {
    pub name: QueueName,
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    #[specta(type = Option<u32>)]
    pub in_flight: Option<u64>,
    #[specta(type = Option<u32>)]
    pub delayed: Option<u64>,
    #[specta(type = Option<u32>)]
    pub consumers: Option<u64>,
    /// Published into the queue; dead letters that arrive are not counted by RabbitMQ.
    #[specta(type = Option<f32>)]
    pub rate_in: Option<f64>,
    /// Acknowledged.
    #[specta(type = Option<f32>)]
    pub rate_out: Option<f64>,
    #[specta(type = Option<f32>)]
    pub rate_deliver: Option<f64>,
    #[specta(type = Option<f32>)]
    pub rate_redeliver: Option<f64>,
    /// Bodies only.
    #[specta(type = Option<u32>)]
    pub bytes: Option<u64>,
    /// When the oldest message was published, where the broker knows.
    #[specta(type = Option<String>)]
    pub oldest_at: Option<Timestamp>,
    /// The counts are estimates.
    pub approximate: bool,
    /// The vendor's word for what it is doing: `running`, `minority`, `idle`.
    pub state: Option<String>,
}

/// One exchange's rates per second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeMeasure {
    pub name: ExchangeName,
    #[specta(type = Option<f32>)]
    pub rate_in: Option<f64>,
    #[specta(type = Option<f32>)]
    pub rate_out: Option<f64>,
    /// Published here and matched by nothing, returned ones included.
    #[specta(type = Option<f32>)]
    pub rate_unroutable: Option<f64>,
}

/// One server of the broker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct NodeMeasure {
    pub name: String,
    pub running: bool,
    pub memory_alarm: Option<bool>,
    pub disk_alarm: Option<bool>,
}

/// Sums over everything that the connection can see.
#[derive(Debug, Clone, Default, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    #[specta(type = Option<u32>)]
    pub in_flight: Option<u64>,
    #[specta(type = Option<u32>)]
    pub consumers: Option<u64>,
}

/// What the broker itself counts this instant in one queue, not a statistic that is seconds old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    pub ready: u64,
    /// `None` where the broker does not tell.
    pub consumers: Option<u64>,
}
