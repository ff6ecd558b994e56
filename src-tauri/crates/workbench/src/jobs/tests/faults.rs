use sandbox::Fault;

use super::ground::Ground;
use crate::store::Transaction;
use crate::{Answer, AnswerFor, DeedAsk, Error, FaultCode, JobRowAsk, JobState, MessageState, RefusedCode, RowFilter};

#[tokio::test]
async fn an_unanswered_publish_that_arrived_is_recognised_and_only_removed() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    ground.sandbox.fail_next(Fault::PublishUnanswered);
    let job = ground.redrive(1).await;
    assert_eq!((job.state, job.rows[0].state), (JobState::NeedsAnswer, MessageState::InDoubt), "{job:?}");
    assert_eq!(job.rows[0].recommended, None, "nobody has looked yet: nothing is guessed");

    let looked = ground.workbench.reconcile_job(job.id).await.unwrap();
    assert_eq!(looked.rows[0].recommended, Some(Answer::Remove), "{looked:?}");
    let settled = ground.settle(job.id).await;
    assert_eq!((settled.state, settled.counts.done), (JobState::Finished, 1), "{settled:?}");
    assert_eq!(ground.bodies()["letter 0 of 0"], (0, 1));
}

#[tokio::test]
async fn a_publish_that_was_lost_is_sent_again_when_asked() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    ground.sandbox.fail_next(Fault::PublishLost);
    let job = ground.redrive(1).await;
    assert_eq!(job.rows[0].state, MessageState::InDoubt);
    let looked = ground.workbench.reconcile_job(job.id).await.unwrap();
    assert_eq!(looked.rows[0].recommended, Some(Answer::SendAgain), "{looked:?}");
    let settled = ground.settle(job.id).await;
    assert_eq!(settled.counts.done, 1, "{settled:?}");
    assert_eq!(ground.bodies()["letter 0 of 0"], (0, 1));
}

#[tokio::test]
async fn a_question_can_be_left_as_it_is() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    ground.sandbox.fail_next(Fault::PublishLost);
    let job = ground.redrive(1).await;
    let answer = AnswerFor { n: 1, answer: Answer::Leave };
    let left = ground.workbench.answer_job(job.id, vec![answer]).await.unwrap();
    assert_ne!(left.state, JobState::NeedsAnswer, "{left:?}");
    assert_eq!(ground.bodies()["letter 0 of 0"], (1, 0));
    // Freed: it can be planned again.
    let job = ground.redrive(1).await;
    assert_eq!(job.counts.done, 1, "{job:?}");
}

#[tokio::test]
async fn no_second_job_sends_a_message_that_is_in_doubt() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    ground.sandbox.fail_next(Fault::PublishUnanswered);
    let first = ground.redrive(1).await;
    let capture = ground.peek(1).await.capture;
    let plan = ground.plan_redrive(capture, vec![1]).await;
    let refused = ground.workbench.start_plan(plan.id, None).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { code: RefusedCode::AlreadyOutstanding, .. }), "{refused}");
    assert!(refused.to_string().contains(&first.number.to_string()), "the other job is named: {refused}");
}

#[tokio::test]
async fn whatever_is_cut_nothing_is_lost_or_doubled() {
    let faults = [
        Fault::LeaseLost,
        Fault::ConnectionLost,
        Fault::RemoveLost,
        Fault::RemoveUnanswered,
        Fault::PublishLost,
        Fault::PublishUnanswered,
    ];
    for fault in faults {
        let ground = Ground::new().await;
        ground.lay(5, 0);
        let capture = ground.peek(5).await.capture;
        let plan = ground.plan_redrive(capture, (1..=5).collect()).await;
        ground.sandbox.fail_next(fault);
        let job = ground.run(plan).await;
        let settled = ground.settle(job.id).await;
        assert!(settled.rows.iter().all(|row| row.answers.is_empty()), "{fault:?}: {settled:?}");
        assert_eq!(settled.counts.planned, settled.counts.sum(), "{fault:?}");
        ground.assert_each_once(5);
    }
}

#[tokio::test]
async fn a_target_deleted_half_way_leaves_the_original() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let capture = ground.peek(1).await.capture;
    let view = ground.plan_redrive(capture, vec![1]).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let job = undertaking.record.id;
    ground.sandbox.delete_queue("work");
    ground.workbench.undertake(undertaking).await.unwrap();
    let job = ground.workbench.show_job(job).await.unwrap();
    assert_eq!((job.counts.unroutable, job.state), (1, JobState::Finished), "{job:?}");
    assert_eq!(ground.sandbox.ready("dead").len(), 1);
}

#[tokio::test]
async fn a_refused_message_is_put_back_where_giving_back_destroys() {
    let ground = Ground::destroying().await;
    ground.lay(1, 9);
    let looked = ground.run(ground.plan(DeedAsk::CarefulLook { queue: "dead".into(), n: 1 }).await).await;
    while ground.sandbox.consume("dead").is_some() {}
    ground.lay(1, 9);
    let view = ground.plan_redrive(looked.capture.unwrap(), vec![1]).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let job = undertaking.record.id;
    ground.sandbox.delete_queue("work");
    ground.workbench.undertake(undertaking).await.unwrap();
    let job = ground.workbench.show_job(job).await.unwrap();
    assert_eq!(job.counts.unroutable, 1, "{job:?}");
    assert_eq!(ground.sandbox.ready("dead").len(), 1, "it is at the end of its queue");
    assert_eq!(ground.sandbox.dropped(), 0);
}

#[tokio::test]
async fn a_source_deleted_half_way_is_told() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let capture = ground.peek(2).await.capture;
    let view = ground.plan_redrive(capture, vec![1, 2]).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let job = undertaking.record.id;
    ground.sandbox.delete_queue("dead");
    ground.workbench.undertake(undertaking).await.unwrap();
    let job = ground.workbench.show_job(job).await.unwrap();
    assert_eq!((job.state, job.counts.not_started), (JobState::Failed, 2), "{job:?}");
    assert!(job.fault.unwrap().message.contains("dead"));
}

#[tokio::test]
async fn a_full_disk_stops_the_job_and_nothing_is_lost_or_doubled() {
    let ground = Ground::new().await;
    ground.lay(1_500, 0);
    let capture = ground.peek(1_500).await.capture;
    let view = ground.plan_redrive(capture, (1..=1_500).collect()).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let job = undertaking.record.id;
    fill_store(&ground).await;
    ground.workbench.undertake(undertaking).await.unwrap();
    let stopped = ground.workbench.show_job(job).await.unwrap();
    assert!(ground.sandbox.ready("work").len() < 1_500, "it stopped: {}", stopped.outcome);
    assert_eq!(stopped.fault.unwrap().code, FaultCode::StoreFull);
    assert_eq!(ground.sandbox.held("dead"), 0);

    free_store(&ground).await;
    let ground = ground.restart().await;
    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    let settled = ground.settle(job).await;
    assert_eq!(settled.counts.planned, settled.counts.sum());
    assert_eq!(settled.counts.under_way, 0, "{}", settled.outcome);
    // What was about to be sent when the journal filled up cannot say whether it was; both ends can.
    let ask = JobRowAsk { only: RowFilter::All, text: String::new(), newest_first: false, from: 1_000, n: 500 };
    let rows = ground.workbench.job_rows(job, ask).await.unwrap().rows;
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| row.state != MessageState::InDoubt || row.recommended == Some(Answer::SendAgain)));
    ground.assert_each_once(1_500);
}

/// Every line of the journal takes a page more from now on, and after 900 pages the disk is full.
async fn fill_store(ground: &Ground) {
    let fill = |transaction: &Transaction<'_>| {
        transaction.execute_batch(
            "CREATE TABLE filler (bytes BLOB);
             CREATE TRIGGER fill AFTER UPDATE ON job_row BEGIN INSERT INTO filler VALUES (zeroblob(4000)); END;",
        )?;
        let pages: u32 = transaction.pragma_query_value(None, "page_count", |row| row.get(0))?;
        transaction.query_row(&format!("PRAGMA max_page_count = {}", pages + 900), [], |_| Ok(()))
    };
    ground.workbench.inner.store.write(fill).await.unwrap();
}

async fn free_store(ground: &Ground) {
    let free = |transaction: &Transaction<'_>| {
        transaction.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()))?;
        transaction.execute_batch("DROP TRIGGER fill; DROP TABLE filler;")
    };
    ground.workbench.inner.store.write(free).await.unwrap();
}

#[tokio::test]
async fn a_stopped_job_keeps_the_rest_where_it_is() {
    let ground = Ground::new().await;
    ground.lay(3_000, 0);
    let capture = ground.peek(3_000).await.capture;
    let plan = ground.plan_redrive(capture, (1..=3_000).collect()).await;
    let job = ground.workbench.start_plan(plan.id, None).await.unwrap();
    ground.workbench.stop_job(job).await.unwrap();
    let job = ground.ended(job).await;
    assert_eq!(job.state, JobState::Stopped, "{}", job.outcome);
    assert_eq!(job.counts.done + job.counts.not_started, 3_000, "{}", job.outcome);
    assert!(job.counts.not_started > 0);
    ground.assert_each_once(3_000);
}

#[tokio::test]
async fn a_job_that_nobody_runs_is_settled_when_its_connection_opens() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let capture = ground.peek(2).await.capture;
    let view = ground.plan_redrive(capture, vec![1, 2]).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let job = undertaking.record.id;
    drop(undertaking);

    let ground = ground.restart().await;
    let found = ground.workbench.show_job(job).await.unwrap();
    assert_eq!(found.state, JobState::Interrupted);
    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    let settled = ground.looked_up(job).await;
    assert_eq!(settled.counts.not_started, 2, "{settled:?}");
    let job = ground.redrive(2).await;
    assert_eq!(job.counts.done, 2, "they are free again: {job:?}");
    ground.assert_each_once(2);
}
