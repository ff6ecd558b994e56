//! A queue full of dead letters, the queue in which they failed, and whoever counts both from outside.

use std::time::{Duration, Instant};

use lapin::options::{QueueDeleteOptions, QueuePurgeOptions};
use lapin::protocol::basic::AMQPProperties;
use lapin::types::FieldTable;
use support::client::{arguments, close, dead_letter, number, text};
use support::{Client, Rabbit, Version, Vhost};
use url::Url;

use super::program::Program;
use crate::machine::Cpu;
use crate::scene::body;

pub(crate) const SOURCE: &str = "orders.dlq";
pub(crate) const TARGET: &str = "orders";
/// One message in so many carries the header `chosen`.
pub(crate) const CHOSEN: usize = 200;
/// How often the queues are counted while messages move.
const COUNT_EVERY: Duration = Duration::from_millis(50);
const MOVE_WAIT: Duration = Duration::from_secs(600);
/// Messages that are made ready at once.
const FILL_AT_ONCE: usize = 10_000;
/// The broker has tidied up after what it was given, as far as can be seen.
const REST: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Classic,
    Quorum,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }
}

pub(crate) struct Ground<'a> {
    pub(crate) rabbit: &'a Rabbit,
    pub(crate) vhost: Vhost,
    pub(crate) witness: Client,
    pub(crate) kind: Kind,
}

/// From the first message that arrived to the last, as the broker counts them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) took: Duration,
    pub(crate) broker_cpu: Duration,
}

impl<'a> Ground<'a> {
    pub(crate) async fn lay(rabbit: &'a Rabbit, kind: Kind) -> Self {
        let vhost = rabbit.vhost().await;
        let witness = vhost.client().await;
        Self { rabbit, vhost, witness, kind }
    }

    /// "4.3.6 quorum".
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.rabbit.release(), self.kind.word())
    }

    /// A user who has the connection saved.
    pub(crate) fn program(&self) -> Program {
        Program::new(&self.vhost.password)
    }

    /// The connection, as it is written on a command line.
    pub(crate) fn url(&self) -> String {
        let mut url = Url::parse(&self.vhost.url()).expect("a virtual host has an address");
        url.set_password(None).expect("the URL has a host");
        url.into()
    }

    /// Both queues new, with so many dead letters in the source.
    pub(crate) async fn fill(&self, messages: usize) {
        let channel = self.witness.channel().await;
        for queue in [SOURCE, TARGET] {
            let deleted = channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
            deleted.expect("a queue can be deleted, also one that is not there");
        }
        close(&channel).await;
        let mut with = vec![("x-queue-type", text(self.kind.word()))];
        if self.kind == Kind::Quorum && self.rabbit.version() != Version::V3_10 {
            // Safe to look into: this queue has no limit.
            with.push(("x-delivery-limit", number(-1)));
        }
        self.witness.declare(SOURCE, &with).await;
        self.witness.declare(TARGET, &[("x-queue-type", text(self.kind.word()))]).await;
        for first in (0..messages).step_by(FILL_AT_ONCE) {
            let all = (first..messages.min(first + FILL_AT_ONCE)).map(|n| {
                let properties = AMQPProperties::default()
                    .with_content_type("application/json".into())
                    .with_message_id(format!("order-{n:07}").as_str().into())
                    .with_headers(headers_of(n));
                (body(n), properties)
            });
            self.witness.publish_all("", SOURCE, all.collect()).await;
        }
        self.witness.reaches(SOURCE, u32::try_from(messages).expect("a broker counts in 32 bits")).await;
        tokio::time::sleep(REST).await;
    }

    /// Throws both queues' messages away.
    pub(crate) async fn empty(&self) {
        let channel = self.witness.channel().await;
        for queue in [SOURCE, TARGET] {
            channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.expect("a queue can be purged");
        }
        close(&channel).await;
    }

    /// Waits until so many have moved from one queue to the other.
    pub(crate) async fn moved(&self, messages: usize) -> Moved {
        let all = u32::try_from(messages).expect("a broker counts in 32 bits");
        let move_all = async {
            while self.witness.count(TARGET).await == 0 {
                tokio::time::sleep(COUNT_EVERY).await;
            }
            let (began, cpu) = (Instant::now(), Cpu::of_broker(self.rabbit));
            while self.witness.count(TARGET).await < all || self.witness.count(SOURCE).await > 0 {
                tokio::time::sleep(COUNT_EVERY).await;
            }
            Moved { took: began.elapsed(), broker_cpu: Cpu::of_broker(self.rabbit) - cpu }
        };
        support::within(MOVE_WAIT, "all messages move", move_all).await
    }
}

fn headers_of(n: usize) -> FieldTable {
    let died = ("x-death", dead_letter(TARGET));
    // The last of them lies at the very end: all of the queue is in reach.
    if (n + 1).is_multiple_of(CHOSEN) { arguments(&[died, ("chosen", text("yes"))]) } else { arguments(&[died]) }
}
