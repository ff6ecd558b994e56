//! The broker itself, as a state machine: no tasks, no clock of its own, no chance. Time is told to it, and the same
//! calls give the same answers.

pub(crate) mod consumer;
pub(crate) mod death;
pub(crate) mod meter;
pub(crate) mod queue;
pub(crate) mod route;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker::{DeathReason, ExchangeName, Message, QueueName, Routing, Target};
use jiff::Timestamp;

use consumer::{Consumer, Verdict};
use meter::Meter;
use queue::{Back, Content, Entry, Queue};

use crate::setup::{ExchangeKind, QueueSetup, Returns};

/// One reader's channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChannelId(u64);

/// What a channel holds.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The connection it belongs to.
    owner: u64,
    queue: QueueName,
    held: BTreeMap<u64, Entry>,
}

impl Channel {
    pub(crate) fn held(&self) -> u64 {
        self.held.len() as u64
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.values().map(Entry::body_bytes).sum()
    }
}

/// An exchange, and what it counts.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// `None`: the default exchange.
    pub(crate) kind: Option<ExchangeKind>,
    pub(crate) taken: Meter,
    pub(crate) routed: Meter,
    pub(crate) unroutable: Meter,
}

impl Exchange {
    fn new(kind: Option<ExchangeKind>) -> Self {
        Self { kind, taken: Meter::default(), routed: Meter::default(), unroutable: Meter::default() }
    }
}

/// From an exchange to a queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bound {
    pub(crate) exchange: ExchangeName,
    pub(crate) key: String,
    pub(crate) queue: QueueName,
}

/// The channel that was asked is gone, and what it held is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelGone;

/// There is no such exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoExchange;

/// A message handed out, under the tag by which it is settled.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) tag: u64,
    pub(crate) message: Message,
    /// Giving it back kindly would kill it.
    pub(crate) dies: bool,
}

#[derive(Debug)]
pub(crate) struct Engine {
    /// Rates are means of no longer than since then.
    metered_since: Timestamp,
    now: Timestamp,
    pub(crate) exchanges: BTreeMap<ExchangeName, Exchange>,
    pub(crate) queues: BTreeMap<QueueName, Queue>,
    /// The queues that have a TTL.
    timed: BTreeSet<QueueName>,
    pub(crate) bindings: BTreeSet<Bound>,
    pub(crate) consumers: Vec<Consumer>,
    channels: BTreeMap<ChannelId, Channel>,
    /// The last place, tag or channel that was given out.
    last_number: u64,
    /// Grows whenever a reader has a reason to look again: something became ready, a channel died.
    pub(crate) stirred: u64,
    /// Messages that the broker dropped: they died where nothing, or nothing that exists, takes dead letters.
    pub(crate) dropped: u64,
}

impl Engine {
    pub(crate) fn new(now: Timestamp) -> Self {
        let now = whole_milliseconds(now);
        Self {
            metered_since: now,
            now,
            exchanges: BTreeMap::from([("".into(), Exchange::new(None))]),
            queues: BTreeMap::new(),
            timed: BTreeSet::new(),
            bindings: BTreeSet::new(),
            consumers: Vec::new(),
            channels: BTreeMap::new(),
            last_number: 0,
            stirred: 0,
            dropped: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Forgets rates: they are not known until some time has passed.
    pub(crate) fn meter_anew(&mut self) {
        self.metered_since = self.now;
    }

    /// A rate as of now.
    pub(crate) fn rate(&self, meter: &Meter) -> Option<f64> {
        meter.per_second(self.metered_since, self.now)
    }

    /// Lets time pass until then: messages expire, consumers work. Time never runs back.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(whole_milliseconds(now));
        self.expire();
        self.work();
        self.expire();
    }

    /// Declares an exchange. One of that name stays as it is.
    pub(crate) fn declare_exchange(&mut self, name: ExchangeName, kind: ExchangeKind) {
        self.exchanges.entry(name).or_insert_with(|| Exchange::new(Some(kind)));
    }

    /// Declares a queue. One of that name keeps its messages and gets these settings.
    pub(crate) fn declare_queue(&mut self, setup: QueueSetup) {
        self.timed.remove(&setup.name);
        self.timed.extend(setup.ttl_ms.map(|_| setup.name.clone()));
        match self.queues.get_mut(&setup.name) {
            Some(queue) => queue.setup = setup,
            None => {
                self.queues.insert(setup.name.clone(), Queue::new(setup));
            }
        }
    }

    /// Deletes a queue with what is in it and what is held out of it; its readers lose their channels.
    pub(crate) fn delete_queue(&mut self, name: &QueueName) -> bool {
        self.channels.retain(|_, channel| channel.queue != *name);
        self.bindings.retain(|bound| bound.queue != *name);
        self.timed.remove(name);
        self.consumers.retain(|consumer| consumer.queue != *name);
        self.stirred += 1;
        self.queues.remove(name).is_some()
    }

    /// The queues that a message would reach, each once.
    pub(crate) fn route(&self, exchange: &ExchangeName, key: &str) -> Result<BTreeSet<QueueName>, NoExchange> {
        let kind = self.exchanges.get(exchange).ok_or(NoExchange)?.kind;
        let Some(kind) = kind else {
            return Ok(self.queues.get_key_value(&key.into()).map(|(name, _)| name.clone()).into_iter().collect());
        };
        let from = Bound { exchange: exchange.clone(), key: String::new(), queue: QueueName::default() };
        let bound = self.bindings.range(from..).take_while(|bound| bound.exchange == *exchange);
        Ok(bound.filter(|bound| route::matches(kind, &bound.key, key)).map(|bound| bound.queue.clone()).collect())
    }

    /// Takes a message from a publisher. The queues that it reached: empty means that it is nowhere.
    pub(crate) fn publish(&mut self, target: &Target, message: Message) -> Result<Vec<QueueName>, NoExchange> {
        let routing = match target {
            Target::Queue { queue } => Routing { exchange: "".into(), key: queue.as_str().to_owned() },
            Target::Exchange { exchange, key } => Routing { exchange: exchange.clone(), key: key.clone() },
        };
        let queues = self.route(&routing.exchange, &routing.key)?;
        self.count_routing(&routing.exchange, queues.len());
        let now = self.now;
        for name in &queues {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.published.add(now);
            }
        }
        let entry = self.entry(message, routing);
        self.spread(&entry, &queues);
        self.expire();
        Ok(queues.into_iter().collect())
    }

    /// Puts a message into one queue as it is, past every exchange.
    pub(crate) fn place(&mut self, name: &QueueName, message: Message, arrived_at: Timestamp) -> bool {
        let routing = message.routing.clone();
        let mut entry = self.entry(message, routing);
        entry.place = self.number();
        let Some(queue) = self.queues.get_mut(name) else { return false };
        queue.push(entry, arrived_at);
        self.stirred += 1;
        self.expire();
        true
    }

    /// Opens a channel for a reader of that queue.
    pub(crate) fn open_channel(&mut self, owner: u64, queue: &QueueName) -> ChannelId {
        let id = ChannelId(self.number());
        self.channels.insert(id, Channel { owner, queue: queue.clone(), held: BTreeMap::new() });
        id
    }

    /// The channel, while it lives.
    /// How many channels hold messages of that queue.
    pub(crate) fn holders(&self, queue: &QueueName) -> u64 {
        self.channels.values().filter(|channel| channel.queue == *queue && !channel.held.is_empty()).count() as u64
    }

    pub(crate) fn channel(&self, id: ChannelId) -> Result<&Channel, ChannelGone> {
        self.channels.get(&id).ok_or(ChannelGone)
    }

    /// Hands the head of the queue to that channel. `None`: nothing is ready.
    pub(crate) fn deliver(&mut self, id: ChannelId) -> Result<Option<Delivery>, ChannelGone> {
        let tag = self.number();
        let channel = self.channels.get_mut(&id).ok_or(ChannelGone)?;
        let queue = self.queues.get_mut(&channel.queue).ok_or(ChannelGone)?;
        let Some(entry) = queue.pop(self.now) else { return Ok(None) };
        let message = entry.message(queue.setup.returns);
        let dies = queue.kills(entry.count, Back::Kindly);
        channel.held.insert(tag, entry);
        Ok(Some(Delivery { tag, message, dies }))
    }

    /// Removes a held message for good. `false`: that channel does not hold it.
    pub(crate) fn ack(&mut self, id: ChannelId, tag: u64) -> Result<bool, ChannelGone> {
        let channel = self.channels.get_mut(&id).ok_or(ChannelGone)?;
        let Some(entry) = channel.held.remove(&tag) else { return Ok(false) };
        let queue = self.queues.get_mut(&channel.queue).ok_or(ChannelGone)?;
        queue.settle(&entry);
        queue.removed.add(self.now);
        Ok(true)
    }

    /// Closes a channel and takes back what it held. How many came back, and how many of them are in the queue again.
    pub(crate) fn close_channel(&mut self, id: ChannelId, back: Back) -> Result<(u64, u64), ChannelGone> {
        let channel = self.channels.remove(&id).ok_or(ChannelGone)?;
        self.stirred += 1;
        let held = channel.held();
        let mut kept = 0;
        for entry in channel.held.into_values() {
            kept += u64::from(self.take_back(&channel.queue, entry, back));
        }
        self.expire();
        Ok((held, kept))
    }

    /// Kills the channels of that connection, or of all: what they held comes back as failed.
    pub(crate) fn kill_channels(&mut self, owner: Option<u64>) {
        let doomed = self.channels.iter().filter(|(_, channel)| owner.is_none_or(|owner| channel.owner == owner));
        for id in doomed.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.kill_channel(id);
        }
    }

    /// Kills that channel: what it held comes back as failed. One that is dead stays dead.
    pub(crate) fn kill_channel(&mut self, id: ChannelId) {
        self.close_channel(id, Back::Failed).ok();
    }

    /// Takes the head of the queue away and acknowledges it, as some other consumer would.
    pub(crate) fn consume(&mut self, name: &QueueName) -> Option<Message> {
        let queue = self.queues.get_mut(name)?;
        let entry = queue.pop(self.now)?;
        queue.settle(&entry);
        queue.removed.add(self.now);
        Some(entry.message(queue.setup.returns))
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn entry(&self, message: Message, routing: Routing) -> Entry {
        let Message { body, properties, headers, deaths, delivery_count, redelivered, .. } = message;
        Entry {
            place: 0,
            content: Arc::new(Content { body, properties, headers }),
            routing,
            deaths,
            count: delivery_count.unwrap_or(0),
            redelivered: redelivered.unwrap_or(false),
            arrived_at: self.now,
            expires_at: None,
        }
    }

    fn spread(&mut self, entry: &Entry, queues: &BTreeSet<QueueName>) {
        for name in queues {
            let place = self.number();
            if let Some(queue) = self.queues.get_mut(name) {
                queue.push(Entry { place, ..entry.clone() }, self.now);
            }
        }
        self.stirred += u64::from(!queues.is_empty());
    }

    fn count_routing(&mut self, exchange: &ExchangeName, queues: usize) {
        let now = self.now;
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.taken.add(now);
            let outcome = if queues == 0 { &mut exchange.unroutable } else { &mut exchange.routed };
            outcome.add(now);
        }
    }

    /// Puts a message back where it was, charged as the queue charges. `false`: it died of its limit.
    fn take_back(&mut self, name: &QueueName, mut entry: Entry, back: Back) -> bool {
        let Some(queue) = self.queues.get_mut(name) else { return false };
        let dies = queue.kills(entry.count, back);
        entry.count += u64::from(queue.charges(back));
        if dies {
            queue.settle(&entry);
            self.bury(name, entry, DeathReason::DeliveryLimit);
            return false;
        }
        entry.redelivered |= queue.setup.returns != Returns::Free;
        queue.in_flight -= 1;
        queue.ready.insert(entry.place, entry);
        self.stirred += 1;
        true
    }

    /// Sends what died in that queue where its dead letters go; drops it where that is nowhere.
    fn bury(&mut self, name: &QueueName, mut entry: Entry, reason: DeathReason) {
        death::record(&mut entry.deaths, name, reason, self.now, &entry.routing);
        let letters = self.queues.get(name).and_then(|queue| queue.setup.dead_letters.clone());
        let Some(letters) = letters else {
            self.dropped += 1;
            return;
        };
        let key = letters.key.unwrap_or_else(|| entry.routing.key.clone());
        entry.routing = Routing { exchange: letters.exchange, key };
        entry.redelivered = false;
        let mut queues = self.route(&entry.routing.exchange, &entry.routing.key).unwrap_or_default();
        self.count_routing(&entry.routing.exchange.clone(), queues.len());
        queues.retain(|queue| !death::goes_round(&entry.deaths, queue));
        self.dropped += u64::from(queues.is_empty());
        for queue in queues {
            let keeps = self.queues.get(&queue).is_some_and(|queue| queue.setup.keeps_counts);
            let count = if keeps { entry.count } else { 0 };
            self.spread(&Entry { count, ..entry.clone() }, &BTreeSet::from([queue]));
        }
    }

    /// Buries what has waited too long, and what that makes expire in turn. Ends, because nothing expires twice in one
    /// queue without a refusal in between.
    fn expire(&mut self) {
        let now = self.now;
        loop {
            let has_expired = |name: &&QueueName| self.queues.get(name).is_some_and(|queue| queue.has_expired(now));
            let names: Vec<_> = self.timed.iter().filter(has_expired).cloned().collect();
            if names.is_empty() {
                return;
            }
            for name in names {
                while let Some(entry) = self.queues.get_mut(&name).and_then(|queue| queue.pop_expired(now)) {
                    self.bury(&name, entry, DeathReason::Expired);
                }
            }
        }
    }

    /// Lets every consumer finish what is due and fetch more.
    fn work(&mut self) {
        let mut consumers = std::mem::take(&mut self.consumers);
        for consumer in &mut consumers {
            while let Some((entry, verdict)) = consumer.finished(self.now) {
                self.obey(&consumer.queue, entry, verdict);
            }
            while consumer.wants_more() {
                let now = self.now;
                let head = self.queues.get_mut(&consumer.queue).and_then(|queue| queue.pop(now));
                let Some(entry) = head else { break };
                consumer.take(entry, now);
            }
        }
        self.consumers = consumers;
    }

    fn obey(&mut self, name: &QueueName, mut entry: Entry, verdict: Verdict) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        match verdict {
            Verdict::Done => {
                queue.settle(&entry);
                queue.removed.add(self.now);
            }
            Verdict::Requeue => {
                self.take_back(name, entry, Back::Failed);
            }
            Verdict::Reject(note) => {
                queue.settle(&entry);
                entry.count += u64::from(queue.charges(Back::Failed));
                let mut content = (*entry.content).clone();
                for (header, value) in note.iter() {
                    // A note of an earlier failure is replaced.
                    if let Some(name) = header.as_str() {
                        content.headers.set(name, value.clone());
                    }
                }
                entry.content = Arc::new(content);
                self.bury(name, entry, DeathReason::Rejected);
            }
        }
    }
}

/// So that what is written down and read again is the same time.
fn whole_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
