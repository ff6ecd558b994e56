use super::*;

async fn exported(bench: &Bench, messages: Vec<Message>) -> (CaptureId, String) {
    let id = bench.capture(messages).await;
    let path = bench.dir.path().join(format!("{id}.jsonl"));
    let view = open(bench, id).await;
    bench
        .workbench
        .export_view(view, None, ExportFormat::Jsonl, &path, CancellationToken::new(), |_, _| ())
        .await
        .unwrap();
    (id, std::fs::read_to_string(path).unwrap())
}

async fn import(bench: &Bench, text: impl AsRef<[u8]>, cancel: CancellationToken) -> Result<CaptureView> {
    let path = bench.dir.path().join("in.jsonl");
    std::fs::write(&path, text).unwrap();
    let of = Some(bench.profile.id);
    bench.workbench.import_capture(&path, "from elsewhere".into(), of, cancel, |_| ()).await
}

async fn why_not(bench: &Bench, text: impl AsRef<[u8]>) -> String {
    match import(bench, text, CancellationToken::new()).await {
        Err(Error::Invalid { why }) => why,
        other => panic!("expected it to be refused, not {other:?}"),
    }
}

#[tokio::test]
async fn what_was_exported_comes_back_with_nothing_lost() {
    let bench = Bench::new().await;
    let large = Message { body: vec![0xff; 3 * 1024 * 1024], ..Message::default() };
    let mut messages = vec![everything(), Message::default(), nested(200), large, text("twin"), text("twin")];
    messages.extend((0..600).map(|n| text(&format!("{{\"n\": {n}}}"))));
    let (first, lines) = exported(&bench, messages.clone()).await;
    let view = import(&bench, &lines, CancellationToken::new()).await.unwrap();
    assert_eq!((view.messages, view.queue.as_str(), view.name.as_deref()), (606, "orders.dlq", Some("from elsewhere")));
    assert_eq!((view.source, view.profile), (CaptureSource::Import, bench.profile.id));
    let numbers: Vec<u64> = (1..=606).collect();
    let (then, now) = (
        bench.captures().load_many(first, &numbers).await.unwrap(),
        bench.captures().load_many(view.id, &numbers).await.unwrap(),
    );
    assert!(then == now, "every message, key and number is the same");
    for (n, line) in (1..).zip(lines.lines()) {
        let again = bench.workbench.message_line(view.id, n, ExportFormat::Jsonl).await.unwrap();
        assert!(again == format!("{line}\n").as_bytes(), "line {n} is written as it was read");
    }
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_is_left_of_the_rest() {
    let bench = Bench::new().await;
    let (_, lines) = exported(&bench, (0..700).map(|n| text(&n.to_string())).collect()).await;
    let (captures, files) = (bench.workbench.list_captures(None).await.unwrap().len(), bench.files());
    let good: Vec<&str> = lines.lines().collect();
    let deep = format!("{{\"key\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let short = good[0].replace("\"sizeBytes\":1", "\"sizeBytes\":2");
    let other = good[0].replace("orders.dlq", "orders.dead");
    let unknown = good[0].replace("\"position\":1", "\"colour\":1");
    let no_text = good[0].replace("\"utf8\"", "\"base64\"");
    for (bad, why) in [
        ("{", "it is cut off after"),
        ("{}", "missing field `key`"),
        ("[1]", "not a JSON object"),
        (deep.as_str(), "nested 100001 deep"),
        (short.as_str(), "it says 2 bytes, and its body has 1"),
        (other.as_str(), "of queue `orders.dead`"),
        (unknown.as_str(), "unknown field `colour`"),
        (no_text.as_str(), "not base64"),
        ("{\"key\":\"what\"}", "`what` is not a message key"),
    ] {
        let text = [&good[..650], &["", bad][..], &good[650..]].concat().join("\n");
        let said = why_not(&bench, text).await;
        assert!(said.contains("line 652 of") && said.contains(why), "{said}");
    }
    let said = why_not(&bench, b"\xff\xfe\n").await;
    assert!(said.contains("line 1 of") && said.contains("not UTF-8"), "{said}");
    assert!(why_not(&bench, "\n\n").await.contains("there is no message"), "an empty file");
    assert_eq!(bench.workbench.list_captures(None).await.unwrap().len(), captures, "no capture stays");
    assert_eq!(bench.files(), files, "no file stays");
}

#[tokio::test]
async fn a_stopped_import_leaves_nothing_behind() {
    let bench = Bench::new().await;
    let (_, lines) = exported(&bench, (0..700).map(|n| text(&n.to_string())).collect()).await;
    let (captures, files) = (bench.workbench.list_captures(None).await.unwrap().len(), bench.files());
    let path = bench.dir.path().join("in.jsonl");
    std::fs::write(&path, lines).unwrap();
    let cancel = CancellationToken::new();
    let half_way = cancel.clone();
    let stopped = bench.workbench.import_capture(&path, "x".into(), None, cancel, move |_| half_way.cancel()).await;
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    assert_eq!((bench.workbench.list_captures(None).await.unwrap().len(), bench.files()), (captures, files));
}

#[tokio::test]
async fn an_import_that_a_crash_cut_short_is_not_there_afterwards() {
    let bench = Bench::new().await;
    let files = bench.files();
    let new = NewCapture {
        source: CaptureSource::Import,
        profile: bench.profile.id,
        profile_name: "orders".into(),
        queue: "orders.dlq".into(),
        of: None,
    };
    let writer = bench.captures().create(new).await.unwrap();
    writer.append(vec![captured(text("half"), false)]).await.unwrap();
    drop(writer);
    // The writer closes its file on a thread of its own.
    tokio::time::sleep(Duration::from_millis(200)).await;
    bench.captures().settle().await.unwrap();
    assert!(bench.workbench.list_captures(None).await.unwrap().is_empty());
    assert_eq!(bench.files(), files);
}

#[tokio::test]
async fn a_file_without_a_connection_can_be_read_all_the_same() {
    let bench = Bench::new().await;
    let (_, lines) = exported(&bench, vec![text("a")]).await;
    let path = bench.dir.path().join("in.jsonl");
    std::fs::write(&path, lines).unwrap();
    let view = bench.workbench.import_capture(&path, "x".into(), None, CancellationToken::new(), |_| ()).await.unwrap();
    assert_eq!((view.messages, view.profile_name.as_str()), (1, "from a file"));
    let nowhere = bench.dir.path().join("no/such/file");
    let missing = bench.workbench.import_capture(&nowhere, "x".into(), None, CancellationToken::new(), |_| ()).await;
    assert!(matches!(missing, Err(Error::Invalid { .. })), "{missing:?}");
    let folder = bench.workbench.import_capture(bench.dir.path(), "x".into(), None, CancellationToken::new(), |_| ());
    assert!(matches!(folder.await, Err(Error::Invalid { why }) if why.contains("not a file")));
}

#[tokio::test]
async fn a_file_that_is_cut_off_in_the_middle_is_refused_at_every_place() {
    let bench = Bench::new().await;
    let mut messages: Vec<Message> = (0..300).map(|n| text(&n.to_string())).collect();
    messages.push(everything());
    let (_, lines) = exported(&bench, messages).await;
    let (captures, files) = (bench.workbench.list_captures(None).await.unwrap().len(), bench.files());
    let last = lines.trim_end().rfind('\n').unwrap() + 1;
    for cut in (last + 1..lines.len() - 1).step_by(lines[last..].len() / 12) {
        let said = why_not(&bench, &lines.as_bytes()[..cut]).await;
        assert!(said.contains("line 301 of"), "{said}");
    }
    assert_eq!((bench.workbench.list_captures(None).await.unwrap().len(), bench.files()), (captures, files));
}

#[tokio::test]
async fn what_is_of_no_connection_is_listed_with_each() {
    let bench = Bench::new().await;
    let (_, lines) = exported(&bench, vec![text("a")]).await;
    let path = bench.dir.path().join("in.jsonl");
    std::fs::write(&path, &lines).unwrap();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let progress = move |step| heard.lock().unwrap().push(step);
    let view =
        bench.workbench.import_capture(&path, "x".into(), None, CancellationToken::new(), progress).await.unwrap();
    let bytes = lines.len() as u64;
    assert_eq!(*told.lock().unwrap(), [ImportProgress { messages: 1, bytes, bytes_total: bytes }]);
    let listed = bench.workbench.list_captures(Some(bench.profile.id)).await.unwrap();
    assert!(listed.iter().any(|listed| listed.id == view.id));
}
