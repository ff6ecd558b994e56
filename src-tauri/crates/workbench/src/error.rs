use serde::{Deserialize, Serialize};

/// What every deed of the workbench returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in a deed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Broker(#[from] broker::Error),
    /// The store on this computer: full, corrupted, newer than this program.
    #[error("could not {doing}: {why}")]
    Store { doing: String, why: String, kind: StoreTrouble },
    /// The secret is not known: ask for it.
    #[error("the password of `{profile}` is needed")]
    SecretNeeded { profile: String },
    #[error("there is no {what} `{name}`")]
    NoSuch { what: &'static str, name: String },
    /// A rule of this program says no: read-only, confirmation missing, plan out of date.
    #[error("{why}")]
    Refused { code: RefusedCode, why: String },
    #[error("{why}")]
    Invalid { why: String },
    #[error("stopped on request")]
    Cancelled,
    #[error("the connection `{0}` is not open")]
    NotOpen(String),
}

/// Which of our own rules said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusedCode {
    ReadOnly,
    ConfirmationMissing,
    PlanOutdated,
    AlreadyOutstanding,
    /// Another window kept the draft since.
    DraftChanged,
    CaptureHeld,
    /// The copies that are needed were dropped.
    CopiesGone,
    /// There is no keychain that keeps the key of encrypted copies.
    NoKey,
    Busy,
}

/// What is the matter with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreTrouble {
    Full,
    Corrupted,
    NewerVersion,
    Other,
}

/// An error as the window sees it: `code` decides what it does, the rest is for reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    pub code: FaultCode,
    /// What happened.
    pub message: String,
    /// What to do about it, where we know.
    pub remedy: Option<String>,
    /// The chain of causes, for copying. Holds no secret and no payload.
    pub detail: String,
    /// The same call may succeed later without anybody changing anything.
    pub retryable: bool,
}

/// What the window branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum FaultCode {
    SecretNeeded,
    LoginRefused,
    Unreachable,
    Forbidden,
    NotFound,
    CostRefused,
    ReadOnly,
    ConfirmationMissing,
    PlanOutdated,
    AlreadyOutstanding,
    DraftChanged,
    Lost,
    StoreFull,
    Store,
    Invalid,
    Cancelled,
    NotOpen,
    Other,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        let mut detail = error.to_string();
        let mut below = std::error::Error::source(error);
        while let Some(cause) = below {
            let text = cause.to_string();
            if !detail.ends_with(&text) {
                detail.push_str("\ncaused by: ");
                detail.push_str(&text);
            }
            below = cause.source();
        }
        let (remedy, retryable) = match error {
            Error::Broker(error) => (error.what_to_do().map(str::to_owned), error.is_passing()),
            _ => (None, false),
        };
        Self { code: FaultCode::from(error), message: error.to_string(), remedy, detail, retryable }
    }
}

impl From<&Error> for FaultCode {
    fn from(error: &Error) -> Self {
        use broker::ErrorKind;
        match error {
            Error::Broker(error) => match error.kind() {
                ErrorKind::LoginRefused => Self::LoginRefused,
                ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::Tls | ErrorKind::WrongProtocol => {
                    Self::Unreachable
                }
                ErrorKind::Forbidden => Self::Forbidden,
                ErrorKind::NotFound => Self::NotFound,
                ErrorKind::CostRefused => Self::CostRefused,
                ErrorKind::Lost => Self::Lost,
                ErrorKind::Invalid => Self::Invalid,
                ErrorKind::Locked
                | ErrorKind::TooLarge
                | ErrorKind::Blocked
                | ErrorKind::Unsupported
                | ErrorKind::Refused => Self::Other,
            },
            Error::Store { kind: StoreTrouble::Full, .. } => Self::StoreFull,
            Error::Store { .. } => Self::Store,
            Error::SecretNeeded { .. } => Self::SecretNeeded,
            Error::NoSuch { .. } => Self::NotFound,
            Error::Refused { code, .. } => match code {
                RefusedCode::ReadOnly => Self::ReadOnly,
                RefusedCode::ConfirmationMissing => Self::ConfirmationMissing,
                RefusedCode::PlanOutdated => Self::PlanOutdated,
                RefusedCode::AlreadyOutstanding => Self::AlreadyOutstanding,
                RefusedCode::DraftChanged => Self::DraftChanged,
                RefusedCode::CopiesGone => Self::NotFound,
                RefusedCode::CaptureHeld | RefusedCode::NoKey | RefusedCode::Busy => Self::Other,
            },
            Error::Invalid { .. } => Self::Invalid,
            Error::Cancelled => Self::Cancelled,
            Error::NotOpen(_) => Self::NotOpen,
        }
    }
}
