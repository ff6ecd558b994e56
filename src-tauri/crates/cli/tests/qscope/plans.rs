use serde_json::Value as Json;

use crate::program::{Program, SANDBOX, names};

const CRM: &str = "customers.crm";

/// Plans and does nothing; the plan's number.
fn planned(program: &Program, arguments: &[&str]) -> String {
    let plan = program.json(&[arguments, &["--dry-run"]].concat()).remove(0);
    plan["planNumber"].as_u64().expect("it is kept").to_string()
}

fn move_of(n: &str) -> [&str; 8] {
    ["move", "-c", "sandbox:", CRM, "--limit", n, "--to-queue", "orders.audit"]
}

#[test]
fn a_dry_run_is_kept_and_carried_out_later_once() {
    let program = Program::new();
    let said = program.done(&[&move_of("3")[..], &["--dry-run"]].concat()).out;
    assert!(said.trim().ends_with("kept as plan 1: `qscope plans start 1` carries it out"), "{said}");

    let listed = program.json(&["plans", "list"]);
    let fields = "deed id madeAt messages plan profile queue started title willAct";
    assert_eq!((listed.len(), names(&listed[0]).join(" ").as_str()), (1, fields));
    assert_eq!(
        (&listed[0]["deed"], &listed[0]["willAct"], &listed[0]["started"]),
        (&"move".into(), &3.into(), &Json::Null)
    );
    assert!(program.done(&["plans", "show", "1"]).out.contains("nothing has changed since"));

    program.run(&["plans", "start", "1"]).assert_refused(3, "--yes");
    let lines = program.json(&["plans", "start", "1", "--yes"]);
    assert_eq!((&lines[1]["deed"], &lines[1]["done"]), (&"move".into(), &3.into()), "{lines:?}");

    program.run(&["plans", "start", "1", "--yes"]).assert_refused(3, "was started as job 1");
    assert_eq!(program.json(&["plans", "list"])[0]["started"]["number"], 1);
    assert!(program.done(&["plans", "show", "1", "--as-made"]).out.contains("started as job 1"));
    assert_eq!(program.json(&["jobs", "list"]).len(), 1);
}

#[test]
fn a_plan_shows_what_has_changed_and_one_that_does_not_fit_is_not_started() {
    let program = Program::new();
    let snapshot = program.snapshot(CRM, "crm");
    let plan = planned(&program, &["replay", "-c", "sandbox:", "crm", "--to-queue", "orders.audit"]);
    let fits = &program.json(&["plans", "show", &plan])[0];
    assert_eq!((&fits["fits"], &fits["changes"]), (&true.into(), &Json::Array(Vec::new())), "{fits}");

    program.done(&["snapshots", "remove", &snapshot]);
    let gone = &program.json(&["plans", "show", &plan])[0];
    assert_eq!((&gone["fits"], &gone["now"]), (&false.into(), &Json::Null), "{gone}");
    assert!(gone["changes"][0]["words"].as_str().is_some_and(|words| words.contains("not kept any more")), "{gone}");
    assert!(program.done(&["plans", "show", &plan]).out.contains("DOES NOT FIT: the copies that it names"));
    program.run(&["plans", "start", &plan, "--yes"]).assert_refused(1, "does not fit any more");
    assert_eq!(program.json(&["jobs", "list"]).len(), 0, "nothing was begun");
}

#[test]
fn plans_are_listed_by_profile_and_forgotten() {
    let program = Program::new();
    program.done(&["profiles", "add", "other", "sandbox:"]);
    planned(&program, &["move", "-c", SANDBOX, CRM, "--limit", "1", "--to-queue", "orders.audit"]);
    planned(&program, &["discard", "-c", "other", CRM, "--limit", "2"]);
    let of = |arguments: &[&str]| -> Vec<u64> {
        let plans = program.json(&[&["plans", "list"], arguments].concat());
        plans.iter().map(|plan| plan["plan"].as_u64().expect("a number")).collect()
    };
    assert_eq!((of(&[]), of(&["-c", "other"])), (vec![2, 1], vec![2]));
    program.done(&["plans", "remove", "2"]);
    assert_eq!(of(&[]), [1]);
    program.run(&["plans", "remove", "2"]).assert_refused(1, "there is no plan `2`");
    program.run(&["plans", "start", "2", "--yes"]).assert_refused(1, "there is no plan `2`");
}

#[test]
fn a_plan_on_a_protected_profile_takes_more_than_a_yes() {
    let program = Program::new();
    program.done(&["profiles", "add", "prod", "sandbox:", "--environment", "production"]);
    let plan = planned(&program, &["discard", "-c", "prod", CRM, "--limit", "2"]);
    program.run(&["plans", "start", &plan, "--yes"]).assert_refused(3, "--allow-writes");
    let done = program.json(&["plans", "start", &plan, "--allow-writes", "--confirm", "prod"]);
    assert_eq!(done[1]["done"], 2, "{done:?}");
}
