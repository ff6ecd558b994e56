//! Messages as their producers write them, and messages that somebody made to break readers.

use std::time::{Duration, Instant};

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::Table;

fn with_headers(headers: &[(&str, &str)]) -> Message {
    Message { headers: headers.iter().copied().collect(), ..Message::default() }
}

fn with_body(body: &str) -> Message {
    Message { body: body.into(), ..Message::default() }
}

fn said(failure: &Failure) -> [Option<&str>; 3] {
    [failure.exception.as_deref(), failure.message.as_deref(), failure.thrown_at.as_deref()]
}

const SPRING_TRACE: &str = "org.springframework.amqp.rabbit.support.ListenerExecutionFailedException: Listener method \
'public void shop.Capture.on(shop.Order)' threw exception\n\
\tat org.springframework.amqp.rabbit.listener.adapter.MessagingMessageListenerAdapter.invoke(Adapter.java:286)\n\
\tat java.base/java.lang.Thread.run(Thread.java:1583)\n\
Caused by: shop.payment.PaymentGatewayTimeout: Gateway did not answer within 5000 ms\nask again\n\
\tat app//shop.payment.AdyenClient.capture(AdyenClient.java:214)\n\
\tat shop.Capture.on(Capture.java:31)\n\
\t... 15 more\n\
Caused by: java.net.SocketTimeoutException: Read timed out\n\
\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:278)\n";

#[test]
fn spring_says_the_listeners_exception_and_not_the_one_around_it() {
    let message = with_headers(&[
        ("x-exception-message", "Gateway did not answer within 5000 ms\nask again"),
        ("x-exception-stacktrace", SPRING_TRACE),
        ("x-original-exchange", "orders"),
        ("x-original-routingKey", "payment.capture"),
    ]);
    let failure = Failure::of(&message).unwrap();
    assert_eq!(failure.by, "Spring AMQP");
    assert_eq!(failure.exception.as_deref(), Some("shop.payment.PaymentGatewayTimeout"));
    assert_eq!(failure.message.as_deref(), Some("Gateway did not answer within 5000 ms\nask again"));
    assert_eq!(failure.thrown_at.as_deref(), Some("AdyenClient.capture:214"));
    assert_eq!(short_exception("shop.payment.PaymentGatewayTimeout"), "PaymentGatewayTimeout");
}

#[test]
fn spring_says_what_it_can_of_a_trace_without_a_message() {
    let trace = "java.lang.NullPointerException\n\tat shop.crm.CustomerMapper.map(CustomerMapper.java:88)\n";
    let failure = Failure::of(&with_headers(&[("x-exception-stacktrace", trace)])).unwrap();
    assert_eq!(said(&failure), [Some("java.lang.NullPointerException"), None, Some("CustomerMapper.map:88")]);

    let only_message = Failure::of(&with_headers(&[("x-exception-message", "no trace was kept")])).unwrap();
    assert_eq!(said(&only_message), [None, Some("no trace was kept"), None]);

    let typed = [("x-exception-message", "m"), ("x-exception-type", "VinNotFound")];
    assert_eq!(said(&Failure::of(&with_headers(&typed)).unwrap()), [Some("VinNotFound"), Some("m"), None]);
}

#[test]
fn masstransit_says_queue_and_time_too() {
    let message = with_headers(&[
        ("MT-Reason", "fault"),
        ("MT-Fault-ExceptionType", "System.InvalidOperationException"),
        ("MT-Fault-Message", "boom from test consumer"),
        ("MT-Fault-Timestamp", "2026-11-21T10:02:11.1234567Z"),
        (
            "MT-Fault-StackTrace",
            "   at Shop.CaptureConsumer.Consume(ConsumeContext`1 context) in /src/CaptureConsumer.cs:line 21\n   at Mass\n",
        ),
        ("MT-Fault-ConsumerType", "Shop.CaptureConsumer"),
        ("MT-Fault-InputAddress", "rabbitmq://localhost/shop/orders%20eu?durable=true"),
    ]);
    let failure = Failure::of(&message).unwrap();
    let wanted = ["System.InvalidOperationException", "boom from test consumer", "CaptureConsumer.Consume:21"];
    assert_eq!(said(&failure), wanted.map(Some));
    assert_eq!((failure.by, failure.source), ("MassTransit", Some("orders eu".into())));
    assert_eq!(failure.subject.as_deref(), Some("consumer Shop.CaptureConsumer"));
    assert_eq!(failure.at, "2026-11-21T10:02:11.1234567Z".parse().ok());
}

#[test]
fn nservicebus_says_queue_and_time_too() {
    let message = with_headers(&[
        ("NServiceBus.ExceptionInfo.ExceptionType", "System.Exception"),
        ("NServiceBus.ExceptionInfo.Message", "Bad thing happened"),
        (
            "NServiceBus.ExceptionInfo.StackTrace",
            "System.Exception: Bad thing happened\n   at Shop.Handler.Handle(Order message)\n",
        ),
        ("NServiceBus.FailedQ", "Error.SourceEndpoint@machine"),
        ("NServiceBus.TimeOfFailure", "2014-11-11 02:26:58:000462 Z"),
    ]);
    let failure = Failure::of(&message).unwrap();
    assert_eq!(said(&failure), ["System.Exception", "Bad thing happened", "Handler.Handle"].map(Some));
    assert_eq!((failure.by, failure.source), ("NServiceBus", Some("Error.SourceEndpoint".into())));
    assert_eq!(failure.at, "2014-11-11T02:26:58.000462Z".parse().ok());
}

#[test]
fn ecotone_says_file_and_line() {
    let mut message = with_headers(&[
        ("exception-message", "Order 17 was not found"),
        ("exception-class", "App\\Order\\OrderNotFound"),
        ("exception-file", "/app/src/Order/Handler.php"),
        ("exception-stacktrace", "#0 /app/vendor/x.php(42): App\\Order\\Handler->handle()"),
        ("polledChannelName", "orders"),
    ]);
    message.headers.push("exception-line", Value::I32(42));
    let failure = Failure::of(&message).unwrap();
    assert_eq!(said(&failure), ["App\\Order\\OrderNotFound", "Order 17 was not found", "Handler.php:42"].map(Some));
    assert_eq!((failure.by, failure.source), ("Ecotone", Some("orders".into())));
    assert_eq!(short_exception("App\\Order\\OrderNotFound"), "OrderNotFound");
    assert_eq!(Failure::of(&with_headers(&[("exception-message", "alone")])), None, "anybody's name");
}

/// As Symfony's own serialiser writes it: the envelope of PHP, its quotes, backslashes and zero bytes escaped.
fn symfony_envelope(class: &str, said: &str) -> String {
    const STAMP: &str = "Symfony\\Component\\Messenger\\Stamp\\ErrorDetailsStamp";
    let text = |text: &str| format!("s:{}:\"{text}\";", text.len());
    let field = |name: &str| text(&format!("\0{STAMP}\0{name}"));
    let stamp = format!(
        "O:{}:\"{STAMP}\":4:{{{}{}{}i:0;{}{}{}N;}}",
        STAMP.len(),
        field("exceptionClass"),
        text(class),
        field("exceptionCode"),
        field("exceptionMessage"),
        text(said),
        field("flattenException"),
    );
    let older = stamp.replace(said, &"x".repeat(said.len()));
    let envelope = format!(
        "O:36:\"Symfony\\Component\\Messenger\\Envelope\":2:{{{}a:1:{{{}a:2:{{i:0;{older}i:1;{stamp}}}}}{}O:8:\"App\\Ship\":0:{{}}}}",
        text("\0Symfony\\Component\\Messenger\\Envelope\0stamps"),
        text(STAMP),
        text("\0Symfony\\Component\\Messenger\\Envelope\0message"),
    );
    envelope.replace('\\', "\\\\").replace('"', "\\\"").replace('\0', "\\0")
}

#[test]
fn symfony_says_the_newest_failure_of_an_envelope_that_is_never_unserialised() {
    let body = symfony_envelope("App\\Exception\\CarrierDown", "Carrier \"DHL\" is down: try C:\\later");
    let failure = Failure::of(&with_body(&body)).unwrap();
    assert_eq!(failure.by, "Symfony Messenger");
    let wanted = ["App\\Exception\\CarrierDown", "Carrier \"DHL\" is down: try C:\\later"];
    assert_eq!(said(&failure), [Some(wanted[0]), Some(wanted[1]), None]);

    let header = "X-Message-Stamp-Symfony\\Component\\Messenger\\Stamp\\ErrorDetailsStamp";
    let stamps =
        r#"[{"exceptionClass":"Old"},{"exceptionClass":"App\\New","exceptionCode":0,"exceptionMessage":"now"}]"#;
    let failure = Failure::of(&with_headers(&[(header, stamps)])).unwrap();
    assert_eq!(said(&failure), [Some("App\\New"), Some("now"), None]);
}

#[test]
fn what_is_cut_or_lies_about_its_length_is_read_as_far_as_it_goes() {
    let body = symfony_envelope("App\\A", "short");
    let lying = body.replace("s:5:\\\"short", "s:99999999999999999999999:\\\"short");
    assert_eq!(Failure::of(&with_body(&lying)).unwrap().message, None);
    for end in 0..body.len() {
        let _: Option<Failure> = Failure::of(&with_body(&body[..end]));
    }
}

#[test]
fn dramatiq_says_the_last_line_of_its_traceback_and_that_its_letters_expire() {
    let traceback = "Traceback (most recent call last):\n  File \"/venv/dramatiq/worker.py\", line 532, in process_message\n    \
        res = actor(*message.args)\n  File \"/app/shop/gateway.py\", line 10, in capture\n    raise GatewayTimeout(id)\n\
        shop.errors.GatewayTimeout: no answer for 17\nask: again\n";
    let body = serde_json::json!({
        "queue_name": "default", "actor_name": "capture", "args": [1], "kwargs": {}, "message_id": "0b0e",
        "message_timestamp": 1_700_000_000_000u64, "options": { "retries": 3, "traceback": traceback },
    });
    let failure = Failure::of(&with_body(&body.to_string())).unwrap();
    assert_eq!(failure.by, "Dramatiq");
    let wanted = ["shop.errors.GatewayTimeout", "no answer for 17", "gateway.py:10 capture"];
    assert_eq!(said(&failure), wanted.map(Some));
    assert_eq!(failure.source, Some("default".into()));
    assert!(failure.note.is_some_and(|note| note.contains("7 days")));
}

#[test]
fn who_leaves_no_exception_says_what_was_to_be_done() {
    let celery = with_headers(&[
        ("lang", "py"),
        ("task", "shop.tasks.ship"),
        ("id", "7ccb9e0d-0b0e-4a57-8d0e-3f5b0d6c1a11"),
        ("argsrepr", "(17,)"),
        ("kwargsrepr", "{}"),
        ("origin", "gen1@worker"),
    ]);
    let laravel = with_body(
        r#"{"uuid":"b1","displayName":"App\\Jobs\\ShipOrder","job":"Illuminate\\Queue\\CallQueuedHandler@call",
        "maxTries":3,"attempts":3,"data":{"commandName":"App\\Jobs\\ShipOrder"}}"#,
    );
    let nest = with_body(r#"{"pattern":"payment.capture","data":{"id":17}}"#);
    let cases = [
        (celery, "Celery", "task shop.tasks.ship"),
        (laravel, "Laravel", "job App\\Jobs\\ShipOrder"),
        (nest, "NestJS", "pattern payment.capture"),
    ];
    for (message, by, subject) in cases {
        let failure = Failure::of(&message).unwrap();
        assert_eq!((failure.by, failure.subject.as_deref()), (by, Some(subject)));
        assert_eq!(said(&failure), [None; 3], "{by}");
    }
    for body in [r#"{"pattern":"x","data":1,"more":2}"#, r#"{"displayName":"Ada"}"#, r#"{"data":{"pattern":"x"}}"#] {
        assert_eq!(Failure::of(&with_body(body)), None, "{body}: somebody's own field");
    }
}

#[test]
fn headers_of_other_types_and_bytes_that_are_no_text_are_no_trouble() {
    let odd = [
        Value::Void,
        Value::F64(0),
        Value::Bytes(vec![0xff, 0xfe, b'a']),
        Value::Text(vec![0xc3, 0x28]),
        Value::Array(vec![Value::Table(Table::new())]),
        Value::Table([("x", Value::Void)].into_iter().collect()),
        Value::I64(i64::MIN),
    ];
    let names = [
        "x-exception-message",
        "x-exception-stacktrace",
        "MT-Fault-ExceptionType",
        "MT-Fault-InputAddress",
        "NServiceBus.FailedQ",
        "NServiceBus.TimeOfFailure",
        "exception-message",
        "exception-stacktrace",
        "task",
        "id",
        "retries",
    ];
    for value in odd {
        for name in names {
            let headers = [(name, value.clone()), ("NServiceBus.FailedQ", Value::from("%zz@"))].into_iter().collect();
            let _: Option<Failure> = Failure::of(&Message { headers, ..Message::default() });
        }
    }
}

#[test]
fn large_and_deep_messages_take_no_time() {
    const LARGE: usize = 10 * 1024 * 1024;
    let nested = format!("{{\"pattern\":{}1{}", "[".repeat(LARGE / 2), "]".repeat(LARGE / 2));
    let traced = format!("{{\"actor_name\":\"a\",\"options\":{{\"traceback\":\"{}\"}}}}", "x\\n".repeat(300_000));
    let letters = [
        with_headers(&[("x-exception-stacktrace", &"Caused by: a: b\n".repeat(LARGE / 16))]),
        with_headers(&[("x-exception-message", &"9\"".repeat(LARGE / 2)), ("x-exception-stacktrace", "")]),
        with_headers(&[("MT-Fault-Message", &"a".repeat(LARGE)), ("MT-Fault-StackTrace", &" at ".repeat(LARGE / 4))]),
        with_body(&format!("O:36:Messenger ErrorDetailsStamp{}", "exceptionClass".repeat(LARGE / 14))),
        with_body(&nested),
        with_body(&traced),
        with_body(&format!("{{\"displayName\":\"{}", "\\u0041".repeat(LARGE / 6))),
    ];
    for (n, letter) in letters.iter().enumerate() {
        let began = Instant::now();
        let failure = Failure::of(letter);
        if let Some(message) = failure.and_then(|failure| failure.message) {
            assert!(message.chars().count() <= MESSAGE_MAX);
            let _: Pattern = Pattern::of(&message);
        }
        // Generous, for a busy machine and a build that is not optimised.
        assert!(began.elapsed() < Duration::from_secs(3), "letter {n} took {:?}", began.elapsed());
    }
}

fn key(message: &str) -> String {
    Pattern::of(message).key()
}

#[test]
fn what_differs_from_message_to_message_becomes_a_hole() {
    let cases = [
        ("Version 7 expected, found 12", "Version {n} expected, found {n}"),
        ("Order SO-4472118 of user_id=17 failed after 5000ms", "Order SO-{n} of user_id={n} failed after {n}ms"),
        ("balance -12.50 or 1,234,567.89", "balance {n} or {n}"),
        ("no order 550e8400-e29b-41d4-a716-446655440000.", "no order {id}."),
        ("key 507f1f77bcf86cd799439011 at 0x7ffee4", "key {id} at {id}"),
        ("Unrecognized field \"vatNumber\" (class 'Invoice')", "Unrecognized field {…} (class {…})"),
        ("it's Bob's and can't", "it's Bob's and can't"),
        ("ada@example.com wrote at 2026-11-21T10:02:11.123Z", "{address} wrote at {time}"),
        ("between 10:02:11 and 2026-11-21", "between {time} and {time}"),
        ("token pi_3OaXyz2eZvKYlo2C1abcdef is used", "token {id} is used"),
        ("http://gateway:8080/orders/17?x=1", "http://gateway:{n}/orders/{n}?x={n}"),
        ("  two\n\tlines \u{7} here ", "two lines here"),
        ("Zeit überschritten: 3 Sekunden", "Zeit überschritten: {n} Sekunden"),
        ("", ""),
    ];
    for (message, wanted) in cases {
        assert_eq!(key(message), wanted, "{message}");
    }
}

#[test]
fn a_hole_says_what_was_in_it_until_another_message_differs() {
    let mut pattern = Pattern::of("took 5 s for order 17");
    pattern.join(&Pattern::of("took 5 s for order 18"));
    let holes = pattern.parts.iter().filter_map(|part| match part {
        Part::Hole { value, .. } => Some(value.as_deref()),
        Part::Text { .. } => None,
    });
    assert_eq!(holes.collect::<Vec<_>>(), [Some("5"), None]);
}

proptest! {
    #[test]
    fn a_pattern_is_its_own_pattern_and_bounded(message in any::<String>()) {
        let once = key(&message);
        prop_assert!(once.chars().count() <= 301, "{}", once.chars().count());
        prop_assert_eq!(key(&once), once);
    }

    #[test]
    fn so_is_one_of_what_such_messages_are_made_of(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "a", "Order", " ", " ", "\"", "'", "7", "12.5", "-", "@", ".", ",", ":", "0x", "_", "/", "{", "}", "(", ")",
                "550e8400-e29b-41d4-a716-446655440000", "507f1f77bcf86cd799439011", "2026-11-21", "10:02:11", "x@y.zz",
                "“", "”", "é", "=", "`", "abcdefghijklmnopqrst", "+",
            ]),
            0..120,
        )
    ) {
        let once = key(&pieces.concat());
        prop_assert!(once.chars().count() <= 301);
        prop_assert_eq!(key(&once), once);
    }

    #[test]
    fn messages_that_differ_only_in_ids_have_one_pattern(
        a in any::<(u32, u128, u64)>(), b in any::<(u32, u128, u64)>()
    ) {
        let message = |(n, id, token): (u32, u128, u64)| {
            let id = uuid::Uuid::from_u128(id);
            format!("Order {n} ({id}) of 'customer {token}' failed: user{n}@example.com, ref=\"{token:x}\", attempt {token}")
        };
        prop_assert_eq!(key(&message(a)), key(&message(b)));
    }
}
