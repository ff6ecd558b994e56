//! From a message to what is written of it.

use broker::{FailedIn, Message, Outgoing, QueueName, Rules, Target};

use super::{DraftBody, DraftContent, DraftField, DraftOriginal, LockedField};
use crate::captures::{compact_json, indent_json, is_json, shown_body, value_words};
use crate::{BodyFormat, TargetChoice};

/// Of a payload that is edited.
pub(super) const TEXT_BYTES_MAX: usize = 1024 * 1024;

impl DraftOriginal {
    pub(super) fn of(message: &Message, rules: &dyn Rules) -> Self {
        let start = &message.body[..message.body.len().min(TEXT_BYTES_MAX)];
        let format = shown_body(start, message.body.len() as u64).format;
        let (body, not_text) = match text_of(message, format) {
            Ok(body) => (body, None),
            Err(why) => (DraftBody::Original, Some(why)),
        };
        let prepared = rules.prepare(message, &Target::Queue { queue: QueueName::from("") });
        let locked = prepared.stripped.iter().map(|part| LockedField {
            name: part.name.clone(),
            type_name: part.value.type_name().to_owned(),
            value: value_words(&part.value),
            why: part.why.to_owned(),
        });
        let Outgoing { properties, headers, .. } = &prepared.outgoing;
        Self {
            message_id: message.message_id().map(str::to_owned),
            format,
            body_bytes: message.body.len() as u64,
            body,
            not_text,
            properties: DraftField::all_of(properties),
            headers: DraftField::all_of(headers),
            locked: locked.collect(),
            failed_in: match rules.failed_in(message) {
                FailedIn::Queue { queue, .. } => Some(queue),
                _ => None,
            },
            origin: rules.origin(message),
        }
    }

    /// A draft that changes nothing yet.
    pub(super) fn unchanged(&self, to: TargetChoice) -> DraftContent {
        DraftContent {
            to,
            body: self.body.clone(),
            as_text: false,
            properties: self.properties.clone(),
            headers: self.headers.clone(),
        }
    }
}

/// The payload as an editor takes it, or why it does not.
fn text_of(message: &Message, format: BodyFormat) -> Result<DraftBody, String> {
    if message.body.len() > TEXT_BYTES_MAX {
        return Err("it is larger than the 1 MiB that can be edited: it is sent as it is".to_owned());
    }
    let text = match std::str::from_utf8(&message.body) {
        Ok(text) if format != BodyFormat::Binary => text,
        _ => return Err("it is not text: its bytes are sent as they are".to_owned()),
    };
    Ok(indented(text).unwrap_or_else(|| DraftBody::Text { text: text.to_owned(), compact: false }))
}

/// JSON without white space between its tokens, indented to be edited. `None`: it is none, or would not become the same
/// bytes again.
fn indented(text: &str) -> Option<DraftBody> {
    let indented = (is_json(text) && compact_json(text) == text).then(|| indent_json(text)).flatten()?;
    (compact_json(&indented) == text).then_some(DraftBody::Text { text: indented, compact: true })
}
