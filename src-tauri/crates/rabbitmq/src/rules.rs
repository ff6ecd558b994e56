//! How RabbitMQ thinks: everything about it that can be decided without asking it.

mod deaths;
mod give_back;
mod hazards;
mod look;
mod matching;
mod prepare;
pub(crate) mod routing;
pub(crate) mod settings;
pub(crate) mod version;
pub(crate) mod words;

use broker::{
    Arrivals, Ask, Facts, FailedIn, Hazard, LookCost, Message, MessageKey, OrderKey, Outgoing, Prepared, Routing,
    Rules, Target, fingerprint,
};

use crate::translate::properties_to;

pub(crate) use give_back::{GiveBack, give_back, may_return_by};

/// The headers that the broker changes while a message waits.
const UNSTABLE_HEADERS: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

/// The rules of RabbitMQ, 3.10 and later.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RabbitRules;

impl Rules for RabbitRules {
    fn arrivals(&self, facts: &Facts, message: &Outgoing) -> Arrivals {
        routing::Ways::of(&facts.topology, &facts.version).arrivals(message)
    }

    fn hazards(&self, facts: &Facts, target: &Target, arrivals: &Arrivals) -> Vec<Hazard> {
        hazards::hazards(facts, target, arrivals)
    }

    fn look(&self, facts: &Facts, ask: &Ask) -> LookCost {
        look::look(facts, ask)
    }

    fn prepare(&self, message: &Message, target: &Target) -> Prepared {
        prepare::prepare(message, target)
    }

    fn put_back(&self, message: &Message, target: &Target) -> Prepared {
        prepare::put_back(message, target)
    }

    fn unfit(&self, message: &Outgoing) -> Option<String> {
        let sendable = properties_to(&message.properties, message.headers.clone(), message.redrive);
        sendable.err().map(|error| error.why().to_owned())
    }

    fn key(&self, message: &Message) -> MessageKey {
        fingerprint(message, &UNSTABLE_HEADERS)
    }

    fn order_key(&self, _message: &Message) -> Option<OrderKey> {
        None
    }

    fn failed_in(&self, message: &Message) -> FailedIn {
        deaths::failed_in(message)
    }

    fn origin(&self, message: &Message) -> Option<Routing> {
        deaths::origin(message)
    }
}

#[cfg(test)]
mod tests {
    use broker::{Table, Value};

    use super::*;

    fn message(headers: &[(&str, Value)]) -> Message {
        let headers: Table = headers.iter().map(|(name, value)| (*name, value.clone())).collect();
        Message { headers, body: b"body".to_vec(), ..Message::default() }
    }

    #[test]
    fn a_look_does_not_change_what_identifies_a_message() {
        let mut looked_at =
            message(&[("a", "1".into()), ("x-delivery-count", Value::I64(3)), ("x-acquired-count", Value::I64(4))]);
        looked_at.redelivered = Some(true);
        looked_at.delivery_count = Some(3);
        assert_eq!(RabbitRules.key(&message(&[("a", "1".into())])), RabbitRules.key(&looked_at));
    }

    #[test]
    fn a_bounce_is_not_its_original_and_neither_is_another_body_or_type() {
        let keys = [
            message(&[]),
            message(&[("x-death", Value::Array(vec![]))]),
            message(&[("x-death", Value::Array(vec![Value::I64(1)]))]),
            message(&[("a", Value::I64(1))]),
            message(&[("a", Value::I32(1))]),
            Message { body: Vec::new(), ..message(&[]) },
        ]
        .map(|message| RabbitRules.key(&message));
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[..n].contains(key), "number {n} is like one before it");
        }
        assert_eq!(RabbitRules.order_key(&message(&[])), None);
    }
}
