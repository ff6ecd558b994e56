//! Following a path into a JSON body: builds nothing, whatever the body's size.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Word, words};
use crate::{Error, Result};

/// A value without others inside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(&'a str),
}

impl Scalar<'_> {
    /// Whether it is what that text says.
    pub(super) fn says(self, text: &str) -> bool {
        match self {
            Self::Null => text == "null",
            Self::Bool(is) => text.parse() == Ok(is),
            Self::I64(is) => text.parse() == Ok(is),
            Self::U64(is) => text.parse() == Ok(is),
            Self::F64(is) => text.parse() == Ok(is),
            Self::Text(is) => text == is,
        }
    }
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(is) => is.fmt(f),
            Self::I64(is) => is.fmt(f),
            Self::U64(is) => is.fmt(f),
            Self::F64(is) => is.fmt(f),
            Self::Text(is) => f.write_str(is),
        }
    }
}

/// Reads a path as the filter writes it behind `body.`: `order.lines.0.sku`, quotes around what has points in it.
pub(crate) fn path_of(text: &str) -> Result<Vec<String>> {
    match words(text)?.as_slice() {
        [Word { signs, .. }] => Ok(steps(signs)),
        _ => Err(Error::Invalid { why: format!("`{text}` is no path: write `order.id`") }),
    }
}

pub(super) fn steps(signs: &[(char, bool)]) -> Vec<String> {
    let steps = signs.split(|sign| *sign == ('.', false));
    steps.map(|step| step.iter().map(|(sign, _)| sign).collect()).collect()
}

/// Gives `here` every value at that path; a name may come more than once. An error where the body is no JSON.
pub(crate) fn json_at(body: &[u8], path: &[String], mut here: impl FnMut(Scalar<'_>)) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    Search { path, here: &mut here }.deserialize(&mut deserializer)
}

struct Search<'a> {
    path: &'a [String],
    here: &'a mut dyn FnMut(Scalar<'_>),
}

impl Search<'_> {
    fn meets(self, value: Scalar<'_>) {
        if self.path.is_empty() {
            (self.here)(value);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, is: bool) -> Result<(), E> {
        self.meets(Scalar::Bool(is));
        Ok(())
    }

    fn visit_i64<E>(self, is: i64) -> Result<(), E> {
        self.meets(Scalar::I64(is));
        Ok(())
    }

    fn visit_u64<E>(self, is: u64) -> Result<(), E> {
        self.meets(Scalar::U64(is));
        Ok(())
    }

    fn visit_f64<E>(self, is: f64) -> Result<(), E> {
        self.meets(Scalar::F64(is));
        Ok(())
    }

    fn visit_str<E>(self, is: &str) -> Result<(), E> {
        self.meets(Scalar::Text(is));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.meets(Scalar::Null);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let place = self.path.split_first().and_then(|(step, rest)| Some((step.parse::<usize>().ok()?, rest)));
        let mut n = 0;
        loop {
            let more = match place {
                Some((wanted, path)) if wanted == n => {
                    values.next_element_seed(Search { path, here: &mut *self.here })?.is_some()
                }
                _ => values.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
            n += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            match self.path.split_first() {
                Some((step, path)) if *step == name => {
                    fields.next_value_seed(Search { path, here: &mut *self.here })?;
                }
                _ => drop(fields.next_value::<IgnoredAny>().map_err(A::Error::custom)?),
            }
        }
        Ok(())
    }
}
