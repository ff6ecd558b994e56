//! Short words for what every sentence of the contract needs.

use std::sync::Arc;
use std::time::Duration;

use broker::{
    Ask, Broker, ErrorKind, Facts, Hold, Lease, Leased, LookCost, Outgoing, Partial, PublishOutcome, Purpose,
    QueueName, RemoveOutcome, Returned, Rules, Scope, Target, TopologyScope,
};

use super::Fixture;
use crate::within;

/// How long one sentence may take in all.
pub const TEST_WAIT: Duration = Duration::from_secs(90);
/// Longer than any bound that the port names.
pub const CALL_WAIT: Duration = Duration::from_secs(20);

/// A hold with room for everything that these tests hold.
pub const ROOMY: Hold = Hold { messages_max: 10_000, bytes_max: 64 << 20, wait_ms: 400 };

/// `m00`, `m01`, ...
pub fn numbered(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("m{n:02}")).collect()
}

pub fn ask(queue: &str, purpose: Purpose) -> Ask {
    Ask { queue: queue.into(), purpose, hold: ROOMY, accepted: None, stated_label: None }
}

/// Everything that is known of a queue, read just now.
pub async fn facts(broker: &dyn Broker, queue: &str) -> Facts {
    let name = QueueName::from(queue);
    let topology = broker.topology(TopologyScope::Queue(name.clone())).await.expect("the topology can be read");
    let measures = broker.measure(Scope::Queues(vec![name])).await.expect("the queue can be measured");
    let version = broker.identity().version;
    Facts { version, topology, measures: Some(measures), ..Facts::default() }
}

/// The same ask, with the cost accepted that the rules name now.
pub async fn accepting(broker: &dyn Broker, rules: &dyn Rules, mut ask: Ask) -> Ask {
    ask.accepted = Some(rules.look(&facts(broker, ask.queue.as_str()).await, &ask));
    ask
}

/// What the rules say that it costs.
pub async fn cost(fixture: &impl Fixture, ask: &Ask) -> LookCost {
    let accepting = accepting(fixture.broker().as_ref(), fixture.rules().as_ref(), ask.clone()).await;
    accepting.accepted.expect("a cost was accepted")
}

/// Leases with the cost accepted that the rules name.
pub async fn lease(fixture: &impl Fixture, mut ask: Ask) -> Arc<dyn Lease> {
    ask.accepted = Some(cost(fixture, &ask).await);
    open(fixture, ask).await
}

/// Leases with just what was accepted.
pub async fn open(fixture: &impl Fixture, ask: Ask) -> Arc<dyn Lease> {
    within(CALL_WAIT, "opening a lease", fixture.broker().lease(ask)).await.expect("the lease opens")
}

/// At most so many, in one or several calls.
pub async fn read(lease: &Arc<dyn Lease>, max: usize) -> Vec<Leased> {
    let mut held = Vec::new();
    while held.len() < max {
        let more = within(CALL_WAIT, "reading", lease.next(max - held.len())).await.expect("the hold lives");
        if more.is_empty() {
            break;
        }
        assert!(more.len() <= max - held.len(), "never more than asked for");
        held.extend(more);
    }
    held
}

pub async fn close(lease: &Arc<dyn Lease>) -> Returned {
    within(CALL_WAIT, "closing a lease", lease.close()).await.expect("the lease closes")
}

pub async fn remove(lease: &Arc<dyn Lease>, held: &[Leased]) -> Vec<RemoveOutcome> {
    let keys: Vec<_> = held.iter().map(|one| one.lease_key).collect();
    let outcomes = within(CALL_WAIT, "removing", lease.remove(&keys)).await;
    assert_eq!(outcomes.len(), keys.len(), "one outcome each, always");
    outcomes
}

pub fn text(leased: &Leased) -> String {
    String::from_utf8_lossy(&leased.message.body).into_owned()
}

pub fn texts(held: &[Leased]) -> Vec<String> {
    held.iter().map(text).collect()
}

/// Waits until so many are ready again.
pub async fn comes_back(fixture: &impl Fixture, queue: &str, count: u64) {
    let what = format!("queue `{queue}` has {count} ready again");
    crate::eventually(&what, async || fixture.ready(queue).await == count).await;
}

/// Nothing is missing, nothing is doubled, everything is in its place.
pub async fn holds_exactly(fixture: &impl Fixture, queue: &str, bodies: &[String]) {
    comes_back(fixture, queue, bodies.len() as u64).await;
    let short = |bodies: &[String]| bodies.iter().map(|body| body.chars().take(24).collect()).collect::<Vec<String>>();
    let found = fixture.take_all(queue).await;
    assert!(found == bodies, "queue `{queue}` should hold {:?}, in this order: {:?}", short(bodies), short(&found));
}

pub fn to_queue(queue: &str, body: &str) -> Outgoing {
    outgoing(Target::Queue { queue: queue.into() }, body.as_bytes().to_vec())
}

pub fn to_exchange(exchange: &str, key: &str, body: &str) -> Outgoing {
    outgoing(Target::Exchange { exchange: exchange.into(), key: key.to_owned() }, body.as_bytes().to_vec())
}

pub fn outgoing(target: Target, body: Vec<u8>) -> Outgoing {
    Outgoing { target, body, properties: broker::Table::new(), headers: broker::Table::new(), redrive: None }
}

/// Publishes one batch on a publisher of its own.
pub async fn publish(fixture: &impl Fixture, batch: Vec<Outgoing>) -> Vec<PublishOutcome> {
    let publisher = fixture.broker().publisher(broker::Order::Strict).await.expect("the publisher opens");
    let count = batch.len();
    let outcomes = within(CALL_WAIT, "publishing", publisher.publish(batch)).await;
    assert_eq!(outcomes.len(), count, "one outcome each, always");
    within(CALL_WAIT, "closing a publisher", publisher.close()).await.expect("the publisher closes");
    outcomes
}

/// The error of a call that must not succeed.
pub fn refused<T>(answer: broker::Result<T>, kind: ErrorKind) -> broker::Error {
    match answer {
        Ok(_) => panic!("it should have failed with {kind:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            error
        }
    }
}

/// Everything was read.
pub fn whole<T: std::fmt::Debug>(partial: Partial<T>) -> T {
    assert!(partial.missing.is_empty(), "something could not be read: {:?}", partial.missing);
    partial.value
}
