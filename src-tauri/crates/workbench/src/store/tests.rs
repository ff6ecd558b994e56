use std::fs;

use futures::future::join_all;
use rusqlite::ErrorCode;

use super::*;
use crate::{Error, StoreTrouble};

async fn count(store: &Store) -> u64 {
    store.read(|connection| connection.query_row("SELECT count(*) FROM once", [], |row| row.get(0))).await.unwrap()
}

async fn add(store: &Store, name: String) -> Result<bool> {
    store.write(move |transaction| first_time(transaction, &name)).await
}

fn trouble<T: std::fmt::Debug>(result: Result<T>) -> (StoreTrouble, String) {
    match result {
        Err(Error::Store { kind, why, .. }) => (kind, why),
        other => panic!("expected trouble with the store, not {other:?}"),
    }
}

#[tokio::test]
async fn what_was_answered_survives_the_end_of_the_program_at_any_moment() {
    let (dir, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(dir.path()).await.unwrap();
    for n in 0..50 {
        add(&store, n.to_string()).await.unwrap();
    }
    // The files as they are while the store is open: what a killed program leaves behind.
    for file in ["queuescope.db", "queuescope.db-wal"] {
        fs::copy(dir.path().join(file), after.path().join(file)).unwrap();
    }
    assert_eq!(count(&Store::open(after.path()).await.unwrap()).await, 50);
}

#[tokio::test]
async fn a_write_that_fails_is_undone_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let writes = (0..100).map(|n| {
        let store = store.clone();
        async move {
            let write = move |transaction: &Transaction<'_>| {
                first_time(transaction, &format!("a{n}"))?;
                first_time(transaction, &format!("b{n}"))?;
                if n % 10 == 3 { Err(rusqlite::Error::QueryReturnedNoRows) } else { Ok(()) }
            };
            store.write(write).await.is_ok()
        }
    });
    let kept = join_all(writes).await.into_iter().filter(|ok| *ok).count();
    assert_eq!((kept, count(&store).await), (90, 180));
}

#[tokio::test]
async fn a_write_that_panics_takes_nobody_along() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let panics = store.write(|transaction| -> rusqlite::Result<()> {
        first_time(transaction, "half")?;
        panic!("on purpose");
    });
    assert_eq!(trouble(panics.await).0, StoreTrouble::Other);
    assert!(add(&store, "after".into()).await.unwrap());
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn two_programs_may_write_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Store::open(dir.path()).await.unwrap(), Store::open(dir.path()).await.unwrap());
    let writes = (0..200).map(|n| {
        let store = if n % 2 == 0 { one.clone() } else { two.clone() };
        async move { add(&store, n.to_string()).await.unwrap() }
    });
    assert!(join_all(writes).await.into_iter().all(|first| first));
    assert_eq!((count(&one).await, count(&two).await), (200, 200));
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_nothing_half_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    add(&store, "before".into()).await.unwrap();
    let limit = |pages: u32| store.write(move |transaction| transaction.pragma_update(None, "max_page_count", pages));
    limit(40).await.unwrap();
    let large = store.write(|transaction| {
        first_time(transaction, "half")?;
        for n in 0..10_000 {
            first_time(transaction, &format!("{n:0>200}"))?;
        }
        Ok(())
    });
    assert_eq!(trouble(large.await).0, StoreTrouble::Full);
    assert_eq!(count(&store).await, 1, "what was there is there, and no more");
    limit(100_000).await.unwrap();
    assert!(add(&store, "half".into()).await.unwrap(), "with room again it goes on");
}

#[test]
fn a_disk_without_room_is_told_from_other_trouble() {
    let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert_eq!(trouble::<()>(Err(io_trouble("x", Path::new("y"), &error))).0, StoreTrouble::Full);
    let busy =
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: 5 }, None);
    assert_eq!(trouble::<()>(Err(sql_trouble("x", &busy))).0, StoreTrouble::Other);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queuescope.db");
    let garbage = b"not a database ".repeat(1000);
    fs::write(&path, &garbage).unwrap();
    let (kind, why) = trouble(Store::open(dir.path()).await);
    assert_eq!(kind, StoreTrouble::Corrupted);
    assert!(why.contains("queuescope.db") && why.contains("nothing was deleted"), "{why}");
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[tokio::test]
async fn a_damaged_page_is_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    for n in 0..500 {
        add(&store, format!("{n:0>100}")).await.unwrap();
    }
    let path = dir.path().join("queuescope.db");
    drop(store);
    // The writer closes the file on its own thread.
    for _ in 0..200 {
        if !dir.path().join("queuescope.db-wal").exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end / 2..].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(trouble(Store::open(dir.path()).await).0, StoreTrouble::Corrupted);
}

#[tokio::test]
async fn a_newer_store_is_refused_politely() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    store.write(|transaction| transaction.pragma_update(None, "user_version", 999)).await.unwrap();
    drop(store);
    let (kind, why) = trouble(Store::open(dir.path()).await);
    assert_eq!(kind, StoreTrouble::NewerVersion);
    assert!(why.contains("newer version"), "{why}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let store = Store::open(&data).await.unwrap();
    add(&store, "x".into()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

fn plan(days_old: i64) -> SavedPlan {
    let made_at = now() - jiff::SignedDuration::from_hours(24 * days_old);
    let view = serde_json::json!({
        "id": crate::PlanId::new(), "deed": "purge", "title": "Purge", "profile": crate::ProfileId::new(),
        "profileName": "orders", "environment": "local", "queue": "dead", "madeAt": made_at, "tookMs": 1, "lines": [],
        "messages": 1, "willAct": 1, "duplicates": 0, "takesS": null, "toProfileName": null, "removesOriginal": true,
        "hazards": [], "stripped": [], "cost": null, "warnings": [], "typed": null, "writesLocked": false,
        "blocked": null,
    });
    let ask = crate::DeedAsk::Purge { queue: "dead".into() };
    SavedPlan { number: 0, view: serde_json::from_value(view).unwrap(), ask, ready: Some(1), started: None }
}

#[tokio::test]
async fn plans_are_kept_two_hundred_at_a_time_and_thirty_days() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    for age in [31, 29] {
        store.keep_plan(plan(age)).await.unwrap();
    }
    let numbers = async || -> Vec<_> { store.plans(None).await.unwrap().iter().map(|plan| plan.number).collect() };
    assert_eq!(numbers().await, [2], "what is too old is not kept");
    for _ in 0..200 {
        store.keep_plan(plan(0)).await.unwrap();
    }
    assert_eq!(numbers().await, (3..=202).rev().collect::<Vec<_>>(), "newest first, and numbers are not used again");
}

#[tokio::test]
async fn plans_that_are_large_make_room_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let large = |mebibytes: usize| {
        let mut plan = plan(0);
        plan.view.title = "x".repeat(mebibytes << 20);
        plan
    };
    for mebibytes in [30, 30, 1, 70] {
        store.keep_plan(large(mebibytes)).await.unwrap();
    }
    assert_eq!(
        store.plans(None).await.unwrap().iter().map(|plan| plan.number).collect::<Vec<_>>(),
        [4],
        "the newest stays"
    );
}
