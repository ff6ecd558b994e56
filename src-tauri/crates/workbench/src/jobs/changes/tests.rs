#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use broker::{LookCost, Returning};

use super::*;
use crate::{Deed, Environment, PlanId, ProfileId, StrippedLine};

fn line(key: &str, messages: u64, queue: &str) -> PlanLine {
    PlanLine {
        from: Some("dead".into()),
        key: key.into(),
        target: Some(Target::Queue { queue: queue.into() }),
        arrives_in: vec![queue.into()],
        messages,
        note: "2 consumers".into(),
        stays: false,
    }
}

fn cost(returning: Returning) -> LookCost {
    let words = format!("{returning:?}");
    LookCost { returning, reach: Some(3), consumers: Some(0), refusal: None, words, evidence: Vec::new() }
}

fn view(lines: Vec<PlanLine>) -> PlanView {
    let messages = lines.iter().map(|line| line.messages).sum();
    PlanView {
        id: PlanId::new(),
        deed: Deed::Redrive,
        title: format!("Redrive {messages} messages"),
        profile: ProfileId::new(),
        profile_name: "orders".into(),
        environment: Environment::Local,
        queue: Some("dead".into()),
        made_at: jiff::Timestamp::now(),
        took_ms: 1,
        lines,
        messages,
        will_act: messages,
        duplicates: 0,
        takes_s: None,
        to_profile_name: None,
        removes_original: true,
        hazards: Vec::new(),
        stripped: Vec::new(),
        cost: Some(cost(Returning::Marks)),
        edited: None,
        warnings: Vec::new(),
        typed: None,
        writes_locked: false,
        blocked: None,
    }
}

fn said(planned: &PlanView, now: &PlanView) -> Vec<(String, bool)> {
    differences(planned, now).into_iter().map(|change| (change.words, change.prevents)).collect()
}

fn one(planned: &PlanView, now: &PlanView) -> (String, bool) {
    let mut said = said(planned, now);
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

#[test]
fn a_plan_that_is_as_it_was_differs_in_nothing() {
    let planned = view(vec![line("a", 2, "work"), line("b", 1, "work")]);
    let now = PlanView { id: PlanId::new(), took_ms: 9, ..planned.clone() };
    assert_eq!(said(&planned, &now), []);
}

#[test]
fn another_way_is_said_from_both_ends() {
    let planned = view(vec![line("a", 2, "work"), line("b", 1, "work")]);
    let stays =
        PlanLine { target: None, arrives_in: Vec::new(), note: "no queue".into(), stays: true, ..line("a", 2, "") };
    let now = view(vec![stays, line("b", 1, "work")]);
    let expected = [
        ("2 messages of key `a` would now stay: no queue".to_owned(), true),
        ("2 messages of key `a` would not arrive in `work` any more".to_owned(), true),
    ];
    assert_eq!(said(&planned, &now), expected);
}

#[test]
fn a_fan_out_that_has_grown_names_every_queue() {
    let exchange = Target::Exchange { exchange: "orders".into(), key: "a".into() };
    let fanned = |queues: &[&str]| PlanLine {
        target: Some(exchange.clone()),
        arrives_in: queues.iter().map(|queue| (*queue).into()).collect(),
        ..line("a", 1, "")
    };
    let said = said(&view(vec![fanned(&["x"])]), &view(vec![fanned(&["x", "y"])]));
    assert_eq!(said[0].0, "1 message of key `a` would now go to exchange orders and arrive in `x`, `y`");
    assert!(said.iter().all(|(_, prevents)| *prevents), "{said:?}");
}

#[test]
fn other_numbers_on_the_same_way_are_said_with_both() {
    let (planned, now) = (view(vec![line("a", 2, "work")]), view(vec![line("a", 3, "work")]));
    let expected = "3 messages of key `a` would arrive in `work`, 2 when it was planned".to_owned();
    assert_eq!(one(&planned, &now), (expected, true));
}

#[test]
fn other_consumers_are_worth_a_sentence_and_prevent_nothing() {
    let planned = view(vec![line("a", 2, "work")]);
    let now = view(vec![PlanLine { note: "no consumers".into(), ..line("a", 2, "work") }]);
    let expected = "`work` has no consumers now, 2 consumers when it was planned".to_owned();
    assert_eq!(one(&planned, &now), (expected, false));
}

#[test]
fn a_look_that_costs_more_prevents_a_start_and_one_that_costs_less_does_not() {
    let (cheap, dear) =
        (view(Vec::new()), PlanView { cost: Some(cost(Returning::Destroys { limit: 2 })), ..view(Vec::new()) });
    let (words, prevents) = one(&cheap, &dear);
    assert!(words.starts_with("holding messages costs more now") && prevents, "{words}");
    let (words, prevents) = one(&dear, &cheap);
    assert!(words.starts_with("holding messages costs less now") && !prevents, "{words}");
}

#[test]
fn a_new_danger_prevents_a_start_and_another_number_in_an_old_one_does_not() {
    let hazard = |words: &str, harm| Hazard { queue: Some("work".into()), harm, words: words.into() };
    let with = |hazards| PlanView { hazards, ..view(Vec::new()) };
    let full = with(vec![hazard("full at 100, drops its head", Harm::Loses)]);
    assert_eq!(said(&full, &with(vec![hazard("full at 250, drops its head", Harm::Loses)])), []);
    let (words, prevents) = one(&view(Vec::new()), &full);
    assert_eq!((words.as_str(), prevents), ("a danger that the plan did not name: full at 100, drops its head", true));
    let slow = with(vec![hazard("paused", Harm::Delays)]);
    assert_eq!(one(&view(Vec::new()), &slow), ("the plan did not name: paused".to_owned(), false));
    assert_eq!(one(&slow, &view(Vec::new())), ("no longer so: paused".to_owned(), false));
}

#[test]
fn what_is_blocked_or_another_deed_now_comes_first() {
    let planned = view(vec![line("a", 1, "work")]);
    let note = PlanLine { note: "1 consumer".into(), ..line("a", 1, "work") };
    let title = "Send 1 message from our copy".to_owned();
    let now = PlanView { deed: Deed::SendCopy, title, blocked: Some("it is empty".into()), ..view(vec![note]) };
    let said = said(&planned, &now);
    assert_eq!(said[0], ("it cannot be done any more: it is empty".to_owned(), true));
    assert_eq!(said[1], ("it would now be another deed: Send 1 message from our copy".to_owned(), true));
    assert!(!said[2].1, "{said:?}");
}

#[test]
fn what_has_to_be_typed_or_is_left_out_now_is_said() {
    let stripped = vec![StrippedLine { name: "CC".into(), why: "it would fan out again".into(), messages: 1 }];
    let now = PlanView { typed: Some("dead".into()), stripped, ..view(Vec::new()) };
    let expected = [
        ("to start it `dead` has to be typed now".to_owned(), false),
        ("`CC` would not be sent along: it would fan out again".to_owned(), false),
    ];
    assert_eq!(said(&view(Vec::new()), &now), expected);
}

#[test]
fn very_many_differences_are_counted() {
    let lines = |queue: &str| (0..300).map(|n| line(&n.to_string(), 1, queue)).collect();
    let said = said(&view(lines("work")), &view(lines("other")));
    assert_eq!((said.len(), said.last().unwrap()), (101, &("and 500 differences more".to_owned(), true)));
}
