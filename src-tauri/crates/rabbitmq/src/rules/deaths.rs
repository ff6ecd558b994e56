//! What a dead letter says about where it failed and whence it came.

use broker::{Death, DeathReason, FailedIn, Message, QueueName, Routing};

/// The newest death that was no expiry (retry loops die of their TTL); else what a framework's header says; else the
/// broker's own note of the last or first death.
pub(super) fn failed_in(message: &Message) -> FailedIn {
    let failure = message.deaths.iter().enumerate().find(|(_, death)| death.reason != DeathReason::Expired);
    if let Some((n, Death { queue, reason, .. })) = failure {
        let evidence = format!("x-death[{n}]: {} in `{queue}`", word(reason));
        return FailedIn::Queue { queue: queue.clone(), evidence };
    }
    if let Some((queue, evidence)) = by_framework(message).or_else(|| by_note(message)) {
        return FailedIn::Queue { queue, evidence };
    }
    let mut queues: Vec<QueueName> = Vec::new();
    for death in &message.deaths {
        if !queues.contains(&death.queue) {
            queues.push(death.queue.clone());
        }
    }
    if queues.is_empty() { FailedIn::Unknown } else { FailedIn::OnlyExpired { queues } }
}

/// The broker's word for it.
fn word(reason: &DeathReason) -> &str {
    match reason {
        DeathReason::Rejected => "rejected",
        DeathReason::Expired => "expired",
        DeathReason::MaxLength => "maxlen",
        DeathReason::DeliveryLimit => "delivery_limit",
        DeathReason::Other(word) => word,
    }
}

fn by_framework(message: &Message) -> Option<(QueueName, String)> {
    let by_header = |name: &str, read: fn(&str) -> Option<String>| {
        let queue = message.headers.text(name).and_then(read).filter(|queue| !queue.is_empty())?;
        Some((queue.into(), format!("header {name}")))
    };
    // `queue@machine`, of which RabbitMQ knows the queue.
    by_header("NServiceBus.FailedQ", |text| text.split('@').next().map(str::to_owned))
        .or_else(|| by_header("MT-Fault-InputAddress", last_segment))
        .or_else(|| by_header("rbs2-source-queue", |text| Some(text.to_owned())))
}

/// `rabbitmq://host/vhost/orders%20eu?durable=true` -> `orders eu`.
fn last_segment(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let last = url.path_segments()?.next_back()?;
    percent_decoded(last)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Survives where `x-death` was taken away or replaced by something else.
fn by_note(message: &Message) -> Option<(QueueName, String)> {
    ["last", "first"].into_iter().find_map(|which| {
        let queue = message.headers.text(&format!("x-{which}-death-queue")).filter(|queue| !queue.is_empty())?;
        let reason = message.headers.text(&format!("x-{which}-death-reason"))?;
        let evidence = format!("x-{which}-death-queue: {reason} in `{queue}`");
        (reason != "expired").then(|| (queue.into(), evidence))
    })
}

/// The exchange and key by which it first came. The first death is the one that `x-first-death-*` names: the list's
/// last entry is only the one that was not repeated for the longest time.
pub(super) fn origin(message: &Message) -> Option<Routing> {
    let first_queue = message.headers.text("x-first-death-queue");
    let first_reason = message.headers.text("x-first-death-reason");
    let is_first =
        |death: &&Death| Some(death.queue.as_str()) == first_queue && Some(word(&death.reason)) == first_reason;
    let by_death = message.deaths.iter().find(is_first).or(message.deaths.last()).and_then(|death| {
        Some(Routing { exchange: death.exchange.clone()?, key: death.routing_keys.first()?.clone() })
    });
    by_death.or_else(|| {
        let exchange = message.headers.text("x-original-exchange")?;
        let key = message.headers.text("x-original-routingKey")?;
        Some(Routing { exchange: exchange.into(), key: key.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use broker::Value;

    use super::*;

    fn death(queue: &str, reason: DeathReason, exchange: &str, key: &str) -> Death {
        let routing_keys = vec![key.to_owned()];
        Death { queue: queue.into(), reason, count: 1, at: None, exchange: Some(exchange.into()), routing_keys }
    }

    fn dead(deaths: Vec<Death>, headers: &[(&str, &str)]) -> Message {
        let headers = headers.iter().map(|(name, value)| (*name, Value::from(*value))).collect();
        Message { deaths, headers, ..Message::default() }
    }

    fn queue(name: &str, evidence: &str) -> FailedIn {
        FailedIn::Queue { queue: name.into(), evidence: evidence.into() }
    }

    #[test]
    fn it_failed_in_the_queue_of_its_newest_death_that_was_no_expiry() {
        let deaths = vec![
            death("retry", DeathReason::Expired, "dlx", "r"),
            death("orders", DeathReason::Rejected, "shop", "order"),
            death("older", DeathReason::DeliveryLimit, "shop", "order"),
        ];
        assert_eq!(failed_in(&dead(deaths, &[])), queue("orders", "x-death[1]: rejected in `orders`"));
        for (reason, word) in [
            (DeathReason::MaxLength, "maxlen"),
            (DeathReason::DeliveryLimit, "delivery_limit"),
            (DeathReason::Other("odd".into()), "odd"),
        ] {
            let said = format!("x-death[0]: {word} in `q`");
            assert_eq!(failed_in(&dead(vec![death("q", reason, "", "q")], &[])), queue("q", &said));
        }
    }

    #[test]
    fn what_only_expired_failed_nowhere() {
        let expired = |queue| death(queue, DeathReason::Expired, "dlx", "r");
        let message = dead(vec![expired("retry-5"), expired("retry-1"), expired("retry-5")], &[]);
        assert_eq!(failed_in(&message), FailedIn::OnlyExpired { queues: vec!["retry-5".into(), "retry-1".into()] });
        assert_eq!(failed_in(&dead(vec![], &[])), FailedIn::Unknown);
    }

    #[test]
    fn a_frameworks_header_names_the_queue_also_where_the_message_only_expired() {
        let expired = vec![death("delay", DeathReason::Expired, "dlx", "r")];
        let message = dead(expired, &[("NServiceBus.FailedQ", "Sales@HOST-1")]);
        assert_eq!(failed_in(&message), queue("Sales", "header NServiceBus.FailedQ"));
        let message = dead(vec![], &[("MT-Fault-InputAddress", "rabbitmq://host/shop/orders%20eu?durable=true")]);
        assert_eq!(failed_in(&message), queue("orders eu", "header MT-Fault-InputAddress"));
        let message = dead(vec![], &[("rbs2-source-queue", "sales")]);
        assert_eq!(failed_in(&message), queue("sales", "header rbs2-source-queue"));
    }

    #[test]
    fn headers_that_name_nothing_are_passed_over() {
        for headers in [
            [("NServiceBus.FailedQ", "")],
            [("NServiceBus.FailedQ", "@machine")],
            [("MT-Fault-InputAddress", "not a url")],
            [("MT-Fault-InputAddress", "rabbitmq://host/")],
            [("MT-Fault-InputAddress", "rabbitmq://host/%ff")],
            [("x-original-exchange", "shop")],
        ] {
            assert_eq!(failed_in(&dead(vec![], &headers)), FailedIn::Unknown, "{headers:?}");
        }
    }

    #[test]
    fn the_brokers_note_serves_where_the_list_is_gone() {
        let first = [("x-first-death-queue", "orders"), ("x-first-death-reason", "rejected")];
        assert_eq!(failed_in(&dead(vec![], &first)), queue("orders", "x-first-death-queue: rejected in `orders`"));
        let expired = [("x-first-death-queue", "orders"), ("x-first-death-reason", "expired")];
        assert_eq!(failed_in(&dead(vec![], &expired)), FailedIn::Unknown);
    }

    #[test]
    fn the_origin_is_where_the_first_death_came_from() {
        let deaths = vec![
            death("orders", DeathReason::Rejected, "shop", "order.new"),
            death("retry", DeathReason::Expired, "dlx", "r"),
        ];
        let first = [("x-first-death-queue", "orders"), ("x-first-death-reason", "rejected")];
        let shop = Routing { exchange: "shop".into(), key: "order.new".into() };
        assert_eq!(origin(&dead(deaths.clone(), &first)), Some(shop), "a retry loop puts the first death on top");
        let dlx = Routing { exchange: "dlx".into(), key: "r".into() };
        assert_eq!(origin(&dead(deaths, &[])), Some(dlx));
    }

    #[test]
    fn springs_headers_tell_the_origin_too() {
        let headers = [("x-original-exchange", "shop"), ("x-original-routingKey", "order.new")];
        let shop = Routing { exchange: "shop".into(), key: "order.new".into() };
        assert_eq!(origin(&dead(vec![], &headers)), Some(shop));
        assert_eq!(origin(&dead(vec![], &headers[..1])), None);
        assert_eq!(origin(&dead(vec![], &[])), None);
    }
}
