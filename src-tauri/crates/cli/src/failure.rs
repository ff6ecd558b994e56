//! What goes wrong, said in three parts: what happened, what it means for the messages, what to do. And how the program
//! ends: the exit code.

use std::process::ExitCode;

use serde::Serialize;
use workbench::{Error, Fault, FaultCode, RefusedCode};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A rule of ours says no: read-only, cost, confirmation missing.
    Refused = 3,
    /// Some of it; the summary says what.
    Partly = 4,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What meant that nothing happened to any message.
const UNTOUCHED: &str = "no message was touched";

/// Why a command did not do what was asked.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    pub(crate) exit: Exit,
    pub(crate) code: FaultCode,
    /// What happened.
    pub(crate) error: String,
    /// What it means for the messages.
    pub(crate) messages: String,
    /// What to do about it, where we know.
    pub(crate) remedy: Option<String>,
}

impl Failure {
    /// Something failed, and no message was touched.
    pub(crate) fn new(error: impl Into<String>) -> Self {
        let (error, messages) = (error.into(), UNTOUCHED.to_owned());
        Self { exit: Exit::Failed, code: FaultCode::Other, error, messages, remedy: None }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(error: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, code: FaultCode::Invalid, ..Self::new(error) }
    }

    /// A confirmation is missing.
    pub(crate) fn refused(code: FaultCode, error: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, code, ..Self::new(error) }
    }

    pub(crate) fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, code: FaultCode::Cancelled, ..Self::new("stopped on request") }
    }

    /// What it means for the messages, where some were touched.
    #[must_use]
    pub(crate) fn messages(mut self, messages: impl Into<String>) -> Self {
        self.messages = messages.into();
        self
    }

    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Fault { code, message, remedy, .. } = Fault::from(&error);
        let exit = match &error {
            Error::Refused {
                code: RefusedCode::PlanOutdated | RefusedCode::CopiesGone | RefusedCode::Busy, ..
            } => Exit::Failed,
            Error::Refused { .. } => Exit::Refused,
            Error::Invalid { .. } => Exit::Usage,
            Error::Cancelled => Exit::Interrupted,
            Error::Broker(error) if error.kind() == broker::ErrorKind::CostRefused => Exit::Refused,
            _ => Exit::Failed,
        };
        let remedy = remedy.or_else(|| remedy_for(&error).map(str::to_owned));
        Self { exit, code, error: message, messages: UNTOUCHED.to_owned(), remedy }
    }
}

fn remedy_for(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::SecretNeeded { .. } => {
            "give it on standard input with --password-stdin, in a file named by QUEUESCOPE_PASSWORD_FILE, or at a terminal"
        }
        Error::Refused { code, .. } => match code {
            RefusedCode::ReadOnly => "add --allow-writes and --confirm with the profile's name",
            RefusedCode::PlanOutdated => "run the command again to see a plan that fits",
            RefusedCode::AlreadyOutstanding => "`qscope jobs list` shows that job, `qscope jobs resolve` answers it",
            RefusedCode::CaptureHeld => "settle the job or send the messages first",
            RefusedCode::CopiesGone => "`qscope snapshots limits` says how long copies are kept",
            RefusedCode::NoKey => "start the keychain of this desktop, or unlock it",
            RefusedCode::Busy => "try again when it has ended",
            RefusedCode::ConfirmationMissing | RefusedCode::DraftChanged => return None,
        },
        Error::NoSuch { what: "profile", .. } => "`qscope profiles list` shows them",
        Error::NoSuch { what: "queue", .. } => "`qscope queues` shows them",
        Error::NoSuch { what: "capture", .. } => "`qscope snapshots list --all` shows them",
        Error::NoSuch { what: "plan", .. } => "`qscope plans list` shows them",
        Error::NoSuch { what: "job", .. } => "`qscope jobs list` shows them",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(error: Error) -> Exit {
        Failure::from(error).exit
    }

    #[test]
    fn what_our_rules_refuse_ends_with_3_and_what_makes_no_sense_with_2() {
        let refused = |code| Error::Refused { code, why: "no".into() };
        assert_eq!(exit(refused(RefusedCode::ReadOnly)), Exit::Refused);
        assert_eq!(exit(refused(RefusedCode::ConfirmationMissing)), Exit::Refused);
        assert_eq!(exit(refused(RefusedCode::Busy)), Exit::Failed, "it may be done later");
        assert_eq!(exit(broker::Error::new(broker::ErrorKind::CostRefused, "look", "no").into()), Exit::Refused);
        assert_eq!(exit(broker::Error::new(broker::ErrorKind::Lost, "look", "no").into()), Exit::Failed);
        assert_eq!(exit(Error::Invalid { why: "no".into() }), Exit::Usage);
        assert_eq!(exit(Error::Cancelled), Exit::Interrupted);
    }

    #[test]
    fn a_failure_says_what_to_do_where_we_know_it() {
        let needed = Failure::from(Error::SecretNeeded { profile: "orders".into() });
        assert!(needed.remedy.is_some_and(|remedy| remedy.contains("--password-stdin")));
        let with_its_own = broker::Error::new(broker::ErrorKind::Unreachable, "connect", "no").remedy("plug it in");
        assert_eq!(Failure::from(Error::from(with_its_own)).remedy.as_deref(), Some("plug it in"));
    }
}
