//! Deeds on whole queues, and jobs that are paused, watched, taken up again and undone.

use broker::{Ask, Broker, Hold, Purpose, Target};
use sandbox::{ExchangeKind, Fault, QueueSetup};

use super::ground::{Ground, first, redrive};
use crate::{
    Answer, AnswerFor, Canary, Deed, DeedAsk, Environment, Error, JobRowAsk, JobState, KeepLimits, Kept, MessageState,
    RefusedCode, Resume, RowFilter, Selection, SendOptions, Sending, TargetChoice,
};

fn to(queue: &str) -> TargetChoice {
    TargetChoice::Place { target: Target::Queue { queue: queue.into() } }
}

fn plain(deed: Sending, n: Option<u64>, choice: TargetChoice) -> DeedAsk {
    first(deed, "dead", n, choice, SendOptions::default())
}

#[tokio::test]
async fn a_whole_queue_is_redriven_in_its_order() {
    let ground = Ground::new().await;
    ground.lay(1_700, 0);
    let plan = ground.plan(plain(Sending::Redrive, None, TargetChoice::FailedIn)).await;
    assert_eq!((plan.messages, plan.removes_original), (1_700, true));
    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.done, job.counts.planned), (JobState::Finished, 1_700, 1_700), "{job:?}");
    let sent: Vec<_> = ground.sandbox.ready("work").into_iter().map(|message| message.body).collect();
    let expected: Vec<_> = (0..1_700).map(|n| format!("letter {n} of 0").into_bytes()).collect();
    assert!(sent == expected, "in their order");
    ground.assert_each_once(1_700);
}

#[tokio::test]
async fn what_does_not_say_where_it_failed_stays_and_is_named() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let silent = broker::Message { body: b"silent".to_vec(), ..broker::Message::default() };
    ground.sandbox.publish_raw(&Target::Queue { queue: "dead".into() }, silent);
    let job = ground.run(ground.plan(plain(Sending::Redrive, None, TargetChoice::FailedIn)).await).await;
    assert_eq!((job.counts.done, job.counts.skipped), (2, 1), "{}", job.outcome);
    assert_eq!(job.rows[0].state, MessageState::Skipped);
    assert!(job.rows[0].why.contains("does not say"), "{}", job.rows[0].why);
    ground.assert_each_once(3);
}

#[tokio::test]
async fn what_arrives_after_the_plan_is_no_part_of_it() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let plan = ground.plan(plain(Sending::Move, None, to("work"))).await;
    ground.lay_one("late", 0);
    let job = ground.run(plan).await;
    assert_eq!((job.deed, job.counts.planned, job.counts.done), (Deed::Move, 3, 3), "{}", job.outcome);
    assert_eq!(ground.bodies()["late"], (1, 0), "it stays");
}

#[tokio::test]
async fn what_is_not_there_any_more_is_gone() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let plan = ground.plan(plain(Sending::Redrive, None, TargetChoice::FailedIn)).await;
    ground.sandbox.consume("dead").unwrap();
    let job = ground.run(plan).await;
    assert_eq!((job.counts.planned, job.counts.done, job.counts.gone), (3, 2, 1), "{}", job.outcome);
}

#[tokio::test]
async fn what_a_consumer_holds_is_not_called_gone() {
    let ground = Ground::new().await;
    ground.lay(5, 0);
    let plan = ground.plan(plain(Sending::Redrive, None, TargetChoice::FailedIn)).await;
    let other = ground.sandbox.connect();
    let hold = Hold { messages_max: 2, bytes_max: u64::MAX, wait_ms: 50 };
    let ask = Ask { queue: "dead".into(), purpose: Purpose::Look { n: 2 }, hold, accepted: None, stated_label: None };
    let lease = other.lease(ask).await.unwrap();
    assert_eq!(lease.next(2).await.unwrap().len(), 2, "somebody else holds the first two");
    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.done, job.counts.gone), (JobState::Paused, 3, 0), "{}", job.outcome);
    assert_eq!(job.counts.not_started, 2, "{}", job.outcome);
    assert!(job.outcome.contains("has 1 consumer"), "{}", job.outcome);

    lease.close().await.unwrap();
    ground.workbench.resume_job(job.id, Resume::All, None).await.unwrap();
    let job = ground.ended(job.id).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 5), "{}", job.outcome);
    ground.assert_each_once(5);
}

#[tokio::test]
async fn a_copy_leaves_everything_where_it_is() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let job = ground.run(ground.plan(plain(Sending::Copy, Some(2), to("work"))).await).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 2), "{}", job.outcome);
    let bodies = ground.bodies();
    assert_eq!(bodies["letter 0 of 0"], (1, 1));
    assert_eq!(bodies["letter 2 of 0"], (1, 0), "only two were asked for");
}

#[tokio::test]
async fn a_copy_out_of_a_queue_that_destroys_loses_nothing() {
    let ground = Ground::destroying().await;
    ground.lay(20, 9);
    let job = ground.run(ground.plan(plain(Sending::Copy, None, to("work"))).await).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 20), "{}", job.outcome);
    assert!(ground.bodies().values().all(|places| *places == (1, 1)), "{:?}", ground.bodies());
}

#[tokio::test]
async fn a_discard_is_undone_from_its_copies() {
    let ground = Ground::new().await;
    ground.lay(4, 0);
    let discard = DeedAsk::Discard { from: Selection::First { queue: "dead".into(), n: Some(3) } };
    let job = ground.run(ground.plan(discard).await).await;
    assert_eq!((job.deed, job.counts.done), (Deed::Discard, 3), "{}", job.outcome);
    assert_eq!(ground.sandbox.ready("dead").len(), 1);

    let undo = ground.run(ground.plan(DeedAsk::Undo { job: job.id }).await).await;
    assert_eq!((undo.deed, undo.counts.done), (Deed::Undo, 3), "{}", undo.outcome);
    ground.assert_each_once(4);
}

#[tokio::test]
async fn a_job_whose_copies_were_dropped_cannot_be_undone_and_says_so() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let discard = DeedAsk::Discard { from: Selection::First { queue: "dead".into(), n: None } };
    let job = ground.run(ground.plan(discard).await).await;
    let until = match ground.workbench.capture(job.capture.unwrap()).await.unwrap().kept {
        Kept::Until { at } => at,
        other => panic!("{other:?}"),
    };
    let ended = job.ended_at.unwrap();
    assert_eq!(until.duration_since(ended).as_hours(), 30 * 24, "they are kept from the end of the job on");

    let plan = ground.plan(DeedAsk::Undo { job: job.id }).await;
    ground.workbench.set_keep_limits(KeepLimits { bytes: 0, ..KeepLimits::default() }).await.unwrap();
    let undo = ground.workbench.make_plan(ground.profile, DeedAsk::Undo { job: job.id }).await.unwrap_err();
    assert!(matches!(undo, Error::Refused { code: RefusedCode::CopiesGone, .. }), "{undo:?}");
    assert_eq!(undo.to_string(), "the copies of job 1 are not kept any more");
    let again = ground.workbench.reopen_plan(plan.id).await.unwrap();
    assert_eq!(again.changes[0].words, "the copies of job 1 are not kept any more");
}

#[tokio::test]
async fn chosen_messages_are_discarded_and_their_twins_stay() {
    let ground = Ground::new().await;
    ground.lay_one("twin", 0);
    ground.lay_one("twin", 0);
    let capture = ground.peek(2).await.capture;
    let from = Selection::Chosen { capture, messages: vec![1] };
    let job = ground.run(ground.plan(DeedAsk::Discard { from }).await).await;
    assert_eq!(job.counts.done, 1, "{}", job.outcome);
    assert_eq!(ground.bodies()["twin"], (1, 0));
}

#[tokio::test]
async fn the_undo_of_a_move_says_that_there_will_be_two() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let job = ground.run(ground.plan(plain(Sending::Move, None, to("work"))).await).await;
    let plan = ground.plan(DeedAsk::Undo { job: job.id }).await;
    assert_eq!(plan.typed.as_deref(), Some("dead"));
    assert!(plan.warnings.iter().any(|warning| warning.contains("second one of each")), "{:?}", plan.warnings);
}

#[tokio::test]
async fn a_purge_wants_the_name_typed_and_says_how_many_it_destroyed() {
    let ground = Ground::new().await;
    ground.lay(5, 0);
    let plan = ground.plan(DeedAsk::Purge { queue: "dead".into() }).await;
    assert_eq!(plan.typed.as_deref(), Some("dead"));
    let refused = ground.workbench.start_plan(plan.id, None).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { code: RefusedCode::ConfirmationMissing, .. }), "{refused}");
    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.done, job.counts.planned), (JobState::Finished, 5, 5), "{}", job.outcome);
    assert!(ground.sandbox.ready("dead").is_empty());
    let undo = ground.workbench.make_plan(ground.profile, DeedAsk::Undo { job: job.id }).await.unwrap_err();
    assert!(undo.to_string().contains("nothing that was copied"), "{undo}");
}

#[tokio::test]
async fn a_purge_whose_program_died_is_not_called_done() {
    let ground = Ground::new().await;
    ground.lay(5, 0);
    let view = ground.plan(DeedAsk::Purge { queue: "dead".into() }).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let job = undertaking.record.id;
    drop(undertaking);
    let ground = ground.restart().await;
    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    let job = ground.looked_up(job).await;
    assert_eq!(job.state, JobState::Failed, "{}", job.outcome);
    assert_eq!(job.outcome, "nothing is known to have been purged");
}

#[tokio::test]
async fn a_snapshot_is_replayed_in_its_order_and_stays() {
    let ground = Ground::new().await;
    ground.lay(700, 0);
    let capture = ground.peek(700).await.capture;
    let from = Selection::Whole { capture };
    let ask = DeedAsk::Send { deed: Sending::Replay, from, to: to("work"), options: SendOptions::default() };
    let plan = ground.plan(ask).await;
    assert!(!plan.removes_original && plan.cost.is_none(), "no queue is read");
    let job = ground.run(plan).await;
    assert_eq!((job.deed, job.counts.done), (Deed::Replay, 700), "{}", job.outcome);
    let sent: Vec<_> = ground.sandbox.ready("work").into_iter().map(|message| message.body).collect();
    let expected: Vec<_> = (0..700).map(|n| format!("letter {n} of 0").into_bytes()).collect();
    assert!(sent == expected, "in their order");
    assert_eq!(ground.sandbox.ready("dead").len(), 700, "the originals are where they were");
}

#[tokio::test]
async fn two_jobs_do_not_work_on_one_queue() {
    let ground = Ground::new().await;
    ground.lay(50, 0);
    let options = SendOptions { per_second: Some(20), ..SendOptions::default() };
    let slow = ground.plan(first(Sending::Move, "dead", None, to("work"), options)).await;
    let other = ground.plan(plain(Sending::Move, Some(1), to("work"))).await;
    let slow = ground.workbench.start_plan(slow.id, None).await.unwrap();
    let refused = ground.workbench.start_plan(other.id, None).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { code: RefusedCode::AlreadyOutstanding, .. }), "{refused}");
    ground.workbench.stop_job(slow).await.unwrap();
    ground.ended(slow).await;
}

#[tokio::test]
async fn a_paused_job_holds_nothing_and_is_gone_on_with() {
    let ground = Ground::new().await;
    ground.lay(60, 0);
    let options = SendOptions { per_second: Some(40), ..SendOptions::default() };
    let plan = ground.plan(first(Sending::Redrive, "dead", None, TargetChoice::FailedIn, options)).await;
    assert_eq!(plan.takes_s, Some(2));
    let job = ground.workbench.start_plan(plan.id, None).await.unwrap();
    ground.workbench.pause_job(job).await.unwrap();
    let paused = ground.ended(job).await;
    assert_eq!(paused.state, JobState::Paused, "{}", paused.outcome);
    assert_eq!(paused.counts.done + paused.counts.not_started, 60, "{:?}", paused.counts);
    assert!(paused.counts.not_started > 0, "{}", paused.outcome);
    assert_eq!(ground.sandbox.held("dead"), 0);

    ground.workbench.resume_job(job, Resume::All, None).await.unwrap();
    let ended = ground.ended(job).await;
    assert_eq!((ended.state, ended.counts.done), (JobState::Finished, 60), "{}", ended.outcome);
    ground.assert_each_once(60);
}

#[tokio::test]
async fn a_job_whose_connection_was_cut_is_gone_on_with() {
    let ground = Ground::new().await;
    ground.lay(400, 0);
    let options = SendOptions { per_second: Some(200), ..SendOptions::default() };
    let plan = ground.plan(first(Sending::Redrive, "dead", None, TargetChoice::FailedIn, options)).await;
    let job = ground.workbench.start_plan(plan.id, None).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    ground.sandbox.cut();
    let cut = ground.ended(job).await;
    assert_ne!(cut.state, JobState::Finished, "{}", cut.outcome);
    assert!(cut.counts.done > 0 && cut.counts.done < 400, "it was cut in the middle: {}", cut.outcome);

    ground.workbench.resume_job(job, Resume::All, None).await.unwrap();
    let ended = ground.ended(job).await;
    assert_eq!((ended.state, ended.counts.done), (JobState::Finished, 400), "{ended:?}");
    ground.assert_each_once(400);
}

#[tokio::test]
async fn an_answer_does_not_call_the_rest_gone() {
    let ground = Ground::new().await;
    ground.lay(400, 0);
    let options = SendOptions { per_second: Some(200), ..SendOptions::default() };
    let plan = ground.plan(first(Sending::Redrive, "dead", None, TargetChoice::FailedIn, options)).await;
    ground.sandbox.fail_next(Fault::PublishUnanswered);
    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.in_doubt), (JobState::NeedsAnswer, 1), "{}", job.outcome);
    assert_eq!(job.counts.gone, 0, "what was never looked for is not gone: {}", job.outcome);
    let answered = ground.settle(job.id).await;
    assert_eq!((answered.state, answered.counts.gone), (JobState::Paused, 0), "{}", answered.outcome);
    assert!(answered.counts.not_started > 0, "{}", answered.outcome);

    ground.workbench.resume_job(job.id, Resume::All, None).await.unwrap();
    let ended = ground.ended(job.id).await;
    assert_eq!((ended.state, ended.counts.done), (JobState::Finished, 400), "{}", ended.outcome);
    ground.assert_each_once(400);
}

/// All that could tell whether the one that is there is the one that was sent has gone.
#[tokio::test]
async fn the_last_one_whose_removal_was_not_answered_is_asked_for() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let plan = ground.plan(plain(Sending::Redrive, None, TargetChoice::FailedIn)).await;
    ground.sandbox.fail_next(Fault::RemoveLost);
    let job = ground.run(plan).await;
    assert_eq!((job.counts.done, job.counts.left_behind), (2, 1), "{}", job.outcome);
    let refused = ground.workbench.resume_job(job.id, Resume::All, None).await.unwrap_err();
    assert!(refused.to_string().contains("surely safe"), "{refused}");
    let job = ground.workbench.show_job(job.id).await.unwrap();
    assert_eq!((job.state, job.rows[0].recommended), (JobState::NeedsAnswer, None), "{job:?}");
    assert_eq!(job.rows[0].answers, [Answer::Remove, Answer::Leave]);
    let answers = vec![AnswerFor { n: job.rows[0].n, answer: Answer::Remove }];
    let job = ground.workbench.answer_job(job.id, answers).await.unwrap();
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 3), "{}", job.outcome);
    ground.assert_each_once(3);
}

/// `work` gives back whatever it gets: the redrive comes back at once.
#[tokio::test]
async fn a_canary_that_comes_back_stops_the_rest() {
    let ground = Ground::new().await;
    ground.sandbox.declare_exchange("back", ExchangeKind::Fanout);
    ground.sandbox.bind("back", "", "dead").unwrap();
    ground.sandbox.declare_queue(QueueSetup::new("failing").ttl_ms(1).dead_letters_to("back"));
    ground.lay(30, 0);
    let canary = Some(Canary { messages: 5, wait_s: 1, bounces_max: 1 });
    let options = SendOptions { canary, ..SendOptions::default() };
    let plan = ground.plan(first(Sending::Move, "dead", None, to("failing"), options)).await;
    let job = ground.workbench.start_plan(plan.id, plan.typed).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    ground.sandbox.advance(std::time::Duration::from_secs(1));
    let job = ground.ended(job).await;
    assert_eq!(job.state, JobState::Paused, "{}", job.outcome);
    assert_eq!((job.counts.done, job.counts.bounced, job.counts.not_started), (5, 5, 25), "{}", job.outcome);
    assert_eq!(ground.sandbox.ready("dead").len(), 30, "25 were never touched, 5 came back");
    assert_eq!((job.canary, job.by.is_empty()), (canary, false));
    let ask = JobRowAsk { only: RowFilter::CameBack, text: String::new(), newest_first: true, from: 1, n: 3 };
    let page = ground.workbench.job_rows(job.id, ask.clone()).await.unwrap();
    assert_eq!((page.total, page.rows.iter().map(|row| row.n).collect::<Vec<_>>()), (5, vec![4, 3, 2]));
    assert!(page.rows.iter().all(|row| row.bounced));
    let only = RowFilter::In { state: MessageState::NotStarted };
    let page = ground.workbench.job_rows(job.id, JobRowAsk { only, ..ask }).await.unwrap();
    assert!(page.total >= page.rows.len() as u32 && page.rows.iter().all(|row| !row.bounced), "{page:?}");
    ground.workbench.resume_job(job.id, Resume::All, None).await.unwrap();
    let job = ground.ended(job.id).await;
    assert_eq!((job.counts.done, job.counts.not_started), (30, 0), "who saw it and goes on means it: {}", job.outcome);
}

#[tokio::test]
async fn a_canary_that_stays_away_lets_the_rest_go() {
    let ground = Ground::new().await;
    ground.lay(30, 0);
    let capture = ground.peek(30).await.capture;
    let DeedAsk::Send { deed, from, to, .. } = redrive(capture, (1..=30).collect(), TargetChoice::FailedIn) else {
        unreachable!("it is a sending")
    };
    let canary = Some(Canary { messages: 5, wait_s: 0, bounces_max: 0 });
    let options = SendOptions { canary, ..SendOptions::default() };
    let job = ground.run(ground.plan(DeedAsk::Send { deed, from, to, options }).await).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 30), "{}", job.outcome);
    ground.assert_each_once(30);
}

#[tokio::test]
async fn a_canary_that_nobody_watched_to_its_end_is_sent_again() {
    let ground = Ground::new().await;
    ground.lay(30, 0);
    let canary = Some(Canary { messages: 5, wait_s: 600, bounces_max: 0 });
    let options = SendOptions { canary, ..SendOptions::default() };
    let plan = ground.plan(first(Sending::Move, "dead", None, to("work"), options)).await;
    let job = ground.workbench.start_plan(plan.id, plan.typed).await.unwrap();
    for sent in [5, 10, 15] {
        while ground.sandbox.ready("work").len() < sent {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        ground.workbench.pause_job(job).await.unwrap();
        let view = ground.ended(job).await;
        assert_eq!((view.state, view.counts.done), (JobState::Paused, sent as u64), "{}", view.outcome);
        ground.workbench.resume_job(job, Resume::All, None).await.unwrap();
    }
    ground.workbench.stop_job(job).await.unwrap();
    ground.ended(job).await;
    ground.assert_each_once(30);
}

#[tokio::test]
async fn a_whole_queue_in_production_wants_its_name_typed() {
    let ground = Ground::of(QueueSetup::new("dead"), Environment::Production).await;
    ground.lay(2, 0);
    let plan = ground.plan(plain(Sending::Redrive, None, TargetChoice::FailedIn)).await;
    assert_eq!(plan.typed.as_deref(), Some("dead"));
}
