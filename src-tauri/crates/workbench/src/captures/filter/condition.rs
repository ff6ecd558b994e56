use broker::{Table, Value};

use super::Word;
use super::path::{json_at, steps};
use crate::captures::preview::find;
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
                Self::Body { path: steps(name), value }
            });
        }
        Ok(Self::Text(word.text().into_bytes()))
    }

    pub(super) fn reads_headers(&self) -> bool {
        matches!(self, Self::Header { .. })
    }

    pub(super) fn holds(&self, headers: &Table, body: &[u8]) -> bool {
        match self {
            Self::Text(text) => find(body, text).is_some(),
            Self::Header { name, value } => {
                headers.iter().any(|(found, is)| found.as_bytes() == name.as_bytes() && says(is, value))
            }
            Self::Body { path, value } => {
                let mut found = false;
                json_at(body, path, |scalar| found |= scalar.says(value)).is_ok() && found
            }
        }
    }
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
