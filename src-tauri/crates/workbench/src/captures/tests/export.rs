use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;

/// Reads an exported line back.
fn message_from_json(line: &str) -> Message {
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    let body = json["body"].as_str().unwrap();
    let properties = json["properties"].as_object().unwrap();
    let value = |json: &serde_json::Value| serde_json::from_value::<Value>(json.clone()).unwrap();
    Message {
        body: match json["bodyEncoding"].as_str().unwrap() {
            "utf8" => body.into(),
            "base64" => BASE64.decode(body).unwrap(),
            other => panic!("`{other}` is no encoding"),
        },
        properties: properties.iter().map(|(name, json)| (name.as_str(), value(json))).collect(),
        headers: serde_json::from_value(json["headers"].clone()).unwrap(),
        routing: Routing {
            exchange: json["exchange"].as_str().unwrap().into(),
            key: json["routingKey"].as_str().unwrap().into(),
        },
        deaths: serde_json::from_value(json["deaths"].clone()).unwrap(),
        delivery_count: json["deliveryCount"].as_u64(),
        redelivered: json["redelivered"].as_bool(),
    }
}

#[tokio::test]
async fn an_export_loses_nothing() {
    let bench = Bench::new().await;
    let messages = vec![everything(), Message::default(), text("{\"a\": \"é\n\"}"), text("twin"), text("twin")];
    let id = bench.capture(messages.clone()).await;
    let path = bench.dir.path().join("out.jsonl");
    let view = open(&bench, id).await;
    let exported = bench
        .workbench
        .export_view(view, None, ExportFormat::Jsonl, &path, CancellationToken::new(), |_, _| ())
        .await
        .unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!((exported.messages, exported.bytes), (5, written.len() as u64));
    assert_eq!(written.lines().map(message_from_json).collect::<Vec<_>>(), messages);
    let first: serde_json::Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    let mut names: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let wanted = "body bodyEncoding contentType deaths deliveryCount exchange headers key position properties publishedAt \
                  queue redelivered routingKey sizeBytes";
    assert_eq!(names.join(" "), wanted);
    assert_eq!(first["publishedAt"], "2023-11-14T22:13:20Z");
    assert_eq!(first["properties"]["message-id"], serde_json::json!({"type": "text", "value": "m-1"}));
}

#[tokio::test]
async fn a_chosen_part_is_exported_in_the_order_of_the_view() {
    let bench = Bench::new().await;
    let id = bench.capture(["c", "aaa", "bb"].map(text).into()).await;
    let ask = ViewAsk { capture: id, filter: String::new(), sort: MessageColumn::Size, descending: true };
    let view = bench.workbench.open_view(ask).await.unwrap().view;
    let path = bench.dir.path().join("part.jsonl");
    let (sender, progress) = std::sync::mpsc::sync_channel(10);
    let tell = move |done, of| sender.send((done, of)).unwrap();
    let exported =
        bench.workbench.export_view(view, Some(vec![1, 2]), ExportFormat::Jsonl, &path, CancellationToken::new(), tell);
    assert_eq!(exported.await.unwrap().messages, 2);
    let written = std::fs::read_to_string(&path).unwrap();
    let bodies: Vec<_> = written.lines().map(|line| message_from_json(line).body).collect();
    assert_eq!(bodies, [b"aaa".to_vec(), b"c".to_vec()]);
    assert_eq!(progress.iter().last(), Some((2, 2)));
}

#[tokio::test]
async fn an_export_never_overwrites_and_leaves_nothing_when_it_is_stopped() {
    let bench = Bench::new().await;
    let id = bench.capture((0..500).map(|_| text("a")).collect()).await;
    let view = open(&bench, id).await;
    let path = bench.dir.path().join("out.jsonl");
    let cancel = CancellationToken::new();
    let half_way = cancel.clone();
    let stopped = bench
        .workbench
        .export_view(view, None, ExportFormat::Jsonl, &path, cancel, move |_, _| half_way.cancel())
        .await;
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    let left = std::fs::read_dir(bench.dir.path()).unwrap().flatten();
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains("out.jsonl")));

    bench.workbench.save_body(id, 1, &path).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"a");
    let again =
        bench.workbench.export_view(view, None, ExportFormat::Jsonl, &path, CancellationToken::new(), |_, _| ()).await;
    assert!(matches!(&again, Err(Error::Invalid { why }) if why.contains("already")), "{again:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"a");
    let nowhere = bench.workbench.save_body(id, 1, &bench.dir.path().join("no/such/folder")).await;
    assert!(matches!(nowhere, Err(Error::Invalid { .. })), "{nowhere:?}");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_csv_holds_no_formula_and_says_how_each_body_is_written() {
    let bench = Bench::new().await;
    let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"];
    let mut messages: Vec<Message> = formulas.map(text).into();
    messages.push(text("say \"a, b\";\r\n=1+1"));
    messages.push(Message { body: vec![0xfb, 0xff, 0], ..Message::default() });
    messages.push(text(""));
    let mut spiteful = everything();
    spiteful.routing.key = "=HYPERLINK(\"http://x\")".to_owned();
    spiteful.body = "plain".into();
    messages.push(spiteful);
    let id = bench.capture(messages).await;
    let path = bench.dir.path().join("out.csv");
    let view = open(&bench, id).await;
    let csv = ExportFormat::Csv;
    let exported =
        bench.workbench.export_view(view, None, csv, &path, CancellationToken::new(), |_, _| ()).await.unwrap();
    let mut written = std::fs::read(&path).unwrap();
    assert_eq!((exported.messages, exported.bytes), (12, written.len() as u64));

    let mut reader = ::csv::Reader::from_reader(written.as_slice());
    let names: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let wanted = "position,message id,published,routing key,content type,headers,body encoding,body";
    assert_eq!(names.join(","), wanted);
    let rows: Vec<::csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    for cell in rows.iter().flat_map(|row| row.iter()) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "a formula: {cell:?}");
    }
    for (row, formula) in rows.iter().zip(formulas) {
        assert_eq!((&row[6], &row[7]), ("utf8", format!("'{formula}").as_str()));
    }
    assert_eq!((&rows[8][7], &rows[10][7]), ("say \"a, b\";\r\n=1+1", ""));
    assert_eq!((&rows[9][6], &rows[9][7]), ("base64", "'+/8A"), "base64 begins with a sign of formulas too");
    assert_eq!((&rows[11][1], &rows[11][3]), ("m-1", "'=HYPERLINK(\"http://x\")"));
    assert!(serde_json::from_str::<serde_json::Value>(&rows[11][5]).is_ok_and(|headers| !headers.is_null()));

    let back = bench.workbench.import_capture(&path, "x".into(), None, CancellationToken::new(), |_| ()).await;
    assert!(
        matches!(&back, Err(Error::Invalid { why }) if why.contains("line 1") && why.contains("JSONL")),
        "{back:?}"
    );
    let mut lines = bench.workbench.export_head(csv).unwrap();
    for n in 1..=12 {
        lines.extend(bench.workbench.message_line(id, n, csv).await.unwrap());
    }
    assert_eq!(std::mem::take(&mut written), lines, "standard output gets the same");
}
