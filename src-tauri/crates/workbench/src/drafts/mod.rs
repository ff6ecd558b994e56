//! Drafts: one message as somebody writes it, kept on this computer until it is sent or given up. A revision never
//! changes, so that what was planned is what is sent.

mod check;
mod content;
mod field;
mod instead;
mod keeping;
mod publishing;
mod templates;

use broker::{QueueName, Routing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use instead::{Instead, differences};
pub use publishing::{DraftOffer, Reached};
pub use templates::Template;

use crate::{BodyFormat, CaptureId, DraftId, ProfileId, TargetChoice};

/// A message that is being written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    pub id: DraftId,
    pub profile: ProfileId,
    pub purpose: DraftPurpose,
    /// The message that it was made of.
    pub source: Option<DraftSource>,
    /// Counts up with every change that is kept; 0: none was kept yet.
    pub revision: u32,
    #[specta(type = Option<String>)]
    pub changed_at: Option<Timestamp>,
    pub content: DraftContent,
}

/// What a draft is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum DraftPurpose {
    /// To be sent instead of its message, which is then removed from its queue.
    Edit,
    /// To be published as a message of its own.
    Publish,
}

/// A message of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftSource {
    pub capture: CaptureId,
    #[specta(type = u32)]
    pub n: u64,
    /// The queue that it was read from.
    pub queue: QueueName,
    /// What identifies it there.
    pub key: String,
}

/// One revision of a draft: what a plan sends instead of the message that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftRevision {
    pub draft: DraftId,
    pub revision: u32,
}

/// What is written: every value with its type, and as it was typed, also where that makes no sense yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftContent {
    pub to: TargetChoice,
    pub body: DraftBody,
    /// Send the payload as it stands although it is no JSON where JSON is expected.
    #[serde(default)]
    pub as_text: bool,
    pub properties: Vec<DraftField>,
    pub headers: Vec<DraftField>,
}

/// A payload as it is written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum DraftBody {
    /// Text. `compact`: JSON is sent without the white space between its tokens, as its message came.
    Text { text: String, compact: bool },
    /// Bytes, as base64.
    Base64 { text: String },
    /// Byte for byte as its message came.
    Original,
}

/// A header or a property, its value as text in the way of its type.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftField {
    pub name: String,
    /// `base64` for a name that is no text.
    #[serde(default)]
    pub name_encoding: Option<String>,
    /// `int64`, `text`, `table`, as in exports.
    #[serde(rename = "type")]
    pub type_name: String,
    /// `base64` for text that is no UTF-8, and for bytes.
    #[serde(default)]
    pub encoding: Option<String>,
    /// A number in digits, a decimal as `12.34`, a list or table as JSON with the type of every value.
    pub value: String,
}

/// A draft as the window opens it, beside the message that it was made of.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct OpenDraft {
    pub draft: Draft,
    /// `None`: it was made of none, or its copy is not kept any more.
    pub original: Option<DraftOriginal>,
    pub check: DraftCheck,
}

/// The message that a draft was made of, as an editor shows it.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftOriginal {
    pub message_id: Option<String>,
    pub format: BodyFormat,
    #[specta(type = u32)]
    pub body_bytes: u64,
    pub body: DraftBody,
    /// Why its payload cannot be edited as text.
    pub not_text: Option<String>,
    pub properties: Vec<DraftField>,
    pub headers: Vec<DraftField>,
    /// What is not sent along and cannot be set.
    pub locked: Vec<LockedField>,
    /// The queue that it failed in, where it says so.
    pub failed_in: Option<QueueName>,
    /// The exchange and key by which it first came, where it says so.
    pub origin: Option<Routing>,
}

/// A header or property that is left out when a message is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct LockedField {
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub value: String,
    pub why: String,
}

/// Whether a draft can be sent, and if not, what is wrong where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftCheck {
    pub troubles: Vec<DraftTrouble>,
    /// Of the payload as it would be sent.
    #[specta(type = u32)]
    pub body_bytes: u64,
    /// Of headers and properties, about.
    #[specta(type = u32)]
    pub fields_bytes: u64,
    /// The payload is JSON.
    pub is_json: bool,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftTrouble {
    pub at: TroubleAt,
    /// One sentence without a full stop.
    pub words: String,
    /// It is only the payload that is no JSON: it can be sent as text all the same.
    pub as_text: bool,
}

/// A place in a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum TroubleAt {
    /// From 1, where it is known.
    Payload {
        line: Option<u32>,
        column: Option<u32>,
    },
    /// The row of that number, from 0.
    Header {
        row: u32,
    },
    Property {
        row: u32,
    },
    Whole,
}

/// What to begin a draft with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum DraftFrom {
    /// A message of a capture. The draft that there is of it already is opened instead.
    Message {
        purpose: DraftPurpose,
        capture: CaptureId,
        #[specta(type = u32)]
        n: u64,
    },
    /// Nothing: a message to that place.
    Blank { to: TargetChoice },
    /// A message that is kept by name.
    Template { name: String },
}

/// How a draft was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct KeptDraft {
    pub revision: u32,
    #[specta(type = String)]
    pub changed_at: Timestamp,
    pub check: DraftCheck,
}

/// A draft in a list.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftRow {
    pub id: DraftId,
    pub purpose: DraftPurpose,
    pub source: Option<DraftSource>,
    pub to: TargetChoice,
    pub revision: u32,
    #[specta(type = String)]
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for DraftBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, bytes) = match self {
            Self::Text { text, .. } => ("Text", text.len()),
            Self::Base64 { text } => ("Base64", text.len()),
            Self::Original => ("Original", 0),
        };
        f.debug_struct(kind).field("bytes", &bytes).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DraftField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DraftField")
            .field("name", &self.name)
            .field("type", &self.type_name)
            .field("bytes", &self.value.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
