//! Each command of the machine as one step of I/O, with its time-out. An error becomes an event; nothing is tried twice.

use std::sync::Arc;
use std::time::Duration;

use broker::{Ask, Error as BrokerError, ErrorKind, Hold, LeaseKey, PublishOutcome, Purpose, RemoveOutcome};
use futures::future::BoxFuture;
use tokio::time::timeout;

use super::desk::Desk;
use super::lock;
use super::machine::{BatchNo, Command, CommitNo, Event, HOLD_BYTES_MAX, LeaseNo, ToCopy, ToPublish};
use super::row::Row;
use crate::captures::Captured;
use crate::connections::LOOK_WAIT_MS;
use crate::{Error, Result};

/// Opening a lease reads the topology first.
const LEASE_WAIT: Duration = Duration::from_secs(30);
/// The adapter waits [`LOOK_WAIT_MS`] for more; beyond this it is gone.
const READ_WAIT: Duration = Duration::from_secs(60);
/// Blocked publishers get this long; then the outcome is not known.
const PUBLISH_WAIT: Duration = Duration::from_secs(120);
const REMOVE_WAIT: Duration = Duration::from_secs(60);
/// The adapter itself waits at most ten seconds.
const CLOSE_WAIT: Duration = Duration::from_secs(30);

/// A step that did not answer in time.
fn too_late(doing: &str) -> Error {
    BrokerError::new(ErrorKind::TimedOut, doing, "no answer in time").into()
}

async fn in_time<T>(wait: Duration, doing: &str, step: impl Future<Output = broker::Result<T>>) -> Result<T> {
    match timeout(wait, step).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(too_late(doing)),
    }
}

/// Carries a command out. `None`: it has no answer.
pub(super) async fn carry_out(desk: Arc<Desk>, command: Command) -> Option<Event> {
    Some(match command {
        Command::Lease { lease, purpose, messages_max } => match desk.open_lease(lease, purpose, messages_max).await {
            Ok(()) => Event::Leased { lease },
            Err(error) => Event::NotLeased { lease, trouble: desk.trouble(&error) },
        },
        Command::Read { lease, max } => desk.read(lease, max).await,
        Command::Copy { batch, lease, messages } => match desk.copy(lease, &messages).await {
            Ok(numbers) => Event::Copied { batch, numbers },
            Err(error) => Event::NotCopied { batch, trouble: desk.trouble(&error) },
        },
        Command::Remove { batch, lease, keys } => Event::Removed { batch, outcomes: desk.remove(lease, &keys).await },
        Command::Discard { batch, numbers } => Event::Removed { batch, outcomes: desk.discard(&numbers).await },
        Command::Close { lease } => {
            let returned = desk.close(lease).await;
            Event::Closed { lease, returned: returned.map_err(|error| desk.trouble(&error)).ok() }
        }
        Command::Forget { lease, keys } => {
            let mut bodies = lock(&desk.bodies);
            keys.iter().for_each(|key| drop(bodies.remove(&(lease, *key))));
            return None;
        }
        // These keep their order, in lanes of their own.
        Command::Journal { .. } | Command::Publish { .. } | Command::End => return None,
    })
}

/// Writes rows down, in one commit for all that asked. A look is listed as a job with the first of them.
pub(super) async fn journal(desk: &Desk, commits: Vec<CommitNo>, rows: Vec<Row>) -> Vec<Event> {
    let written = write_down(desk, rows).await;
    let answer = |commit| match &written {
        Ok(()) => Event::Committed { commit },
        Err(error) => Event::NotCommitted { commit, trouble: desk.trouble(error) },
    };
    commits.into_iter().map(answer).collect()
}

/// Makes a batch ready to be published; nothing is sent before the future is polled. The error: nothing was sent.
pub(super) async fn prepare(
    desk: &Arc<Desk>,
    batch: BatchNo,
    messages: &[ToPublish],
) -> Result<BoxFuture<'static, Event>, Event> {
    let ready = async {
        let publisher = desk.publisher().await?.clone();
        let mut outgoing = Vec::with_capacity(messages.len());
        for message in messages {
            outgoing.push(desk.outgoing(message).await?);
        }
        Ok((publisher, outgoing))
    };
    let (publisher, outgoing) = match ready.await {
        Ok(ready) => ready,
        Err(error) => return Err(Event::NotPublished { batch, trouble: desk.trouble(&error) }),
    };
    let desk = desk.clone();
    Ok(Box::pin(async move {
        let n = outgoing.len();
        let outcomes = match timeout(PUBLISH_WAIT, publisher.publish(outgoing)).await {
            Ok(outcomes) => outcomes,
            Err(_) => vec![PublishOutcome::Unknown("no answer in time".to_owned()); n],
        };
        desk.note_unanswered(&outcomes);
        Event::Published { batch, outcomes }
    }))
}

async fn write_down(desk: &Desk, rows: Vec<Row>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    if let Some(unlisted) = &desk.unlisted {
        let list = async || {
            let record = unlisted.clone();
            // It has no planned messages, so nothing can be outstanding elsewhere.
            desk.store.add_job(record, Vec::new()).await.map(drop)
        };
        desk.listed.get_or_try_init(list).await?;
    }
    desk.store.write_rows(desk.job, rows).await
}

impl Desk {
    async fn open_lease(&self, no: LeaseNo, purpose: Purpose, messages_max: u64) -> Result<()> {
        let ask = Ask {
            queue: self.source()?.clone(),
            purpose,
            hold: Hold { messages_max, bytes_max: HOLD_BYTES_MAX, wait_ms: LOOK_WAIT_MS },
            accepted: self.accepted.clone(),
            stated_label: None,
        };
        let lease = in_time(LEASE_WAIT, "hold messages", self.live()?.broker.lease(ask)).await?;
        lock(&self.leases).insert(no, lease);
        Ok(())
    }

    async fn read(&self, no: LeaseNo, max: usize) -> Event {
        let read = async {
            let lease = self.lease(no)?;
            in_time(READ_WAIT, "read messages", lease.next(max)).await
        };
        match read.await {
            Ok(messages) => {
                let seen = messages.into_iter().map(|leased| self.seen(no, leased)).collect();
                Event::Read { lease: no, seen }
            }
            Err(error) => Event::ReadFailed { lease: no, trouble: self.trouble(&error) },
        }
    }

    async fn copy(&self, no: LeaseNo, messages: &[ToCopy]) -> Result<Vec<u64>> {
        let writer = self.writer.as_ref();
        let writer = writer.ok_or_else(|| Error::Invalid { why: "there is no capture to copy into".to_owned() })?;
        let copies: Option<Vec<_>> = {
            let mut bodies = lock(&self.bodies);
            let take = |message: &ToCopy| {
                let place = (no, message.key);
                let leased = if message.keep { bodies.get(&place).cloned() } else { bodies.remove(&place) };
                leased.map(|leased| Captured { key: leased.key, message: leased.message, only_here: message.only_here })
            };
            messages.iter().map(take).collect()
        };
        let copies =
            copies.ok_or_else(|| Error::Invalid { why: "the body of a held message is missing".to_owned() })?;
        writer.append(copies).await
    }

    fn note_unanswered(&self, outcomes: &[PublishOutcome]) {
        let unanswered = outcomes.iter().find_map(|outcome| match outcome {
            PublishOutcome::Unknown(why) => Some(why),
            _ => None,
        });
        if let Some(why) = unanswered {
            self.trouble(&BrokerError::new(ErrorKind::Lost, "learn whether a message arrived", why.clone()).into());
        }
    }

    async fn remove(&self, no: LeaseNo, keys: &[LeaseKey]) -> Vec<RemoveOutcome> {
        let unknown = |why: String| vec![RemoveOutcome::Unknown(why); keys.len()];
        let lease = match self.lease(no) {
            Ok(lease) => lease,
            Err(error) => return unknown(error.to_string()),
        };
        {
            let mut bodies = lock(&self.bodies);
            keys.iter().for_each(|key| drop(bodies.remove(&(no, *key))));
        }
        match timeout(REMOVE_WAIT, lease.remove(keys)).await {
            Ok(outcomes) => outcomes,
            Err(_) => unknown("no answer in time".to_owned()),
        }
    }

    async fn discard(&self, numbers: &[u64]) -> Vec<RemoveOutcome> {
        let done = match self.capture {
            Some(capture) => self.captures.set_only_here(capture, numbers, false).await,
            None => Ok(()),
        };
        match done {
            Ok(()) => vec![RemoveOutcome::Removed; numbers.len()],
            Err(error) => vec![RemoveOutcome::Unknown(self.trouble(&error).words); numbers.len()],
        }
    }

    async fn close(&self, no: LeaseNo) -> Result<broker::Returned> {
        let lease = self.lease(no)?;
        let returned = in_time(CLOSE_WAIT, "give messages back", lease.close()).await;
        lock(&self.leases).remove(&no);
        lock(&self.bodies).retain(|(lease, _), _| *lease != no);
        returned
    }

    /// Closes what the run opened for itself.
    pub(super) async fn clear(&self) {
        if let Some(publisher) = self.publisher.get()
            && let Err(error) = publisher.close().await
        {
            tracing::debug!(%error, "the publisher did not close in order");
        }
    }
}
