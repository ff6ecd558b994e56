use std::sync::Arc;

use jiff::ToSpan;

use super::*;
use crate::Environment;
use crate::profiles::tests::{draft, workbench};

fn ask() -> ActivityAsk {
    ActivityAsk { filter: String::new(), profile: None, only_open: false, from: 0, n: 100 }
}

#[tokio::test]
async fn the_log_is_listed_newest_first_and_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::default()).await;
    let profile = workbench.save_profile(draft("orders"), None).await.unwrap().profile;
    assert_eq!(profile.environment, Environment::Production);
    let peek = NewActivity::new(Act::Peek, &profile, "support").place("orders.dlq").messages(3);
    let capture = CaptureId::new();
    workbench.note(peek.outcome(Outcome::Done, "put back, in order").capture(capture)).await.unwrap();
    let other = NewActivity::local(Act::TurnWritesOn, ProfileId::new(), "billing").place("billing.in");
    workbench.note(other.confirmed("by typing the queue's name")).await.unwrap();

    let page = workbench.list_activity(ask()).await.unwrap();
    assert_eq!(page.total, 2);
    assert_eq!(page.rows.iter().map(|row| row.act).collect::<Vec<_>>(), [Act::TurnWritesOn, Act::Peek]);
    let row = &page.rows[1];
    assert_eq!((row.messages, row.capture, row.broker_user.as_str()), (Some(3), Some(capture), "support"));
    assert!(row.by.ends_with(", in the window"), "{}", row.by);

    for (filter, found) in [("ORDERS", 1), ("in order", 1), ("writeson", 1), ("billing", 1), ("%", 0)] {
        let page = workbench.list_activity(ActivityAsk { filter: filter.into(), ..ask() }).await.unwrap();
        assert_eq!(page.total, found, "{filter}");
    }
    let of_one = ActivityAsk { profile: Some(profile.id), filter: "dlq".into(), ..ask() };
    assert_eq!(workbench.list_activity(of_one).await.unwrap().total, 1);
    let second = workbench.list_activity(ActivityAsk { from: 1, n: 1, ..ask() }).await.unwrap();
    assert_eq!((second.total, second.rows.len(), second.rows[0].act), (2, 1, Act::Peek));
}

#[tokio::test]
async fn a_line_is_completed_once_and_never_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::default()).await;
    let running = NewActivity::local(Act::Redrive, ProfileId::new(), "orders").outcome(Outcome::Running, "under way");
    let id = workbench.note(running).await.unwrap();
    let open = || ActivityAsk { only_open: true, ..ask() };
    assert_eq!(workbench.list_activity(open()).await.unwrap().total, 1);
    workbench.amend(id, Outcome::Done, "1 redriven", Some(1)).await.unwrap();
    assert_eq!(workbench.list_activity(open()).await.unwrap().total, 0);
    let again = workbench.amend(id, Outcome::Failed, "no", None).await;
    assert!(matches!(again, Err(Error::NoSuch { .. })), "{again:?}");
    let row = workbench.list_activity(ask()).await.unwrap().rows.remove(0);
    assert_eq!((row.outcome, row.words.as_str(), row.messages), (Outcome::Done, "1 redriven", Some(1)));
    let rewritten =
        workbench.inner.store.write(|transaction| transaction.execute("UPDATE activity SET words = ''", []));
    assert!(rewritten.await.is_err(), "the table itself refuses");
}

#[tokio::test]
async fn lines_older_than_a_year_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::default()).await;
    workbench.note(NewActivity::local(Act::Peek, ProfileId::new(), "x")).await.unwrap();
    let prune = |hours: i64| {
        let then = Timestamp::now().checked_add(hours.hours()).unwrap();
        workbench.inner.store.write(move |transaction| ActivityRow::prune(transaction, then))
    };
    prune(365 * 24).await.unwrap();
    assert_eq!(workbench.list_activity(ask()).await.unwrap().total, 1);
    prune(367 * 24).await.unwrap();
    assert_eq!(workbench.list_activity(ask()).await.unwrap().total, 0);
}
