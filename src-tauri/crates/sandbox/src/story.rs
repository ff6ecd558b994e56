//! The demo: a car shop with a few queues, gentle traffic, and a day's worth of failures to look at.

mod dead;
mod dice;
mod payload;
#[cfg(test)]
mod tests;

use broker::{Message, Routing, Table, Target};
use jiff::{SignedDuration, Timestamp};

use crate::engine::consumer::{Consumer, Verdict};
use crate::engine::queue::Content;
use crate::engine::{Bound, Engine};
use crate::setup::{ExchangeKind, QueueSetup, Returns};
use dice::Dice;
use payload::Make;

/// The same story every time.
const SEED: u64 = 4711;
/// What was missed while nobody was connected is not made up for.
const CATCH_UP: SignedDuration = SignedDuration::from_secs(5);

/// One program of the shop that publishes now and then.
#[derive(Debug)]
struct Stream {
    exchange: &'static str,
    key: &'static str,
    every_ms: u64,
    make: Make,
    /// It is silent while that queue holds so many.
    until: Option<(&'static str, usize)>,
    next_at: Timestamp,
}

/// The car shop's traffic.
#[derive(Debug)]
pub(crate) struct Story {
    dice: Dice,
    streams: Vec<Stream>,
}

impl Story {
    /// Declares the shop's queues, lays out what has failed and what waits, and starts the consumers.
    pub(crate) fn begin(engine: &mut Engine) -> Self {
        let mut dice = Dice::new(SEED);
        declare(engine);
        bind(engine);
        dead::of_orders(engine, &mut dice);
        dead::of_parts(engine, &mut dice);
        wait_in_queues(engine, &mut dice);
        engine.consumers = consumers();
        let now = engine.now();
        Self { dice, streams: streams(now) }
    }

    /// Publishes what is due by the engine's time.
    pub(crate) fn go_on(&mut self, engine: &mut Engine) {
        let now = engine.now();
        for stream in &mut self.streams {
            let earliest = now.saturating_sub(CATCH_UP).unwrap_or(now);
            stream.next_at = stream.next_at.max(earliest);
            while stream.next_at <= now {
                let jitter = self.dice.between(700, 1_301);
                let pause = i64::try_from(stream.every_ms * jitter / 1_000).unwrap_or(i64::MAX);
                let next_at = stream.next_at.saturating_add(SignedDuration::from_millis(pause.max(1)));
                stream.next_at = next_at.unwrap_or(Timestamp::MAX);
                let is_full = stream.until.is_some_and(|(queue, max)| {
                    engine.queues.get(&queue.into()).is_none_or(|queue| queue.ready.len() >= max)
                });
                if is_full {
                    continue;
                }
                let message = (stream.make)(&mut self.dice, now);
                let target = Target::Exchange { exchange: stream.exchange.into(), key: stream.key.to_owned() };
                // A user may have deleted the exchange's queues: then it is as on any broker, the message is dropped.
                engine.publish(&target, message).ok();
            }
        }
    }
}

fn declare(engine: &mut Engine) {
    for (name, kind) in [
        ("orders", ExchangeKind::Topic),
        ("workshop", ExchangeKind::Direct),
        ("parts", ExchangeKind::Direct),
        ("customers", ExchangeKind::Fanout),
        ("showroom.screens", ExchangeKind::Fanout),
        ("dlx", ExchangeKind::Direct),
    ] {
        engine.declare_exchange(name.into(), kind);
    }
    let quorum = |name: &str, limit| QueueSetup::new(name).returning(Returns::Counts { limit: Some(limit) });
    let classic = |name: &str| QueueSetup::new(name);
    for setup in [
        classic("orders.new").dead_letters_to_key("dlx", "orders"),
        quorum("orders.payment", 20).dead_letters_to_key("dlx", "orders"),
        classic("orders.payment.retry").ttl_ms(30_000).dead_letters_to_key("orders", "payment.capture"),
        quorum("workshop.jobs", 20).dead_letters_to_key("dlx", "orders"),
        classic("workshop.reminders").ttl_ms(6 * 3_600_000).dead_letters_to_key("dlx", "orders"),
        quorum("parts.reserve", 5).dead_letters_to_key("dlx", "parts"),
        classic("parts.prices").dead_letters_to_key("dlx", "orders"),
        classic("invoices").dead_letters_to_key("dlx", "orders"),
        classic("customers.crm"),
        classic("quotes.offers").ttl_ms(600_000).dead_letters_to_key("dlx", "quotes"),
        classic("quotes.lapsed").ttl_ms(3_600_000),
        classic("orders.dead"),
        classic("orders.audit").dead_letters_to_key("dlx", "orders"),
        QueueSetup::new("parts.reserve.dead").returning(Returns::Destroys { limit: 5 }).keeps_counts(),
    ] {
        engine.declare_queue(setup);
    }
}

fn bind(engine: &mut Engine) {
    for (exchange, key, queue) in [
        ("orders", "order.placed", "orders.new"),
        ("orders", "payment.*", "orders.payment"),
        ("orders", "invoice.#", "invoices"),
        ("orders", "order.quote", "quotes.offers"),
        ("workshop", "job.planned", "workshop.jobs"),
        ("workshop", "job.reminder", "workshop.reminders"),
        ("parts", "reserve", "parts.reserve"),
        ("parts", "prices", "parts.prices"),
        ("customers", "", "customers.crm"),
        ("dlx", "orders", "orders.dead"),
        ("dlx", "parts", "parts.reserve.dead"),
        ("dlx", "quotes", "quotes.lapsed"),
        ("dlx", "retry", "orders.payment.retry"),
    ] {
        engine.bindings.insert(Bound { exchange: exchange.into(), key: key.to_owned(), queue: queue.into() });
    }
}

/// What already waits: customers whom nobody synchronises, and invoices that pile up.
fn wait_in_queues(engine: &mut Engine, dice: &mut Dice) {
    let now = engine.now();
    let ago = |s: i64| now.saturating_sub(SignedDuration::from_secs(s)).unwrap_or(now);
    let waiting: [(_, _, _, _, _, Make); 3] = [
        ("customers.crm", "customers", "", 42, 1_800, payload::customer),
        ("invoices", "orders", "invoice.requested", 30, 3, payload::invoice),
        ("workshop.reminders", "workshop", "job.reminder", 12, 1_500, payload::reminder),
    ];
    for (queue, exchange, key, count, apart_s, make) in waiting {
        for n in (1..=count).rev() {
            let at = ago(n * apart_s);
            let mut message = make(dice, at);
            message.routing = Routing { exchange: exchange.into(), key: key.to_owned() };
            engine.place(&queue.into(), message, at);
        }
    }
}

fn consumers() -> Vec<Consumer> {
    vec![
        Consumer::new("orders.new", 10, 900, done),
        Consumer::new("orders.new", 10, 1_100, done),
        Consumer::new("orders.payment", 5, 900, capture_payment),
        Consumer::new("workshop.jobs", 2, 1_600, done),
        Consumer::new("parts.reserve", 5, 800, reserve_part),
        Consumer::new("parts.prices", 1, 500, done),
        Consumer::new("invoices", 10, 2_500, done),
    ]
}

fn streams(now: Timestamp) -> Vec<Stream> {
    let stream = |exchange, key, every_ms, make, until| Stream { exchange, key, every_ms, make, until, next_at: now };
    vec![
        stream("orders", "order.placed", 1_100, payload::order, None),
        stream("orders", "payment.capture", 1_700, payload::payment, None),
        stream("orders", "invoice.requested", 3_200, payload::invoice, Some(("invoices", 200))),
        stream("orders", "order.quote", 15_000, payload::quote, None),
        stream("workshop", "job.planned", 2_400, payload::job, None),
        stream("parts", "reserve", 1_900, payload::reservation, None),
        stream("showroom.screens", "", 8_000, payload::screen, None),
        stream("orders", "payment.capture", 45_000, old_payment, Some(("orders.dead", 400))),
        stream("parts", "reserve", 180_000, poison, Some(("parts.reserve.dead", 60))),
    ]
}

/// A payment of an older shop version, which the consumer refuses until somebody mends it.
fn old_payment(dice: &mut Dice, at: Timestamp) -> Message {
    let mut message = payload::payment(dice, at);
    message.headers.set("schema", "payment.capture.v1");
    message
}

/// A reservation that fails, is put back, and fails again until it dies of its limit.
fn poison(dice: &mut Dice, at: Timestamp) -> Message {
    let mut message = payload::reservation(dice, at);
    message.headers.set("schema", "part.reserve.v1");
    message
}

fn done(_: &Content) -> Verdict {
    Verdict::Done
}

fn capture_payment(content: &Content) -> Verdict {
    if content.headers.text("schema") != Some("payment.capture.v1") {
        return Verdict::Done;
    }
    let mut note = Table::new();
    note.push("x-exception-type", "UnsupportedSchema");
    note.push("x-exception-message", "Schema payment.capture.v1 is no longer supported, expected v2");
    Verdict::Reject(note)
}

fn reserve_part(content: &Content) -> Verdict {
    if content.headers.text("schema") == Some("part.reserve.v1") { Verdict::Requeue } else { Verdict::Done }
}
