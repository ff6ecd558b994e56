//! Of which group a message is.

use broker::{FailedIn, Failure, Message, Pattern, QueueName, Rules, short_exception};

use super::GroupBy;
use crate::captures::{Scanned, json_at, path_of, value_words};
use crate::{Error, Result};

/// Of a title, in characters.
const TITLE_MAX: usize = 200;
/// Of a header's or a field's value that two messages have in common, in bytes.
const VALUE_MAX: usize = 4096;

/// What is asked of every message.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Exception,
    Source,
    Reason,
    ContentType,
    Header(String),
    Json { said: String, path: Vec<String> },
}

/// What messages of one group have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cause {
    /// Equal for two messages of one group.
    pub(super) key: String,
    pub(super) title: String,
    pub(super) detail: Pattern,
}

impl Question {
    pub(super) fn new(by: &GroupBy) -> Result<Self> {
        Ok(match by {
            GroupBy::ExceptionAndMessage => Self::Exception,
            GroupBy::SourceQueue => Self::Source,
            GroupBy::Reason => Self::Reason,
            GroupBy::ContentType => Self::ContentType,
            GroupBy::Header { name } if name.is_empty() => {
                return Err(Error::Invalid { why: "name the header to group by".to_owned() });
            }
            GroupBy::Header { name } => Self::Header(name.clone()),
            GroupBy::JsonPath { path } => Self::Json { said: path.clone(), path: path_of(path)? },
        })
    }

    /// How much of a body has to be known.
    pub(super) fn body_max(&self) -> usize {
        match self {
            Self::Json { .. } => usize::MAX,
            _ => Failure::BODY_BYTES_MAX,
        }
    }

    pub(super) fn cause(&self, scanned: &Scanned, failure: Option<&Failure>, source: Option<&QueueName>) -> Cause {
        let message = &scanned.message;
        match self {
            Self::Exception => exception(failure, scanned.reason.as_deref()),
            Self::Source => valued(source.map(|queue| queue.as_str().to_owned()), "Source not known"),
            Self::Reason => valued(scanned.reason.clone(), "No reason known"),
            Self::ContentType => valued(message.content_type().map(str::to_owned), "No content type"),
            Self::Header(name) => valued(message.headers.get(name).map(value_words), &format!("No header {name}")),
            Self::Json { said, path } => json(&message.body, said, path),
        }
    }
}

fn exception(failure: Option<&Failure>, reason: Option<&str>) -> Cause {
    let exception = failure.and_then(|failure| failure.exception.as_deref());
    let said = failure.and_then(|failure| failure.message.as_deref());
    if exception.is_none() && said.is_none() {
        return unexplained(failure, reason);
    }
    let detail = match said {
        Some(said) => Pattern::of(said),
        None => failure.and_then(|failure| failure.thrown_at.as_deref()).map(Pattern::plain).unwrap_or_default(),
    };
    Cause {
        key: format!("e{}\0{}", exception.unwrap_or_default(), detail.key()),
        title: exception.map_or("Exception", short_exception).to_owned(),
        detail,
    }
}

/// Nobody left an exception: what the broker says of it, and what was to be done.
fn unexplained(failure: Option<&Failure>, reason: Option<&str>) -> Cause {
    let subject = failure.and_then(|failure| failure.subject.as_deref());
    let why = match reason {
        Some("rejected") => "A consumer refused it",
        Some("expired") => "Waited longer than its TTL",
        Some("queue full") => "Queue was full",
        Some("delivery limit") => "Was handed out more often than it may be",
        Some(other) => other,
        None => "Nothing says why it is here",
    };
    let words = subject.map_or_else(|| why.to_owned(), |subject| format!("{why}: {subject}"));
    Cause { key: format!("n{words}"), title: "No exception header".to_owned(), detail: Pattern::plain(&words) }
}

fn valued(value: Option<String>, none: &str) -> Cause {
    let (key, title) = match value {
        Some(value) if value.is_empty() => ("=".to_owned(), "Empty".to_owned()),
        Some(value) => (format!("={}", start_of(&value, VALUE_MAX)), value),
        None => ("-".to_owned(), none.to_owned()),
    };
    let title = title.chars().take(TITLE_MAX).collect();
    Cause { key, title, detail: Pattern::default() }
}

fn json(body: &[u8], said: &str, path: &[String]) -> Cause {
    let mut found = None;
    let is_json = json_at(body, path, |scalar| {
        found.get_or_insert_with(|| scalar.to_string());
    });
    match (found, is_json) {
        (Some(value), Ok(())) => valued(Some(value), ""),
        (None, Ok(())) => valued(None, &format!("No value at {said}")),
        (_, Err(_)) => Cause { key: "!".to_owned(), ..valued(None, "Body is no JSON") },
    }
}

fn start_of(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// The queue in which it failed: as the broker's notes have it, else as the framework says. What only ever expired came
/// from where it expired last.
pub(super) fn source(rules: Option<&dyn Rules>, message: &Message, failure: Option<&Failure>) -> Option<QueueName> {
    match rules.map_or(FailedIn::Unknown, |rules| rules.failed_in(message)) {
        FailedIn::Queue { queue, .. } => Some(queue),
        FailedIn::OnlyExpired { queues } => queues.into_iter().next(),
        FailedIn::Unknown => {
            let newest = message.deaths.first().map(|death| death.queue.clone());
            newest.or_else(|| failure.and_then(|failure| failure.source.clone()))
        }
    }
}
