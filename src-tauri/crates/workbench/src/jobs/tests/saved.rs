//! Plans that are kept, reopened later, and started once.

use broker::Target;
use sandbox::{QueueSetup, Returns};

use super::ground::{Ground, first, redrive};
use crate::{
    Deed, DeedAsk, Error, JobState, PlanView, RefusedCode, ReopenedPlan, Selection, SendOptions, Sending, TargetChoice,
};

fn to(queue: &str) -> TargetChoice {
    TargetChoice::Place { target: Target::Queue { queue: queue.into() } }
}

fn some(deed: Sending, n: Option<u64>) -> DeedAsk {
    first(deed, "dead", n, to("work"), SendOptions::default())
}

async fn reopened(ground: &Ground, plan: &PlanView) -> ReopenedPlan {
    ground.workbench.reopen_plan(plan.id).await.unwrap()
}

fn words(reopened: &ReopenedPlan) -> Vec<&str> {
    reopened.changes.iter().map(|change| change.words.as_str()).collect()
}

fn outdated<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Refused { code: RefusedCode::PlanOutdated, why }) => why,
        other => panic!("expected the plan not to fit, not {other:?}"),
    }
}

fn started<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Refused { code: RefusedCode::AlreadyOutstanding, why }) => why,
        other => panic!("expected the plan to be a job already, not {other:?}"),
    }
}

#[tokio::test]
async fn a_plan_outlives_the_program_and_is_started_by_another() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let capture = ground.peek(3).await.capture;
    let plan = ground.plan_redrive(capture, vec![1, 3]).await;
    let ground = ground.restart().await;
    ground.workbench.open_connection(ground.profile, None).await.unwrap();

    let listed = ground.workbench.list_plans(Some(ground.profile)).await.unwrap();
    assert_eq!((listed.len(), listed[0].number, listed[0].started), (1, 1, None));
    assert_eq!(listed[0].view, PlanView { made_at: listed[0].view.made_at, ..plan.clone() }, "as it was made");
    let again = reopened(&ground, &plan).await;
    assert_eq!(words(&again), [] as [&str; 0]);
    assert_eq!(again.now.as_ref().map(|now| (now.id, now.will_act)), Some((plan.id, 2)));

    let job = ground.run(again.now.unwrap()).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 2), "{}", job.outcome);
    assert_eq!(ground.bodies()["letter 1 of 0"], (1, 0), "what was not chosen stays");
    ground.assert_each_once(3);
}

#[tokio::test]
async fn a_plan_is_started_once() {
    let ground = Ground::new().await;
    ground.lay(5, 0);
    let plan = ground.plan(some(Sending::Copy, Some(2))).await;
    let job = ground.run(plan.clone()).await;
    assert_eq!(job.counts.done, 2);

    let why = started(ground.workbench.start_plan(plan.id, None).await);
    assert!(why.contains("was started as job 1"), "{why}");
    assert_eq!(ground.sandbox.ready("work").len(), 2, "nothing was copied twice");
    let again = reopened(&ground, &plan).await;
    assert_eq!(again.saved.started.map(|started| (started.job, started.number)), Some((job.id, 1)));
    assert!(started(again.check()).contains("job 1"));
}

#[tokio::test]
async fn two_who_start_one_plan_at_once_get_one_job() {
    let ground = Ground::new().await;
    ground.lay(5, 0);
    let capture = ground.peek(5).await.capture;
    let ask = DeedAsk::Send {
        deed: Sending::Replay,
        from: Selection::Whole { capture },
        to: to("work"),
        options: SendOptions::default(),
    };
    let plan = ground.plan(ask).await;
    let (one, other) =
        tokio::join!(ground.workbench.start_plan(plan.id, None), ground.workbench.start_plan(plan.id, None));
    let (job, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert!(started(refused).contains("was started as job 1"));
    ground.ended(job.unwrap()).await;
    assert_eq!(ground.sandbox.ready("work").len(), 5, "each was replayed once");
}

#[tokio::test]
async fn a_plan_that_was_forgotten_is_not_started() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let plan = ground.plan(some(Sending::Move, None)).await;
    ground.workbench.discard_plan(plan.id).await.unwrap();
    ground.workbench.discard_plan(plan.id).await.unwrap();
    let refused = ground.workbench.start_plan(plan.id, None).await.unwrap_err();
    assert!(matches!(refused, Error::NoSuch { what: "plan", .. }), "{refused}");
    assert!(ground.workbench.list_plans(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_rule_stays_frozen_when_its_queue_grows_or_shrinks() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let plan = ground.plan(some(Sending::Move, None)).await;
    ground.lay_one("late", 0);
    let again = reopened(&ground, &plan).await;
    let expected = "4 messages are ready in `dead`, 3 when it was planned: what came since is no part of the plan";
    assert_eq!(words(&again), [expected]);
    assert_eq!(again.now.as_ref().map(|now| now.will_act), Some(3), "it is about those three");

    (0..3).for_each(|_| drop(ground.sandbox.consume("dead")));
    let again = reopened(&ground, &plan).await;
    let expected = "1 message is ready in `dead`, 3 when it was planned: at least 2 of the 3 are not there any more";
    assert_eq!(words(&again), [expected]);
    again.check().unwrap();
    let job = ground.run(again.now.unwrap()).await;
    assert_eq!((job.counts.planned, job.counts.done, job.counts.gone), (3, 1, 2), "{}", job.outcome);
}

#[tokio::test]
async fn a_plan_says_all_that_has_changed_and_is_not_started() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let capture = ground.peek(2).await.capture;
    let plan = ground.plan_redrive(capture, vec![1, 2]).await;
    ground.sandbox.delete_queue("work");
    ground.sandbox.consume("dead").unwrap();
    let again = reopened(&ground, &plan).await;
    let said = words(&again).join("\n");
    for part in [
        "cannot be done any more",
        "would now stay: there is no queue `work`",
        "not arrive in `work` any more",
        "1 message is ready",
    ] {
        assert!(said.contains(part), "`{part}` is not said:\n{said}");
    }
    let (checked, refused) = (outdated(again.check()), outdated(ground.workbench.start_plan(plan.id, None).await));
    assert_eq!(checked, refused, "reopening says what starting would");
    assert_eq!(ground.sandbox.ready("dead").len(), 1, "nothing was touched");
}

#[tokio::test]
async fn a_look_that_became_dangerous_is_said() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let plan = ground.plan(some(Sending::Move, None)).await;
    ground.sandbox.delete_queue("dead");
    ground.sandbox.declare_queue(QueueSetup::new("dead").returning(Returns::Destroys { limit: 2 }).keeps_counts());
    ground.lay(1, 0);
    let again = reopened(&ground, &plan).await;
    assert!(words(&again)[0].starts_with("holding messages costs more now"), "{again:?}");
    outdated(again.check());
}

#[tokio::test]
async fn a_plan_whose_copies_or_queue_are_gone_says_so() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let capture = ground.peek(2).await.capture;
    let named = ground.plan_redrive(capture, vec![1]).await;
    let rule = ground.plan(some(Sending::Move, None)).await;
    ground.workbench.remove_capture(capture).await.unwrap();
    ground.sandbox.delete_queue("dead");

    let gone = reopened(&ground, &named).await;
    assert_eq!((words(&gone), gone.now.as_ref()), (vec!["the copies that it names are not kept any more"], None));
    assert!(outdated(ground.workbench.start_plan(named.id, None).await).contains("not kept any more"));
    let gone = reopened(&ground, &rule).await;
    assert!(gone.now.is_none() && words(&gone)[0].contains("dead"), "{gone:?}");
    outdated(ground.workbench.start_plan(rule.id, None).await);
}

#[tokio::test]
async fn what_another_job_did_with_the_same_messages_is_said() {
    let ground = Ground::new().await;
    ground.lay(4, 0);
    let capture = ground.peek(4).await.capture;
    let replay = |messages: Vec<u64>| DeedAsk::Send {
        deed: Sending::Replay,
        from: Selection::Chosen { capture, messages },
        to: to("work"),
        options: SendOptions::default(),
    };
    let plan = ground.plan(replay(vec![1, 2, 3])).await;
    ground.run(ground.plan(replay(vec![3, 4])).await).await;
    ground.run(ground.plan(redrive(capture, vec![1, 2], TargetChoice::FailedIn)).await).await;
    let again = reopened(&ground, &plan).await;
    assert_eq!(
        words(&again),
        ["1 of them was replayed by job 1 since", "2 of them were redriven by job 2 since"],
        "what was sent once would be sent again"
    );
    again.check().unwrap();
}

#[tokio::test]
async fn a_plan_of_what_exists_only_here_does_not_become_another_deed() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let take = ground.run(ground.plan(DeedAsk::Take { queue: "dead".into(), n: 1 }).await).await;
    let capture = take.capture.unwrap();
    let (plan, twin) = (ground.plan_redrive(capture, vec![1]).await, ground.plan_redrive(capture, vec![1]).await);
    assert_eq!(plan.deed, Deed::SendCopy);
    ground.run(twin).await;
    let why = outdated(ground.workbench.start_plan(plan.id, None).await);
    assert!(why.contains("another deed"), "{why}");
    assert_eq!(ground.sandbox.ready("work").len(), 1, "it was sent once");
}
