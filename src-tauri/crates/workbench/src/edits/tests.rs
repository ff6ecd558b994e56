#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use std::sync::Arc;

use broker::{Message, Name, REDRIVE_HEADER, Table, Value};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use sandbox::SandboxRules;

use super::*;
use crate::profiles::tests::workbench;
use crate::{Error, Result};

fn text(value: &str) -> HeaderValue {
    HeaderValue::Text { value: value.into() }
}

fn set(name: &str, value: HeaderValue) -> EditStep {
    EditStep::SetHeader { name: name.into(), value }
}

fn remove(name: &str) -> EditStep {
    EditStep::RemoveHeader { name: name.into() }
}

fn rename(name: &str, to: &str) -> EditStep {
    EditStep::RenameHeader { name: name.into(), to: to.into() }
}

fn edit(steps: impl Into<Vec<EditStep>>) -> Edit {
    Edit { steps: steps.into() }
}

fn edited(step: EditStep, headers: &Table) -> Result<Table, String> {
    headers::edited(&edit([step]), headers)
}

fn why_invalid<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Invalid { why }) => why,
        other => panic!("expected it to be invalid, not {other:?}"),
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z]{0,4}".prop_map(Value::from),
        any::<i8>().prop_map(Value::I8),
        any::<u16>().prop_map(Value::U16),
        any::<i32>().prop_map(Value::I32),
        any::<u32>().prop_map(Value::U32),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::F64),
        any::<u64>().prop_map(Value::Timestamp),
        any::<bool>().prop_map(Value::Bool),
        proptest::collection::vec(any::<u8>(), 0..3).prop_map(Value::Bytes),
        "[a-c]".prop_map(|name| Value::Table([(name.as_str(), Value::Void)].into_iter().collect())),
    ]
}

/// Few names, so that they meet and repeat; some are not UTF-8.
fn any_headers() -> impl Strategy<Value = Table> {
    let name = prop_oneof!["[a-d]".prop_map(String::into_bytes), proptest::collection::vec(200u8.., 1..3)];
    proptest::collection::vec((name.prop_map(Name::from), any_value()), 0..8).prop_map(Table::from_iter)
}

fn any_new_value() -> impl Strategy<Value = HeaderValue> {
    prop_oneof![
        "[a-z]{0,4}".prop_map(|value| HeaderValue::Text { value }),
        prop_oneof![any::<i64>(), -200i64..200].prop_map(|value| HeaderValue::Integer { value }),
        any::<bool>().prop_map(|value| HeaderValue::Boolean { value }),
    ]
}

fn others(headers: &Table, names: &[&str]) -> Vec<(Name, Value)> {
    let is_other = |name: &Name| names.iter().all(|other| name.as_bytes() != other.as_bytes());
    headers.iter().filter(|(name, _)| is_other(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn names(headers: &Table) -> Vec<&[u8]> {
    headers.iter().map(|(name, _)| name.as_bytes()).collect()
}

proptest! {
    #[test]
    fn a_header_that_is_set_has_that_value_once_and_the_others_stay(
        headers in any_headers(), name in "[a-d]", value in any_new_value()
    ) {
        let after = edited(set(&name, value.clone()), &headers).unwrap();
        let found: Vec<_> = after.iter().filter(|(other, _)| other.as_bytes() == name.as_bytes()).collect();
        assert_eq!(found.len(), 1);
        match &value {
            HeaderValue::Text { value } => assert_eq!(found[0].1, &Value::from(value.as_str())),
            HeaderValue::Integer { value } => assert_eq!(found[0].1.as_i64(), Some(*value)),
            HeaderValue::Boolean { value } => assert_eq!(found[0].1, &Value::Bool(*value)),
        }
        assert_eq!(others(&after, &[&name]), others(&headers, &[&name]));
        let place = |headers: &Table| names(headers).iter().position(|other| *other == name.as_bytes());
        assert_eq!(place(&after), place(&headers).or(Some(headers.len())), "it stands where it stood, or at the end");
        assert_eq!(edited(set(&name, value), &after), Ok(after.clone()), "setting it twice changes nothing more");
    }

    #[test]
    fn a_header_that_is_removed_is_gone_and_the_others_stay(headers in any_headers(), name in "[a-d]") {
        let after = edited(remove(&name), &headers).unwrap();
        assert_eq!(after.get(&name), None);
        assert_eq!(others(&after, &[]), others(&headers, &[&name]));
    }

    #[test]
    fn a_header_that_is_renamed_keeps_its_values_and_its_places(headers in any_headers(), name in "[a-b]", to in "[c-d]") {
        let after = edited(rename(&name, &to), &headers);
        if headers.get(&name).is_some() && headers.get(&to).is_some() {
            assert_eq!(after, Err(format!("step 1 (rename header): it has a header `{to}` already")));
            return Ok(());
        }
        let after = after.unwrap();
        let values = |headers: &Table| headers.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&after), values(&headers));
        let to_name = |other| if other == name.as_bytes() { to.as_bytes() } else { other };
        assert_eq!(names(&after), names(&headers).into_iter().map(to_name).collect::<Vec<_>>());
        if headers.get(&name).is_some() {
            assert_eq!(edited(rename(&to, &name), &after), Ok(headers), "and back");
        }
    }
}

#[test]
fn a_whole_number_is_as_wide_as_the_one_that_it_replaces() {
    let headers: Table = [("n", Value::I32(7)), ("text", Value::from("7"))].into_iter().collect();
    let set_to = |name, value| {
        let after = edited(set(name, HeaderValue::Integer { value }), &headers).unwrap();
        after.get(name).unwrap().clone()
    };
    assert_eq!(set_to("n", 9), Value::I32(9));
    assert_eq!(set_to("n", 1 << 40), Value::I64(1 << 40), "it does not fit");
    assert_eq!(set_to("text", 9), Value::I64(9));
    assert_eq!(set_to("new", i64::MIN), Value::I64(i64::MIN));
}

#[tokio::test]
async fn headers_are_edited_without_a_worker_and_nothing_else_is_touched() {
    let before = Message {
        body: vec![0xff, 0],
        headers: [("a", Value::from("1")), ("b", Value::from("2"))].into_iter().collect(),
        properties: [("message-id", Value::from("m"))].into_iter().collect(),
        delivery_count: Some(3),
        ..Message::default()
    };
    let steps = [set("c", text("3")), rename("a", "z"), remove("b"), set("z", HeaderValue::Boolean { value: true })];
    let mut editor = Editor::new(&edit(steps)).unwrap();
    let after = editor.apply(before.clone()).await.unwrap();
    let headers = [("z", Value::Bool(true)), ("c", Value::from("3"))].into_iter().collect();
    assert_eq!(after, Message { headers, ..before.clone() });

    let mut editor = Editor::new(&edit([set("q", text("")), rename("a", "b")])).unwrap();
    assert_eq!(
        editor.apply(before.clone()).await,
        Err("step 2 (rename header): it has a header `b` already".to_owned()),
        "a message at which a step fails is not edited at all"
    );
    let nothing = Edit::default();
    assert!(nothing.is_empty() && !edit([remove("a")]).is_empty());
    assert_eq!(Editor::new(&nothing).unwrap().apply(before.clone()).await, Ok(before));
}

#[tokio::test]
async fn a_program_that_does_not_serve_as_a_worker_is_said_so() {
    // The test harness does not know the worker's argument.
    let mut editor = Editor::new(&edit([EditStep::Jq { program: ".".into() }])).unwrap();
    let message = Message { body: b"{}".to_vec(), ..Message::default() };
    let could_not = "the worker that edits bodies could not be started: it does not answer as it should";
    for _ in 0..5 {
        assert_eq!(editor.apply(message.clone()).await, Err(could_not.to_owned()));
    }
    let not_tried = format!("not tried, after 5 messages without an answer; at the last one {could_not}");
    assert_eq!(editor.apply(message).await, Err(not_tried));
}

#[test]
fn an_edit_that_can_never_be_carried_out_names_the_step_and_the_place() {
    let ours = "headers that begin so are written by this program, to recognise what it sent";
    let jq = |program: &str| EditStep::Jq { program: program.into() };
    let cases = [
        (set("", text("x")), "set header): a header needs a name".to_owned()),
        (set(&"n".repeat(256), text("x")), "set header): a header's name is one line of at most 255 bytes".to_owned()),
        (set("a\nb", text("x")), "set header): a header's name is one line of at most 255 bytes".to_owned()),
        (set("a", text(&"x".repeat(65_537))), "set header): a header's value has at most 65536 bytes".to_owned()),
        (set(REDRIVE_HEADER, text("x")), format!("set header): `{REDRIVE_HEADER}` cannot be set: {ours}")),
        (set("X-Queuescope-New", text("x")), format!("set header): `X-Queuescope-New` cannot be set: {ours}")),
        (rename("a", "x-queuescope-origin"), format!("rename header): `x-queuescope-origin` cannot be set: {ours}")),
        (rename("a", "a"), "rename header): both names are the same".to_owned()),
        (rename("", "a"), "rename header): a header needs a name".to_owned()),
        (rename("a", ""), "rename header): a header needs a name".to_owned()),
        (remove(""), "remove header): a header needs a name".to_owned()),
        (jq(".a |"), "jq): term is expected at line 1, column 5".to_owned()),
        (jq("env"), "jq): there is no filter `env` at line 1, column 1".to_owned()),
        (
            EditStep::ReplaceText { pattern: "a(".into(), with: String::new() },
            "replace text): the pattern is not a regular expression at character 2: unclosed group".to_owned(),
        ),
    ];
    for (step, why) in cases {
        let edit = edit([remove("fine"), step]);
        assert_eq!(why_invalid(edit.check()), format!("step 2 ({why}"));
        assert_eq!(why_invalid(Editor::new(&edit)), format!("step 2 ({why}"));
    }
    assert_eq!(why_invalid(edit(vec![remove("a"); 33]).check()), "an edit has at most 32 steps");
    edit([remove(REDRIVE_HEADER), rename("x-queuescope-origin", "origin"), jq(".a = 1")]).check().unwrap();
}

#[test]
fn a_header_that_is_left_out_on_the_way_cannot_be_set() {
    let deaths = |step: EditStep| edit([step]).check_for(&SandboxRules);
    let why =
        "`x-death` cannot be set: it is left out when a message is sent: the broker writes the death history itself";
    assert_eq!(why_invalid(deaths(set("x-death", text("x")))), format!("step 1 (set header): {why}"));
    assert_eq!(why_invalid(deaths(rename("a", "x-death"))), format!("step 1 (rename header): {why}"));
    assert_eq!(
        why_invalid(deaths(remove(""))),
        "step 1 (remove header): a header needs a name",
        "the rest is checked too"
    );
    deaths(rename("x-death", "x-old-death")).unwrap();
    deaths(remove("x-death")).unwrap();
    deaths(set("x-gateway-hint", text("secondary"))).unwrap();
}

#[test]
fn an_edit_is_written_so_that_no_reader_rounds_it() {
    let written = concat!(
        r#"{"steps":[{"kind":"setHeader","name":"n","value":{"type":"integer","value":"-9223372036854775808"}},"#,
        r#"{"kind":"setHeader","name":"t","value":{"type":"text","value":"5"}},"#,
        r#"{"kind":"setHeader","name":"b","value":{"type":"boolean","value":false}},"#,
        r#"{"kind":"removeHeader","name":"a"},{"kind":"renameHeader","name":"a","to":"b"},"#,
        r#"{"kind":"replaceText","pattern":"a","with":"$0"},{"kind":"jq","program":".a = 1"}]}"#,
    );
    let edit: Edit = serde_json::from_str(written).unwrap();
    assert_eq!(edit.steps[0], set("n", HeaderValue::Integer { value: i64::MIN }));
    assert_eq!(serde_json::to_string(&edit).unwrap(), written);
}

#[tokio::test]
async fn a_rule_is_kept_by_its_name_until_it_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let bench = workbench(dir.path(), Arc::default()).await;
    let (first, second) = (edit([remove("a")]), edit([EditStep::Jq { program: ".a = 9007199254740993".into() }]));
    bench.save_edit_rule(" Zeal ", first.clone()).await.unwrap();
    bench.save_edit_rule("another", first).await.unwrap();
    let saved = bench.save_edit_rule("ZEAL", second.clone()).await.unwrap();
    assert_eq!((saved.name.as_str(), &saved.edit), ("ZEAL", &second));

    drop(bench);
    let bench = workbench(dir.path(), Arc::default()).await;
    let rules = bench.edit_rules().await.unwrap();
    assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["another", "ZEAL"]);
    assert_eq!(rules[1], saved, "it is read as it was written");

    bench.remove_edit_rule("zeal").await.unwrap();
    assert_eq!(bench.edit_rules().await.unwrap().len(), 1);
    assert!(matches!(bench.remove_edit_rule("zeal").await, Err(Error::NoSuch { what: "rule", .. })));
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let bench = workbench(dir.path(), Arc::default()).await;
    let name_why = "a rule's name is one line of at most 120 characters";
    for name in ["", "  ", "a\nb", &"n".repeat(121)] {
        assert_eq!(why_invalid(bench.save_edit_rule(name, edit([remove("a")])).await), name_why);
    }
    let why = why_invalid(bench.save_edit_rule("a", Edit::default()).await);
    assert_eq!(why, "a rule that changes nothing cannot be kept");
    let why = why_invalid(bench.save_edit_rule("a", edit([rename("a", "a")])).await);
    assert_eq!(why, "step 1 (rename header): both names are the same");
    assert_eq!(bench.edit_rules().await.unwrap(), []);
}

#[tokio::test]
async fn so_many_rules_are_kept_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let bench = workbench(dir.path(), Arc::default()).await;
    let rule = |name: &str| EditRule { name: name.into(), edit: edit([remove("a")]), saved_at: crate::store::now() };
    let (first, second, again) = (rule("a"), rule("b"), rule("A"));
    let put = bench.inner.store.write(move |transaction| {
        Ok([first.put(transaction, 1)?, second.put(transaction, 1)?, again.put(transaction, 1)?])
    });
    assert_eq!(put.await.unwrap(), [true, false, true], "one that is there already can always be replaced");
}
