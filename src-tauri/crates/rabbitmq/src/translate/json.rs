use broker::{Table, Value};
use serde_json::Value as Json;

/// Arguments and policy definitions as the management API writes them. It does not tell types: whole numbers become
/// int64, others float64, texts text. What is no object has no fields.
pub(crate) fn json_table(json: &Json) -> Table {
    match json {
        Json::Object(fields) => fields.iter().map(|(name, value)| (name.as_str(), json_value(value))).collect(),
        // An empty table may be written as an empty list.
        _ => Table::new(),
    }
}

fn json_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Void,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), ..) => Value::I64(n),
            // Above what int64 holds only a timestamp can be.
            (None, Some(n), _) => Value::Timestamp(n),
            (None, None, float) => Value::F64(float.unwrap_or(f64::NAN).to_bits()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(values) => Value::Array(values.iter().map(json_value).collect()),
        Json::Object(_) => Value::Table(json_table(json)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_get_the_types_that_their_json_shows() {
        let read = json_table(&json!({
            "x-max-length": 10, "x-queue-type": "quorum", "x-single-active-consumer": true, "half": 0.5,
            "nothing": null, "list": [1, "a"], "table": {"a": -1}, "minus": -1, "huge": u64::MAX, "one": 1.0
        }));
        for (name, value) in [
            ("x-max-length", Value::I64(10)),
            ("x-queue-type", "quorum".into()),
            ("x-single-active-consumer", Value::Bool(true)),
            ("half", Value::F64(0.5_f64.to_bits())),
            ("nothing", Value::Void),
            ("list", Value::Array(vec![Value::I64(1), "a".into()])),
            ("table", Value::Table([("a", Value::I64(-1))].into_iter().collect())),
            ("minus", Value::I64(-1)),
            ("huge", Value::Timestamp(u64::MAX)),
            ("one", Value::F64(1_f64.to_bits())),
        ] {
            assert_eq!(read.get(name), Some(&value), "{name}");
        }
        assert_eq!(read.len(), 10);
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for json in [json!([]), json!(null), json!("x"), json!(1)] {
            assert_eq!(json_table(&json), Table::new());
        }
    }
}
