//! What SQLite and the file system complain of, in our words.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::{Error, Result, StoreTrouble};

/// What is the matter, without what was being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    why: String,
    kind: StoreTrouble,
}

impl Trouble {
    pub(super) fn broke_off() -> Self {
        Self { why: "it broke off; the log says more".to_owned(), kind: StoreTrouble::Other }
    }

    pub(super) fn while_doing(self, doing: &str) -> Error {
        Error::Store { doing: doing.to_owned(), why: self.why, kind: self.kind }
    }
}

impl From<&rusqlite::Error> for Trouble {
    fn from(error: &rusqlite::Error) -> Self {
        let kind = kind_of(error);
        let why = match kind {
            StoreTrouble::Full => "there is no room left on the disk".to_owned(),
            StoreTrouble::Corrupted => format!("the file is damaged ({error})"),
            StoreTrouble::NewerVersion | StoreTrouble::Other => error.to_string(),
        };
        Self { why, kind }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}

/// A failure of SQLite while `doing` something. Its texts hold no values.
pub(crate) fn sql_trouble(doing: &str, error: &rusqlite::Error) -> Error {
    Trouble::from(error).while_doing(doing)
}

fn kind_of(error: &rusqlite::Error) -> StoreTrouble {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return StoreTrouble::Other };
    match failure.code {
        ErrorCode::DiskFull => StoreTrouble::Full,
        // The shared index beside the database could not grow.
        _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreTrouble::Full,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreTrouble::Corrupted,
        _ => StoreTrouble::Other,
    }
}

/// A failure of the file system while `doing` something with `path`.
pub(crate) fn io_trouble(doing: &str, path: &Path, error: &io::Error) -> Error {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let kind = if full { StoreTrouble::Full } else { StoreTrouble::Other };
    Error::Store { doing: doing.to_owned(), why: format!("`{}`: {error}", path.display()), kind }
}

/// Runs what blocks beside the async tasks. Dropped half way, it is carried out all the same.
pub(crate) async fn in_background<T, F>(doing: &str, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::broke_off().while_doing(doing)),
    }
}
