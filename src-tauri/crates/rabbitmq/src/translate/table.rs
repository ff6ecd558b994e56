use broker::{Error, ErrorKind, Name, Table, Value};
use lapin::types::{AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString};

/// Every type survives. lapin has sorted the names by then, and of a repeated name only the last value is left.
pub(crate) fn table_from(table: &FieldTable) -> Table {
    table.into_iter().map(|(name, value)| (name.as_str(), value_from(value))).collect()
}

fn value_from(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => Value::Bool(*value),
        AMQPValue::ShortShortInt(n) => Value::I8(*n),
        AMQPValue::ShortShortUInt(n) => Value::U8(*n),
        AMQPValue::ShortInt(n) => Value::I16(*n),
        AMQPValue::ShortUInt(n) => Value::U16(*n),
        AMQPValue::LongInt(n) => Value::I32(*n),
        AMQPValue::LongUInt(n) => Value::U32(*n),
        AMQPValue::LongLongInt(n) => Value::I64(*n),
        AMQPValue::Float(n) => Value::F32(n.to_bits()),
        AMQPValue::Double(n) => Value::F64(n.to_bits()),
        AMQPValue::DecimalValue(decimal) => Value::Decimal { scale: decimal.scale, value: decimal.value },
        AMQPValue::ShortString(text) => Value::from(text.as_str()),
        AMQPValue::LongString(text) => Value::Text(text.as_bytes().to_vec()),
        AMQPValue::FieldArray(values) => Value::Array(values.as_slice().iter().map(value_from).collect()),
        AMQPValue::Timestamp(seconds) => Value::Timestamp(*seconds),
        AMQPValue::FieldTable(table) => Value::Table(table_from(table)),
        AMQPValue::ByteArray(bytes) => Value::Bytes(bytes.as_slice().to_vec()),
        AMQPValue::Void => Value::Void,
    }
}

/// Fails with [`ErrorKind::Invalid`] where lapin cannot say it: a name that is repeated, is no UTF-8 or is longer than
/// 255 bytes. Nothing is merged or mended silently.
pub(crate) fn table_to(table: Table) -> Result<FieldTable, Error> {
    let mut fields = FieldTable::default();
    for (name, value) in table.into_entries() {
        let name = field_name(&name)?;
        if fields.contains_key(name.as_str()) {
            return Err(unsendable(format!("the header `{name}` is there twice, and only one of it can be sent")));
        }
        fields.insert(name, value_to(value)?);
    }
    Ok(fields)
}

fn value_to(value: Value) -> Result<AMQPValue, Error> {
    Ok(match value {
        Value::Void => AMQPValue::Void,
        Value::Bool(value) => AMQPValue::Boolean(value),
        Value::I8(n) => AMQPValue::ShortShortInt(n),
        Value::U8(n) => AMQPValue::ShortShortUInt(n),
        Value::I16(n) => AMQPValue::ShortInt(n),
        Value::U16(n) => AMQPValue::ShortUInt(n),
        Value::I32(n) => AMQPValue::LongInt(n),
        Value::U32(n) => AMQPValue::LongUInt(n),
        Value::I64(n) => AMQPValue::LongLongInt(n),
        Value::F32(bits) => AMQPValue::Float(f32::from_bits(bits)),
        Value::F64(bits) => AMQPValue::Double(f64::from_bits(bits)),
        Value::Decimal { scale, value } => AMQPValue::DecimalValue(DecimalValue { scale, value }),
        Value::Text(bytes) => AMQPValue::LongString(LongString::from(bytes)),
        Value::Bytes(bytes) => AMQPValue::ByteArray(ByteArray::from(bytes)),
        Value::Timestamp(seconds) => AMQPValue::Timestamp(seconds),
        Value::Array(values) => {
            AMQPValue::FieldArray(FieldArray::from(values.into_iter().map(value_to).collect::<Result<Vec<_>, _>>()?))
        }
        Value::Table(table) => AMQPValue::FieldTable(table_to(table)?),
    })
}

/// A bound of what it takes on the wire.
pub(crate) fn bytes_max(table: &Table) -> usize {
    // A length before it; of each entry a length before the name, a type, and a length before the value.
    4 + table.iter().map(|(name, value)| 6 + name.as_bytes().len() + value_bytes_max(value)).sum::<usize>()
}

fn value_bytes_max(value: &Value) -> usize {
    match value {
        Value::Text(bytes) | Value::Bytes(bytes) => bytes.len(),
        Value::Array(values) => values.iter().map(|value| 6 + value_bytes_max(value)).sum(),
        Value::Table(table) => bytes_max(table),
        _ => 8,
    }
}

fn field_name(name: &Name) -> Result<ShortString, Error> {
    let Some(text) = name.as_str() else {
        return Err(unsendable(format!("the header name {name:?} is not UTF-8, which this client cannot send")));
    };
    ShortString::try_new(text)
        .map_err(|_| unsendable(format!("the name of a header has {} bytes, and 255 are the most", text.len())))
}

pub(super) fn unsendable(why: String) -> Error {
    Error::new(ErrorKind::Invalid, "send the message as it is", why)
}

#[cfg(test)]
pub(super) mod tests {
    use lapin::types::generation::gen_field_table;
    use lapin::types::parsing::parse_field_table;
    use proptest::prelude::*;

    use super::*;

    /// Through lapin's own writing and reading.
    fn over_the_wire(table: &FieldTable) -> FieldTable {
        let written = gen_field_table::<Vec<u8>>(table)(Vec::new().into()).expect("a table can be written").write;
        let (rest, read) = parse_field_table(written.as_slice()).expect("what was written can be read");
        assert!(rest.is_empty(), "nothing is left over");
        read
    }

    fn sent_and_read(table: &Table) -> Table {
        table_from(&over_the_wire(&table_to(table.clone()).expect("the table can be sent")))
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Void),
            any::<bool>().prop_map(Value::Bool),
            any::<i8>().prop_map(Value::I8),
            any::<u8>().prop_map(Value::U8),
            any::<i16>().prop_map(Value::I16),
            any::<u16>().prop_map(Value::U16),
            any::<i32>().prop_map(Value::I32),
            any::<u32>().prop_map(Value::U32),
            prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(Value::I64),
            prop_oneof![any::<u32>(), Just(f32::NAN.to_bits()), Just(f32::INFINITY.to_bits())].prop_map(Value::F32),
            prop_oneof![any::<u64>(), Just(f64::NAN.to_bits()), Just(f64::NEG_INFINITY.to_bits())].prop_map(Value::F64),
            (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| Value::Decimal { scale, value }),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
            prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Value::Timestamp),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                fields(inner).prop_map(Value::Table),
            ]
        })
    }

    fn fields(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Table> {
        // A map, so that names are sorted and unique as they are after lapin has read them.
        proptest::collection::btree_map("\\PC{0,12}", value, 0..6)
            .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect())
    }

    pub(in crate::translate) fn any_table() -> impl Strategy<Value = Table> {
        fields(any_value())
    }

    proptest! {
        #[test]
        fn every_table_survives_being_sent_and_read(table in any_table()) {
            prop_assert_eq!(sent_and_read(&table), table);
        }
    }

    #[test]
    fn the_extremes_of_every_type_survive() {
        let deep = (0..100).fold(Value::Void, |inner, n| {
            if n % 2 == 0 { Value::Array(vec![inner]) } else { Value::Table([("t", inner)].into_iter().collect()) }
        });
        let table: Table = [
            ("a-int64-min", Value::I64(i64::MIN)),
            ("b-int64-max", Value::I64(i64::MAX)),
            ("c-timestamp-max", Value::Timestamp(u64::MAX)),
            ("d-nan", Value::F64(0x7ff8_dead_beef_0001)),
            ("e-nan32", Value::F32(0x7fc0_1234)),
            ("f-minus-zero", Value::F64((-0.0_f64).to_bits())),
            ("g-decimal", Value::Decimal { scale: 255, value: u32::MAX }),
            ("h-bytes", Value::Bytes((0..=255).collect())),
            ("i-not-utf8", Value::Text(vec![0xff, 0xfe, 0])),
            ("j-void", Value::Void),
            ("k-empty-array", Value::Array(vec![])),
            ("l-empty-table", Value::Table(Table::new())),
            ("m-deep", deep),
            ("n-mixed", Value::Array(vec![Value::U32(u32::MAX), Value::I8(-128), Value::Bool(false)])),
        ]
        .into_iter()
        .collect();
        assert_eq!(sent_and_read(&table), table);
    }

    #[test]
    fn a_table_of_ten_thousand_entries_survives() {
        let table: Table = (0..10_000)
            .map(|n| (format!("header-{n:05}").as_str().into(), Value::I64(n)))
            .collect::<Vec<(Name, Value)>>()
            .into_iter()
            .collect();
        assert_eq!(sent_and_read(&table), table);
    }

    #[test]
    fn a_name_of_255_bytes_can_be_sent_and_one_of_256_is_refused() {
        let of = |bytes: usize| [("n".repeat(bytes).as_str(), Value::Void)].into_iter().collect::<Table>();
        assert_eq!(sent_and_read(&of(255)), of(255));
        let error = table_to(of(256)).expect_err("too long");
        assert_eq!(
            (error.kind(), error.why()),
            (ErrorKind::Invalid, "the name of a header has 256 bytes, and 255 are the most")
        );
    }

    #[test]
    fn a_repeated_name_is_refused_and_not_merged() {
        let twice: Table = [("a", Value::I64(1)), ("a", Value::I64(2))].into_iter().collect();
        let error = table_to(twice.clone()).expect_err("repeated");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.why().contains("`a` is there twice"), "{error}");
        let inside: Table = [("outer", Value::Array(vec![Value::Table(twice)]))].into_iter().collect();
        assert!(table_to(inside).is_err(), "also where it is nested");
    }

    #[test]
    fn a_name_that_is_not_utf8_is_refused() {
        let mut table = Table::new();
        table.push(vec![0xff, b'a'], Value::Void);
        let error = table_to(table).expect_err("not UTF-8");
        assert!(error.kind() == ErrorKind::Invalid && error.why().contains("not UTF-8"), "{error}");
    }

    fn wire(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
        let body: Vec<u8> = fields
            .iter()
            .flat_map(|(name, value)| [&[u8::try_from(name.len()).expect("a short name")], *name, value].concat())
            .collect();
        [&u32::try_from(body.len()).expect("a small table").to_be_bytes()[..], &body].concat()
    }

    #[test]
    fn lapin_sorts_names_keeps_the_last_of_a_repeated_one_and_cannot_read_a_name_that_is_not_utf8() {
        let bytes = wire(&[(b"b", b"b\x01"), (b"a", b"b\x02"), (b"b", b"b\x03")]);
        let (_, read) = parse_field_table(bytes.as_slice()).expect("a table");
        let expected: Table = [("a", Value::I8(2)), ("b", Value::I8(3))].into_iter().collect();
        assert_eq!(table_from(&read), expected);
        let bytes = wire(&[(b"a", b"b\x02"), (b"\xff", b"b\x03")]);
        assert!(parse_field_table(bytes.as_slice()).is_err(), "and with it the whole frame");
    }
}
