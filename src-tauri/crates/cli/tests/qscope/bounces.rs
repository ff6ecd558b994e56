use crate::program::{Program, names};

const CRM: &str = "customers.crm";

fn moved(program: &Program, more: &[&str]) -> serde_json::Value {
    let to = ["move", "-c", "sandbox:", CRM, "--limit", "3", "--to-queue", "orders.audit", "--yes"];
    program.json(&[&to[..], more].concat()).remove(1)
}

#[test]
fn a_command_stays_while_bounces_are_watched_and_counts_them() {
    let program = Program::new();
    let began = std::time::Instant::now();
    let watched = moved(&program, &["--watch-bounces", "1"]);
    assert!(began.elapsed() >= std::time::Duration::from_secs(1), "it stays");
    assert_eq!((&watched["state"], &watched["done"], &watched["bounced"]), (&"finished".into(), &3.into(), &0.into()));
    program
        .run(&["move", "-c", "sandbox:", CRM, "--to-queue", "orders.audit", "--watch-bounces", "0"])
        .assert_refused(2, "0");
    let unmarked = ["--unmarked", "--watch-bounces", "1"];
    program
        .run(&[&["move", "-c", "sandbox:", CRM, "--to-queue", "orders.audit"][..], &unmarked].concat())
        .assert_refused(2, "--unmarked");
}

#[test]
fn what_came_back_is_looked_for_afterwards() {
    let program = Program::new();
    moved(&program, &[]);
    let found = &program.json(&["jobs", "bounces", "1"])[0];
    assert_eq!(names(found).join(" "), "bounced done job looks number");
    assert_eq!((&found["bounced"], &found["done"], &found["looks"][0]["queue"]), (&0.into(), &3.into(), &CRM.into()));
    let look = &found["looks"][0];
    assert_eq!((&look["scanned"], &look["of"], &look["notLooked"]), (&42.into(), &42.into(), &serde_json::Value::Null));
    let said = program.done(&["jobs", "bounces", "1"]).out;
    assert!(said.contains("0 of 3 came back") && said.contains("scanned 42 of 42"), "{said}");

    program.json(&["discard", "-c", "sandbox:", CRM, "--limit", "1", "--yes"]);
    program.run(&["jobs", "bounces", "2"]).assert_refused(2, "sent nothing that could come back");
}

#[test]
fn a_queue_where_looking_costs_something_is_looked_at_only_by_its_name() {
    let program = Program::new();
    program.json(&["move", "-c", "sandbox:", CRM, "--limit", "1", "--to-queue", "parts.reserve", "--yes"]);
    let dead = "parts.reserve.dead";
    let ended = program.run(&["jobs", "bounces", "1"]);
    assert_eq!(ended.code, 4, "one of two was looked at: {ended:?}");
    assert!(ended.out.contains(&format!("{dead}: not looked at")), "{}", ended.out);
    assert!(ended.out.contains(&format!("{CRM}: 0 there, scanned 42 of 42")), "{}", ended.out);
    assert_eq!(program.run(&["jobs", "bounces", "1", "--accept-cost", CRM]).code, 4, "another name accepts nothing");

    let looked = &program.json(&["jobs", "bounces", "1", "--accept-cost", dead])[0];
    let look = looked["looks"].as_array().expect("a list").iter().find(|look| look["queue"] == dead).expect("it");
    assert_eq!((&look["scanned"], &look["notLooked"]), (&24.into(), &serde_json::Value::Null), "{looked}");
}
