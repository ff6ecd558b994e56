//! Replacing what a regular expression finds.

use regex::{Regex, RegexBuilder};

use crate::edits::BODY_BYTES_MAX;

/// Of a pattern, and of what takes the place of what it finds.
const TEXT_BYTES_MAX: usize = 4096;
/// What a pattern may become when it is made ready.
const PATTERN_READY_BYTES_MAX: usize = 1024 * 1024;

pub(in crate::edits) struct Replacement {
    pattern: Regex,
    with: String,
}

impl Replacement {
    pub(super) fn new(pattern: &str, with: &str) -> Result<Self, String> {
        if pattern.is_empty() {
            return Err("there is no pattern".to_owned());
        }
        if pattern.len() > TEXT_BYTES_MAX || with.len() > TEXT_BYTES_MAX {
            return Err(format!("pattern and replacement have at most {TEXT_BYTES_MAX} bytes each"));
        }
        let made = RegexBuilder::new(pattern).size_limit(PATTERN_READY_BYTES_MAX).build();
        let pattern = made.map_err(|error| why_invalid(&error))?;
        match unknown_group(&pattern, with) {
            Some(group) => Err(format!(
                "the replacement names a group `{group}` that the pattern does not have; a dollar sign is written `$$`"
            )),
            None => Ok(Self { pattern, with: with.to_owned() }),
        }
    }

    /// The text with everything replaced; `None`: nothing was found. Ends early where it becomes too large.
    pub(super) fn run(&self, text: &str) -> Result<Option<String>, String> {
        let (mut after, mut end) = (String::new(), None);
        for found in self.pattern.captures_iter(text) {
            let whole = found.get_match();
            after.push_str(&text[end.unwrap_or(0)..whole.start()]);
            found.expand(&self.with, &mut after);
            end = Some(whole.end());
            if after.len() > BODY_BYTES_MAX {
                break;
            }
        }
        let Some(end) = end else { return Ok(None) };
        after.push_str(&text[end..]);
        Ok(Some(after))
    }
}

/// One line: the error itself draws the pattern and an arrow below it.
fn why_invalid(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large: it repeats too much".to_owned(),
        other => {
            let text = other.to_string();
            let place = text.lines().find_map(|line| {
                let arrow = line.find('^').filter(|_| line.trim_start().starts_with('^'))?;
                Some(format!(" at character {}", arrow.saturating_sub(3)))
            });
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("the pattern is not a regular expression{}: {why}", place.unwrap_or_default())
        }
    }
}

/// A group that stands in the replacement and not in the pattern: it would silently be nothing.
fn unknown_group(pattern: &Regex, with: &str) -> Option<String> {
    let named = Regex::new(r"\$(?:\$|\{([^}]*)\}|([0-9A-Za-z_]+))").expect("a pattern that a test has tried");
    let group = |found: regex::Captures<'_>| Some(found.get(1).or(found.get(2))?.as_str().to_owned());
    let is_known = |group: &String| match group.parse::<usize>() {
        Ok(number) => number < pattern.captures_len(),
        Err(_) => pattern.capture_names().flatten().any(|name| name == group),
    };
    named.captures_iter(with).filter_map(group).find(|group| !is_known(group))
}
