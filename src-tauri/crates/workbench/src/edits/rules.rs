//! Edits kept by name, to be used again.

use jiff::Timestamp;
use serde::Serialize;

use super::Edit;
use crate::store::{in_background, now};
use crate::{Error, Result, Workbench};

/// Of a rule's name, in characters.
const NAME_MAX: usize = 120;
/// Rules that are kept.
const RULES_MAX: u64 = 1000;

/// An edit that is kept by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct EditRule {
    pub name: String,
    pub edit: Edit,
    #[specta(type = String)]
    pub saved_at: Timestamp,
}

impl Workbench {
    /// Keeps an edit under that name, instead of the one that is there; upper and lower case are alike.
    ///
    /// [`Error::Invalid`] where the name is empty or too long, where the edit is empty or can never be carried out, and
    /// where too many are kept already.
    pub async fn save_edit_rule(&self, name: &str, edit: Edit) -> Result<EditRule> {
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(char::is_control) {
            return Err(invalid(format!("a rule's name is one line of at most {NAME_MAX} characters")));
        }
        if edit.is_empty() {
            return Err(invalid("a rule that changes nothing cannot be kept"));
        }
        let edit = checked(edit).await?;
        let rule = EditRule { name, edit, saved_at: now() };
        let saved = rule.clone();
        let is_saved = self.inner.store.write(move |transaction| saved.put(transaction, RULES_MAX)).await?;
        if is_saved { Ok(rule) } else { Err(invalid(format!("{RULES_MAX} rules are kept already: remove some"))) }
    }

    /// All rules, by name.
    pub async fn edit_rules(&self) -> Result<Vec<EditRule>> {
        self.inner.store.read(EditRule::all).await
    }

    /// Forgets a rule. [`Error::NoSuch`] where there is none of that name.
    pub async fn remove_edit_rule(&self, name: &str) -> Result<()> {
        let wanted = name.trim().to_owned();
        if self.inner.store.write(move |transaction| EditRule::delete(transaction, &wanted)).await? {
            return Ok(());
        }
        Err(Error::NoSuch { what: "rule", name: name.trim().to_owned() })
    }
}

/// Checks an edit beside the async tasks.
pub(super) async fn checked(edit: Edit) -> Result<Edit> {
    in_background("check the edit", move || edit.check().map(|()| edit)).await
}

fn invalid(why: impl Into<String>) -> Error {
    Error::Invalid { why: why.into() }
}
