use std::io::Read;
use std::path::{Path, PathBuf};

use broker::{ExchangeName, QueueName, Table, Target, Value, property};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use workbench::{FaultCode, PublishAsk, Published, PublishedAs};

use crate::connection::Connect;
use crate::consent::WriteConsent;
use crate::failure::{Exit, Failure};
use crate::out::clean;
use crate::session::Session;

/// Of a body, in bytes: no broker takes more.
const BODY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The types of values, as they are written everywhere.
const TYPES: &[&str] = &[
    "text",
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "float32",
    "float64",
    "decimal",
    "timestamp",
    "bytes",
    "void",
];
/// Properties that are small numbers, where no type is given.
const SMALL: &[&str] = &["delivery-mode", "priority"];

/// Publish one message, and wait until the broker has confirmed it
///
/// A message that no queue takes is returned by the broker: that is exit code 1. Nothing is added to it: a message without
/// `--property delivery-mode=2` does not survive a restart of some brokers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope publish -c shop --queue orders.new --body order.json --property content-type=application/json
  echo '{}' | qscope publish -c shop --exchange orders --routing-key order.placed --body -
  qscope publish -c shop --queue a --header tenant=eu --header attempt:int32=3 --property message-id=m-1")]
pub(crate) struct Publish {
    #[command(flatten)]
    connect: Connect,
    /// To this exchange; whatever it routes to
    #[arg(long, value_name = "NAME", required_unless_present = "queue", conflicts_with = "queue")]
    exchange: Option<ExchangeName>,
    /// With this routing key
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true, conflicts_with = "queue")]
    routing_key: String,
    /// To this queue and nothing else
    #[arg(long, value_name = "QUEUE")]
    queue: Option<QueueName>,
    /// A file that is the body, `-` for standard input; without it the body is empty
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header: text, or of the type that is named (int32, int64, bool, float64, timestamp, bytes as base64, ...)
    #[arg(long = "header", value_name = "NAME[:TYPE]=VALUE")]
    headers: Vec<String>,
    /// A property: content-type, message-id, correlation-id, timestamp, ... as the broker calls it
    #[arg(long = "property", value_name = "NAME=VALUE")]
    properties: Vec<String>,
    #[command(flatten)]
    consent: WriteConsent,
}

impl Publish {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let is_stdin = self.body.as_deref() == Some(Path::new("-"));
        if is_stdin && self.connect.password.password_stdin {
            return Err(Failure::usage("standard input cannot be both the password and the body"));
        }
        let target = match (&self.queue, &self.exchange) {
            (Some(queue), _) => Target::Queue { queue: queue.clone() },
            (None, exchange) => {
                Target::Exchange { exchange: exchange.clone().unwrap_or_default(), key: self.routing_key.clone() }
            }
        };
        let ask = PublishAsk {
            target,
            headers: table(&self.headers, |_| "text")?,
            properties: table(&self.properties, type_of_property)?,
            body: self.body.as_deref().map(read_body).transpose()?.unwrap_or_default(),
        };
        let profile = self.connect.open(session).await?;
        let offer = session.workbench.offer_publish(profile.id, &ask);
        let offer = session.unless_stopped(async { Ok(offer.await?) }).await?;
        for hazard in &offer.hazards {
            session.out.warn(&clean(&hazard.words));
        }
        self.consent.obtain(session, &profile).await?;
        // From here on there is an outcome, and it is waited for.
        let published = Box::pin(session.workbench.publish(profile.id, ask)).await;
        let published = published.map_err(|error| Failure::from(error).messages("it was not published"))?;
        conclude(session, published)
    }
}

fn conclude(session: &Session, published: Published) -> Result<Exit, Failure> {
    if session.out.json {
        session.out.object(&published)?;
    }
    let why = published.why.clone().unwrap_or_default();
    let failed = |error: String| Failure { code: FaultCode::Other, ..Failure::new(error) };
    match published.state {
        PublishedAs::Confirmed => {
            let queues: Vec<_> = published.arrivals.queues.iter().map(ToString::to_string).collect();
            let place = if queues.is_empty() { "a place that is not known".to_owned() } else { queues.join(", ") };
            if !session.out.json {
                session.out.line(&clean(&format!("published and confirmed; arrives in {place}")))?;
            }
            Ok(Exit::Done)
        }
        PublishedAs::Unroutable => Err(failed(why)
            .messages("it is in no queue")
            .remedy("`qscope topology` shows which exchange leads where, and by which key")),
        PublishedAs::Refused => Err(failed(format!("the broker refused it: {why}")).messages("it is in no queue")),
        PublishedAs::InDoubt => Err(failed(why)
            .messages("it may or may not have arrived")
            .remedy("look for it with `qscope peek` before you publish it again")),
    }
}

fn read_body(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(BODY_BYTES_MAX + 1).read_to_end(&mut body)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(BODY_BYTES_MAX + 1).read_to_end(&mut body))
    };
    read.map_err(|error| Failure::usage(format!("could not read the body from `{}`: {error}", path.display())))?;
    if body.len() as u64 > BODY_BYTES_MAX {
        return Err(Failure::usage(format!("the body is larger than {} MiB", BODY_BYTES_MAX / (1024 * 1024))));
    }
    Ok(body)
}

/// `NAME=VALUE` and `NAME:TYPE=VALUE`, in their order.
pub(super) fn table(fields: &[String], default: impl Fn(&str) -> &'static str) -> Result<Table, Failure> {
    let mut table = Table::new();
    for field in fields {
        let Some((name, value)) = field.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::usage(format!("`{}` is not NAME=VALUE", clean(field))));
        };
        let typed = name.rsplit_once(':').filter(|(name, kind)| !name.is_empty() && TYPES.contains(kind));
        let (name, kind) = typed.unwrap_or_else(|| (name, default(name)));
        table.push(
            name,
            read_value(kind, value)
                .map_err(|why| Failure::usage(format!("`{}` is no {kind}: {}", clean(field), clean(&why))))?,
        );
    }
    Ok(table)
}

fn type_of_property(name: &str) -> &'static str {
    match name {
        property::TIMESTAMP => "timestamp",
        name if SMALL.contains(&name) => "uint8",
        _ => "text",
    }
}

fn read_value(kind: &str, text: &str) -> Result<Value, String> {
    let value = match kind {
        "bool" => json!(text.parse::<bool>().map_err(|error| error.to_string())?),
        "void" => json!(null),
        // A time may also be said as people say it.
        "timestamp" => match text.parse::<Timestamp>() {
            Ok(at) => json!(at.as_second()),
            Err(_) => json!(text),
        },
        _ => json!(text),
    };
    serde_json::from_value(json!({ "type": kind, "value": value })).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(field: &str) -> Option<(String, Value)> {
        let table = table(&[field.to_owned()], type_of_property).ok()?;
        let (name, value) = table.iter().next()?;
        Some((name.as_str()?.to_owned(), value.clone()))
    }

    #[test]
    fn a_field_is_text_unless_its_type_is_named() {
        let is =
            |field: &str, name: &str, value: Value| assert_eq!(one(field), Some((name.to_owned(), value)), "{field}");
        is("tenant=eu", "tenant", "eu".into());
        is("a=b=c", "a", "b=c".into());
        is("x:y=1", "x:y", "1".into());
        is("n:int64=9223372036854775807", "n", Value::I64(i64::MAX));
        is("x:y:int8=-1", "x:y", Value::I8(-1));
        is("ok:bool=true", "ok", Value::Bool(true));
        is("b:bytes=AP8=", "b", Value::Bytes(vec![0, 255]));
        is("f:float64=0.5", "f", Value::F64(0.5f64.to_bits()));
        is("empty=", "empty", "".into());
        is("priority=9", "priority", Value::U8(9));
        is("timestamp=1700000000", "timestamp", Value::Timestamp(1_700_000_000));
        is("timestamp=2023-11-14T22:13:20Z", "timestamp", Value::Timestamp(1_700_000_000));
    }

    #[test]
    fn what_is_no_field_or_does_not_fit_its_type_is_refused() {
        for field in ["tenant", "=x", "n:uint8=256", "n:int32=many", "ok:bool=yes", "b:bytes=%", "priority=high"] {
            assert_eq!(one(field), None, "{field}");
        }
    }
}
