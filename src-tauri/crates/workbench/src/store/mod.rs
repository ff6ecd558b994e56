//! What is kept on this computer: one small SQLite database with a file for each table, and secrets in the keychain.

mod activity;
mod captures;
mod database;
mod drafts;
mod edits;
mod jobs;
mod migrate;
mod plans;
mod profiles;
mod readers;
mod secrets;
mod settings;
mod trouble;
mod words;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::{ActivityRow, Draft, Result, SavedPlan};

pub(crate) use captures::{CaptureRecord, CaptureState, Counted};
pub(crate) use database::{create_private_file, make_private_folder, open_reader, open_writer};
pub(crate) use drafts::Keeping;
pub(crate) use jobs::{Entry, JobRecord, RowsOf};
pub(crate) use plans::NotAdded;
pub(crate) use profiles::first_time;
pub(crate) use readers::Readers;
pub(crate) use rusqlite::Transaction;
#[cfg(test)]
pub(crate) use secrets::MemorySecrets;
pub use secrets::{Keychain, SecretKeeper};
pub(crate) use settings::{put_setting, setting};
pub(crate) use trouble::{in_background, io_trouble, sql_trouble};
pub(crate) use words::{now, parsed, time, unreadable, unworded, worded};
pub(crate) use writer::Writer;

/// The small database. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Writer,
    readers: Readers,
    /// Shared with every other program that has this store open; a migration needs it alone.
    _lock: File,
}

impl Store {
    /// Opens the store in that folder, made if it is missing: checks that it is whole, keeps a copy and migrates if it is
    /// of an older version.
    ///
    /// Fails with [`crate::Error::Store`], and changes nothing, if it is damaged, newer than this program, or in use by
    /// an older one.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self> {
        let data_dir = data_dir.to_owned();
        let store = in_background("open the store", move || {
            make_private_folder(&data_dir)?;
            let (path, lock) = migrate::prepare(&data_dir)?;
            let writer = Writer::start(open_writer(&path)?)?;
            let readers = Readers::new(path);
            Ok(Self { inner: Arc::new(Inner { writer, readers, _lock: lock }) })
        });
        let store = store.await?;
        let prune = |transaction: &Transaction<'_>| {
            ActivityRow::prune(transaction, now())?;
            SavedPlan::prune(transaction, now())?;
            Draft::prune(transaction)
        };
        store.write(prune).await?;
        Ok(store)
    }

    /// Runs `work` in the one writer and answers when what it did is committed and synced. Calls that wait are committed
    /// together; one that fails is undone alone. Dropped half way, it is carried out all the same.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.inner.writer.write("write to the store", work).await
    }

    /// Runs `work` on a connection that can only read, beside the writer.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.inner.readers.read("read the store", work).await
    }
}

#[cfg(test)]
mod tests;
