use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ExchangeName, QueueName, Table};

/// The names of the properties that every adapter uses for the same thing. What else a vendor knows keeps its own name.
pub mod property {
    pub const CONTENT_TYPE: &str = "content-type";
    pub const CONTENT_ENCODING: &str = "content-encoding";
    pub const MESSAGE_ID: &str = "message-id";
    pub const CORRELATION_ID: &str = "correlation-id";
    pub const TIMESTAMP: &str = "timestamp";
}

/// One message, whatever the broker: byte for byte and typed as it was read. What identifies it is said by
/// [`crate::Rules::key`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub body: Vec<u8>,
    /// Everything the protocol has a place of its own for, by the names in [`property`] or the vendor's own.
    pub properties: Table,
    /// What the publisher, frameworks and the broker added under names of their own.
    pub headers: Table,
    /// How it came into the queue it was read from (RabbitMQ: for a dead letter the dead-letter exchange and key).
    pub routing: Routing,
    /// Why it was moved aside, newest first; empty for what is no dead letter.
    pub deaths: Vec<Death>,
    /// How often it was handed out and came back, where the broker tells. `Some(0)` is known to be none.
    pub delivery_count: Option<u64>,
    /// Whether the broker marked it as handed out before. `None` where it does not say.
    pub redelivered: Option<bool>,
}

impl Message {
    pub fn content_type(&self) -> Option<&str> {
        self.properties.text(property::CONTENT_TYPE)
    }

    pub fn content_encoding(&self) -> Option<&str> {
        self.properties.text(property::CONTENT_ENCODING)
    }

    /// The publisher's own id, where there is one. Not unique: a publisher may repeat it.
    pub fn message_id(&self) -> Option<&str> {
        self.properties.text(property::MESSAGE_ID)
    }

    /// When the publisher says that it was published, where it says so and the time exists.
    pub fn published_at(&self) -> Option<Timestamp> {
        let seconds = self.properties.get(property::TIMESTAMP)?.as_u64()?;
        Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
    }
}

/// Exchange and routing key; brokers without exchanges leave both empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Routing {
    pub exchange: ExchangeName,
    pub key: String,
}

/// One reason why a message was moved aside. A broker may keep one entry for several deaths alike and count them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Death {
    pub queue: QueueName,
    pub reason: DeathReason,
    #[specta(type = u32)]
    pub count: u64,
    /// When, to the second or better; which of several deaths it was the broker does not always tell.
    #[specta(type = Option<String>)]
    pub at: Option<Timestamp>,
    /// How it had come into that queue.
    pub exchange: Option<ExchangeName>,
    pub routing_keys: Vec<String>,
}

/// Why a message was moved aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum DeathReason {
    /// A consumer refused it.
    Rejected,
    /// It waited longer than it may.
    Expired,
    /// The queue was full.
    MaxLength,
    /// It was handed out more often than it may be.
    DeliveryLimit,
    /// Something this program has no word for; as the broker says it.
    Other(String),
}
