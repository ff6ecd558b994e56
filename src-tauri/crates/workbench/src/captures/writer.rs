use std::fs::File;
use std::sync::Arc;

use rusqlite::Transaction;

use super::seal::Seal;
use super::{Access, Captured, Captures, WRITING, file};
use crate::store::{
    CaptureRecord, CaptureState, Writer, create_private_file, in_background, io_trouble, open_writer, sql_trouble,
};
use crate::{CaptureId, Error, Result};

/// The right to add to one capture, which nobody else has meanwhile. Dropped without [`CaptureWriter::finish`], the
/// capture counts as cut short; what was appended is whole.
#[derive(Debug)]
pub(crate) struct CaptureWriter {
    id: CaptureId,
    captures: Captures,
    writer: Writer,
    seal: Option<Arc<Seal>>,
    _lock: File,
}

impl CaptureWriter {
    pub(super) async fn create(captures: &Captures, record: CaptureRecord) -> Result<Self> {
        let (id, sealed) = (record.id, record.sealed);
        let seal = captures.seal_of(id, sealed).await?.map(Arc::new);
        let lock = captures.lock(id)?;
        // Listed before there is a file, so that a file without a line is one that came from elsewhere.
        let listed = record.clone();
        captures.inner.store.write(move |transaction| listed.add(transaction)).await?;
        let path = captures.path(id);
        let dir = captures.inner.dir.clone();
        let writer = in_background(WRITING, move || {
            create_private_file(&path).map_err(|error| io_trouble(WRITING, &path, &error))?;
            // The page size is settled before the write-ahead log is turned on.
            let fresh = rusqlite::Connection::open(&path).and_then(|connection| file::lay_out(&connection, sealed));
            fresh.map_err(|error| sql_trouble(WRITING, &error))?;
            sync_folder(&dir)?;
            Writer::start(open_writer(&path)?)
        });
        let writer = writer.await?;
        writer.write(WRITING, move |transaction| file::write_about(transaction, &record)).await?;
        Ok(Self { id, captures: captures.clone(), writer, seal, _lock: lock })
    }

    pub(super) async fn reopen(captures: &Captures, id: CaptureId, sealed: bool) -> Result<Self> {
        let seal = captures.seal_of(id, sealed).await?.map(Arc::new);
        let lock = captures.lock(id)?;
        let path = captures.path(id);
        let writer = in_background(WRITING, move || {
            super::read_file(&path, Access::Plain, |_| Ok(()))?;
            Writer::start(open_writer(&path)?)
        });
        let writer = writer.await?;
        let writing =
            move |transaction: &Transaction<'_>| CaptureRecord::set_state(transaction, id, CaptureState::Writing);
        captures.inner.store.write(writing).await?;
        Ok(Self { id, captures: captures.clone(), writer, seal, _lock: lock })
    }

    pub(crate) fn id(&self) -> CaptureId {
        self.id
    }

    /// Adds messages; their numbers. When it answers they are committed and synced, all of them or, on an error, none.
    ///
    /// Fails with [`Error::Invalid`] where a message's headers are nested too deep to be kept, and with
    /// [`Error::Store`] where the disk is full.
    pub(crate) async fn append(&self, messages: Vec<Captured>) -> Result<Vec<u64>> {
        let ready =
            in_background(WRITING, move || messages.into_iter().map(file::Ready::new).collect::<Result<Vec<_>>>());
        let ready = ready.await?;
        let seal = self.seal.clone();
        self.writer.write(WRITING, move |transaction| file::add(transaction, &ready, seal.as_deref())).await
    }

    /// Ends the writing, says what became of the messages, and closes the file.
    pub(crate) async fn finish(self, outcome: impl Into<String>) -> Result<()> {
        let Self { id, captures, writer, seal: _, _lock: lock } = self;
        let mut record = captures.record(id).await?;
        record.state = CaptureState::Whole;
        record.outcome = outcome.into();
        let outcome = record.outcome.clone();
        let end = move |transaction: &Transaction<'_>| {
            file::index(transaction)?;
            file::write_about(transaction, &record)
        };
        writer.write(WRITING, end).await?;
        writer.close().await;
        let counted = captures.counted(id).await?;
        let settle = move |transaction: &Transaction<'_>| {
            CaptureRecord::settle(transaction, id, CaptureState::Whole, counted, Some(&outcome))
        };
        captures.inner.store.write(settle).await?;
        drop(lock);
        captures.drop_unkept(Some(id)).await
    }

    /// Ends the writing and leaves nothing behind.
    pub(super) async fn abandon(self) -> Result<()> {
        let Self { id, captures, writer, seal: _, _lock: lock } = self;
        writer.close().await;
        let files = captures.clone();
        // A line without a file is dropped at the next start; a file without a line would be listed.
        in_background(WRITING, move || files.delete_files(id)).await?;
        captures.inner.store.write(move |transaction| CaptureRecord::delete(transaction, id)).await?;
        drop(lock);
        Ok(())
    }

    #[cfg(test)]
    pub(super) async fn limit_pages(&self, pages: u32) -> Result<()> {
        self.writer.write(WRITING, move |transaction| transaction.pragma_update(None, "max_page_count", pages)).await
    }
}

/// Makes sure that a new file is found again after a power cut.
fn sync_folder(path: &std::path::Path) -> Result<(), Error> {
    #[cfg(unix)]
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io_trouble("make the capture last", path, &error))?;
    Ok(())
}
