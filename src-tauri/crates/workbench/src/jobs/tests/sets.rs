//! Several queues in one plan: seen together, started together or not at all.

use broker::{Death, DeathReason, Message, Target};
use sandbox::{QueueSetup, Returns};
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, first, redrive};
use crate::{
    CaptureId, DeedAsk, Environment, Error, JobState, PlanSet, RefusedCode, SendOptions, Sending, TargetChoice,
};

/// Lays `n` dead letters out in a queue of that name.
fn lay_in(ground: &Ground, queue: &str, n: u64) {
    for at in 0..n {
        let death = Death {
            queue: "work".into(),
            reason: DeathReason::Rejected,
            count: 1,
            at: None,
            exchange: None,
            routing_keys: vec!["work".into()],
        };
        let body = format!("{queue} {at}").into_bytes();
        let message = Message { body, deaths: vec![death], ..Message::default() };
        ground.sandbox.publish_raw(&Target::Queue { queue: queue.into() }, message);
    }
}

async fn peeked(ground: &Ground, queue: &str, n: u64) -> CaptureId {
    let look = ground.workbench.peek_queue(ground.profile, queue.into(), n, None, CancellationToken::new(), |_| {});
    Box::pin(look).await.unwrap().capture
}

fn chosen(capture: CaptureId, n: u64) -> DeedAsk {
    redrive(capture, (1..=n).collect(), TargetChoice::FailedIn)
}

/// `n` messages in `dead`, two in `refunds`, all of them planned.
async fn planned(ground: &Ground, n: u64) -> PlanSet {
    ground.sandbox.declare_queue("refunds");
    lay_in(ground, "dead", n);
    lay_in(ground, "refunds", 2);
    let (dead, refunds) = (peeked(ground, "dead", n).await, peeked(ground, "refunds", 2).await);
    ground.workbench.make_plans(ground.profile, vec![chosen(dead, n), chosen(refunds, 2)]).await.unwrap()
}

fn ids(set: &PlanSet) -> Vec<crate::PlanId> {
    set.parts.iter().map(|part| part.id).collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>, expected: RefusedCode) -> String {
    match result {
        Err(Error::Refused { code, why }) if code == expected => why,
        other => panic!("expected {expected:?}, not {other:?}"),
    }
}

#[tokio::test]
async fn several_queues_are_one_plan_and_a_job_each() {
    let ground = Ground::new().await;
    let set = planned(&ground, 3).await;
    assert_eq!(set.whole.title, "Redrive 5 messages from 2 queues");
    assert_eq!((set.whole.messages, set.whole.will_act, set.whole.queue.as_ref()), (5, 5, None));
    assert_eq!(set.whole.lines.len(), 2, "each queue's lines: {:?}", set.whole.lines);
    assert_eq!((set.whole.typed.as_deref(), set.whole.blocked.as_deref()), (None, None));

    let jobs = ground.workbench.start_plans(ids(&set), None).await.unwrap();
    assert_eq!(jobs.len(), 2);
    for (job, done) in jobs.into_iter().zip([3, 2]) {
        let ended = ground.ended(job).await;
        assert_eq!((ended.state, ended.counts.done), (JobState::Finished, done), "{}", ended.outcome);
    }
    assert_eq!(ground.sandbox.ready("work").len(), 5);
    assert_eq!((ground.sandbox.ready("dead").len(), ground.sandbox.ready("refunds").len()), (0, 0));
}

#[tokio::test]
async fn in_production_several_queues_are_confirmed_by_the_profiles_name() {
    let ground = Ground::of(QueueSetup::new("dead"), Environment::Production).await;
    let set = planned(&ground, 1).await;
    assert_eq!(set.whole.typed.as_deref(), Some("laid out"), "three messages in two queues");
    refused(ground.workbench.start_plans(ids(&set), Some("dead".into())).await, RefusedCode::ConfirmationMissing);
    refused(ground.workbench.start_plans(ids(&set), None).await, RefusedCode::ConfirmationMissing);
    assert_eq!(ground.workbench.list_jobs(None).await.unwrap().len(), 0, "nothing was started");
    let jobs = ground.workbench.start_plans(ids(&set), Some("laid out".into())).await.unwrap();
    assert_eq!(jobs.len(), 2);
}

#[tokio::test]
async fn where_one_of_them_does_not_fit_any_more_none_is_started_and_it_is_named() {
    let ground = Ground::new().await;
    let set = planned(&ground, 3).await;
    ground.sandbox.delete_queue("refunds");
    let why = refused(ground.workbench.start_plans(ids(&set), None).await, RefusedCode::PlanOutdated);
    assert!(why.starts_with("`refunds`: the plan does not fit any more"), "{why}");
    assert_eq!(ground.workbench.list_jobs(None).await.unwrap().len(), 0);
    assert_eq!(ground.sandbox.ready("dead").len(), 3, "nothing was touched");
}

#[tokio::test]
async fn where_another_job_has_one_of_them_none_is_started() {
    let ground = Ground::new().await;
    let set = planned(&ground, 3).await;
    let options = SendOptions { per_second: Some(1), ..SendOptions::default() };
    let slow = ground.plan(first(Sending::Redrive, "refunds", None, TargetChoice::FailedIn, options)).await;
    let other = ground.workbench.start_plan(slow.id, None).await.unwrap();
    let why = refused(ground.workbench.start_plans(ids(&set), None).await, RefusedCode::AlreadyOutstanding);
    assert!(why.contains("job 1"), "{why}");
    let jobs = ground.workbench.list_jobs(None).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.number).collect::<Vec<_>>(), [1], "not even the one that could");
    assert_eq!(ground.locks(), 1, "nothing is left of what was not started");
    ground.workbench.stop_job(other).await.unwrap();
    ground.ended(other).await;
}

#[tokio::test]
async fn a_queue_that_must_be_confirmed_by_itself_is_left_out_and_said() {
    let ground = Ground::new().await;
    ground.sandbox.declare_queue(QueueSetup::new("risky").returning(Returns::Destroys { limit: 2 }).keeps_counts());
    lay_in(&ground, "dead", 2);
    lay_in(&ground, "risky", 2);
    let dead = peeked(&ground, "dead", 2).await;
    let risky = first(Sending::Redrive, "risky", None, TargetChoice::FailedIn, SendOptions::default());
    let asks = vec![chosen(dead, 2), risky];
    let set = ground.workbench.make_plans(ground.profile, asks).await.unwrap();
    let why = set.parts[1].blocked.as_deref().unwrap_or_default();
    assert!(why.starts_with("it needs a plan of its own"), "{why}");
    assert_eq!((set.whole.will_act, set.whole.blocked.as_deref()), (2, None), "the other one can be started");
    assert!(set.whole.warnings.iter().any(|words| words.contains("`risky`")), "{:?}", set.whole.warnings);
    let forced = ground.workbench.start_plans(ids(&set), None).await;
    assert!(refused(forced, RefusedCode::PlanOutdated).contains("`risky`"));
}

#[tokio::test]
async fn where_one_cannot_be_planned_no_plan_is_kept() {
    let ground = Ground::new().await;
    lay_in(&ground, "dead", 1);
    let dead = peeked(&ground, "dead", 1).await;
    let asks = vec![chosen(dead, 1), chosen(CaptureId::new(), 1)];
    ground.workbench.make_plans(ground.profile, asks).await.unwrap_err();
    assert_eq!(ground.workbench.list_plans(None).await.unwrap(), []);
}
