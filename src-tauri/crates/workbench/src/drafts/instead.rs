//! The message that is sent instead of the one that a plan names.

use broker::{Message, QueueName, Rules, Table, Target};

use super::DraftContent;

/// What is sent instead of a message, frozen with its plan.
#[derive(Debug, Clone)]
pub(crate) struct Instead(pub(super) DraftContent);

impl Instead {
    /// The message as it is sent: what would be left out of it is still there, so that it is left out, and kept, as always.
    /// The error says what is wrong with it, and holds nothing of its payload.
    pub(crate) fn over(&self, original: &Message, rules: &dyn Rules) -> Result<Message, String> {
        let (written, check) = self.0.check(Some(original), rules);
        if let Some(trouble) = check.troubles.into_iter().next() {
            return Err(format!("the edited message cannot be sent: {}", trouble.words));
        }
        let stripped = rules.prepare(original, &Target::Queue { queue: QueueName::from("") }).stripped;
        let with_locked = |before: &Table, now: Table| -> Table {
            let is_locked = |name: &str| stripped.iter().any(|part| part.name == name);
            let locked = before.iter().filter(|(name, _)| name.as_str().is_some_and(is_locked));
            locked.map(|(name, value)| (name.clone(), value.clone())).chain(now.into_entries()).collect()
        };
        Ok(Message {
            body: written.body,
            properties: with_locked(&original.properties, written.properties),
            headers: with_locked(&original.headers, written.headers),
            ..original.clone()
        })
    }
}

/// What differs, in one sentence.
pub(crate) fn differences(original: &Message, edited: &Message) -> String {
    let payload = match (original.body == edited.body, original.body.len(), edited.body.len()) {
        (true, ..) => "the payload as it came".to_owned(),
        (false, before, now) => format!("another payload ({now} bytes, {before} before)"),
    };
    let parts = [
        changed(&original.headers, &edited.headers, "header"),
        changed(&original.properties, &edited.properties, "property"),
    ];
    let parts: Vec<_> = std::iter::once(payload).chain(parts.into_iter().flatten()).collect();
    format!("it is sent edited: {}. The original stays in the copies", parts.join(", "))
}

fn changed(before: &Table, now: &Table, what: &str) -> Option<String> {
    let missing = |these: &Table, others: &Table| -> Vec<broker::Name> {
        let gone = these.iter().filter(|(name, value)| !others.iter().any(|other| other == (*name, *value)));
        gone.map(|(name, _)| name.clone()).collect()
    };
    let mut names = missing(before, now);
    names.extend(missing(now, before));
    names.sort();
    names.dedup();
    match names.len() {
        0 => None,
        1 => Some(format!("1 {what} changed")),
        n => Some(format!("{n} {} changed", if what == "property" { "properties" } else { "headers" })),
    }
}
