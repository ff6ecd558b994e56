use std::sync::atomic::Ordering;

use super::*;
use crate::store::MemorySecrets;
use crate::{AtRest, ExportFormat};

const SPOKEN: &str = "card 4111-1111";

fn spoken() -> Message {
    let headers: Table = [("token", Value::Text("swordfish".into()))].into_iter().collect();
    Message { body: format!("{{\"pan\": \"{SPOKEN}\"}}").into(), headers, ..Message::default() }
}

/// A capture that is sealed, in a workbench whose keychain is that one.
async fn sealed(secrets: &Arc<MemorySecrets>) -> (Bench, CaptureId) {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::clone(secrets)).await;
    let profile = workbench.save_profile(draft("orders"), None).await.unwrap().profile;
    workbench.set_at_rest(profile.id, AtRest::Encrypted).await.unwrap();
    let bench = Bench { dir, workbench, profile };
    let mut messages = vec![spoken(), everything()];
    messages.push(Message { body: vec![7; 2 * 1024 * 1024], ..Message::default() });
    let id = bench.capture(messages).await;
    (bench, id)
}

impl Bench {
    /// The same folder, opened by a program with that keychain.
    async fn opened_with(self, secrets: Arc<MemorySecrets>) -> Self {
        let Self { dir, workbench: before, profile } = self;
        before.close().await;
        drop(before);
        let workbench = workbench(dir.path(), secrets).await;
        Self { dir, workbench, profile }
    }
}

#[tokio::test]
async fn a_sealed_capture_is_read_like_any_other_and_its_file_says_nothing() {
    let (bench, id) = sealed(&Arc::default()).await;
    assert!(bench.workbench.capture(id).await.unwrap().encrypted);
    let stored = bench.captures().load_many(id, &[1, 2]).await.unwrap();
    assert_eq!([&stored[0].message, &stored[1].message], [&spoken(), &everything()]);
    assert_eq!(bench.view(id, "4111", MessageColumn::Position, false).await, [1]);
    assert_eq!(bench.view(id, "header.token=swordfish", MessageColumn::Position, false).await, [1]);
    assert!(bench.workbench.show_body(id, 1).await.unwrap().text.contains(SPOKEN));
    assert_eq!(bench.workbench.read_body(id, 3, 2 * 1024 * 1024 - 2, 10).await.unwrap(), [7, 7]);
    assert_eq!(bench.workbench.show_message(id, 1).await.unwrap().headers.len(), 1);
    let ask = SearchAsk { profile: None, text: SPOKEN.into() };
    let found = bench.workbench.search_captures(ask, CancellationToken::new(), |_| ()).await.unwrap();
    assert_eq!((found.found, found.unread.len()), (1, 0));
    let path = bench.dir.path().join("out.jsonl");
    let view = open(&bench, id).await;
    let jsonl = ExportFormat::Jsonl;
    bench.workbench.export_view(view, None, jsonl, &path, CancellationToken::new(), |_, _| ()).await.unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains(SPOKEN), "an export is plain");

    let writer = bench.captures().reopen(id).await.unwrap();
    writer.append(vec![captured(text("later"), false)]).await.unwrap();
    writer.finish("put back").await.unwrap();
    assert_eq!(bench.captures().load(id, 4).await.unwrap().message, text("later"));
    bench.workbench.close().await;
    for entry in std::fs::read_dir(bench.dir.path().join("captures")).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        for word in [SPOKEN, "swordfish", "later"] {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "`{word}` is in {}", entry.path().display());
        }
    }
}

#[tokio::test]
async fn without_its_key_a_capture_is_listed_says_so_and_can_be_removed() {
    let (bench, id) = sealed(&Arc::default()).await;
    let bench = bench.opened_with(Arc::default()).await;
    assert_eq!(bench.view(id, "", MessageColumn::Size, true).await.len(), 3, "its lines are shown");
    for said in [
        bench.workbench.show_body(id, 1).await.unwrap_err().to_string(),
        bench.captures().load(id, 1).await.unwrap_err().to_string(),
        bench.captures().reopen(id).await.unwrap_err().to_string(),
    ] {
        assert!(said.contains("the key is gone"), "{said}");
    }
    let again = bench.workbench.set_at_rest(bench.profile.id, AtRest::Encrypted).await;
    let said = again.unwrap_err().to_string();
    assert!(said.contains("encrypted copies that need it"), "no other key takes its place: {said}");
    bench.workbench.remove_capture(id).await.unwrap();
    assert_eq!(bench.files(), 0);
    bench.workbench.set_at_rest(bench.profile.id, AtRest::Encrypted).await.unwrap();
    let fresh = bench.capture(vec![spoken()]).await;
    assert_eq!(bench.captures().load(fresh, 1).await.unwrap().message, spoken(), "nothing needs the lost one any more");
}

#[tokio::test]
async fn without_a_keychain_nothing_is_sealed_and_the_choice_is_refused() {
    let secrets = Arc::new(MemorySecrets::default());
    secrets.refuses.store(true, Ordering::SeqCst);
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), secrets).await;
    let profile = workbench.save_profile(draft("orders"), None).await.unwrap().profile;
    let refused = workbench.set_at_rest(profile.id, AtRest::Encrypted).await;
    assert!(
        matches!(&refused, Err(Error::Refused { code: RefusedCode::NoKey, why }) if why.contains("no keychain")),
        "{refused:?}"
    );
    let kept = workbench.list_at_rest().await.unwrap();
    assert!(kept.iter().all(|kept| kept.at_rest == AtRest::Plain));
    let bench = Bench { dir, workbench, profile };
    let id = bench.capture(vec![spoken()]).await;
    assert!(!bench.workbench.capture(id).await.unwrap().encrypted);
    let version = Connection::open(bench.captures().path(id)).unwrap();
    let version: i64 = version.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1, "older programs read what is plain");
}

#[tokio::test]
async fn what_was_moved_or_changed_in_the_file_does_not_open() {
    let (bench, id) = sealed(&Arc::default()).await;
    let other = bench.capture(vec![spoken()]).await;
    let file = Connection::open(bench.captures().path(id)).unwrap();
    let swap = "UPDATE sealed SET body = (SELECT body FROM sealed AS from_two WHERE from_two.n = 2) WHERE n = 1";
    assert_eq!(file.execute(swap, []).unwrap(), 1);
    let elsewhere = Connection::open(bench.captures().path(other)).unwrap();
    let stolen: Vec<u8> = file.query_row("SELECT head FROM sealed WHERE n = 1", [], |row| row.get(0)).unwrap();
    elsewhere.execute("UPDATE sealed SET head = ?1 WHERE n = 1", [stolen]).unwrap();
    drop((file, elsewhere));
    for capture in [id, other] {
        let said = bench.captures().load(capture, 1).await.unwrap_err().to_string();
        assert!(said.contains("another key, or was changed"), "{said}");
    }
    assert_eq!(bench.captures().load(id, 2).await.unwrap().message, everything(), "the others do");
}
