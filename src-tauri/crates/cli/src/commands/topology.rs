use broker::{
    Binding, DeadLetterRoute, Destination, Exchange, ExchangeName, Missing, Queue, QueueName, RouteSource,
    Topology as Known,
};
use clap::Args;
use serde::Serialize;

use super::queues::warn_of;
use crate::connection::Connect;
use crate::failure::{Exit, Failure};
use crate::out::clean;
use crate::session::Session;

/// List exchanges, queues and the routes between them, asked of the broker now
///
/// A route is any way along which a message can travel: a binding, where a queue sends what dies in it, and where an
/// exchange sends what no binding takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope topology -c sandbox:
  qscope --json topology -c shop | jq 'select(.type == \"route\" and .kind == \"deadLetter\")'")]
pub(crate) struct Topology {
    #[command(flatten)]
    connect: Connect,
}

/// One part of a topology, as a line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
enum Line<'a> {
    Exchange {
        name: &'a ExchangeName,
        kind: Option<&'a str>,
        durable: Option<bool>,
        auto_delete: Option<bool>,
        internal: bool,
        built_in: bool,
    },
    Queue {
        name: &'a QueueName,
        kind: Option<&'a str>,
        durable: Option<bool>,
        auto_delete: Option<bool>,
        exclusive: Option<bool>,
        is_dead_letter_queue: bool,
        badges: &'a [String],
    },
    Route {
        kind: RouteKind,
        from: End<'a>,
        to: End<'a>,
        /// `None`: the key that the message has.
        key: Option<&'a str>,
        /// The queues that it reaches for certain, where that is known.
        reaches: Option<&'a [QueueName]>,
        source: Option<&'a RouteSource>,
        /// What it leads to does not exist: messages are dropped there.
        broken: Option<bool>,
    },
    /// A part that could not be read: unknown, not absent.
    Missing { what: &'a str, why: &'a str },
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum RouteKind {
    Binding,
    DeadLetter,
    AlternateExchange,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum End<'a> {
    Queue(&'a QueueName),
    Exchange(&'a ExchangeName),
}

impl Topology {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = self.connect.open(session).await?;
        let topology = session.workbench.topology(profile.id).await?;
        let lines = lines(&topology.value);
        if session.out.json {
            let missing = topology.missing.iter().map(|Missing { what, why, .. }| Line::Missing { what, why });
            lines.into_iter().chain(missing).try_for_each(|line| session.out.object(&line))?;
        } else {
            lines.iter().try_for_each(|line| session.out.line(&clean(&words(line))))?;
        }
        warn_of(session, topology.missing.iter());
        Ok(Exit::Done)
    }
}

fn lines(topology: &Known) -> Vec<Line<'_>> {
    let exchanges = topology.exchanges.iter().map(exchange);
    let queues = topology.queues.iter().map(queue);
    let bindings = topology.bindings.iter().map(binding);
    let dead_letters = topology.dead_letter_routes.iter().map(dead_letter);
    let alternates = topology.exchanges.iter().filter_map(alternate);
    exchanges.chain(queues).chain(bindings).chain(dead_letters).chain(alternates).collect()
}

fn known(label: &str) -> Option<&str> {
    Some(label).filter(|label| !label.is_empty())
}

fn exchange(exchange: &Exchange) -> Line<'_> {
    Line::Exchange {
        name: &exchange.name,
        kind: known(&exchange.label),
        durable: exchange.durable,
        auto_delete: exchange.auto_delete,
        internal: exchange.internal,
        built_in: exchange.built_in,
    }
}

fn queue(queue: &Queue) -> Line<'_> {
    Line::Queue {
        name: &queue.name,
        kind: known(&queue.label),
        durable: queue.durable,
        auto_delete: queue.auto_delete,
        exclusive: queue.exclusive,
        is_dead_letter_queue: queue.is_dead_letter_queue,
        badges: &queue.badges,
    }
}

fn binding(binding: &Binding) -> Line<'_> {
    let to = match &binding.destination {
        Destination::Queue(queue) => End::Queue(queue),
        Destination::Exchange(exchange) => End::Exchange(exchange),
    };
    let (kind, from) = (RouteKind::Binding, End::Exchange(&binding.source));
    Line::Route { kind, from, to, key: Some(&binding.key), reaches: None, source: None, broken: None }
}

fn dead_letter(route: &DeadLetterRoute) -> Line<'_> {
    Line::Route {
        kind: RouteKind::DeadLetter,
        from: End::Queue(&route.queue),
        to: End::Exchange(&route.exchange),
        key: route.routing_key.as_deref(),
        reaches: Some(&route.reaches),
        source: Some(&route.source),
        broken: Some(route.broken),
    }
}

fn alternate(exchange: &Exchange) -> Option<Line<'_>> {
    let to = End::Exchange(exchange.alternate.as_ref()?);
    let (kind, from) = (RouteKind::AlternateExchange, End::Exchange(&exchange.name));
    Some(Line::Route { kind, from, to, key: None, reaches: None, source: None, broken: None })
}

fn words(line: &Line<'_>) -> String {
    let end = |end: &End<'_>| match end {
        End::Queue(name) => format!("queue {name}"),
        End::Exchange(name) if name.as_str().is_empty() => "the default exchange".to_owned(),
        End::Exchange(name) => format!("exchange {name}"),
    };
    match line {
        Line::Exchange { name, kind, built_in, internal, .. } => {
            let name = if name.as_str().is_empty() { "(default)" } else { name.as_str() };
            let marks = [(*built_in, "built in"), (*internal, "internal")];
            format!("exchange  {name}{}", in_brackets(*kind, &marks))
        }
        Line::Queue { name, kind, is_dead_letter_queue, .. } => {
            format!("queue     {name}{}", in_brackets(*kind, &[(*is_dead_letter_queue, "dead-letter queue")]))
        }
        Line::Route { kind, from, to, key, broken, .. } => {
            let how = match kind {
                RouteKind::Binding => "",
                RouteKind::DeadLetter => ", what dies there",
                RouteKind::AlternateExchange => ", what no binding takes",
            };
            let key = key.map(|key| format!(" by key `{key}`")).unwrap_or_default();
            let broken = if *broken == Some(true) { " (BROKEN: it does not exist)" } else { "" };
            format!("route     {}{how} -> {}{key}{broken}", end(from), end(to))
        }
        Line::Missing { what, why } => format!("missing   {what}: {why}"),
    }
}

fn in_brackets(kind: Option<&str>, marks: &[(bool, &str)]) -> String {
    let marks = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark);
    let said: Vec<_> = kind.into_iter().chain(marks).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_dead_letter_route_says_so_to_people_and_machines() {
        let route = DeadLetterRoute {
            queue: "orders".into(),
            exchange: "dlx".into(),
            routing_key: Some("dead".into()),
            source: RouteSource::Argument,
            reaches: Vec::new(),
            broken: true,
        };
        let line = dead_letter(&route);
        assert_eq!(
            words(&line),
            "route     queue orders, what dies there -> exchange dlx by key `dead` (BROKEN: it does not exist)"
        );
        let json = serde_json::to_value(&line).expect("it is JSON");
        assert_eq!(
            (&json["type"], &json["kind"], &json["broken"]),
            (&"route".into(), &"deadLetter".into(), &true.into())
        );
        assert_eq!((&json["from"]["queue"], &json["to"]["exchange"]), (&"orders".into(), &"dlx".into()));
    }
}
