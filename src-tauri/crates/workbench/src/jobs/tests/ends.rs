//! What is asked and said around a job: closing the window, notices, files of results, going on; and what comes between.

use sandbox::QueueSetup;
use tokio::sync::broadcast::Receiver;

use super::ground::{Ground, first};
use crate::{
    AppEvent, DeedAsk, Environment, Error, JobId, JobNotice, JobRowAsk, JobState, ProfileDraft, RefusedCode,
    ResultFormat, Resume, RowFilter, Selection, SendOptions, Sending, TargetChoice,
};

fn all_of_dead(per_second: Option<u32>) -> DeedAsk {
    first(Sending::Redrive, "dead", None, TargetChoice::FailedIn, SendOptions { per_second, ..SendOptions::default() })
}

async fn started(ground: &Ground, ask: DeedAsk) -> JobId {
    let plan = ground.plan(ask).await;
    ground.workbench.start_plan(plan.id, plan.typed).await.unwrap()
}

fn asked_to_close(events: &mut Receiver<AppEvent>) -> bool {
    std::iter::from_fn(|| events.try_recv().ok()).any(|event| event == AppEvent::CloseAsked)
}

async fn notice(events: &mut Receiver<AppEvent>) -> JobNotice {
    loop {
        if let AppEvent::JobEnded { notice } = events.recv().await.unwrap() {
            return *notice;
        }
    }
}

#[tokio::test]
async fn closing_asks_once_while_a_job_runs_and_closes_when_asked_again() {
    let ground = Ground::new().await;
    let mut events = ground.workbench.events();
    assert!(ground.workbench.may_close_window(), "nothing runs");
    ground.lay(100, 0);
    let job = started(&ground, all_of_dead(Some(10))).await;
    assert!(!ground.workbench.may_close_window(), "a job runs");
    assert!(asked_to_close(&mut events));
    ground.workbench.keep_open();
    assert!(!ground.workbench.may_close_window(), "the user stayed: it asks anew");
    assert!(asked_to_close(&mut events));
    assert!(ground.workbench.may_close_window(), "the window may hang: the second request closes");

    ground.workbench.keep_open();
    assert!(ground.workbench.stop_jobs().await, "all have ended");
    assert!(ground.workbench.may_close_window());
    let ended = ground.ended(job).await;
    assert_eq!(ended.state, JobState::Stopped, "{}", ended.outcome);
    assert!(ended.counts.not_started > 0, "it was stopped in the middle: {}", ended.outcome);
    ground.assert_each_once(100);
}

#[tokio::test]
async fn the_end_of_a_job_is_news_to_whoever_looks_away() {
    let ground = Ground::new().await;
    let mut events = ground.workbench.events();
    ground.lay(3, 0);
    let from = Selection::First { queue: "dead".into(), n: None };
    started(&ground, DeedAsk::Discard { from }).await;
    let notice = notice(&mut events).await;
    assert_eq!(notice.title, "3 messages discarded");
    assert_eq!(notice.text, "dead, job 1: 3 discarded; the copies are kept for a while");
    assert_eq!((notice.well, notice.asked_for, notice.undoable, notice.no_undo.as_deref()), (true, false, true, None));

    let event = || AppEvent::JobEnded { notice: Box::new(notice.clone()) };
    let workbench = &ground.workbench;
    assert_eq!(workbench.news_of(event(), false).await.as_ref(), Some(&notice));
    assert_eq!(workbench.news_of(event(), true).await, None, "it is seen in the window");
    assert_eq!(workbench.news_of(AppEvent::ActivityChanged, false).await, None);
    workbench.set_notifies(false).await.unwrap();
    assert_eq!(workbench.news_of(event(), false).await, None, "the user does not want it");
    let stopped = JobNotice { asked_for: true, ..notice.clone() };
    workbench.set_notifies(true).await.unwrap();
    let event = AppEvent::JobEnded { notice: Box::new(stopped) };
    assert_eq!(workbench.news_of(event, false).await, None, "the user did it");
}

#[tokio::test]
async fn a_redrive_says_that_it_cannot_be_undone_and_a_pause_that_was_asked_for_says_so() {
    let ground = Ground::new().await;
    let mut events = ground.workbench.events();
    ground.lay(2, 0);
    started(&ground, all_of_dead(None)).await;
    let sent = notice(&mut events).await;
    assert_eq!((sent.title.as_str(), sent.undoable), ("2 messages redriven", false));
    assert!(sent.no_undo.is_some_and(|why| why.contains("cannot be called back")));

    ground.lay(50, 0);
    let job = started(&ground, all_of_dead(Some(10))).await;
    ground.workbench.pause_job(job).await.unwrap();
    let paused = notice(&mut events).await;
    assert_eq!((paused.title.as_str(), paused.asked_for), ("Job 2 is paused", true));
}

#[tokio::test]
async fn results_are_found_by_their_words_and_written_to_a_file_without_formulas() {
    let ground = Ground::new().await;
    ground.lay(4, 0);
    let capture = ground.peek(4).await.capture;
    let plan = ground.plan(super::ground::redrive(capture, vec![1, 2, 3], TargetChoice::FailedIn)).await;
    ground.sandbox.fail_next(sandbox::Fault::PublishLost);
    let job = ground.run(plan).await;
    assert_eq!((job.counts.done, job.counts.in_doubt), (2, 1), "{}", job.outcome);

    let ask = |text: &str| JobRowAsk { only: RowFilter::All, text: text.into(), newest_first: false, from: 0, n: 10 };
    let why = job.rows[0].why.clone();
    let found = ground.workbench.job_rows(job.id, ask(&why.to_uppercase())).await.unwrap();
    assert_eq!((found.total, found.rows[0].n), (1, job.rows[0].n), "part of why it ended so, in any case");
    assert_eq!(ground.workbench.job_rows(job.id, ask("not there")).await.unwrap().total, 0);
    assert_eq!(ground.workbench.job_rows(job.id, ask("%")).await.unwrap().total, 0, "it is no pattern");

    let folder = tempfile::tempdir().unwrap();
    let write = async |name: &str, only, text: &str, format| {
        let path = folder.path().join(name);
        let exported = ground.workbench.export_job(job.id, only, text.into(), format, &path).await?;
        Ok::<_, Error>((exported.messages, std::fs::read_to_string(path).unwrap()))
    };
    let (n, table) = write("all.csv", RowFilter::All, "", ResultFormat::Csv).await.unwrap();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!((n, lines.len()), (3, 4), "a head, and one line each: {table}");
    assert_eq!(lines[0], "n,messageId,key,state,cameBack,why,writtenAt");
    let doubt = RowFilter::In { state: crate::MessageState::InDoubt };
    let (n, objects) = write("doubt.jsonl", doubt, &why, ResultFormat::Jsonl).await.unwrap();
    let object: serde_json::Value = serde_json::from_str(objects.trim_end()).unwrap();
    assert_eq!((n, &object["state"], &object["why"]), (1, &"inDoubt".into(), &why.into()));
    let again = write("all.csv", RowFilter::All, "", ResultFormat::Csv).await.unwrap_err();
    assert!(again.to_string().contains("already"), "{again}");
}

#[tokio::test]
async fn going_on_in_production_asks_for_the_name_again() {
    let ground = Ground::of(QueueSetup::new("dead"), Environment::Production).await;
    ground.lay(60, 0);
    let job = started(&ground, all_of_dead(Some(10))).await;
    ground.workbench.pause_job(job).await.unwrap();
    let paused = ground.ended(job).await;
    assert_eq!((paused.state, paused.typed.as_deref()), (JobState::Paused, Some("dead")), "{}", paused.outcome);
    for typed in [None, Some("another".to_owned())] {
        let refused = ground.workbench.resume_job(job, Resume::All, typed).await.unwrap_err();
        assert!(matches!(refused, Error::Refused { code: RefusedCode::ConfirmationMissing, .. }), "{refused}");
        assert_eq!(refused.to_string(), "type `dead` to confirm");
    }
    assert_eq!(ground.workbench.show_job(job).await.unwrap().state, JobState::Paused, "it waits as before");
    ground.workbench.resume_job(job, Resume::All, Some("dead".into())).await.unwrap();
    ground.workbench.stop_job(job).await.unwrap();
    ground.ended(job).await;
}

#[tokio::test]
async fn writes_that_were_turned_off_since_the_plan_are_said_and_nothing_starts() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let draft = ProfileDraft {
        id: None,
        name: "careful".into(),
        kind: "laid".into(),
        environment: Environment::Staging,
        read_only: true,
        settings: broker::Settings::default(),
    };
    let careful = ground.workbench.save_profile(draft, None).await.unwrap().profile.id;
    ground.workbench.open_connection(careful, None).await.unwrap();
    ground.workbench.set_writes(careful, true).await.unwrap();
    let plan = ground.workbench.make_plan(careful, all_of_dead(None)).await.unwrap();
    assert!(!plan.writes_locked);
    ground.workbench.set_writes(careful, false).await.unwrap();
    let refused = ground.workbench.start_plan(plan.id, None).await.unwrap_err();
    assert_eq!(refused.to_string(), "`careful` is read-only: turn on writes first");
    assert_eq!(ground.workbench.list_jobs(None).await.unwrap().len(), 0);
    ground.workbench.set_writes(careful, true).await.unwrap();
    let job = ground.workbench.start_plan(plan.id, None).await.unwrap();
    assert_eq!(ground.ended(job).await.counts.done, 2, "the plan was not lost");
}

#[tokio::test]
async fn a_broker_that_goes_away_while_it_is_planned_or_started_leaves_nothing_behind() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let kept = ground.plan(all_of_dead(None)).await;
    ground.sandbox.go_down("it was switched off");
    let planning = ground.workbench.make_plan(ground.profile, all_of_dead(None)).await.unwrap_err();
    assert!(matches!(planning, Error::Broker(_)), "{planning}");
    assert!(planning.to_string().starts_with("could not "), "{planning}");
    let starting = ground.workbench.start_plan(kept.id, None).await.unwrap_err();
    assert!(matches!(starting, Error::Broker(_)), "not the plan is the matter: {starting}");
    assert_eq!(ground.workbench.list_jobs(None).await.unwrap().len(), 0);
    assert_eq!(ground.workbench.list_plans(None).await.unwrap().len(), 1, "the plan is kept");
    ground.sandbox.come_back();
    assert_eq!(ground.sandbox.ready("dead").len(), 2);
}

#[tokio::test]
async fn what_came_or_went_since_the_plan_is_said() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let capture = ground.peek(3).await.capture;
    let plan = ground.plan_redrive(capture, vec![1, 2, 3]).await;
    ground.lay_one("came later", 0);
    let changes = ground.workbench.reopen_plan(plan.id).await.unwrap().changes;
    let words: Vec<_> = changes.iter().map(|change| (change.words.as_str(), change.prevents)).collect();
    let grew = "4 messages are ready in `dead`, 3 when it was planned: what came since is no part of the plan";
    assert_eq!(words, [(grew, false)]);
    for _ in 0..2 {
        ground.sandbox.consume("dead").unwrap();
    }
    let changes = ground.workbench.reopen_plan(plan.id).await.unwrap().changes;
    assert!(changes[0].words.contains("at least 1 of the 3 are not there any more"), "{changes:?}");
    let job = ground.run(plan).await;
    assert_eq!((job.counts.done, job.counts.gone), (1, 2), "what went is gone, and no failure: {}", job.outcome);
    assert!(job.outcome.contains("2 gone"), "{}", job.outcome);
}
