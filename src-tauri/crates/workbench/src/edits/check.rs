//! Whether an edit can be carried out at all, before any message is.

use broker::{Message, QueueName, Rules, Target, Value};

use super::worker::{BodyStep, on_large_stack};
use super::{Edit, EditStep, HeaderValue};
use crate::{Error, Result};

/// Steps of one edit.
const STEPS_MAX: usize = 32;
/// Of a header's name: what every broker can hold.
const NAME_BYTES_MAX: usize = 255;
/// Of a header's value.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Headers that we write ourselves begin so, in upper and lower case alike.
const OURS: &str = "x-queuescope-";

impl Edit {
    /// Whether every step can be carried out. [`Error::Invalid`] names the step that cannot, and the place in it.
    pub fn check(&self) -> Result<()> {
        if self.steps.len() > STEPS_MAX {
            return Err(Error::Invalid { why: format!("an edit has at most {STEPS_MAX} steps") });
        }
        let check = || self.named_steps().try_for_each(|(name, step)| step.check().map_err(|why| at(&name, why)));
        // A program is as deep as whoever wrote it likes.
        if self.edits_bodies() { on_large_stack(check) } else { check() }
    }

    /// As [`Edit::check`], for messages that go to that kind of broker: a header that would be left out when they are sent
    /// cannot be set.
    pub fn check_for(&self, rules: &dyn Rules) -> Result<()> {
        self.check()?;
        self.named_steps().try_for_each(|(name, step)| match step {
            EditStep::SetHeader { name: header, .. } | EditStep::RenameHeader { to: header, .. } => {
                stays(rules, header).map_err(|why| at(&name, why))
            }
            _ => Ok(()),
        })
    }
}

fn at(step: &str, why: String) -> Error {
    Error::Invalid { why: format!("{step}: {why}") }
}

impl EditStep {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::SetHeader { name, value } => {
                check_settable(name)?;
                value.check()
            }
            Self::RemoveHeader { name } => check_name(name),
            Self::RenameHeader { name, to } if name == to => {
                check_name(name).and(Err("both names are the same".into()))
            }
            Self::RenameHeader { name, to } => check_name(name).and_then(|()| check_settable(to)),
            Self::ReplaceText { .. } | Self::Jq { .. } => BodyStep::of(self).map(drop),
        }
    }
}

impl HeaderValue {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Text { value } if value.len() > VALUE_BYTES_MAX => {
                Err(format!("a header's value has at most {VALUE_BYTES_MAX} bytes"))
            }
            _ => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a header needs a name".to_owned());
    }
    if name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
        return Err(format!("a header's name is one line of at most {NAME_BYTES_MAX} bytes"));
    }
    Ok(())
}

fn check_settable(name: &str) -> Result<(), String> {
    check_name(name)?;
    if name.to_ascii_lowercase().starts_with(OURS) {
        let why = "headers that begin so are written by this program, to recognise what it sent";
        return Err(format!("`{name}` cannot be set: {why}"));
    }
    Ok(())
}

/// Whether a header of that name can be written on messages that go to that kind of broker.
pub(crate) fn check_header(rules: &dyn Rules, name: &str) -> Result<(), String> {
    check_settable(name).and_then(|()| stays(rules, name))
}

/// Whether a header of that name goes along when a message is sent.
fn stays(rules: &dyn Rules, name: &str) -> Result<(), String> {
    let message = Message { headers: [(name, Value::from(""))].into_iter().collect(), ..Message::default() };
    let prepared = rules.prepare(&message, &Target::Queue { queue: QueueName::from("") });
    match prepared.stripped.iter().find(|stripped| stripped.name == name) {
        Some(stripped) => {
            Err(format!("`{name}` cannot be set: it is left out when a message is sent: {}", stripped.why))
        }
        None => Ok(()),
    }
}
