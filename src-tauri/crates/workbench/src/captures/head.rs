//! Everything of a message but its body, as it is written into a capture: the broker's words in their written form.

use std::thread;

use broker::{Death, Message, Routing, Table, Value};
use serde::{Deserialize, Serialize};

use super::json;
use crate::store::unreadable;
use crate::{Error, Result};

/// Tables and lists inside each other. What is deeper was made to break readers.
pub(super) const NESTED_MAX: usize = 256;
/// Brackets inside each other that are read and written on the stack of whoever asks.
const SHALLOW: usize = 64;
/// For what is deeper, in bytes.
const DEEP_STACK: usize = 64 * 1024 * 1024;
/// Room for the head of a dead letter, so that writing it does not move it again and again.
const USUAL_BYTES: usize = 1_500;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) routing: Routing,
    pub(super) properties: Table,
    pub(super) headers: Table,
    pub(super) deaths: Vec<Death>,
    pub(super) delivery_count: Option<u64>,
    pub(super) redelivered: Option<bool>,
}

/// The same, to be written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeadOf<'a> {
    routing: &'a Routing,
    properties: &'a Table,
    headers: &'a Table,
    deaths: &'a [Death],
    delivery_count: Option<u64>,
    redelivered: Option<bool>,
}

impl Head {
    pub(super) fn write(message: &Message) -> Result<String> {
        let depth = nesting(&message.headers).max(nesting(&message.properties));
        if depth > NESTED_MAX {
            let why = format!("a header is nested {depth} deep, and at most {NESTED_MAX} can be kept");
            return Err(Error::Invalid { why });
        }
        let head = HeadOf {
            routing: &message.routing,
            properties: &message.properties,
            headers: &message.headers,
            deaths: &message.deaths,
            delivery_count: message.delivery_count,
            redelivered: message.redelivered,
        };
        let write = || {
            let mut written = Vec::with_capacity(USUAL_BYTES);
            serde_json::to_writer(&mut written, &head).map(|()| written)
        };
        // A level of tables is three of brackets.
        let written = with_room(3 * depth, write).map_err(|error| Error::Invalid { why: error.to_string() })?;
        Ok(String::from_utf8(written).expect("JSON is text"))
    }

    pub(super) fn read(text: &str) -> rusqlite::Result<Self> {
        let read = || {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            deserializer.disable_recursion_limit();
            Self::deserialize(&mut deserializer)
        };
        with_room(json::nesting(text), read).map_err(|error| unreadable(error.into()))
    }

    pub(super) fn into_message(self, body: Vec<u8>) -> Message {
        Message {
            body,
            properties: self.properties,
            headers: self.headers,
            routing: self.routing,
            deaths: self.deaths,
            delivery_count: self.delivery_count,
            redelivered: self.redelivered,
        }
    }
}

/// Runs `work` where the stack is large enough for data so deep.
pub(super) fn with_room<T: Send>(depth: usize, work: impl FnOnce() -> T + Send) -> T {
    if depth <= SHALLOW {
        return work();
    }
    thread::scope(|scope| {
        let started = thread::Builder::new().stack_size(DEEP_STACK).spawn_scoped(scope, work);
        match started.expect("the system has a thread left").join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Tables and lists inside each other, without recursion: the depth is the sender's.
pub(super) fn nesting(table: &Table) -> usize {
    let mut deepest = 0;
    let mut waiting: Vec<(usize, &Value)> = table.iter().map(|(_, value)| (0, value)).collect();
    while let Some((depth, value)) = waiting.pop() {
        deepest = deepest.max(depth);
        match value {
            Value::Array(values) => waiting.extend(values.iter().map(|value| (depth + 1, value))),
            Value::Table(table) => waiting.extend(table.iter().map(|(_, value)| (depth + 1, value))),
            _ => {}
        }
    }
    deepest
}
