//! Messages that come back after they were sent: looked for, and watched for.

use std::time::Duration;

use broker::{Message, REDRIVE_HEADER, RedriveId, Target, Value, property};
use sandbox::{ExchangeKind, QueueSetup, Returns};

use super::ground::{Ground, first};
use crate::{Canary, DeedAsk, Error, JobId, JobState, JobView, SendOptions, Sending, TargetChoice};

/// What is sent to `failing` dies there when its time comes, and arrives in that queue.
fn fails_into(ground: &Ground, queue: &str) {
    ground.sandbox.declare_exchange("back", ExchangeKind::Fanout);
    ground.sandbox.bind("back", "", queue).unwrap();
    ground.sandbox.declare_queue(QueueSetup::new("failing").ttl_ms(60_000).dead_letters_to("back"));
}

fn everything_dies(ground: &Ground) {
    ground.sandbox.advance(Duration::from_secs(61));
}

fn sent(deed: Sending, n: Option<u64>, watch_s: Option<u32>) -> DeedAsk {
    let to = TargetChoice::Place { target: Target::Queue { queue: "failing".into() } };
    first(deed, "dead", n, to, SendOptions { watch_s, ..SendOptions::default() })
}

async fn job(ground: &Ground, ask: DeedAsk) -> JobView {
    let job = ground.run(ground.plan(ask).await).await;
    assert_eq!(job.state, JobState::Finished, "{}", job.outcome);
    job
}

async fn watched(ground: &Ground, job: JobId) -> JobView {
    for _ in 0..600 {
        let view = ground.workbench.show_job(job).await.unwrap();
        if view.watching_until.is_none() {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the watch does not end");
}

#[tokio::test]
async fn a_look_finds_what_came_back_among_others() {
    let ground = Ground::new().await;
    fails_into(&ground, "dead");
    ground.lay(5, 0);
    let job = job(&ground, sent(Sending::Move, Some(3), None)).await;
    let before = ground.workbench.look_for_bounces(job.id).await.unwrap();
    assert_eq!((before.bounced, before.looks[0].scanned, before.looks[0].of), (0, 2, 2));

    everything_dies(&ground);
    let after = ground.workbench.look_for_bounces(job.id).await.unwrap();
    assert_eq!(after.looks.len(), 1, "the queue they were read from is where they come back: {after:?}");
    let look = &after.looks[0];
    assert_eq!((after.bounced, look.found, look.scanned, look.of), (3, 3, 5, 5));
    assert_eq!(look.queue.as_str(), "dead");
    assert_eq!(ground.workbench.show_job(job.id).await.unwrap().counts.bounced, 3, "it is noted");
    assert_eq!((ground.sandbox.ready("dead").len(), ground.sandbox.held("dead")), (5, 0), "all are back");
}

#[tokio::test]
async fn what_dies_elsewhere_is_found_there() {
    let ground = Ground::new().await;
    ground.sandbox.declare_queue("elsewhere");
    fails_into(&ground, "elsewhere");
    ground.lay(2, 0);
    let job = job(&ground, sent(Sending::Copy, None, None)).await;
    everything_dies(&ground);
    let found = ground.workbench.look_for_bounces(job.id).await.unwrap();
    let looks: Vec<_> = found.looks.iter().map(|look| (look.queue.as_str(), look.found, look.of)).collect();
    assert_eq!((found.bounced, looks), (2, vec![("dead", 0, 2), ("elsewhere", 2, 2)]));
}

#[tokio::test]
async fn where_a_look_costs_a_delivery_it_is_not_made_and_the_cost_is_said() {
    let ground = Ground::new().await;
    ground.sandbox.declare_queue(QueueSetup::new("counted").returning(Returns::Counts { limit: Some(5) }));
    fails_into(&ground, "counted");
    ground.lay(2, 0);
    let job = job(&ground, sent(Sending::Move, None, None)).await;
    everything_dies(&ground);
    let refused = ground.workbench.look_for_bounces(job.id).await.unwrap();
    let look = refused.looks.iter().find(|look| look.queue.as_str() == "counted").unwrap();
    assert_eq!((refused.bounced, look.scanned, look.of), (0, 0, 2), "{look:?}");
    assert!(look.not_looked.is_some() && look.cost.is_some(), "{look:?}");
    let counts: Vec<_> = ground.sandbox.ready("counted").iter().map(|message| message.delivery_count).collect();
    assert!(counts.iter().all(|count| count.unwrap_or_default() == 0), "no delivery was spent: {counts:?}");

    let token = tokio_util::sync::CancellationToken::new();
    let cost = look.cost.clone();
    let peek = ground.workbench.peek_queue(ground.profile, "counted".into(), 10, cost, token, |_| {});
    let capture = Box::pin(peek).await.unwrap().capture;
    assert_eq!(ground.workbench.find_bounces(job.id, capture).await.unwrap(), 2, "a look that was accepted tells");
    assert_eq!(ground.workbench.show_job(job.id).await.unwrap().counts.bounced, 2);
}

#[tokio::test]
async fn what_cannot_come_back_or_be_recognised_is_not_looked_for() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let discard = DeedAsk::Discard { from: crate::Selection::First { queue: "dead".into(), n: Some(1) } };
    let discarded = job(&ground, discard).await;
    let refused = ground.workbench.look_for_bounces(discarded.id).await.unwrap_err();
    assert!(refused.to_string().contains("sent nothing"), "{refused}");

    fails_into(&ground, "dead");
    let moved = job(&ground, unmarked(None)).await;
    everything_dies(&ground);
    let refused = ground.workbench.look_for_bounces(moved.id).await.unwrap_err();
    assert!(refused.to_string().contains("no mark, and no message id"), "{refused}");
    let ask = sent(Sending::Move, None, Some(90_000));
    let refused = ground.workbench.make_plan(ground.profile, ask).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
}

/// Lays one out that was given this id by who sent it.
fn lay_with_id(ground: &Ground, id: &str, body: &str) {
    let mut message = Message { body: body.as_bytes().to_vec(), ..Message::default() };
    if !id.is_empty() {
        message.properties.set(property::MESSAGE_ID, Value::from(id));
    }
    ground.sandbox.publish_raw(&Target::Queue { queue: "dead".into() }, message);
}

fn unmarked(canary: Option<Canary>) -> DeedAsk {
    let to = TargetChoice::Place { target: Target::Queue { queue: "failing".into() } };
    first(Sending::Move, "dead", None, to, SendOptions { unmarked: true, canary, ..SendOptions::default() })
}

#[tokio::test]
async fn unmarked_ones_are_recognised_by_ids_that_no_other_has() {
    let ground = Ground::new().await;
    fails_into(&ground, "dead");
    for (id, body) in [("a", "1"), ("b", "2"), ("twice", "3"), ("twice", "4")] {
        lay_with_id(&ground, id, body);
    }
    let job = job(&ground, unmarked(None)).await;
    lay_with_id(&ground, "another", "5");
    everything_dies(&ground);
    let found = ground.workbench.look_for_bounces(job.id).await.unwrap();
    let look = &found.looks[0];
    assert_eq!((found.bounced, look.found, look.nameless, look.scanned), (2, 2, 2, 5), "{look:?}");
    let token = tokio_util::sync::CancellationToken::new();
    let peek = ground.workbench.peek_queue(ground.profile, "dead".into(), 10, None, token, |_| {});
    let capture = Box::pin(peek).await.unwrap().capture;
    assert_eq!(ground.workbench.find_bounces(job.id, capture).await.unwrap(), 2, "in a capture too");
}

#[tokio::test]
async fn a_canary_that_nobody_would_recognise_lets_nothing_follow() {
    for (ids, sent) in [(["a", "b", "c"], 3), (["", "b", "c"], 1)] {
        let ground = Ground::new().await;
        fails_into(&ground, "dead");
        ids.iter().zip(["1", "2", "3"]).for_each(|(id, body)| lay_with_id(&ground, id, body));
        let canary = Canary { messages: 1, wait_s: 0, bounces_max: 0 };
        let job = ground.run(ground.plan(unmarked(Some(canary))).await).await;
        assert_eq!(job.counts.done, sent, "{ids:?}: {}", job.outcome);
    }
}

#[tokio::test]
async fn a_watch_sees_what_comes_back_after_the_end() {
    let ground = Ground::new().await;
    fails_into(&ground, "dead");
    ground.lay(5, 0);
    let job = job(&ground, sent(Sending::Move, Some(3), Some(2))).await;
    assert!(job.watching_until.is_some(), "it has finished, and is watched: {job:?}");
    everything_dies(&ground);
    let job = watched(&ground, job.id).await;
    assert_eq!((job.state, job.counts.done, job.counts.bounced), (JobState::Finished, 3, 3), "{}", job.outcome);
    assert_eq!(job.outcome, "3 moved, confirmed and removed, 3 came back");
    assert_eq!(ground.sandbox.held("dead"), 0);
}

#[tokio::test]
async fn while_nothing_comes_back_a_watch_looks_at_nothing() {
    let ground = Ground::new().await;
    fails_into(&ground, "dead");
    ground.lay(5, 0);
    let job = job(&ground, sent(Sending::Move, Some(3), Some(1))).await;
    let job = watched(&ground, job.id).await;
    assert_eq!((job.counts.bounced, job.outcome.as_str()), (0, "3 moved, confirmed and removed"));
    let is_marked = || ground.sandbox.ready("dead").iter().any(|message| message.redelivered == Some(true));
    assert!(!is_marked(), "a look would mark the two that the job left");
    ground.workbench.look_for_bounces(job.id).await.unwrap();
    assert!(is_marked(), "as this one did");
}

#[tokio::test]
async fn a_watched_queue_is_free_for_other_jobs() {
    let ground = Ground::new().await;
    fails_into(&ground, "dead");
    ground.lay(4, 0);
    let watching = job(&ground, sent(Sending::Move, Some(2), Some(30))).await;
    let other = job(&ground, sent(Sending::Move, Some(2), None)).await;
    assert_eq!(other.counts.done, 2);
    let now = ground.workbench.show_job(watching.id).await.unwrap();
    assert!(now.watching_until.is_some(), "it is watched all the same");
    ground.workbench.stop_job(watching.id).await.unwrap();
    let ended = watched(&ground, watching.id).await;
    assert_eq!(ended.state, JobState::Finished, "only the watch was stopped");
    assert!(ended.outcome.ends_with("not watched to the end"), "{}", ended.outcome);
}

#[tokio::test]
async fn a_watch_that_cannot_look_says_so() {
    let ground = Ground::new().await;
    ground.sandbox.declare_queue(QueueSetup::new("counted").returning(Returns::Counts { limit: Some(5) }));
    fails_into(&ground, "counted");
    ground.lay(2, 0);
    let job = job(&ground, sent(Sending::Move, None, Some(1))).await;
    everything_dies(&ground);
    let job = watched(&ground, job.id).await;
    assert_eq!(job.counts.bounced, 0);
    assert!(job.outcome.contains("came back was seen is not known: `counted`"), "{}", job.outcome);
}

#[tokio::test]
async fn a_watch_ends_with_its_connection_and_with_the_program() {
    let ground = Ground::new().await;
    fails_into(&ground, "dead");
    ground.lay(2, 0);
    let one = job(&ground, sent(Sending::Move, Some(1), Some(3))).await;
    ground.workbench.close_connection(ground.profile).await.unwrap();
    let ended = watched(&ground, one.id).await;
    assert!(ended.outcome.contains("is not known"), "{}", ended.outcome);

    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    let two = job(&ground, sent(Sending::Move, Some(1), Some(3_600))).await;
    tokio::time::timeout(Duration::from_secs(5), ground.workbench.close()).await.unwrap();
    assert_eq!(ground.workbench.show_job(two.id).await.unwrap().watching_until, None);
}

#[tokio::test]
async fn what_a_job_put_back_itself_did_not_come_back() {
    let ground = Ground::destroying().await;
    let careful = || DeedAsk::CarefulLook { queue: "dead".into(), n: 9 };
    ground.lay(3, 9);
    let looked = job(&ground, careful()).await.capture.unwrap();
    // Those that were put back are other messages now; lay out others whose look is fresh.
    while ground.sandbox.consume("dead").is_some() {}
    ground.lay(3, 9);
    let redriven = ground.run(ground.plan_redrive(looked, vec![2]).await).await;
    assert_eq!(redriven.counts.done, 1, "{}", redriven.outcome);
    let copies = job(&ground, careful()).await.capture.unwrap();
    let mark = |message: Message| message.headers.text(REDRIVE_HEADER)?.parse::<RedriveId>().ok();
    let marks = ground.workbench.inner.captures.find(copies, mark).await.unwrap();
    assert!(marks.iter().any(|mark| mark.job == redriven.id.uuid()), "what it met on its way is marked: {marks:?}");
    assert_eq!(ground.workbench.find_bounces(redriven.id, copies).await.unwrap(), 0, "that one was never sent");
}
