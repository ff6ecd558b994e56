use serde_json::Value as Json;

use crate::program::{Program, names};

#[test]
fn a_capture_prints_the_id_of_a_snapshot_that_is_kept() {
    let program = Program::new();
    let ended = program.done(&["capture", "-c", "sandbox:", "customers.crm", "--all", "--name", "before the fix"]);
    let id = ended.out.trim();
    assert_eq!(id.len(), 36, "{ended:?}");
    let listed = program.json(&["snapshots", "list"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!((listed[0]["id"].as_str(), &listed[0]["name"]), (Some(id), &"before the fix".into()));
    assert_eq!(listed[0]["messages"], 42, "the shop's customers");
    for name in [id, &id[..20], "before the fix"] {
        assert_eq!(program.json(&["snapshots", "show", name]).len(), 42, "{name}");
    }
    assert_eq!(program.json(&["snapshots", "show", id, "-n", "2"]).len(), 2);

    let one = program.json(&["capture", "-c", "sandbox:", "customers.crm", "-n", "1"]);
    assert_eq!(names(&one[0]).join(" "), "messages name of outcome queue snapshot taken");
    assert_eq!((&one[0]["messages"], &one[0]["of"], &one[0]["taken"]), (&1.into(), &42.into(), &false.into()));
    program.run(&["snapshots", "show", &id[..4]]).assert_refused(2, "say more of the id");
    program.run(&["snapshots", "show", "nothing"]).assert_refused(1, "there is no capture `nothing`");
}

#[test]
fn a_text_is_found_in_the_bodies_of_a_snapshot() {
    let program = Program::new();
    let id = program.snapshot("customers.crm", "crm");
    let first = &program.json(&["snapshots", "show", &id, "-n", "1"])[0];
    let body: Json = serde_json::from_str(first["body"].as_str().expect("a body")).expect("the shop speaks JSON");
    let text = body.as_object().and_then(|body| body.values().find_map(Json::as_str)).expect("a text in it");
    let found = program.json(&["snapshots", "search", &id, text]);
    assert!(found.contains(first) && found.len() < 42, "{} found", found.len());
    assert_eq!(program.json(&["snapshots", "search", &id, "header.no=such"]).len(), 0, "a text is no condition");
}

#[test]
fn an_export_comes_back_as_it_was() {
    let program = Program::new();
    let id = program.snapshot("orders.dead", "dead");
    let (file, again) = (program.path("dead.jsonl"), program.path("again.jsonl"));
    let (file, again) = (file.to_str().expect("a path"), again.to_str().expect("a path"));
    program.done(&["snapshots", "export", &id, file, "--format", "jsonl"]);
    program.run(&["snapshots", "export", &id, file]).assert_refused(2, "already");
    let written = std::fs::read_to_string(file).expect("it was written");
    assert_eq!(program.done(&["snapshots", "export", &id, "-"]).out, written, "standard output is a file too");
    let imported = program.done(&["snapshots", "import", file, "-c", "sandbox:"]);
    program.done(&["snapshots", "export", imported.out.trim(), again]);
    assert!(std::fs::read_to_string(again).expect("it was written") == written, "nothing is lost");
    let listed = program.json(&["snapshots", "list"]);
    assert_eq!((&listed[0]["name"], &listed[0]["source"]), (&"dead".into(), &"import".into()));
    assert_eq!(listed[0]["profileName"], "Sandbox");
}

#[test]
fn a_file_that_is_no_export_is_refused_by_its_line() {
    let program = Program::new();
    let file = program.path("bad.jsonl");
    std::fs::write(&file, "{\"key\":\"fp:00\"}\n").expect("a file");
    let refused = program.run(&["snapshots", "import", file.to_str().expect("a path")]);
    refused.assert_refused(2, "line 1 of");
    assert!(refused.err.contains("nothing was imported"), "{}", refused.err);
    assert_eq!(program.json(&["snapshots", "list", "--all"]).len(), 0);
}

#[test]
fn a_snapshot_is_removed_unless_its_messages_exist_nowhere_else() {
    let program = Program::new();
    let id = program.snapshot("customers.crm", "crm");
    program.done(&["snapshots", "remove", &id]);
    assert_eq!(program.json(&["snapshots", "list", "--all"]).len(), 0);
    program.run(&["snapshots", "remove", &id]).assert_refused(1, "there is no capture");
    let taken = program.done(&["capture", "-c", "sandbox:", "customers.crm", "-n", "2", "--take", "--yes"]);
    let refused = program.run(&["snapshots", "remove", taken.out.trim()]);
    refused.assert_refused(3, "exist only here");
}

#[test]
fn what_is_dropped_when_is_said_and_set() {
    let program = Program::new();
    program.done(&["discard", "-c", "sandbox:", "customers.crm", "--limit", "2", "--yes"]);
    program.snapshot("customers.crm", "crm");
    program.done(&["peek", "-c", "sandbox:", "customers.crm", "-n", "1"]);
    let kept = |all: &[Json]| -> Vec<String> {
        all.iter().map(|capture| capture["kept"]["kind"].as_str().expect("a word").to_owned()).collect()
    };
    assert_eq!(kept(&program.json(&["snapshots", "list", "--all"])), ["whileThereIsRoom", "always", "until"]);
    let shown = program.done(&["snapshots", "list", "--all"]).out;
    assert!(shown.contains("until 20") && shown.contains("while there is room"), "{shown}");

    let limits = &program.json(&["snapshots", "limits"])[0];
    assert_eq!((&limits["days"], &limits["bytes"]), (&30.into(), &(2_u64 << 30).into()), "by default");
    assert!(limits["bytesUsed"].as_u64().is_some_and(|bytes| bytes > 0), "{limits}");
    let longer = &program.json(&["snapshots", "limits", "--days", "60"])[0];
    assert_eq!((&longer["days"], &longer["dropped"]["captures"]), (&60.into(), &0.into()), "it drops nothing");
    program.run(&["snapshots", "limits", "--days", "0"]).assert_refused(2, "1 to 3650 days");

    program.run(&["snapshots", "limits", "--bytes", "1KB"]).assert_refused(3, "would drop 2 captures with 3 messages");
    let less = &program.json(&["snapshots", "limits", "--bytes", "1KB", "--yes"])[0];
    assert_eq!((&less["bytesUsed"], &less["dropped"]["captures"]), (&0.into(), &2.into()), "{less}");
    assert_eq!(kept(&program.json(&["snapshots", "list", "--all"])), ["always"]);
    program.run(&["undo", "1", "--yes"]).assert_refused(1, "the copies of job 1 are not kept any more");
}
