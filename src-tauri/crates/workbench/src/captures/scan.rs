//! Reading a capture once, from its first message to its last.

use broker::Message;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::filter::Filter;
use super::head::Head;
use super::{Captures, body};
use crate::store::time;
use crate::{CaptureId, Result};

/// One message as a scan gives it.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) n: u32,
    pub(crate) size: u64,
    pub(crate) died_at: Option<Timestamp>,
    /// The newest death's reason, in words.
    pub(crate) reason: Option<String>,
    /// With so much of its body as was asked for.
    pub(crate) message: Message,
}

/// Of which messages a scan gives how much.
#[derive(Debug, Clone)]
pub(crate) struct ScanAsk {
    pub(crate) filter: Filter,
    /// Bytes of each body.
    pub(crate) body_max: usize,
}

impl Captures {
    /// Gives `each` every message that the filter leaves, in the order in which they were read; one body is in memory at a
    /// time. Stops early when it is told to.
    pub(crate) async fn scan<T>(
        &self,
        id: CaptureId,
        ask: ScanAsk,
        stop: CancellationToken,
        mut gathered: T,
        mut each: impl FnMut(&mut T, Scanned) + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
    {
        let read = move |connection: &Connection| {
            let left = if ask.filter.is_empty() { None } else { Some(ask.filter.matching(connection, &stop)?) };
            let most = i64::try_from(ask.body_max).unwrap_or(i64::MAX);
            let sql = "SELECT n, size, died_at, reason, head, CASE WHEN size <= ?1 THEN body END
                 FROM msg JOIN body USING (n) ORDER BY n";
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([most])?;
            while let Some(row) = rows.next()? {
                if stop.is_cancelled() {
                    break;
                }
                let n: u32 = row.get(0)?;
                if left.as_ref().is_some_and(|left| left.binary_search(&n).is_err()) {
                    continue;
                }
                let body = match row.get_ref(5)?.as_blob_or_null()? {
                    Some(body) => body.to_vec(),
                    None if ask.body_max == 0 => Vec::new(),
                    // Read in place: the query would bring the whole of it into memory.
                    None => {
                        body::read_part(connection, n.into(), 0, ask.body_max)?.map(|part| part.0).unwrap_or_default()
                    }
                };
                let died_at = row.get::<_, Option<i64>>(2)?.map(time).transpose()?;
                let message = Head::read(row.get_ref(4)?.as_str()?)?.into_message(body);
                each(&mut gathered, Scanned { n, size: row.get(1)?, died_at, reason: row.get(3)?, message });
            }
            Ok(gathered)
        };
        self.read(id, read).await
    }
}
