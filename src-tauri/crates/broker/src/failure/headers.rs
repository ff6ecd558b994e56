//! What frameworks write into headers.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Failure, message, name, symfony, text_of, trace};
use crate::Message;

/// Reads the notes of one framework, where they are there.
type Recognise = fn(&Headers<'_>) -> Option<Failure>;

/// In this order: the more of them a framework needs to be recognised, the earlier it is asked.
const KNOWN: [Recognise; 6] = [nservicebus, masstransit, symfony_json, ecotone, spring, celery];

pub(super) fn read(message: &Message) -> Option<Failure> {
    let headers = Headers(message);
    KNOWN.iter().find_map(|recognise| recognise(&headers))
}

/// The headers of a message as text.
struct Headers<'a>(&'a Message);

impl Headers<'_> {
    fn get(&self, header: &str) -> Option<String> {
        text_of(self.0.headers.get(header)?)
    }

    fn has(&self, header: &str) -> bool {
        self.0.headers.get(header).is_some()
    }

    fn name(&self, header: &str) -> Option<String> {
        name(&self.get(header)?)
    }

    fn message(&self, header: &str) -> Option<String> {
        message(&self.get(header)?)
    }
}

/// Also Spring Cloud Stream, and whoever follows them in part: the message is always there, the trace may not be.
fn spring(headers: &Headers<'_>) -> Option<Failure> {
    const MESSAGE: &str = "x-exception-message";
    const TRACE: &str = "x-exception-stacktrace";
    if !headers.has(MESSAGE) && !headers.has(TRACE) {
        return None;
    }
    let said = headers.message(MESSAGE);
    let thrown = trace::java(&headers.get(TRACE).unwrap_or_default(), said.as_deref());
    let typed = ["x-exception-fqcn", "x-exception-type"].into_iter().find_map(|header| headers.name(header));
    let is_spring = headers.has(TRACE) || headers.has("x-original-routingKey");
    Some(Failure {
        by: if is_spring { "Spring AMQP" } else { "exception headers" },
        exception: typed.or(thrown.exception),
        message: said.or(thrown.message),
        thrown_at: thrown.at,
        ..Failure::default()
    })
}

fn masstransit(headers: &Headers<'_>) -> Option<Failure> {
    if !headers.has("MT-Fault-ExceptionType") && !headers.has("MT-Fault-Message") {
        return None;
    }
    Some(Failure {
        by: "MassTransit",
        exception: headers.name("MT-Fault-ExceptionType"),
        message: headers.message("MT-Fault-Message"),
        thrown_at: headers.get("MT-Fault-StackTrace").and_then(|text| trace::dotnet(&text)),
        source: headers.get("MT-Fault-InputAddress").and_then(|address| queue_of_address(&address)),
        subject: headers.name("MT-Fault-ConsumerType").map(|consumer| format!("consumer {consumer}")),
        at: headers.get("MT-Fault-Timestamp").and_then(|text| text.trim().parse().ok()),
        note: None,
    })
}

/// The last part of the path of an address.
fn queue_of_address(address: &str) -> Option<crate::QueueName> {
    let path = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let (_, last) = path.rsplit_once('/')?;
    Some(name(&percent_decoded(last))?.into())
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn nservicebus(headers: &Headers<'_>) -> Option<Failure> {
    let exception = headers.name("NServiceBus.ExceptionInfo.ExceptionType");
    let queue = headers.get("NServiceBus.FailedQ");
    if exception.is_none() && queue.is_none() {
        return None;
    }
    Some(Failure {
        by: "NServiceBus",
        exception,
        message: headers.message("NServiceBus.ExceptionInfo.Message"),
        thrown_at: headers.get("NServiceBus.ExceptionInfo.StackTrace").and_then(|text| trace::dotnet(&text)),
        // `queue@machine`, of which the broker knows the queue.
        source: queue.and_then(|queue| name(queue.split('@').next()?)).map(Into::into),
        subject: None,
        at: headers.get("NServiceBus.TimeOfFailure").and_then(|text| nservicebus_time(&text)),
        note: None,
    })
}

/// `2026-11-21 02:26:58:000462 Z`.
fn nservicebus_time(text: &str) -> Option<Timestamp> {
    let (seconds, rest) = text.trim().split_at_checked(19)?;
    let micros: i32 = rest.strip_prefix(':')?.trim_end_matches('Z').trim().get(..6)?.parse().ok()?;
    let at = DateTime::strptime("%Y-%m-%d %H:%M:%S", seconds).ok()?.with().subsec_nanosecond(micros * 1000).build();
    Some(at.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn ecotone(headers: &Headers<'_>) -> Option<Failure> {
    let exception = ["exception-class", "ecotone-class"].into_iter().find_map(|header| headers.name(header));
    // Their names are plain enough to be somebody else's: two of them have to be there.
    if !headers.has("exception-message") || exception.is_none() && !headers.has("exception-stacktrace") {
        return None;
    }
    let line = headers.get("exception-line");
    Some(Failure {
        by: "Ecotone",
        exception,
        message: headers.message("exception-message"),
        thrown_at: headers.get("exception-file").and_then(|file| trace::php(&file, line.as_deref())),
        source: headers.name("polledChannelName").map(Into::into),
        ..Failure::default()
    })
}

/// With Symfony's own serialiser for JSON each stamp is a header.
fn symfony_json(headers: &Headers<'_>) -> Option<Failure> {
    symfony::from_stamp(&headers.get(symfony::STAMP_HEADER)?)
}

/// Celery says what was to be done, and nothing of why it failed.
fn celery(headers: &Headers<'_>) -> Option<Failure> {
    let task = headers.name("task")?;
    if !headers.has("id") || !headers.has("argsrepr") && !headers.has("retries") {
        return None;
    }
    Some(Failure { by: "Celery", subject: Some(format!("task {task}")), ..Failure::default() })
}
