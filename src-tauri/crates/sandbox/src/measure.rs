use broker::{
    Depth, ErrorKind, ExchangeMeasure, Measures, Message, Missing, NodeMeasure, Partial, QueueMeasure, QueueName,
    Scope, Totals,
};
use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::queue::Queue;

/// Everything counted, as of now and exact.
pub(crate) fn read(engine: &Engine, scope: &Scope, has_alarm: bool) -> Partial<Measures> {
    let (names, missing): (Vec<_>, Vec<_>) = match scope {
        Scope::All => (engine.queues.keys().cloned().collect(), Vec::new()),
        Scope::Queues(names) => names.iter().cloned().partition(|name| engine.queues.contains_key(name)),
    };
    let found = names.iter().filter_map(|name| engine.queues.get(name));
    let queues: Vec<_> = found.map(|queue| measure(engine, queue)).collect();
    let sum = |of: fn(&QueueMeasure) -> Option<u64>| Some(queues.iter().filter_map(of).sum());
    let totals = Totals {
        ready: sum(|queue| queue.ready),
        in_flight: sum(|queue| queue.in_flight),
        consumers: sum(|queue| queue.consumers),
    };
    let exchanges = engine.exchanges.iter().map(|(name, exchange)| ExchangeMeasure {
        name: name.clone(),
        rate_in: engine.rate(&exchange.taken),
        rate_out: engine.rate(&exchange.routed),
        rate_unroutable: engine.rate(&exchange.unroutable),
    });
    let node = NodeMeasure {
        name: "in this app".to_owned(),
        running: true,
        memory_alarm: Some(has_alarm),
        disk_alarm: Some(false),
    };
    let value = Measures {
        taken_at: engine.now(),
        age_ms_max: Some(0),
        exchanges: exchanges.collect(),
        queues,
        nodes: vec![node],
        totals,
    };
    Partial { value, missing: missing.iter().map(not_there).collect() }
}

/// What is ready in that queue, and who consumes it.
pub(crate) fn depth(engine: &Engine, name: &QueueName) -> Depth {
    let ready = engine.queues.get(name).map_or(0, |queue| queue.ready.len() as u64);
    // Whoever holds messages is a consumer, as at other brokers.
    Depth { ready, consumers: Some(consumers(engine, name) + engine.holders(name)) }
}

fn measure(engine: &Engine, queue: &Queue) -> QueueMeasure {
    let rate = |meter| engine.rate(meter);
    QueueMeasure {
        name: queue.setup.name.clone(),
        ready: Some(queue.ready.len() as u64),
        in_flight: Some(queue.in_flight),
        delayed: Some(0),
        consumers: Some(consumers(engine, &queue.setup.name)),
        rate_in: rate(&queue.published),
        rate_out: rate(&queue.removed),
        rate_deliver: rate(&queue.delivered),
        rate_redeliver: rate(&queue.redelivered),
        bytes: Some(queue.bytes),
        oldest_at: oldest_at(queue),
        approximate: false,
        state: Some("running".to_owned()),
    }
}

fn consumers(engine: &Engine, name: &QueueName) -> u64 {
    engine.consumers.iter().filter(|consumer| consumer.queue == *name).count() as u64
}

/// The head of what is ready: when its publisher says that it sent it, else when it came.
fn oldest_at(queue: &Queue) -> Option<Timestamp> {
    let (_, head) = queue.ready.first_key_value()?;
    let stamp = Message { properties: head.content.properties.clone(), ..Message::default() };
    Some(stamp.published_at().unwrap_or(head.arrived_at))
}

fn not_there(name: &QueueName) -> Missing {
    Missing { what: format!("queue `{name}`"), kind: ErrorKind::NotFound, why: format!("there is no queue `{name}`") }
}
