//! Leases: the refusal, made anew from what holds this instant, and the handle on the task that holds messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use broker::{
    Ask, Error, ErrorKind, Facts, Lease, LeaseKey, Leased, LookCost, Partial, Queue, QueueName, RemoveOutcome, Result,
    Returned, Returning, Rules, WayOut,
};
use lapin::Channel;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::connect::short;
use crate::hold::Holding;
use crate::rules::settings::delivery_limit;
use crate::rules::{RabbitRules, give_back};
use crate::shared::Shared;
use crate::terms::Terms;

/// Where giving back destroys, no more than this is held at a time: the most that a kill can cost.
const HELD_MAX_WHERE_IT_DESTROYS: u64 = 16;
/// Requests under way at once: more wait for their turn.
const REQUESTS_MAX: usize = 8;

/// Opens a lease, or refuses it.
pub(crate) async fn open(shared: &Arc<Shared>, ask: Ask) -> Result<Arc<dyn Lease>> {
    let doing = format!("take messages from queue `{}`", ask.queue);
    shared.ensure_open(&doing)?;
    let name = short(ask.queue.as_str(), "the queue's name")?;
    if ask.hold.messages_max == 0 {
        return Err(Error::new(ErrorKind::Invalid, doing, "a hold of no messages shows none"));
    }
    let facts = shared.facts(&ask).await?;
    let cost = RabbitRules.look(&facts, &ask);
    if cost.is_worse_than(ask.accepted.as_ref()) {
        return Err(refused(doing, &cost));
    }
    let queue = queue_of(&facts, &ask);
    if queue.label == "stream" {
        return Err(Error::new(ErrorKind::Unsupported, doing, "streams cannot be read yet"));
    }
    let mut hold = ask.hold;
    if matches!(cost.returning, Returning::Destroys { .. }) {
        hold.messages_max = hold.messages_max.min(HELD_MAX_WHERE_IT_DESTROYS);
    }
    let terms = Terms {
        body_bytes: shared.body_bytes(&ask.queue).await,
        way: give_back(&facts, &queue),
        version: facts.version.clone(),
        limit: delivery_limit(&facts, &queue).effective,
        label: queue.label,
        is_override: cost.refusal.is_some(),
        queue: ask.queue,
        purpose: ask.purpose,
        hold,
    };
    let (connection, channel) = shared.leasing.channel().await?;
    let hand = Arc::new(Hand::new());
    let mut holding = Holding::new(terms, name, channel, connection, shared.depths.clone(), hand.clone());
    holding.start().await?;
    let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
    let wait = Duration::from_millis(hold.wait_ms);
    tokio::spawn(holding.run(inbox, shared.closing.clone(), shared.alive()));
    Ok(Arc::new(RabbitLease { requests, hand, wait }))
}

/// The queue as it is known, or as the user states it.
fn queue_of(facts: &Facts, ask: &Ask) -> Queue {
    let mut queue = facts.topology.value.queue(&ask.queue).cloned().unwrap_or_default();
    queue.name = ask.queue.clone();
    if queue.label.is_empty() {
        queue.label = ask.stated_label.clone().unwrap_or_default();
    }
    queue
}

fn refused(doing: String, cost: &LookCost) -> Error {
    let why = cost.refusal.as_ref().map_or(&cost.words, |refusal| &refusal.why);
    let error = Error::new(ErrorKind::CostRefused, doing, why.clone());
    let ways = cost.refusal.as_ref().map_or(&[][..], |refusal| &refusal.ways);
    let words: Vec<_> = ways
        .iter()
        .map(|way| match way {
            WayOut::MakeSafe => "make looking safe with a policy",
            WayOut::Take => "take the messages into a capture",
            WayOut::Careful => "look carefully, by typing the queue's name",
        })
        .collect();
    if words.is_empty() { error } else { error.remedy(words.join(", or ")) }
}

/// What the task hands over. Messages lie here until a caller takes them in one step, so that dropping a call half way
/// loses none.
#[derive(Debug)]
pub(crate) struct Hand {
    state: Mutex<HandState>,
    changed: Notify,
}

#[derive(Debug)]
struct HandState {
    waiting: VecDeque<Leased>,
    /// More may come without anybody doing anything.
    asking: bool,
    lost: Option<String>,
    touched: Instant,
}

impl Hand {
    pub(crate) fn new() -> Self {
        let state = HandState { waiting: VecDeque::new(), asking: true, lost: None, touched: Instant::now() };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, HandState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn give(&self, leased: Leased) {
        self.state().waiting.push_back(leased);
        self.changed.notify_waiters();
    }

    pub(crate) fn set_asking(&self, asking: bool) {
        let was = std::mem::replace(&mut self.state().asking, asking);
        if was != asking {
            self.changed.notify_waiters();
        }
    }

    /// Nothing will come any more. `lost` says why what was held is not held any longer.
    pub(crate) fn end(&self, lost: Option<String>) {
        let mut state = self.state();
        state.waiting.clear();
        state.asking = false;
        state.lost = lost;
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn touch(&self) {
        self.state().touched = Instant::now();
    }

    /// For how long nobody has asked for anything.
    pub(crate) fn idle(&self) -> Duration {
        self.state().touched.elapsed()
    }
}

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    Remove { keys: Vec<LeaseKey>, answer: oneshot::Sender<Vec<RemoveOutcome>> },
    Close { answer: oneshot::Sender<Returned> },
}

#[derive(Debug)]
struct RabbitLease {
    requests: mpsc::Sender<Request>,
    hand: Arc<Hand>,
    wait: Duration,
}

#[async_trait]
impl Lease for RabbitLease {
    async fn next(&self, max: usize) -> Result<Vec<Leased>> {
        loop {
            let changed = self.hand.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.hand.state();
                state.touched = Instant::now();
                if let Some(why) = &state.lost {
                    return Err(Error::new(ErrorKind::Lost, "take more messages", why.clone()));
                }
                if !state.waiting.is_empty() || !state.asking || max == 0 {
                    let count = max.min(state.waiting.len());
                    return Ok(state.waiting.drain(..count).collect());
                }
            }
            if tokio::time::timeout(self.wait, changed).await.is_err() {
                // Something may have come between the last look and the end of the wait.
                let mut state = self.hand.state();
                let count = max.min(state.waiting.len());
                return Ok(state.waiting.drain(..count).collect());
            }
        }
    }

    async fn remove(&self, keys: &[LeaseKey]) -> Vec<RemoveOutcome> {
        let gone = || vec![RemoveOutcome::Unknown("the hold has ended".into()); keys.len()];
        let (answer, answered) = oneshot::channel();
        if self.requests.send(Request::Remove { keys: keys.to_vec(), answer }).await.is_err() {
            return gone();
        }
        answered.await.unwrap_or_else(|_| gone())
    }

    async fn close(&self) -> Result<Returned> {
        let lost = || Error::new(ErrorKind::Lost, "give the messages back", "the hold has ended");
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Close { answer }).await.map_err(|_| lost())?;
        answered.await.map_err(|_| lost())
    }
}

/// Facts about one queue, as fresh as they can be read.
pub(crate) fn facts_of(
    version: String,
    topology: Partial<broker::Topology>,
    queue: &QueueName,
    depth: broker::Depth,
    stated: Option<&String>,
    may_publish_to_queues: Option<bool>,
) -> Facts {
    let measure = broker::QueueMeasure {
        name: queue.clone(),
        ready: Some(depth.ready),
        consumers: depth.consumers,
        ..broker::QueueMeasure::default()
    };
    let measures =
        broker::Measures { taken_at: jiff::Timestamp::now(), queues: vec![measure], ..broker::Measures::default() };
    Facts {
        version,
        topology,
        measures: Some(Partial::whole(measures)),
        may_publish_to_queues,
        stated: stated.map(|label| (queue.clone(), label.clone())).into_iter().collect(),
    }
}

/// Closes a channel; lapin's close can fail or hang, and then it is dropped, which closes it as well.
pub(crate) async fn close_channel(channel: &Channel, wait: Duration) {
    if let Ok(Err(error)) = tokio::time::timeout(wait, channel.close(200, "OK".into())).await {
        tracing::debug!(%error, "the channel did not close politely");
    }
}
