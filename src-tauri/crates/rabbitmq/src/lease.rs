//! Leases: the refusal, made anew from what holds this instant, and the handle on the task that holds messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use broker::{
    Ask, Error, ErrorKind, Facts, Lease, LeaseKey, Leased, LookCost, Partial, Purpose, Queue, QueueName, RemoveOutcome,
    Result, Returned, Returning, Rules, WayOut,
};
use lapin::types::ShortString;
use lapin::{Channel, Connection};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::connect::{CALL_WAIT, close, short, within};
use crate::depth::Depths;
use crate::end::Loss;
use crate::hold::Holding;
use crate::rules::settings::delivery_limit;
use crate::rules::{RabbitRules, give_back};
use crate::shared::Shared;
use crate::terms::Terms;

/// Where giving back destroys, no more than this is held at a time: the most that a kill can cost.
const HELD_MAX_WHERE_IT_DESTROYS: u64 = 16;
/// What lies ready for the caller before more is asked for: bodies in memory that nobody has copied yet.
const STOCK_MAX: usize = 1_000;
/// Requests under way at once: more wait for their turn.
const REQUESTS_MAX: usize = 8;
/// How long another window may take to open: longer than the calls for it together.
const OPENING_WAIT: Duration = Duration::from_secs(60);
/// How long fetching on demand may take: each message may come as late as nothing more would.
const FETCH_WAIT: Duration = Duration::from_secs(60);

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
    let is_on_demand = matches!(cost.returning, Returning::Destroys { .. });
    if is_on_demand {
        hold.messages_max = hold.messages_max.min(HELD_MAX_WHERE_IT_DESTROYS);
    }
    let terms = Terms {
        body_bytes: shared.body_bytes(&ask.queue).await,
        way: give_back(&facts, &queue),
        version: facts.version.clone(),
        limit: delivery_limit(&facts, &queue).effective,
        label: queue.label,
        is_override: cost.refusal.is_some(),
        is_on_demand,
        queue: ask.queue,
        purpose: ask.purpose,
        hold,
    };
    let pauses = matches!(terms.purpose, Purpose::Pick { .. });
    let alive = shared.alive();
    let connection = Box::pin(shared.connect_for(&terms.queue)).await?;
    let hand = Arc::new(Hand::new());
    let holding = match hold_on(&connection, terms, name, shared.depths.clone(), hand.clone()).await {
        Ok(holding) => holding,
        Err(error) => {
            close(&connection).await;
            return Err(error);
        }
    };
    let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
    let wait = Duration::from_millis(hold.wait_ms);
    let (closing, cutting) = (shared.closing.clone(), shared.cutting.clone());
    tokio::spawn(async move {
        let refusing = holding.run(inbox, closing, cutting).await;
        let closing = async {
            close(&connection).await;
            // Whoever closes the broker waits for this.
            drop(alive);
        };
        tokio::join!(closing, refusing.run());
    });
    Ok(Arc::new(RabbitLease { requests, hand, wait, is_on_demand, pauses }))
}

/// Begins to hold messages, on a channel of that connection.
async fn hold_on(
    connection: &Connection,
    terms: Terms,
    name: ShortString,
    depths: Arc<Depths>,
    hand: Arc<Hand>,
) -> Result<Holding> {
    let doing = || format!("open a channel to take messages from queue `{}`", terms.queue);
    let channel = within(CALL_WAIT, doing, connection.create_channel()).await?;
    let mut holding = Holding::new(terms, name, channel, depths, hand);
    holding.start().await?;
    Ok(holding)
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
    /// Little is left in it.
    low: Notify,
}

/// Whether more may come without anybody doing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    No,
    /// It is about to: that nothing comes until then does not mean that there is no more.
    Soon,
    Yes,
}

#[derive(Debug)]
struct HandState {
    waiting: VecDeque<Leased>,
    asking: Asking,
    lost: Option<Loss>,
    touched: Instant,
}

impl Hand {
    pub(crate) fn new() -> Self {
        let state = HandState { waiting: VecDeque::new(), asking: Asking::Soon, lost: None, touched: Instant::now() };
        Self { state: Mutex::new(state), changed: Notify::new(), low: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, HandState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn give(&self, leased: Leased) {
        self.state().waiting.push_back(leased);
        self.changed.notify_waiters();
    }

    pub(crate) fn set_asking(&self, asking: Asking) {
        let was = std::mem::replace(&mut self.state().asking, asking);
        if was != asking {
            self.changed.notify_waiters();
        }
    }

    /// Nothing more comes until somebody wants it, which may be just now.
    pub(crate) fn rest(&self) {
        if self.state().asking == Asking::Yes {
            self.set_asking(Asking::No);
        }
    }

    /// So much lies here that nobody needs more yet.
    pub(crate) fn is_stocked(&self) -> bool {
        self.state().waiting.len() > STOCK_MAX
    }

    /// Answers once [`Self::is_stocked`] has become wrong.
    pub(crate) async fn runs_low(&self) {
        self.low.notified().await;
    }

    fn take(&self, max: usize) -> Vec<Leased> {
        let mut state = self.state();
        let count = max.min(state.waiting.len());
        let (was, taken) = (state.waiting.len(), state.waiting.drain(..count).collect());
        if was > STOCK_MAX && was - count <= STOCK_MAX {
            self.low.notify_one();
        }
        taken
    }

    /// Notes that more is about to be asked for. Whether it is to be: not while some are here, or the hold is gone.
    fn expect_more(&self) -> bool {
        let mut state = self.state();
        let is_wanted = state.waiting.is_empty() && state.lost.is_none() && state.asking == Asking::No;
        if is_wanted {
            state.asking = Asking::Soon;
        }
        is_wanted
    }

    /// Nothing will come any more. `lost` says why what was held is not held any longer.
    pub(crate) fn end(&self, lost: Option<Loss>) {
        let mut state = self.state();
        state.waiting.clear();
        state.asking = Asking::No;
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
    /// Go on after a pause; or, where nothing is asked for ahead, put up to so many into the hand, and say there that
    /// nothing more comes.
    Fetch {
        max: u64,
    },
    Remove {
        keys: Vec<LeaseKey>,
        answer: oneshot::Sender<Vec<RemoveOutcome>>,
    },
    Close {
        answer: oneshot::Sender<Returned>,
    },
}

#[derive(Debug)]
struct RabbitLease {
    requests: mpsc::Sender<Request>,
    hand: Arc<Hand>,
    wait: Duration,
    /// See [`Terms::is_on_demand`].
    is_on_demand: bool,
    /// After a removal it asks for more only when it is told to.
    pauses: bool,
}

impl RabbitLease {
    /// Asks for what is handed out next, unless it is here already. A caller that stops waiting finds it here later.
    async fn demand(&self, max: usize) {
        if max > 0 && self.hand.expect_more() {
            // A task that has ended has said why.
            self.requests.send(Request::Fetch { max: max as u64 }).await.ok();
        }
    }
}

#[async_trait]
impl Lease for RabbitLease {
    async fn next(&self, max: usize) -> Result<Vec<Leased>> {
        if self.is_on_demand || self.pauses {
            self.demand(max).await;
        }
        loop {
            let changed = self.hand.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let wait = {
                let mut state = self.hand.state();
                state.touched = Instant::now();
                if let Some(loss) = &state.lost {
                    return Err(loss.error("take more messages"));
                }
                let is_coming = self.is_on_demand && state.asking == Asking::Soon;
                let has_some = !state.waiting.is_empty() && !is_coming;
                if has_some || state.asking == Asking::No || max == 0 {
                    drop(state);
                    return Ok(self.hand.take(max));
                }
                match state.asking {
                    Asking::Soon if self.is_on_demand => FETCH_WAIT,
                    Asking::Soon => OPENING_WAIT,
                    Asking::No | Asking::Yes => self.wait,
                }
            };
            if tokio::time::timeout(wait, changed).await.is_err() {
                // Something may have come between the last look and the end of the wait.
                return Ok(self.hand.take(max));
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
