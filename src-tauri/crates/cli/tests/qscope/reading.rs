use serde_json::Value as Json;

use crate::program::{Program, names};

const MESSAGE: &str = "body bodyEncoding contentType deaths deliveryCount exchange headers key position properties \
                       publishedAt queue redelivered routingKey sizeBytes";

#[test]
fn queues_are_one_object_a_line_with_the_names_that_scripts_rely_on() {
    let program = Program::new();
    let queues = program.json(&["queues", "-c", "sandbox:"]);
    let wanted = "consumers deadLetterQueue delayed inFlight isDeadLetterQueue kind name oldestAgeMs ready";
    assert!(queues.len() > 10, "the shop has more queues: {queues:?}");
    for queue in &queues {
        assert_eq!(names(queue).join(" "), wanted);
    }
    let named = |name: &str| queues.iter().find(|queue| queue["name"] == name).expect(name).clone();
    let dead = named("orders.dead");
    assert_eq!(dead["isDeadLetterQueue"], true, "{dead}");
    assert!(dead["ready"].as_u64().is_some_and(|ready| ready > 0), "{dead}");
    assert_eq!(named("orders.new")["deadLetterQueue"], "orders.dead");
    let sorted: Vec<_> = queues.iter().map(|queue| queue["name"].as_str().expect("a name")).collect();
    assert!(sorted.is_sorted(), "{sorted:?}");

    let some = program.json(&["queues", "-c", "sandbox:", "--filter", "ORDERS.dead"]);
    assert_eq!(some.len(), 1, "{some:?}");
    let shown = program.done(&["queues", "-c", "sandbox:"]).out;
    assert!(shown.starts_with("QUEUE") && shown.contains("orders.dead"), "{shown}");
}

#[test]
fn a_topology_has_exchanges_queues_and_routes() {
    let program = Program::new();
    let parts = program.json(&["topology", "-c", "sandbox:"]);
    let of = |kind: &str| parts.iter().filter(|part| part["type"] == kind).count();
    assert!(of("exchange") > 3 && of("queue") > 10 && of("route") > 10, "{parts:?}");
    let is_the_way = |part: &&Json| {
        part["kind"] == "deadLetter" && part["from"]["queue"] == "orders.new" && part["to"]["exchange"] == "dlx"
    };
    let way = parts.iter().find(is_the_way).expect("what dies in orders.new goes to dlx");
    assert_eq!(way["reaches"], serde_json::json!(["orders.dead"]));
    let shown = program.done(&["topology", "-c", "sandbox:"]).out;
    assert!(shown.contains("what dies there -> exchange dlx"), "{shown}");
}

#[test]
fn a_peek_prints_messages_and_says_on_the_side_what_it_cost() {
    let program = Program::new();
    let ended = program.done(&["--json", "peek", "-c", "sandbox:", "orders.dead", "-n", "5"]);
    let messages = ended.lines();
    assert_eq!(messages.len(), 5, "{ended:?}");
    for (message, n) in messages.iter().zip(1..) {
        assert_eq!(names(message).join(" "), MESSAGE);
        assert_eq!((&message["position"], &message["queue"]), (&Json::from(n), &"orders.dead".into()));
        assert!(message["deaths"].as_array().is_some_and(|deaths| !deaths.is_empty()), "{message}");
        assert!(message["key"].as_str().is_some_and(|key| key.starts_with("fp:")), "{message}");
    }
    assert!(ended.err.contains("put back"), "{}", ended.err);
    let quiet = program.done(&["-q", "peek", "-c", "sandbox:", "orders.dead", "-n", "1"]);
    assert_eq!(quiet.err, "", "nothing but data");
    assert!(quiet.out.starts_with("#1 "), "{}", quiet.out);
}

#[test]
fn a_filter_leaves_the_messages_that_match() {
    let program = Program::new();
    let filter = "header.x-exception-type=PaymentGatewayTimeout";
    let ask = ["peek", "-c", "sandbox:", "orders.dead", "-n", "150", "--filter", filter];
    let some = program.json(&ask);
    let all = program.json(&["peek", "-c", "sandbox:", "orders.dead", "-n", "150"]);
    assert!(!some.is_empty() && some.len() < all.len(), "{} of {}", some.len(), all.len());
    for message in &some {
        assert!(message["headers"].to_string().contains("PaymentGatewayTimeout"), "{message}");
    }
    let full = program.done(&[&ask[..], &["--full"]].concat()).out;
    assert!(full.contains("header x-exception-type (text) = PaymentGatewayTimeout"), "{full}");
    program.run(&["peek", "-c", "sandbox:", "orders.dead", "--filter", "header.="]).assert_refused(2, "filter");
}

#[test]
fn a_look_that_can_remove_a_message_is_refused_with_the_ways_out() {
    let program = Program::new();
    let peek = ["peek", "-c", "sandbox:", "parts.reserve.dead"];
    let refused = program.run(&peek);
    refused.assert_refused(3, "--accept-cost 'parts.reserve.dead'");
    assert!(refused.err.contains("no message was touched") && refused.err.contains("--take"), "{}", refused.err);
    let json = program.run(&[&["--json"], &peek[..]].concat());
    let said: Json = serde_json::from_str(json.err.trim()).expect("errors are JSON too");
    assert_eq!((json.code, &said["code"]), (3, &"costRefused".into()), "{said}");
    assert_eq!(names(&said).join(" "), "code error messages remedy");

    let wrong = program.run(&[&peek[..], &["--accept-cost", "orders.dead"]].concat());
    wrong.assert_refused(3, "the queue is `parts.reserve.dead`");
    let accepted =
        [&["peek", "-c", "sandbox:", "parts.reserve.dead", "-n", "3"][..], &["--accept-cost", "parts.reserve.dead"]];
    let messages = program.json(&accepted.concat());
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(program.acts().contains(&"carefulLook".to_owned()), "it is noted");
}

#[test]
fn a_queue_that_is_not_there_is_said_to_be_missing() {
    let program = Program::new();
    program.run(&["peek", "-c", "sandbox:", "no.such.queue"]).assert_refused(1, "no.such.queue");
}

#[test]
fn what_was_done_is_listed_with_its_door() {
    let program = Program::new();
    program.done(&["peek", "-c", "sandbox:", "orders.dead", "-n", "1"]);
    let rows = program.json(&["activity", "--since", "1h"]);
    assert_eq!((&rows[0]["act"], &rows[0]["place"]), (&"peek".into(), &"orders.dead".into()));
    assert!(rows[0]["by"].as_str().is_some_and(|by| by.ends_with("by qscope")), "{}", rows[0]);
    assert_eq!(program.json(&["activity", "--filter", "no such words"]).len(), 0);
    assert_eq!(program.json(&["activity", "--since", "2999-01-01"]).len(), 0);
    program.run(&["activity", "--since", "soon"]).assert_refused(2, "`soon` is no time");
}
