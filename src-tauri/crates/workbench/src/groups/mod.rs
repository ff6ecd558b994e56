//! Failure groups: the dead letters of several captures with the same cause, counted and kept at hand.

mod cause;
mod gather;
mod page;
mod views;

use broker::QueueName;
use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::captures::{Filter, Listed, ScanAsk};
use crate::store::{CaptureRecord, now};
use crate::{CaptureId, Error, GroupingId, ProfileId, Result, Workbench};
use cause::Question;
use gather::{Gathered, Member};

pub use views::{
    FailureGroup, FailureGroups, GroupAsk, GroupBy, GroupColumn, GroupMembers, GroupPage, GroupPageAsk, GroupRow,
    Sample, Unread,
};

/// Captures grouped together.
const CAPTURES_MAX: usize = 10_000;
/// Captures read at once.
const READS_MAX: usize = 4;
/// Progress is told once for so many messages.
const TOLD_EVERY: u64 = 1_000;

/// Groups that are kept at hand: which messages are in them, and in which order they died.
#[derive(Debug)]
pub(crate) struct Grouping {
    captures: Vec<Read>,
    groups: Vec<Vec<Member>>,
}

/// A capture that was read.
#[derive(Debug, Clone)]
struct Read {
    id: CaptureId,
    profile: ProfileId,
    queue: QueueName,
}

impl Listed for Grouping {
    type Id = GroupingId;
    const WHAT: &'static str = "open grouping";
    const OPEN_MAX: usize = 16;

    fn shows(&self, capture: CaptureId) -> bool {
        self.captures.iter().any(|read| read.id == capture)
    }
}

impl Workbench {
    /// Groups the messages of these captures, largest group first, and keeps the result at hand until it is closed. Each
    /// message counts once for each capture that it is in: give one capture for a queue. What cannot be read is named and
    /// left out. `progress` hears of how many messages, of how many.
    ///
    /// Fails with [`Error::Invalid`], which names the place, where filter or path make no sense, and with
    /// [`Error::Cancelled`] when it is told to stop.
    pub async fn group_failures(
        &self,
        ask: GroupAsk,
        stop: CancellationToken,
        progress: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<FailureGroups> {
        let began = Instant::now();
        let question = Question::new(&ask.by)?;
        let filter = Filter::parse(&ask.filter)?;
        // Also when nobody waits for it any more.
        let stop = stop.child_token();
        let _stops = stop.clone().drop_guard();
        let (records, mut unread) = self.records_of(&ask.captures).await?;
        let progress = gather::Progress::new(records.iter().map(|record| record.counted.messages).sum(), progress);
        let scans = records.iter().zip(0u32..).map(|(record, at)| {
            let scan = ScanAsk { filter: filter.clone(), body_max: question.body_max() };
            let (stop, gathered) = (stop.clone(), Gathered::default());
            let rules = self.driver(&record.kind).ok().map(|driver| driver.rules());
            let (question, progress, since) = (question.clone(), progress.clone(), ask.since);
            let each = move |gathered: &mut Gathered, scanned| {
                progress.one();
                gathered.add(&question, rules.as_deref(), at, since, scanned);
            };
            async move { self.inner.captures.scan(record.id, scan, stop, gathered, each).await }
        });
        let mut scanned = futures::stream::iter(scans).buffered(READS_MAX).boxed();
        let mut all = Gathered::default();
        for record in &records {
            match scanned.next().await {
                Some(Ok(gathered)) => all.absorb(gathered),
                Some(Err(error)) => unread.push(Unread {
                    capture: record.id,
                    queue: Some(record.queue.clone()),
                    why: error.to_string(),
                }),
                None => break,
            }
        }
        if stop.is_cancelled() {
            return Err(Error::Cancelled);
        }
        drop(scanned);
        let captures = records
            .into_iter()
            .map(|record| Read { id: record.id, profile: record.profile, queue: record.queue })
            .collect::<Vec<_>>();
        let (groups, members) = all.into_groups(&captures, now());
        let id = GroupingId::new();
        let messages = groups.iter().map(|group| group.count).sum();
        self.inner.captures.groupings().add(id, Grouping { captures, groups: members });
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(FailureGroups { id, groups, messages, took_ms, unread })
    }

    /// What is known of these captures, each once; those that are gone are named.
    async fn records_of(&self, captures: &[CaptureId]) -> Result<(Vec<CaptureRecord>, Vec<Unread>)> {
        if captures.len() > CAPTURES_MAX {
            return Err(Error::Invalid { why: format!("at most {CAPTURES_MAX} captures are grouped together") });
        }
        let (mut records, mut unread) = (Vec::<CaptureRecord>::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for id in captures.iter().filter(|id| seen.insert(**id)) {
            match self.inner.captures.record(*id).await {
                Ok(record) => records.push(record),
                Err(Error::NoSuch { .. }) => {
                    unread.push(Unread { capture: *id, queue: None, why: "the capture is gone".to_owned() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok((records, unread))
    }

    /// Closes a grouping. One that is not open is no error.
    pub fn close_grouping(&self, grouping: GroupingId) {
        self.inner.captures.groupings().close(grouping);
    }
}

/// Micros of a time; what is not known comes after everything that is.
fn micros(at: Option<Timestamp>) -> i64 {
    at.map_or(i64::MAX, Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests;
