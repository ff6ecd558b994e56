use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// How to reach one broker, by the names of its form's fields. Never holds a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The value of that field; `None` where it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Settings {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// What must not be seen: a password. Wiped when dropped, never printed, never serialised.
#[derive(Clone, Default)]
pub struct Secret(Option<Zeroizing<String>>);

impl Secret {
    pub fn none() -> Self {
        Self(None)
    }

    pub fn new(secret: String) -> Self {
        Self(Some(Zeroizing::new(secret)))
    }

    /// The secret itself, for the one call that needs it.
    pub fn reveal(&self) -> Option<&str> {
        self.0.as_ref().map(|secret| secret.as_str())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Secret(set)" } else { "Secret(none)" })
    }
}

/// A connection form as data: the window draws it and knows nothing of the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Form {
    /// The broker's name on screen: "RabbitMQ".
    pub title: String,
    /// One line beside it: versions, protocols.
    pub subtitle: String,
    /// Two or three letters for the sidebar: "RMQ".
    pub tag: String,
    /// Profiles of this kind hold a secret (`None`: no), and what it is called on screen: "Password".
    pub secret_label: Option<String>,
    pub fields: Vec<Field>,
}

/// One field of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub name: String,
    pub label: String,
    pub kind: FieldKind,
    /// What it holds in a new profile.
    pub initial: String,
    pub placeholder: String,
    pub hint: String,
    pub required: bool,
    /// Shown only while that field has that value.
    pub shown_when: Option<(String, String)>,
}

/// What a field holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum FieldKind {
    #[default]
    Text,
    /// A path on this computer.
    File,
    Choice {
        choices: Vec<Choice>,
    },
}

/// One choice of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    pub value: String,
    pub label: String,
}

/// One line of the connection test. The same `name` comes again when its outcome is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct CheckStep {
    /// "Management API".
    pub name: String,
    pub outcome: CheckOutcome,
    /// What was found: "401 Not authorised, from localhost:15672".
    pub detail: String,
    #[specta(type = Option<u32>)]
    pub took_ms: Option<u64>,
    pub remedy: Option<Remedy>,
}

/// How one line of the test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum CheckOutcome {
    Running,
    Passed,
    Failed,
    /// It works with less: said in the detail.
    Limited,
    /// Cannot be known before it is used, or an earlier step failed.
    Unknown,
}

/// What to do about a failed step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    pub words: String,
    /// A command for whoever has the right, to copy.
    pub command: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let shown = format!("{:?}", Secret::new("hunter2".into()));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
