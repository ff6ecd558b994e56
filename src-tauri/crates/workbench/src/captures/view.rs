//! Open views: the numbers of a capture's messages, filtered and sorted once, so that any page of them is at hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::filter::Filter;
use super::{Captures, MessageColumn, ViewAsk};
use crate::store::Readers;
use crate::{CaptureId, Error, Result, ViewId};

/// Views open at once; the one not used for longest is closed for another.
const VIEWS_MAX: usize = 64;

/// A sorted and filtered list.
#[derive(Debug)]
pub(super) struct View {
    pub(super) capture: CaptureId,
    pub(super) numbers: Vec<u32>,
    pub(super) readers: Readers,
}

#[derive(Debug, Default)]
pub(super) struct OpenViews(Mutex<VecDeque<(ViewId, Arc<View>)>>);

impl OpenViews {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(ViewId, Arc<View>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, view: View) -> ViewId {
        let id = ViewId::new();
        let mut open = self.lock();
        if open.len() == VIEWS_MAX {
            open.pop_front();
        }
        open.push_back((id, Arc::new(view)));
        id
    }

    pub(super) fn get(&self, id: ViewId) -> Result<Arc<View>> {
        let mut open = self.lock();
        let found = open.iter().position(|(open, _)| *open == id).and_then(|place| open.remove(place));
        let (_, view) = found.ok_or_else(|| Error::NoSuch { what: "open view", name: id.to_string() })?;
        open.push_back((id, Arc::clone(&view)));
        Ok(view)
    }

    pub(super) fn close(&self, id: ViewId) {
        self.lock().retain(|(open, _)| *open != id);
    }

    pub(super) fn close_all_of(&self, capture: CaptureId) {
        self.lock().retain(|(_, view)| view.capture != capture);
    }

    pub(super) fn shows(&self, capture: CaptureId) -> bool {
        self.lock().iter().any(|(_, view)| view.capture == capture)
    }
}

impl Captures {
    /// Filters and sorts; how many messages are left. Stops soon after nobody waits for it any more.
    pub(super) async fn open_view(&self, ask: &ViewAsk) -> Result<(ViewId, u64)> {
        let filter = Filter::parse(&ask.filter)?;
        let (sort, descending) = (ask.sort, ask.descending);
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
        let numbers = self.read(ask.capture, read).await?;
        drop(waited_for);
        let shown = numbers.len() as u64;
        let view = View { capture: ask.capture, numbers, readers: Readers::new(self.path(ask.capture)) };
        Ok((self.inner.views.add(view), shown))
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
