mod inbox;

use std::sync::Arc;

use broker::{Death, DeathReason, Message, Part, Value, property};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::captures::{CaptureSource, Captured, NewCapture};
use crate::profiles::tests::{draft, workbench};
use crate::{CaptureId, Profile, Workbench};

struct Bench {
    _dir: TempDir,
    workbench: Workbench,
    profile: Profile,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workbench = workbench(dir.path(), Arc::default()).await;
        let profile = workbench.save_profile(draft("orders"), None).await.unwrap().profile;
        Self { _dir: dir, workbench, profile }
    }

    async fn capture(&self, queue: &str, messages: Vec<Message>) -> CaptureId {
        let new = NewCapture {
            source: CaptureSource::Peek,
            profile: self.profile.id,
            profile_name: self.profile.name.clone(),
            queue: queue.into(),
            of: None,
        };
        let writer = self.workbench.inner.captures.create(new).await.unwrap();
        let id = writer.id();
        let captured = |message: Message| Captured {
            key: broker::fingerprint(&message, &[]),
            message: message.into(),
            only_here: false,
        };
        writer.append(messages.into_iter().map(captured).collect()).await.unwrap();
        writer.finish("put back, in order").await.unwrap();
        id
    }

    async fn group(&self, ask: GroupAsk) -> FailureGroups {
        self.workbench.group_failures(ask, CancellationToken::new(), |_, _| {}).await.unwrap()
    }

    async fn page(&self, grouping: GroupingId, sort: GroupColumn, descending: bool) -> Vec<(CaptureId, u64)> {
        let ask = GroupPageAsk { grouping, group: 0, sort, descending, from: 0, n: 500 };
        let page = self.workbench.page_group(ask).await.unwrap();
        page.rows.into_iter().map(|row| (row.capture, row.row.n)).collect()
    }
}

fn by(captures: &[CaptureId], by: GroupBy) -> GroupAsk {
    GroupAsk { captures: captures.to_vec(), by, filter: String::new(), since: None }
}

/// A dead letter of that queue, so many minutes old.
fn dead(queue: &str, reason: DeathReason, minutes: i64) -> Message {
    let at = now().checked_sub(SignedDuration::from_mins(minutes)).unwrap();
    let death = Death { queue: queue.into(), reason, count: 1, at: Some(at), exchange: None, routing_keys: Vec::new() };
    Message { deaths: vec![death], ..Message::default() }
}

fn failed(exception: &str, message: &str, minutes: i64) -> Message {
    let mut letter = dead("work", DeathReason::Rejected, minutes);
    letter.headers.push("x-exception-message", message);
    letter
        .headers
        .push("x-exception-stacktrace", format!("{exception}: {message}\n\tat shop.Gateway.ask(Gateway.java:7)"));
    letter
}

fn titles(groups: &FailureGroups) -> Vec<(&str, u64)> {
    groups.groups.iter().map(|group| (group.title.as_str(), group.count)).collect()
}

fn said(group: &FailureGroup) -> String {
    let part = |part: &Part| match part {
        Part::Text { text } => text.clone(),
        Part::Hole { what, value } => format!("<{}>", value.as_ref().unwrap_or(what)),
    };
    group.detail.iter().map(part).collect()
}

#[tokio::test]
async fn failures_with_the_same_cause_are_one_group_whatever_their_ids() {
    let bench = Bench::new().await;
    let first = bench
        .capture(
            "a.dlq",
            vec![
                failed("shop.VersionConflict", "Version 7 expected, found 9 after 5 s", 61),
                failed("shop.VersionConflict", "Version 8 expected, found 9 after 5 s", 5),
                failed("shop.Timeout", "no answer", 3),
            ],
        )
        .await;
    let second = bench
        .capture("b.dlq", vec![failed("shop.VersionConflict", "Version 12 expected, found 9 after 5 s", 30)])
        .await;
    let groups = bench.group(by(&[first, second], GroupBy::ExceptionAndMessage)).await;
    assert_eq!(titles(&groups), [("VersionConflict", 3), ("Timeout", 1)]);
    let group = &groups.groups[0];
    assert_eq!(said(group), "Version <n> expected, found <9> after <5> s", "what is the same in all is shown");
    assert_eq!((group.exception.as_deref(), group.by.as_deref()), (Some("shop.VersionConflict"), Some("Spring AMQP")));
    assert_eq!((group.sources.clone(), group.reasons.clone()), (vec!["work".into()], vec!["rejected".to_owned()]));
    assert_eq!(group.trend[22..], [1, 2], "by hours up to now");
    assert_eq!(group.sample, Sample { capture: first, n: 1 }, "the oldest");
    assert_eq!(groups.messages, 4);

    let oldest_first = bench.page(groups.id, GroupColumn::Died, false).await;
    assert_eq!(oldest_first, [(first, 1), (second, 1), (first, 2)], "over both captures");
    let members = bench.workbench.group_members(groups.id, 0).unwrap();
    let numbers: Vec<_> = members.iter().map(|of| (of.capture, of.queue.as_str(), of.messages.clone())).collect();
    assert_eq!(numbers, [(first, "a.dlq", vec![1, 2]), (second, "b.dlq", vec![1])]);
}

#[tokio::test]
async fn what_nobody_explains_says_what_the_broker_says() {
    let bench = Bench::new().await;
    let celery = |task: &str| {
        let mut letter = dead("work", DeathReason::Rejected, 1);
        letter.headers = [("task", task), ("id", "1"), ("argsrepr", "()")].into_iter().collect();
        letter
    };
    let capture = bench
        .capture(
            "dlq",
            vec![
                dead("work", DeathReason::Expired, 1),
                dead("work", DeathReason::Expired, 2),
                dead("work", DeathReason::Expired, 2),
                dead("other", DeathReason::MaxLength, 1),
                dead("other", DeathReason::MaxLength, 1),
                celery("shop.ship"),
                Message::default(),
            ],
        )
        .await;
    let groups = bench.group(by(&[capture], GroupBy::ExceptionAndMessage)).await;
    let words: Vec<_> = groups.groups.iter().map(|group| (said(group), group.count)).collect();
    assert!(groups.groups.iter().all(|group| group.title == "No exception header"));
    let words: Vec<_> = words.iter().map(|(words, n)| (words.as_str(), *n)).collect();
    let wanted = [
        ("Waited longer than its TTL", 3),
        ("Queue was full", 2),
        ("A consumer refused it: task shop.ship", 1),
        ("Nothing says why it is here", 1),
    ];
    assert_eq!(words, wanted);
    assert_eq!(groups.groups[3].first_seen, None, "when it died is not known");
}

#[tokio::test]
async fn messages_are_grouped_by_whatever_the_user_names() {
    let bench = Bench::new().await;
    let letter = |tenant: &str, body: &str| {
        let mut letter = dead("work", DeathReason::Rejected, 1);
        letter.headers.push("tenant", tenant);
        letter.properties.push(property::CONTENT_TYPE, "application/json");
        letter.body = body.into();
        letter
    };
    let mut plain = dead("other", DeathReason::Expired, 1);
    plain.headers.push("tenant", Value::I64(7));
    plain.body = b"not json".to_vec();
    let letters = vec![
        letter("eu", r#"{"order":{"lines":[{"sku":"A"}],"n":1.5}}"#),
        letter("eu", r#"{"order":{"lines":[{"sku":"A"}]}}"#),
        letter("us", r#"{"order":{"lines":[]}}"#),
        plain,
    ];
    let capture = bench.capture("dlq", letters).await;
    let cases: [(GroupBy, &[(&str, u64)]); 6] = [
        (GroupBy::Header { name: "tenant".into() }, &[("eu", 2), ("7", 1), ("us", 1)]),
        (
            GroupBy::JsonPath { path: "order.lines.0.sku".into() },
            &[("A", 2), ("Body is no JSON", 1), ("No value at order.lines.0.sku", 1)],
        ),
        (GroupBy::SourceQueue, &[("work", 3), ("other", 1)]),
        (GroupBy::Reason, &[("rejected", 3), ("expired", 1)]),
        (GroupBy::ContentType, &[("application/json", 3), ("No content type", 1)]),
        (GroupBy::Header { name: "none".into() }, &[("No header none", 4)]),
    ];
    for (question, wanted) in cases {
        let groups = bench.group(by(&[capture], question.clone())).await;
        let mut found = titles(&groups);
        found.sort_by_key(|(title, n)| (std::cmp::Reverse(*n), *title));
        assert_eq!(found, wanted, "{question:?}");
    }
    for question in [GroupBy::Header { name: String::new() }, GroupBy::JsonPath { path: " ".into() }] {
        let asked = bench.workbench.group_failures(by(&[capture], question), CancellationToken::new(), |_, _| {});
        assert!(matches!(asked.await, Err(Error::Invalid { .. })));
    }
}

#[tokio::test]
async fn filter_and_time_leave_messages_out() {
    let bench = Bench::new().await;
    let mut letters: Vec<_> = (0..6i64).map(|n| failed("shop.Timeout", "no answer", n * 60)).collect();
    for (n, letter) in letters.iter_mut().enumerate() {
        letter.body = format!("{{\"even\":{}}}", n % 2 == 0).into();
    }
    letters.push(Message { body: b"{\"even\":true}".to_vec(), ..Message::default() });
    let capture = bench.capture("dlq", letters).await;
    let since = Some(now().checked_sub(SignedDuration::from_mins(150)).unwrap());
    let ask = GroupAsk { filter: "body.even=true".into(), since, ..by(&[capture], GroupBy::ExceptionAndMessage) };
    let groups = bench.group(ask).await;
    assert_eq!(titles(&groups), [("Timeout", 2), ("No exception header", 1)], "an unknown time is not an old one");
    assert_eq!(bench.page(groups.id, GroupColumn::Died, false).await, [(capture, 3), (capture, 1)]);
}

#[tokio::test]
async fn a_capture_that_is_gone_is_named_and_the_others_are_grouped() {
    let bench = Bench::new().await;
    let capture = bench.capture("dlq", vec![failed("shop.Timeout", "no answer", 1)]).await;
    let broken = bench.capture("other", vec![failed("shop.Timeout", "no answer", 1)]).await;
    std::fs::write(bench.workbench.data_dir().join(format!("captures/{broken}.qcap")), "not a capture").unwrap();
    let gone = CaptureId::new();
    let groups = bench.group(by(&[capture, gone, broken, capture], GroupBy::Reason)).await;
    assert_eq!(titles(&groups), [("rejected", 1)], "one that is named twice counts once");
    let unread: Vec<_> = groups.unread.iter().map(|unread| (unread.capture, unread.queue.is_some())).collect();
    assert_eq!(unread, [(gone, false), (broken, true)]);
}

#[tokio::test]
async fn a_grouping_lasts_until_it_is_closed_or_its_capture_is_removed() {
    let bench = Bench::new().await;
    let capture = bench.capture("dlq", vec![failed("shop.Timeout", "no answer", 1)]).await;
    let ask = || by(&[capture], GroupBy::Reason);
    let (closed, removed) = (bench.group(ask()).await.id, bench.group(ask()).await.id);
    bench.workbench.close_grouping(closed);
    assert!(matches!(bench.workbench.group_members(closed, 0), Err(Error::NoSuch { .. })));
    assert!(matches!(bench.workbench.group_members(removed, 1), Err(Error::NoSuch { what: "group", .. })));
    bench.workbench.remove_capture(capture).await.unwrap();
    assert!(matches!(bench.workbench.group_members(removed, 0), Err(Error::NoSuch { .. })));
}

#[tokio::test]
async fn grouping_stops_when_it_is_told_to() {
    let bench = Bench::new().await;
    let capture = bench.capture("dlq", vec![failed("shop.Timeout", "no answer", 1)]).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let asked = bench.workbench.group_failures(by(&[capture], GroupBy::Reason), stop, |_, _| {}).await;
    assert!(matches!(asked, Err(Error::Cancelled)));
}

#[tokio::test]
async fn groups_too_many_to_list_share_the_last_one() {
    let bench = Bench::new().await;
    let letter = |n: u32| {
        let mut letter = dead("work", DeathReason::Rejected, 1);
        letter.headers.push("id", Value::U32(n));
        letter
    };
    let capture = bench.capture("dlq", (0..1_200).map(letter).chain([letter(7)]).collect()).await;
    let groups = bench.group(by(&[capture], GroupBy::Header { name: "id".into() })).await;
    assert_eq!((groups.groups.len(), groups.messages), (1_000, 1_201), "nothing is left out");
    assert_eq!(titles(&groups)[0], ("7", 2));
    assert_eq!(titles(&groups)[999], ("201 smaller groups", 201));
    assert_eq!(bench.workbench.group_members(groups.id, 999).unwrap()[0].messages.len(), 201);
}

#[tokio::test]
async fn a_group_is_sorted_by_what_its_table_shows() {
    let bench = Bench::new().await;
    let sized = |bytes: usize, count: u64| {
        let mut letter = dead("work", DeathReason::Rejected, 1);
        letter.body = vec![b'x'; bytes];
        letter.deaths[0].count = count;
        letter.deaths[0].at = (count != 3).then_some(Timestamp::from_second(1_700_000_000).unwrap());
        letter
    };
    let b = bench.capture("b", vec![sized(30, 1), sized(10, 3)]).await;
    let a = bench.capture("a", vec![sized(20, 2)]).await;
    let grouping = bench.group(by(&[b, a], GroupBy::Reason)).await.id;
    let cases = [
        (GroupColumn::Died, false, [(b, 1), (a, 1), (b, 2)]),
        (GroupColumn::Died, true, [(a, 1), (b, 1), (b, 2)]),
        (GroupColumn::Size, false, [(b, 2), (a, 1), (b, 1)]),
        (GroupColumn::Deaths, true, [(b, 2), (a, 1), (b, 1)]),
        (GroupColumn::LiesIn, false, [(a, 1), (b, 1), (b, 2)]),
        (GroupColumn::LiesIn, true, [(b, 2), (b, 1), (a, 1)]),
    ];
    for (sort, descending, wanted) in cases {
        assert_eq!(bench.page(grouping, sort, descending).await, wanted, "{sort:?} {descending}");
    }
}
