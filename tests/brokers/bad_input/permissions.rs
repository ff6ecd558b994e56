//! Users who may not do what is asked.

use broker::{ErrorKind, PublishOutcome, Purpose, Scope, TopologyScope};
use serde_json::json;
use support::client::{number, text};
use support::contract::scene::{ask, close, numbered, read, refused, to_queue};
use support::{Rabbit, Version};

use super::{lease, open, publish};

support::on_every_version!(
    without_read_permission_nothing_is_read,
    without_write_permission_nothing_is_sent,
    with_a_few_rights_a_few_things_work,
    without_a_management_tag_only_amqp_is_there,
    a_tag_that_shows_little_shows_what_it_can,
    an_exclusive_queue_is_said_to_be_held_by_another,
    a_guard_needs_a_right_and_says_which,
    a_guard_against_an_argument_is_said_to_be_useless,
);

async fn without_read_permission_nothing_is_read(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.classic("orders").await;
    client.fill("orders", numbered(3)).await;
    vhost.permit("", ".*", "").await;
    let broker = open(&vhost).await;
    let error = refused(lease(broker.as_ref(), ask("orders", Purpose::Look { n: 3 })).await, ErrorKind::Forbidden);
    let text = format!("{error}; {}", error.what_to_do().unwrap_or_default());
    assert!(text.contains("orders") && text.contains("permission"), "{text}");
    assert_eq!(publish(broker.as_ref(), vec![to_queue("orders", "m03")]).await, [PublishOutcome::Confirmed]);
    assert_eq!(client.take_bodies("orders").await, numbered(4), "nothing is lost");
}

async fn without_write_permission_nothing_is_sent(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.classic("orders").await;
    client.fill("orders", numbered(3)).await;
    vhost.permit("", "", ".*").await;
    let broker = open(&vhost).await;
    for _ in 0..2 {
        let outcomes = publish(broker.as_ref(), vec![to_queue("orders", "a"), to_queue("orders", "b")]).await;
        for outcome in &outcomes {
            let PublishOutcome::Refused(why) = outcome else { panic!("not refused: {outcomes:?}") };
            assert!(!why.is_empty(), "it says why");
        }
        let PublishOutcome::Refused(why) = &outcomes[0] else { panic!("not refused: {outcomes:?}") };
        assert!(why.contains("may not write"), "it names the cause: {why}");
    }
    let held = lease(broker.as_ref(), ask("orders", Purpose::Look { n: 3 })).await.expect("reading is allowed");
    assert_eq!(read(&held, 3).await.len(), 3);
    close(&held).await;
    assert_eq!(client.take_bodies("orders").await, numbered(3), "nothing is lost and nothing came");
}

/// A user who may write to one exchange, and read one queue.
async fn with_a_few_rights_a_few_things_work(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.exchange("orders", "fanout", &[]).await;
    client.classic("mine").await;
    client.classic("theirs").await;
    client.bind("mine", "orders", "", &[]).await;
    client.fill("theirs", ["secret"]).await;
    vhost.permit("", "^orders$", "^mine$").await;
    let broker = open(&vhost).await;
    let batch = vec![
        support::contract::scene::to_exchange("orders", "", "allowed"),
        to_queue("mine", "by the default exchange"),
        support::contract::scene::to_exchange("orders", "", "allowed too"),
    ];
    let outcomes = publish(broker.as_ref(), batch).await;
    assert!(matches!(outcomes[1], PublishOutcome::Refused(_)), "{outcomes:?}");
    let arrived = client.take_bodies("mine").await;
    for (n, body) in [(0, "allowed"), (2, "allowed too")] {
        let is_there = arrived.iter().any(|one| one == body);
        match &outcomes[n] {
            PublishOutcome::Confirmed => assert!(is_there, "`{body}` was confirmed: {arrived:?}"),
            PublishOutcome::Refused(_) | PublishOutcome::NotSent(_) => {
                assert!(!is_there, "`{body}` was refused: {arrived:?}")
            }
            PublishOutcome::Unknown(_) => {}
            PublishOutcome::Unroutable => panic!("it has a queue"),
        }
    }
    refused(lease(broker.as_ref(), ask("theirs", Purpose::Look { n: 1 })).await, ErrorKind::Forbidden);
    client.fill("mine", ["again"]).await;
    let held = lease(broker.as_ref(), ask("mine", Purpose::Look { n: 1 })).await.expect("this one may be read");
    assert_eq!(read(&held, 1).await.len(), 1, "a refusal before ended nothing");
    close(&held).await;
    assert_eq!(client.take_bodies("theirs").await, ["secret"]);
}

async fn without_a_management_tag_only_amqp_is_there(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.quorum("orders").await;
    client.fill("orders", numbered(5)).await;
    vhost.tag("").await;
    let broker = open(&vhost).await;
    let topology = broker.topology(TopologyScope::All).await.expect("the broker itself is there");
    assert!(topology.value.queues.is_empty(), "nothing is known");
    for part in ["queues", "exchanges", "bindings", "policies"] {
        let missing = topology.missing.iter().find(|missing| missing.what == part);
        let missing = missing.unwrap_or_else(|| panic!("`{part}` is not named: {:?}", topology.missing));
        assert_eq!(missing.kind, ErrorKind::Forbidden, "{missing:?}");
        assert!(missing.why.contains("management"), "it names the tag: {missing:?}");
    }
    let measures = broker.measure(Scope::Queues(vec!["orders".into()])).await.expect("a named queue can be counted");
    assert_eq!(measures.value.queues[0].ready, Some(5), "{measures:?}");
    assert_eq!(measures.value.queues[0].in_flight, None, "what is not told is not 0");
    assert_eq!(measures.value.queues[0].rate_in, None, "what is not told is not 0");
    assert!(!measures.missing.is_empty(), "and it is said that rates are missing");
    let look = ask("orders", Purpose::Look { n: 5 });
    let error = refused(broker.lease(look.clone()).await, ErrorKind::CostRefused);
    assert!(error.to_string().contains("type"), "it is not known what kind of queue it is: {error}");
    let mut stated = look;
    stated.stated_label = Some("quorum".to_owned());
    let held = lease(broker.as_ref(), stated).await.expect("with the cost accepted it opens");
    assert!(!read(&held, 5).await.is_empty());
    close(&held).await;
    client.reaches("orders", 5).await;
    assert_eq!(client.take_bodies("orders").await.len(), 5, "nothing is lost");
}

async fn a_tag_that_shows_little_shows_what_it_can(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.classic("orders").await;
    client.exchange("shop", "topic", &[]).await;
    client.bind("orders", "shop", "order.#", &[]).await;
    vhost.tag("management").await;
    let broker = open(&vhost).await;
    let topology = broker.topology(TopologyScope::All).await.expect("the topology can be read");
    assert!(topology.value.queue(&"orders".into()).is_some(), "{topology:?}");
    assert!(topology.value.exchange(&"shop".into()).is_some(), "{topology:?}");
    assert!(topology.value.bindings.iter().any(|binding| binding.key == "order.#"), "{topology:?}");
    for missing in &topology.missing {
        assert_eq!(missing.kind, ErrorKind::Forbidden, "{missing:?}");
        assert!(!missing.why.is_empty(), "{missing:?}");
    }
    let measures = broker.measure(Scope::All).await.expect("queues can be measured");
    assert_eq!(measures.value.queues.len(), 1, "{measures:?}");
    assert!(measures.value.nodes.is_empty(), "the nodes are for `monitoring`");
    assert!(!measures.missing.is_empty(), "and that is said");
}

async fn an_exclusive_queue_is_said_to_be_held_by_another(version: Version) {
    use lapin::options::QueueDeclareOptions;
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    let channel = client.channel().await;
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("mine alone".into(), options, Default::default()).await.expect("it can be declared");
    let broker = open(&vhost).await;
    let error = refused(broker.lease(ask("mine alone", Purpose::Look { n: 1 })).await, ErrorKind::Locked);
    assert!(error.to_string().contains("mine alone"), "{error}");
}

async fn a_guard_needs_a_right_and_says_which(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.quorum("orders dlq").await;
    vhost.put_policy("limit", "^orders", json!({ "delivery-limit": 3 })).await;
    vhost.tag("management").await;
    let broker = open(&vhost).await;
    let guard = broker.guard().expect("RabbitMQ has policies");
    let plan = guard.propose(&"orders dlq".into()).await.expect("a change can be proposed");
    assert_ne!(plan.allowed, Some(true), "{plan:?}");
    assert!(!plan.words.is_empty(), "it says what: {plan:?}");
    assert!(plan.command.contains("orders") && plan.command.contains(&vhost.name), "for whoever may: {plan:?}");
    let error = refused(guard.apply(&plan).await, ErrorKind::Forbidden);
    let text = format!("{error}; {}", error.what_to_do().unwrap_or_default());
    assert!(text.contains("policymaker"), "it names the right: {text}");
    let policies = vhost.api().get(&["policies", &vhost.name]).await;
    assert_eq!(policies.as_array().map(Vec::len), Some(1), "nothing was changed: {policies}");
}

async fn a_guard_against_an_argument_is_said_to_be_useless(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    client.declare("orders", &[("x-queue-type", text("quorum")), ("x-delivery-limit", number(3))]).await;
    let broker = open(&vhost).await;
    let guard = broker.guard().expect("RabbitMQ has policies");
    let plan = guard.propose(&"orders".into()).await.expect("a change can be proposed");
    assert!(plan.useless.is_some_and(|why| why.contains("argument")), "the smaller of both counts");
    let error = refused(guard.propose(&"nowhere".into()).await, ErrorKind::NotFound);
    assert!(error.to_string().contains("nowhere"), "{error}");
}
