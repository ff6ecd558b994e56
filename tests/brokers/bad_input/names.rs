//! Queue names that nobody expects, each through a whole life by its name.

use broker::{PublishOutcome, Purpose, RemoveOutcome, Scope, TopologyScope};
use support::contract::scene::{ask, close, read, remove, to_queue};
use support::{Rabbit, Version};

use super::{lease, open, publish};

support::on_every_version!(strange_names_are_names, a_name_that_amqp_cannot_say_is_refused);

fn strange_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "a/b/c",
        "/",
        "//",
        " leading and trailing ",
        "two  spaces",
        "emoji \u{1f697}\u{200d}\u{1f527}",
        "grün-straße",
        "percent %2F %",
        "question?x=1&y=2#fragment",
        "..",
        ".",
        "[a-z]+.*^$(x|y)\\d{2}",
        "quote ' \" ` back\\slash",
        "semi;colon,comma",
        "<script>alert(1)</script>",
        "tab\tinside",
    ]
    .map(str::to_owned)
    .into();
    names.push("q".repeat(255));
    names.push("\u{1f697}".repeat(63) + "end");
    names
}

async fn strange_names_are_names(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    let names = strange_names();
    for name in &names {
        client.classic(name).await;
        client.fill(name, ["first", "second"]).await;
    }
    let broker = open(&vhost).await;
    let topology = broker.topology(TopologyScope::All).await.expect("the topology can be read");
    assert!(topology.missing.is_empty(), "{:?}", topology.missing);
    assert_eq!(topology.value.queues.len(), names.len(), "each of them, once");
    for name in &names {
        let queue = name.as_str().into();
        assert!(topology.value.queue(&queue).is_some(), "`{name}` is in the topology");
        assert_eq!(broker.depth(&queue).await.map(|depth| depth.ready).ok(), Some(2), "`{name}` can be counted");
        let measures = broker.measure(Scope::Queues(vec![queue.clone()])).await;
        let measures = measures.unwrap_or_else(|error| panic!("`{name}` can be measured: {error}"));
        let measured: Vec<_> = measures.value.queues.iter().map(|measure| measure.name.as_str()).collect();
        assert_eq!(measured, [name.as_str()], "and no other is");
        assert_eq!(
            publish(broker.as_ref(), vec![to_queue(name, "third")]).await,
            [PublishOutcome::Confirmed],
            "`{name}`"
        );
        let held = lease(broker.as_ref(), ask(name, Purpose::Take { n: 1 })).await;
        let held = held.unwrap_or_else(|error| panic!("`{name}` can be read: {error}"));
        let first = read(&held, 1).await;
        assert_eq!(remove(&held, &first).await, [RemoveOutcome::Removed], "`{name}`");
        close(&held).await;
        assert_eq!(client.take_bodies(name).await, ["second", "third"], "`{name}`");
    }
}

async fn a_name_that_amqp_cannot_say_is_refused(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let broker = open(&vhost).await;
    let long = "q".repeat(256);
    let error = broker.lease(ask(&long, Purpose::Look { n: 1 })).await.expect_err("it is too long");
    assert!(matches!(error.kind(), broker::ErrorKind::Invalid | broker::ErrorKind::NotFound), "{error}");
    assert!(error.to_string().contains("255"), "{error}");
    broker.depth(&long.as_str().into()).await.expect_err("it is too long");
    let batch = vec![to_queue(&long, "a"), to_queue("nowhere", "b")];
    let outcomes = publish(broker.as_ref(), batch).await;
    assert!(matches!(&outcomes[0], PublishOutcome::Refused(why) if why.contains("255")), "{outcomes:?}");
    assert_eq!(outcomes[1], PublishOutcome::Unroutable, "the next one is not concerned");
}
