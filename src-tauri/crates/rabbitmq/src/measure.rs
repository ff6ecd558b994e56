//! Reads counts and rates. The broker renews them every 5 seconds; what it does not tell stays unknown.

use broker::{ExchangeMeasure, Measures, NodeMeasure, Partial, QueueMeasure, QueueName, Result, Scope, Totals};
use jiff::Timestamp;

use crate::api::{Api, ExchangeInfo, MessageStats, Node, Overview, QueueInfo, Rate};
use crate::topology::{missing_part, part};

/// How old the broker's statistics may be: its own interval.
const AGE_MS_MAX: u64 = 5_000;
/// Up to so many queues are asked for one by one; for more, all of them is cheaper.
const SINGLE_QUEUES_MAX: usize = 8;

const QUEUE_COLUMNS: &str = "name,messages_ready,messages_unacknowledged,messages_delayed,consumers,message_bytes,state,\
    head_message_timestamp,message_stats.publish_details.rate,message_stats.ack_details.rate,\
    message_stats.deliver_get_details.rate,message_stats.redeliver_details.rate";
const EXCHANGE_COLUMNS: &str = "name,message_stats.publish_in_details.rate,message_stats.publish_out_details.rate,\
    message_stats.return_unroutable_details.rate,message_stats.drop_unroutable_details.rate";

/// Measures what is asked for. An error only if the queues cannot be read.
pub(crate) async fn measure(api: &Api, scope: &Scope) -> Result<Partial<Measures>> {
    let names = match scope {
        Scope::All => return measure_all(api).await,
        Scope::Queues(names) => names,
    };
    let queues =
        if names.len() <= SINGLE_QUEUES_MAX { one_by_one(api, names).await? } else { listed(api, names).await? };
    Ok(Partial::whole(Measures {
        taken_at: Timestamp::now(),
        age_ms_max: Some(AGE_MS_MAX),
        queues: queues.iter().map(queue).collect(),
        ..Measures::default()
    }))
}

async fn measure_all(api: &Api) -> Result<Partial<Measures>> {
    let (queues, exchanges, nodes, overview) = tokio::join!(
        api.queues(QUEUE_COLUMNS, false),
        api.exchanges(EXCHANGE_COLUMNS, false),
        api.nodes(),
        api.overview(),
    );
    let queues: Vec<_> = queues?.iter().map(queue).collect();
    let mut missing = Vec::new();
    let exchanges = exchanges.unwrap_or_else(|error| {
        missing.push(missing_part(part::EXCHANGES, &error));
        Vec::new()
    });
    let nodes = nodes.unwrap_or_else(|error| {
        let error = error.remedy("the tag monitoring shows it");
        missing.push(missing_part("nodes", &error));
        Vec::new()
    });
    let overview = overview.unwrap_or_else(|error| {
        missing.push(missing_part("totals", &error));
        Overview::default()
    });
    let measures = Measures {
        taken_at: Timestamp::now(),
        age_ms_max: Some(AGE_MS_MAX),
        totals: totals(&queues, &overview),
        queues,
        exchanges: exchanges.iter().map(exchange).collect(),
        nodes: nodes.into_iter().map(node).collect(),
    };
    Ok(Partial { value: measures, missing })
}

async fn one_by_one(api: &Api, names: &[QueueName]) -> Result<Vec<QueueInfo>> {
    let mut queues = Vec::with_capacity(names.len());
    for name in names {
        match api.queue(name.as_str()).await {
            Ok(queue) => queues.push(queue),
            // Deleted since it was asked for.
            Err(error) if error.kind() == broker::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(queues)
}

async fn listed(api: &Api, names: &[QueueName]) -> Result<Vec<QueueInfo>> {
    let wanted: std::collections::HashSet<_> = names.iter().map(QueueName::as_str).collect();
    let mut queues = api.queues(QUEUE_COLUMNS, false).await?;
    queues.retain(|queue| wanted.contains(queue.name.as_str()));
    Ok(queues)
}

/// The broker's own sums where the user sees all of it; else what can be added up from the queues.
fn totals(queues: &[QueueMeasure], overview: &Overview) -> Totals {
    let sum = |of: fn(&QueueMeasure) -> Option<u64>| queues.iter().map(of).sum::<Option<u64>>();
    let of_broker = overview.queue_totals.as_ref();
    Totals {
        ready: sum(|queue| queue.ready).or(of_broker.and_then(|totals| totals.messages_ready)),
        in_flight: sum(|queue| queue.in_flight).or(of_broker.and_then(|totals| totals.messages_unacknowledged)),
        consumers: sum(|queue| queue.consumers).or(overview.object_totals.as_ref().and_then(|totals| totals.consumers)),
    }
}

fn rate(rate: Option<Rate>) -> Option<f64> {
    rate.and_then(|rate| rate.rate)
}

fn queue(info: &QueueInfo) -> QueueMeasure {
    let stats = info.message_stats.as_ref();
    let rate_of = |of: fn(&MessageStats) -> Option<Rate>| rate(stats.and_then(of));
    QueueMeasure {
        name: info.name.as_str().into(),
        ready: info.messages_ready,
        in_flight: info.messages_unacknowledged,
        delayed: info.messages_delayed,
        consumers: info.consumers,
        rate_in: rate_of(|stats| stats.publish_details),
        rate_out: rate_of(|stats| stats.ack_details),
        rate_deliver: rate_of(|stats| stats.deliver_get_details),
        rate_redeliver: rate_of(|stats| stats.redeliver_details),
        bytes: info.message_bytes,
        oldest_at: info.head_message_timestamp.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        approximate: false,
        state: info.state.clone(),
    }
}

fn exchange(info: &ExchangeInfo) -> ExchangeMeasure {
    let stats = info.message_stats.clone().unwrap_or_default();
    let unroutable = match (rate(stats.return_unroutable_details), rate(stats.drop_unroutable_details)) {
        (None, None) => None,
        (returned, dropped) => Some(returned.unwrap_or(0.0) + dropped.unwrap_or(0.0)),
    };
    ExchangeMeasure {
        name: info.name.as_str().into(),
        rate_in: rate(stats.publish_in_details),
        rate_out: rate(stats.publish_out_details),
        rate_unroutable: unroutable,
    }
}

fn node(node: Node) -> NodeMeasure {
    NodeMeasure {
        name: node.name,
        running: node.running.unwrap_or(false),
        memory_alarm: node.mem_alarm,
        disk_alarm: node.disk_free_alarm,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_broker_does_not_tell_is_not_zero() {
        let bare: QueueInfo = serde_json::from_value(json!({"name": "q"})).unwrap();
        let measured = queue(&bare);
        assert_eq!((measured.ready, measured.rate_in, measured.oldest_at), (None, None, None));
        let unknown = [measured, QueueMeasure { ready: Some(3), ..QueueMeasure::default() }];
        assert_eq!(totals(&unknown, &Overview::default()).ready, None, "a sum with an unknown part is unknown");
    }

    #[test]
    fn returned_and_dropped_messages_are_both_unroutable() {
        let rates = json!({"drop_unroutable_details": {"rate": 1.5}, "return_unroutable_details": {"rate": 2.0}});
        let stats = json!({"name": "x", "message_stats": rates});
        assert_eq!(exchange(&serde_json::from_value(stats).unwrap()).rate_unroutable, Some(3.5));
    }
}
