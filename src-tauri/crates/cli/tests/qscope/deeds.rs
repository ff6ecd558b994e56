use serde_json::Value as Json;

use crate::program::Program;

const CRM: &str = "customers.crm";

fn deed(program: &Program, arguments: &[&str]) -> Json {
    let lines = program.json(arguments);
    assert_eq!(lines.len(), 2, "the job first, its summary last: {lines:?}");
    lines[1].clone()
}

#[test]
fn messages_are_moved_to_a_place_that_has_to_be_named() {
    let program = Program::new();
    let to = ["move", "-c", "sandbox:", CRM, "--limit", "3", "--yes"];
    program.run(&to).assert_refused(2, "where to is missing");
    let moved = deed(&program, &[&to[..], &["--to-queue", "orders.audit"]].concat());
    assert_eq!((&moved["deed"], &moved["done"], &moved["target"]), (&"move".into(), &3.into(), &"orders.audit".into()));
    assert_eq!(program.acts()[0], "move");
}

#[test]
fn messages_are_copied_at_a_rate_and_stay() {
    let program = Program::new();
    let copy = ["copy", "-c", "sandbox:", CRM, "--to-queue", "orders.audit", "--limit", "4", "--rate", "100", "--yes"];
    let copied = deed(&program, &copy);
    assert_eq!((&copied["deed"], &copied["done"]), (&"copy".into(), &4.into()), "{copied}");
}

#[test]
fn what_is_discarded_or_purged_can_be_put_back() {
    let program = Program::new();
    let discarded = deed(&program, &["discard", "-c", "sandbox:", CRM, "--limit", "2", "--yes"]);
    assert_eq!((&discarded["deed"], &discarded["done"]), (&"discard".into(), &2.into()), "{discarded}");
    let purged = deed(&program, &["purge", "-c", "sandbox:", CRM, "--yes"]);
    assert_eq!((&purged["deed"], &purged["done"]), (&"discard".into(), &42.into()), "with copies: {purged}");
    let undone = deed(&program, &["undo", "1", "--yes"]);
    assert_eq!((&undone["deed"], &undone["done"], &undone["target"]), (&"undo".into(), &2.into(), &CRM.into()));
}

#[test]
fn a_purge_without_copies_wants_the_name_again() {
    let program = Program::new();
    let purge = ["purge", "-c", "sandbox:", CRM, "--without-copies", "--yes"];
    program.run(&purge).assert_refused(3, "--accept-cost");
    let purged = deed(&program, &[&purge[..], &["--accept-cost", CRM]].concat());
    assert_eq!((&purged["deed"], &purged["done"]), (&"purge".into(), &42.into()), "{purged}");
    program.run(&["undo", "1", "--yes"]).assert_refused(2, "nothing that was copied");
}

#[test]
fn the_undo_of_a_move_wants_the_name_again() {
    let program = Program::new();
    deed(&program, &["move", "-c", "sandbox:", CRM, "--limit", "1", "--to-queue", "orders.audit", "--yes"]);
    program.run(&["undo", "1", "--yes"]).assert_refused(3, "--accept-cost");
    assert_eq!(deed(&program, &["undo", "1", "--yes", "--accept-cost", CRM])["done"], 1);
}

#[test]
fn a_snapshot_is_replayed() {
    let program = Program::new();
    let snapshot = program.done(&["-q", "capture", "-c", "sandbox:", CRM, "-n", "5", "--name", "five"]).out;
    assert!(!snapshot.trim().is_empty());
    let replayed = deed(&program, &["replay", "-c", "sandbox:", "five", "--to-queue", "orders.audit", "--yes"]);
    assert_eq!((&replayed["deed"], &replayed["done"]), (&"replay".into(), &5.into()), "{replayed}");
}

#[test]
fn a_canary_goes_first() {
    let program = Program::new();
    let canary = ["--canary", "2", "--canary-wait", "0", "--yes"];
    let moved = deed(
        &program,
        &[&["move", "-c", "sandbox:", CRM, "--limit", "6", "--to-queue", "orders.audit"][..], &canary].concat(),
    );
    assert_eq!((&moved["done"], &moved["bounced"]), (&6.into(), &0.into()), "{moved}");
}

#[test]
fn messages_are_edited_before_they_are_sent_and_what_cannot_be_stays() {
    let program = Program::new();
    let edits = ["--set-header", "fixed-by=qscope", "--edit", ".fixed = true", "--limit", "3", "--yes"];
    let sent = deed(&program, &[&["move", "-c", "sandbox:", CRM, "--to-queue", "orders.audit"][..], &edits].concat());
    assert_eq!((&sent["done"], &sent["refused"]), (&3.into(), &0.into()), "{sent}");
    let wrong = ["--edit", ".a as [$b | $b", "--yes"];
    let wrong = [&["move", "-c", "sandbox:", CRM, "--to-queue", "orders.audit"][..], &wrong].concat();
    program.run(&wrong).assert_refused(2, "step 1");
    let failing = ["--edit", ".no.such | error", "--limit", "2", "--yes"];
    let failing = [&["move", "-c", "sandbox:", CRM, "--to-queue", "orders.audit"][..], &failing].concat();
    let lines = program.run(&[&["--json"], &failing[..]].concat()).lines();
    let last = lines.last().expect("a summary");
    assert_eq!((&last["done"], &last["refused"]), (&0.into(), &2.into()), "{last}");
}
