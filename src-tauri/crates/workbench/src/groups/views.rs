//! What the window sees of failure groups.

use broker::{Part, QueueName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CaptureId, GroupingId, MessageRow, ProfileId};

/// Which messages to group, and by what.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct GroupAsk {
    /// One for each queue: a message counts once for each of them that it is in.
    pub captures: Vec<CaptureId>,
    pub by: GroupBy,
    /// As above a table of messages. Empty: all.
    pub filter: String,
    /// Leaves out what died before. Messages of which that is not known stay.
    #[specta(type = Option<String>)]
    pub since: Option<Timestamp>,
}

/// What the messages of one group have in common.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum GroupBy {
    ExceptionAndMessage,
    SourceQueue,
    Reason,
    ContentType,
    Header {
        name: String,
    },
    /// As the filter writes it behind `body.`: `order.id`.
    JsonPath {
        path: String,
    },
}

/// Groups, largest first.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct FailureGroups {
    pub id: GroupingId,
    pub groups: Vec<FailureGroup>,
    /// In all groups together.
    #[specta(type = u32)]
    pub messages: u64,
    #[specta(type = u32)]
    pub took_ms: u64,
    /// Captures that are not in it.
    pub unread: Vec<Unread>,
}

/// A capture that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    pub capture: CaptureId,
    pub queue: Option<QueueName>,
    pub why: String,
}

/// Messages with the same cause.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct FailureGroup {
    /// By which it is asked for.
    pub group: u32,
    /// The exception's type without its packages, or what the messages were grouped by.
    pub title: String,
    /// The exception's type by its full name, where one is known.
    pub exception: Option<String>,
    /// Whose notes say so: "MassTransit".
    pub by: Option<String>,
    /// The exception's message, with holes where it differs.
    pub detail: Vec<Part>,
    /// In which queues they failed, most messages first.
    pub sources: Vec<QueueName>,
    /// Of the newest death, in words, most messages first.
    pub reasons: Vec<String>,
    #[specta(type = u32)]
    pub count: u64,
    /// When the first one died that is in it. `None`: of none it is known.
    #[specta(type = Option<String>)]
    pub first_seen: Option<Timestamp>,
    #[specta(type = Option<String>)]
    pub last_seen: Option<Timestamp>,
    /// How many died in each of the last 24 hours; the last one ends now.
    pub trend: Vec<u32>,
    /// What is to be known of such messages: "Dramatiq keeps its dead letters for 7 days".
    pub note: Option<String>,
    /// The one that died first.
    pub sample: Sample,
}

/// One message of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    pub capture: CaptureId,
    pub n: u32,
}

/// Which part of a group's messages, in which order.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct GroupPageAsk {
    pub grouping: GroupingId,
    pub group: u32,
    pub sort: GroupColumn,
    pub descending: bool,
    pub from: u32,
    /// At most 500.
    pub n: u32,
}

/// A column to sort a group's messages by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum GroupColumn {
    Died,
    LiesIn,
    Deaths,
    Size,
}

/// A part of a group.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct GroupPage {
    /// Messages in the group.
    #[specta(type = u32)]
    pub total: u64,
    #[specta(type = u32)]
    pub from: u64,
    pub rows: Vec<GroupRow>,
}

/// One message of a group.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct GroupRow {
    pub capture: CaptureId,
    /// The queue that it lies in.
    pub queue: QueueName,
    /// How often it died, in all queues together.
    pub deaths: u32,
    /// Where the broker does not say when it died, as the framework noted it.
    #[specta(type = Option<String>)]
    pub died_at: Option<Timestamp>,
    pub row: MessageRow,
}

/// The messages of a group that are in one capture: a set that does not change any more.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct GroupMembers {
    pub capture: CaptureId,
    pub profile: ProfileId,
    pub queue: QueueName,
    /// In the order in which they died.
    #[specta(type = Vec<u32>)]
    pub messages: Vec<u64>,
}
