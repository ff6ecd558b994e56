//! RabbitMQ 3.10, 4.0 and 4.3 against the contract; elsewhere than on Debian the release's own.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Driver, Rules};
use rabbitmq::RabbitDriver;
use serde_json::json;
use support::client::{number, text};
use support::{Client, Fixture, Proxy, Rabbit, Version, Vhost};

/// A virtual host of its own, reached through a proxy that can cut.
#[derive(Debug)]
struct Behind {
    broker: Arc<dyn Broker>,
    proxy: Proxy,
    vhost: Vhost,
    witness: Client,
    /// From 4.3 on dead letters carry their count.
    carries_counts: bool,
}

impl Behind {
    async fn proxy(version: Version) -> Self {
        let rabbit = Rabbit::shared(version).await;
        let vhost = rabbit.vhost().await;
        let proxy = Proxy::start(rabbit.amqp_port()).await;
        let settings = vhost.settings_at(proxy.port());
        let broker = RabbitDriver.open(&settings, &vhost.secret()).await.expect("the broker is there");
        let mut release = rabbit.release().split('.').map(|part| part.parse::<u32>().expect("a version is numbers"));
        let release = (release.next(), release.next());
        Self { broker, proxy, witness: vhost.client().await, vhost, carries_counts: release >= (Some(4), Some(3)) }
    }
}

#[async_trait]
impl Fixture for Behind {
    fn rules(&self) -> Arc<dyn Rules> {
        RabbitDriver.rules()
    }

    fn broker(&self) -> Arc<dyn Broker> {
        self.broker.clone()
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["classic", "quorum"]
    }

    fn destroys(&self) -> bool {
        self.carries_counts
    }

    async fn declare(&self, queue: &str, kind: &str) {
        self.witness.declare(queue, &[("x-queue-type", text(kind))]).await;
    }

    async fn declare_limited(&self, queue: &str, limit: u64) {
        let limit = i64::try_from(limit).expect("the limit is small");
        self.witness.declare(queue, &[("x-queue-type", text("quorum")), ("x-delivery-limit", number(limit))]).await;
    }

    async fn route(&self, exchange: &str, key: &str, queue: &str) {
        self.witness.exchange(exchange, "direct", &[]).await;
        self.witness.bind(queue, exchange, key, &[]).await;
    }

    async fn fill(&self, queue: &str, bodies: &[String]) {
        self.witness.fill(queue, bodies.iter().map(String::as_str)).await;
    }

    async fn fill_failed(&self, queue: &str, body: &str, times: u64) {
        self.witness.fill(queue, [body]).await;
        self.witness.fail(queue, 1, usize::try_from(times).expect("a few times")).await;
    }

    async fn dead_of_limit(&self, bodies: &[String]) -> String {
        self.witness.exchange("dlx", "fanout", &[]).await;
        self.witness.quorum("orders.dlq").await;
        self.witness.bind("orders.dlq", "dlx", "", &[]).await;
        let with = [("x-queue-type", text("quorum")), ("x-dead-letter-exchange", text("dlx"))];
        self.witness.declare("orders", &with).await;
        // By policy, so that another policy can make it safe. Without counts the dead-letter queue keeps its default.
        let pattern = if self.carries_counts { "^orders" } else { "^orders$" };
        self.vhost.put_policy("limit", pattern, json!({ "delivery-limit": 3 })).await;
        self.witness.fill("orders", bodies.iter().map(String::as_str)).await;
        self.witness.exhaust("orders").await;
        self.witness.reaches("orders.dlq", u32::try_from(bodies.len()).expect("a few")).await;
        "orders.dlq".to_owned()
    }

    async fn ready(&self, queue: &str) -> u64 {
        self.witness.count(queue).await.into()
    }

    async fn take_all(&self, queue: &str) -> Vec<String> {
        self.witness.take_bodies(queue).await
    }

    async fn delete(&self, queue: &str) {
        self.vhost.delete_queue(queue).await;
    }

    async fn cut(&self) {
        self.proxy.cut();
    }
}

#[cfg(debian)]
mod v3_10 {
    support::contract!(super::Behind::proxy(support::Version::V3_10).await);
}

#[cfg(debian)]
mod v4_0 {
    support::contract!(super::Behind::proxy(support::Version::V4_0).await);
}

#[cfg(debian)]
mod v4_3 {
    support::contract!(super::Behind::proxy(support::Version::V4_3).await);
}

#[cfg(not(debian))]
mod own {
    support::contract!(super::Behind::proxy(support::Version::Own).await);
}
