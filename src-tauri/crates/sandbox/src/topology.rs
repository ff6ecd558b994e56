use std::collections::BTreeSet;

use broker::{
    Binding, DeadLetterRoute, Destination, ErrorKind, Exchange, ExchangeName, Missing, Partial, Queue, QueueName,
    RouteSource, Table, Topology, TopologyScope,
};

use crate::engine::queue::Queue as Waiting;
use crate::engine::{Bound, Engine};
use crate::setup::{DeadLetters, ExchangeKind};

/// What is declared. Of one queue: the queue, what leads to it, and where it sends its dead letters.
pub(crate) fn read(engine: &Engine, scope: &TopologyScope) -> Partial<Topology> {
    let dead_letter_routes: Vec<_> = engine.queues.values().filter_map(|queue| route(engine, queue)).collect();
    let may_arrive: BTreeSet<_> = engine.queues.values().flat_map(|queue| may_reach(engine, queue)).collect();
    let described = |queue: &Waiting| describe(queue, may_arrive.contains(&queue.setup.name));
    let TopologyScope::Queue(name) = scope else {
        return Partial::whole(Topology {
            queues: engine.queues.values().map(described).collect(),
            exchanges: engine.exchanges.iter().map(|(name, found)| exchange(name, found.kind)).collect(),
            bindings: engine.bindings.iter().map(binding).collect(),
            dead_letter_routes,
        });
    };
    let Some(queue) = engine.queues.get(name) else {
        let why = format!("there is no queue `{name}`");
        let missing = Missing { what: format!("queue `{name}`"), kind: ErrorKind::NotFound, why };
        return Partial { value: Topology::default(), missing: vec![missing] };
    };
    let touches = |route: &DeadLetterRoute| route.queue == *name || route.reaches.contains(name);
    Partial::whole(Topology {
        queues: vec![described(queue)],
        exchanges: engine.exchanges.iter().map(|(name, found)| exchange(name, found.kind)).collect(),
        bindings: engine.bindings.iter().filter(|bound| bound.queue == *name).map(binding).collect(),
        dead_letter_routes: dead_letter_routes.into_iter().filter(touches).collect(),
    })
}

fn describe(queue: &Waiting, is_dead_letter_queue: bool) -> Queue {
    let setup = &queue.setup;
    let mut badges = Vec::new();
    match (setup.returns.limit(), queue.guarded) {
        (Some(_), true) => badges.push("no delivery limit, by guard".to_owned()),
        (Some(limit), false) => badges.push(format!("delivery limit {limit}")),
        (None, _) => {}
    }
    if let Some(ttl_ms) = setup.ttl_ms {
        badges.push(format!("TTL {}", duration(ttl_ms)));
    }
    if let Some(DeadLetters { exchange, key }) = &setup.dead_letters {
        let exchange = if exchange.as_str().is_empty() { "(default)" } else { exchange.as_str() };
        badges.push(match key {
            Some(key) => format!("DLX {exchange} → {key}"),
            None => format!("DLX {exchange}"),
        });
    }
    if setup.keeps_counts {
        badges.push("keeps counts".to_owned());
    }
    Queue {
        name: setup.name.clone(),
        label: setup.label().to_owned(),
        durable: Some(false),
        auto_delete: Some(false),
        exclusive: Some(false),
        arguments: setup.arguments(),
        policies: setup.policies(queue.guarded),
        badges,
        is_dead_letter_queue,
    }
}

/// The largest unit that says it whole.
pub(crate) fn duration(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let found = units.into_iter().find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    found.map_or_else(|| format!("{ms} ms"), |(unit, word)| format!("{} {word}", ms / unit))
}

fn exchange(name: &ExchangeName, kind: Option<ExchangeKind>) -> Exchange {
    Exchange {
        name: name.clone(),
        label: kind.unwrap_or(ExchangeKind::Direct).label().to_owned(),
        durable: Some(false),
        auto_delete: Some(false),
        built_in: kind.is_none(),
        ..Exchange::default()
    }
}

fn binding(bound: &Bound) -> Binding {
    Binding {
        source: bound.exchange.clone(),
        destination: Destination::Queue(bound.queue.clone()),
        key: bound.key.clone(),
        arguments: Table::new(),
    }
}

fn route(engine: &Engine, queue: &Waiting) -> Option<DeadLetterRoute> {
    let DeadLetters { exchange, key } = queue.setup.dead_letters.clone()?;
    let reaches = match &key {
        Some(key) => engine.route(&exchange, key).unwrap_or_default().into_iter().collect(),
        None => for_certain(engine, &exchange),
    };
    let broken = !engine.exchanges.contains_key(&exchange);
    Some(DeadLetterRoute {
        queue: queue.setup.name.clone(),
        exchange,
        routing_key: key,
        source: RouteSource::Argument,
        reaches,
        broken,
    })
}

/// The queues that an exchange reaches whatever the key.
fn for_certain(engine: &Engine, exchange: &ExchangeName) -> Vec<QueueName> {
    let kind = engine.exchanges.get(exchange).and_then(|found| found.kind);
    let takes_all = |bound: &&Bound| match kind {
        Some(ExchangeKind::Fanout) => true,
        Some(ExchangeKind::Topic) => bound.key == "#",
        Some(ExchangeKind::Direct) | None => false,
    };
    let bound = engine.bindings.iter().filter(|bound| bound.exchange == *exchange).filter(takes_all);
    bound.map(|bound| bound.queue.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The queues that a dead letter of this one may reach, with whatever key it had.
fn may_reach(engine: &Engine, queue: &Waiting) -> Vec<QueueName> {
    match &queue.setup.dead_letters {
        None => Vec::new(),
        Some(DeadLetters { exchange, key: Some(key) }) => {
            engine.route(exchange, key).unwrap_or_default().into_iter().collect()
        }
        Some(DeadLetters { exchange, key: None }) => {
            let bound = engine.bindings.iter().filter(|bound| bound.exchange == *exchange);
            bound.map(|bound| bound.queue.clone()).collect()
        }
    }
}
