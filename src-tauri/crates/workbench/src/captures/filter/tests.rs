use broker::Value;

use super::*;

fn holds(filter: &str, headers: &[(&str, Value)], body: &str) -> bool {
    let headers: Table = headers.iter().map(|(name, value)| (*name, value.clone())).collect();
    Filter::parse(filter).unwrap().0.iter().all(|condition| condition.holds(&headers, body.as_bytes()))
}

fn why(filter: &str) -> String {
    match Filter::parse(filter) {
        Err(Error::Invalid { why }) => why,
        other => panic!("expected `{filter}` to be refused, not {other:?}"),
    }
}

#[test]
fn text_is_found_anywhere_in_upper_and_lower_case() {
    assert!(holds("TIMEOUT", &[], "a timeout happened"));
    assert!(holds("é😀", &[], "xé😀y"));
    assert!(holds("aab", &[], "aaab"));
    assert!(!holds("timeout", &[], "time out"));
    assert!(holds("\"time out\" a", &[], "Time out. A."));
    assert!(holds("", &[], ""));
    assert!(!holds("x", &[], ""));
    assert!(holds(r#""say \"hi\" \\""#, &[], r#"say "hi" \ "#));
}

#[test]
fn a_header_is_compared_as_it_is_shown() {
    let headers = [
        ("tenant", Value::from("acme inc")),
        ("retries", Value::I64(3)),
        ("NServiceBus.FailedQ", Value::from("orders")),
        ("tags", Value::Array(vec![Value::from("a"), Value::U8(7)])),
        ("flag", Value::Bool(true)),
        ("rate", Value::F64(0.5f64.to_bits())),
        ("big", Value::Timestamp(u64::MAX)),
    ];
    for filter in [
        "header.tenant=\"acme inc\"",
        "header.retries=3",
        "header.NServiceBus.FailedQ=orders",
        "header.tags=a header.tags=7",
        "header.flag=true",
        "header.rate=0.50",
        "header.big=18446744073709551615",
    ] {
        assert!(holds(filter, &headers, ""), "{filter}");
    }
    for filter in
        ["header.tenant=acme", "header.retries=4", "header.Tenant=\"acme inc\"", "header.none=", "header.flag=1"]
    {
        assert!(!holds(filter, &headers, ""), "{filter}");
    }
}

#[test]
fn a_path_is_followed_into_json() {
    let body = r#"{"order": {"id": 4711, "lines": [{"sku": "a b"}, {"sku": "c", "n": 1.50}], "paid": false, "by": null},
                   "order": {"id": "second"}, "a.b": 12345678901234567890}"#;
    for filter in [
        "body.order.id=4711",
        "body.order.id=second",
        "body.order.lines.0.sku=\"a b\"",
        "body.order.lines.1.n=1.5",
        "body.order.paid=false",
        "body.order.by=null",
        "body.\"a.b\"=12345678901234567890",
        "body.order.id=4711 C",
    ] {
        assert!(holds(filter, &[], body), "{filter}");
    }
    for filter in
        ["body.order.id=47", "body.order=4711", "body.id=4711", "body.order.lines.2.sku=c", "body.order.lines.x=1"]
    {
        assert!(!holds(filter, &[], body), "{filter}");
    }
    assert!(!holds("body.a=1", &[], "not json"));
    assert!(!holds("body.a=1", &[], &"[".repeat(100_000)), "and deep nesting does not panic");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    assert!(why("a \"b").contains("quote at character 3"));
    assert!(why("x header.tenant").contains("`=VALUE` is missing after `header.tenant` at character 3"));
    assert!(why("header.=x").contains("a name is missing after `header.`"));
    assert!(why("body.=x").contains("a name is missing after `body.`"));
    assert!(why(&"a ".repeat(33)).contains("at most 32"));
    assert!(holds("\"header.tenant\"", &[], "the header.tenant is odd"), "in quotes it is a text");
}
