use broker::{
    Binding, DeadLetterRoute, Destination, ErrorKind, Exchange, Hold, Measures, Missing, Partial, Picked, Policy,
    QueueMeasure, RouteSource, Table, Value,
};

use super::*;

fn queue(label: &str, arguments: &[(&str, Value)]) -> Queue {
    let arguments: Table = arguments.iter().map(|(name, value)| (*name, value.clone())).collect();
    Queue { name: "q".into(), label: label.into(), arguments, ..Queue::default() }
}

fn facts(version: &str, queue: Queue) -> Facts {
    let measure = QueueMeasure { name: "q".into(), ready: Some(1061), consumers: Some(0), ..QueueMeasure::default() };
    Facts {
        version: version.into(),
        topology: Partial::whole(Topology { queues: vec![queue], ..Topology::default() }),
        measures: Some(Partial::whole(Measures { queues: vec![measure], ..Measures::default() })),
        ..Facts::default()
    }
}

fn without(mut facts: Facts, what: &str) -> Facts {
    facts.topology.missing.push(Missing { what: what.into(), kind: ErrorKind::Forbidden, why: String::new() });
    facts
}

fn with_consumers(mut facts: Facts, consumers: Option<u64>) -> Facts {
    if let Some(measures) = &mut facts.measures {
        measures.value.queues[0].consumers = consumers;
    }
    facts
}

/// Dead letters of `source` go to that exchange.
fn with_route(mut facts: Facts, exchange: &str, routing_key: Option<&str>) -> Facts {
    facts.topology.value.dead_letter_routes.push(DeadLetterRoute {
        queue: "source".into(),
        exchange: exchange.into(),
        routing_key: routing_key.map(Into::into),
        source: RouteSource::Argument,
        reaches: Vec::new(),
        broken: false,
    });
    facts
}

fn ask(purpose: Purpose) -> Ask {
    let hold = Hold { messages_max: 500, bytes_max: 1 << 20, wait_ms: 1000 };
    Ask { queue: "q".into(), purpose, hold, accepted: None, stated_label: None }
}

fn peek(facts: &Facts) -> LookCost {
    look(facts, &ask(Purpose::Look { n: 16 }))
}

fn code(cost: &LookCost) -> Option<&str> {
    cost.refusal.as_ref().map(|refusal| refusal.code.as_str())
}

fn ways(cost: &LookCost) -> &[WayOut] {
    cost.refusal.as_ref().map_or(&[], |refusal| &refusal.ways)
}

fn evidence<'a>(cost: &'a LookCost, name: &str) -> Option<&'a str> {
    cost.evidence.iter().find(|line| line.name == name).map(|line| line.value.as_str())
}

/// What one row of the table says: the cost, and the code of the refusal.
fn row(facts: &Facts) -> (Returning, Option<String>) {
    let cost = peek(facts);
    let code = code(&cost).map(str::to_owned);
    (cost.returning, code)
}

fn dead_letter_queue(version: &str, arguments: &[(&str, Value)]) -> Facts {
    with_route(facts(version, queue("quorum", arguments)), "", Some("q"))
}

#[test]
fn a_look_at_a_classic_queue_marks_and_is_accepted_without_asking() {
    for version in ["3.10.8", "4.0.5", "4.3.6", ""] {
        let facts = facts(version, queue("classic", &[]));
        assert_eq!(row(&facts), (Returning::Marks, None), "{version}");
        assert!(!peek(&facts).is_worse_than(None), "{version}");
        assert_eq!(
            row(&with_route(facts, "", Some("q"))),
            (Returning::Marks, None),
            "a classic dead-letter queue is safe"
        );
    }
}

#[test]
fn before_4_3_a_look_at_a_quorum_queue_uses_one_delivery() {
    for (version, limit) in [("3.10.8", None), ("3.13.7", None), ("4.0.5", Some(20)), ("4.2.1", Some(20))] {
        let facts = facts(version, queue("quorum", &[]));
        assert_eq!(row(&facts), (Returning::Counts { limit }, None), "{version}");
        assert!(peek(&facts).is_worse_than(None), "it has to be accepted");
        let dead = with_route(facts, "", Some("q"));
        assert_eq!(row(&dead), (Returning::Counts { limit }, None), "{version}: dead letters begin anew");
    }
}

#[test]
fn from_4_3_on_a_look_at_a_quorum_queue_that_no_dead_letters_reach_uses_nothing() {
    for version in ["4.3.0", "4.3.6", "4.4.1", "5.0.0"] {
        assert_eq!(row(&facts(version, queue("quorum", &[]))), (Returning::Marks, None), "{version}");
    }
}

#[test]
fn from_4_3_on_a_limited_quorum_queue_that_dead_letters_reach_is_refused() {
    for version in ["4.3.6", "4.4.0", ""] {
        let cost = peek(&dead_letter_queue(version, &[]));
        assert_eq!(cost.returning, Returning::Destroys { limit: 20 }, "{version}");
        assert_eq!(code(&cost), Some("destroys"), "{version}");
        assert_eq!(ways(&cost), [WayOut::MakeSafe, WayOut::Take, WayOut::Careful], "{version}");
    }
    let unlimited = dead_letter_queue("4.3.6", &[("x-delivery-limit", Value::I64(-1))]);
    assert_eq!(row(&unlimited), (Returning::Marks, None), "without a limit nothing is destroyed");
}

#[test]
fn the_refusal_names_no_number_that_says_nothing() {
    for ready in [Some(0), Some(1), None] {
        let mut facts = dead_letter_queue("4.3.6", &[]);
        if let Some(measures) = &mut facts.measures {
            measures.value.queues[0].ready = ready;
        }
        let cost = peek(&facts);
        let why = cost.refusal.as_ref().map_or("", |refusal| &refusal.why);
        assert!(why.contains("Which those are cannot be known"), "{ready:?}: {why}");
    }
}

#[test]
fn the_refusal_says_what_would_happen_and_how_we_know() {
    let cost = peek(&dead_letter_queue("4.3.6", &[]));
    let why = cost.refusal.as_ref().map_or("", |refusal| &refusal.why);
    for words in
        ["RabbitMQ 4.3.6 carries", "Dead letters of `source` arrive here.", "Which of the 1\u{202f}061 those are"]
    {
        assert!(why.contains(words), "{why}");
    }
    for (name, value) in [
        ("Broker", "RabbitMQ 4.3.6"),
        ("Queue type", "quorum"),
        ("Effective limit", "20"),
        ("argument", "none"),
        ("policy", "none"),
        ("operator policy", "none"),
        ("default of 4.x", "20"),
        ("Delayed retry", "off"),
    ] {
        assert_eq!(evidence(&cost, name), Some(value), "{name}");
    }
}

#[test]
fn a_policy_is_offered_only_where_it_would_help() {
    let by_argument = dead_letter_queue("4.3.6", &[("x-delivery-limit", Value::I64(5))]);
    assert_eq!(ways(&peek(&by_argument)), [WayOut::Take, WayOut::Careful]);
    let mut by_operator = dead_letter_queue("4.3.6", &[]);
    let definition: Table = [("delivery-limit", Value::I64(7))].into_iter().collect();
    by_operator.topology.value.queues[0].policies.push(Policy { name: "o".into(), operator: true, definition });
    assert_eq!(ways(&peek(&by_operator)), [WayOut::Take, WayOut::Careful]);
    let mut cannot_write = dead_letter_queue("4.3.6", &[]);
    cannot_write.may_publish_to_queues = Some(false);
    assert_eq!(ways(&peek(&cannot_write)), [WayOut::MakeSafe, WayOut::Take], "the careful way publishes");
}

#[test]
fn a_queue_that_may_be_a_dead_letter_queue_is_refused_too() {
    let plain = || facts("4.3.6", queue("quorum", &[]));
    let destroys = (Returning::Destroys { limit: 20 }, Some("destroys".to_owned()));
    assert_eq!(row(&with_route(plain(), "", None)), destroys, "a message's key may be the queue's name");
    for part in ["queues", "exchanges", "bindings", "policies", "operator policies"] {
        assert_eq!(row(&without(plain(), part)), destroys, "{part}");
    }
    let mut said = plain();
    said.topology.value.queues[0].is_dead_letter_queue = true;
    assert_eq!(row(&said), destroys, "the topology says so");
    let mut by_binding = with_route(plain(), "dlx", None);
    by_binding.topology.value.exchanges.push(Exchange {
        name: "dlx".into(),
        label: "direct".into(),
        ..Exchange::default()
    });
    assert_eq!(row(&by_binding), (Returning::Marks, None), "nothing is bound");
    let destination = Destination::Queue("q".into());
    by_binding.topology.value.bindings.push(Binding {
        source: "dlx".into(),
        destination,
        key: "k".into(),
        arguments: Table::new(),
    });
    assert_eq!(row(&by_binding), destroys, "bound by a key that a message may have");
    assert_eq!(row(&with_route(plain(), "", Some("other"))), (Returning::Marks, None), "another queue's dead letters");
}

#[test]
fn a_main_queue_fed_by_a_retry_loop_is_refused_too() {
    let mut facts = facts(
        "4.3.6",
        queue("quorum", &[("x-dead-letter-exchange", "".into()), ("x-dead-letter-routing-key", "retry".into())]),
    );
    facts.topology.value.queues.push(Queue { name: "retry".into(), label: "classic".into(), ..Queue::default() });
    assert_eq!(code(&peek(&facts)), None, "before the way back exists");
    assert_eq!(code(&peek(&with_route(facts, "", Some("q")))), Some("destroys"));
}

#[test]
fn picking_and_draining_are_refused_like_looking_and_taking_is_not() {
    let facts = dead_letter_queue("4.3.6", &[]);
    let pick = Purpose::Pick { keys: vec![Picked { key: broker::MessageKey::Id("x".into()), twins: 1 }] };
    for purpose in [pick, Purpose::Drain] {
        assert_eq!(code(&look(&facts, &ask(purpose))), Some("destroys"));
    }
    let take = look(&facts, &ask(Purpose::Take { n: 61 }));
    assert_eq!((code(&take), &take.returning), (None, &Returning::Destroys { limit: 20 }));
    assert!(take.words.contains("One moment stays"), "{}", take.words);
    assert!(take.is_worse_than(None), "it has to be accepted all the same");
}

#[test]
fn a_queue_that_could_drop_what_is_held_is_refused() {
    for label in ["classic", "quorum"] {
        for name in ["x-max-length", "x-max-length-bytes"] {
            let cost = peek(&facts("4.3.6", queue(label, &[(name, Value::I64(9000))])));
            assert_eq!(code(&cost), Some("dropHead"), "{label} {name}");
            assert_eq!(ways(&cost), [WayOut::Take, WayOut::Careful]);
        }
        let rejects = [("x-max-length", Value::I64(9)), ("x-overflow", "reject-publish".into())];
        assert_eq!(code(&peek(&facts("4.3.6", queue(label, &rejects)))), None, "{label}: nothing is dropped");
        let ttl =
            |ms| code(&peek(&facts("4.3.6", queue(label, &[("x-message-ttl", Value::I64(ms))])))).map(str::to_owned);
        assert_eq!(ttl(59_999).as_deref(), Some("expires"), "{label}");
        assert_eq!(ttl(60_000), None, "{label}: longer than any hold");
    }
}

#[test]
fn single_active_consumers_are_left_alone() {
    for label in ["classic", "quorum"] {
        let single = || facts("4.3.6", queue(label, &[("x-single-active-consumer", Value::Bool(true))]));
        assert_eq!(code(&peek(&single())), None, "{label}: nobody is there");
        let busy = with_consumers(single(), Some(2));
        assert_eq!((code(&peek(&busy)), ways(&peek(&busy))), (Some("singleActive"), &[][..]), "{label}");
        assert_eq!(
            code(&look(&busy, &ask(Purpose::Take { n: 1 }))),
            Some("singleActive"),
            "{label}: a take gets nothing either"
        );
        let unknown = with_consumers(single(), None);
        assert_eq!(
            (code(&peek(&unknown)), ways(&peek(&unknown))),
            (Some("singleActive"), &[WayOut::Careful][..]),
            "{label}"
        );
    }
}

#[test]
fn delayed_retry_is_refused_where_it_hides_and_closes_where_it_counts() {
    let retry = |word: &str| facts("4.3.6", queue("quorum", &[("x-delayed-retry-type", word.into())]));
    assert_eq!(code(&peek(&retry("all"))), Some("delayedRetry"));
    assert_eq!(row(&retry("failed")), (Returning::Marks, None));
    assert_eq!(row(&retry("returned")), (Returning::Counts { limit: Some(20) }, None));
    assert_eq!(evidence(&peek(&retry("returned")), "Delayed retry"), Some("returned"));
}

#[test]
fn without_the_right_to_write_a_limited_quorum_queue_is_refused_before_4_3() {
    for (version, limit, code_expected) in [("4.0.5", 20, Some("noWrite")), ("4.0.5", -1, None), ("4.3.6", 20, None)] {
        let mut facts = facts(version, queue("quorum", &[("x-delivery-limit", Value::I64(limit))]));
        facts.may_publish_to_queues = Some(false);
        assert_eq!(code(&peek(&facts)), code_expected, "{version} {limit}");
        facts.may_publish_to_queues = None;
        assert_eq!(code(&peek(&facts)), None, "found out when used");
    }
}

#[test]
fn unknown_policies_may_limit_anything() {
    for part in ["policies", "operator policies"] {
        assert_eq!(code(&peek(&without(facts("4.0.5", queue("classic", &[])), part))), Some("dropHead"));
        assert_eq!(
            row(&without(facts("3.10.8", queue("quorum", &[])), part)),
            (Returning::Unknown, Some("destroys".into()))
        );
        assert_eq!(
            row(&without(facts("4.0.5", queue("quorum", &[])), part)),
            (Returning::Destroys { limit: 20 }, Some("destroys".into()))
        );
    }
}

#[test]
fn a_stream_is_read_for_nothing_and_never_refused() {
    let facts = with_consumers(
        without(facts("4.3.6", queue("stream", &[("x-max-length-bytes", Value::I64(9))])), "policies"),
        Some(3),
    );
    let cost = peek(&facts);
    assert_eq!((&cost.returning, code(&cost), cost.consumers), (&Returning::Free, None, Some(0)));
    assert!(!cost.words.contains("consumers"), "{}", cost.words);
}

#[test]
fn an_unknown_type_is_always_refused_and_a_stated_one_needs_the_override() {
    let unknown = Facts { version: "4.3.6".into(), ..Facts::default() };
    assert_eq!(row(&unknown), (Returning::Unknown, Some("typeUnknown".into())));
    assert_eq!(ways(&peek(&unknown)), [WayOut::Careful]);
    assert_eq!(code(&look(&unknown, &ask(Purpose::Take { n: 1 }))), Some("typeUnknown"));
    for stated in ["classic", "quorum"] {
        let ask = Ask { stated_label: Some(stated.into()), ..ask(Purpose::Look { n: 1 }) };
        let cost = look(&unknown, &ask);
        assert_eq!((code(&cost), ways(&cost)), (Some("typeUnknown"), &[WayOut::Take, WayOut::Careful][..]));
        assert_eq!(evidence(&cost, "Queue type, as you say"), Some(stated));
    }
    let stated = Facts { stated: vec![("q".into(), "stream".into())], ..unknown };
    assert_eq!(row(&stated), (Returning::Free, None), "a stream gives nothing back");
    let odd = facts("4.3.6", queue("rabbit_mqtt_qos0_queue", &[]));
    assert_eq!(row(&odd), (Returning::Unknown, Some("typeUnknown".into())));
}

#[test]
fn several_dangers_are_all_told_and_the_worst_is_the_code() {
    let facts = dead_letter_queue("4.3.6", &[("x-max-length", Value::I64(5)), ("x-message-ttl", Value::I64(1000))]);
    let cost = peek(&facts);
    let why = cost.refusal.as_ref().map_or("", |refusal| &refusal.why);
    assert_eq!(code(&cost), Some("destroys"));
    assert!(why.contains("at most 5 messages") && why.contains("live for 1 s"), "{why}");
}

#[test]
fn the_reach_is_what_is_asked_for_or_may_be_held() {
    let facts = facts("4.3.6", queue("classic", &[]));
    let reach = |purpose| look(&facts, &ask(purpose)).reach;
    assert_eq!(reach(Purpose::Look { n: 16 }), Some(16));
    assert_eq!(reach(Purpose::Look { n: 5000 }), Some(500));
    assert_eq!(reach(Purpose::Drain), Some(500));
    let mut unbounded = ask(Purpose::Pick { keys: vec![] });
    unbounded.hold.messages_max = u64::MAX;
    assert_eq!(look(&facts, &unbounded).reach, None);
}

#[test]
fn the_words_name_the_deliveries_and_the_consumers_that_wait() {
    let counts = with_consumers(facts("4.1.4", queue("quorum", &[])), Some(12));
    assert_eq!(
        peek(&counts).words,
        "Messages are taken and put back: each is marked redelivered and uses 1 of its 20 deliveries. While held, \
            consumers get later ones first."
    );
    assert_eq!(peek(&counts).consumers, Some(12));
    assert_eq!(
        peek(&facts("4.3.6", queue("classic", &[]))).words,
        "Messages are taken and put back: each is marked redelivered."
    );
    let unknown = Facts { measures: None, ..facts("4.3.6", queue("classic", &[])) };
    assert!(peek(&unknown).words.ends_with("consumers get later ones first."), "there may be some");
    assert_eq!(peek(&unknown).consumers, None);
}
