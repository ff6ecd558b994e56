//! What a redrive runs on: a queue of dead letters, the queue in which they failed, a proxy in between, and a witness who
//! counts both queues without our program.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, QueueDeleteOptions};
use lapin::protocol::basic::AMQPProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use support::client::{arguments, close, number, text};
use support::{Client, Proxy, Rabbit, Version, Vhost};
use url::Url;

use crate::chance::Chance;
use crate::qscope::{Qscope, Run};

pub(crate) const SOURCE: &str = "orders.dlq";
pub(crate) const TARGET: &str = "orders";
const BODY_BYTES: usize = 1_024;
/// One message in so many is equal to an earlier one.
const TWIN_IN: u64 = 30;
/// Nothing new for so long means that there is no more.
const QUIET: Duration = Duration::from_millis(800);
const PREFETCH: u16 = 2_000;
/// How late every piece arrives that a redrive and its broker tell one another.
const LATE: Duration = Duration::from_millis(20);
/// In seconds since 1970.
const DIED_AT: u64 = 1_760_000_000;

/// How often each message is somewhere, by its id.
pub(crate) type Tally = BTreeMap<String, u64>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Classic,
    Quorum,
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
        match kind {
            Kind::Classic => ground.witness.classic(SOURCE).await,
            // Safe to look into: where the broker has limits, this queue has none.
            Kind::Quorum if rabbit.version() == Version::V3_10 => ground.witness.quorum(SOURCE).await,
            Kind::Quorum => {
                let with = [("x-queue-type", text("quorum")), ("x-delivery-limit", number(-1))];
                ground.witness.declare(SOURCE, &with).await;
            }
        }
        ground.declare_target().await;
        ground
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
        let channel = self.witness.channel().await;
        let deleted = channel.queue_delete(TARGET.into(), QueueDeleteOptions::default()).await;
        let messages = deleted.expect("the target can be deleted");
        close(&channel).await;
        messages.into()
    }

    /// A user of its own for each redrive.
    pub(crate) fn qscope(&self) -> Qscope {
        Qscope::new(&self.vhost.password)
    }

    /// Starts the redrive of all dead letters, through the proxy, and slow enough to be met half way.
    pub(crate) fn redrive(&self, qscope: &Qscope) -> Run {
        self.proxy.delay(LATE);
        let mut url = Url::parse(&self.vhost.url()).expect("a virtual host has an address");
        url.set_password(None).expect("the URL has a host");
        url.set_port(Some(self.proxy.port())).expect("the URL has a host");
        qscope.start(&["redrive", "-c", url.as_str(), SOURCE, "--yes"])
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
        let mut tally = Tally::new();
        let mut all = Vec::with_capacity(messages);
        for n in 0..messages as u64 {
            let number = if n > 0 && chance.one_in(TWIN_IN) { chance.below(n) } else { n };
            let id = format!("order-{number:06}");
            let properties = AMQPProperties::default().with_message_id(id.as_str().into()).with_headers(death());
            all.push((body_of(&id), properties));
            *tally.entry(id).or_default() += 1;
        }
        self.witness.publish_all("", SOURCE, all).await;
        self.witness.reaches(SOURCE, u32::try_from(messages).expect("a few")).await;
        tally
    }

    /// How many are ready in both queues.
    pub(crate) async fn depths(&self) -> (u64, u64) {
        (self.witness.count(SOURCE).await.into(), self.witness.count(TARGET).await.into())
    }

    /// Takes everything out of a queue, for good.
    pub(crate) async fn drain(&self, queue: &str) -> Tally {
        let (channel, mut consumer) = self.witness.consume(queue, PREFETCH).await;
        let mut tally = Tally::new();
        while let Ok(next) = tokio::time::timeout(QUIET, consumer.next()).await {
            let delivery = next.expect("the consumer lives").expect("the consumer lives");
            let acked = delivery.ack(BasicAckOptions::default()).await;
            assert!(acked.expect("the witness keeps its channel"), "the witness keeps its channel");
            *tally.entry(id_of(&delivery)).or_default() += 1;
        }
        close(&channel).await;
        assert_eq!(self.witness.count(queue).await, 0, "`{queue}` is empty");
        tally
    }
}

/// What the broker adds to a message that was rejected. Written here, all at the same second: real deaths would leave the
/// twins of two seconds unequal.
fn death() -> FieldTable {
    let keys = FieldArray::from(vec![text(TARGET)]);
    let death = arguments(&[
        ("count", number(1)),
        ("reason", text("rejected")),
        ("queue", text(TARGET)),
        ("time", AMQPValue::Timestamp(DIED_AT)),
        ("exchange", text("")),
        ("routing-keys", AMQPValue::FieldArray(keys)),
    ]);
    arguments(&[("x-death", AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(death)])))])
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
