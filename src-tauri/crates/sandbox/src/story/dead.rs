//! What has already failed when the story begins.

use broker::{Death, DeathReason, Message, Routing, Value};
use jiff::{SignedDuration, Timestamp};

use super::dice::Dice;
use super::payload::{self, Make};
use crate::engine::Engine;

/// What a framework notes on a message that it gives up: the exception's type, and its text.
type Exception = (&'static str, fn(&mut Dice) -> String);

/// Some dead letters with the same cause.
struct Cause {
    count: u64,
    queue: &'static str,
    /// How they had come there.
    exchange: &'static str,
    key: &'static str,
    reason: DeathReason,
    make: Make,
    exception: Option<Exception>,
    /// The first died so long ago, the last a moment ago.
    since_min: u64,
}

/// Lays out the dead letters of orders, several causes mixed in the order in which they died.
pub(super) fn of_orders(engine: &mut Engine, dice: &mut Dice) {
    let now = engine.now();
    let mut dead: Vec<_> = causes().iter().flat_map(|cause| of_one_cause(cause, dice, now)).collect();
    dead.extend(retried(dice, now));
    dead.extend(lone(dice, now));
    place(engine, "orders.dead", dead);
}

/// Lays out the dead letters of parts. Most died of their limit and carry their count: giving one back destroys it.
pub(super) fn of_parts(engine: &mut Engine, dice: &mut Dice) {
    let now = engine.now();
    let by_limit = Cause { count: 16, reason: DeathReason::DeliveryLimit, exception: None, ..stock_conflict() };
    let refused = Cause { count: 8, ..stock_conflict() };
    let mut dead = Vec::new();
    for (cause, delivery_count) in [(by_limit, 6), (refused, 1)] {
        for (at, mut message) in of_one_cause(&cause, dice, now) {
            message.delivery_count = Some(delivery_count);
            message.routing.key = "parts".to_owned();
            dead.push((at, message));
        }
    }
    place(engine, "parts.reserve.dead", dead);
}

fn place(engine: &mut Engine, queue: &str, mut dead: Vec<(Timestamp, Message)>) {
    dead.sort_by_key(|(at, _)| *at);
    for (at, message) in dead {
        engine.place(&queue.into(), message, at);
    }
}

fn stock_conflict() -> Cause {
    Cause {
        count: 0,
        queue: "parts.reserve",
        exchange: "parts",
        key: "reserve",
        reason: DeathReason::Rejected,
        make: payload::reservation,
        exception: Some(("InventoryConflict", |dice| {
            let expected = dice.between(2, 40);
            format!("Version {expected} expected, found {}", expected + dice.between(1, 4))
        })),
        since_min: 3_000,
    }
}

fn causes() -> Vec<Cause> {
    let rejected = |count, queue, (exchange, key), make, since_min| Cause {
        count,
        queue,
        exchange,
        key,
        reason: DeathReason::Rejected,
        make,
        exception: None,
        since_min,
    };
    vec![
        Cause {
            exception: Some(("PaymentGatewayTimeout", |_| "Gateway did not answer within 5000 ms".to_owned())),
            ..rejected(64, "orders.payment", ("orders", "payment.capture"), payload::payment, 95)
        },
        Cause {
            exception: Some(("JsonMappingException", |_| {
                "Unrecognized field \"vatNumber\", class InvoiceCustomer".to_owned()
            })),
            ..rejected(34, "invoices", ("orders", "invoice.requested"), payload::invoice, 4_200)
        },
        Cause {
            exception: Some(("VinNotFound", |dice| {
                format!("No vehicle with VIN ending {:04} in the register", dice.between(0, 9_999))
            })),
            ..rejected(23, "workshop.jobs", ("workshop", "job.planned"), payload::job, 5_400)
        },
        Cause {
            exception: stock_conflict().exception,
            ..rejected(27, "orders.new", ("orders", "order.placed"), payload::order, 3_000)
        },
        Cause {
            exception: Some(("XmlStreamException", |dice| {
                format!(
                    "Element type \"stock\" must be terminated by the matching end-tag, line {}",
                    dice.between(4, 9)
                )
            })),
            ..rejected(9, "parts.prices", ("parts", "prices"), payload::price_list, 6_000)
        },
        Cause {
            reason: DeathReason::Expired,
            ..rejected(18, "workshop.reminders", ("workshop", "job.reminder"), payload::reminder, 2_000)
        },
        rejected(7, "orders.new", ("orders", "order.placed"), payload::order, 1_500),
        Cause {
            reason: DeathReason::MaxLength,
            ..rejected(4, "orders.audit", ("orders", "order.placed"), payload::order, 700)
        },
    ]
}

fn of_one_cause(cause: &Cause, dice: &mut Dice, now: Timestamp) -> Vec<(Timestamp, Message)> {
    let span_ms = cause.since_min * 60_000;
    let one = |n: u64| {
        let ago_ms =
            span_ms - span_ms * n / cause.count.max(1) - dice.between(0, 30_000).min(span_ms / cause.count.max(1));
        let died_at = before(now, ago_ms);
        let published_at = before(died_at, dice.between(400, 20_000));
        let message = (cause.make)(dice, published_at);
        (died_at, bury(message, cause, dice, died_at))
    };
    (0..cause.count).map(one).collect()
}

fn bury(mut message: Message, cause: &Cause, dice: &mut Dice, at: Timestamp) -> Message {
    if let Some((kind, text)) = cause.exception {
        message.headers.push("x-exception-type", kind);
        message.headers.push("x-exception-message", text(dice));
        message.headers.push("x-exception-host", dice.pick(&["worker-1", "worker-2", "worker-3"]));
    }
    message.deaths = vec![death(cause.queue, cause.reason.clone(), 1, at, cause.exchange, cause.key)];
    message.routing = Routing { exchange: "dlx".into(), key: "orders".to_owned() };
    message.redelivered = Some(false);
    message
}

fn death(queue: &str, reason: DeathReason, count: u64, at: Timestamp, exchange: &str, key: &str) -> Death {
    let exchange = Some(exchange.into());
    Death { queue: queue.into(), reason, count, at: Some(at), exchange, routing_keys: vec![key.to_owned()] }
}

/// Payments that went round a retry loop three times before they were given up.
fn retried(dice: &mut Dice, now: Timestamp) -> Vec<(Timestamp, Message)> {
    let one = |n: u64| {
        let died_at = before(now, 60_000 * (4 + 9 * n));
        let cause = &causes()[0];
        let mut message = bury(payload::payment(dice, before(died_at, 62_000)), cause, dice, died_at);
        message.headers.set("attempt", Value::I32(3));
        let rejected = before(died_at, 61_000);
        message.deaths = vec![
            death("orders.payment", DeathReason::Rejected, 3, rejected, "orders", "payment.capture"),
            death("orders.payment.retry", DeathReason::Expired, 2, before(died_at, 31_000), "dlx", "retry"),
        ];
        (died_at, message)
    };
    (0..10).map(one).collect()
}

/// One of a kind each: a queue that is gone, a large body, a picture, a text.
fn lone(dice: &mut Dice, now: Timestamp) -> Vec<(Timestamp, Message)> {
    let cause = |queue, (exchange, key), make, exception| Cause {
        count: 1,
        queue,
        exchange,
        key,
        reason: DeathReason::Rejected,
        make,
        exception,
        since_min: 0,
    };
    let causes: [(u64, Cause); 4] = [
        (9_000, cause("orders.legacy-import", ("orders", "order.placed"), payload::order, None)),
        (
            340,
            cause(
                "parts.prices",
                ("parts", "prices"),
                payload::catalogue,
                Some(("PayloadTooLarge", |_| "Catalogue has more than 2500 items".to_owned())),
            ),
        ),
        (
            210,
            cause(
                "workshop.jobs",
                ("workshop", "job.planned"),
                payload::scan,
                Some(("JsonParseException", |_| {
                    "Unexpected character (code 137 / 0x89) at line 1, column 1".to_owned()
                })),
            ),
        ),
        (
            45,
            cause(
                "workshop.jobs",
                ("workshop", "job.planned"),
                payload::note,
                Some(("JsonParseException", |_| "Unrecognized token 'Customer' at line 1, column 1".to_owned())),
            ),
        ),
    ];
    let one = |(ago_min, cause): &(u64, Cause)| {
        let died_at = before(now, ago_min * 60_000);
        let message = (cause.make)(dice, before(died_at, 2_000));
        (died_at, bury(message, cause, dice, died_at))
    };
    causes.iter().map(one).collect()
}

fn before(at: Timestamp, ms: u64) -> Timestamp {
    at.saturating_sub(SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))).unwrap_or(at)
}
