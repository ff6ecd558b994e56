//! What frameworks write into bodies. A body is read once, as far as its bound, and nothing is built of what is not asked
//! for.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Failure, name, symfony, trace};
use crate::{Message, QueueName};

/// Bytes in which a name of a field has to come, for the body to be read as JSON at all.
const GLANCE_MAX: usize = 4 * 1024;

pub(super) fn read(message: &Message) -> Option<Failure> {
    let body = &message.body[..message.body.len().min(Failure::BODY_BYTES_MAX)];
    let start = body.trim_ascii_start();
    if start.starts_with(b"O:") {
        return symfony::from_body(start);
    }
    if !start.starts_with(b"{") {
        return None;
    }
    let has = |field: &[u8]| symfony::contains(&start[..start.len().min(GLANCE_MAX)], field);
    if has(b"\"actor_name\"") {
        return dramatiq(start);
    }
    if has(b"\"displayName\"") {
        return laravel(start);
    }
    if has(b"\"pattern\"") {
        return nest(start);
    }
    None
}

#[derive(Deserialize)]
struct DramatiqMessage<'a> {
    #[serde(borrow)]
    actor_name: Cow<'a, str>,
    #[serde(borrow)]
    queue_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    options: DramatiqOptions<'a>,
}

#[derive(Default, Deserialize)]
struct DramatiqOptions<'a> {
    #[serde(borrow)]
    traceback: Option<Cow<'a, str>>,
}

fn dramatiq(body: &[u8]) -> Option<Failure> {
    let said: DramatiqMessage<'_> = serde_json::from_slice(body).ok()?;
    let traceback = said.options.traceback.as_deref().unwrap_or_default();
    let thrown = trace::python(tail(traceback));
    Some(Failure {
        by: "Dramatiq",
        exception: thrown.exception,
        message: thrown.message,
        thrown_at: thrown.at,
        source: said.queue_name.as_deref().and_then(name).map(QueueName::from),
        subject: name(&said.actor_name).map(|actor| format!("actor {actor}")),
        at: None,
        note: Some("Dramatiq keeps its dead letters for 7 days: then the broker drops them"),
    })
}

/// The last part of a text: a traceback ends with what matters.
fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(super::TEXT_BYTES_MAX);
    (start..text.len()).find_map(|start| text.get(start..)).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LaravelJob<'a> {
    #[serde(borrow)]
    display_name: Cow<'a, str>,
    #[serde(borrow)]
    job: Option<Cow<'a, str>>,
    uuid: Option<IgnoredAny>,
    attempts: Option<IgnoredAny>,
}

/// Laravel keeps the exception in a table of its own: the message has none.
fn laravel(body: &[u8]) -> Option<Failure> {
    let said: LaravelJob<'_> = serde_json::from_slice(body).ok()?;
    if said.job.is_none() && said.uuid.is_none() && said.attempts.is_none() {
        return None;
    }
    let subject = name(&said.display_name).map(|job| format!("job {job}"));
    Some(Failure { by: "Laravel", subject, ..Failure::default() })
}

/// With no other field than these, and `id` where an answer is waited for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NestPacket<'a> {
    #[serde(borrow)]
    pattern: NestPattern<'a>,
    #[serde(rename = "data")]
    _data: IgnoredAny,
    #[serde(rename = "id")]
    _id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NestPattern<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

fn nest(body: &[u8]) -> Option<Failure> {
    let said: NestPacket<'_> = serde_json::from_slice(body).ok()?;
    let subject = match &said.pattern {
        NestPattern::Text(pattern) => name(pattern).map(|pattern| format!("pattern {pattern}")),
        NestPattern::Other(_) => None,
    };
    Some(Failure { by: "NestJS", subject, ..Failure::default() })
}
