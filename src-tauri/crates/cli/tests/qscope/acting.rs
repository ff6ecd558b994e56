use serde_json::Value as Json;

use crate::program::{Program, SANDBOX, names};

const SUMMARY: &str = "bounced deed done endedAt failed gone inDoubt job leftBehind notStarted number onlyOurCopy outcome \
                       planned profile queue refused skipped snapshot startedAt state target underWay unroutable warnings";
const CAUSE: &str = "header.x-exception-type=PaymentGatewayTimeout";

fn redrive<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["redrive", "-c", "sandbox:", "orders.dead", "--filter", CAUSE][..], more].concat()
}

/// The parts that add up to what was planned.
fn sum(summary: &Json) -> u64 {
    let parts = "done leftBehind unroutable refused failed inDoubt gone skipped notStarted onlyOurCopy underWay";
    parts.split(' ').map(|part| summary[part].as_u64().expect(part)).sum()
}

#[test]
fn a_redrive_says_its_plan_prints_the_job_first_and_the_summary_last() {
    let program = Program::new();
    let ended = program.done(&[&["--json"], &redrive(&["--limit", "3", "--yes"])[..]].concat());
    let lines = ended.lines();
    assert_eq!(lines.len(), 2, "{ended:?}");
    let (first, last) = (&lines[0], &lines[1]);
    assert_eq!((&first["job"], &first["state"]), (&last["job"], &"running".into()));
    assert_eq!(names(last).join(" "), SUMMARY);
    assert_eq!((&last["state"], &last["planned"], &last["done"]), (&"finished".into(), &3.into(), &3.into()));
    assert_eq!(sum(last), 3, "{last}");
    assert!(ended.err.contains("of orders.dead to orders.payment"), "the plan is said first: {}", ended.err);

    let job = first["job"].as_str().expect("an id");
    let listed = program.json(&["jobs", "list"]);
    assert_eq!(listed, std::slice::from_ref(last), "the journal says the same");
    let shown = program.json(&["jobs", "show", "1"]);
    assert_eq!((shown[0]["job"].as_str(), &shown[0]["messages"]), (Some(job), &Json::Array(Vec::new())));
    assert!(program.done(&["jobs", "show", job]).out.contains("finished"));
    assert_eq!(program.acts()[0], "redrive");
}

#[test]
fn a_dry_run_shows_the_plan_and_does_nothing() {
    let program = Program::new();
    let plan = &program.json(&redrive(&["--dry-run"]))[0];
    assert_eq!((&plan["job"], &plan["state"]), (&Json::Null, &"planned".into()), "{plan}");
    assert!(plan["planned"].as_u64().is_some_and(|planned| planned > 0) && sum(plan) == plan["planned"], "{plan}");
    let line = &plan["plan"]["lines"][0];
    assert_eq!((&line["from"], &line["stays"]), (&"orders.dead".into(), &false.into()), "{line}");
    let shown = program.done(&redrive(&["--dry-run"])).out;
    assert!(shown.contains("to orders.payment"), "{shown}");
    assert_eq!(program.json(&["jobs", "list"]).len(), 0, "no job was begun");
}

#[test]
fn nothing_is_sent_unless_somebody_says_yes() {
    let program = Program::new();
    program.run(&redrive(&[])).assert_refused(3, "--yes");
    program.run(&["capture", "-c", "sandbox:", "customers.crm", "--take"]).assert_refused(3, "--yes");
    assert_eq!(program.json(&["jobs", "list"]).len(), 0);
}

#[test]
fn another_queue_can_be_named_and_one_that_is_not_there_cannot() {
    let program = Program::new();
    let last = program.json(&redrive(&["--limit", "1", "--to-queue", "orders.audit", "--yes"])).remove(1);
    assert_eq!((&last["target"], &last["done"]), (&"orders.audit".into(), &1.into()), "{last}");
    let refused = program.run(&redrive(&["--to-queue", "no.such.queue", "--yes"]));
    refused.assert_refused(1, "there is no queue `no.such.queue`");
    let routed = redrive(&["--limit", "1", "--to-exchange", "workshop", "--routing-key", "job.reminder", "--yes"]);
    assert_eq!(program.json(&routed)[1]["done"], 1);
}

#[test]
fn without_a_filter_the_first_messages_are_sent_as_they_come() {
    let program = Program::new();
    let crm = ["redrive", "-c", "sandbox:", "customers.crm", "--to-queue", "orders.audit"];
    let plan = &program.json(&[&crm[..], &["--limit", "5", "--dry-run"]].concat())[0];
    assert_eq!((&plan["planned"], &plan["notStarted"]), (&5.into(), &5.into()), "{plan}");
    let last = program.json(&[&crm[..], &["--limit", "5", "--yes"]].concat()).remove(1);
    assert_eq!((&last["planned"], &last["done"], sum(&last)), (&5.into(), &5.into(), 5), "{last}");
    let all = program.json(&[&crm[..], &["--yes"]].concat()).remove(1);
    assert_eq!((&all["done"], sum(&all)), (&42.into(), 42), "all of the shop's customers: {all}");
    let copies = all["snapshot"].as_str().expect("the copies are kept");
    assert_eq!(program.json(&["snapshots", "show", copies]).len(), 42);
}

#[test]
fn a_redrive_that_finds_nothing_is_done() {
    let program = Program::new();
    let arguments = ["redrive", "-c", "sandbox:", "orders.dead", "--filter", "no such text anywhere", "--yes"];
    let nothing = program.json(&arguments);
    assert_eq!((nothing.len(), &nothing[0]["planned"], &nothing[0]["job"]), (1, &0.into(), &Json::Null));
    assert_eq!(names(&nothing[0]).join(" "), SUMMARY);
}

#[test]
fn a_protected_profile_takes_more_than_a_yes() {
    let program = Program::new();
    program.done(&["profiles", "add", "prod", "sandbox:", "--environment", "production"]);
    let on_prod = |more: &[&'static str]| {
        [&["redrive", "-c", "prod", "orders.dead", "--filter", CAUSE, "--limit", "2"][..], more].concat()
    };
    program.run(&on_prod(&["--yes"])).assert_refused(3, "--allow-writes");
    program.run(&on_prod(&["--yes", "--allow-writes"])).assert_refused(3, "--confirm 'prod'");
    program.run(&on_prod(&["--yes", "--allow-writes", "--confirm", SANDBOX])).assert_refused(3, "`prod`");
    let publish = ["publish", "-c", "prod", "--queue", "orders.audit"];
    program.run(&publish).assert_refused(3, "--allow-writes");
    assert_eq!(program.json(&["jobs", "list"]).len(), 0);

    let last = program.json(&on_prod(&["--yes", "--allow-writes", "--confirm", "prod"])).remove(1);
    assert_eq!((&last["done"], &last["profile"]), (&2.into(), &"prod".into()), "{last}");
    program.done(&[&publish[..], &["--allow-writes", "--confirm", "prod"]].concat());
    assert!(program.acts().contains(&"turnWritesOn".to_owned()), "that writes were turned on is noted");
}

#[test]
fn a_taken_message_is_removed_and_kept() {
    let program = Program::new();
    let taken = program.json(&["capture", "-c", "sandbox:", "customers.crm", "-n", "2", "--take", "--yes"]);
    assert_eq!((&taken[0]["taken"], &taken[0]["messages"]), (&true.into(), &2.into()), "{taken:?}");
    let id = taken[0]["snapshot"].as_str().expect("an id");
    assert_eq!(program.json(&["snapshots", "show", id]).len(), 2);
    let job = &program.json(&["jobs", "list"])[0];
    assert_eq!((&job["deed"], &job["state"], &job["done"]), (&"take".into(), &"finished".into(), &2.into()));
    assert_eq!(job["snapshot"], id);
}

#[test]
fn a_published_message_is_confirmed_or_said_to_be_nowhere() {
    let program = Program::new();
    let to_queue =
        ["publish", "-c", "sandbox:", "--queue", "orders.audit", "--body", "-", "--header", "attempt:int32=3"];
    let ended = program.run_with(&[&["--json"], &to_queue[..]].concat(), "{\"order\": 4711}", None);
    assert_eq!(ended.code, 0, "{ended:?}");
    let published = &ended.lines()[0];
    assert_eq!((&published["state"], &published["why"]), (&"confirmed".into(), &Json::Null));
    assert_eq!(published["arrivals"]["queues"], serde_json::json!(["orders.audit"]));

    let nowhere = ["publish", "-c", "sandbox:", "--exchange", "orders", "--routing-key", "no.such.key"];
    let ended = program.run(&nowhere);
    ended.assert_refused(1, "no queue takes it");
    assert!(ended.err.contains("messages: it is in no queue"), "{}", ended.err);
    let ended = program.run(&[&["--json"], &nowhere[..]].concat());
    assert_eq!((ended.code, &ended.lines()[0]["state"]), (1, &"unroutable".into()));
    assert!(program.acts().iter().filter(|act| *act == "publish").count() == 3, "each is noted");
}

#[test]
fn a_job_that_is_settled_has_nothing_to_stop_resume_or_resolve() {
    let program = Program::new();
    program.done(&redrive(&["--limit", "1", "--yes"]));
    assert!(program.done(&["jobs", "stop", "1"]).out.contains("finished"));
    assert_eq!(program.json(&["jobs", "pause", "1"])[0]["state"], "finished");
    assert!(program.done(&["jobs", "resume", "1"]).out.contains("finished"));
    program.run(&["jobs", "resolve", "1", "--recommended"]).assert_refused(1, "waits for an answer");
    program.run(&["jobs", "resolve", "1"]).assert_refused(2, "--recommended");
    program.run(&["jobs", "show", "77"]).assert_refused(1, "there is no job `77`");
}
