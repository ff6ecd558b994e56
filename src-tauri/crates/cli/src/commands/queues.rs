use std::collections::HashMap;

use broker::{Missing, Queue, QueueMeasure, QueueName, Topology};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::connection::Connect;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Side, Table, UNKNOWN, or_unknown};

/// List the queues with their counts, asked of the broker now
///
/// What the broker does not tell is `?`, or null in JSON; it is never 0.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope queues -c sandbox:
  qscope queues -c shop --filter orders
  qscope --json queues -c shop | jq -r 'select(.isDeadLetterQueue and .ready > 0) | .name'")]
pub(crate) struct Queues {
    #[command(flatten)]
    connect: Connect,
    /// Only queues whose name holds this text
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
}

/// One queue, as a line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: QueueName,
    kind: Option<String>,
    ready: Option<u64>,
    in_flight: Option<u64>,
    delayed: Option<u64>,
    consumers: Option<u64>,
    /// Where its dead letters arrive, where that is one queue for certain.
    dead_letter_queue: Option<QueueName>,
    is_dead_letter_queue: bool,
    oldest_age_ms: Option<i64>,
}

impl Queues {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = self.connect.open(session).await?;
        let (topology, measures) =
            tokio::join!(session.workbench.topology(profile.id), session.workbench.measures(profile.id));
        let (topology, measures) = (topology?, measures?);
        warn_of(session, topology.missing.iter().chain(&measures.missing));
        let measured: HashMap<_, _> = measures.value.queues.iter().map(|queue| (&queue.name, queue)).collect();
        let needle = self.filter.to_lowercase();
        let mut lines: Vec<Line> = topology
            .value
            .queues
            .iter()
            .filter(|queue| queue.name.as_str().to_lowercase().contains(&needle))
            .map(|queue| line(queue, measured.get(&queue.name).copied(), &topology.value))
            .collect();
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        if session.out.json {
            lines.iter().try_for_each(|line| session.out.object(line))?;
        } else {
            print(session, &lines)?;
        }
        Ok(Exit::Done)
    }
}

fn line(queue: &Queue, measure: Option<&QueueMeasure>, topology: &Topology) -> Line {
    let measure = measure.cloned().unwrap_or_default();
    let mut reached = topology
        .dead_letter_routes
        .iter()
        .filter(|route| route.queue == queue.name)
        .flat_map(|route| route.reaches.iter());
    let dead_letter_queue = match (reached.next(), reached.next()) {
        (Some(one), None) => Some(one.clone()),
        _ => None,
    };
    let age_ms = |at: Timestamp| Timestamp::now().duration_since(at).as_millis();
    Line {
        name: queue.name.clone(),
        kind: Some(queue.label.clone()).filter(|label| !label.is_empty()),
        ready: measure.ready,
        in_flight: measure.in_flight,
        delayed: measure.delayed,
        consumers: measure.consumers,
        dead_letter_queue,
        is_dead_letter_queue: queue.is_dead_letter_queue,
        oldest_age_ms: measure.oldest_at.map(|at| i64::try_from(age_ms(at)).unwrap_or(i64::MAX).max(0)),
    }
}

fn print(session: &Session, lines: &[Line]) -> Result<(), Failure> {
    let counts = ["ready", "in flight", "delayed", "consumers"].map(|name| (name, Side::Right));
    let columns = [&[("queue", Side::Left), ("kind", Side::Left)], counts.as_slice(), &[("dead letters", Side::Whole)]];
    let mut table = Table::new(&columns.concat());
    for line in lines {
        let dead = match &line.dead_letter_queue {
            Some(queue) => format!("to {queue}"),
            None if line.is_dead_letter_queue => "arrive here".to_owned(),
            None => String::new(),
        };
        table.row([
            line.name.to_string(),
            line.kind.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
            or_unknown(line.ready),
            or_unknown(line.in_flight),
            or_unknown(line.delayed),
            or_unknown(line.consumers),
            dead,
        ]);
    }
    table.print(&session.out)
}

/// Says what could not be read: it is unknown, not absent.
pub(super) fn warn_of<'a>(session: &Session, missing: impl Iterator<Item = &'a Missing>) {
    let mut said = Vec::new();
    for missing in missing {
        let words = format!("{} could not be read: {}", missing.what, missing.why);
        if !said.contains(&words) {
            session.out.warn(&crate::out::clean(&words));
            said.push(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use broker::{DeadLetterRoute, RouteSource};

    use super::*;

    #[test]
    fn what_is_not_known_is_null_and_never_0() {
        let queue = Queue { name: "orders".into(), ..Queue::default() };
        let shown = serde_json::to_value(line(&queue, None, &Topology::default())).expect("it is JSON");
        let wanted = serde_json::json!({
            "name": "orders", "kind": null, "ready": null, "inFlight": null, "delayed": null, "consumers": null,
            "deadLetterQueue": null, "isDeadLetterQueue": false, "oldestAgeMs": null,
        });
        assert_eq!(shown, wanted);
    }

    #[test]
    fn dead_letters_that_arrive_in_two_queues_name_none() {
        let queue = Queue { name: "orders".into(), ..Queue::default() };
        let route = |reaches: &[&str]| DeadLetterRoute {
            queue: "orders".into(),
            exchange: "dlx".into(),
            routing_key: None,
            source: RouteSource::Argument,
            reaches: reaches.iter().map(|name| QueueName::from(*name)).collect(),
            broken: false,
        };
        let of = |reaches: &[&str]| {
            let topology = Topology { dead_letter_routes: vec![route(reaches)], ..Topology::default() };
            line(&queue, None, &topology).dead_letter_queue
        };
        assert_eq!(of(&["dead"]), Some("dead".into()));
        assert_eq!(of(&["dead", "audit"]), None);
        assert_eq!(of(&[]), None);
    }
}
