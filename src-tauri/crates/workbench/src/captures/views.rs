//! What the window sees of captures: lists, pages of messages, one message, its body.

use broker::{Death, ExchangeName, FailedIn, Failure, QueueName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Kept;
use crate::connections::FieldView;
use crate::{CaptureId, JobId, ProfileId, ViewId};

/// A capture in a list.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct CaptureView {
    pub id: CaptureId,
    /// Set: a snapshot that the user keeps.
    pub name: Option<String>,
    pub note: String,
    pub source: CaptureSource,
    /// The profile may be gone since.
    pub profile: ProfileId,
    pub profile_name: String,
    pub queue: QueueName,
    #[specta(type = String)]
    pub made_at: Timestamp,
    /// Messages in it.
    #[specta(type = u32)]
    pub messages: u64,
    /// Ready in the queue when it was read, where that was known.
    #[specta(type = Option<u32>)]
    pub of: Option<u64>,
    /// Of the file on this computer.
    #[specta(type = u32)]
    pub bytes: u64,
    /// What became of the messages: "put back, in order".
    pub outcome: String,
    /// Headers, properties and bodies are encrypted in its file.
    pub encrypted: bool,
    /// Why it cannot be removed now: copies of a job that is not settled, or messages that exist only here.
    pub held_by: Option<String>,
    /// It was being written when the program ended; what is in it is whole.
    pub cut_short: bool,
    /// How long it is kept.
    pub kept: Kept,
}

/// What made a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum CaptureSource {
    Peek,
    CarefulLook,
    Take,
    /// The copies of a job.
    Job,
    /// Read from a file.
    Import,
}

/// How to list a capture's messages.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ViewAsk {
    pub capture: CaptureId,
    /// `TEXT`, `header.NAME=VALUE`, joined by a space: and. Empty: all.
    pub filter: String,
    pub sort: MessageColumn,
    pub descending: bool,
}

/// A column to sort messages by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum MessageColumn {
    Position,
    MessageId,
    RoutingKey,
    Size,
    Deliveries,
    Published,
    Died,
    Reason,
}

/// An open view.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ViewOpened {
    pub view: ViewId,
    pub capture: CaptureView,
    /// Messages that the filter leaves.
    #[specta(type = u32)]
    pub shown: u64,
}

/// A part of a view.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    #[specta(type = u32)]
    pub shown: u64,
    #[specta(type = u32)]
    pub from: u64,
    pub rows: Vec<MessageRow>,
}

/// One message in a table.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct MessageRow {
    /// Its number in the capture, from 1, which is also its position as read.
    #[specta(type = u32)]
    pub n: u64,
    /// What identifies it in its queue.
    pub key: String,
    pub message_id: Option<String>,
    pub exchange: ExchangeName,
    pub routing_key: String,
    #[specta(type = u32)]
    pub size: u64,
    #[specta(type = Option<u32>)]
    pub delivery_count: Option<u64>,
    pub redelivered: Option<bool>,
    #[specta(type = Option<String>)]
    pub published_at: Option<Timestamp>,
    #[specta(type = Option<String>)]
    pub died_at: Option<Timestamp>,
    /// The newest death's reason, in words.
    pub reason: Option<String>,
    /// The first characters of the body, at most 120, without control characters.
    pub preview: String,
    pub fate: Fate,
}

/// What is known of the message since it was read.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Fate {
    /// It was in its queue when it was read.
    InQueue,
    /// It exists only here: it was taken, or could not be put back.
    OnlyHere,
    /// A job is at it, or was.
    Job { job: JobId, words: String },
}

/// One message, whole but for its body.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    pub row: MessageRow,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub headers: Vec<FieldView>,
    pub properties: Vec<FieldView>,
    pub deaths: Vec<Death>,
    pub failed_in: FailedIn,
    /// What a framework noted on it, where one is recognised.
    pub failure: Option<Failure>,
    /// In how many messages of this capture the key comes, itself included.
    #[specta(type = u32)]
    pub twins: u64,
}

/// A body as text, at most 1 MiB of it.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct BodyView {
    pub format: BodyFormat,
    /// Empty for binary bodies: their bytes are read as they are.
    pub text: String,
    /// Whether the text was indented; otherwise it is as the publisher sent it.
    pub indented: bool,
    /// Why it was not, where one would expect it: "nested deeper than 128".
    pub note: Option<String>,
    /// Of the body as it was read from the broker.
    #[specta(type = u32)]
    pub bytes_total: u64,
    /// How many of them the text shows.
    #[specta(type = u32)]
    pub bytes_shown: u64,
}

/// What a body is, found from its bytes; the content type is only a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum BodyFormat {
    Empty,
    Json,
    Xml,
    Text,
    Binary,
}

/// How an export ended.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    pub path: String,
    #[specta(type = u32)]
    pub messages: u64,
    #[specta(type = u32)]
    pub bytes: u64,
}
