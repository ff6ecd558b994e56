use broker::{Error, Message, REDRIVE_HEADER, RedriveId, Routing, Table, Value, property};
use lapin::BasicProperties;
use lapin::types::ShortString;

use super::deaths::deaths_from;
use super::table::{table_from, table_to, unsendable};

/// A delivered message, the body moved and not copied. `counts`: it comes from a queue that counts returns (quorum), so
/// that a count which is not there is none yet.
pub(crate) fn message_from(
    exchange: &str,
    routing_key: &str,
    redelivered: bool,
    properties: &BasicProperties,
    body: Vec<u8>,
    counts: bool,
) -> Message {
    let headers = properties.headers().as_ref().map(table_from).unwrap_or_default();
    let counted = headers.get("x-delivery-count").and_then(Value::as_u64);
    Message {
        body,
        properties: properties_from(properties),
        deaths: deaths_from(&headers),
        delivery_count: counts.then(|| counted.unwrap_or(0)),
        redelivered: Some(redelivered),
        routing: Routing { exchange: exchange.into(), key: routing_key.to_owned() },
        headers,
    }
}

/// In the order of the protocol; the headers have a place of their own.
fn properties_from(properties: &BasicProperties) -> Table {
    let text = |text: &Option<ShortString>| text.as_ref().map(|text| Value::from(text.as_str()));
    [
        (property::CONTENT_TYPE, text(properties.content_type())),
        (property::CONTENT_ENCODING, text(properties.content_encoding())),
        ("delivery-mode", properties.delivery_mode().map(Value::U8)),
        ("priority", properties.priority().map(Value::U8)),
        (property::CORRELATION_ID, text(properties.correlation_id())),
        ("reply-to", text(properties.reply_to())),
        ("expiration", text(properties.expiration())),
        (property::MESSAGE_ID, text(properties.message_id())),
        (property::TIMESTAMP, properties.timestamp().map(Value::Timestamp)),
        ("type", text(properties.kind())),
        ("user-id", text(properties.user_id())),
        ("app-id", text(properties.app_id())),
        ("cluster-id", text(properties.cluster_id())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// The properties and headers to publish with. A redrive id replaces an older one in the headers. Fails with
/// [`broker::ErrorKind::Invalid`] where AMQP has no place for a property, or another type, and where the broker would
/// end the connection.
pub(crate) fn properties_to(
    sent: &Table,
    mut headers: Table,
    redrive: Option<RedriveId>,
) -> Result<BasicProperties, Error> {
    let mut properties = BasicProperties::default();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in sent.iter() {
        let name = name.as_str().ok_or_else(|| unsendable("the name of a property is not UTF-8".to_owned()))?;
        if seen.contains(&name) {
            return Err(unsendable(format!("the property `{name}` is there twice, and only one of it can be sent")));
        }
        seen.push(name);
        properties = with_property(properties, name, value)?;
    }
    if let Some(redrive) = redrive {
        headers.set(REDRIVE_HEADER, redrive.to_string());
    }
    if let Some((name, _)) = headers.iter().find(|(_, value)| is_not_finite(value)) {
        let why = "holds a float that is no finite number: the broker ends the connection over it";
        return Err(unsendable(format!("the header {name:?} {why}")));
    }
    // A message that had no headers gets none.
    if !headers.is_empty() {
        properties = properties.with_headers(table_to(headers)?);
    }
    Ok(properties)
}

fn is_not_finite(value: &Value) -> bool {
    match value {
        Value::F32(bits) => !f32::from_bits(*bits).is_finite(),
        Value::F64(bits) => !f64::from_bits(*bits).is_finite(),
        Value::Array(values) => values.iter().any(is_not_finite),
        Value::Table(table) => table.iter().any(|(_, value)| is_not_finite(value)),
        _ => false,
    }
}

fn with_property(properties: BasicProperties, name: &str, value: &Value) -> Result<BasicProperties, Error> {
    let set_text: fn(BasicProperties, ShortString) -> BasicProperties = match name {
        "delivery-mode" => return Ok(properties.with_delivery_mode(small(name, value)?)),
        "priority" => return Ok(properties.with_priority(small(name, value)?)),
        property::TIMESTAMP => {
            let Value::Timestamp(seconds) = value else { return Err(wrong_type(name, value, "timestamp")) };
            return Ok(properties.with_timestamp(*seconds));
        }
        property::CONTENT_TYPE => BasicProperties::with_content_type,
        property::CONTENT_ENCODING => BasicProperties::with_content_encoding,
        property::CORRELATION_ID => BasicProperties::with_correlation_id,
        "reply-to" => BasicProperties::with_reply_to,
        "expiration" => BasicProperties::with_expiration,
        property::MESSAGE_ID => BasicProperties::with_message_id,
        "type" => BasicProperties::with_type,
        "user-id" => BasicProperties::with_user_id,
        "app-id" => BasicProperties::with_app_id,
        "cluster-id" => BasicProperties::with_cluster_id,
        _ => return Err(unsendable(format!("AMQP 0-9-1 has no property `{name}`"))),
    };
    let Value::Text(bytes) = value else { return Err(wrong_type(name, value, "text")) };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| unsendable(format!("the property `{name}` is not UTF-8, which this client cannot send")))?;
    let text = ShortString::try_new(text)
        .map_err(|_| unsendable(format!("the property `{name}` has {} bytes, and 255 are the most", bytes.len())))?;
    Ok(set_text(properties, text))
}

fn small(name: &str, value: &Value) -> Result<u8, Error> {
    match value {
        Value::U8(n) => Ok(*n),
        other => Err(wrong_type(name, other, "uint8")),
    }
}

fn wrong_type(name: &str, value: &Value, expected: &str) -> Error {
    unsendable(format!("the property `{name}` is {}, not {expected}", value.type_name()))
}

/// By which redrive a message was sent: how a returned one is matched.
pub(crate) fn redrive_id(properties: &BasicProperties) -> Option<RedriveId> {
    match properties.headers().as_ref()?.inner().get(REDRIVE_HEADER)? {
        lapin::types::AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use broker::{ErrorKind, Outgoing, Target};
    use lapin::protocol::basic::{gen_properties, parse_properties};
    use proptest::prelude::*;

    use super::super::table::tests::any_table;
    use super::*;

    fn over_the_wire(properties: &BasicProperties) -> BasicProperties {
        let written =
            gen_properties::<Vec<u8>>(properties)(Vec::new().into()).expect("properties can be written").write;
        let (rest, read) = parse_properties(written.as_slice()).expect("what was written can be read");
        assert!(rest.is_empty(), "nothing is left over");
        read
    }

    fn outgoing(properties: Table, headers: Table) -> Outgoing {
        let target = Target::Queue { queue: "orders".into() };
        Outgoing { target, body: Vec::new(), properties, headers, redrive: None }
    }

    fn sendable(outgoing: Outgoing) -> Result<BasicProperties, Error> {
        properties_to(&outgoing.properties, outgoing.headers, outgoing.redrive)
    }

    fn every_property() -> Table {
        let mut table: Table = [
            ("content-type", Value::from("application/json")),
            ("content-encoding", "gzip".into()),
            ("delivery-mode", Value::U8(2)),
            ("priority", Value::U8(255)),
            ("correlation-id", "c".into()),
            ("reply-to", "r".into()),
            ("expiration", "60000".into()),
            ("message-id", "m".into()),
            ("timestamp", Value::Timestamp(u64::MAX)),
        ]
        .into_iter()
        .collect();
        for name in ["type", "user-id", "app-id", "cluster-id"] {
            table.push(name, "ü".repeat(127));
        }
        table
    }

    fn received(sent: &Outgoing, body: Vec<u8>) -> Message {
        let properties = over_the_wire(&sendable(sent.clone()).expect("it can be sent"));
        message_from("shop", "order.new", false, &properties, body, false)
    }

    #[test]
    fn every_property_survives_being_sent_and_read_in_its_own_type() {
        let message = received(&outgoing(every_property(), Table::new()), Vec::new());
        assert_eq!(message.properties, every_property());
        assert_eq!(received(&outgoing(Table::new(), Table::new()), Vec::new()).properties, Table::new());
    }

    proptest! {
        #[test]
        fn headers_survive_beside_properties(headers in any_table()) {
            prop_assume!(headers.iter().all(|(_, value)| !is_not_finite(value)));
            let message = received(&outgoing(every_property(), headers.clone()), Vec::new());
            prop_assert_eq!(message.headers, headers);
        }
    }

    #[test]
    fn a_body_is_moved_and_not_copied() {
        for body in [Vec::new(), vec![0, 255, 10, 13, 0], vec![0xa5; 5 * 1024 * 1024]] {
            let (start, bytes) = (body.as_ptr(), body.clone());
            let message = message_from("", "q", true, &BasicProperties::default(), body, false);
            assert!(message.body == bytes, "byte for byte");
            assert!(bytes.is_empty() || message.body.as_ptr() == start, "the same memory");
        }
    }

    #[test]
    fn a_delivery_count_is_known_to_be_none_only_where_the_queue_counts() {
        let counted = |n| {
            let headers: Table = [("x-delivery-count", Value::I64(n))].into_iter().collect();
            sendable(outgoing(Table::new(), headers)).expect("it can be sent")
        };
        let count = |properties: &BasicProperties, counts| {
            message_from("", "q", false, properties, Vec::new(), counts).delivery_count
        };
        assert_eq!(count(&counted(3), true), Some(3));
        assert_eq!(count(&BasicProperties::default(), true), Some(0));
        assert_eq!(count(&BasicProperties::default(), false), None);
        assert_eq!(count(&counted(3), false), None, "a classic queue keeps the count of another queue");
    }

    #[test]
    fn a_redrive_id_replaces_an_older_one() {
        let id: RedriveId = "01890a5d-ac96-774b-bcce-b302099a8057/7".parse().expect("an id");
        let mut sent =
            outgoing(Table::new(), [(REDRIVE_HEADER, Value::from("older")), ("a", "b".into())].into_iter().collect());
        sent.redrive = Some(id);
        let properties = over_the_wire(&sendable(sent).expect("it can be sent"));
        assert_eq!(redrive_id(&properties), Some(id));
        assert_eq!(properties.headers().as_ref().map(|headers| headers.inner().len()), Some(2));
        assert_eq!(redrive_id(&BasicProperties::default()), None);
    }

    #[test]
    fn a_float_that_is_no_number_is_refused_before_the_broker_ends_the_connection_over_it() {
        for float in [Value::F64(f64::NAN.to_bits()), Value::F32(f32::INFINITY.to_bits())] {
            for value in [float.clone(), Value::Array(vec![Value::Table([("inside", float)].into_iter().collect())])] {
                let headers: Table = [("score", value)].into_iter().collect();
                let error = sendable(outgoing(Table::new(), headers)).expect_err("not finite");
                assert!(error.kind() == ErrorKind::Invalid && error.why().contains("\"score\""), "{error}");
            }
        }
    }

    #[test]
    fn what_amqp_cannot_say_is_refused_and_named() {
        for (name, value, words) in [
            ("priority", Value::I64(3), "`priority` is int64, not uint8"),
            ("timestamp", Value::I64(3), "`timestamp` is int64, not timestamp"),
            ("message-id", Value::Bytes(vec![1]), "`message-id` is bytes, not text"),
            ("message-id", Value::Text(vec![0xff]), "`message-id` is not UTF-8"),
            ("message-id", Value::from("x".repeat(256)), "`message-id` has 256 bytes"),
            ("subject", Value::from("x"), "no property `subject`"),
        ] {
            let properties: Table = [(name, value)].into_iter().collect();
            let error = sendable(outgoing(properties, Table::new())).expect_err(words);
            assert!(error.kind() == ErrorKind::Invalid && error.why().contains(words), "{error}");
        }
        let twice: Table = [("type", Value::from("a")), ("type", Value::from("b"))].into_iter().collect();
        assert!(sendable(outgoing(twice, Table::new())).is_err());
    }
}
