use std::collections::BTreeSet;

use broker::{
    Arrivals, Ask, Death, DeathReason, Destination, Facts, FailedIn, Harm, Hazard, LookCost, Message, MessageKey,
    OrderKey, Outgoing, Prepared, Purpose, QueueName, REDRIVE_HEADER, Refusal, Returning, Routing, Rules, Stripped,
    Table, Target, Unsure, Value, WayOut, fingerprint,
};

use crate::engine::route;
use crate::setup::{ExchangeKind, QueueFacts};
use crate::topology::duration;

/// How a sandbox thinks: the same as its engine does, from what is known of its topology.
#[derive(Debug, Clone, Copy, Default)]
pub struct SandboxRules;

/// What a broker or a framework would misread on the way out, and why.
const STRIPPED: [(&str, &str); 11] = [
    ("x-death", "the broker writes the death history itself"),
    ("x-first-death-exchange", "the broker writes the death history itself"),
    ("x-first-death-queue", "the broker writes the death history itself"),
    ("x-first-death-reason", "the broker writes the death history itself"),
    ("x-last-death-exchange", "the broker writes the death history itself"),
    ("x-last-death-queue", "the broker writes the death history itself"),
    ("x-last-death-reason", "the broker writes the death history itself"),
    ("x-delivery-count", "the broker counts deliveries itself"),
    ("x-acquired-count", "the broker counts deliveries itself"),
    ("CC", "it would send copies to more queues"),
    ("BCC", "it would send copies to more queues"),
];
/// What the broker changes while a message waits.
const UNSTABLE: [&str; 2] = ["x-delivery-count", "x-acquired-count"];
const DEATHS: &str = "deaths";
/// Longer than any hold lasts, in milliseconds.
const HOLD_MS_MAX: u64 = 60_000;

impl Rules for SandboxRules {
    /// As the engine routes. An exchange that is not known makes the way unsure: the broker refuses what is sent there.
    fn arrivals(&self, facts: &Facts, message: &Outgoing) -> Arrivals {
        let topology = &facts.topology.value;
        let (exchange, key) = match &message.target {
            Target::Queue { queue } => return default_exchange(facts, queue),
            Target::Exchange { exchange, key } => (exchange, key),
        };
        if exchange.as_str().is_empty() {
            return default_exchange(facts, &key.as_str().into());
        }
        let unsure = |why: String| Arrivals {
            queues: Vec::new(),
            unsure: vec![Unsure { at: Routing { exchange: exchange.clone(), key: key.clone() }, why }],
        };
        let Some(known) = topology.exchange(exchange) else {
            return unsure(format!("there is no exchange `{exchange}`: the broker refuses what is sent there"));
        };
        let Some(kind) = ExchangeKind::from_label(&known.label) else {
            return unsure(format!("a sandbox has no exchanges of type `{}`", known.label));
        };
        let bound = topology.bindings.iter().filter(|binding| binding.source == *exchange);
        let matching = bound.filter(|binding| route::matches(kind, &binding.key, key));
        let queues: BTreeSet<_> = matching.filter_map(|binding| queue_of(&binding.destination)).collect();
        Arrivals { queues: queues.into_iter().collect(), unsure: Vec::new() }
    }

    fn hazards(&self, facts: &Facts, _target: &Target, arrivals: &Arrivals) -> Vec<Hazard> {
        arrivals.queues.iter().flat_map(|queue| hazards_of(facts, queue)).collect()
    }

    fn look(&self, facts: &Facts, ask: &Ask) -> LookCost {
        let reach = match &ask.purpose {
            Purpose::Look { n } => Some(*n),
            Purpose::Take { .. } => Some(0),
            Purpose::Pick { .. } | Purpose::Drain => None,
        };
        let consumers = consumers(facts, &ask.queue);
        let known = facts.topology.value.queue(&ask.queue).map(QueueFacts::of);
        let cost = |returning, refusal, words: String| {
            let evidence = known.as_ref().map(QueueFacts::evidence).unwrap_or_default();
            LookCost { returning, reach, consumers, refusal, words, evidence }
        };
        let Some((queue, returning)) = known.as_ref().and_then(|queue| Some((queue, queue.returning.clone()?))) else {
            let words = format!("It is not known what giving back does in queue `{}`.", ask.queue);
            return cost(Returning::Unknown, Some(unknown_type(&words)), words);
        };
        let (returning, refusal, words) = giving_back(&ask.queue, queue, returning);
        if let Purpose::Take { .. } = ask.purpose {
            let words = "Each message is copied here, then removed from the queue. Nothing is put back.";
            return cost(returning, None, words.to_owned());
        }
        cost(returning, refusal.or_else(|| expires(&ask.queue, queue)), words)
    }

    fn prepare(&self, message: &Message, target: &Target) -> Prepared {
        let mut headers = message.headers.clone();
        let mut properties = message.properties.clone();
        let mut stripped = Vec::new();
        let mut strip = |table: &mut Table, name: &str, why: &'static str| {
            if let Some(value) = table.remove(name) {
                stripped.push(Stripped { name: name.to_owned(), value, why });
            }
        };
        for (name, why) in STRIPPED {
            strip(&mut headers, name, why);
        }
        strip(&mut headers, REDRIVE_HEADER, "it names an earlier sending");
        strip(&mut properties, "user-id", "the broker refuses another user's name");
        if !message.deaths.is_empty() {
            let why = "the broker writes the death history itself";
            stripped.push(Stripped { name: DEATHS.to_owned(), value: deaths_as_value(&message.deaths), why });
        }
        let body = message.body.clone();
        Prepared { outgoing: Outgoing { target: target.clone(), body, properties, headers, redrive: None }, stripped }
    }

    /// Deaths are no headers here, but they count: what came back as a dead letter is not its original.
    fn key(&self, message: &Message) -> MessageKey {
        if message.deaths.is_empty() {
            return fingerprint(message, &UNSTABLE);
        }
        let mut with_deaths = message.clone();
        with_deaths.headers.push(DEATHS, deaths_as_value(&message.deaths));
        fingerprint(&with_deaths, &UNSTABLE)
    }

    fn order_key(&self, _message: &Message) -> Option<OrderKey> {
        None
    }

    fn failed_in(&self, message: &Message) -> FailedIn {
        let deaths = &message.deaths;
        if let Some(n) = deaths.iter().position(|death| death.reason != DeathReason::Expired) {
            let death = &deaths[n];
            let evidence = format!("death {} of {}: {} in `{}`", n + 1, deaths.len(), word(&death.reason), death.queue);
            return FailedIn::Queue { queue: death.queue.clone(), evidence };
        }
        if deaths.is_empty() {
            return FailedIn::Unknown;
        }
        let mut queues: Vec<QueueName> = Vec::new();
        for death in deaths {
            if !queues.contains(&death.queue) {
                queues.push(death.queue.clone());
            }
        }
        FailedIn::OnlyExpired { queues }
    }

    /// A merged death keeps the time and the way of the first, so the earliest one tells how the message first came.
    fn origin(&self, message: &Message) -> Option<Routing> {
        if message.deaths.is_empty() {
            return Some(message.routing.clone());
        }
        let first = message.deaths.iter().rev().min_by_key(|death| death.at)?;
        Some(Routing { exchange: first.exchange.clone()?, key: first.routing_keys.first()?.clone() })
    }
}

fn default_exchange(facts: &Facts, queue: &QueueName) -> Arrivals {
    let known = facts.topology.value.queue(queue).map(|queue| queue.name.clone());
    Arrivals { queues: known.into_iter().collect(), unsure: Vec::new() }
}

fn queue_of(destination: &Destination) -> Option<QueueName> {
    match destination {
        Destination::Queue(queue) => Some(queue.clone()),
        // A sandbox binds no exchange to another.
        Destination::Exchange(_) => None,
    }
}

fn consumers(facts: &Facts, queue: &QueueName) -> Option<u64> {
    let measures = &facts.measures.as_ref()?.value;
    measures.queues.iter().find(|measure| measure.name == *queue)?.consumers
}

fn hazards_of(facts: &Facts, name: &QueueName) -> Vec<Hazard> {
    let Some(queue) = facts.topology.value.queue(name).map(QueueFacts::of) else { return Vec::new() };
    let takes_letters = |exchange| facts.topology.value.exchange(exchange).is_some();
    let loses = !queue.dead_letter_exchange.as_ref().is_some_and(takes_letters);
    let harm = if loses { Harm::Loses } else { Harm::Delays };
    let mut hazards = Vec::new();
    let mut add = |harm, words| hazards.push(Hazard { queue: Some(name.clone()), harm, words });
    match queue.ttl_ms {
        Some(ttl_ms) if loses => {
            add(harm, format!("What waits in `{name}` longer than {} is dropped.", duration(ttl_ms)))
        }
        Some(ttl_ms) => {
            add(harm, format!("What waits in `{name}` longer than {} becomes a dead letter.", duration(ttl_ms)))
        }
        None => {}
    }
    match queue.limit {
        Some(limit) if loses => {
            add(
                harm,
                format!("What fails more than {limit} times in `{name}` is dropped: it has no dead-letter exchange."),
            );
        }
        Some(limit) => {
            add(Harm::Note, format!("What fails more than {limit} times in `{name}` becomes a dead letter."));
        }
        None => {}
    }
    if consumers(facts, name) == Some(0) {
        add(Harm::Delays, format!("Nobody consumes `{name}`: what arrives there waits."));
    }
    hazards
}

/// What giving back does to the messages of that queue, whether that is refused, and how to say it.
fn giving_back(name: &QueueName, queue: &QueueFacts, returning: Returning) -> (Returning, Option<Refusal>, String) {
    let gives_back = "Messages are taken and put back, in order";
    let words = match returning {
        Returning::Destroys { limit } if queue.is_dead_letter_queue || queue.keeps_counts => {
            let words = format!("Giving back destroys what failed more than {limit} times.");
            return (returning, Some(destroys(name, limit)), words);
        }
        // Nothing above the limit can be in here: it would have died on its way.
        Returning::Destroys { limit } => {
            let only = "Only if the hold is lost it uses one of its";
            let words = format!("{gives_back}: each is marked redelivered. {only} {limit} deliveries.");
            return (Returning::Marks, None, words);
        }
        Returning::Counts { limit: Some(limit) } => format!(
            "{gives_back}: each is marked redelivered and uses one of its {limit} deliveries. \
             The look stops at one that has none left."
        ),
        Returning::Counts { limit: None } => {
            format!("{gives_back}: each is marked redelivered and counted, without a limit.")
        }
        Returning::Free => format!("{gives_back}: nothing about them changes."),
        Returning::Marks | Returning::Unknown => format!("{gives_back}: each is marked redelivered, for good."),
    };
    (returning, None, words)
}

/// What is held past its time is gone when it is given back.
fn expires(name: &QueueName, queue: &QueueFacts) -> Option<Refusal> {
    let ttl_ms = queue.ttl_ms.filter(|ttl_ms| *ttl_ms < HOLD_MS_MAX)?;
    Some(Refusal {
        code: "expires".to_owned(),
        why: format!(
            "A message may wait in queue `{name}` for {} only: what is held beyond that is not there any more when it is \
             given back.",
            duration(ttl_ms)
        ),
        ways: vec![WayOut::Take, WayOut::Careful],
    })
}

fn unknown_type(why: &str) -> Refusal {
    Refusal { code: "typeUnknown".to_owned(), why: why.to_owned(), ways: vec![WayOut::Take, WayOut::Careful] }
}

fn destroys(queue: &QueueName, limit: u64) -> Refusal {
    Refusal {
        code: "destroys".to_owned(),
        why: format!(
            "Queue `{queue}` keeps the count of failures that its messages came with, and its delivery limit is {limit}. \
             What died of its limit is destroyed here when it is given back, and which messages these are is not known \
             before they are held."
        ),
        ways: vec![WayOut::MakeSafe, WayOut::Take, WayOut::Careful],
    }
}

fn word(reason: &DeathReason) -> &str {
    match reason {
        DeathReason::Rejected => "rejected",
        DeathReason::Expired => "expired",
        DeathReason::MaxLength => "maxlen",
        DeathReason::DeliveryLimit => "delivery_limit",
        DeathReason::Other(word) => word,
    }
}

/// The death history as a header would hold it.
fn deaths_as_value(deaths: &[Death]) -> Value {
    let as_table = |death: &Death| {
        let mut table = Table::new();
        table.push("queue", death.queue.as_str());
        table.push("reason", word(&death.reason));
        table.push("count", Value::I64(i64::try_from(death.count).unwrap_or(i64::MAX)));
        if let Some(at) = death.at {
            table.push("time-ms", Value::I64(at.as_millisecond()));
        }
        if let Some(exchange) = &death.exchange {
            table.push("exchange", exchange.as_str());
        }
        let keys = death.routing_keys.iter().map(|key| Value::from(key.as_str())).collect();
        table.push("routing-keys", Value::Array(keys));
        Value::Table(table)
    };
    Value::Array(deaths.iter().map(as_table).collect())
}
