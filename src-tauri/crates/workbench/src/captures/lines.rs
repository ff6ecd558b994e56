//! Messages as the lines of an export, for whoever prints them.

use rusqlite::Connection;

use super::{export, file, no_such_message};
use crate::{CaptureId, Result, Workbench};

impl Workbench {
    /// One message as it is exported: a line of JSON with its end, the body whole in it.
    ///
    /// Fails with [`crate::Error::NoSuch`] where the capture or the message does not exist.
    pub async fn message_line(&self, id: CaptureId, n: u64) -> Result<Vec<u8>> {
        let record = self.inner.captures.record(id).await?;
        let read = move |connection: &Connection| {
            Ok(file::load(connection, n)?.map(|stored| export::line(&stored, &record.queue)))
        };
        self.inner.captures.read(id, read).await?.ok_or_else(|| no_such_message(n))?
    }
}
