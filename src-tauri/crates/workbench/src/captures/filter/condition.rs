use std::fmt;

use broker::{Table, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Word;
use crate::{Error, Result};

/// One condition of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// Anywhere in the body; Latin letters in upper and lower case alike.
    Text(Vec<u8>),
    Header {
        name: String,
        value: String,
    },
    Body {
        path: Vec<String>,
        value: String,
    },
}

impl Condition {
    pub(super) fn parse(word: &Word) -> Result<Self> {
        let starts_with = |prefix: &str| {
            let start = word.signs.iter().take(prefix.len());
            start.eq(prefix.chars().map(|sign| (sign, false)).collect::<Vec<_>>().iter())
        };
        for (prefix, is_header) in [("header.", true), ("body.", false)] {
            if !starts_with(prefix) {
                continue;
            }
            let rest = &word.signs[prefix.len()..];
            let wrong = |what: &str| {
                let why =
                    format!("{what} at character {} of the filter (in quotes it is a text to look for)", word.place);
                Error::Invalid { why }
            };
            let equals = rest.iter().position(|sign| *sign == ('=', false));
            let equals = equals.ok_or_else(|| wrong(&format!("`=VALUE` is missing after `{}`", word.text())))?;
            let value = rest[equals + 1..].iter().map(|(sign, _)| sign).collect();
            let name = &rest[..equals];
            if name.is_empty() {
                return Err(wrong(&format!("a name is missing after `{prefix}`")));
            }
            return Ok(if is_header {
                Self::Header { name: name.iter().map(|(sign, _)| sign).collect(), value }
            } else {
                Self::Body { path: path(name), value }
            });
        }
        Ok(Self::Text(word.text().into_bytes()))
    }

    pub(super) fn reads_headers(&self) -> bool {
        matches!(self, Self::Header { .. })
    }

    pub(super) fn holds(&self, headers: &Table, body: &[u8]) -> bool {
        match self {
            Self::Text(text) => contains(body, text),
            Self::Header { name, value } => {
                headers.iter().any(|(found, is)| found.as_bytes() == name.as_bytes() && says(is, value))
            }
            Self::Body { path, value } => {
                let mut deserializer = serde_json::Deserializer::from_slice(body);
                Search { path, value }.deserialize(&mut deserializer).unwrap_or(false)
            }
        }
    }
}

fn path(name: &[(char, bool)]) -> Vec<String> {
    let steps = name.split(|sign| *sign == ('.', false));
    steps.map(|step| step.iter().map(|(sign, _)| sign).collect()).collect()
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else { return true };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut from = body;
    while let Some(place) = from.iter().position(|byte| *byte == lower || *byte == upper) {
        from = &from[place + 1..];
        if from.len() < rest.len() {
            return false;
        }
        if from[..rest.len()].eq_ignore_ascii_case(rest) {
            return true;
        }
    }
    false
}

/// Whether a header's value, as it is shown, is that text. A list says what one of its values says.
fn says(is: &Value, text: &str) -> bool {
    match is {
        Value::Text(bytes) | Value::Bytes(bytes) => bytes == text.as_bytes(),
        Value::Bool(is) => text.parse() == Ok(*is),
        Value::Void => text == "null",
        Value::F32(bits) => text.parse() == Ok(f32::from_bits(*bits)),
        Value::F64(bits) => text.parse() == Ok(f64::from_bits(*bits)),
        Value::Array(values) => values.iter().any(|value| says(value, text)),
        Value::Decimal { .. } | Value::Table(_) => false,
        number => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => text.parse() == Ok(n),
            (None, Some(n)) => text.parse() == Ok(n),
            (None, None) => false,
        },
    }
}

/// Follows a path into JSON and says whether what is there is that value; builds nothing, whatever the body's size.
#[derive(Clone, Copy)]
struct Search<'a> {
    path: &'a [String],
    value: &'a str,
}

impl Search<'_> {
    fn is_here(self, here: impl FnOnce(&str) -> bool) -> bool {
        self.path.is_empty() && here(self.value)
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, is: bool) -> Result<bool, E> {
        Ok(self.is_here(|value| value.parse() == Ok(is)))
    }

    fn visit_i64<E>(self, is: i64) -> Result<bool, E> {
        Ok(self.is_here(|value| value.parse() == Ok(is)))
    }

    fn visit_u64<E>(self, is: u64) -> Result<bool, E> {
        Ok(self.is_here(|value| value.parse() == Ok(is)))
    }

    fn visit_f64<E>(self, is: f64) -> Result<bool, E> {
        Ok(self.is_here(|value| value.parse() == Ok(is)))
    }

    fn visit_str<E>(self, is: &str) -> Result<bool, E> {
        Ok(self.is_here(|value| value == is))
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(self.is_here(|value| value == "null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<bool, A::Error> {
        let place = self.path.split_first().and_then(|(step, rest)| Some((step.parse::<usize>().ok()?, rest)));
        let (mut n, mut found) = (0, false);
        loop {
            match place {
                Some((wanted, path)) if wanted == n => match values.next_element_seed(Self { path, ..self })? {
                    Some(here) => found |= here,
                    None => return Ok(found),
                },
                _ => {
                    if values.next_element::<IgnoredAny>()?.is_none() {
                        return Ok(found);
                    }
                }
            }
            n += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(name) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.path.split_first() {
                Some((step, path)) if *step == name => found |= fields.next_value_seed(Self { path, ..self })?,
                _ => drop(fields.next_value::<IgnoredAny>().map_err(A::Error::custom)?),
            }
        }
        Ok(found)
    }
}
