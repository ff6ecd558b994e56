//! The steps that change bodies, made ready to be carried out many times.

use std::borrow::Cow;

use super::jq::Program;
use super::text::Replacement;
use crate::edits::{BODY_BYTES_MAX, Edit, EditStep};

/// How compressed bodies begin.
const COMPRESSED: [(&[u8], &str); 2] = [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")];

/// One of them.
pub(in crate::edits) enum BodyStep {
    Replace(Replacement),
    Jq(Program),
}

impl BodyStep {
    /// `None`: it does not change bodies. The error says why it can never be carried out.
    pub(in crate::edits) fn of(step: &EditStep) -> Result<Option<Self>, String> {
        Ok(match step {
            EditStep::ReplaceText { pattern, with } => Some(Self::Replace(Replacement::new(pattern, with)?)),
            EditStep::Jq { program } => Some(Self::Jq(Program::compile(program)?)),
            EditStep::SetHeader { .. } | EditStep::RemoveHeader { .. } | EditStep::RenameHeader { .. } => None,
        })
    }

    /// The text after it; `None`: as it was.
    fn run(&self, text: &str) -> Result<Option<String>, String> {
        match self {
            Self::Replace(replacement) => replacement.run(text),
            Self::Jq(program) => program.run(text),
        }
    }
}

/// All of an edit, each with what it is called in errors.
pub(super) struct BodySteps(Vec<(String, BodyStep)>);

impl BodySteps {
    pub(super) fn compile(edit: &Edit) -> Result<Self, String> {
        let mut steps = Vec::new();
        for (name, step) in edit.named_steps() {
            if let Some(step) = BodyStep::of(step).map_err(|why| format!("{name}: {why}"))? {
                steps.push((name, step));
            }
        }
        Ok(Self(steps))
    }

    /// The body after the edit; `None`: as it was. The error says why this body cannot be edited, and holds nothing of it.
    pub(super) fn run(&self, body: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let mut text: Option<Cow<'_, str>> = None;
        for (name, step) in &self.0 {
            let why_not = |why| format!("{name}: {why}");
            let before = match text.take() {
                Some(text) => text,
                None => Cow::Borrowed(text_of(body).map_err(why_not)?),
            };
            let after = step.run(&before).map_err(why_not)?;
            if after.as_ref().is_some_and(|after| after.len() > BODY_BYTES_MAX) {
                return Err(why_not(format!("it becomes larger than {} MiB", BODY_BYTES_MAX / 1024 / 1024)));
            }
            text = Some(after.map_or(before, Cow::Owned));
        }
        Ok(text.map(|text| text.into_owned().into_bytes()).filter(|after| after != body))
    }
}

fn text_of(body: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(body).map_err(|_| {
        let how = COMPRESSED.iter().find(|(start, _)| body.starts_with(start));
        how.map_or_else(
            || "its body is not UTF-8 text".to_owned(),
            |(_, how)| format!("its body is compressed ({how})"),
        )
    })
}
