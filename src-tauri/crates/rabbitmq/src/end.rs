//! How a hold ended, and what is answered afterwards.

use broker::{Error, ErrorKind, RemoveOutcome, Returned};

use tokio::sync::mpsc;

use crate::lease::Request;

/// How a hold ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Returned(Returned),
    Lost { loss: Loss, held: u64 },
}

impl End {
    pub(crate) fn loss(&self) -> Option<&Loss> {
        match self {
            Self::Lost { loss, .. } => Some(loss),
            Self::Returned(_) => None,
        }
    }

    pub(crate) fn returned(&self) -> Returned {
        match self {
            Self::Returned(returned) => returned.clone(),
            Self::Lost { held, .. } => Returned { messages: *held, confirmed: false, counted: None },
        }
    }

    /// Answers what is asked after the end.
    pub(crate) fn refuse(&self, request: Request) {
        let why = self.loss().map_or("it was given back before", |loss| loss.why.as_str());
        match request {
            // The hand says so.
            Request::Fetch { .. } => {}
            Request::Remove { keys, answer } => {
                drop(answer.send(vec![RemoveOutcome::Unknown(why.to_owned()); keys.len()]));
            }
            Request::Close { answer } => drop(answer.send(self.returned())),
        }
    }
}

/// What is left of a hold: it answers the handle until that is dropped.
#[derive(Debug)]
pub(crate) struct Refusing {
    pub(crate) end: End,
    pub(crate) inbox: mpsc::Receiver<Request>,
}

impl Refusing {
    pub(crate) async fn run(mut self) {
        while let Some(request) = self.inbox.recv().await {
            self.end.refuse(request);
        }
    }
}

/// Why a hold is gone: an error that can be told more than once.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    kind: ErrorKind,
    why: String,
    remedy: Option<String>,
}

impl Loss {
    pub(crate) fn new(why: &str) -> Self {
        Self { kind: ErrorKind::Lost, why: why.to_owned(), remedy: None }
    }

    pub(crate) fn error(&self, doing: &str) -> Error {
        let error = Error::new(self.kind, doing, self.why.clone());
        match &self.remedy {
            Some(remedy) => error.remedy(remedy.clone()),
            None => error,
        }
    }
}

impl From<&Error> for Loss {
    fn from(error: &Error) -> Self {
        Self { kind: error.kind(), why: error.why().to_owned(), remedy: error.what_to_do().map(str::to_owned) }
    }
}
