//! One header or property between its typed value and the text in which it is edited. Nothing is rounded on the way.

use broker::{Name, Table, Value};
use serde_json::{Value as Json, json};

use super::DraftField;

impl DraftField {
    /// As it is edited. What is written so is read back as it was, bit by bit.
    pub(super) fn of(name: &Name, value: &Value) -> Self {
        let field = Table::from_iter([(name.clone(), value.clone())]);
        let written = serde_json::to_value(field).unwrap_or_default();
        let part = |name: &str| written[0][name].as_str().map(str::to_owned);
        let text = match (value, &written[0]["value"]) {
            (Value::Decimal { scale, value }, _) => decimal(*scale, *value),
            (_, Json::Null) => String::new(),
            (_, Json::String(text)) => text.clone(),
            (Value::Array(_) | Value::Table(_), nested) => serde_json::to_string_pretty(nested).unwrap_or_default(),
            (_, other) => other.to_string(),
        };
        Self {
            name: part("name").unwrap_or_default(),
            name_encoding: part("nameEncoding"),
            type_name: value.type_name().to_owned(),
            encoding: part("encoding"),
            value: text,
        }
    }

    pub(super) fn all_of(table: &Table) -> Vec<Self> {
        table.iter().map(|(name, value)| Self::of(name, value)).collect()
    }

    /// The typed value, or why there is none.
    pub(super) fn read(&self) -> Result<(Name, Value), String> {
        let value = match self.type_name.as_str() {
            "void" => Json::Null,
            "bool" => match self.value.trim() {
                "true" => json!(true),
                "false" => json!(false),
                other => return Err(format!("`{}` is neither true nor false", short(other))),
            },
            "array" | "table" => nested(&self.value)?,
            "text" | "bytes" => json!(self.value),
            "decimal" => json!(decimal_written(self.value.trim())?),
            _ => json!(self.value.trim()),
        };
        let mut written = json!({ "name": self.name, "type": self.type_name, "value": value });
        for (part, encoding) in [("nameEncoding", &self.name_encoding), ("encoding", &self.encoding)] {
            if let Some(encoding) = encoding {
                written[part] = json!(encoding);
            }
        }
        let table: Table = serde_json::from_value(json!([written])).map_err(|error| self.why_not(&error))?;
        table.into_entries().next().ok_or_else(|| "it has no value".to_owned())
    }

    fn why_not(&self, error: &serde_json::Error) -> String {
        let value = short(self.value.trim());
        match (self.type_name.as_str(), range(&self.type_name)) {
            (type_name, Some((from, to))) => {
                format!("`{value}` is no {type_name}: a whole number from {from} to {to}")
            }
            ("float32" | "float64", _) => format!("`{value}` is no number"),
            ("array", _) => r#"a list is written as [{"type": "text", "value": "a"}]"#.to_owned(),
            ("table", _) => {
                r#"a table is written as {"fields": [{"name": "a", "type": "text", "value": "b"}]}"#.to_owned()
            }
            ("bytes", _) => format!("bytes are written as base64: {error}"),
            _ => error.to_string(),
        }
    }
}

/// What a whole number of that type can be.
fn range(type_name: &str) -> Option<(String, String)> {
    let both = |from: i128, to: u64| Some((from.to_string(), to.to_string()));
    match type_name {
        "int8" => both(i8::MIN.into(), 127),
        "uint8" => both(0, u8::MAX.into()),
        "int16" => both(i16::MIN.into(), 32_767),
        "uint16" => both(0, u16::MAX.into()),
        "int32" => both(i32::MIN.into(), 2_147_483_647),
        "uint32" => both(0, u32::MAX.into()),
        "int64" => both(i64::MIN.into(), i64::MAX.unsigned_abs()),
        "timestamp" => both(0, u64::MAX),
        _ => None,
    }
}

fn nested(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| format!("it is written as JSON, and this is none: {error}"))
}

/// The start of what was typed, to be named in a sentence.
fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// With as many places as the scale says, so that it is read back as it was.
fn decimal(scale: u8, value: u32) -> String {
    let scale = usize::from(scale);
    if scale == 0 {
        return value.to_string();
    }
    let digits = format!("{value:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    format!("{whole}.{part}")
}

/// `12.34` as it is written down: `1234e-2`.
fn decimal_written(text: &str) -> Result<String, String> {
    if text.contains("e-") {
        return Ok(text.to_owned());
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part}");
    let fits = digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u32>().is_ok() && part.len() < 256;
    if !fits {
        let why = "digits with a point, such as 12.34, and without it at most 4294967295";
        return Err(format!("`{}` is no decimal: {why}", short(text)));
    }
    Ok(format!("{}e-{}", digits.parse::<u32>().unwrap_or_default(), part.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(type_name: &str, value: &str) -> DraftField {
        let (name_encoding, encoding) = Default::default();
        DraftField { name: "x".into(), name_encoding, type_name: type_name.into(), encoding, value: value.into() }
    }

    #[test]
    fn every_kind_of_value_survives_being_edited() {
        let nested = Table::from_iter([
            ("n", Value::I64(i64::MIN)),
            ("inner", Value::Array(vec![Value::Void, Value::F64(0.1f64.to_bits()), Value::Text(vec![0xff])])),
        ]);
        let values = [
            Value::Void,
            Value::Bool(true),
            Value::I8(-128),
            Value::U8(255),
            Value::I16(-1),
            Value::U16(65_535),
            Value::I32(i32::MIN),
            Value::U32(u32::MAX),
            Value::I64(9_007_199_254_740_993),
            Value::F32(f32::NAN.to_bits()),
            Value::F64(0x7ff8_0000_0000_0001),
            Value::F64(f64::NEG_INFINITY.to_bits()),
            Value::Decimal { scale: 2, value: 1234 },
            Value::Decimal { scale: 255, value: 5 },
            Value::Decimal { scale: 0, value: u32::MAX },
            Value::from(" text\n"),
            Value::Text(vec![0xff, 0]),
            Value::Bytes(vec![0, 255]),
            Value::Timestamp(u64::MAX),
            Value::Array(vec![]),
            Value::Table(nested),
        ];
        for value in values {
            for name in [Name::from("x"), Name::from(vec![0xff])] {
                let field = DraftField::of(&name, &value);
                assert_eq!(field.read(), Ok((name, value.clone())), "{}", field.value);
            }
        }
        assert_eq!(DraftField::of(&"x".into(), &Value::Decimal { scale: 4, value: 5 }).value, "0.0005");
    }

    #[test]
    fn what_does_not_fit_its_type_is_said_with_what_would() {
        let why = |type_name: &str, value: &str| field(type_name, value).read().unwrap_err();
        assert_eq!(why("int8", "300"), "`300` is no int8: a whole number from -128 to 127");
        assert_eq!(why("timestamp", "-1"), "`-1` is no timestamp: a whole number from 0 to 18446744073709551615");
        assert_eq!(why("bool", "yes"), "`yes` is neither true nor false");
        assert_eq!(why("float64", "1,5"), "`1,5` is no number");
        assert!(why("decimal", "1.2.3").starts_with("`1.2.3` is no decimal"));
        assert!(why("bytes", "%").starts_with("bytes are written as base64"));
        assert!(why("table", "{\"a\": 1").starts_with("it is written as JSON, and this is none: EOF"));
        assert!(why("array", "[1]").starts_with("a list is written as [{"));
        assert!(why("table", "[]").starts_with("a table is written as {"));
        assert!(why("what", "1").contains("unknown type `what`"));
        assert_eq!(field("int32", " 7 ").read(), Ok(("x".into(), Value::I32(7))));
    }
}
