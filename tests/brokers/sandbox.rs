//! The embedded broker, which is the contract's reference.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Message, Rules, Target};
use sandbox::{ExchangeKind, QueueSetup, Returns, Sandbox, SandboxRules};
use support::{Fixture, contract};

#[derive(Debug)]
struct Bare {
    sandbox: Sandbox,
    /// Another connection, which no test closes.
    witness: Sandbox,
}

impl Bare {
    fn new() -> Self {
        let sandbox = Sandbox::bare();
        Self { witness: sandbox.connect(), sandbox }
    }

    fn put(&self, queue: &str, message: Message) {
        let reached = self.witness.publish_raw(&Target::Queue { queue: queue.into() }, message);
        assert_eq!(reached.len(), 1, "the queue is there");
    }
}

fn message(body: &str) -> Message {
    Message { body: body.as_bytes().to_vec(), ..Message::default() }
}

#[async_trait]
impl Fixture for Bare {
    fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(SandboxRules)
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.sandbox.clone())
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["marks", "free", "counts", "limited", "destroys"]
    }

    fn destroys(&self) -> bool {
        true
    }

    async fn declare(&self, queue: &str, kind: &str) {
        let returns = match kind {
            "marks" => Returns::Marks,
            "free" => Returns::Free,
            "counts" => Returns::Counts { limit: None },
            "limited" => Returns::Counts { limit: Some(20) },
            "destroys" => Returns::Destroys { limit: 20 },
            other => panic!("no such kind: {other}"),
        };
        self.witness.declare_queue(QueueSetup::new(queue).returning(returns));
    }

    async fn declare_limited(&self, queue: &str, limit: u64) {
        self.witness.declare_queue(QueueSetup::new(queue).returning(Returns::Counts { limit: Some(limit) }));
    }

    async fn route(&self, exchange: &str, key: &str, queue: &str) {
        self.witness.declare_exchange(exchange, ExchangeKind::Direct);
        self.witness.bind(exchange, key, queue).expect("both are there");
    }

    async fn fill(&self, queue: &str, bodies: &[String]) {
        for body in bodies {
            self.put(queue, message(body));
        }
    }

    async fn fill_failed(&self, queue: &str, body: &str, times: u64) {
        self.put(queue, Message { delivery_count: Some(times), ..message(body) });
    }

    async fn dead_of_limit(&self, bodies: &[String]) -> String {
        let setup = QueueSetup::new("orders.dlq").returning(Returns::Destroys { limit: 3 });
        self.witness.declare_queue(setup.keeps_counts());
        for body in bodies {
            self.put("orders.dlq", Message { delivery_count: Some(4), ..message(body) });
        }
        "orders.dlq".to_owned()
    }

    async fn ready(&self, queue: &str) -> u64 {
        self.witness.ready(queue).len() as u64
    }

    async fn take_all(&self, queue: &str) -> Vec<String> {
        let taken = std::iter::from_fn(|| self.witness.consume(queue));
        taken.map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect()
    }

    async fn delete(&self, queue: &str) {
        assert!(self.witness.delete_queue(queue), "the queue was there");
    }

    async fn cut(&self) {
        self.sandbox.cut();
    }
}

contract!(Bare::new());
