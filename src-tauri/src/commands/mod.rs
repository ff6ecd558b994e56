//! One file a noun; each command takes the workbench, calls one method and returns.
#![allow(clippy::let_underscore_must_use, reason = "the command macro expands to it")]

pub(crate) mod activity;
pub(crate) mod app;
pub(crate) mod captures;
pub(crate) mod connections;
pub(crate) mod dead_letters;
pub(crate) mod drafts;
pub(crate) mod edits;
pub(crate) mod jobs;
pub(crate) mod looks;
pub(crate) mod profiles;
pub(crate) mod queues;
pub(crate) mod snapshots;

use workbench::{Error, Fault};

/// What every command answers.
pub(crate) type Answer<T> = Result<T, Fault>;

/// The one place where an error of the workbench becomes one of the window.
pub(crate) fn fault(error: Error) -> Fault {
    Fault::from(&error)
}
