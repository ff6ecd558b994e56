use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use broker::{Death, Message, Routing, Table};
use jiff::Timestamp;

use crate::engine::meter::Meter;
use crate::setup::{QueueSetup, Returns};

/// What a publisher sent. Copies of it in several queues share this.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) body: Vec<u8>,
    pub(crate) properties: Table,
    pub(crate) headers: Table,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.body.len())
    }
}

/// One message in one queue, or held out of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its place in the queue's order, which it keeps when it comes back.
    pub(crate) place: u64,
    pub(crate) content: Arc<Content>,
    pub(crate) routing: Routing,
    pub(crate) deaths: Vec<Death>,
    /// How often it failed: came back uncharged for kindness, or was refused.
    pub(crate) count: u64,
    pub(crate) redelivered: bool,
    pub(crate) arrived_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Entry {
    pub(crate) fn body_bytes(&self) -> u64 {
        self.content.body.len() as u64
    }

    /// As a reader of a queue with that setting sees it.
    pub(crate) fn message(&self, returns: Returns) -> Message {
        Message {
            body: self.content.body.clone(),
            properties: self.content.properties.clone(),
            headers: self.content.headers.clone(),
            routing: self.routing.clone(),
            deaths: self.deaths.clone(),
            delivery_count: returns.tells_count().then_some(self.count),
            redelivered: Some(self.redelivered),
        }
    }
}

/// In which way a message comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// Given back on purpose, in the way that costs least.
    Kindly,
    /// Its channel died, or a consumer put it back.
    Failed,
}

/// One queue: what is ready, and what it counts.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) setup: QueueSetup,
    /// A guard holds: the limit does not apply.
    pub(crate) guarded: bool,
    pub(crate) ready: BTreeMap<u64, Entry>,
    pub(crate) in_flight: u64,
    /// Bodies of what is ready and in flight.
    pub(crate) bytes: u64,
    pub(crate) published: Meter,
    pub(crate) removed: Meter,
    pub(crate) delivered: Meter,
    pub(crate) redelivered: Meter,
}

impl Queue {
    pub(crate) fn new(setup: QueueSetup) -> Self {
        Self {
            setup,
            guarded: false,
            ready: BTreeMap::new(),
            in_flight: 0,
            bytes: 0,
            published: Meter::default(),
            removed: Meter::default(),
            delivered: Meter::default(),
            redelivered: Meter::default(),
        }
    }

    /// How often a message may fail here now.
    pub(crate) fn limit(&self) -> Option<u64> {
        if self.guarded { None } else { self.setup.returns.limit() }
    }

    /// Whether coming back in that way counts as a failure.
    pub(crate) fn charges(&self, back: Back) -> bool {
        match self.setup.returns {
            Returns::Free => false,
            Returns::Counts { .. } => true,
            Returns::Marks | Returns::Destroys { .. } => back == Back::Failed,
        }
    }

    /// Whether a message that failed so often dies when it comes back in that way.
    pub(crate) fn kills(&self, count: u64, back: Back) -> bool {
        let count = count + u64::from(self.charges(back));
        self.limit().is_some_and(|limit| count > limit)
    }

    pub(crate) fn push(&mut self, mut entry: Entry, now: Timestamp) {
        entry.arrived_at = now;
        // A sum beyond the end of time is no end at all.
        entry.expires_at = self.setup.ttl_ms.and_then(|ttl_ms| {
            let ttl = jiff::SignedDuration::from_millis(i64::try_from(ttl_ms).ok()?);
            now.checked_add(ttl).ok()
        });
        self.bytes += entry.body_bytes();
        self.ready.insert(entry.place, entry);
    }

    /// Hands out the head.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Entry> {
        let (_, entry) = self.ready.pop_first()?;
        self.in_flight += 1;
        self.delivered.add(now);
        if entry.redelivered {
            self.redelivered.add(now);
        }
        Some(entry)
    }

    /// Forgets a message that was handed out: it was acknowledged, or it dies.
    pub(crate) fn settle(&mut self, entry: &Entry) {
        self.in_flight -= 1;
        self.bytes -= entry.body_bytes();
    }

    /// Whether the head has waited too long. All wait equally long, so nothing behind it has if it has not.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        let head = self.ready.first_key_value();
        head.is_some_and(|(_, entry)| entry.expires_at.is_some_and(|at| at <= now))
    }

    /// Takes out the next message that has waited too long.
    pub(crate) fn pop_expired(&mut self, now: Timestamp) -> Option<Entry> {
        if !self.has_expired(now) {
            return None;
        }
        let (_, entry) = self.ready.pop_first()?;
        self.bytes -= entry.body_bytes();
        Some(entry)
    }
}
