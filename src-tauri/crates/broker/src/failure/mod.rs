//! Why a message failed, as the framework that gave it up wrote it down: in headers, or in the body. A table of what is
//! known of each; nothing here changes a message, and nothing looks at more of it than a bound.

mod bodies;
mod headers;
mod pattern;
mod symfony;
mod trace;

use jiff::Timestamp;
use serde::Serialize;

use crate::{Message, QueueName, Value};

pub use pattern::{Part, Pattern};

/// Bytes of a header or of a text in a body that are looked at.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Characters kept of a name: an exception's, a place's, a task's.
const NAME_MAX: usize = 300;
/// Characters kept of an exception's message.
const MESSAGE_MAX: usize = 2_000;

/// What a framework says of a failure. Each part may be missing: it is said by nobody then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Whose notes these are: "Spring AMQP".
    pub by: &'static str,
    /// The exception's type, by its full name: `com.example.PaymentGatewayTimeout`.
    pub exception: Option<String>,
    pub message: Option<String>,
    /// Where it was thrown, short: `AdyenClient.capture:214`.
    pub thrown_at: Option<String>,
    /// The queue in which it failed, where the framework names it.
    pub source: Option<QueueName>,
    /// What was to be done: "task `shop.tasks.ship`".
    pub subject: Option<String>,
    /// When it failed, where the framework says so.
    #[specta(type = Option<String>)]
    pub at: Option<Timestamp>,
    /// What else is to be known of such messages.
    pub note: Option<&'static str>,
}

impl Failure {
    /// Bytes of a body that are looked at: a message may be given with so much of its body only.
    pub const BODY_BYTES_MAX: usize = 1024 * 1024;

    /// What is known of this message. `None`: no framework is recognised.
    pub fn of(message: &Message) -> Option<Self> {
        headers::read(message).or_else(|| bodies::read(message))
    }
}

/// The text of a header, bytes that are no UTF-8 replaced; numbers as they are written.
fn text_of(value: &Value) -> Option<String> {
    let bytes = match value {
        Value::Text(bytes) | Value::Bytes(bytes) => &bytes[..bytes.len().min(TEXT_BYTES_MAX)],
        number => return number.as_i64().map(|n| n.to_string()),
    };
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// So many characters of a text, without white space around it. `None`: nothing is left.
fn short(text: &str, max: usize) -> Option<String> {
    let text = text.trim();
    let end = text.char_indices().nth(max).map_or(text.len(), |(end, _)| end);
    (end > 0).then(|| text[..end].to_owned())
}

fn name(text: &str) -> Option<String> {
    short(text, NAME_MAX)
}

fn message(text: &str) -> Option<String> {
    short(text, MESSAGE_MAX)
}

/// The name of an exception's type without its packages or namespaces.
pub fn short_exception(exception: &str) -> &str {
    trace::last_segment(exception)
}

#[cfg(test)]
mod tests;
