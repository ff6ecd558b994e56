//! Jobs whose copies are encrypted.

use super::ground::{Ground, first};
use crate::{AtRest, DeedAsk, JobState, Selection, SendOptions, Sending, TargetChoice};

#[tokio::test]
async fn encrypted_copies_are_sent_and_put_back_like_any_other() {
    let ground = Ground::new().await;
    ground.workbench.set_at_rest(ground.profile, AtRest::Encrypted).await.unwrap();
    ground.lay(40, 0);
    let job = ground.redrive(3).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 3), "{}", job.outcome);
    let from = Selection::First { queue: "dead".into(), n: None };
    let job = ground.run(ground.plan(DeedAsk::Discard { from }).await).await;
    assert!(ground.workbench.capture(job.capture.unwrap()).await.unwrap().encrypted);
    let undo = ground.run(ground.plan(DeedAsk::Undo { job: job.id }).await).await;
    assert_eq!((undo.state, undo.counts.done), (JobState::Finished, 37), "{}", undo.outcome);
    ground.assert_each_once(40);
}

#[tokio::test]
async fn without_the_key_no_job_starts_and_no_message_is_touched() {
    let ground = Ground::new().await;
    ground.workbench.set_at_rest(ground.profile, AtRest::Encrypted).await.unwrap();
    ground.lay(5, 0);
    let from = Selection::First { queue: "dead".into(), n: Some(2) };
    let discarded = ground.run(ground.plan(DeedAsk::Discard { from }).await).await;
    // It comes back with another keychain.
    let ground = ground.restart().await;
    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    let undo = ground.workbench.make_plan(ground.profile, DeedAsk::Undo { job: discarded.id }).await.unwrap_err();
    assert!(undo.to_string().contains("the key is gone"), "{undo}");
    let redrive = first(Sending::Redrive, "dead", None, TargetChoice::FailedIn, SendOptions::default());
    let plan = ground.plan(redrive).await;
    let started = ground.workbench.start_plan(plan.id, None).await.unwrap_err();
    assert!(started.to_string().contains("the key is gone"), "{started}");
    assert_eq!((ground.sandbox.ready("dead").len(), ground.sandbox.ready("work").len()), (3, 0));
    assert_eq!(ground.sandbox.held("dead"), 0);
}
