//! Messages as the lines of an export, for whoever prints them.

use rusqlite::Connection;

use super::{ExportFormat, file, no_such_message};
use crate::{CaptureId, Result, Workbench};

impl Workbench {
    /// What an export in that form begins with, before its first message.
    pub fn export_head(&self, format: ExportFormat) -> Result<Vec<u8>> {
        format.head()
    }

    /// One message as it is exported, with the line's end, the body whole in it.
    ///
    /// Fails with [`crate::Error::NoSuch`] where the capture or the message does not exist.
    pub async fn message_line(&self, id: CaptureId, n: u64, format: ExportFormat) -> Result<Vec<u8>> {
        let record = self.inner.captures.record(id).await?;
        let read = move |connection: &Connection| {
            Ok(file::load(connection, n)?.map(|stored| format.line(&stored, &record.queue)))
        };
        self.inner.captures.read(id, read).await?.ok_or_else(|| no_such_message(n))?
    }
}
