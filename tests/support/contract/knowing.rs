//! What a broker tells of itself. What it does not tell is unknown, never 0.

use broker::{Destination, ErrorKind, Facts, Missing, Purpose, QueueName, Scope, TopologyScope};

use super::Fixture;
use super::scene::{ask, close, lease, numbered, publish, read, refused, to_exchange, to_queue, whole};
use crate::eventually;

pub async fn a_missing_queue_is_said_to_be_missing(fixture: &impl Fixture) {
    let broker = fixture.broker();
    let error = refused(broker.depth(&"nowhere".into()).await, ErrorKind::NotFound);
    assert!(error.to_string().contains("nowhere"), "it says which: {error}");
    let error = refused(broker.lease(ask("nowhere", Purpose::Look { n: 1 })).await, ErrorKind::NotFound);
    assert!(error.to_string().contains("nowhere"), "it says which: {error}");
    let topology = broker.topology(TopologyScope::Queue("nowhere".into())).await.expect("the topology can be read");
    assert!(topology.value.queue(&"nowhere".into()).is_none());
    only_not_found(&topology.missing);
    fixture.declare("somewhere", fixture.kinds()[0]).await;
    assert_eq!(broker.depth(&"somewhere".into()).await.map(|depth| depth.ready).ok(), Some(0), "the next call works");
}

/// What does not exist may be said to be missing for that reason, and for no other.
fn only_not_found(missing: &[Missing]) {
    assert!(missing.iter().all(|part| part.kind == ErrorKind::NotFound), "{missing:?}");
}

pub async fn a_depth_is_exact(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        let queue = format!("deep {kind}");
        let name = QueueName::from(queue.as_str());
        fixture.declare(&queue, kind).await;
        fixture.fill(&queue, &numbered(7)).await;
        let ready = async || fixture.broker().depth(&name).await.expect("it can be counted").ready;
        assert_eq!(ready().await, 7, "{kind}");
        let lease = lease(fixture, ask(&queue, Purpose::Look { n: 3 })).await;
        read(&lease, 3).await;
        assert_eq!(ready().await, 4, "what is held is not ready ({kind})");
        close(&lease).await;
        assert_eq!(ready().await, 7, "{kind}");
    }
}

pub async fn what_was_not_asked_for_is_not_measured(fixture: &impl Fixture) {
    for queue in ["one", "other"] {
        fixture.declare(queue, fixture.kinds()[0]).await;
    }
    let asked = vec![QueueName::from("one"), QueueName::from("nowhere")];
    let measures = fixture.broker().measure(Scope::Queues(asked)).await.expect("it can be measured");
    only_not_found(&measures.missing);
    let names: Vec<_> = measures.value.queues.iter().map(|measure| measure.name.as_str()).collect();
    assert_eq!(names, ["one"], "what does not exist is absent, not empty");
    let all = whole(fixture.broker().measure(Scope::All).await.expect("it can be measured"));
    for queue in ["one", "other"] {
        assert!(all.queues.iter().any(|measure| measure.name.as_str() == queue), "`{queue}` is measured");
    }
}

pub async fn a_measure_knows_or_says_none(fixture: &impl Fixture) {
    let queue = "measured";
    fixture.declare(queue, fixture.kinds()[0]).await;
    fixture.fill(queue, &numbered(5)).await;
    let lease = lease(fixture, ask(queue, Purpose::Look { n: 2 })).await;
    read(&lease, 2).await;
    let broker = fixture.broker();
    let name = QueueName::from(queue);
    // A statistic may be seconds old, but what it says was true once.
    eventually("the counts are measured", async || {
        let measures = whole(broker.measure(Scope::Queues(vec![name.clone()])).await.expect("it can be measured"));
        let measure = &measures.queues[0];
        assert_ne!(measure.ready, Some(9), "it never had so many");
        measure.ready == Some(3) && measure.in_flight == Some(2)
    })
    .await;
    close(&lease).await;
}

pub async fn the_topology_has_what_was_declared(fixture: &impl Fixture) {
    for kind in fixture.kinds() {
        fixture.declare(&format!("declared {kind}"), kind).await;
    }
    let first = format!("declared {}", fixture.kinds()[0]);
    fixture.route("exchange", "a.key", &first).await;
    let topology = whole(fixture.broker().topology(TopologyScope::All).await.expect("the topology can be read"));
    for kind in fixture.kinds() {
        let queue = topology.queue(&format!("declared {kind}").as_str().into()).expect("the queue is there");
        assert!(!queue.label.is_empty(), "its type is known");
        assert!(!queue.is_dead_letter_queue, "nothing dies into it");
    }
    let exchange = topology.exchange(&"exchange".into()).expect("the exchange is there");
    assert_eq!((exchange.label.as_str(), exchange.internal, exchange.built_in), ("direct", false, false));
    let bound = topology.bindings.iter().find(|binding| binding.source.as_str() == "exchange").expect("it is bound");
    assert_eq!(bound.destination, Destination::Queue(first.as_str().into()));
    assert_eq!(bound.key, "a.key");
}

pub async fn arrivals_are_where_messages_arrive(fixture: &impl Fixture) {
    let (left, right) = ("left", "right");
    for queue in [left, right] {
        fixture.declare(queue, fixture.kinds()[0]).await;
    }
    fixture.route("orders", "both", left).await;
    fixture.route("orders", "both", right).await;
    fixture.route("orders", "only left", left).await;
    let topology = fixture.broker().topology(TopologyScope::All).await.expect("the topology can be read");
    let facts = Facts { version: fixture.broker().identity().version, topology, ..Facts::default() };
    let messages = [
        to_exchange("orders", "both", "1"),
        to_exchange("orders", "only left", "2"),
        to_exchange("orders", "neither", "3"),
        to_exchange("", right, "4"),
        to_queue(right, "5"),
        to_queue("nowhere", "6"),
    ];
    for message in messages {
        let arrivals = fixture.rules().arrivals(&facts, &message);
        assert!(arrivals.unsure.is_empty(), "{:?}: {arrivals:?}", message.target);
        let outcomes = publish(fixture, vec![message.clone()]).await;
        let is_unroutable = matches!(outcomes[..], [broker::PublishOutcome::Unroutable]);
        assert_eq!(is_unroutable, arrivals.is_unroutable(), "{:?}: {outcomes:?}", message.target);
        let mut reached = Vec::new();
        for queue in [left, right] {
            if !fixture.take_all(queue).await.is_empty() {
                reached.push(QueueName::from(queue));
            }
        }
        assert_eq!(reached, arrivals.queues, "{:?}", message.target);
    }
}

pub async fn the_identity_says_who_is_there(fixture: &impl Fixture) {
    let identity = fixture.broker().identity();
    for said in [&identity.broker, &identity.product, &identity.version, &identity.user, &identity.place] {
        assert!(!said.is_empty(), "{identity:?}");
    }
    assert_eq!(fixture.broker().identity(), identity, "and says the same every time");
}
