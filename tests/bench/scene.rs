//! What is measured on: a broker of its own with many queues, and one queue with many messages.

use lapin::protocol::basic::AMQPProperties;
use lapin::types::FieldTable;
use support::client::text;
use support::{Client, Rabbit, Version, Vhost};

pub(crate) const QUEUES: usize = 1_000;
pub(crate) const MESSAGES: usize = 10_000;
pub(crate) const MESSAGE_BYTES: usize = 1_024;
/// The queue with the many messages.
pub(crate) const FULL: &str = "full";
/// The broker's own statistics come every five seconds.
const STATISTICS_WAIT: std::time::Duration = std::time::Duration::from_secs(7);

const REST_WAIT: std::time::Duration = std::time::Duration::from_secs(120);

/// Ends with the value.
pub(crate) struct Scene {
    pub(crate) rabbit: Rabbit,
    /// With the many queues.
    pub(crate) wide: Vhost,
    /// With the many messages.
    pub(crate) deep: Vhost,
}

impl Scene {
    pub(crate) async fn lay_out() -> Self {
        let rabbit = Rabbit::start(Version::NEWEST).await;
        let (wide, deep) = (rabbit.vhost().await, rabbit.vhost().await);
        let client = wide.client().await;
        for n in 0..QUEUES {
            client.classic(&format!("shop.orders.{n:04}")).await;
        }
        client.fill("shop.orders.0007", ["{}", "{}", "{}"]).await;
        fill(&deep.client().await).await;
        tokio::time::sleep(STATISTICS_WAIT).await;
        Self { rabbit, wide, deep }
    }

    /// Waits until the full queue has all its messages again, and answers as one that has nothing to do.
    pub(crate) async fn comes_to_rest(&self) {
        let client = self.deep.client().await;
        let all = u32::try_from(MESSAGES).expect("a few thousand");
        let rests = async {
            while client.count(FULL).await != all {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            tokio::time::sleep(STATISTICS_WAIT).await;
        };
        support::within(REST_WAIT, "the queue gets its messages back", rests).await;
        client.close().await;
    }
}

async fn fill(client: &Client) {
    client.classic(FULL).await;
    let mut headers = FieldTable::default();
    headers.insert("tenant".into(), text("shop-north"));
    let messages = (0..MESSAGES).map(|n| {
        let properties = AMQPProperties::default()
            .with_content_type("application/json".into())
            .with_message_id(format!("order-{n}").as_str().into())
            .with_headers(headers.clone());
        (body(n), properties)
    });
    client.publish_all("", FULL, messages.collect()).await;
    client.reaches(FULL, u32::try_from(MESSAGES).expect("a few thousand")).await;
}

/// JSON of exactly [`MESSAGE_BYTES`].
pub(crate) fn body(n: usize) -> Vec<u8> {
    let frame = format!("{{\"order\":\"CS-{n}\",\"note\":\"\"}}");
    let note = "x".repeat(MESSAGE_BYTES - frame.len());
    format!("{{\"order\":\"CS-{n}\",\"note\":\"{note}\"}}").into_bytes()
}
