//! What the car shop's programs say to each other.

use broker::{Message, Table, Value, property};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::dice::Dice;

const CARS: [(&str, &str); 8] = [
    ("Volkswagen", "Golf VII"),
    ("Škoda", "Octavia Combi"),
    ("Toyota", "Corolla"),
    ("Volvo", "V60"),
    ("Renault", "Zoe"),
    ("Ford", "Transit Custom"),
    ("BMW", "320d"),
    ("Hyundai", "Ioniq 5"),
];
const PARTS: [(&str, &str, u64); 8] = [
    ("BRK-PAD-0417", "Brake pads, front axle", 4_890),
    ("FLT-OIL-1120", "Oil filter", 1_290),
    ("BAT-12V-0070", "Battery 12 V 70 Ah", 11_900),
    ("TYR-205-5516", "Tyre 205/55 R16", 8_450),
    ("WPR-SET-0600", "Wiper blades, set", 2_390),
    ("CLT-KIT-2033", "Clutch kit", 31_900),
    ("SPK-PLG-0004", "Spark plugs, set of 4", 3_480),
    ("BLT-TIM-0815", "Timing belt kit", 16_700),
];
const NAMES: [&str; 8] = [
    "Ana Kovač",
    "Jörg Weiß",
    "Chloé Martin",
    "Piotr Nowak",
    "Siobhán Byrne",
    "Mehmet Yılmaz",
    "Ingrid Sørensen",
    "Luca Bianchi",
];

/// Makes one message that was published at that time.
pub(super) type Make = fn(&mut Dice, Timestamp) -> Message;

/// A message as a program of the shop publishes it at that time.
pub(super) fn message(dice: &mut Dice, at: Timestamp, kind: &str, content_type: &str, body: Vec<u8>) -> Message {
    let app = match kind.split('.').next() {
        Some("order") => "web-shop",
        Some("payment") => "checkout-api",
        Some("job") => "workshop-planner",
        Some("part") => "parts-store",
        Some("invoice") => "billing",
        _ => "back-office",
    };
    let mut properties = Table::new();
    properties.push(property::CONTENT_TYPE, content_type);
    properties.push("delivery-mode", Value::U8(2));
    properties.push(property::CORRELATION_ID, dice.uuid());
    properties.push(property::MESSAGE_ID, dice.uuid());
    properties.push(property::TIMESTAMP, Value::Timestamp(u64::try_from(at.as_second()).unwrap_or(0)));
    properties.push("type", kind);
    properties.push("app-id", app);
    let mut headers = Table::new();
    headers.push("tenant", dice.pick(&["shop-north", "shop-south", "shop-harbour"]));
    headers.push("schema", format!("{kind}.v2"));
    headers.push("traceparent", format!("00-{:016x}{:016x}-{:016x}-01", dice.roll(), dice.roll(), dice.roll()));
    Message { body, properties, headers, ..Message::default() }
}

pub(super) fn json_message(dice: &mut Dice, at: Timestamp, kind: &str, details: Json) -> Message {
    let mut body = json!({
        "eventId": dice.uuid(),
        "type": kind,
        "occurredAt": at.to_string(),
    });
    if let (Json::Object(body), Json::Object(details)) = (&mut body, details) {
        body.extend(details);
    }
    message(dice, at, kind, "application/json", body.to_string().into_bytes())
}

fn order_id(dice: &mut Dice) -> String {
    format!("CS-{}", dice.between(40_000, 99_999))
}

fn vin(dice: &mut Dice) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
    (0..17).map(|_| char::from(dice.pick(LETTERS))).collect()
}

fn lines(dice: &mut Dice, n: u64) -> Vec<Json> {
    let line = |_| {
        let (sku, title, price) = dice.pick(&PARTS);
        json!({ "sku": sku, "title": title, "quantity": dice.between(1, 5), "priceMinor": price })
    };
    (0..n).map(line).collect()
}

fn vehicle(dice: &mut Dice) -> Json {
    let (make, model) = dice.pick(&CARS);
    json!({ "vin": vin(dice), "make": make, "model": model, "year": dice.between(2009, 2026) })
}

pub(super) fn order(dice: &mut Dice, at: Timestamp) -> Message {
    let count = dice.between(1, 5);
    let details = json!({
        "order": { "id": order_id(dice), "currency": "EUR", "lines": lines(dice, count) },
        "customer": { "id": dice.between(10_000, 99_999), "name": dice.pick(&NAMES), "vatNumber": null },
        "vehicle": vehicle(dice),
    });
    json_message(dice, at, "order.placed", details)
}

pub(super) fn payment(dice: &mut Dice, at: Timestamp) -> Message {
    let (id, total) = (order_id(dice), dice.between(1_290, 90_000));
    let details = json!({
        "order": { "id": id, "currency": "EUR", "totalMinor": total },
        "payment": {
            "method": dice.pick(&["card", "transfer", "cash on pick-up"]),
            "gateway": dice.pick(&["north-1", "north-2", "south-1"]),
            "idempotencyKey": format!("cap-{id}-1"),
            "timeoutMs": 5_000,
            "captureFinal": true,
        },
    });
    let mut message = json_message(dice, at, "payment.capture", details);
    message.headers.push("attempt", Value::I32(1));
    message.headers.push("amount", Value::Decimal { scale: 2, value: u32::try_from(total).unwrap_or(0) });
    message.headers.push("captureFinal", Value::Bool(true));
    message
}

pub(super) fn job(dice: &mut Dice, at: Timestamp) -> Message {
    let details = json!({
        "job": {
            "id": format!("WJ-{}", dice.between(1_000, 9_999)),
            "bay": dice.between(1, 7),
            "work": dice.pick(&["service", "brakes", "tyres", "clutch", "diagnosis", "air conditioning"]),
            "minutes": dice.between(2, 16) * 15,
        },
        "vehicle": vehicle(dice),
    });
    let mut message = json_message(dice, at, "job.planned", details);
    message.headers.push("priority", Value::U8(dice.pick(&[1, 5, 9])));
    let due = at.as_second() + 86_400;
    message.headers.push("due", Value::Timestamp(u64::try_from(due).unwrap_or(0)));
    message
}

pub(super) fn reservation(dice: &mut Dice, at: Timestamp) -> Message {
    let (sku, title, _) = dice.pick(&PARTS);
    let version = dice.between(1, 40);
    let details = json!({
        "order": order_id(dice),
        "part": { "sku": sku, "title": title, "quantity": dice.between(1, 5) },
        "warehouse": dice.pick(&["north", "south", "harbour"]),
        "version": version,
    });
    let mut message = json_message(dice, at, "part.reserve", details);
    message.headers.push("version", Value::I64(i64::try_from(version).unwrap_or(1)));
    message
}

pub(super) fn invoice(dice: &mut Dice, at: Timestamp) -> Message {
    let count = dice.between(1, 4);
    let number = format!("2026-{:06}", dice.between(1, 400_000));
    let details = json!({
        "invoice": { "number": number, "currency": "EUR", "lines": lines(dice, count) },
        "customer": { "name": dice.pick(&NAMES), "country": dice.pick(&["DE", "FR", "PL", "IE", "HR"]) },
    });
    let mut message = json_message(dice, at, "invoice.requested", details);
    let mut render = Table::new();
    render.push("template", "invoice-a4");
    render.push("copies", Value::U8(2));
    render.push("zoom", Value::F64(1.25_f64.to_bits()));
    message.headers.push("render", Value::Table(render));
    message.headers.push("languages", Value::Array(vec!["de".into(), "en".into()]));
    message
}

pub(super) fn customer(dice: &mut Dice, at: Timestamp) -> Message {
    let details = json!({ "customer": {
        "id": dice.between(10_000, 99_999),
        "name": dice.pick(&NAMES),
        "newsletter": dice.between(0, 2) == 1,
    } });
    json_message(dice, at, "customer.changed", details)
}

pub(super) fn reminder(dice: &mut Dice, at: Timestamp) -> Message {
    let details =
        json!({ "vehicle": vehicle(dice), "remindOf": dice.pick(&["inspection", "oil change", "winter tyres"]) });
    json_message(dice, at, "job.reminder", details)
}

pub(super) fn quote(dice: &mut Dice, at: Timestamp) -> Message {
    let details = json!({
        "quote": { "id": format!("Q-{}", dice.between(1_000, 9_999)), "totalMinor": dice.between(9_000, 250_000) },
        "vehicle": vehicle(dice),
        "validMinutes": 10,
    });
    json_message(dice, at, "order.quote", details)
}

pub(super) fn screen(dice: &mut Dice, at: Timestamp) -> Message {
    let bay = dice.between(1, 7);
    json_message(dice, at, "screen.refresh", json!({ "bay": bay, "show": "queue" }))
}

/// A supplier's price list, as one of them still sends it.
pub(super) fn price_list(dice: &mut Dice, at: Timestamp) -> Message {
    let (sku, title, price) = dice.pick(&PARTS);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<priceList supplier=\"Nordteile\" currency=\"EUR\">\n  \
         <item sku=\"{sku}\">\n    <title>{title}</title>\n    <price>{}.{:02}</price>\n    <stock>{}\n  \
         </item>\n</priceList>\n",
        price / 100,
        price % 100,
        dice.between(0, 90),
    );
    message(dice, at, "part.prices", "application/xml", body.into_bytes())
}

/// A scanned form: the beginning of a PNG and noise.
pub(super) fn scan(dice: &mut Dice, at: Timestamp) -> Message {
    let mut body = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    body.extend((0..250).flat_map(|_| dice.roll().to_be_bytes()));
    let mut scan = message(dice, at, "job.scan", "image/png", body);
    scan.headers.push("sha256-prefix", Value::Bytes(dice.roll().to_be_bytes().to_vec()));
    scan
}

pub(super) fn note(dice: &mut Dice, at: Timestamp) -> Message {
    let body = format!("Customer {} called: please ring back before 17:00.\n", dice.pick(&NAMES));
    message(dice, at, "job.note", "text/plain; charset=utf-8", body.into_bytes())
}

/// A whole catalogue in one message: a body of at least 200 kB.
pub(super) fn catalogue(dice: &mut Dice, at: Timestamp) -> Message {
    let items = lines(dice, 2_600);
    json_message(dice, at, "part.catalogue", json!({ "supplier": "Nordteile", "items": items }))
}
