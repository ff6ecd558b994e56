//! What is written where: data to standard output, everything else to standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::{Exit, Failure};

/// Where output goes, and in which form.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    /// Data as JSON, one object a line.
    pub(crate) json: bool,
    quiet: bool,
}

impl Out {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Before the command line is understood.
    pub(crate) fn plain() -> Self {
        Self::new(false, false)
    }

    /// A line of data for people.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        said(stdout.write_all(line.as_bytes()).and_then(|()| stdout.write_all(b"\n")))
    }

    /// An object of data for machines.
    pub(crate) fn object(&self, object: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(object);
        self.line(&line.map_err(|error| Failure::new(format!("could not write the answer as JSON: {error}")))?)
    }

    /// Bytes of data as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        said(io::stdout().lock().write_all(bytes))
    }

    /// Something worth knowing, unless nobody wants to.
    pub(crate) fn note(&self, note: &str) {
        if !self.quiet {
            to_stderr(note);
        }
    }

    /// Something that must be read.
    pub(crate) fn warn(&self, warning: &str) {
        to_stderr(&format!("warning: {warning}"));
    }

    /// What has to be read before something is done.
    pub(crate) fn say(&self, text: &str) {
        to_stderr(text);
    }

    /// A question whose answer stands on the same line.
    pub(crate) fn prompt(&self, question: &str) {
        let mut stderr = io::stderr().lock();
        stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).ok();
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.error.is_empty() {
            return;
        }
        if self.json
            && let Ok(object) = serde_json::to_string(failure)
        {
            to_stderr(&object);
            return;
        }
        let mut text = format!("error: {}\n  messages: {}", clean(&failure.error), clean(&failure.messages));
        if let Some(remedy) = &failure.remedy {
            // Remedies may be commands of several lines.
            write!(text, "\n  do: {}", remedy.lines().map(clean).collect::<Vec<_>>().join("\n      ")).ok();
        }
        to_stderr(&text);
    }

    /// How far something has come, on one line of a terminal that is written over.
    pub(crate) fn progress(&self, line: &str) {
        if !self.quiet && io::stderr().is_terminal() {
            eprint!("\r\x1b[2K{line}");
        }
    }

    pub(crate) fn progress_ends(&self) {
        self.progress("");
    }

    /// Whether somebody sits there who can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Standard error may be closed: then there is nobody to tell.
fn to_stderr(text: &str) {
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// Whoever reads may have had enough: then the rest is not written, and that is no failure.
fn said(written: io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure { exit: Exit::Done, ..Failure::new("") },
        _ => Failure::new(format!("could not write to standard output: {error}")),
    })
}

/// Text from a broker on one line, without what would steer a terminal or turn the direction of writing around.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                clean.extend(sign.escape_unicode());
            }
            sign if sign.is_control() => clean.extend(sign.escape_default()),
            sign => clean.push(sign),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown_instead() {
        assert_eq!(clean("a\u{1b}[2Jb\n\u{9b}c"), "a\\u{1b}[2Jb\\n\\u{9b}c");
        assert_eq!(clean("\u{202e}txt.exe"), "\\u{202e}txt.exe");
        assert_eq!(clean("Grüße 🚗"), "Grüße 🚗");
    }

    #[test]
    fn a_reader_that_has_had_enough_is_no_failure() {
        let failure = said(Err(io::ErrorKind::BrokenPipe.into())).expect_err("the rest is not written");
        assert_eq!((failure.exit, failure.error.as_str()), (Exit::Done, ""));
    }
}
