//! The task that holds messages. It owns the channel: it asks for messages in windows, removes what it is told to, and
//! gives the rest back in the way that costs this queue least.
//!
//! One consumer is open at a time. Its prefetch is a window: full, it is cancelled and a larger one opened while the
//! hold has room, so that the bytes held are bounded although their size is known only once they are here.

mod returning;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use broker::{Error, ErrorKind, LeaseKey, Leased, MayReturn, MessageKey, Purpose, RemoveOutcome, Result, Rules};
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::acks::acks;
use crate::connect::{CALL_WAIT, within};
use crate::depth::Depths;
use crate::end::{End, Loss, Refusing};
use crate::lease::{Asking, Hand, Request};
use crate::rules::{RabbitRules, may_return_by};
use crate::terms::{Seen, Terms};
use crate::translate::message_from;

/// Nothing new for so long means that nothing is under way.
const QUIET: Duration = Duration::from_millis(100);
/// How long that is waited for where messages keep trickling in.
const QUIET_WAIT: Duration = Duration::from_secs(2);
/// A hold that nobody asks anything of is given back: messages are never held across somebody's thinking.
const IDLE_MAX: Duration = Duration::from_secs(60);
const CLOSED: &str = "the connection was closed";
const UNASKED: &str = "nobody asked for anything for a minute, so the messages were given back";
/// How often it is looked at whether the hold is still there: without an open window nothing tells.
const STATE_CHECK: Duration = Duration::from_millis(200);
#[derive(Debug)]
struct Window {
    consumer: Consumer,
    tag: ShortString,
    size: u64,
    /// How many it has brought.
    delivered: u64,
    /// How many of those are acknowledged: so many more it may bring.
    settled: u64,
    /// How many others had brought before.
    before: u64,
}

impl Window {
    fn is_full(&self) -> bool {
        self.delivered >= self.size + self.settled
    }
}

#[derive(Debug, Clone, Copy)]
struct Held {
    bytes: u64,
    window: u64,
    may_return: MayReturn,
}

#[derive(Debug)]
pub(crate) struct Holding {
    terms: Terms,
    name: ShortString,
    channel: Channel,
    depths: Arc<Depths>,
    hand: Arc<Hand>,
    window: Option<Window>,
    windows: u64,
    held: BTreeMap<u64, Held>,
    held_bytes: u64,
    delivered: u64,
    delivered_bytes: u64,
    /// How many of each key are still to be seen.
    picks: HashMap<MessageKey, u64>,
    /// No more will be asked for.
    enough: bool,
    /// No more is asked for until the caller wants it: something was removed from a pick. Another lease may hold what lies
    /// before that, and both are to go back in their order.
    pauses: bool,
    /// When something last came, or made room for something to come.
    stirred: Instant,
}

impl Holding {
    pub(crate) fn new(terms: Terms, name: ShortString, channel: Channel, depths: Arc<Depths>, hand: Arc<Hand>) -> Self {
        let mut picks: HashMap<MessageKey, u64> = HashMap::new();
        if let Purpose::Pick { keys } = &terms.purpose {
            for picked in keys {
                *picks.entry(picked.key.clone()).or_default() += picked.twins;
            }
            picks.retain(|_, left| *left > 0);
        }
        Self {
            enough: terms.wanted() == 0 || matches!(terms.purpose, Purpose::Pick { .. }) && picks.is_empty(),
            terms,
            name,
            channel,
            depths,
            hand,
            window: None,
            windows: 0,
            held: BTreeMap::new(),
            held_bytes: 0,
            delivered: 0,
            delivered_bytes: 0,
            pauses: false,
            picks,
            stirred: Instant::now(),
        }
    }

    /// Opens the first window.
    pub(crate) async fn start(&mut self) -> Result<()> {
        if self.terms.is_on_demand {
            self.hand.set_asking(Asking::No);
        }
        self.pursue().await
    }

    /// Serves the handle until nothing is held any more: given back when `closing`, left to the broker when `cutting`.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Request>,
        closing: CancellationToken,
        cutting: CancellationToken,
    ) -> Refusing {
        let held = tokio::select! {
            end = self.hold(&mut inbox, &closing) => Ok(end),
            () = cutting.cancelled() => Err(Loss::new(CLOSED)),
        };
        let end = held.unwrap_or_else(|loss| End::Lost { loss, held: self.held.len() as u64 });
        self.hand.end(end.loss().cloned());
        Refusing { end, inbox }
    }

    async fn hold(&mut self, inbox: &mut mpsc::Receiver<Request>, closing: &CancellationToken) -> End {
        let mut check = tokio::time::interval(STATE_CHECK);
        check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let hand = self.hand.clone();
        loop {
            let step = tokio::select! {
                request = inbox.recv() => match request {
                    Some(Request::Remove { keys, answer }) => {
                        self.hand.touch();
                        let (outcomes, removed) = self.remove(&keys).await;
                        // Before it is answered: whoever hears of room in the hold asks for more at once.
                        let step = match removed {
                            Ok(()) => self.pursue().await,
                            lost => lost,
                        };
                        self.hand.touch();
                        // A caller that does not wait any more has the same outcome in the queue.
                        drop(answer.send(outcomes));
                        step
                    }
                    Some(Request::Fetch { max }) => {
                        self.hand.touch();
                        self.fetch(max).await
                    }
                    Some(Request::Close { answer }) => {
                        let end = self.give_back().await;
                        drop(answer.send(end.returned()));
                        return end;
                    }
                    None => return self.give_back().await,
                },
                delivery = next_of(&mut self.window) => self.take_in(delivery),
                () = hand.runs_low() => Ok(()),
                () = closing.cancelled() => return self.give_back_unasked(CLOSED).await,
                _ = check.tick() => {
                    if !self.channel.status().connected() {
                        return self.lose(&self.gone()).await;
                    }
                    if self.hand.idle() > IDLE_MAX {
                        return self.give_back_unasked(UNASKED).await;
                    }
                    Ok(())
                }
            };
            let step = match step {
                Ok(()) => self.pursue().await,
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                return self.lose(&error).await;
            }
        }
    }

    /// Sees that as much is asked for as the hold has room for, and no more.
    async fn pursue(&mut self) -> Result<()> {
        if self.terms.is_on_demand {
            return Ok(());
        }
        let room = self.terms.hold.messages_max.saturating_sub(self.held.len() as u64);
        let is_heavy = self.held_bytes >= self.terms.hold.bytes_max;
        let left = self.terms.wanted().saturating_sub(self.delivered);
        if self.enough || left == 0 || is_heavy {
            self.cancel().await?;
            self.hand.set_asking(Asking::No);
            return Ok(());
        }
        if self.pauses {
            self.cancel().await?;
            self.hand.rest();
            return Ok(());
        }
        let is_full = self.window.as_ref().is_none_or(Window::is_full);
        if is_full && room > 0 {
            self.hand.set_asking(Asking::Soon);
            if self.hand.is_stocked() {
                return Ok(());
            }
            self.cancel().await?;
            // What was still under way when it was cancelled counts.
            let room = self.terms.hold.messages_max.saturating_sub(self.held.len() as u64);
            let left = self.terms.wanted().saturating_sub(self.delivered);
            match self.terms.window_size(room.min(left), &self.seen()) {
                0 => self.hand.set_asking(Asking::No),
                size => self.consume(size).await?,
            }
            return Ok(());
        }
        self.hand.set_asking(if is_full { Asking::No } else { Asking::Yes });
        Ok(())
    }

    /// Goes on after a pause. Where nothing is asked for ahead, puts up to `max` messages into the hand and stops asking
    /// before it says so: none is held that nobody will see.
    async fn fetch(&mut self, max: u64) -> Result<()> {
        if !self.terms.is_on_demand {
            self.pauses = false;
            return self.pursue().await;
        }
        let room = self.terms.hold.messages_max.saturating_sub(self.held.len() as u64);
        let left = self.terms.wanted().saturating_sub(self.delivered);
        let size = self.terms.window_size(room.min(left).min(max), &self.seen());
        if !self.enough && size > 0 && self.held_bytes < self.terms.hold.bytes_max {
            self.consume(size).await?;
            let wait = Duration::from_millis(self.terms.hold.wait_ms);
            while self.window.as_ref().is_some_and(|window| !window.is_full()) {
                match tokio::time::timeout(wait, next_of(&mut self.window)).await {
                    Ok(delivery) => self.take_in(delivery)?,
                    Err(_) => break,
                }
            }
            self.cancel().await?;
        }
        self.hand.set_asking(Asking::No);
        Ok(())
    }

    fn seen(&self) -> Seen {
        Seen { held_bytes: self.held_bytes, delivered: self.delivered, delivered_bytes: self.delivered_bytes }
    }

    async fn consume(&mut self, size: u64) -> Result<()> {
        let doing = || format!("take messages from queue `{}`", self.terms.queue);
        self.qos(size).await?;
        // Tags sort in the order of the windows: the broker gives back consumer by consumer.
        let tag = ShortString::from(format!("queuescope-{:05}", self.windows));
        let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
        let call = self.channel.basic_consume(self.name.clone(), tag.clone(), options, FieldTable::default());
        let consumer = within(CALL_WAIT, doing, call).await?;
        self.windows += 1;
        self.stirred = Instant::now();
        self.window = Some(Window { consumer, tag, size, delivered: 0, settled: 0, before: self.delivered });
        self.hand.set_asking(if self.terms.is_on_demand { Asking::Soon } else { Asking::Yes });
        Ok(())
    }

    /// Also the barrier: the broker answers only after it has handled everything that came before on this channel.
    async fn qos(&self, prefetch: u64) -> Result<()> {
        let doing = || format!("set how many messages of queue `{}` are held", self.terms.queue);
        let prefetch = u16::try_from(prefetch).unwrap_or(u16::MAX).max(1);
        within(CALL_WAIT, doing, self.channel.basic_qos(prefetch, BasicQosOptions { global: false })).await
    }

    /// Waits for what is under way. What reaches the broker's channel after the cancel is returned there: before 4.0 to
    /// the tail of a quorum queue, and counted.
    async fn calm(&mut self) -> Result<()> {
        let deadline = Instant::now() + QUIET_WAIT;
        while self.window.as_ref().is_some_and(|window| !window.is_full()) {
            let quiet_at = (self.stirred + QUIET).min(deadline);
            match tokio::time::timeout_at(quiet_at, next_of(&mut self.window)).await {
                Ok(delivery) => self.take_in(delivery)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Stops asking. What was under way comes in first: nothing comes afterwards.
    async fn cancel(&mut self) -> Result<()> {
        self.calm().await?;
        let Some(tag) = self.window.as_ref().map(|window| window.tag.clone()) else { return Ok(()) };
        let doing = format!("stop taking messages from queue `{}`", self.terms.queue);
        within(CALL_WAIT, || doing.clone(), self.channel.basic_cancel(tag, BasicCancelOptions { nowait: false }))
            .await?;
        loop {
            let next = tokio::time::timeout(CALL_WAIT, next_of(&mut self.window)).await;
            match next.map_err(|_| crate::error::timed_out(doing.clone(), CALL_WAIT))? {
                None => break,
                some => self.take_in(some)?,
            }
        }
        self.window = None;
        Ok(())
    }

    fn take_in(&mut self, delivery: Option<lapin::Result<Delivery>>) -> Result<()> {
        let doing = || format!("hold messages of queue `{}`", self.terms.queue);
        let delivery = match delivery {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return Err(crate::error::of_lapin(doing(), error)),
            None => {
                return Err(Error::new(ErrorKind::Lost, doing(), "the broker ended the hold")
                    .remedy("the queue was deleted or moved, or its messages were held for too long"));
            }
        };
        let tag = delivery.delivery_tag;
        let bytes = delivery.data.len() as u64;
        let message = message_from(
            delivery.exchange.as_str(),
            delivery.routing_key.as_str(),
            delivery.redelivered,
            &delivery.properties,
            delivery.data,
            self.terms.label == "quorum",
        );
        let key = RabbitRules.key(&message);
        let Terms { way, version, label, limit, .. } = &self.terms;
        let may_return = may_return_by(*way, version, label, *limit, &message);
        self.note(&key, may_return);
        self.held.insert(tag, Held { bytes, window: self.windows, may_return });
        self.held_bytes += bytes;
        self.delivered += 1;
        self.delivered_bytes += bytes;
        self.stirred = Instant::now();
        if let Some(window) = &mut self.window {
            window.delivered += 1;
        }
        self.hand.give(Leased { lease_key: LeaseKey(tag), key, message, may_return });
        Ok(())
    }

    fn note(&mut self, key: &MessageKey, may_return: MayReturn) {
        if let Some(left) = self.picks.get_mut(key) {
            *left -= 1;
            if *left == 0 {
                self.picks.remove(key);
            }
        }
        let picked = matches!(self.terms.purpose, Purpose::Pick { .. }) && self.picks.is_empty();
        let may_not = self.terms.is_wary() && may_return == MayReturn::Destroys;
        self.enough |= picked || may_not;
    }

    async fn remove(&mut self, keys: &[LeaseKey]) -> (Vec<RemoveOutcome>, Result<()>) {
        let tags: BTreeSet<u64> = keys.iter().map(|key| key.0).filter(|tag| self.held.contains_key(tag)).collect();
        match self.acknowledge(&tags).await {
            Ok(()) => {
                for tag in &tags {
                    self.settle(*tag);
                }
                let outcome = |key: &LeaseKey| {
                    if tags.contains(&key.0) { RemoveOutcome::Removed } else { RemoveOutcome::Gone }
                };
                (keys.iter().map(outcome).collect(), Ok(()))
            }
            Err(error) => {
                let outcome = |key: &LeaseKey| {
                    if tags.contains(&key.0) {
                        RemoveOutcome::Unknown(error.why().to_owned())
                    } else {
                        RemoveOutcome::Gone
                    }
                };
                (keys.iter().map(outcome).collect(), Err(error))
            }
        }
    }

    async fn acknowledge(&mut self, tags: &BTreeSet<u64>) -> Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        if self.terms.gives_back() {
            self.enough |= self.picks.is_empty();
            self.pauses = true;
            self.cancel().await?;
        } else if self.would_overshoot(tags) {
            self.cancel().await?;
        }
        for (tag, multiple) in acks(self.held.keys().copied(), tags) {
            let doing = || format!("remove messages from queue `{}`", self.terms.queue);
            within(CALL_WAIT, doing, self.channel.basic_ack(tag, BasicAckOptions { multiple })).await?;
        }
        self.stirred = Instant::now();
        self.qos(self.window.as_ref().map_or(1, |window| window.size)).await
    }

    /// Whether acknowledging would let the open window bring more than was asked for.
    fn would_overshoot(&self, tags: &BTreeSet<u64>) -> bool {
        let Some(window) = &self.window else { return false };
        let reopened =
            tags.iter().filter(|tag| self.held.get(tag).is_some_and(|held| held.window == self.windows)).count();
        let may_bring = window.size + window.settled + reopened as u64;
        window.before.saturating_add(may_bring) > self.terms.wanted()
    }

    fn settle(&mut self, tag: u64) {
        let Some(held) = self.held.remove(&tag) else { return };
        self.held_bytes = self.held_bytes.saturating_sub(held.bytes);
        if let Some(window) = &mut self.window
            && held.window == self.windows
        {
            window.settled += 1;
        }
    }
}

/// The next delivery of the open window; without one, never.
async fn next_of(window: &mut Option<Window>) -> Option<lapin::Result<Delivery>> {
    match window {
        Some(window) => window.consumer.next().await,
        None => std::future::pending().await,
    }
}
