//! Where messages arrive, computed and observed: random exchanges, bindings and messages on the real brokers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use broker::{Broker, Driver, Facts, Outgoing, QueueName, Table, Target, TopologyScope, Value};
use lapin::protocol::basic::AMQPProperties;
use lapin::types::{AMQPValue, FieldTable};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use rabbitmq::RabbitDriver;
use support::client::{arguments, text};
use support::{Client, Rabbit, Version};

support::on_every_version!(arrivals_are_computed_as_the_broker_routes);

const WORLDS: u32 = 16;
const MESSAGES: usize = 40;
const EXCHANGES: usize = 5;
const QUEUES: usize = 6;
/// At least so many messages must have arrived somewhere, in per cent: else little would be compared.
const ROUTED_PERCENT_MIN: u32 = 30;
/// At least so many arrivals of all must have been computed without a doubt, in per cent.
const SURE_PERCENT_MIN: u32 = 70;

/// A header or a binding argument, in the types whose equality the broker decides.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Text(String),
    Long(i64),
    Int(i32),
    Bool(bool),
    Void,
}

impl Field {
    fn amqp(&self) -> AMQPValue {
        match self {
            Self::Text(value) => text(value),
            Self::Long(value) => AMQPValue::LongLongInt(*value),
            Self::Int(value) => AMQPValue::LongInt(*value),
            Self::Bool(value) => AMQPValue::Boolean(*value),
            Self::Void => AMQPValue::Void,
        }
    }

    fn ours(&self) -> Value {
        match self {
            Self::Text(value) => Value::from(value.as_str()),
            Self::Long(value) => Value::I64(*value),
            Self::Int(value) => Value::I32(*value),
            Self::Bool(value) => Value::Bool(*value),
            Self::Void => Value::Void,
        }
    }
}

type Fields = BTreeMap<String, Field>;

#[derive(Debug, Clone)]
struct Bound {
    from: usize,
    /// Below [`QUEUES`] a queue, else an exchange.
    to: usize,
    key: String,
    with: Fields,
}

#[derive(Debug, Clone)]
struct Sent {
    /// `None`: the default exchange.
    exchange: Option<usize>,
    key: String,
    headers: Fields,
    copies: Vec<String>,
}

#[derive(Debug, Clone)]
struct World {
    /// Type, and the alternate exchange: one of these, or one that does not exist.
    exchanges: Vec<(&'static str, Option<usize>)>,
    bindings: Vec<Bound>,
    messages: Vec<Sent>,
}

fn words(with: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(with), 0..4).prop_map(|words| words.join("."))
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", ""]).prop_map(|value| Field::Text(value.to_owned())),
        2 => (0..2_i64).prop_map(Field::Long),
        1 => (0..2_i32).prop_map(Field::Int),
        1 => any::<bool>().prop_map(Field::Bool),
        1 => Just(Field::Void),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    let name = prop::sample::select(vec!["tenant", "type", "x-from"]).prop_map(str::to_owned);
    prop::collection::btree_map(name, field(), 0..3)
}

fn bound() -> impl Strategy<Value = Bound> {
    // RabbitMQ 4.3.6 refuses a topic binding with more.
    let key = words(&["a", "b", "*", "#", ""]).prop_filter("at most two #", |key| key.matches('#').count() <= 2);
    let matching = prop::option::of(prop::sample::select(vec!["all", "any", "all-with-x", "any-with-x"]));
    // More often a queue: else nothing arrives anywhere.
    let to = prop_oneof![3 => 0..QUEUES, 1 => QUEUES..QUEUES + EXCHANGES];
    (0..EXCHANGES, to, key, fields(), matching).prop_map(|(from, to, key, mut with, matching)| {
        if let Some(matching) = matching {
            with.insert("x-match".to_owned(), Field::Text(matching.to_owned()));
        }
        Bound { from, to, key, with }
    })
}

fn sent() -> impl Strategy<Value = Sent> {
    let key = prop_oneof![4 => words(&["a", "b", ""]), 1 => (0..QUEUES + 1).prop_map(|n| format!("queue {n}"))];
    let copies = prop_oneof![8 => Just(Vec::new()), 1 => prop::collection::vec(words(&["a", "b"]), 1..3)];
    let exchange = prop::option::weighted(0.9, 0..EXCHANGES);
    (exchange, key, fields(), copies).prop_map(|(exchange, key, headers, copies)| Sent {
        exchange,
        key,
        headers,
        copies,
    })
}

fn world() -> impl Strategy<Value = World> {
    let kind = prop::sample::select(vec!["direct", "topic", "topic", "fanout", "headers", "headers"]);
    let exchanges = prop::collection::vec((kind, prop::option::weighted(0.3, 0..EXCHANGES + 1)), EXCHANGES);
    let bindings = prop::collection::vec(bound(), 4..18);
    let messages = prop::collection::vec(sent(), MESSAGES);
    (exchanges, bindings, messages).prop_map(|(exchanges, bindings, messages)| World { exchanges, bindings, messages })
}

/// A world's own names on a shared virtual host.
#[derive(Debug, Clone, Copy)]
struct Names(u32);

impl Names {
    fn exchange(self, n: usize) -> String {
        format!("w{} exchange {n}", self.0)
    }

    fn queue(self, n: usize) -> String {
        format!("w{} queue {n}", self.0)
    }

    fn key(self, key: &str) -> String {
        if key.starts_with("queue ") { format!("w{} {key}", self.0) } else { key.to_owned() }
    }
}

async fn declare(client: &Client, names: Names, world: &World) {
    for n in 0..QUEUES {
        client.classic(&names.queue(n)).await;
    }
    for (n, (kind, alternate)) in world.exchanges.iter().enumerate() {
        let alternate = alternate.map(|alternate| ("alternate-exchange", text(&names.exchange(alternate))));
        client.exchange(&names.exchange(n), kind, alternate.as_slice()).await;
    }
    for Bound { from, to, key, with } in &world.bindings {
        let with: Vec<_> = with.iter().map(|(name, field)| (name.as_str(), field.amqp())).collect();
        let (from, key) = (names.exchange(*from), names.key(key));
        match to.checked_sub(QUEUES) {
            None => client.bind(&names.queue(*to), &from, &key, &with).await,
            Some(exchange) => client.bind_exchange(&names.exchange(exchange), &from, &key, &with).await,
        }
    }
}

fn headers_of(sent: &Sent) -> FieldTable {
    let mut pairs: Vec<_> = sent.headers.iter().map(|(name, field)| (name.as_str(), field.amqp())).collect();
    if !sent.copies.is_empty() {
        let copies: Vec<_> = sent.copies.iter().map(|key| text(key)).collect();
        pairs.push(("CC", AMQPValue::FieldArray(copies.into())));
    }
    arguments(&pairs)
}

fn outgoing(names: Names, sent: &Sent) -> Outgoing {
    let mut headers: Table = sent.headers.iter().map(|(name, field)| (name.as_str(), field.ours())).collect();
    if !sent.copies.is_empty() {
        headers.push("CC", Value::Array(sent.copies.iter().map(|key| Value::from(key.as_str())).collect()));
    }
    let exchange = sent.exchange.map_or_else(String::new, |exchange| names.exchange(exchange));
    let target = Target::Exchange { exchange: exchange.into(), key: names.key(&sent.key) };
    Outgoing { target, body: Vec::new(), properties: Table::new(), headers, redrive: None }
}

/// Publishes every message and looks where each has arrived.
async fn observe(client: &Client, names: Names, world: &World) -> Vec<BTreeSet<QueueName>> {
    for (n, sent) in world.messages.iter().enumerate() {
        let exchange = sent.exchange.map_or_else(String::new, |exchange| names.exchange(exchange));
        let properties = AMQPProperties::default().with_headers(headers_of(sent));
        client.publish(&exchange, &names.key(&sent.key), n.to_string().as_bytes(), properties).await;
    }
    let mut reached = vec![BTreeSet::new(); world.messages.len()];
    for n in 0..QUEUES {
        let queue = names.queue(n);
        for body in client.take_bodies(&queue).await {
            let n: usize = body.parse().expect("the body is a number");
            assert!(reached[n].insert(queue.as_str().into()), "message {n} is in `{queue}` twice");
        }
    }
    reached
}

async fn arrivals_are_computed_as_the_broker_routes(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let broker = RabbitDriver.open(&vhost.settings(), &vhost.secret()).await.expect("the broker is there");
    let client = vhost.client().await;
    let handle = tokio::runtime::Handle::current();
    let (last, sure, routed, all) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let config = Config { cases: WORLDS, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let ran = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&world(), |world| {
            let names = Names(last.fetch_add(1, Ordering::Relaxed));
            let (sure_here, routed_here) = handle.block_on(compare(broker.as_ref(), &client, names, &world))?;
            sure.fetch_add(sure_here, Ordering::Relaxed);
            routed.fetch_add(routed_here, Ordering::Relaxed);
            all.fetch_add(u32::try_from(world.messages.len()).expect("a few"), Ordering::Relaxed);
            Ok(())
        })
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    let (sure, routed, all) = (sure.into_inner(), routed.into_inner(), all.into_inner());
    assert!(routed * 100 >= all * ROUTED_PERCENT_MIN, "only {routed} of {all} messages arrived anywhere");
    assert!(sure * 100 >= all * SURE_PERCENT_MIN, "only {sure} of {all} arrivals were computed without a doubt");
}

/// How many arrivals were computed without a doubt, and how many messages arrived somewhere.
async fn compare(
    broker: &dyn Broker,
    client: &Client,
    names: Names,
    world: &World,
) -> Result<(u32, u32), TestCaseError> {
    declare(client, names, world).await;
    let topology = broker.topology(TopologyScope::All).await.expect("the topology can be read");
    let facts = Facts { version: broker.identity().version, topology, ..Facts::default() };
    let observed = observe(client, names, world).await;
    let (mut sure, mut routed) = (0, 0);
    for (sent, observed) in world.messages.iter().zip(observed) {
        routed += u32::from(!observed.is_empty());
        let arrivals = RabbitDriver.rules().arrivals(&facts, &outgoing(names, sent));
        let computed: BTreeSet<_> = arrivals.queues.iter().cloned().collect();
        if arrivals.unsure.is_empty() {
            prop_assert_eq!(&computed, &observed, "{:?} computed and observed", sent);
            sure += 1;
        } else {
            prop_assert!(computed.is_subset(&observed), "{:?}: {:?} but {:?}", sent, arrivals, observed);
        }
    }
    Ok((sure, routed))
}
