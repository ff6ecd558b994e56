//! Every type of AMQP, out of a real queue and into another, bit by bit.

use std::collections::BTreeSet;

use broker::{Driver, Name, Purpose, Target, Value, property};
use lapin::protocol::basic::AMQPProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldTable, LongString, ShortString};
use rabbitmq::RabbitDriver;
use support::client::arguments;
use support::contract::scene::{accepting, ask, read};
use support::{Rabbit, Taken, Version, Vhost};

support::on_every_version!(
    every_type_of_header_comes_out_as_it_went_in,
    every_property_survives_a_redrive,
    ten_thousand_headers_are_read_and_sent_again,
    headers_larger_than_a_frame_are_refused_and_said,
    two_headers_alike_in_name_only,
);

fn all_types() -> Vec<(&'static str, AMQPValue, Value)> {
    let nested: FieldTable = arguments(&[
        ("deep", AMQPValue::FieldTable(arguments(&[("deeper", AMQPValue::LongLongInt(i64::MIN))]))),
        ("list", AMQPValue::FieldArray(vec![AMQPValue::Void, AMQPValue::Boolean(false)].into())),
    ]);
    let nested_ours = [
        ("deep", Value::Table([("deeper", Value::I64(i64::MIN))].into_iter().collect())),
        ("list", Value::Array(vec![Value::Void, Value::Bool(false)])),
    ];
    let mixed = vec![AMQPValue::LongInt(-1), AMQPValue::LongString(LongString::from("two")), AMQPValue::Void];
    vec![
        ("void", AMQPValue::Void, Value::Void),
        ("yes", AMQPValue::Boolean(true), Value::Bool(true)),
        ("no", AMQPValue::Boolean(false), Value::Bool(false)),
        ("int8 min", AMQPValue::ShortShortInt(i8::MIN), Value::I8(i8::MIN)),
        ("uint8 max", AMQPValue::ShortShortUInt(u8::MAX), Value::U8(u8::MAX)),
        ("int16 min", AMQPValue::ShortInt(i16::MIN), Value::I16(i16::MIN)),
        ("uint16 max", AMQPValue::ShortUInt(u16::MAX), Value::U16(u16::MAX)),
        ("int32 min", AMQPValue::LongInt(i32::MIN), Value::I32(i32::MIN)),
        ("uint32 max", AMQPValue::LongUInt(u32::MAX), Value::U32(u32::MAX)),
        ("int64 min", AMQPValue::LongLongInt(i64::MIN), Value::I64(i64::MIN)),
        ("int64 max", AMQPValue::LongLongInt(i64::MAX), Value::I64(i64::MAX)),
        ("float32", AMQPValue::Float(0.1), Value::F32(0.1_f32.to_bits())),
        ("float64", AMQPValue::Double(-0.0), Value::F64((-0.0_f64).to_bits())),
        ("float64 max", AMQPValue::Double(f64::MAX), Value::F64(f64::MAX.to_bits())),
        (
            "decimal",
            AMQPValue::DecimalValue(DecimalValue { scale: 2, value: u32::MAX }),
            Value::Decimal { scale: 2, value: u32::MAX },
        ),
        ("text", AMQPValue::LongString(LongString::from("grün 🚗")), Value::from("grün 🚗")),
        ("empty text", AMQPValue::LongString(LongString::from("")), Value::from("")),
        (
            "no UTF-8",
            AMQPValue::LongString(LongString::from(vec![0xff, 0x00, 0xc3])),
            Value::Text(vec![0xff, 0x00, 0xc3]),
        ),
        ("bytes", AMQPValue::ByteArray(vec![0, 255, 10].into()), Value::Bytes(vec![0, 255, 10])),
        ("time", AMQPValue::Timestamp(1_767_225_600), Value::Timestamp(1_767_225_600)),
        ("time max", AMQPValue::Timestamp(u64::MAX), Value::Timestamp(u64::MAX)),
        (
            "array",
            AMQPValue::FieldArray(mixed.into()),
            Value::Array(vec![Value::I32(-1), Value::from("two"), Value::Void]),
        ),
        ("empty array", AMQPValue::FieldArray(Vec::new().into()), Value::Array(Vec::new())),
        ("table", AMQPValue::FieldTable(nested), Value::Table(nested_ours.into_iter().collect())),
        ("empty table", AMQPValue::FieldTable(FieldTable::default()), Value::Table(broker::Table::new())),
    ]
}

/// Reads the only message of a queue through the port, sends it to another, and gives the first back.
async fn carry(vhost: &Vhost, from: &str, to: &str) -> broker::Message {
    let broker = RabbitDriver.open(&vhost.settings(), &vhost.secret()).await.expect("the broker is there");
    let look = accepting(broker.as_ref(), RabbitDriver.rules().as_ref(), ask(from, Purpose::Look { n: 1 })).await;
    let lease = broker.lease(look).await.expect("the lease opens");
    let mut held = read(&lease, 1).await;
    assert_eq!(held.len(), 1, "there is one message in `{from}`");
    let message = held.remove(0).message;
    let outgoing = RabbitDriver.rules().prepare(&message, &Target::Queue { queue: to.into() }).outgoing;
    let publisher = broker.publisher(broker::Order::Strict).await.expect("the publisher opens");
    assert_eq!(publisher.publish(vec![outgoing]).await, [broker::PublishOutcome::Confirmed]);
    lease.close().await.expect("the lease closes");
    broker.close().await;
    message
}

/// The names of all headers but the one that a quorum queue of 3.10 adds for whoever reads it.
fn names_of(taken: &Taken) -> BTreeSet<&str> {
    let headers = taken.properties.headers().as_ref().expect("it has headers");
    headers.inner().keys().map(ShortString::as_str).filter(|name| *name != "x-delivery-count").collect()
}

fn names_of_pairs<'a>(pairs: &[(&'a str, AMQPValue)]) -> BTreeSet<&'a str> {
    pairs.iter().map(|(name, _)| *name).collect()
}

async fn every_type_of_header_comes_out_as_it_went_in(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    for kind in ["classic", "quorum"] {
        let (from, to) = (format!("{kind} from"), format!("{kind} to"));
        for queue in [&from, &to] {
            client.declare(queue, &[("x-queue-type", support::client::text(kind))]).await;
        }
        let pairs: Vec<_> = all_types().into_iter().map(|(name, amqp, _)| (name, amqp)).collect();
        let headers = arguments(&pairs);
        client.publish("", &from, b"body", AMQPProperties::default().with_headers(headers.clone())).await;
        let message = carry(&vhost, &from, &to).await;
        for (name, _, ours) in all_types() {
            assert_eq!(message.headers.get(name), Some(&ours), "header `{name}`, read from a {kind} queue");
        }
        let taken = client.take(&to).await.expect("it was sent");
        for (name, amqp, _) in all_types() {
            assert_eq!(taken.header(name), Some(&amqp), "header `{name}`, sent to a {kind} queue");
        }
        assert_eq!(names_of(&taken), names_of_pairs(&pairs), "nothing is added ({kind})");
    }
}

async fn every_property_survives_a_redrive(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    for queue in ["from", "to"] {
        client.classic(queue).await;
    }
    let properties = AMQPProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(2)
        .with_priority(7)
        .with_correlation_id("c-1".into())
        .with_reply_to("answers".into())
        .with_message_id("m-1".into())
        .with_timestamp(1_767_225_600)
        .with_type("order.paid".into())
        .with_app_id("shop".into());
    client.publish("", "from", b"{}", properties.clone()).await;
    let message = carry(&vhost, "from", "to").await;
    assert_eq!(message.content_type(), Some("application/json"));
    assert_eq!(message.message_id(), Some("m-1"));
    assert_eq!(message.properties.text(property::CORRELATION_ID), Some("c-1"));
    assert_eq!(message.published_at().map(|at| at.as_second()), Some(1_767_225_600));
    let taken = client.take("to").await.expect("it was sent");
    let bare = |properties: &AMQPProperties| {
        let mut text = format!("{properties:?}");
        // No headers and empty headers are the same message.
        text = text.replace("headers: Some(FieldTable({}))", "headers: None");
        text
    };
    assert_eq!(bare(&taken.properties), bare(&properties), "nothing is dropped and nothing is added");
}

async fn ten_thousand_headers_are_read_and_sent_again(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    for queue in ["from", "to"] {
        client.classic(queue).await;
    }
    let mut headers = FieldTable::default();
    for n in 0..10_000 {
        headers.insert(format!("{n:04}").as_str().into(), AMQPValue::Boolean(n % 2 == 0));
    }
    client.publish("", "from", b"many", AMQPProperties::default().with_headers(headers.clone())).await;
    let message = carry(&vhost, "from", "to").await;
    assert_eq!(message.headers.len(), 10_000);
    assert_eq!(message.headers.get("9998"), Some(&Value::Bool(true)));
    let taken = client.take("to").await.expect("it was sent");
    assert!(taken.properties.headers().as_ref() == Some(&headers), "every header arrived as it was");
    assert_eq!(client.count("from").await, 1, "the original is where it was");
}

/// AMQP 0-9-1 cannot send them: properties and headers share one frame.
async fn headers_larger_than_a_frame_are_refused_and_said(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.classic("to").await;
    let broker = RabbitDriver.open(&vhost.settings(), &vhost.secret()).await.expect("the broker is there");
    let mut large = support::contract::scene::to_queue("to", "large");
    for n in 0..10_000 {
        large.headers.push(format!("a longer name {n:04}").as_str(), "and a value");
    }
    let small = support::contract::scene::to_queue("to", "small");
    let publisher = broker.publisher(broker::Order::Strict).await.expect("the publisher opens");
    let outcomes = publisher.publish(vec![small.clone(), large, small]).await;
    let broker::PublishOutcome::Refused(why) = &outcomes[1] else { panic!("not refused: {outcomes:?}") };
    assert!(why.contains("header"), "it names the cause: {why}");
    assert_eq!(outcomes[0], broker::PublishOutcome::Confirmed, "the others are not concerned");
    assert_eq!(outcomes[2], broker::PublishOutcome::Confirmed, "the others are not concerned");
    assert_eq!(client.take_bodies("to").await, ["small", "small"]);
}

async fn two_headers_alike_in_name_only(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    for queue in ["from", "to"] {
        client.quorum(queue).await;
    }
    let names = ["Tenant", "tenant", "tenant ", "", "grün", "a.b[c]", "\u{1f697}"];
    let pairs: Vec<_> = names.iter().map(|name| (*name, support::client::text(name))).collect();
    client.publish("", "from", b"", AMQPProperties::default().with_headers(arguments(&pairs))).await;
    let message = carry(&vhost, "from", "to").await;
    for name in names {
        assert_eq!(message.headers.text(name), Some(name), "header `{name}`");
    }
    let read: Vec<&Name> = message.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(read.len(), names.len(), "{read:?}");
    let taken = client.take("to").await.expect("it was sent");
    assert_eq!(names_of(&taken), names_of_pairs(&pairs));
    for name in names {
        assert_eq!(taken.text(name), Some(name), "header `{name}`");
    }
}
