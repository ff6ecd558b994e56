//! From what is written to what is sent, with everything that is wrong said at its place.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use broker::{Message, Name, Outgoing, QueueName, Rules, Table, Target, Value, property};

use super::content::TEXT_BYTES_MAX;
use super::{DraftBody, DraftCheck, DraftContent, DraftField, DraftTrouble, TroubleAt};
use crate::captures::{compact_json, is_json, json_trouble};
use crate::edits;

/// Of headers and properties together, unless the message came with more. They travel in one frame.
const FIELDS_BYTES_MAX: usize = 120 * 1024;

/// What a draft says, typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) body: Vec<u8>,
    pub(super) properties: Table,
    pub(super) headers: Table,
}

impl DraftContent {
    /// What it says, as far as it makes sense, and what does not. `original`: the message that it was made of.
    pub(super) fn check(&self, original: Option<&Message>, rules: &dyn Rules) -> (Written, DraftCheck) {
        let mut troubles = Vec::new();
        let (properties, headers) = (self.properties(&mut troubles), self.headers(rules, &mut troubles));
        let body = self.body(original, &properties, &mut troubles);
        let fields_bytes = bytes_of(&properties) + bytes_of(&headers);
        let came_with = original.map_or(0, |message| bytes_of(&message.properties) + bytes_of(&message.headers));
        if fields_bytes > FIELDS_BYTES_MAX.max(came_with) {
            troubles.push(self.too_large(fields_bytes));
        }
        let written = Written { body, properties, headers };
        if troubles.is_empty()
            && let Some(why) = rules.unfit(&written.clone().outgoing(Target::Queue { queue: QueueName::from("") }))
        {
            troubles.push(self.at_its_row(why));
        }
        let is_json = std::str::from_utf8(&written.body).is_ok_and(is_json);
        let (body_bytes, fields_bytes) = (written.body.len() as u64, fields_bytes as u64);
        (written, DraftCheck { troubles, body_bytes, fields_bytes, is_json })
    }

    fn properties(&self, troubles: &mut Vec<DraftTrouble>) -> Table {
        let at = |row| TroubleAt::Property { row };
        rows(&self.properties, at, troubles, |field| named(&field.name, "a property"))
    }

    fn headers(&self, rules: &dyn Rules, troubles: &mut Vec<DraftTrouble>) -> Table {
        let at = |row| TroubleAt::Header { row };
        rows(&self.headers, at, troubles, |field| match field.name_encoding {
            None => edits::check_header(rules, &field.name),
            Some(_) => Ok(()),
        })
    }

    fn body(&self, original: Option<&Message>, properties: &Table, troubles: &mut Vec<DraftTrouble>) -> Vec<u8> {
        let mut wrong = |line, column, words: String, as_text| {
            troubles.push(DraftTrouble { at: TroubleAt::Payload { line, column }, words, as_text });
        };
        match &self.body {
            DraftBody::Original => original.map(|message| message.body.clone()).unwrap_or_else(|| {
                let why = "its bytes were to be sent as they came, and the copy that held them is not kept any more";
                wrong(None, None, why.to_owned(), false);
                Vec::new()
            }),
            DraftBody::Base64 { text } => {
                let text: String = text.split_whitespace().collect();
                BASE64.decode(text).unwrap_or_else(|error| {
                    wrong(None, None, format!("this is no base64: {error}"), false);
                    Vec::new()
                })
            }
            DraftBody::Text { text, .. } if text.len() > TEXT_BYTES_MAX => {
                wrong(None, None, "a payload that is written here has at most 1 MiB".to_owned(), false);
                Vec::new()
            }
            DraftBody::Text { text, compact } => {
                let expected = expects_json(original, properties);
                if let Some(trouble) = expected.filter(|_| !self.as_text).and_then(|why| {
                    let (line, column, words) = json_trouble(text)?;
                    Some((line, column, format!("{words}; {why}")))
                }) {
                    wrong(Some(trouble.0), Some(trouble.1), trouble.2, true);
                }
                if *compact && is_json(text) { compact_json(text) } else { text.clone() }.into_bytes()
            }
        }
    }

    fn too_large(&self, bytes: usize) -> DraftTrouble {
        let words = format!(
            "headers and properties together take {bytes} bytes, and {FIELDS_BYTES_MAX} are the most: they travel in one \
             frame, which brokers keep small. What is so large belongs into the payload"
        );
        let alone = |fields: &[DraftField]| {
            let large = |field: &DraftField| field.value.len() > FIELDS_BYTES_MAX / 2;
            fields.iter().position(large).and_then(|row| u32::try_from(row).ok())
        };
        let at = match (alone(&self.headers), alone(&self.properties)) {
            (Some(row), _) => TroubleAt::Header { row },
            (None, Some(row)) => TroubleAt::Property { row },
            _ => TroubleAt::Whole,
        };
        DraftTrouble { at, words, as_text: false }
    }

    /// What the rules say names what it is about.
    fn at_its_row(&self, words: String) -> DraftTrouble {
        let named = |fields: &[DraftField]| {
            let is_named = |field: &DraftField| {
                words.contains(&format!("`{}`", field.name)) || words.contains(&format!("\"{}\"", field.name))
            };
            fields.iter().position(is_named).and_then(|row| u32::try_from(row).ok())
        };
        let at = match (named(&self.headers), named(&self.properties)) {
            (Some(row), None) => TroubleAt::Header { row },
            (None, Some(row)) => TroubleAt::Property { row },
            _ => TroubleAt::Whole,
        };
        DraftTrouble { at, words, as_text: false }
    }
}

impl Written {
    pub(super) fn outgoing(self, target: Target) -> Outgoing {
        let Self { body, properties, headers } = self;
        Outgoing { target, body, properties, headers, redrive: None }
    }
}

/// The rows that make sense; the others are said.
fn rows(
    fields: &[DraftField],
    at: impl Fn(u32) -> TroubleAt,
    troubles: &mut Vec<DraftTrouble>,
    check: impl Fn(&DraftField) -> Result<(), String>,
) -> Table {
    let mut table = Table::new();
    let mut seen: HashSet<Name> = HashSet::new();
    for (field, row) in fields.iter().zip(0u32..) {
        let read = check(field).and_then(|()| field.read()).and_then(|(name, value)| {
            if seen.insert(name.clone()) { Ok((name, value)) } else { Err("this name is there already".to_owned()) }
        });
        match read {
            Ok((name, value)) => table.push(name, value),
            Err(words) => troubles.push(DraftTrouble { at: at(row), words, as_text: false }),
        }
    }
    table
}

fn named(name: &str, what: &str) -> Result<(), String> {
    if name.is_empty() { Err(format!("{what} needs a name")) } else { Ok(()) }
}

/// Why the payload should be JSON, if it should.
fn expects_json(original: Option<&Message>, properties: &Table) -> Option<&'static str> {
    if original.is_some_and(|message| std::str::from_utf8(&message.body).is_ok_and(is_json)) {
        return Some("the payload came as JSON");
    }
    let says_so = properties.text(property::CONTENT_TYPE).is_some_and(|content_type| content_type.contains("json"));
    says_so.then_some("its content type says that it is JSON")
}

fn bytes_of(table: &Table) -> usize {
    table.iter().map(|(name, value)| name.as_bytes().len() + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Text(bytes) | Value::Bytes(bytes) => 5 + bytes.len(),
        Value::Array(values) => 5 + values.iter().map(value_bytes).sum::<usize>(),
        Value::Table(table) => 5 + bytes_of(table),
        _ => 9,
    }
}
