#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use broker::{ErrorKind, Missing, Queue, RouteSource};
use proptest::prelude::*;

use super::*;

fn exchange(name: &str, label: &str, alternate: Option<&str>) -> Exchange {
    Exchange { name: name.into(), label: label.into(), alternate: alternate.map(Into::into), ..Exchange::default() }
}

fn bind(source: &str, to: &str, key: &str) -> Binding {
    let destination = match to.strip_prefix("x:") {
        Some(exchange) => Destination::Exchange(exchange.into()),
        None => Destination::Queue(to.into()),
    };
    Binding { source: source.into(), destination, key: key.into(), arguments: Table::new() }
}

fn topology(exchanges: Vec<Exchange>, bindings: Vec<Binding>) -> Partial<Topology> {
    let queues = ["a", "b", "c", "d"].map(|name| Queue { name: name.into(), ..Queue::default() });
    Partial::whole(Topology { queues: queues.into(), exchanges, bindings, ..Topology::default() })
}

fn without(mut topology: Partial<Topology>, what: &str) -> Partial<Topology> {
    topology.missing.push(Missing { what: what.into(), kind: ErrorKind::Forbidden, why: "not permitted".into() });
    topology
}

fn message(exchange: &str, key: &str) -> Outgoing {
    let target = Target::Exchange { exchange: exchange.into(), key: key.into() };
    Outgoing { target, body: Vec::new(), properties: Table::new(), headers: Table::new(), redrive: None }
}

fn arrivals(topology: &Partial<Topology>, message: &Outgoing) -> (Vec<String>, usize) {
    let arrivals = Ways::of(topology, "4.3.6").arrivals(message);
    (arrivals.queues.iter().map(ToString::to_string).collect(), arrivals.unsure.len())
}

fn reached(topology: &Partial<Topology>, exchange: &str, key: &str) -> Vec<String> {
    let (queues, unsure) = arrivals(topology, &message(exchange, key));
    assert_eq!(unsure, 0, "all of it is known");
    queues
}

fn route(exchange: &str, key: Option<&str>) -> DeadLetterRoute {
    DeadLetterRoute {
        queue: "a".into(),
        exchange: exchange.into(),
        routing_key: key.map(Into::into),
        source: RouteSource::Argument,
        reaches: Vec::new(),
        broken: false,
    }
}

fn dead_letters(topology: &Partial<Topology>, route: &DeadLetterRoute) -> (Vec<String>, Vec<String>) {
    let reach = Ways::of(topology, "4.3.6").dead_letters(route);
    let names = |queues: Vec<QueueName>| queues.iter().map(ToString::to_string).collect();
    (names(reach.certain), names(reach.possible))
}

#[test]
fn the_default_exchange_reaches_the_queue_of_that_name_alone() {
    let known = topology(vec![exchange("", "direct", None)], vec![]);
    assert_eq!(reached(&known, "", "b"), ["b"]);
    let mut direct = message("", "");
    direct.target = Target::Queue { queue: "c".into() };
    assert_eq!(arrivals(&known, &direct), (vec!["c".into()], 0));
    assert!(Ways::of(&known, "").arrivals(&message("", "nope")).is_unroutable());
    assert_eq!(arrivals(&without(known, "queues"), &message("", "nope")), (vec![], 1));
}

#[test]
fn direct_fanout_and_topic_exchanges_take_what_their_bindings_say() {
    let known = topology(
        vec![exchange("d", "direct", None), exchange("f", "fanout", None), exchange("t", "topic", None)],
        vec![
            bind("d", "a", "k"),
            bind("d", "b", "other"),
            bind("d", "c", "k"),
            bind("f", "a", "x"),
            bind("f", "d", ""),
            bind("t", "a", "order.*"),
            bind("t", "b", "order.#"),
            bind("t", "c", "#.eu"),
        ],
    );
    assert_eq!(reached(&known, "d", "k"), ["a", "c"]);
    assert_eq!(reached(&known, "d", "K"), [""; 0]);
    assert_eq!(reached(&known, "f", "whatever"), ["a", "d"]);
    assert_eq!(reached(&known, "t", "order.eu"), ["a", "b", "c"]);
    assert_eq!(reached(&known, "t", "order"), ["b"]);
}

#[test]
fn a_queue_that_is_reached_twice_counts_once_and_circles_end() {
    let known = topology(
        vec![exchange("x", "fanout", None), exchange("y", "fanout", None)],
        vec![
            bind("x", "x:y", ""),
            bind("y", "x:x", ""),
            bind("y", "x:y", ""),
            bind("x", "a", ""),
            bind("y", "a", ""),
            bind("y", "b", ""),
        ],
    );
    assert_eq!(reached(&known, "x", ""), ["a", "b"]);
    assert_eq!(reached(&known, "y", ""), ["a", "b"]);
}

#[test]
fn an_alternate_exchange_takes_what_its_exchange_sends_nowhere() {
    let known = topology(
        vec![
            exchange("x", "direct", Some("lost")),
            exchange("lost", "fanout", None),
            exchange("gone", "direct", Some("nowhere")),
            exchange("round", "direct", Some("about")),
            exchange("about", "topic", Some("round")),
            exchange("onwards", "direct", None),
            exchange("sends on", "fanout", Some("lost")),
        ],
        vec![bind("x", "a", "k"), bind("lost", "d", ""), bind("sends on", "x:onwards", ""), bind("about", "c", "c.#")],
    );
    assert_eq!(reached(&known, "x", "k"), ["a"]);
    assert_eq!(reached(&known, "x", "other"), ["d"]);
    assert_eq!(reached(&known, "gone", "k"), [""; 0], "a missing alternate is nothing");
    assert_eq!(reached(&known, "round", "k"), [""; 0], "two alternates of each other end");
    assert_eq!(reached(&known, "round", "c.1"), ["c"], "the key stays the same");
    assert_eq!(reached(&known, "sends on", "k"), [""; 0], "an exchange that sends on has sent, though it led nowhere");
}

#[test]
fn the_default_exchange_as_an_alternate_leads_nowhere() {
    let known =
        topology(vec![exchange("", "direct", None), exchange("x", "direct", Some(""))], vec![bind("", "a", "a")]);
    assert_eq!(reached(&known, "x", "a"), [""; 0]);
    assert_eq!(reached(&known, "", "a"), ["a"]);
}

#[test]
fn cc_and_bcc_are_further_keys() {
    let known = topology(
        vec![exchange("", "direct", None), exchange("d", "direct", None)],
        vec![bind("d", "a", "1"), bind("d", "b", "2"), bind("d", "c", "3")],
    );
    let mut sent = message("d", "1");
    sent.headers.push("CC", Value::Array(vec!["2".into(), Value::I64(3)]));
    sent.headers.push("BCC", Value::Array(vec!["3".into()]));
    assert_eq!(arrivals(&known, &sent).0, ["a", "b", "c"]);
    sent.target = Target::Exchange { exchange: "".into(), key: "d".into() };
    sent.headers.set("CC", Value::Array(vec!["c".into(), "nope".into()]));
    assert_eq!(arrivals(&known, &sent), (vec!["c".into(), "d".into()], 0));
    sent.headers.set("CC", "2");
    assert_eq!(arrivals(&known, &sent), (vec![], 1), "the broker refuses it");
}

#[test]
fn headers_exchanges_compare_headers_and_say_what_they_cannot_tell() {
    let mut binding = bind("h", "a", "");
    binding.arguments.push("kind", "order");
    let mut open = bind("h", "b", "");
    open.arguments.push("size", "undefined");
    let known = topology(vec![exchange("h", "headers", None)], vec![binding, open]);
    let mut sent = message("h", "");
    sent.headers.push("kind", "order");
    assert_eq!(arrivals(&known, &sent), (vec!["a".into()], 0));
    sent.headers.push("size", Value::I64(3));
    assert_eq!(arrivals(&known, &sent), (vec!["a".into()], 1));
}

#[test]
fn a_plugins_exchange_is_unsure_and_its_alternate_too() {
    for label in
        ["x-consistent-hash", "x-delayed-message", "x-random", "x-local-random", "x-modulus-hash", "x-jms-topic", ""]
    {
        let known = topology(
            vec![exchange("p", label, Some("lost")), exchange("lost", "fanout", None), exchange("f", "fanout", None)],
            vec![bind("p", "a", "1"), bind("lost", "d", ""), bind("f", "x:p", ""), bind("f", "c", "")],
        );
        assert_eq!(arrivals(&known, &message("p", "k")), (vec![], 1), "{label}");
        assert_eq!(arrivals(&known, &message("f", "k")), (vec!["c".into()], 1), "{label}");
        assert_eq!(dead_letters(&known, &route("p", Some("k"))), (vec![], vec!["a".into(), "d".into()]), "{label}");
    }
}

#[test]
fn what_could_not_be_read_is_unsure_and_what_does_not_exist_is_nowhere() {
    let known = topology(vec![exchange("d", "direct", None)], vec![bind("d", "a", "k")]);
    assert!(Ways::of(&known, "").arrivals(&message("nope", "k")).is_unroutable());
    assert_eq!(arrivals(&without(known.clone(), "exchanges"), &message("nope", "k")), (vec![], 1));
    assert_eq!(arrivals(&without(known.clone(), "bindings"), &message("d", "k")), (vec!["a".into()], 1));
    assert_eq!(arrivals(&without(known.clone(), "policies"), &message("d", "k")), (vec!["a".into()], 0));
    assert_eq!(
        arrivals(&without(known, "policies"), &message("d", "other")),
        (vec![], 1),
        "a policy may name an alternate"
    );
}

#[test]
fn unsure_parts_name_the_exchange_and_the_key() {
    let known = without(topology(vec![], vec![]), "exchanges");
    let arrivals = Ways::of(&known, "").arrivals(&message("nope", "k"));
    assert_eq!(arrivals.unsure[0].at, Routing { exchange: "nope".into(), key: "k".into() });
}

#[test]
fn dead_letters_with_a_key_of_their_own_are_certain() {
    let known = topology(
        vec![exchange("", "direct", None), exchange("dlx", "direct", None), exchange("f", "fanout", None)],
        vec![bind("dlx", "b", "dead"), bind("dlx", "x:f", "dead"), bind("f", "c", "")],
    );
    assert_eq!(dead_letters(&known, &route("dlx", Some("dead"))), (vec!["b".into(), "c".into()], vec![]));
    assert_eq!(dead_letters(&known, &route("dlx", Some("other"))), (vec![], vec![]));
    assert_eq!(dead_letters(&known, &route("", Some("d"))), (vec!["d".into()], vec![]));
    assert_eq!(dead_letters(&known, &route("nope", Some("d"))), (vec![], vec![]));
}

#[test]
fn dead_letters_that_keep_their_key_may_reach_whatever_is_bound() {
    let known = topology(
        vec![
            exchange("", "direct", None),
            exchange("dlx", "direct", Some("f")),
            exchange("f", "fanout", None),
            exchange("t", "topic", None),
        ],
        vec![
            bind("dlx", "b", "k"),
            bind("f", "c", ""),
            bind("t", "a", "#"),
            bind("t", "b", "x.#"),
            bind("t", "x:f", "y"),
        ],
    );
    assert_eq!(dead_letters(&known, &route("dlx", None)), (vec![], vec!["b".into(), "c".into()]));
    assert_eq!(dead_letters(&known, &route("f", None)), (vec!["c".into()], vec![]));
    assert_eq!(dead_letters(&known, &route("t", None)), (vec!["a".into()], vec!["b".into(), "c".into()]));
    let (certain, possible) = dead_letters(&known, &route("", None));
    assert_eq!((certain.len(), possible.len()), (0, 4), "any queue may have the name of a message's key");
}

#[test]
fn a_headers_exchange_takes_dead_letters_perhaps() {
    let mut narrow = bind("h", "a", "");
    narrow.arguments.push("kind", "order");
    let known = topology(vec![exchange("h", "headers", None)], vec![narrow, bind("h", "b", "")]);
    assert_eq!(dead_letters(&known, &route("h", Some("k"))), (vec!["b".into()], vec!["a".into()]));
}

/// The broker's own algorithm, word for word: a work list, the exchanges seen, the queues.
fn as_the_broker(topology: &Topology, start: &str, key: &str) -> BTreeSet<String> {
    let mut queues = BTreeSet::new();
    let (mut work, mut seen) = (vec![start.to_owned()], BTreeSet::from([start.to_owned()]));
    while let Some(name) = work.pop() {
        let Some(exchange) = topology.exchange(&name.as_str().into()) else { continue };
        let takes = |binding: &&Binding| match exchange.label.as_str() {
            "fanout" => true,
            "direct" => binding.key == key,
            _ => topic_fits(binding.key.as_bytes(), key.as_bytes()),
        };
        let from_here = topology.bindings.iter().filter(|binding| binding.source == exchange.name);
        let mut to: Vec<_> = from_here.filter(takes).map(|binding| binding.destination.clone()).collect();
        if to.is_empty() {
            to.extend(exchange.alternate.clone().map(Destination::Exchange));
        }
        for destination in to {
            match destination {
                Destination::Queue(queue) => drop(queues.insert(queue.to_string())),
                Destination::Exchange(next) if seen.insert(next.to_string()) => work.push(next.to_string()),
                Destination::Exchange(_) => {}
            }
        }
    }
    queues
}

fn any_key() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["k", "l", "k.l", ""])
}

fn any_topology() -> impl Strategy<Value = Partial<Topology>> {
    let label = prop_oneof![Just("fanout"), Just("direct"), Just("topic")];
    let alternate = prop_oneof![2 => Just(None), 1 => (0..6_u8).prop_map(Some)];
    let key = || prop_oneof![Just("k"), Just("l"), Just("#"), Just("*"), Just("k.#")];
    let queue = proptest::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned);
    let to = prop_oneof![3 => queue, 2 => (0..5_u8).prop_map(|n| format!("x:{n}"))];
    let binding = ((0..5_u8), to, key()).prop_map(|(source, to, key)| bind(&source.to_string(), &to, key));
    let exchanges = proptest::collection::vec((label, alternate), 5);
    (exchanges, proptest::collection::vec(binding, 0..14)).prop_map(|(exchanges, bindings)| {
        let exchanges = exchanges.into_iter().enumerate().map(|(n, (label, alternate))| {
            exchange(&n.to_string(), label, alternate.map(|n| n.to_string()).as_deref())
        });
        topology(exchanges.collect(), bindings)
    })
}

proptest! {
    #[test]
    fn arrivals_agree_with_the_brokers_own_algorithm(topology in any_topology(), key in any_key()) {
        let expected: Vec<_> = as_the_broker(&topology.value, "0", key).into_iter().collect();
        prop_assert_eq!(reached(&topology, "0", key), expected);
    }

    #[test]
    fn dead_letters_never_reach_a_queue_that_was_not_called_possible(topology in any_topology(), key in any_key()) {
        let (certain, possible) = dead_letters(&topology, &route("0", None));
        let real = as_the_broker(&topology.value, "0", key);
        prop_assert!(certain.iter().all(|queue| real.contains(queue)), "{certain:?} is certain, {real:?} is real");
        prop_assert!(real.iter().all(|queue| certain.contains(queue) || possible.contains(queue)));
        prop_assert!(possible.iter().all(|queue| !certain.contains(queue)));
    }
}
