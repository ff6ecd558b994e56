use std::fmt;

use serde::{Deserialize, Serialize};

/// What every call of the port returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller would behave differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum ErrorKind {
    /// Nobody answers there: unknown host, closed port, no route.
    Unreachable,
    /// It answers, but not in the time we give it.
    TimedOut,
    /// TLS failed: unknown authority, wrong name, expired, or the other side speaks no TLS.
    Tls,
    /// Something answers that is not this broker's protocol.
    WrongProtocol,
    /// User name or password refused.
    LoginRefused,
    /// Logged in, but not allowed to do this.
    Forbidden,
    /// The queue, exchange or virtual host does not exist.
    NotFound,
    /// Somebody else holds it exclusively.
    Locked,
    /// The message is larger than the broker takes.
    TooLarge,
    /// Looking, or giving back, would cost more than was accepted.
    CostRefused,
    /// The broker takes no messages for now (memory or disk alarm).
    Blocked,
    /// The connection, or the channel that held the messages, is gone. What it held is given back by the broker.
    Lost,
    /// A setting or an argument makes no sense.
    Invalid,
    /// This broker cannot do it.
    Unsupported,
    /// The broker refused for a reason of its own; the source says which.
    Refused,
}

/// An error of a broker: reads "could not <doing>: <why>".
pub struct Error {
    kind: ErrorKind,
    doing: String,
    why: String,
    remedy: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// `doing` completes "could not ...": "open queue `orders`". `why` is plain words and never holds a secret.
    pub fn new(kind: ErrorKind, doing: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), why: why.into(), remedy: None, source: None }
    }

    /// What the user can do about it, one sentence.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The error below this one. Its text may reach the screen as detail: it must not hold a secret.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn doing(&self) -> &str {
        &self.doing
    }

    pub fn why(&self) -> &str {
        &self.why
    }

    /// What the user can do about it, if we know.
    pub fn what_to_do(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::Blocked | ErrorKind::Lost)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.doing, self.why)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
