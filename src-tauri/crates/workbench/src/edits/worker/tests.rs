#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use std::io::Cursor;

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;

use super::*;
use crate::EditStep;
use crate::edits::BODY_BYTES_MAX;

fn edited(steps: Vec<EditStep>, body: &[u8]) -> Result<Option<Vec<u8>>, String> {
    BodySteps::compile(&Edit { steps })?.run(body)
}

fn jq(program: &str, body: &str) -> Result<Option<String>, String> {
    let step = EditStep::Jq { program: program.into() };
    Ok(edited(vec![step], body.as_bytes())?.map(|body| String::from_utf8(body).unwrap()))
}

fn after(program: &str, body: &str) -> String {
    jq(program, body).unwrap().unwrap_or_else(|| panic!("`{program}` changes `{body}`"))
}

fn replaced(pattern: &str, with: &str, body: &[u8]) -> Result<Option<Vec<u8>>, String> {
    edited(vec![EditStep::ReplaceText { pattern: pattern.into(), with: with.into() }], body)
}

/// JSON as it is written without white space.
fn json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "[1-9][0-9]{20,40}",
        "-?[1-9][0-9]{0,20}\\.[0-9]{1,30}",
        "[1-9](\\.[0-9]{1,5})?[eE][+-]?[0-9]{1,2}",
        Just("-0.0".to_owned()),
        Just("1.0".to_owned()),
    ];
    let leaf = prop_oneof![
        number,
        "\"[a-zA-Z0-9 é😀{}\\[\\]:,]{0,8}\"",
        Just("\"\\\"\\\\\\n\\u0000\"".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
    ];
    let value = leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(","))),
            proptest::collection::vec(("[a-z]{1,6}", inner), 0..5).prop_map(|fields| object(&fields)),
        ]
    });
    proptest::collection::vec(("[a-z]{1,6}", value), 1..6).prop_map(|fields| object(&fields))
}

/// Names in any order, and each once.
fn object(fields: &[(String, String)]) -> String {
    let named = fields.iter().enumerate().map(|(n, (name, value))| format!("\"{name}{n}\":{value}"));
    format!("{{{}}}", named.collect::<Vec<_>>().join(","))
}

proptest! {
    #![proptest_config(Config::with_cases(64))]

    #[test]
    fn what_a_program_does_not_touch_stays_as_it_was_sent(body in json()) {
        let added = format!("{},\"Added\":[1,{{\"x\":2.50}}]}}", &body[..body.len() - 1]);
        assert_eq!(after(r#".Added = [1, {x: 2.50}]"#, &body), added);
        assert_eq!(after("del(.Added)", &added), body);
        assert_eq!(jq(".", &body), Ok(None));
        assert_eq!(jq("walk(.) | with_entries(.) | tojson | fromjson", &body), Ok(None));
    }

    #[test]
    fn no_program_and_no_body_makes_it_panic(program in "[.a\\[\\]{}()|=$\" 0-9,:;*+?-]{0,24}", body in ".{0,24}") {
        let ended = jq(&program, &body);
        assert!(ended.is_err() || ended.is_ok_and(|body| body.is_none_or(|body| json::check(&body).is_ok())));
    }
}

#[test]
fn a_program_that_changes_nothing_leaves_every_byte() {
    let body = "{ \"a\" : 1.50,\t\"\\u00e9\": [ ],\r\n \"z\": -0 }\n";
    assert_eq!(jq(".", body), Ok(None));
    assert_eq!(jq(".a |= .", body), Ok(None));
    assert_eq!(after(".a = 2", body), r#"{"a":2,"é":[],"z":0}"#, "white space, escapes and the sign of 0 do not stay");
}

#[test]
fn whole_numbers_are_exact_and_others_are_floats_once_they_are_calculated_with() {
    let body = r#"{"id":9007199254740993,"big":18446744073709551616,"d":0.10000000000000000000001,"e":1E40}"#;
    assert_eq!(after("{id: (.id + 1)}", body), r#"{"id":9007199254740994}"#);
    assert_eq!(after("{big: (.big * 2 - 1)}", body), r#"{"big":36893488147419103231}"#);
    assert_eq!(
        after("{id: (.id | tostring), d: .d}", body),
        r#"{"id":"9007199254740993","d":0.10000000000000000000001}"#
    );
    assert_eq!(after("{d: (.d + 0)}", body), r#"{"d":0.1}"#);
    assert_eq!(after("{half: (.id / 1)}", body), r#"{"half":9007199254740992.0}"#);
}

#[test]
fn a_name_that_is_removed_leaves_the_others_in_their_order() {
    let body = r#"{"a":1,"b":2,"c":{"x":null,"y":2,"z":3},"d":[1,2,3,4],"e":5}"#;
    let cases = [
        ("del(.a)", r#"{"b":2,"c":{"x":null,"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        ("del(.a, .c)", r#"{"b":2,"d":[1,2,3,4],"e":5}"#),
        ("del(.c.x, .b, .missing)", r#"{"a":1,"c":{"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        (".a |= empty", r#"{"b":2,"c":{"x":null,"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        ("(.a, .b) |= (select(. > 1) | . * 10)", r#"{"b":20,"c":{"x":null,"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        ("delpaths([[\"a\"], [\"d\", 0], [\"d\", 2]])", r#"{"b":2,"c":{"x":null,"y":2,"z":3},"d":[2,4],"e":5}"#),
        ("del(.d[0, 2], .a)", r#"{"b":2,"c":{"x":null,"y":2,"z":3},"d":[2,4],"e":5}"#),
        ("del(.d[1:3])", r#"{"a":1,"b":2,"c":{"x":null,"y":2,"z":3},"d":[1,4],"e":5}"#),
        ("del(.d[] | select(. > 1))", r#"{"a":1,"b":2,"c":{"x":null,"y":2,"z":3},"d":[1],"e":5}"#),
        ("del(.. | select(. == null))", r#"{"a":1,"b":2,"c":{"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        (".. |= select(. != null)", r#"{"a":1,"b":2,"c":{"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        (".c |= with_entries(select(.value != null)) | del(.a)", r#"{"b":2,"c":{"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        ("{n: (del(.a) | length)} + .", r#"{"n":4,"a":1,"b":2,"c":{"x":null,"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        ("map_values(select(. != 2))", r#"{"a":1,"c":{"x":null,"y":2,"z":3},"d":[1,2,3,4],"e":5}"#),
        ("del(.)", "null"),
    ];
    for (program, wanted) in cases {
        assert_eq!(after(program, body), wanted, "{program}");
    }
    // Updates are found wherever a program can hold one.
    for program in [
        "def f: .a |= empty; f",
        "if true then .a |= empty else . end",
        "try (.a |= empty) catch .",
        "reduce 1 as $x (.; .a |= empty)",
        "label $f | .a |= empty",
        "[.a |= empty][0]",
        "{x: (.a |= empty)}.x",
        ". as $x | .a |= empty",
        "\"\\(.a |= empty)\" | fromjson",
        "[[1], (.a |= empty)][(.d[0] |= empty | 1)]",
        "first(.a |= empty, 1)",
    ] {
        assert_eq!(after(program, body), cases[0].1, "{program}");
    }
}

#[test]
fn an_update_above_sees_what_is_below_without_what_was_removed() {
    let program = r#".. |= (select(. != null) | if type == "object" then . + {n: length} else . end)"#;
    assert_eq!(after(program, r#"{"a":null,"b":{"c":null,"d":1}}"#), r#"{"b":{"d":1,"n":1},"n":1}"#);
    assert_eq!(
        after(".a |= (1, 2)", r#"{"a":0}"#),
        r#"{"a":1}"#,
        "an update takes the first of several values, as in jq"
    );
}

#[test]
fn a_body_that_would_not_survive_is_refused() {
    let cases = [
        ("", "its body is not JSON that can be edited: EOF while parsing a value at line 1 column 0"),
        ("plain", "its body is not JSON that can be edited: expected value at line 1 column 1"),
        ("{\"a\":1} x", "its body is not JSON that can be edited: trailing characters at line 1 column 9"),
        ("\u{feff}{}", "its body is not JSON that can be edited: expected value at line 1 column 1"),
        ("[NaN]", "its body is not JSON that can be edited: expected value at line 1 column 2"),
        ("{1:2}", "its body is not JSON that can be edited: key must be a string at line 1 column 2"),
        ("[1] # comment", "its body is not JSON that can be edited: trailing characters at line 1 column 5"),
        (
            "{\"a\":1,\n\"a\":2}",
            "its body is not JSON that can be edited: a name comes twice in one object at line 2 column 3",
        ),
        ("[1e999]", "its body is not JSON that can be edited: number out of range at line 1 column 6"),
        ("[\"\\ud800\"]", "its body is not JSON that can be edited: unexpected end of hex escape at line 1 column 9"),
    ];
    for (body, why) in cases {
        assert_eq!(jq(".x = 1", body), Err(format!("step 1 (jq): {why}")), "{body}");
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let why = jq(".", &deep).unwrap_err();
    assert!(why.contains("recursion limit exceeded"), "{why}");
    assert!(jq(".", &format!("{}1{}", "[".repeat(120), "]".repeat(120))).is_ok());
}

#[test]
fn a_program_that_does_not_give_one_json_value_edits_nothing() {
    let cases = [
        ("empty", "the program gives no result"),
        (".a, .b", "the program gives more than one result"),
        ("., error(\"late\")", "the program says: late"),
        ("nan", "the result is not JSON: expected value at line 1 column 1"),
        ("{a: infinite}", "the result is not JSON: expected value at line 1 column 6"),
        ("\"a\" | tobytes", "the result is not JSON: expected value at line 1 column 1"),
        ("{(1): 2}", "the result is not JSON: key must be a string at line 1 column 2"),
        ("[-255] | implode", "the result is not JSON: a text in it is not UTF-8"),
    ];
    for (program, why) in cases {
        assert_eq!(jq(program, "{}"), Err(format!("step 1 (jq): {why}")), "{program}");
    }
    let why = jq("reduce range(200) as $i (.; [.])", "{}").unwrap_err();
    assert!(why.contains("the result is not JSON: recursion limit exceeded"), "{why}");
}

#[test]
fn an_error_tells_what_is_wrong_and_nothing_of_the_body() {
    let body = r#"{"secret":"4711 0815","n":4711,"list":[],"gone":null}"#;
    let cases = [
        (".secret | floor", "it uses a text as number"),
        (".n[]", "it uses a number as iterable (array or object)"),
        (".gone.x = 1", "it uses null as iterable (array or object)"),
        (".n | ascii_downcase", "it uses a number as string"),
        ("{} | sort", "it uses an object as array"),
        (".secret.x", "it looks for something inside of a value that has no such parts"),
        (".secret + 1", "it calculates with values of kinds that do not go together"),
        (".list[3] = 1", "it changes something behind the end of an array"),
        ("(.n + 1) = 2", "it changes something that is not a part of the body"),
        ("error(.secret)", "the program ends with an error"),
        ("error", "the program ends with an error"),
        ("error(\"no order: \\(.secret)\")", "the program ends with an error"),
        ("\"{\" + .secret | fromjson", "the program ends with an error"),
        (".secret | fromdate", "the program ends with an error"),
        ("if .n == 1 then . else error(\"not the right order\") end", "the program says: not the right order"),
    ];
    for (program, wanted) in cases {
        let why = jq(program, body).unwrap_err();
        assert!(!why.contains("4711") && !why.contains("0815"), "{why}");
        assert_eq!(why.strip_prefix("step 1 (jq): "), Some(wanted), "{program}");
    }
}

#[test]
fn a_program_reaches_nothing_outside_of_the_message() {
    for program in [
        "env",
        "$ENV",
        "env.PATH",
        "$ENV.PATH",
        "input",
        "inputs",
        "input_filename",
        "input_line_number",
        "halt",
        "halt(1)",
        "halt_error",
        "halt_error(1)",
        "localtime",
        "strflocaltime(\"%Y\")",
        "$__loc__",
        "$__prog_args",
        "get_search_list",
        "modulemeta",
        "include \"a\"; .",
        "import \"a\" as a; .",
        "import \"a\" as $a; .",
        "a::b",
        "getpath(env)",
        "queuescope__program(1)",
        "first(env)",
    ] {
        let why = jq(program, "{}").unwrap_err();
        assert!(why.starts_with("step 1 (jq): ") && why.contains(" at line 1, column "), "`{program}`: {why}");
    }
    assert_eq!(jq("debug | stderr", "{}"), Ok(None), "these two say nothing to anybody");
}

#[test]
fn a_program_that_cannot_be_read_is_told_where() {
    let cases = [
        ("", "term is expected at line 1, column 1"),
        (".a |", "term is expected at line 1, column 5"),
        (".a |\n  foo", "there is no filter `foo` at line 2, column 3"),
        ("map(.a; .b)", "there is no filter `map` with 2 arguments at line 1, column 1"),
        (".é | $x", "a token is missing at line 1, column 2"),
        (".a | $x", "there is no variable `$x` at line 1, column 6"),
        ("[1, 2", "a closing bracket is missing at line 1, column 6"),
        ("1 2", "nothing is expected at line 1, column 3"),
        ("\"a\\qb\"", "a string escape sequence is missing at line 1, column 4"),
        ("# nothing", "term is expected at line 1, column 10"),
        ("a::b", "there is no module `a` at line 1, column 1"),
        ("break $x", "there is no label `$x` at line 1, column 7"),
    ];
    for (program, why) in cases {
        assert_eq!(jq(program, "{}"), Err(format!("step 1 (jq): {why}")), "{program}");
    }
    assert_eq!(jq(&" ".repeat(8193), "{}"), Err("step 1 (jq): a program has at most 8192 bytes".to_owned()));
}

#[test]
fn the_deepest_programs_that_fit_are_read_without_harm() {
    let nested = |open: &str, close: &str| {
        let n = (8192 - 1) / (open.len() + close.len());
        format!("{}1{}", open.repeat(n), close.repeat(n))
    };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a:", "}"),
        ("-", ""),
        ("1|", ""),
        ("1,", ""),
        ("1+", ""),
        ("1 as$x|", ""),
        ("def f:", ";."),
        ("try ", ""),
        ("if 1then ", " end"),
        ("reduce 1as$x(0;", ")"),
        ("\"\\(", ")\""),
        (".[", "]"),
        (".a|=", ""),
        ("-(", ")"),
        ("[.[", "]]"),
        ("f(", ")"),
        ("label$x|", ""),
    ] {
        let edit = Edit { steps: vec![EditStep::Jq { program: nested(open, close) }] };
        // Read or refused: what matters is that we are still here.
        drop(edit.check());
    }
}

#[test]
fn text_is_replaced_wherever_it_is_found() {
    let replace = |pattern, with, body: &str| {
        replaced(pattern, with, body.as_bytes()).unwrap().map(|body| String::from_utf8(body).unwrap())
    };
    assert_eq!(replace("eu-(\\d)", "us-$1", "eu-1, eu-2"), Some("us-1, us-2".to_owned()));
    assert_eq!(replace("(?<a>x)(y)", "${2}${a}$$", "xy"), Some("yx$".to_owned()));
    assert_eq!(replace("(?i)É", "e", "Été é"), Some("ete e".to_owned()));
    assert_eq!(replace("^", "> ", ""), Some("> ".to_owned()), "an empty body is text too");
    assert_eq!(replace("nowhere", "x", "eu-1"), None);
    assert_eq!(replace("a", "a", "banana"), None, "nothing is changed");
    assert_eq!(replace("a*", "-", "baac"), Some("-b-c-".to_owned()));
}

#[test]
fn a_replacement_that_cannot_be_meant_is_refused() {
    let cases = [
        ("", "x", "there is no pattern"),
        ("a(b", "x", "the pattern is not a regular expression at character 2: unclosed group"),
        ("é[", "x", "the pattern is not a regular expression at character 2: unclosed character class"),
        (
            "(?=a)",
            "x",
            "the pattern is not a regular expression at character 1: look-around, including look-ahead and look-behind, is \
             not supported",
        ),
        ("((a{100}){100}){100}", "x", "the pattern is too large: it repeats too much"),
        (
            "(a)",
            "costs $5",
            "the replacement names a group `5` that the pattern does not have; a dollar sign is written `$$`",
        ),
        (
            "(a)",
            "$1st",
            "the replacement names a group `1st` that the pattern does not have; a dollar sign is written `$$`",
        ),
        (
            "(a)",
            "${x}",
            "the replacement names a group `x` that the pattern does not have; a dollar sign is written `$$`",
        ),
    ];
    for (pattern, with, why) in cases {
        assert_eq!(replaced(pattern, with, b"a"), Err(format!("step 1 (replace text): {why}")), "{pattern} {with}");
    }
    let long = "a".repeat(4097);
    for (pattern, with) in [(long.as_str(), "x"), ("x", long.as_str())] {
        let why = replaced(pattern, with, b"a").unwrap_err();
        assert_eq!(why, "step 1 (replace text): pattern and replacement have at most 4096 bytes each");
    }
}

#[test]
fn a_body_that_is_not_text_is_refused_and_said_to_be_compressed_where_it_is() {
    let cases: [(&[u8], &str); 3] = [
        (b"\xff\xfe", "its body is not UTF-8 text"),
        (b"\x1f\x8b\x08\x00\xff", "its body is compressed (gzip)"),
        (b"\x28\xb5\x2f\xfd\x00", "its body is compressed (zstd)"),
    ];
    for (body, why) in cases {
        assert_eq!(replaced("a", "b", body), Err(format!("step 1 (replace text): {why}")));
    }
    assert_eq!(edited(Vec::new(), b"\xff"), Ok(None), "without a step on bodies there is nothing to refuse");
}

#[test]
fn what_becomes_too_large_is_refused() {
    let why = replaced("a", &"b".repeat(4096), "a".repeat(BODY_BYTES_MAX / 4096 + 2).as_bytes()).unwrap_err();
    assert_eq!(why, "step 1 (replace text): it becomes larger than 16 MiB");
    let why = jq(".a * 2000000", r#"{"a":"0123456789"}"#).unwrap_err();
    assert_eq!(why, "step 1 (jq): it becomes larger than 16 MiB");
}

#[test]
fn steps_are_carried_out_one_on_the_result_of_the_other() {
    let steps = vec![
        EditStep::ReplaceText { pattern: "'".into(), with: "\"".into() },
        EditStep::RemoveHeader { name: "x".into() },
        EditStep::Jq { program: ".a += 1".into() },
        EditStep::ReplaceText { pattern: "2".into(), with: "two".into() },
        EditStep::Jq { program: ".".into() },
    ];
    assert_eq!(edited(steps[..3].to_vec(), b"{'a':1}"), Ok(Some(br#"{"a":2}"#.to_vec())));
    let why = edited(steps, b"{'a':1}").unwrap_err();
    assert!(why.starts_with("step 5 (jq): its body is not JSON"), "{why}");
    let there_and_back = ["a", "b"]
        .map(|text| EditStep::ReplaceText { pattern: text.into(), with: if text == "a" { "b" } else { "a" }.into() });
    assert_eq!(edited(there_and_back.to_vec(), b"a"), Ok(None), "nothing is changed in the end");
}

fn frames(sent: &[(Tag, &[u8])]) -> (Vec<(Tag, String)>, io::Result<()>) {
    let mut asked = Vec::new();
    sent.iter().for_each(|(tag, payload)| frame::write(&mut asked, *tag, payload).unwrap());
    let mut answered = Vec::new();
    let ended = serve(&mut Cursor::new(asked), &mut answered, &Watchdog::start().unwrap());
    let (mut answered, mut frames) = (Cursor::new(answered), Vec::new());
    while let Some(frame) = frame::read(&mut answered).unwrap() {
        frames.push((frame.tag, String::from_utf8(frame.payload).unwrap()));
    }
    (frames, ended)
}

#[test]
fn every_body_gets_one_answer_in_order() {
    let header = r#"{"kind":"setHeader","name":"a","value":{"type":"boolean","value":true}}"#;
    let edit = format!(r#"{{"steps":[{header},{{"kind":"jq","program":".a = 1"}}]}}"#);
    let bodies: [&[u8]; 4] = [b"{}", b"{\"a\":1}", b"no", b"{\"b\":2}"];
    let sent: Vec<_> = [(Tag::Edit, edit.as_bytes())].into_iter().chain(bodies.map(|body| (Tag::Body, body))).collect();
    let (answers, ended) = frames(&sent);
    let why = "step 2 (jq): its body is not JSON that can be edited: expected ident at line 1 column 2";
    let wanted = [
        (Tag::Ready, VERSION),
        (Tag::Edited, r#"{"a":1}"#),
        (Tag::Same, ""),
        (Tag::WhyNot, why),
        (Tag::Edited, r#"{"b":2,"a":1}"#),
    ];
    assert_eq!(answers, wanted.map(|(tag, text)| (tag, text.to_owned())));
    ended.unwrap();
}

#[test]
fn a_worker_that_is_asked_wrongly_ends() {
    let (answers, ended) = frames(&[(Tag::Body, b"{}")]);
    assert_eq!(answers, [(Tag::WhyNot, "an edit was expected".to_owned())]);
    ended.unwrap();
    let (answers, _) = frames(&[(Tag::Edit, br#"{"steps":[{"kind":"jq","program":"foo"}]}"#)]);
    assert_eq!(answers[0], (Tag::WhyNot, "step 1 (jq): there is no filter `foo` at line 1, column 1".to_owned()));
    let (answers, ended) = frames(&[(Tag::Edit, br#"{"steps":[]}"#), (Tag::Ready, b"")]);
    assert_eq!((answers.len(), ended.unwrap_err().kind()), (1, io::ErrorKind::InvalidData));

    let mut silent = Vec::new();
    for wrong in [[9, 0, 0, 0, 0], [1, 255, 255, 255, 255]] {
        let ended = serve(&mut Cursor::new(wrong), &mut silent, &Watchdog::start().unwrap());
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
    serve(&mut Cursor::new([]), &mut silent, &Watchdog::start().unwrap()).unwrap();
    assert!(silent.is_empty(), "nothing is said to a stranger");
}
