//! What the last session left: captures that were being written, files that nobody lists, lines without a file.

use std::path::Path;

use rusqlite::Transaction;

use super::{CaptureSource, Captures, file};
use crate::store::{CaptureRecord, CaptureState, in_background};
use crate::{CaptureId, Result};

impl Captures {
    /// Marks captures that were being written as cut short, unless another program is writing them now, and counts what
    /// is in them. A file that nobody lists is listed again; nothing is dropped but lines without a file.
    pub(crate) async fn settle(&self) -> Result<()> {
        let records = self.inner.store.read(CaptureRecord::all).await?;
        for record in &records {
            self.settle_one(record).await?;
        }
        for id in self.files().await? {
            if records.iter().all(|record| record.id != id) {
                self.adopt(id).await?;
            }
        }
        self.drop_unkept(None).await
    }

    async fn settle_one(&self, record: &CaptureRecord) -> Result<()> {
        let id = record.id;
        let Ok(_lock) = self.lock_if_needed(record) else { return Ok(()) };
        if !self.path(id).exists() {
            if record.held.is_some() {
                return Ok(());
            }
            tracing::warn!(capture = %id, "the file of a capture is gone: it is listed no more");
            return self.inner.store.write(move |transaction| CaptureRecord::delete(transaction, id)).await.map(drop);
        }
        if record.state != CaptureState::Writing {
            return Ok(());
        }
        let (state, outcome) = match self.read_lines(id, file::read_about).await {
            // The crash came between the last word in the file and the one in the list.
            Ok(about) if about.state == CaptureState::Whole => (CaptureState::Whole, Some(about.outcome)),
            // A file comes in whole or not at all; it is where it was.
            _ if record.source == CaptureSource::Import => {
                self.delete_files(id)?;
                return self
                    .inner
                    .store
                    .write(move |transaction| CaptureRecord::delete(transaction, id))
                    .await
                    .map(drop);
            }
            _ => (CaptureState::CutShort, None),
        };
        let counted = match self.counted(id).await {
            Ok(counted) => counted,
            Err(error) => {
                tracing::warn!(capture = %id, %error, "a capture cannot be read");
                record.counted
            }
        };
        let settle = move |transaction: &Transaction<'_>| {
            CaptureRecord::settle(transaction, id, state, counted, outcome.as_deref())
        };
        self.inner.store.write(settle).await
    }

    /// One that is whole needs no lock to be looked at.
    fn lock_if_needed(&self, record: &CaptureRecord) -> Result<Option<std::fs::File>> {
        if record.state == CaptureState::Writing { self.lock(record.id).map(Some) } else { Ok(None) }
    }

    /// Lists a file that came from elsewhere, or outlived its list.
    async fn adopt(&self, id: CaptureId) -> Result<()> {
        let Ok(_lock) = self.lock(id) else { return Ok(()) };
        let (mut record, counted) = match (self.read_lines(id, file::read_about).await, self.counted(id).await) {
            (Ok(record), Ok(counted)) => (record, counted),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(capture = %id, %error, "a capture that is not listed cannot be read: it is left alone");
                return Ok(());
            }
        };
        record.id = id;
        record.counted = counted;
        if record.state == CaptureState::Writing {
            record.state = CaptureState::CutShort;
        }
        self.inner.store.write(move |transaction| record.add(transaction)).await
    }

    /// The captures that have a file.
    async fn files(&self) -> Result<Vec<CaptureId>> {
        let dir = self.inner.dir.clone();
        in_background("list the captures", move || {
            let entries =
                std::fs::read_dir(&dir).map_err(|error| crate::store::io_trouble("list the captures", &dir, &error))?;
            Ok(entries.flatten().filter_map(|entry| id_of(&entry.path())).collect())
        })
        .await
    }
}

fn id_of(path: &Path) -> Option<CaptureId> {
    let is_ours = path.extension().is_some_and(|extension| extension == file::EXTENSION);
    if is_ours { path.file_stem()?.to_str()?.parse().ok() } else { None }
}
