//! What endangers a message at its target although the broker confirms it.

use broker::{Arrivals, DeadLetterRoute, Facts, Harm, Hazard, Queue, QueueMeasure, QueueName, Target};

use super::routing::Ways;
use super::settings::{
    Overflow, dead_letter_exchange, delivery_limit, expires_ms, length_limit, message_ttl_ms, policies_unread,
    single_active_consumer, unread,
};
use super::words::{count, counted, duration, named};

pub(super) fn hazards(facts: &Facts, target: &Target, arrivals: &Arrivals) -> Vec<Hazard> {
    let mut hazards = at_target(facts, target);
    if let (Some(part), false) = (policies_unread(facts), arrivals.queues.is_empty()) {
        hazards.push(everywhere(
            Harm::Note,
            format!(
                "The {part} could not be read: one may limit length, time or deliveries where the message arrives."
            ),
        ));
    }
    for name in &arrivals.queues {
        let Some(queue) = facts.topology.value.queue(name) else { continue };
        let at = At { facts, queue, measure: measure(facts, name) };
        let found =
            at.full().into_iter().chain(at.time()).chain(at.consumers()).chain(at.fleeting()).chain(at.dead_letters());
        hazards.extend(found.map(|(harm, words)| Hazard { queue: Some(name.clone()), harm, words }));
    }
    hazards
}

fn everywhere(harm: Harm, words: String) -> Hazard {
    Hazard { queue: None, harm, words }
}

fn measure<'a>(facts: &'a Facts, name: &QueueName) -> Option<&'a QueueMeasure> {
    facts.measures.as_ref()?.value.queues.iter().find(|measure| measure.name == *name)
}

/// What keeps it from being taken at all.
fn at_target(facts: &Facts, target: &Target) -> Vec<Hazard> {
    let topology = &facts.topology;
    let refused = match target {
        Target::Exchange { exchange, .. } if !exchange.as_str().is_empty() => match topology.value.exchange(exchange) {
            Some(known) if known.internal => Some(format!(
                "`{exchange}` is internal: only bindings reach it, and the broker refuses what is published to it."
            )),
            None if unread(topology, &["exchanges"]).is_none() => {
                Some(format!("The exchange `{exchange}` does not exist: the broker refuses what is published to it."))
            }
            _ => None,
        },
        Target::Exchange { .. } => None,
        Target::Queue { queue } if topology.value.queue(queue).is_none() && unread(topology, &["queues"]).is_none() => {
            Some(format!("The queue `{queue}` does not exist: the broker gives the message back."))
        }
        Target::Queue { .. } => None,
    };
    let by_default_exchange = match target {
        Target::Queue { .. } => true,
        Target::Exchange { exchange, .. } => exchange.as_str().is_empty(),
    };
    let forbidden = (by_default_exchange && facts.may_publish_to_queues == Some(false))
        .then(|| "This user may not publish to queues directly: the broker is expected to refuse it (403).".to_owned());
    refused.into_iter().chain(forbidden).map(|words| everywhere(Harm::Delays, words)).collect()
}

type Found = Option<(Harm, String)>;

/// One queue where the message arrives.
struct At<'a> {
    facts: &'a Facts,
    queue: &'a Queue,
    measure: Option<&'a QueueMeasure>,
}

impl At<'_> {
    fn has_no_consumers(&self) -> bool {
        self.measure.is_some_and(|measure| measure.consumers == Some(0))
    }

    fn full(&self) -> Vec<(Harm, String)> {
        let limit = length_limit(self.queue);
        let ready = self.measure.and_then(|measure| measure.ready);
        let bytes = self.measure.and_then(|measure| measure.bytes);
        let parts = [(limit.messages, ready, "message"), (limit.bytes, bytes, "byte")];
        parts
            .into_iter()
            .filter_map(|(max, now, unit)| Some((max?, now, unit)))
            .map(|(max, now, unit)| {
                let kept = format!("keeps at most {}", counted(max, unit));
                let now_words = match now {
                    Some(now) if now >= max => "it is full".to_owned(),
                    Some(now) => format!("it holds {} now", count(now)),
                    None => "how many it holds is not known".to_owned(),
                };
                match limit.overflow {
                    Overflow::DropHead => {
                        let has_room = now.is_some_and(|now| now < max);
                        let harm = if has_room { Harm::Note } else { Harm::Loses };
                        (
                            harm,
                            format!(
                                "It {kept} and drops its oldest beyond that, though they were confirmed; {now_words}."
                            ),
                        )
                    }
                    Overflow::RejectPublish | Overflow::RejectPublishDlx => {
                        (Harm::Note, format!("It {kept} and refuses more; {now_words}."))
                    }
                }
            })
            .collect()
    }

    fn time(&self) -> Found {
        let ttl = message_ttl_ms(self.queue)?;
        let after = match self.leads_to() {
            Some(to) => format!("goes on to {to}"),
            None => "is dropped".to_owned(),
        };
        Some(if ttl == 0 {
            (
                Harm::Loses,
                format!(
                    "Its messages live for 0 ms: one that no consumer is waiting for {after} at once, though it was \
                        confirmed."
                ),
            )
        } else {
            let drops = self.has_no_consumers() && after == "is dropped";
            let harm = if drops { Harm::Loses } else { Harm::Note };
            (harm, format!("Its messages expire after {}; what expires {after}.", duration(ttl)))
        })
    }

    /// Where its dead letters go; `None`: nowhere.
    fn leads_to(&self) -> Option<String> {
        let route = self.route().filter(|route| !route.broken)?;
        let ways = Ways::of(&self.facts.topology, &self.facts.version);
        let reach = ways.dead_letters(route);
        let queues = if reach.certain.is_empty() { reach.possible } else { reach.certain };
        if !queues.is_empty() {
            return Some(named(&queues, 3));
        }
        unread(&self.facts.topology, &["queues", "exchanges", "bindings"])
            .map(|_| format!("the exchange `{}`", route.exchange))
    }

    fn route(&self) -> Option<&DeadLetterRoute> {
        self.facts.topology.value.dead_letter_routes.iter().find(|route| route.queue == self.queue.name)
    }

    fn consumers(&self) -> Found {
        if self.has_no_consumers() {
            return Some((Harm::Note, "It has no consumers now: the message waits.".to_owned()));
        }
        single_active_consumer(self.queue)
            .then(|| (Harm::Note, "Only one of its consumers works at a time.".to_owned()))
    }

    /// Queues that do not stay.
    fn fleeting(&self) -> Vec<(Harm, String)> {
        let queue = self.queue;
        let expires = expires_ms(queue).map(|ms| {
            let harm = if self.has_no_consumers() { Harm::Loses } else { Harm::Note };
            (harm, format!("It is deleted with all its messages after {} without consumers.", duration(ms)))
        });
        let exclusive = (queue.exclusive == Some(true)).then(|| {
            (
                Harm::Loses,
                "It belongs to one connection and is deleted with all its messages when that closes.".to_owned(),
            )
        });
        let auto_delete = (queue.auto_delete == Some(true))
            .then(|| (Harm::Loses, "It is deleted with all its messages when its last consumer leaves.".to_owned()));
        let transient = (queue.durable == Some(false))
            .then(|| (Harm::Note, "It does not survive a restart of the broker.".to_owned()));
        [expires, exclusive, auto_delete, transient].into_iter().flatten().collect()
    }

    /// What becomes of it if it fails there again.
    fn dead_letters(&self) -> Found {
        if let Some(route) = self.route() {
            let exchange = &route.exchange;
            if route.broken {
                return Some((
                    Harm::Loses,
                    format!("If it fails there it is dropped: the dead-letter exchange `{exchange}` does not exist."),
                ));
            }
            return self.leads_to().is_none().then(|| {
                (
                    Harm::Loses,
                    format!(
                        "If it fails there it is dropped: the dead-letter exchange `{exchange}` leads to no queue."
                    ),
                )
            });
        }
        if dead_letter_exchange(self.queue).is_some() || policies_unread(self.facts).is_some() {
            return None;
        }
        let limit = delivery_limit(self.facts, self.queue).effective?;
        Some((
            Harm::Note,
            format!(
                "It has no dead-letter exchange: a message that comes back more than {} is dropped.",
                if limit == 1 { "once".to_owned() } else { format!("{} times", count(limit)) }
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use broker::{ErrorKind, Exchange, Measures, Missing, Partial, RouteSource, Table, Topology, Value};

    use super::*;

    fn facts(queue: Queue, measure: QueueMeasure) -> Facts {
        let exchanges = vec![
            Exchange { name: "shop".into(), label: "fanout".into(), ..Exchange::default() },
            Exchange { name: "inside".into(), label: "fanout".into(), internal: true, ..Exchange::default() },
        ];
        let topology = Partial::whole(Topology { queues: vec![queue], exchanges, ..Topology::default() });
        let measures = Partial::whole(Measures {
            queues: vec![QueueMeasure { name: "q".into(), ..measure }],
            ..Measures::default()
        });
        Facts { version: "4.3.6".into(), topology, measures: Some(measures), ..Facts::default() }
    }

    fn queue(label: &str, arguments: &[(&str, Value)]) -> Queue {
        let arguments: Table = arguments.iter().map(|(name, value)| (*name, value.clone())).collect();
        Queue { name: "q".into(), label: label.into(), arguments, durable: Some(true), ..Queue::default() }
    }

    fn consumed() -> QueueMeasure {
        QueueMeasure { consumers: Some(2), ready: Some(4), ..QueueMeasure::default() }
    }

    fn found(facts: &Facts, target: &Target) -> Vec<(Harm, String)> {
        let arrivals = Arrivals { queues: vec!["q".into()], unsure: Vec::new() };
        hazards(facts, target, &arrivals).into_iter().map(|hazard| (hazard.harm, hazard.words)).collect()
    }

    fn at_queue(queue: Queue, measure: QueueMeasure) -> Vec<(Harm, String)> {
        found(&facts(queue, measure), &Target::Queue { queue: "q".into() })
    }

    #[test]
    fn a_plain_consumed_queue_endangers_nothing() {
        assert_eq!(at_queue(queue("classic", &[]), consumed()), []);
    }

    #[test]
    fn a_full_queue_that_drops_its_head_loses_and_one_with_room_is_worth_a_note() {
        for (max, harm, words) in [(4, Harm::Loses, "it is full"), (5, Harm::Note, "it holds 4 now")] {
            let hazards = at_queue(queue("classic", &[("x-max-length", Value::I64(max))]), consumed());
            assert_eq!(hazards.len(), 1, "{hazards:?}");
            assert!(hazards[0].0 == harm && hazards[0].1.contains(words), "{hazards:?}");
        }
        let unknown = at_queue(queue("classic", &[("x-max-length-bytes", Value::I64(9))]), consumed());
        assert_eq!(unknown[0].0, Harm::Loses, "what is not known may be full");
        let rejects = [("x-max-length", Value::I64(1)), ("x-overflow", "reject-publish".into())];
        assert_eq!(at_queue(queue("classic", &rejects), consumed())[0].0, Harm::Note);
    }

    #[test]
    fn time_loses_at_once_where_it_is_none() {
        let ttl = |ms, measure| at_queue(queue("classic", &[("x-message-ttl", Value::I64(ms))]), measure);
        assert_eq!(ttl(0, consumed())[0].0, Harm::Loses);
        assert_eq!(
            ttl(5000, consumed()),
            [(Harm::Note, "Its messages expire after 5 s; what expires is dropped.".into())]
        );
        let alone = ttl(5000, QueueMeasure { consumers: Some(0), ..QueueMeasure::default() });
        assert_eq!(alone[0].0, Harm::Loses, "nobody takes it before it expires: {alone:?}");
    }

    #[test]
    fn a_retry_queue_says_where_its_messages_go_on_to() {
        let mut facts = facts(queue("classic", &[("x-message-ttl", Value::I64(5000))]), consumed());
        facts.topology.value.queues.push(Queue { name: "orders".into(), ..Queue::default() });
        facts.topology.value.dead_letter_routes.push(route("", Some("orders"), false));
        let hazards = found(&facts, &Target::Queue { queue: "q".into() });
        assert_eq!(hazards, [(Harm::Note, "Its messages expire after 5 s; what expires goes on to `orders`.".into())]);
    }

    fn route(exchange: &str, key: Option<&str>, broken: bool) -> DeadLetterRoute {
        DeadLetterRoute {
            queue: "q".into(),
            exchange: exchange.into(),
            routing_key: key.map(Into::into),
            source: RouteSource::Argument,
            reaches: Vec::new(),
            broken,
        }
    }

    #[test]
    fn a_dead_letter_route_that_leads_nowhere_loses() {
        for (to, words) in
            [(route("nope", None, true), "does not exist"), (route("shop", None, false), "leads to no queue")]
        {
            let mut facts = facts(queue("quorum", &[]), consumed());
            facts.topology.value.dead_letter_routes.push(to);
            let hazards = found(&facts, &Target::Queue { queue: "q".into() });
            assert_eq!(hazards.len(), 1, "{hazards:?}");
            assert!(hazards[0].0 == Harm::Loses && hazards[0].1.contains(words), "{hazards:?}");
        }
    }

    #[test]
    fn a_delivery_limit_without_a_dead_letter_exchange_is_said() {
        let hazards = at_queue(queue("quorum", &[]), consumed());
        assert_eq!(
            hazards,
            [(
                Harm::Note,
                "It has no dead-letter exchange: a message that comes back more than 20 times is dropped.".into()
            )]
        );
        assert_eq!(at_queue(queue("quorum", &[("x-delivery-limit", Value::I64(-1))]), consumed()), []);
    }

    #[test]
    fn nobody_listening_and_queues_that_do_not_stay_are_said() {
        let alone = QueueMeasure { consumers: Some(0), ..QueueMeasure::default() };
        assert_eq!(
            at_queue(queue("classic", &[]), alone),
            [(Harm::Note, "It has no consumers now: the message waits.".into())]
        );
        let single = queue("classic", &[("x-single-active-consumer", Value::Bool(true))]);
        assert_eq!(at_queue(single, consumed())[0].0, Harm::Note);
        let mut fleeting = queue("classic", &[("x-expires", Value::I64(60_000))]);
        (fleeting.durable, fleeting.auto_delete, fleeting.exclusive) = (Some(false), Some(true), Some(true));
        let harms: Vec<_> = at_queue(fleeting, consumed()).into_iter().map(|(harm, _)| harm).collect();
        assert_eq!(harms, [Harm::Note, Harm::Loses, Harm::Loses, Harm::Note]);
    }

    #[test]
    fn targets_that_take_nothing_are_said() {
        let mut facts = facts(queue("classic", &[]), consumed());
        let to = |exchange: &str| Target::Exchange { exchange: exchange.into(), key: "k".into() };
        for (target, words) in [
            (to("nope"), "does not exist"),
            (to("inside"), "is internal"),
            (Target::Queue { queue: "gone".into() }, "does not exist"),
        ] {
            let hazards = found(&facts, &target);
            assert!(hazards.len() == 1 && hazards[0].1.contains(words), "{hazards:?}");
        }
        assert_eq!(found(&facts, &to("shop")), []);
        facts.may_publish_to_queues = Some(false);
        assert!(found(&facts, &Target::Queue { queue: "q".into() })[0].1.contains("403"));
        assert_eq!(found(&facts, &to("shop")), [], "a named exchange may still be permitted");
        let missing = ["exchanges", "policies"].map(|what| Missing {
            what: what.into(),
            kind: ErrorKind::Forbidden,
            why: String::new(),
        });
        facts.topology.missing.extend(missing);
        let hazards = found(&facts, &to("nope"));
        assert!(hazards.len() == 1 && hazards[0].1.starts_with("The policies could not be read"), "{hazards:?}");
    }
}
