mod budget;
mod export;
mod import;
mod sealed;
mod search;

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Death, DeathReason, FailedIn, Name, Routing, Table, Value};
use jiff::Timestamp;
use proptest::prelude::{Strategy, any, proptest};
use proptest::test_runner::Config;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::profiles::tests::{draft, workbench};
use crate::{StoreTrouble, Workbench};

struct Bench {
    dir: TempDir,
    workbench: Workbench,
    profile: Profile,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workbench = workbench(dir.path(), Arc::default()).await;
        let profile = workbench.save_profile(draft("orders"), None).await.unwrap().profile;
        Self { dir, workbench, profile }
    }

    fn captures(&self) -> &Captures {
        &self.workbench.inner.captures
    }

    async fn writer(&self) -> CaptureWriter {
        self.writer_of(CaptureSource::Peek).await
    }

    async fn writer_of(&self, source: CaptureSource) -> CaptureWriter {
        let new = NewCapture {
            source,
            profile: self.profile.id,
            profile_name: self.profile.name.clone(),
            queue: "orders.dlq".into(),
            of: Some(1000),
        };
        self.captures().create(new).await.unwrap()
    }

    /// A finished capture of these messages.
    async fn capture(&self, messages: Vec<Message>) -> CaptureId {
        self.capture_of(CaptureSource::Peek, messages).await
    }

    async fn capture_of(&self, source: CaptureSource, messages: Vec<Message>) -> CaptureId {
        let writer = self.writer_of(source).await;
        let id = writer.id();
        writer.append(messages.into_iter().map(|message| captured(message, false)).collect()).await.unwrap();
        writer.finish("put back, in order").await.unwrap();
        id
    }

    async fn view(&self, id: CaptureId, filter: &str, sort: MessageColumn, descending: bool) -> Vec<u64> {
        let ask = ViewAsk { capture: id, filter: filter.into(), sort, descending };
        let opened = self.workbench.open_view(ask).await.unwrap();
        let page = self.workbench.page_view(opened.view, 0, 500).await.unwrap();
        assert_eq!(page.shown, opened.shown);
        page.rows.into_iter().map(|row| row.n).collect()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("captures")).unwrap().count()
    }
}

fn captured(message: Message, only_here: bool) -> Captured {
    Captured { key: broker::fingerprint(&message, &[]), message: message.into(), only_here }
}

fn text(body: &str) -> Message {
    Message { body: body.into(), ..Message::default() }
}

fn is_held<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Refused { code: RefusedCode::CaptureHeld, why }) => why,
        other => panic!("expected it to be held, not {other:?}"),
    }
}

/// One of everything that a broker can say.
fn everything() -> Message {
    let inner: Table = [("x", Value::I8(-1)), ("x", Value::U8(255))].into_iter().collect();
    let mut headers: Table = [
        ("void", Value::Void),
        ("bool", Value::Bool(true)),
        ("i16", Value::I16(i16::MIN)),
        ("u16", Value::U16(u16::MAX)),
        ("i32", Value::I32(i32::MIN)),
        ("u32", Value::U32(u32::MAX)),
        ("i64", Value::I64(i64::MIN)),
        ("f32", Value::F32(0xffc0_0001)),
        ("f64", Value::F64(0.1f64.to_bits())),
        ("inf", Value::F64(f64::INFINITY.to_bits())),
        ("decimal", Value::Decimal { scale: 255, value: u32::MAX }),
        ("text", Value::Text(vec![0xff, 0])),
        ("bytes", Value::Bytes(vec![0, 1, 0xff])),
        ("time", Value::Timestamp(u64::MAX)),
        ("list", Value::Array(vec![Value::Void, Value::Array(Vec::new()), Value::Table(inner.clone())])),
        ("table", Value::Table(inner)),
    ]
    .into_iter()
    .collect();
    headers.push(vec![0xfe], Value::from("a name that is not text"));
    Message {
        body: vec![0, 0xff, b'{'],
        properties: [("message-id", Value::from("m-1")), ("timestamp", Value::Timestamp(1_700_000_000))]
            .into_iter()
            .collect(),
        headers,
        routing: Routing { exchange: "orders".into(), key: "key ☃".into() },
        deaths: vec![Death {
            queue: "orders.in".into(),
            reason: DeathReason::Other("odd".into()),
            count: u64::MAX,
            at: Some(Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap()),
            exchange: Some("".into()),
            routing_keys: vec!["a".into(), "".into()],
        }],
        delivery_count: Some(0),
        redelivered: Some(false),
    }
}

#[tokio::test]
async fn a_message_comes_back_exactly_as_it_was_read() {
    let bench = Bench::new().await;
    let large = Message { body: (0..5 * 1024 * 1024u32).map(|n| n.to_le_bytes()[1]).collect(), ..Message::default() };
    let messages = vec![everything(), Message::default(), large, text("{}")];
    let id = bench.capture(messages.clone()).await;
    for (n, message) in (1..).zip(&messages) {
        let stored = bench.captures().load(id, n).await.unwrap();
        assert_eq!(
            stored,
            Stored { n, key: broker::fingerprint(message, &[]), message: message.clone(), only_here: false }
        );
    }
    let some = bench.captures().load_many(id, &[4, 1]).await.unwrap();
    assert_eq!(some.iter().map(|stored| stored.n).collect::<Vec<_>>(), [4, 1]);
    assert!(matches!(bench.captures().load(id, 5).await, Err(Error::NoSuch { .. })));
    let keys: Vec<_> = messages.iter().map(|message| broker::fingerprint(message, &[])).collect();
    assert_eq!(bench.captures().keys(id).await.unwrap(), (1..).zip(keys).collect::<Vec<_>>());
}

fn nested(levels: usize) -> Message {
    let deep = (0..levels).fold(Value::Void, |inner, _| Value::Table([("t", inner)].into_iter().collect()));
    Message { headers: [("deep", deep)].into_iter().collect(), ..Message::default() }
}

#[tokio::test]
async fn headers_nested_deep_are_kept_and_deeper_ones_refused_before_anything_is_written() {
    let bench = Bench::new().await;
    let writer = bench.writer().await;
    writer.append(vec![captured(nested(200), false)]).await.unwrap();
    let refused = writer.append(vec![captured(text("x"), false), captured(nested(300), false)]).await;
    assert!(matches!(&refused, Err(Error::Invalid { why }) if why.contains("nested 300 deep")), "{refused:?}");
    let id = writer.id();
    writer.finish("").await.unwrap();
    assert_eq!(bench.workbench.capture(id).await.unwrap().messages, 1);
    assert_eq!(bench.captures().load(id, 1).await.unwrap().message, nested(200));
    assert_eq!(bench.workbench.show_message(id, 1).await.unwrap().headers.len(), 201);
    let view = open(&bench, id).await;
    let path = bench.dir.path().join("deep.jsonl");
    bench
        .workbench
        .export_view(view, None, ExportFormat::Jsonl, &path, CancellationToken::new(), |_, _| ())
        .await
        .unwrap();
}

async fn open(bench: &Bench, id: CaptureId) -> crate::ViewId {
    let ask = ViewAsk { capture: id, filter: String::new(), sort: MessageColumn::Position, descending: false };
    bench.workbench.open_view(ask).await.unwrap().view
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = proptest::prop_oneof![
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::F64),
        any::<u32>().prop_map(Value::F32),
        any::<u64>().prop_map(Value::Timestamp),
        any::<Vec<u8>>().prop_map(Value::Text),
        any::<Vec<u8>>().prop_map(Value::Bytes),
        (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| Value::Decimal { scale, value }),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        let fields = proptest::collection::vec((any::<Vec<u8>>().prop_map(Name::from), inner.clone()), 0..4);
        proptest::prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::Array),
            fields.prop_map(|fields| Value::Table(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(Config::with_cases(128))]

    #[test]
    fn what_is_kept_beside_a_body_is_read_as_it_was_written(
        fields in proptest::collection::vec((any::<Vec<u8>>().prop_map(Name::from), values()), 0..6),
    ) {
        let message = Message { headers: fields.into_iter().collect(), ..everything() };
        let written = head::Head::write(&message).unwrap();
        let read = head::Head::read(&written).unwrap().into_message(message.body.clone());
        assert_eq!(read, message);
    }
}

#[tokio::test]
async fn views_are_sorted_with_the_unknown_last_and_filtered() {
    let bench = Bench::new().await;
    let at = |key: &str, seconds: Option<u64>, body: &str| Message {
        routing: Routing { exchange: "".into(), key: key.into() },
        properties: seconds.map(|seconds| ("timestamp", Value::Timestamp(seconds))).into_iter().collect(),
        headers: [("tenant", Value::from(key))].into_iter().collect(),
        ..text(body)
    };
    let messages = vec![
        at("b", Some(30), "{\"id\": 1}"),
        at("a", None, "xx"),
        at("c", Some(10), "{\"id\": 2}"),
        at("a", Some(20), ""),
    ];
    let id = bench.capture(messages).await;
    assert_eq!(bench.view(id, "", MessageColumn::Position, true).await, [4, 3, 2, 1]);
    assert_eq!(bench.view(id, "", MessageColumn::RoutingKey, false).await, [2, 4, 1, 3]);
    assert_eq!(bench.view(id, "", MessageColumn::Published, false).await, [3, 4, 1, 2]);
    assert_eq!(bench.view(id, "", MessageColumn::Published, true).await, [1, 4, 3, 2]);
    assert_eq!(bench.view(id, "", MessageColumn::Size, true).await, [1, 3, 2, 4]);
    assert_eq!(bench.view(id, "header.tenant=a", MessageColumn::Size, false).await, [4, 2]);
    assert_eq!(bench.view(id, "body.id=2", MessageColumn::Position, false).await, [3]);
    assert_eq!(bench.view(id, "ID header.tenant=b", MessageColumn::Position, false).await, [1]);
    let ask = ViewAsk { capture: id, filter: "header.x".into(), sort: MessageColumn::Size, descending: false };
    assert!(matches!(bench.workbench.open_view(ask).await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn a_page_is_a_part_of_its_view_and_the_oldest_view_is_closed_for_another() {
    let bench = Bench::new().await;
    let id = bench.capture((0..700).map(|n| text(&n.to_string())).collect()).await;
    let view = open(&bench, id).await;
    let numbers = |page: MessagePage| page.rows.iter().map(|row| row.n).collect::<Vec<_>>();
    let page = bench.workbench.page_view(view, 698, 10).await.unwrap();
    assert_eq!((page.shown, page.from, numbers(page)), (700, 698, vec![699, 700]));
    assert_eq!(bench.workbench.page_view(view, 0, 9999).await.unwrap().rows.len(), 500);
    assert_eq!(bench.workbench.page_view(view, 5000, 10).await.unwrap().rows, []);
    let other = open(&bench, id).await;
    for _ in 0..63 {
        open(&bench, id).await;
        bench.workbench.page_view(other, 0, 1).await.unwrap();
    }
    assert!(matches!(bench.workbench.page_view(view, 0, 1).await, Err(Error::NoSuch { .. })), "65 were opened");
    bench.workbench.close_view(other);
    assert!(bench.workbench.page_view(other, 0, 1).await.is_err());
}

#[tokio::test]
async fn a_message_is_shown_with_where_it_failed_and_its_twins() {
    let bench = Bench::new().await;
    let id = bench.capture(vec![everything(), text("twin"), text("twin")]).await;
    let shown = bench.workbench.show_message(id, 1).await.unwrap();
    assert_eq!(shown.failed_in, FailedIn::Queue { queue: "orders.in".into(), evidence: "newest death".into() });
    assert_eq!((shown.twins, shown.row.reason.as_deref()), (1, Some("odd")));
    assert_eq!((shown.row.delivery_count, shown.row.redelivered), (Some(0), Some(false)));
    assert_eq!(shown.properties[0].name, "message-id");
    assert_eq!(bench.workbench.show_message(id, 2).await.unwrap().twins, 2);
    assert!(bench.workbench.show_message(id, 9).await.is_err());

    bench.workbench.remove_profile(bench.profile.id).await.unwrap();
    let shown = bench.workbench.show_message(id, 1).await.unwrap();
    assert_ne!(shown.failed_in, FailedIn::Unknown, "the capture knows its kind of broker by itself");
}

#[tokio::test]
async fn a_large_body_is_read_in_parts() {
    let bench = Bench::new().await;
    let body: Vec<u8> = (0..3 * 1024 * 1024u32).map(|n| n.to_le_bytes()[2] ^ n.to_le_bytes()[0]).collect();
    let id = bench.capture(vec![Message { body: body.clone(), ..Message::default() }]).await;
    let mut read = Vec::new();
    loop {
        let part = bench.workbench.read_body(id, 1, read.len() as u64, u32::MAX).await.unwrap();
        if part.is_empty() {
            break;
        }
        assert!(part.len() <= 1024 * 1024);
        read.extend(part);
    }
    assert_eq!(read, body);
    let shown = bench.workbench.show_body(id, 1).await.unwrap();
    assert_eq!((shown.format, shown.bytes_total), (BodyFormat::Binary, body.len() as u64));
    let path = bench.dir.path().join("body.bin");
    assert_eq!(bench.workbench.save_body(id, 1, &path).await.unwrap().bytes, body.len() as u64);
    assert_eq!(std::fs::read(path).unwrap(), body);
}

#[tokio::test]
async fn a_capture_that_was_being_written_is_listed_as_cut_short() {
    let bench = Bench::new().await;
    let writer = bench.writer().await;
    let id = writer.id();
    writer.append(vec![captured(text("a"), false), captured(text("b"), true)]).await.unwrap();
    let listed = bench.workbench.capture(id).await.unwrap();
    assert_eq!((listed.messages, listed.cut_short), (2, false), "it is counted while it is written");
    bench.captures().settle().await.unwrap();
    assert!(!bench.workbench.capture(id).await.unwrap().cut_short, "somebody is writing it");
    assert!(matches!(bench.workbench.remove_capture(id).await, Err(Error::Refused { code: RefusedCode::Busy, .. })));
    assert!(matches!(bench.captures().reopen(id).await, Err(Error::Refused { code: RefusedCode::Busy, .. })));

    drop(writer);
    bench.captures().settle().await.unwrap();
    let listed = bench.workbench.capture(id).await.unwrap();
    assert_eq!((listed.messages, listed.cut_short), (2, true));
    assert_eq!(listed.held_by.as_deref(), Some("1 message exists only here"));
    let writer = bench.captures().reopen(id).await.unwrap();
    assert_eq!(writer.append(vec![captured(text("c"), false)]).await.unwrap(), [3]);
    writer.finish("went on").await.unwrap();
    let listed = bench.workbench.capture(id).await.unwrap();
    assert_eq!((listed.messages, listed.cut_short, listed.outcome.as_str()), (3, false, "went on"));
}

#[tokio::test]
async fn a_capture_outlives_the_list_that_named_it() {
    let bench = Bench::new().await;
    let whole = bench.capture(vec![text("a")]).await;
    let kept = bench.workbench.keep_snapshot(whole, " before the fix ".into(), "why".into()).await.unwrap();
    assert_eq!(kept.name.as_deref(), Some("before the fix"));
    let writer = bench.writer().await;
    let cut = writer.id();
    writer.append(vec![captured(text("b"), false)]).await.unwrap();
    drop(writer);
    bench.workbench.inner.store.write(|transaction| transaction.execute("DELETE FROM capture", [])).await.unwrap();
    std::fs::write(bench.dir.path().join("captures").join(format!("{}.qcap", CaptureId::new())), b"garbage").unwrap();

    bench.captures().settle().await.unwrap();
    assert_eq!(bench.workbench.list_captures(None).await.unwrap().len(), 2);
    assert_eq!(bench.workbench.capture(whole).await.unwrap(), kept);
    let cut = bench.workbench.capture(cut).await.unwrap();
    assert_eq!((cut.messages, cut.cut_short, cut.queue.as_str()), (1, true, "orders.dlq"));
    assert_eq!(bench.captures().load(whole, 1).await.unwrap().message, text("a"));
}

#[tokio::test]
async fn removing_a_capture_removes_its_file() {
    let bench = Bench::new().await;
    let before = bench.files();
    let id = bench.capture(vec![text("a"), text("b")]).await;
    let view = open(&bench, id).await;
    bench.workbench.page_view(view, 0, 10).await.unwrap();

    bench.captures().set_held(id, Some("job 3 is not settled".into())).await.unwrap();
    assert_eq!(is_held(bench.workbench.remove_capture(id).await), "job 3 is not settled");
    bench.captures().set_held(id, None).await.unwrap();
    bench.captures().set_only_here(id, &[2], true).await.unwrap();
    assert_eq!(bench.workbench.capture(id).await.unwrap().held_by.as_deref(), Some("1 message exists only here"));
    assert_eq!(is_held(bench.workbench.remove_capture(id).await), "1 message exists only here");
    assert!(bench.captures().load(id, 2).await.unwrap().only_here);
    bench.captures().set_only_here(id, &[2], false).await.unwrap();

    bench.workbench.remove_capture(id).await.unwrap();
    assert_eq!(bench.files(), before, "nothing of it is left");
    assert!(matches!(bench.workbench.capture(id).await, Err(Error::NoSuch { .. })));
    assert!(bench.workbench.page_view(view, 0, 10).await.is_err());
}

#[tokio::test]
async fn what_became_of_a_message_is_shown() {
    let bench = Bench::new().await;
    let id = bench.capture(vec![text("a"), text("b"), text("c")]).await;
    let job = JobId::new();
    bench.captures().set_only_here(id, &[1, 2], true).await.unwrap();
    bench.captures().set_fate(id, &[(1, job, "sent and removed".into())]).await.unwrap();
    let view = open(&bench, id).await;
    let page = bench.workbench.page_view(view, 0, 10).await.unwrap();
    let fates: Vec<_> = page.rows.into_iter().map(|row| row.fate).collect();
    assert_eq!(fates, [Fate::Job { job, words: "sent and removed".into() }, Fate::OnlyHere, Fate::InQueue]);
}

#[tokio::test]
async fn a_full_disk_stops_a_capture_with_nothing_half_written() {
    let bench = Bench::new().await;
    let writer = bench.writer().await;
    writer.append(vec![captured(text("before"), false)]).await.unwrap();
    writer.limit_pages(40).await.unwrap();
    let large = (0..100).map(|n| captured(text(&format!("{n}").repeat(20_000)), false)).collect();
    let full = writer.append(large).await;
    assert!(matches!(full, Err(Error::Store { kind: StoreTrouble::Full, .. })), "{full:?}");
    let id = writer.id();
    assert_eq!(bench.workbench.capture(id).await.unwrap().messages, 1);
    writer.limit_pages(1_000_000).await.unwrap();
    assert_eq!(writer.append(vec![captured(text("after"), false)]).await.unwrap(), [2], "with room again it goes on");
}

#[tokio::test]
async fn a_capture_of_a_newer_program_is_refused_politely() {
    let bench = Bench::new().await;
    let id = bench.capture(vec![text("a")]).await;
    bench.captures().change(id, |transaction| transaction.pragma_update(None, "user_version", 99)).await.unwrap();
    let refused = bench.captures().load(id, 1).await;
    assert!(matches!(&refused, Err(Error::Store { why, .. }) if why.contains("newer version")), "{refused:?}");
}

#[tokio::test]
async fn a_header_table_of_ten_thousand_is_kept_and_shown() {
    let bench = Bench::new().await;
    let headers = (0..10_000u32).map(|n| (Name::from(n.to_string().as_str()), Value::U32(n))).collect();
    let message = Message { headers, ..Message::default() };
    let id = bench.capture(vec![message.clone()]).await;
    assert_eq!(bench.captures().load(id, 1).await.unwrap().message, message);
    assert_eq!(bench.workbench.show_message(id, 1).await.unwrap().headers.len(), 10_000);
}

#[tokio::test]
async fn a_snapshot_needs_a_name() {
    let bench = Bench::new().await;
    let id = bench.capture(vec![text("a")]).await;
    let unnamed = bench.workbench.keep_snapshot(id, "  ".into(), String::new()).await;
    assert!(matches!(unnamed, Err(Error::Invalid { .. })), "{unnamed:?}");
    assert!(matches!(bench.captures().reopen(CaptureId::new()).await, Err(Error::NoSuch { .. })));
}

#[tokio::test]
async fn twenty_thousand_messages_are_written_listed_and_paged_within_seconds() {
    const LONG: Duration = Duration::from_secs(60);
    let bench = Bench::new().await;
    let writer = bench.writer().await;
    let id = writer.id();
    let filling = "x".repeat(900);
    let started = Instant::now();
    for batch in 0..20u32 {
        let message = |n: u32| Message {
            headers: [("tenant", Value::from(format!("t{}", n % 7)))].into_iter().collect(),
            ..text(&format!("{{\"id\": {}, \"filling\": \"{filling}\"}}", batch * 1000 + n))
        };
        writer.append((0..1000).map(|n| captured(message(n), false)).collect()).await.unwrap();
    }
    writer.finish("").await.unwrap();
    let appended = started.elapsed();
    let timed = async |filter: &str, sort: MessageColumn| {
        let started = Instant::now();
        let found = bench.view(id, filter, sort, true).await.len();
        (started.elapsed(), found)
    };
    let by_size = timed("", MessageColumn::Size).await;
    let by_text = timed("19999", MessageColumn::Size).await;
    let by_header = timed("header.tenant=t3", MessageColumn::Size).await;
    let by_path = timed("body.id=777", MessageColumn::Size).await;
    println!("20,000 messages of 1 KiB: appended {appended:?}, sorted and paged {by_size:?}");
    println!("filtered by text {by_text:?}, by header {by_header:?}, by path {by_path:?}");
    assert_eq!((by_size.1, by_text.1, by_header.1, by_path.1), (500, 1, 500, 1));
    assert!(started.elapsed() < LONG, "it took longer than a user waits");
}
