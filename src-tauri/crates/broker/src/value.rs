use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a header: bytes, because brokers do not promise more. Shown as text where it is UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

impl Name {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as text; `None` where it is not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Name {
    fn from(name: Vec<u8>) -> Self {
        Self(name)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// A header or property value with its type. Everything that AMQP 0-9-1 can say survives a round trip, bit by bit;
/// floats are kept as bits so that NaN does too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    Void,
    Bool(bool),
    I8(i8),
    U8(u8),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    F32(u32),
    F64(u64),
    /// `value` divided by ten to the power of `scale`.
    Decimal {
        scale: u8,
        value: u32,
    },
    /// Text as the broker holds it: bytes that are usually UTF-8.
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    /// Seconds since 1970, unsigned as on the wire.
    Timestamp(u64),
    Array(Vec<Value>),
    Table(Table),
}

impl Value {
    /// Text, where this is text and UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// A whole number, of whatever width, where it fits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::I8(n) => u64::try_from(*n).ok(),
            Self::U8(n) => Some((*n).into()),
            Self::I16(n) => u64::try_from(*n).ok(),
            Self::U16(n) => Some((*n).into()),
            Self::I32(n) => u64::try_from(*n).ok(),
            Self::U32(n) => Some((*n).into()),
            Self::I64(n) => u64::try_from(*n).ok(),
            Self::Timestamp(n) => Some(*n),
            _ => None,
        }
    }

    /// A whole number, signed.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::I8(n) => Some((*n).into()),
            Self::I16(n) => Some((*n).into()),
            Self::I32(n) => Some((*n).into()),
            Self::I64(n) => Some(*n),
            other => other.as_u64().and_then(|n| i64::try_from(n).ok()),
        }
    }

    /// The name of the type as it is written down and shown: `int64`, `text`, `table`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::Bool(_) => "bool",
            Self::I8(_) => "int8",
            Self::U8(_) => "uint8",
            Self::I16(_) => "int16",
            Self::U16(_) => "uint16",
            Self::I32(_) => "int32",
            Self::U32(_) => "uint32",
            Self::I64(_) => "int64",
            Self::F32(_) => "float32",
            Self::F64(_) => "float64",
            Self::Decimal { .. } => "decimal",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Timestamp(_) => "timestamp",
            Self::Array(_) => "array",
            Self::Table(_) => "table",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into_bytes())
    }
}

/// Named values in the order in which the broker's client gave them. A name may come twice where a client allows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Table(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Entry(Name, Value);

impl Table {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds at the end, without looking whether the name is there already.
    pub fn push(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        self.0.push(Entry(name.into(), value.into()));
    }

    /// Replaces the value of that name, or adds it.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.remove(name);
        self.push(name, value);
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|entry| entry.0.as_bytes() == name.as_bytes()).map(|entry| &entry.1)
    }

    /// Text of that name, where it is text and UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Takes out every value of that name; the first one is returned.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let found = self.get(name).cloned();
        self.0.retain(|entry| entry.0.as_bytes() != name.as_bytes());
        found
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.0.iter().map(|Entry(name, value)| (name, value))
    }

    /// The entries themselves, in their order.
    pub fn into_entries(self) -> impl Iterator<Item = (Name, Value)> {
        self.0.into_iter().map(|Entry(name, value)| (name, value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<Name>, V: Into<Value>> FromIterator<(N, V)> for Table {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| Entry(name.into(), value.into())).collect())
    }
}

// The written form, one for store, export and window: {"name","nameEncoding"?,"type","value"}. 64-bit numbers, NaN and
// infinities are strings, so that no reader rounds them; bytes that are not text are base64 and say so.

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "nameEncoding")]
    name_encoding: Option<String>,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    value: serde_value::Json,
}

/// The same on its way out: nothing is copied that need not be.
#[derive(Serialize)]
struct Writing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(rename = "nameEncoding", skip_serializing_if = "Option::is_none")]
    name_encoding: Option<&'static str>,
    #[serde(rename = "type")]
    type_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    value: JsonOf<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonOf<'a> {
    Null,
    Bool(bool),
    Number(i64),
    Text(Cow<'a, str>),
    Array(&'a [Value]),
    Table { fields: &'a Table },
}

mod serde_value {
    use super::{Deserialize, Table, Value};

    /// The JSON shapes that a written value can take.
    #[derive(Default, Deserialize)]
    #[serde(untagged)]
    pub(super) enum Json {
        #[default]
        Null,
        Bool(bool),
        Number(i64),
        Text(String),
        Array(Vec<Value>),
        Table(TableField),
    }

    #[derive(Deserialize)]
    pub(super) struct TableField {
        pub(super) fields: Table,
    }
}

use serde_value::Json;

fn text_or_base64(bytes: &[u8]) -> (Option<&'static str>, Cow<'_, str>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (None, text.into()),
        Err(_) => (Some("base64"), BASE64.encode(bytes).into()),
    }
}

fn bytes_of(encoding: Option<&str>, text: String) -> Result<Vec<u8>, String> {
    match encoding {
        None | Some("utf8") => Ok(text.into_bytes()),
        Some("base64") => BASE64.decode(text).map_err(|error| error.to_string()),
        Some(other) => Err(format!("unknown encoding `{other}`")),
    }
}

fn float_text(value: f64, bits: u64, plain_nan: u64) -> String {
    if value.is_nan() && bits != plain_nan { format!("NaN:{bits:x}") } else { format!("{value:?}") }
}

impl Value {
    fn write(&self) -> (Option<&'static str>, JsonOf<'_>) {
        let json = match self {
            Self::Void => JsonOf::Null,
            Self::Bool(value) => JsonOf::Bool(*value),
            Self::I8(n) => JsonOf::Number((*n).into()),
            Self::U8(n) => JsonOf::Number((*n).into()),
            Self::I16(n) => JsonOf::Number((*n).into()),
            Self::U16(n) => JsonOf::Number((*n).into()),
            Self::I32(n) => JsonOf::Number((*n).into()),
            Self::U32(n) => JsonOf::Number((*n).into()),
            Self::I64(n) => JsonOf::Text(n.to_string().into()),
            Self::Timestamp(n) => JsonOf::Text(n.to_string().into()),
            Self::F32(bits) => {
                let value = f32::from_bits(*bits);
                if value.is_nan() && *bits != f32::NAN.to_bits() {
                    JsonOf::Text(format!("NaN:{bits:x}").into())
                } else {
                    JsonOf::Text(format!("{value:?}").into())
                }
            }
            Self::F64(bits) => JsonOf::Text(float_text(f64::from_bits(*bits), *bits, f64::NAN.to_bits()).into()),
            Self::Decimal { scale, value } => JsonOf::Text(format!("{value}e-{scale}").into()),
            Self::Text(bytes) => {
                let (encoding, text) = text_or_base64(bytes);
                return (encoding, JsonOf::Text(text));
            }
            Self::Bytes(bytes) => return (Some("base64"), JsonOf::Text(BASE64.encode(bytes).into())),
            Self::Array(values) => JsonOf::Array(values),
            Self::Table(fields) => JsonOf::Table { fields },
        };
        (None, json)
    }

    fn read(type_name: &str, encoding: Option<&str>, json: Json) -> Result<Self, String> {
        fn whole<T: TryFrom<i64>>(json: &Json) -> Result<T, String> {
            let n = match json {
                Json::Number(n) => *n,
                Json::Text(text) => text.parse().map_err(|_| format!("`{text}` is not a whole number"))?,
                _ => return Err("a number is missing".into()),
            };
            T::try_from(n).map_err(|_| format!("{n} does not fit"))
        }
        fn text(json: Json) -> Result<String, String> {
            match json {
                Json::Text(text) => Ok(text),
                _ => Err("a text is missing".into()),
            }
        }
        Ok(match type_name {
            "void" => Self::Void,
            "bool" => match json {
                Json::Bool(value) => Self::Bool(value),
                _ => return Err("true or false is missing".into()),
            },
            "int8" => Self::I8(whole(&json)?),
            "uint8" => Self::U8(whole(&json)?),
            "int16" => Self::I16(whole(&json)?),
            "uint16" => Self::U16(whole(&json)?),
            "int32" => Self::I32(whole(&json)?),
            "uint32" => Self::U32(whole(&json)?),
            "int64" => Self::I64(whole(&json)?),
            "timestamp" => match json {
                Json::Number(n) => Self::Timestamp(u64::try_from(n).map_err(|_| format!("{n} does not fit"))?),
                json => {
                    let text = text(json)?;
                    Self::Timestamp(text.parse().map_err(|_| format!("`{text}` is not a time in seconds"))?)
                }
            },
            "float32" => {
                let text = text(json)?;
                Self::F32(match text.strip_prefix("NaN:") {
                    Some(bits) => u32::from_str_radix(bits, 16).map_err(|error| error.to_string())?,
                    None => text.parse::<f32>().map_err(|error| error.to_string())?.to_bits(),
                })
            }
            "float64" => {
                let text = text(json)?;
                Self::F64(match text.strip_prefix("NaN:") {
                    Some(bits) => u64::from_str_radix(bits, 16).map_err(|error| error.to_string())?,
                    None => text.parse::<f64>().map_err(|error| error.to_string())?.to_bits(),
                })
            }
            "decimal" => {
                let text = text(json)?;
                let parts =
                    text.split_once("e-").and_then(|(value, scale)| Some((value.parse().ok()?, scale.parse().ok()?)));
                let (value, scale) = parts.ok_or_else(|| format!("`{text}` is not a decimal"))?;
                Self::Decimal { scale, value }
            }
            "text" => Self::Text(bytes_of(encoding, text(json)?)?),
            "bytes" => Self::Bytes(bytes_of(encoding.or(Some("base64")), text(json)?)?),
            "array" => match json {
                Json::Array(values) => Self::Array(values),
                _ => return Err("a list is missing".into()),
            },
            "table" => match json {
                Json::Table(table) => Self::Table(table.fields),
                _ => return Err("a table is missing".into()),
            },
            other => return Err(format!("unknown type `{other}`")),
        })
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (encoding, value) = self.write();
        let type_name = self.type_name();
        Writing { name: None, name_encoding: None, type_name, encoding, value }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Self::read(&written.type_name, written.encoding.as_deref(), written.value).map_err(D::Error::custom)
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (encoding, value) = self.1.write();
        let (name_encoding, name) = text_or_base64(self.0.as_bytes());
        let type_name = self.1.type_name();
        Writing { name: Some(name), name_encoding, type_name, encoding, value }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let name = written.name.ok_or_else(|| D::Error::missing_field("name"))?;
        let name = bytes_of(written.name_encoding.as_deref(), name).map_err(D::Error::custom)?;
        let value =
            Value::read(&written.type_name, written.encoding.as_deref(), written.value).map_err(D::Error::custom)?;
        Ok(Self(name.into(), value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            any::<u32>().prop_map(Value::F32),
            prop_oneof![any::<u64>(), Just(f64::NAN.to_bits()), Just(f64::NEG_INFINITY.to_bits())].prop_map(Value::F64),
            (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| Value::Decimal { scale, value }),
            any::<Vec<u8>>().prop_map(Value::Text),
            ".*".prop_map(Value::from),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Value::Timestamp),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((any::<Vec<u8>>(), inner), 0..6)
                    .prop_map(|fields| Value::Table(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_survives_being_written_down(fields in prop::collection::vec((any::<Vec<u8>>(), any_value()), 0..6)) {
            let table: Table = fields.into_iter().collect();
            let written = serde_json::to_string(&table).expect("a table can be written");
            let read: Table = serde_json::from_str(&written).expect("what was written can be read");
            prop_assert_eq!(read, table);
        }
    }

    #[test]
    fn numbers_that_a_reader_could_round_are_written_as_text() {
        let table: Table = [("n", Value::I64(i64::MAX)), ("t", Value::Timestamp(u64::MAX))].into_iter().collect();
        let written = serde_json::to_value(&table).expect("a table can be written");
        assert_eq!(written[0]["value"], "9223372036854775807", "64-bit numbers");
        assert_eq!(written[1]["value"], "18446744073709551615", "times");
    }

    #[test]
    fn what_does_not_fit_its_type_is_refused() {
        for bad in [
            r#"[{"name":"a","type":"uint8","value":256}]"#,
            r#"[{"name":"a","type":"int64","value":"x"}]"#,
            r#"[{"name":"a","type":"what","value":1}]"#,
            r#"[{"name":"a","type":"bytes","value":"%%"}]"#,
            r#"[{"type":"void"}]"#,
        ] {
            assert!(serde_json::from_str::<Table>(bad).is_err(), "{bad}");
        }
    }
}
