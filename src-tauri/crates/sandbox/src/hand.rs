//! The sandbox by hand: what tests and simulators declare, put in, look at and break, past the port.

use std::time::Duration;

use broker::{Error, ErrorKind, ExchangeName, Message, QueueName, Result, Target};
use jiff::Timestamp;
use uuid::Uuid;

use crate::engine::Bound;
use crate::setup::{ExchangeKind, QueueSetup};
use crate::shared::Shared;
use crate::{Fault, Sandbox};

/// When time begins in a bare sandbox: 2026-01-01T00:00:00Z.
const BEGINNING_S: i64 = 1_767_225_600;

impl Sandbox {
    /// A connection to an empty broker of its own, whose time stands still until [`Sandbox::advance`]. Every call answers
    /// at once and needs no runtime: where a reader would wait for more, or a publisher for an alarm to end, the wait is
    /// over already (see [`Sandbox::set_waits`]). The same calls give the same answers, keys and tags.
    pub fn bare() -> Self {
        let beginning = Timestamp::from_second(BEGINNING_S).unwrap_or(Timestamp::UNIX_EPOCH);
        Self::connect_to(&Shared::bare(format!("sandbox/{}", Uuid::nil()), beginning))
    }

    /// Another connection to the same broker.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self::connect_to(&self.connection.shared)
    }

    /// Lets time pass: messages expire, rates move on. A sandbox that follows the machine's clock then runs ahead of it.
    pub fn advance(&self, by: Duration) {
        self.connection.shared.act(|state| {
            let by = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
            let now = state.engine.now().saturating_add(by).unwrap_or(Timestamp::MAX);
            state.engine.advance(now);
        });
    }

    /// What the broker takes for now.
    pub fn now(&self) -> Timestamp {
        self.connection.shared.act(|state| state.engine.now())
    }

    /// Whether waits of readers and publishers take real time, as on a real broker. Needs a runtime with a timer.
    pub fn set_waits(&self, waits: bool) {
        self.connection.shared.act(|state| state.waits = waits);
    }

    /// Declares an exchange. One of that name stays as it is.
    pub fn declare_exchange(&self, name: impl Into<ExchangeName>, kind: ExchangeKind) {
        self.connection.shared.act(|state| state.engine.declare_exchange(name.into(), kind));
    }

    /// Declares a queue; a plain name declares a plain one. One of that name keeps its messages and gets this setup.
    pub fn declare_queue(&self, setup: impl Into<QueueSetup>) {
        self.connection.shared.act(|state| state.engine.declare_queue(setup.into()));
    }

    /// Deletes a queue, with everything in it and held out of it: those holds are lost. `false`: there is none.
    pub fn delete_queue(&self, name: &str) -> bool {
        self.connection.shared.act(|state| state.engine.delete_queue(&name.into()))
    }

    /// Binds a queue to an exchange. Twice is once. Fails with [`ErrorKind::NotFound`] where either does not exist, and
    /// with [`ErrorKind::Invalid`] for the default exchange, which knows every queue by its name.
    pub fn bind(&self, exchange: &str, key: &str, queue: &str) -> Result<()> {
        let bound = Bound { exchange: exchange.into(), key: key.to_owned(), queue: queue.into() };
        let doing = || format!("bind queue `{queue}` to exchange `{exchange}`");
        self.connection.shared.act(|state| {
            let known = state.engine.exchanges.get(&bound.exchange);
            let known = known.ok_or_else(|| Error::new(ErrorKind::NotFound, doing(), "there is no such exchange"))?;
            if known.kind.is_none() {
                return Err(Error::new(ErrorKind::Invalid, doing(), "the default exchange takes no bindings"));
            }
            state.queue_exists(&bound.queue, doing)?;
            state.engine.bindings.insert(bound);
            Ok(())
        })
    }

    /// Takes a binding away. `false`: there is none like it.
    pub fn unbind(&self, exchange: &str, key: &str, queue: &str) -> bool {
        let bound = Bound { exchange: exchange.into(), key: key.to_owned(), queue: queue.into() };
        self.connection.shared.act(|state| state.engine.bindings.remove(&bound))
    }

    /// Publishes as somebody else would, past every fault, alarm and size limit. Where it arrived: nowhere, if nothing
    /// matches or there is no such exchange. Deaths, delivery count and redelivered of the message are kept, so that dead
    /// letters can be laid out; its routing becomes that of the target.
    pub fn publish_raw(&self, target: &Target, message: Message) -> Vec<QueueName> {
        self.connection.shared.act(|state| state.engine.publish(target, message).unwrap_or_default())
    }

    /// What is ready in a queue, in its order, without touching it. Empty where there is no such queue.
    pub fn ready(&self, queue: &str) -> Vec<Message> {
        self.connection.shared.act(|state| {
            let Some(queue) = state.engine.queues.get(&queue.into()) else { return Vec::new() };
            queue.ready.values().map(|entry| entry.message(queue.setup.returns)).collect()
        })
    }

    /// How many messages of a queue are held by anybody.
    pub fn held(&self, queue: &str) -> u64 {
        self.connection.shared.act(|state| state.engine.queues.get(&queue.into()).map_or(0, |queue| queue.in_flight))
    }

    /// Consumes the head of a queue for good, as some other consumer would.
    pub fn consume(&self, queue: &str) -> Option<Message> {
        self.connection.shared.act(|state| state.engine.consume(&queue.into()))
    }

    /// How many messages the broker itself dropped so far: they died, and nothing took their dead letter.
    pub fn dropped(&self) -> u64 {
        self.connection.shared.act(|state| state.engine.dropped)
    }

    /// Kills every channel of every connection, which then work again at once: all that is held goes back as failed, leases
    /// and publishers opened before are dead, and publishes without an answer stay without one.
    pub fn cut(&self) {
        self.connection.shared.act(crate::shared::State::cut);
    }

    /// Cuts, and stays unreachable until [`Sandbox::come_back`]: every call fails with [`ErrorKind::Lost`].
    pub fn go_down(&self, why: &str) {
        self.connection.shared.act(|state| state.set_down(Some(why.to_owned())));
    }

    /// Can be reached again.
    pub fn come_back(&self) {
        self.connection.shared.act(|state| state.set_down(None));
    }

    /// Raises an alarm: publishes wait, without an answer, until it is over.
    pub fn block(&self, why: &str) {
        self.connection.shared.act(|state| state.set_alarm(Some(why.to_owned())));
    }

    /// Ends the alarm. What was published meanwhile arrives now, also where its publisher gave up waiting.
    pub fn unblock(&self) {
        self.connection.shared.act(|state| state.set_alarm(None));
    }

    /// Lets something go wrong once. Faults wait their turn: each hits the first call that it concerns.
    pub fn fail_next(&self, fault: Fault) {
        self.connection.shared.act(|state| state.faults.add(fault));
    }

    /// The largest body that a publisher may send, in bytes. 16 MiB unless told otherwise.
    pub fn set_message_bytes_max(&self, bytes_max: usize) {
        self.connection.shared.act(|state| state.message_bytes_max = bytes_max);
    }
}
