//! Open views: the numbers of a capture's messages, filtered and sorted once, so that any page of them is at hand.

use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::filter::Filter;
use super::open::Listed;
use super::{Captures, MessageColumn, ViewAsk};
use crate::store::Readers;
use crate::{CaptureId, Result, ViewId};

/// A sorted and filtered list.
#[derive(Debug)]
pub(super) struct View {
    pub(super) capture: CaptureId,
    pub(super) numbers: Vec<u32>,
    pub(super) readers: Readers,
}

impl Listed for View {
    type Id = ViewId;
    const WHAT: &'static str = "open view";
    const OPEN_MAX: usize = 64;

    fn shows(&self, capture: CaptureId) -> bool {
        self.capture == capture
    }
}

impl Captures {
    /// Filters and sorts; how many messages are left. Stops soon after nobody waits for it any more.
    pub(super) async fn open_view(&self, ask: &ViewAsk) -> Result<(ViewId, u64)> {
        let filter = Filter::parse(&ask.filter)?;
        let (sort, descending, lines_only) = (ask.sort, ask.descending, filter.is_empty());
        let stop = CancellationToken::new();
        let waited_for = stop.clone().drop_guard();
        let read = move |connection: &Connection| {
            let mut numbers = sorted(connection, sort, descending)?;
            if !filter.is_empty() {
                let matching = filter.matching(connection, &stop)?;
                numbers.retain(|n| matching.binary_search(n).is_ok());
            }
            Ok(numbers)
        };
        let numbers = match lines_only {
            true => self.read_lines(ask.capture, read).await?,
            false => self.read(ask.capture, read).await?,
        };
        drop(waited_for);
        let shown = numbers.len() as u64;
        let view = View { capture: ask.capture, numbers, readers: Readers::new(self.path(ask.capture)) };
        let id = ViewId::new();
        self.inner.views.add(id, view);
        Ok((id, shown))
    }
}

/// All numbers in that order. What is not known comes last, either way.
fn sorted(connection: &Connection, by: MessageColumn, descending: bool) -> rusqlite::Result<Vec<u32>> {
    let column = match by {
        MessageColumn::Position => "n",
        MessageColumn::MessageId => "message_id",
        MessageColumn::RoutingKey => "routing_key",
        MessageColumn::Size => "size",
        MessageColumn::Deliveries => "deliveries",
        MessageColumn::Published => "published_at",
        MessageColumn::Died => "died_at",
        MessageColumn::Reason => "reason",
    };
    let direction = if descending { "DESC" } else { "ASC" };
    let sql = match by {
        MessageColumn::Position => format!("SELECT n FROM msg ORDER BY n {direction}"),
        _ => format!("SELECT n FROM msg ORDER BY {column} IS NULL, {column} {direction}, n"),
    };
    connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect()
}
