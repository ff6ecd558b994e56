//! Bulk edit: what is changed in each of many messages before it is sent, by a rule that is made once and kept by name.
//!
//! Headers are edited here. Bodies are edited by a worker: this program started again, with bounded memory and time, so
//! that no pattern, no jq program and no body can hurt the one that sends messages.

mod check;
mod editor;
mod frame;
mod headers;
mod preview;
mod rules;
mod worker;

use serde::{Deserialize, Serialize};

pub(crate) use check::check_header;
pub(crate) use editor::Editor;
pub use preview::{EditPreview, EditSide};
pub use rules::EditRule;
pub use worker::run_as_edit_worker;

/// Of a body that is edited, and of what becomes of it.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is changed in each message before it is sent. The steps are carried out in order; a message at which one of them
/// fails stays as it is, and is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    pub steps: Vec<EditStep>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum EditStep {
    /// Gives a header that value: in the place of the first of that name, and instead of all of them, or else at the end.
    SetHeader { name: String, value: HeaderValue },
    /// Takes out every header of that name. Without one the message stays as it is.
    RemoveHeader { name: String },
    /// Gives every header of that name another one, in its place and with its value. Without one the message stays as it
    /// is; where there is a header of the other name already, the message cannot be edited.
    RenameHeader { name: String, to: String },
    /// Replaces everything that the regular expression finds in the body, which must be UTF-8. In `with`, `$1` and
    /// `${name}` stand for what a group found, and `$$` for a dollar sign. Where nothing is found the body stays as it is.
    ReplaceText { pattern: String, with: String },
    /// Replaces the body, which must be JSON, by the one result of a jq program.
    ///
    /// What the program does not touch stays as it was sent: integers of any size, every digit of a decimal, the order of
    /// names, also around one that is removed. White space between tokens, the way in which characters are escaped, and
    /// the sign of `-0` do not; a body of which the program changes nothing stays byte for byte. Arithmetic is exact for
    /// whole numbers and goes by 64-bit floats for all others, division included, as in jq. A body in which a name comes
    /// twice in one object, or a number that no float can hold, is refused: it would not survive.
    ///
    /// The program knows neither files nor modules nor the environment. Unlike in jq, nothing can be set inside of
    /// `null`, nor behind the end of an array.
    Jq { program: String },
}

/// A header's value with its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum HeaderValue {
    Text {
        value: String,
    },
    /// Takes the width of the whole number that it replaces, where there is one and it fits; else it is an `int64`.
    Integer {
        #[serde(with = "whole")]
        #[specta(type = String)]
        value: i64,
    },
    Boolean {
        value: bool,
    },
}

impl Edit {
    /// It changes nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether it changes bodies, so that a worker is needed.
    fn edits_bodies(&self) -> bool {
        self.steps.iter().any(EditStep::edits_bodies)
    }

    /// The steps, each with what it is called in errors.
    fn named_steps(&self) -> impl Iterator<Item = (String, &EditStep)> {
        self.steps.iter().zip(1..).map(|(step, n): (_, u32)| (format!("step {n} ({})", step.words()), step))
    }
}

impl EditStep {
    fn edits_bodies(&self) -> bool {
        matches!(self, Self::ReplaceText { .. } | Self::Jq { .. })
    }

    fn words(&self) -> &'static str {
        match self {
            Self::SetHeader { .. } => "set header",
            Self::RemoveHeader { .. } => "remove header",
            Self::RenameHeader { .. } => "rename header",
            Self::ReplaceText { .. } => "replace text",
            Self::Jq { .. } => "jq",
        }
    }
}

/// 64-bit numbers are text on the wire, so that no reader rounds them.
mod whole {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
