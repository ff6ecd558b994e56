//! Messages that are kept by name, to begin others with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use broker::{QueueName, Target, property};
use jiff::Timestamp;
use serde::Serialize;

use super::content::TEXT_BYTES_MAX;
use super::{Draft, DraftBody, DraftContent, DraftField};
use crate::store::now;
use crate::{AppEvent, Error, Result, TargetChoice, Workbench};

/// Of a template's name, in characters.
const NAME_MAX: usize = 120;
/// Templates that are kept.
const TEMPLATES_MAX: u64 = 500;

/// A message that is kept by name.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    pub name: String,
    #[specta(type = String)]
    pub saved_at: Timestamp,
    pub content: DraftContent,
}

impl Workbench {
    /// Keeps what a draft says under that name, instead of the one that is there; upper and lower case are alike.
    ///
    /// [`Error::Invalid`] where the name is empty or too long, and where too many are kept already.
    pub async fn save_template(&self, name: &str, draft: Draft) -> Result<Template> {
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(char::is_control) {
            return Err(invalid(format!("a template's name is one line of at most {NAME_MAX} characters")));
        }
        let mut content = draft.content.clone();
        if content.body == DraftBody::Original {
            // A template does not depend on the copy that it was made of.
            let body = self.original(&draft).await?.map(|message| message.body).unwrap_or_default();
            if body.len() > TEXT_BYTES_MAX {
                return Err(invalid("a template's payload has at most 1 MiB"));
            }
            content.body = DraftBody::Base64 { text: BASE64.encode(body) };
        }
        let template = Template { name, saved_at: now(), content };
        let saved = template.clone();
        let has_room = self.inner.store.write(move |transaction| saved.put(transaction, TEMPLATES_MAX)).await?;
        self.tell(AppEvent::DraftsChanged);
        if has_room { Ok(template) } else { Err(invalid(format!("{TEMPLATES_MAX} templates are kept already"))) }
    }

    /// The names of all templates, in order.
    pub async fn template_names(&self) -> Result<Vec<String>> {
        self.inner.store.read(Template::names).await
    }

    /// Forgets a template. [`Error::NoSuch`] where there is none of that name.
    pub async fn remove_template(&self, name: &str) -> Result<()> {
        let wanted = name.trim().to_owned();
        if self.inner.store.write(move |transaction| Template::delete(transaction, &wanted)).await? {
            self.tell(AppEvent::DraftsChanged);
            return Ok(());
        }
        Err(no_such(name))
    }

    pub(super) async fn template(&self, name: &str) -> Result<Template> {
        let wanted = name.trim().to_owned();
        let found = self.inner.store.read(move |connection| Template::find(connection, &wanted)).await?;
        found.ok_or_else(|| no_such(name))
    }
}

/// What a new message says of itself: JSON, and to outlive a restart of the broker.
pub(super) fn usual_properties() -> Vec<DraftField> {
    let field = |name: &str, type_name: &str, value: &str| DraftField {
        name: name.to_owned(),
        name_encoding: None,
        type_name: type_name.to_owned(),
        encoding: None,
        value: value.to_owned(),
    };
    vec![field(property::CONTENT_TYPE, "text", "application/json"), field("delivery-mode", "uint8", "2")]
}

pub(super) fn to_queue(queue: &QueueName) -> TargetChoice {
    TargetChoice::Place { target: Target::Queue { queue: queue.clone() } }
}

fn no_such(name: &str) -> Error {
    Error::NoSuch { what: "template", name: name.trim().to_owned() }
}

fn invalid(why: impl Into<String>) -> Error {
    Error::Invalid { why: why.into() }
}
