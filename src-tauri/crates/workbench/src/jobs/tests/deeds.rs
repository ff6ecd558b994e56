use std::time::{Duration, Instant};

use broker::{REDRIVE_HEADER, RedriveId, Target};
use sandbox::{Fault, QueueSetup, Returns};
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, redrive};
use crate::{
    Act, ActivityAsk, Deed, DeedAsk, Environment, Error, JobRowAsk, JobState, MessageState, Outcome, RefusedCode,
    RowFilter, SendOptions, TargetChoice,
};

async fn logged(ground: &Ground) -> Vec<(Act, Outcome)> {
    let ask = ActivityAsk { filter: String::new(), profile: None, only_open: false, from: 0, n: 100 };
    let page = ground.workbench.list_activity(ask).await.unwrap();
    page.rows.iter().map(|row| (row.act, row.outcome)).collect()
}

#[tokio::test]
async fn a_redrive_sends_to_the_queue_it_failed_in_and_removes_the_original() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let capture = ground.peek(3).await.capture;
    let plan = ground.plan_redrive(capture, vec![2]).await;
    assert_eq!(plan.lines[0].target, Some(Target::Queue { queue: "work".into() }));
    assert_eq!(plan.typed, None, "one message is a click");
    assert!(plan.removes_original);

    let job = ground.run(plan).await;

    assert_eq!((job.state, job.counts.done, job.counts.planned), (JobState::Finished, 1, 1), "{job:?}");
    let bodies = ground.bodies();
    assert_eq!(bodies["letter 1 of 0"], (0, 1), "it moved");
    assert_eq!(bodies["letter 0 of 0"], (1, 0), "the others stay");
    assert_eq!(bodies.len(), 3);
    let sent = ground.sandbox.ready("work").remove(0);
    let id: RedriveId = sent.headers.text(REDRIVE_HEADER).unwrap().parse().unwrap();
    assert_eq!(id, RedriveId { job: job.id.uuid(), n: 1 }, "it can be recognised");
    assert!(logged(&ground).await.contains(&(Act::Redrive, Outcome::Done)));
}

#[tokio::test]
async fn many_are_redriven_in_their_order() {
    let ground = Ground::new().await;
    ground.lay(1_700, 0);
    let job = ground.redrive(1_700).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 1_700), "{}", job.outcome);
    let sent: Vec<_> = ground.sandbox.ready("work").into_iter().map(|message| message.body).collect();
    let expected: Vec<_> = (0..1_700).map(|n| format!("letter {n} of 0").into_bytes()).collect();
    assert!(sent == expected, "one batch after the other, in order");
    ground.assert_each_once(1_700);
}

#[tokio::test]
async fn one_of_two_equal_messages_is_sent_and_the_other_stays() {
    let ground = Ground::new().await;
    ground.lay_one("twin", 0);
    ground.lay_one("twin", 0);
    let capture = ground.peek(2).await.capture;
    let job = ground.run(ground.plan_redrive(capture, vec![2]).await).await;
    assert_eq!(job.counts.done, 1);
    assert_eq!(ground.bodies()["twin"], (1, 1));
}

#[tokio::test]
async fn what_somebody_else_took_is_gone() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let capture = ground.peek(2).await.capture;
    let plan = ground.plan_redrive(capture, vec![1, 2]).await;
    ground.sandbox.consume("dead").unwrap();
    let job = ground.run(plan).await;
    assert_eq!((job.counts.gone, job.counts.done), (1, 1), "{}", job.outcome);
    assert_eq!(job.rows[0].state, MessageState::Gone);
}

#[tokio::test]
async fn what_was_taken_is_sent_back_from_its_copy() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let plan = ground.plan(DeedAsk::Take { queue: "dead".into(), n: 2 }).await;
    let job = ground.run(plan).await;
    assert_eq!((job.deed, job.state, job.counts.done), (Deed::Take, JobState::Finished, 2), "{job:?}");
    assert_eq!(ground.sandbox.ready("dead").len(), 1, "two are gone from the queue");
    let capture = job.capture.unwrap();
    assert!(ground.workbench.capture(capture).await.unwrap().held_by.is_some(), "the only copies are held");

    let plan = ground.plan_redrive(capture, vec![1, 2]).await;
    assert_eq!(plan.deed, Deed::SendCopy);
    assert!(!plan.removes_original);
    let job = ground.run(plan).await;

    assert_eq!((job.state, job.counts.done), (JobState::Finished, 2), "{job:?}");
    assert_eq!(ground.bodies()["letter 0 of 0"], (0, 1));
    ground.assert_each_once(3);
    assert_eq!(ground.workbench.capture(capture).await.unwrap().held_by, None, "they exist elsewhere again");
}

#[tokio::test]
async fn only_copies_are_discarded_on_purpose_by_typing() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let take = ground.run(ground.plan(DeedAsk::Take { queue: "dead".into(), n: 1 }).await).await;
    let capture = take.capture.unwrap();
    let plan = ground.plan(DeedAsk::DiscardCopies { capture, messages: vec![1] }).await;
    let refused = ground.workbench.start_plan(plan.id, None).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { code: RefusedCode::ConfirmationMissing, .. }), "{refused}");
    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 1));
    assert_eq!(ground.workbench.capture(capture).await.unwrap().held_by, None);
}

#[tokio::test]
async fn a_look_that_could_destroy_is_refused_and_reads_nothing() {
    let ground = Ground::destroying().await;
    ground.lay(3, 9);
    let token = CancellationToken::new();
    let refused = ground.workbench.peek_queue(ground.profile, "dead".into(), 3, None, token, |_| {}).await.unwrap_err();
    let Error::Broker(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.kind(), broker::ErrorKind::CostRefused);
    ground.assert_each_once(3);
    assert!(logged(&ground).await.contains(&(Act::LookRefused, Outcome::Refused)));
}

#[tokio::test]
async fn a_careful_look_loses_nothing_where_giving_back_destroys() {
    let ground = Ground::destroying().await;
    ground.lay(20, 9);
    ground.lay(20, 1);
    let plan = ground.plan(DeedAsk::CarefulLook { queue: "dead".into(), n: 40 }).await;
    assert_eq!(plan.typed.as_deref(), Some("dead"), "the override is typed");
    assert!(plan.warnings.iter().any(|warning| warning.contains("16")), "the bound is named: {:?}", plan.warnings);
    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 40), "{job:?}");
    ground.assert_each_once(40);
    assert_eq!(ground.sandbox.dropped(), 0);
    let capture = ground.workbench.capture(job.capture.unwrap()).await.unwrap();
    assert_eq!((capture.messages, capture.held_by), (40, None));
    let tail = ground.sandbox.ready("dead").pop().unwrap();
    assert_eq!(tail.delivery_count, Some(0), "what was put back starts again");
}

#[tokio::test]
async fn a_redrive_out_of_a_queue_that_destroys_keeps_the_bystanders() {
    let ground = Ground::destroying().await;
    ground.lay(30, 9);
    let looked = ground.run(ground.plan(DeedAsk::CarefulLook { queue: "dead".into(), n: 30 }).await).await;
    // Those that were put back are other messages now; lay out others whose look is fresh.
    while ground.sandbox.consume("dead").is_some() {}
    ground.lay(30, 9);
    let capture = looked.capture.unwrap();
    let plan = ground.plan_redrive(capture, vec![20]).await;
    assert_eq!(plan.typed.as_deref(), Some("dead"));
    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.done, job.counts.planned), (JobState::Finished, 1, 1), "{job:?}");
    ground.assert_each_once(30);
    assert_eq!(ground.sandbox.ready("work").len(), 1);
    assert_eq!(ground.sandbox.dropped(), 0);
}

#[tokio::test]
async fn a_take_out_of_a_queue_that_destroys_loses_nothing() {
    let ground = Ground::destroying().await;
    ground.lay(40, 9);
    let job = ground.run(ground.plan(DeedAsk::Take { queue: "dead".into(), n: 30 }).await).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 30), "{job:?}");
    assert_eq!(ground.sandbox.ready("dead").len(), 10);
    assert_eq!(ground.sandbox.dropped(), 0);
}

#[tokio::test]
async fn a_plain_look_stops_at_a_message_that_may_not_go_back_and_keeps_it() {
    let ground =
        Ground::of(QueueSetup::new("dead").returning(Returns::Counts { limit: Some(3) }), Environment::Local).await;
    ground.lay(2, 0);
    ground.lay_one("at its limit", 3);
    ground.lay_one("behind it", 0);
    let token = CancellationToken::new();
    let offer = ground.workbench.offer_look(ground.profile, "dead".into(), 10).await.unwrap();
    let peek = ground.workbench.peek_queue(ground.profile, "dead".into(), 10, Some(offer.cost), token, |_| {});
    let end = Box::pin(peek).await.unwrap();
    assert!(end.stopped.is_some(), "{end:?}");
    ground.assert_each_once(4);
    assert_eq!(ground.sandbox.dropped(), 0);
    assert_eq!(ground.sandbox.ready("dead").pop().unwrap().body, b"at its limit", "it moved to the end");
    assert!(ground.workbench.list_jobs(None).await.unwrap().iter().all(|job| job.counts.sum() == job.counts.planned));
}

#[tokio::test]
async fn a_plain_look_keeps_such_a_message_also_where_another_job_waits_for_an_answer() {
    let ground =
        Ground::of(QueueSetup::new("dead").returning(Returns::Counts { limit: Some(3) }), Environment::Local).await;
    ground.lay(1, 0);
    ground.sandbox.fail_next(Fault::PublishUnanswered);
    let token = CancellationToken::new;
    let offer = ground.workbench.offer_look(ground.profile, "dead".into(), 10).await.unwrap();
    let look = |cost| ground.workbench.peek_queue(ground.profile, "dead".into(), 10, Some(cost), token(), |_| {});
    let capture = Box::pin(look(offer.cost.clone())).await.unwrap().capture;
    let doubtful = ground.run(ground.plan_redrive(capture, vec![1]).await).await;
    assert_eq!(doubtful.counts.in_doubt, 1, "{}", doubtful.outcome);

    ground.lay_one("at its limit", 3);
    let end = Box::pin(look(offer.cost)).await.unwrap();
    assert!(end.stopped.is_some(), "{end:?}");
    assert_eq!(ground.sandbox.dropped(), 0);
    let jobs = ground.workbench.list_jobs(None).await.unwrap();
    assert_eq!(jobs[0].deed, Deed::CarefulLook, "what it did with that message is written down");
    let ask = JobRowAsk { only: RowFilter::All, text: String::new(), newest_first: false, from: 0, n: 10 };
    let rows = ground.workbench.job_rows(jobs[0].id, ask).await.unwrap().rows;
    assert_eq!(rows.iter().map(|row| row.state).collect::<Vec<_>>(), [MessageState::Done], "{rows:?}");
}

#[tokio::test]
async fn a_peek_leaves_messages_where_they_are_and_is_quick() {
    let ground = Ground::new().await;
    let body = "x".repeat(1_000);
    for n in 0..10_000 {
        ground.lay_one(&format!("{n} {body}"), 0);
    }
    let began = Instant::now();
    let end = ground.peek(10_000).await;
    let took = began.elapsed();
    assert_eq!((end.read, end.put_back, end.stopped), (10_000, true, None));
    assert_eq!(ground.sandbox.ready("dead").len(), 10_000);
    println!("10,000 messages of 1 KiB peeked in {took:?}");
    assert!(took < Duration::from_secs(20), "10,000 messages took {took:?}");
}

#[tokio::test]
async fn a_peek_of_an_empty_queue_is_an_empty_capture() {
    let ground = Ground::new().await;
    let end = ground.peek(5).await;
    assert_eq!(end.read, 0);
    assert_eq!(ground.workbench.capture(end.capture).await.unwrap().messages, 0);
}

#[tokio::test]
async fn a_cancelled_peek_gives_back() {
    let ground = Ground::new().await;
    ground.lay(50, 0);
    let token = CancellationToken::new();
    token.cancel();
    let peek = ground.workbench.peek_queue(ground.profile, "dead".into(), 50, None, token, |_| {});
    let end = Box::pin(peek).await.unwrap();
    assert_eq!(end.stopped.as_deref(), Some("stopped"));
    ground.assert_each_once(50);
}

#[tokio::test]
async fn in_production_more_than_one_message_is_typed() {
    let ground = Ground::of(QueueSetup::new("dead"), Environment::Production).await;
    ground.lay(2, 0);
    let capture = ground.peek(2).await.capture;
    assert_eq!(ground.plan_redrive(capture, vec![1]).await.typed, None);
    assert_eq!(ground.plan_redrive(capture, vec![1, 2]).await.typed.as_deref(), Some("dead"));
}

#[tokio::test]
async fn a_message_that_goes_nowhere_stays_with_the_reason() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let capture = ground.peek(1).await.capture;
    let to = TargetChoice::Place { target: Target::Queue { queue: "nowhere".into() } };
    let plan = ground.plan(redrive(capture, vec![1], to)).await;
    assert_eq!((plan.will_act, plan.lines[0].stays), (0, true));
    assert!(plan.blocked.unwrap().contains("nowhere"));
}

#[tokio::test]
async fn a_plan_that_no_longer_fits_is_not_started() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let capture = ground.peek(1).await.capture;
    let plan = ground.plan_redrive(capture, vec![1]).await;
    ground.sandbox.delete_queue("work");
    let refused = ground.workbench.start_plan(plan.id, None).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { code: RefusedCode::PlanOutdated, .. }), "{refused}");
    assert_eq!(ground.sandbox.ready("dead").len(), 1, "nothing was touched");
}

#[tokio::test]
async fn what_lies_deep_is_reached_at_any_rate() {
    let ground = Ground::new().await;
    ground.lay(600, 0);
    let capture = ground.peek(600).await.capture;
    let DeedAsk::Send { deed, from, to, .. } = redrive(capture, vec![1, 590, 591], TargetChoice::FailedIn) else {
        unreachable!("it is a sending")
    };
    let options = SendOptions { per_second: Some(4), ..SendOptions::default() };
    let job = ground.run(ground.plan(DeedAsk::Send { deed, from, to, options }).await).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 3), "{}", job.outcome);
    ground.assert_each_once(600);
}
