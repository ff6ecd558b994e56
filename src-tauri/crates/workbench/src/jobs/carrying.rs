//! Each command of the machine as one step of I/O, with its time-out. An error becomes an event; nothing is tried twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker::{
    Ask, Error as BrokerError, ErrorKind, Hold, LeaseKey, Leased, Outgoing, PublishOutcome, Publisher, Purpose,
    RemoveOutcome,
};
use futures::future::BoxFuture;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::desk::{Body, Desk, Holding};
use super::lock;
use super::machine::{BatchNo, Command, CommitNo, Event, HOLD_BYTES_MAX, LeaseNo, ToCopy, ToPublish};
use super::row::Lines;
use crate::captures::Captured;
use crate::connections::LOOK_WAIT_MS;
use crate::{Error, Result};

/// Opening a lease reads the topology first.
const LEASE_WAIT: Duration = Duration::from_secs(30);
/// The adapter waits [`LOOK_WAIT_MS`] for more; beyond this it is gone.
const READ_WAIT: Duration = Duration::from_secs(60);
/// How often nothing may come, although something is there, until that is believed: some seconds.
const NOTHING_CAME_MAX: u32 = 20;
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
        Command::GiveUp { batch, numbers } => Event::Removed { batch, outcomes: desk.give_up(&numbers).await },
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

/// Writes lines down, in one commit for all that asked. A look is listed as a job with the first of them.
pub(super) async fn journal(desk: &Desk, commits: Vec<CommitNo>, lines: Vec<Lines>) -> Vec<Event> {
    let written = write_down(desk, lines).await;
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
    let (ways, refused) = match ways(desk, messages).await {
        Ok(ready) => ready,
        Err(error) => return Err(Event::NotPublished { batch, trouble: desk.trouble(&error) }),
    };
    let (desk, n) = (desk.clone(), messages.len());
    Ok(Box::pin(async move {
        let unanswered = || PublishOutcome::Unknown("no answer in time".to_owned());
        let mut outcomes: Vec<_> = std::iter::repeat_with(unanswered).take(n).collect();
        for Way { publisher, places, outgoing } in ways {
            if let Ok(answers) = timeout(PUBLISH_WAIT, publisher.publish(outgoing)).await {
                places.into_iter().zip(answers).for_each(|(place, answer)| outcomes[place] = answer);
            }
        }
        refused.into_iter().for_each(|(place, why)| outcomes[place] = PublishOutcome::Refused(why));
        desk.note_unanswered(&outcomes);
        Event::Published { batch, outcomes }
    }))
}

/// What goes out by one publisher, with its places in the batch.
struct Way {
    publisher: Arc<dyn Publisher>,
    places: Vec<usize>,
    outgoing: Vec<Outgoing>,
}

/// Places in a batch, with why what is there is not sent.
type Unsent = Vec<(usize, String)>;

/// What is put back goes to where it came from, the rest to the target. Mostly there is one way. What cannot be edited is
/// told apart.
async fn ways(desk: &Desk, messages: &[ToPublish]) -> Result<(Vec<Way>, Unsent)> {
    let (mut ways, mut unsent) = (Vec::new(), Unsent::new());
    for back in [false, true] {
        let goes = |message: &ToPublish| !desk.has_two_ways() || message.target.is_none() == back;
        let mut places: Vec<_> = (0..messages.len()).filter(|place| goes(&messages[*place])).collect();
        if places.is_empty() {
            continue;
        }
        let publisher = desk.publisher(back).await?.clone();
        let mut outgoing = Vec::with_capacity(places.len());
        for place in &places {
            match desk.outgoing(&messages[*place]).await? {
                Ok(ready) => outgoing.push(ready),
                Err(why) => unsent.push((*place, why)),
            }
        }
        places.retain(|place| unsent.iter().all(|(other, _)| other != place));
        ways.push(Way { publisher, places, outgoing });
        if !desk.has_two_ways() {
            break;
        }
    }
    Ok((ways, unsent))
}

async fn write_down(desk: &Desk, lines: Vec<Lines>) -> Result<()> {
    if lines.iter().all(Lines::is_empty) {
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
    desk.store.write_lines(desk.job, lines).await
}

impl Desk {
    async fn open_lease(&self, no: LeaseNo, purpose: Purpose, messages_max: u64) -> Result<()> {
        if no > 0 {
            self.store.note_several_leases(self.job).await?;
        }
        let ask = Ask {
            queue: self.source()?.clone(),
            purpose,
            hold: Hold { messages_max, bytes_max: HOLD_BYTES_MAX, wait_ms: LOOK_WAIT_MS },
            accepted: self.accepted.clone(),
            stated_label: None,
        };
        let broker = &self.live()?.broker;
        let were_ready = broker.depth(self.source()?).await?.ready;
        let lease = in_time(LEASE_WAIT, "hold messages", broker.lease(ask)).await?;
        lock(&self.leases).insert(no, Arc::new(Holding { lease, were_ready, came: AtomicU64::new(0) }));
        Ok(())
    }

    async fn read(&self, no: LeaseNo, max: usize) -> Event {
        match self.read_some(no, max).await {
            Ok((messages, withheld)) => {
                let seen = messages.into_iter().map(|leased| self.seen(no, leased)).collect();
                Event::Read { lease: no, seen, withheld }
            }
            Err(error) => Event::ReadFailed { lease: no, trouble: self.trouble(&error) },
        }
    }

    /// Empty only where the queue has no more, as far as the broker tells: the next message may take longer than a lease
    /// waits for it. While it is on its way the broker does not count it as ready any more.
    /// With whether there is more all the same, where that did not come for some seconds.
    async fn read_some(&self, no: LeaseNo, max: usize) -> Result<(Vec<Leased>, bool)> {
        let Holding { lease, were_ready, came } = &*self.holding(no)?;
        for _ in 0..NOTHING_CAME_MAX {
            let messages = in_time(READ_WAIT, "read messages", lease.next(max)).await?;
            let came = came.fetch_add(messages.len() as u64, Ordering::Relaxed);
            let may_be_empty = messages.is_empty() && came >= *were_ready;
            if !messages.is_empty() || may_be_empty && self.has_no_more().await? {
                return Ok((messages, false));
            }
        }
        Ok((Vec::new(), !self.has_no_more().await?))
    }

    async fn has_no_more(&self) -> Result<bool> {
        Ok(self.live()?.broker.depth(self.source()?).await?.ready == 0)
    }

    async fn copy(&self, no: LeaseNo, messages: &[ToCopy]) -> Result<Vec<u64>> {
        let writer = self.writer.as_ref();
        let writer = writer.ok_or_else(|| Error::Invalid { why: "there is no capture to copy into".to_owned() })?;
        let copies: Option<Vec<_>> = {
            let mut bodies = lock(&self.bodies);
            let take = |message: &ToCopy| {
                let place = (no, message.key);
                let body = if message.keep { bodies.get(&place).cloned() } else { bodies.remove(&place) };
                body.map(|Body { key, message: body }| Captured { key, message: body, only_here: message.only_here })
            };
            messages.iter().map(take).collect()
        };
        let copies =
            copies.ok_or_else(|| Error::Invalid { why: "the body of a held message is missing".to_owned() })?;
        writer.append(copies).await
    }

    fn note_unanswered(&self, outcomes: &[PublishOutcome]) {
        let said = |of: fn(&PublishOutcome) -> Option<&String>| outcomes.iter().find_map(of).cloned();
        let unanswered = said(|outcome| match outcome {
            PublishOutcome::Unknown(why) => Some(why),
            _ => None,
        });
        let unsent = said(|outcome| match outcome {
            PublishOutcome::NotSent(why) => Some(why),
            _ => None,
        });
        if let Some(why) = unanswered {
            self.trouble(&BrokerError::new(ErrorKind::Lost, "learn whether a message arrived", why).into());
        } else if let Some(why) = unsent {
            self.trouble(&BrokerError::new(ErrorKind::Blocked, "send a message", why).into());
        }
    }

    async fn remove(&self, no: LeaseNo, keys: &[LeaseKey]) -> Vec<RemoveOutcome> {
        let unknown = |why: String| vec![RemoveOutcome::Unknown(why); keys.len()];
        let holding = match self.holding(no) {
            Ok(holding) => holding,
            Err(error) => return unknown(error.to_string()),
        };
        {
            let mut bodies = lock(&self.bodies);
            keys.iter().for_each(|key| drop(bodies.remove(&(no, *key))));
        }
        match timeout(REMOVE_WAIT, holding.lease.remove(keys)).await {
            Ok(outcomes) => outcomes,
            Err(_) => unknown("no answer in time".to_owned()),
        }
    }

    async fn give_up(&self, numbers: &[u64]) -> Vec<RemoveOutcome> {
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
        let holding = self.holding(no)?;
        let returned = in_time(CLOSE_WAIT, "give messages back", holding.lease.close()).await;
        lock(&self.leases).remove(&no);
        lock(&self.bodies).retain(|(lease, _), _| *lease != no);
        returned
    }

    /// Closes what the run opened for itself.
    pub(super) async fn clear(&self) {
        for publisher in [&self.publisher, &self.home].into_iter().filter_map(OnceCell::get) {
            if let Err(error) = publisher.close().await {
                tracing::debug!(%error, "the publisher did not close in order");
            }
        }
    }
}
