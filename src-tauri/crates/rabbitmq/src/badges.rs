//! What arguments and policies make of a queue, in a few words each.

use broker::Queue;

use crate::rules::settings::{
    Overflow, dead_letter_exchange, delivery_limit_of, length_limit, message_ttl_ms, single_active_consumer,
};
use crate::rules::words::duration;

/// The badges of a queue. Its type is its label and no badge; that dead letters come is said by its routes.
pub(crate) fn badges(queue: &Queue, version: &str) -> Vec<String> {
    let mut badges = Vec::new();
    badges.extend(limit_badge(queue, version));
    if let Some(exchange) = dead_letter_exchange(queue) {
        let exchange = if exchange.is_empty() { "the default exchange" } else { exchange };
        badges.push(format!("DLX {exchange}"));
    }
    for policy in &queue.policies {
        badges.push(format!("{} {}", if policy.operator { "operator policy" } else { "policy" }, policy.name));
    }
    if let Some(ms) = message_ttl_ms(queue) {
        badges.push(format!("TTL {}", duration(ms)));
    }
    badges.extend(length_badge(queue));
    if single_active_consumer(queue) {
        badges.push("single active consumer".into());
    }
    if queue.exclusive == Some(true) {
        badges.push("exclusive".into());
    }
    if queue.auto_delete == Some(true) {
        badges.push("auto-delete".into());
    }
    badges
}

fn limit_badge(queue: &Queue, version: &str) -> Option<String> {
    let limit = delivery_limit_of(version, queue);
    let is_set = limit.argument.or(limit.policy).or(limit.operator_policy).is_some();
    match limit.effective {
        Some(effective) if is_set => Some(format!("delivery limit {effective}")),
        Some(effective) => Some(format!("delivery limit {effective}, by default")),
        None if is_set => Some("no delivery limit".into()),
        None => None,
    }
}

fn length_badge(queue: &Queue) -> Option<String> {
    let limit = length_limit(queue);
    let length = match (limit.messages, limit.bytes) {
        (Some(messages), Some(bytes)) => format!("{messages} or {bytes} bytes"),
        (Some(messages), None) => messages.to_string(),
        (None, Some(bytes)) => format!("{bytes} bytes"),
        (None, None) => return None,
    };
    let then = match limit.overflow {
        Overflow::DropHead => "drops oldest",
        Overflow::RejectPublish | Overflow::RejectPublishDlx => "rejects new",
    };
    Some(format!("max length {length}, {then}"))
}

#[cfg(test)]
mod tests {
    use broker::{Policy, Table, Value};

    use super::*;

    fn queue(label: &str, arguments: &[(&str, Value)]) -> Queue {
        Queue { label: label.into(), arguments: arguments.iter().cloned().collect(), ..Queue::default() }
    }

    #[test]
    fn a_limit_says_when_nobody_set_it() {
        assert_eq!(badges(&queue("quorum", &[]), "4.3.6"), ["delivery limit 20, by default"]);
        assert_eq!(badges(&queue("quorum", &[("x-delivery-limit", Value::I64(5))]), "4.3.6"), ["delivery limit 5"]);
        assert_eq!(badges(&queue("quorum", &[("x-delivery-limit", Value::I64(-1))]), "4.3.6"), ["no delivery limit"]);
        assert!(badges(&queue("quorum", &[]), "3.10.8").is_empty());
    }

    #[test]
    fn badges_come_in_the_order_of_the_screen() {
        let mut all = queue(
            "classic",
            &[
                ("x-dead-letter-exchange", "dlx.payments".into()),
                ("x-message-ttl", Value::I64(30_000)),
                ("x-max-length", Value::I64(1000)),
                ("x-single-active-consumer", Value::Bool(true)),
            ],
        );
        all.exclusive = Some(true);
        all.auto_delete = Some(true);
        all.policies = vec![Policy { name: "payments-ha".into(), operator: false, definition: Table::new() }];
        let expected = [
            "DLX dlx.payments",
            "policy payments-ha",
            "TTL 30 s",
            "max length 1000, drops oldest",
            "single active consumer",
            "exclusive",
            "auto-delete",
        ];
        assert_eq!(badges(&all, "4.3.6"), expected);
    }
}
