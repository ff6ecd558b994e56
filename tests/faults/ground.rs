//! What a redrive runs on: a queue of dead letters, the queue in which they failed, a proxy in between, and a witness who
//! counts both queues without our program.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::protocol::basic::AMQPProperties;
use support::client::{arguments, close, dead_letter, number, text};
use support::{Client, Proxy, Rabbit, Version, Vhost, within};
use url::Url;

use crate::chance::Chance;
use crate::qscope::{Ended, Qscope, Run};

pub(crate) const SOURCE: &str = "orders.dlq";
pub(crate) const TARGET: &str = "orders";
pub(crate) const OTHER_SOURCE: &str = "payments.dlq";
pub(crate) const OTHER_TARGET: &str = "payments";
pub(crate) const WAY: &str = "orders.back";
const BODY_BYTES: usize = 1_024;
/// One message in so many is equal to an earlier one.
const TWIN_IN: u64 = 30;
/// Nothing new for so long means that there is no more.
const QUIET: Duration = Duration::from_millis(800);
const STILL_LOOKS_MAX: usize = 20;
const PREFETCH: u16 = 2_000;
/// What the proxy passes on at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// How late every piece arrives that a redrive and its broker tell one another.
const LATE: Duration = Duration::from_millis(20);
/// Messages arrive all of a sudden.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const ARRIVE_WAIT: Duration = Duration::from_secs(120);
/// What the dead-letter queue of 4.0 and later has by default.
#[cfg(debian)]
const LIMIT: i64 = 20;

/// How often each message is somewhere, by its id.
pub(crate) type Tally = BTreeMap<String, u64>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Classic,
    Quorum,
}

/// What spreads the messages of a redrive over about that time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slow {
    /// A rate: small batches, one after the other.
    Rate(Duration),
    /// The network: large batches, side by side.
    Network(Duration),
}

impl Slow {
    /// The one or the other.
    pub(crate) fn any(takes: Duration, chance: &mut Chance) -> Self {
        if chance.one_in(2) { Self::Rate(takes) } else { Self::Network(takes) }
    }
}

#[derive(Debug)]
pub(crate) struct Ground {
    vhost: Vhost,
    witness: Client,
    kind: Kind,
    pub(crate) proxy: Proxy,
}

impl Ground {
    /// Queues of that kind on that broker, in a virtual host of their own.
    pub(crate) async fn lay(rabbit: &Rabbit, kind: Kind) -> Self {
        let vhost = rabbit.vhost().await;
        let witness = vhost.client().await;
        let ground = Self { witness, kind, proxy: Proxy::start(vhost.amqp_port).await, vhost };
        ground.declare_source(rabbit.version()).await;
        ground.declare_target().await;
        ground
    }

    /// The queue of dead letters.
    pub(crate) async fn declare_source(&self, version: Version) {
        match self.kind {
            Kind::Classic => self.witness.classic(SOURCE).await,
            // Safe to look into: where the broker has limits, this queue has none.
            Kind::Quorum if version == Version::V3_10 => self.witness.quorum(SOURCE).await,
            Kind::Quorum => {
                let with = [("x-queue-type", text("quorum")), ("x-delivery-limit", number(-1))];
                self.witness.declare(SOURCE, &with).await;
            }
        }
    }

    /// The queue in which the messages fail.
    pub(crate) async fn declare_target(&self) {
        let kind = match self.kind {
            Kind::Classic => "classic",
            Kind::Quorum => "quorum",
        };
        let with = [
            ("x-queue-type", text(kind)),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(SOURCE)),
        ];
        self.witness.declare(TARGET, &with).await;
    }

    /// Deletes that queue. How many messages went with it.
    pub(crate) async fn delete_target(&self) -> u64 {
        self.witness.delete(TARGET).await.into()
    }

    /// Deletes the queue of dead letters. How many were ready.
    pub(crate) async fn delete_source(&self) -> u64 {
        self.witness.delete(SOURCE).await.into()
    }

    /// The exchange by which messages reach the target.
    pub(crate) async fn declare_way(&self) {
        self.witness.exchange(WAY, "fanout", &[]).await;
        self.witness.bind(TARGET, WAY, "", &[]).await;
    }

    /// Nothing reaches the target by that exchange any more.
    pub(crate) async fn unbind_way(&self) {
        self.witness.unbind(TARGET, WAY, "").await;
    }

    /// The user may read, and may not send to where a redrive sends.
    pub(crate) async fn forbid_sending(&self) {
        self.vhost.permit(".*", &format!("^{SOURCE}$"), ".*").await;
    }

    pub(crate) async fn permit_sending(&self) {
        self.vhost.permit(".*", ".*", ".*").await;
    }

    /// A user of its own for each redrive.
    pub(crate) fn qscope(&self) -> Qscope {
        Qscope::new(&self.vhost.password)
    }

    /// Starts the redrive of all dead letters, through the proxy, and slow enough to be met half way.
    pub(crate) fn redrive(&self, qscope: &Qscope) -> Run {
        self.redrive_with(qscope, &[])
    }

    /// The same with more words on its command line.
    pub(crate) fn redrive_with(&self, qscope: &Qscope, more: &[&str]) -> Run {
        self.proxy.delay(LATE);
        let address = self.address();
        qscope.start(&[&["redrive", "-c", &address, SOURCE, "--yes"], more].concat())
    }

    /// The same where no file may be larger than so many blocks of 512 bytes.
    pub(crate) fn redrive_in(&self, qscope: &Qscope, blocks: u64) -> Run {
        self.proxy.delay(LATE);
        qscope.start_in(blocks, &["redrive", "-c", &self.address(), SOURCE, "--yes"])
    }

    /// Starts a redrive of so many messages that takes its time.
    pub(crate) async fn redrive_slowly(&self, qscope: &Qscope, messages: usize, slow: Slow, more: &[&str]) -> Run {
        match slow {
            Slow::Rate(takes) => {
                let rate = (messages as u64 / takes.as_secs()).to_string();
                self.redrive_with(qscope, &[more, &["--rate", &rate]].concat())
            }
            Slow::Network(takes) => {
                let mut run = self.redrive_with(qscope, more);
                run.line().await.expect("a redrive says its job first");
                let pieces = messages * BODY_BYTES / PIECE_BYTES + 1;
                self.proxy.delay(takes / u32::try_from(pieces).expect("a few"));
                run
            }
        }
    }

    /// The broker as a redrive reaches it, by the proxy.
    fn address(&self) -> String {
        let mut url = Url::parse(&self.vhost.url()).expect("a virtual host has an address");
        url.set_password(None).expect("the URL has a host");
        url.set_port(Some(self.proxy.port())).expect("the URL has a host");
        url.into()
    }

    /// Waits until so many messages, and one more, have arrived at the target.
    pub(crate) async fn arrive(&self, messages: u64) {
        let arriving = async {
            while self.depth_of_target().await <= messages {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        within(ARRIVE_WAIT, "messages arrive", arriving).await;
    }

    /// Ends what is left of earlier connections, as the kernel does for a program that is gone, and lets new ones pass.
    pub(crate) fn hang_up(&self) {
        self.proxy.pass();
        self.proxy.cut();
    }

    /// The witness lost its connection with the broker.
    pub(crate) async fn reconnect(&mut self) {
        self.witness = self.vhost.client().await;
    }

    /// Puts so many dead letters of the target into the source. Some are twins: equal in everything.
    pub(crate) async fn fill(&self, messages: usize, chance: &mut Chance) -> Tally {
        self.fill_queue(SOURCE, messages, chance).await
    }

    /// The same into that queue.
    async fn fill_queue(&self, queue: &str, messages: usize, chance: &mut Chance) -> Tally {
        let mut tally = Tally::new();
        let mut all = Vec::with_capacity(messages);
        for n in 0..messages as u64 {
            let number = if n > 0 && chance.one_in(TWIN_IN) { chance.below(n) } else { n };
            let id = format!("order-{number:06}");
            let properties = AMQPProperties::default()
                .with_message_id(id.as_str().into())
                .with_headers(arguments(&[("x-death", dead_letter(TARGET))]));
            all.push((body_of(&id), properties));
            *tally.entry(id).or_default() += 1;
        }
        self.witness.publish_all("", queue, all).await;
        self.witness.reaches(queue, u32::try_from(messages).expect("a few")).await;
        tally
    }

    /// Puts so many with large bodies into the source.
    pub(crate) async fn fill_large(&self, messages: usize, body_bytes: usize) {
        let all = (0..messages).map(|_| (vec![b'x'; body_bytes], AMQPProperties::default()));
        self.witness.publish_all("", SOURCE, all.collect()).await;
        self.witness.reaches(SOURCE, u32::try_from(messages).expect("a few")).await;
    }

    /// Puts so many into the source, no two of them equal, their ids rising.
    pub(crate) async fn fill_in_order(&self, messages: usize) {
        let all = (0..messages).map(|n| {
            let id = format!("order-{n:06}");
            (body_of(&id), AMQPProperties::default().with_message_id(id.as_str().into()))
        });
        self.witness.publish_all("", SOURCE, all.collect()).await;
        self.witness.reaches(SOURCE, u32::try_from(messages).expect("a few")).await;
    }

    /// Captures the source.
    pub(crate) async fn capture(&self, qscope: &Qscope) -> Ended {
        self.capture_late(qscope, Duration::ZERO).await
    }

    /// Captures the source with every piece of what is said arriving so much later.
    pub(crate) async fn capture_late(&self, qscope: &Qscope, late: Duration) -> Ended {
        self.proxy.delay(late);
        qscope.run(&["capture", "-c", &self.address(), SOURCE, "--all"]).await
    }

    /// Puts so many into a second queue of dead letters, which is not there yet.
    pub(crate) async fn fill_other(&self, messages: usize, chance: &mut Chance) -> Tally {
        for queue in [OTHER_SOURCE, OTHER_TARGET] {
            self.witness.classic(queue).await;
        }
        self.fill_queue(OTHER_SOURCE, messages, chance).await
    }

    /// Starts the redrive of that second queue.
    pub(crate) fn redrive_other(&self, qscope: &Qscope, more: &[&str]) -> Run {
        let address = self.address();
        let words = ["redrive", "-c", &address, OTHER_SOURCE, "--to-queue", OTHER_TARGET, "--yes"];
        qscope.start(&[&words, more].concat())
    }

    /// How many are ready at the target alone.
    pub(crate) async fn depth_of_target(&self) -> u64 {
        self.witness.count(TARGET).await.into()
    }

    /// How many are ready in both queues.
    pub(crate) async fn depths(&self) -> (u64, u64) {
        (self.witness.count(SOURCE).await.into(), self.witness.count(TARGET).await.into())
    }

    /// Waits until what a dead connection held is back.
    pub(crate) async fn stands_still(&self) {
        let mut before = self.depths().await;
        for _ in 0..STILL_LOOKS_MAX {
            tokio::time::sleep(QUIET).await;
            let now = self.depths().await;
            if now == before {
                return;
            }
            before = now;
        }
        panic!("messages come and go: {before:?}");
    }

    /// Takes everything out of a queue, for good.
    pub(crate) async fn drain(&self, queue: &str) -> Tally {
        let mut tally = Tally::new();
        for id in self.drain_in_order(queue).await {
            *tally.entry(id).or_default() += 1;
        }
        tally
    }

    /// The same, as they lay.
    pub(crate) async fn drain_in_order(&self, queue: &str) -> Vec<String> {
        let (channel, mut consumer) = self.witness.consume(queue, PREFETCH).await;
        let mut ids = Vec::new();
        while let Ok(next) = tokio::time::timeout(QUIET, consumer.next()).await {
            let delivery = next.expect("the consumer lives").expect("the consumer lives");
            let acked = delivery.ack(BasicAckOptions::default()).await;
            assert!(acked.expect("the witness keeps its channel"), "the witness keeps its channel");
            ids.push(id_of(&delivery));
        }
        close(&channel).await;
        assert_eq!(self.witness.count(queue).await, 0, "`{queue}` is empty");
        ids
    }
}

/// Where giving back destroys.
#[cfg(debian)]
impl Ground {
    /// Quorum queues with delivery limits: what died of the one is above the other, and is destroyed when it is given back.
    pub(crate) async fn lay_deadly(rabbit: &Rabbit) -> Self {
        let vhost = rabbit.vhost().await;
        let witness = vhost.client().await;
        witness.dead_letter_pair(TARGET, LIMIT).await;
        Self { witness, kind: Kind::Quorum, proxy: Proxy::start(vhost.amqp_port).await, vhost }
    }

    /// Lets so many messages, no two of them equal, die of the target's delivery limit.
    pub(crate) async fn fill_exhausted(&self, messages: usize) -> Tally {
        let ids: Vec<_> = (0..messages).map(|n| format!("order-{n:06}")).collect();
        let all = ids.iter().map(|id| (body_of(id), AMQPProperties::default().with_message_id(id.as_str().into())));
        self.witness.publish_all("", TARGET, all.collect()).await;
        self.witness.exhaust(TARGET).await;
        self.witness.reaches(SOURCE, u32::try_from(messages).expect("a few")).await;
        ids.into_iter().map(|id| (id, 1)).collect()
    }
}

fn body_of(id: &str) -> Vec<u8> {
    format!("{{\"order\":\"{id}\",\"note\":\"{}\"}}", "x".repeat(BODY_BYTES)).into_bytes()
}

/// The id of a message that is what it was.
fn id_of(delivery: &Delivery) -> String {
    let id = delivery.properties.message_id().as_ref().expect("every message has an id").to_string();
    assert_eq!(delivery.data, body_of(&id), "the body of {id} is what it was");
    id
}
