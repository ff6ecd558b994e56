//! What surrounds a job: what its plan says, what the log says of it, its connection, and its lock.

use std::time::Duration;

use broker::{Health, Settings};
use sandbox::{Fault, QueueSetup, Returns};
use tokio::sync::broadcast::Receiver;

use super::ground::Ground;
use crate::{
    Act, ActivityAsk, ActivityRow, AppEvent, ConnectionState, DeedAsk, Environment, Error, JobState, Outcome, Profile,
    ProfileDraft, RefusedCode, Writes,
};

#[tokio::test]
async fn a_plan_warns_of_what_its_own_deed_does_and_of_nothing_else() {
    let ground = Ground::destroying().await;
    ground.lay(20, 9);
    let says = |warnings: &[String], words: &str| warnings.iter().any(|warning| warning.contains(words));

    let take = ground.plan(DeedAsk::Take { queue: "dead".into(), n: 20 }).await;
    for words in ["published again", "put back", "given back", "makes looking"] {
        assert!(!says(&take.warnings, words), "a take gives nothing back: {:?}", take.warnings);
    }
    assert!(says(&take.warnings, "one moment stays"), "the risk is named: {:?}", take.warnings);
    assert_eq!(take.typed, None, "nothing is overridden");

    let careful = ground.plan(DeedAsk::CarefulLook { queue: "dead".into(), n: 20 }).await;
    assert!(says(&careful.warnings, "published again to the end"), "{:?}", careful.warnings);
    assert!(!says(&careful.warnings, "To reach the last"), "small batches: {:?}", careful.warnings);

    let look = ground.run(careful).await;
    let redrive = ground.plan_redrive(look.capture.unwrap(), vec![3]).await;
    assert!(says(&redrive.warnings, "published again to the end"), "{:?}", redrive.warnings);
    assert!(says(&redrive.warnings, "To reach the last"), "{:?}", redrive.warnings);
}

#[tokio::test]
async fn a_take_where_looks_are_counted_promises_no_putting_back() {
    let setup = QueueSetup::new("dead").returning(Returns::Counts { limit: Some(5) });
    let ground = Ground::of(setup, Environment::Local).await;
    ground.lay(20, 0);
    let take = ground.plan(DeedAsk::Take { queue: "dead".into(), n: 20 }).await;
    assert_eq!(take.warnings, Vec::<String>::new());
}

#[tokio::test]
async fn the_log_says_how_many_messages_an_interrupted_job_has() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let capture = ground.peek(3).await.capture;
    let plan = ground.plan_redrive(capture, vec![1, 2, 3]).await;
    ground.sandbox.fail_next(Fault::RemoveLost);
    let job = ground.run(plan).await;
    assert_ne!(job.counts.done, 3, "{job:?}");
    let line = logged(&ground, Act::Redrive).await;
    assert_eq!((line.outcome, line.messages), (Outcome::InDoubt, Some(3)), "{line:?}");
}

#[tokio::test]
async fn what_decides_a_look_is_counted_just_then() {
    let ground = Ground::new().await;
    ground.lay(3, 0);
    let live = ground.workbench.live(ground.profile).unwrap();
    let (facts, depth) = ground.workbench.facts_of(&live, &"dead".into()).await.unwrap();
    let measures = facts.measures.unwrap().value.queues;
    let found = measures.iter().find(|measure| measure.name.as_str() == "dead").unwrap();
    assert_eq!((depth.ready, found.ready, found.consumers), (3, Some(3), Some(0)), "statistics are seconds old");
}

#[tokio::test]
async fn the_lock_of_a_job_goes_when_nobody_needs_it_any_more() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let done = ground.redrive(1).await;
    assert_eq!((done.state, ground.locks()), (JobState::Finished, 0), "a finished job");

    ground.sandbox.fail_next(Fault::PublishUnanswered);
    let open = ground.redrive(1).await;
    assert_eq!((open.state, ground.locks()), (JobState::NeedsAnswer, 1), "an unanswered one may be taken up again");

    let answered = ground.settle(open.id).await;
    assert_eq!((answered.state, ground.locks()), (JobState::Finished, 0), "an answered one");
}

#[tokio::test]
async fn a_job_that_ended_meanwhile_is_not_called_interrupted() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let capture = ground.peek(1).await.capture;
    let view = ground.plan_redrive(capture, vec![1]).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let job = undertaking.record.id;
    ground.workbench.inner.jobs.settle().await.unwrap();
    assert_eq!(ground.workbench.show_job(job).await.unwrap().state, JobState::Running, "its owner is alive");
    ground.workbench.undertake(undertaking).await.unwrap();
    ground.workbench.inner.jobs.settle().await.unwrap();
    assert_eq!(ground.workbench.show_job(job).await.unwrap().state, JobState::Finished);
}

#[tokio::test]
async fn a_job_whose_program_is_gone_is_not_listed_as_running() {
    let ground = Ground::new().await;
    ground.lay(1, 0);
    let capture = ground.peek(1).await.capture;
    let view = ground.plan_redrive(capture, vec![1]).await;
    let plan = ground.workbench.plan_to_start(view.id, view.typed.as_deref()).await.unwrap();
    let undertaking = ground.written_down(&plan).await;
    let listed = async || ground.workbench.list_jobs(None).await.unwrap()[0].state;
    assert_eq!(listed().await, JobState::Running, "its owner is alive");
    drop(undertaking);
    assert_eq!(listed().await, JobState::Interrupted);
}

#[tokio::test]
async fn a_connection_under_a_running_job_is_not_closed_or_changed() {
    let ground = Ground::new().await;
    ground.lay(2, 0);
    let capture = ground.peek(2).await.capture;
    let plan = ground.plan_redrive(capture, vec![1, 2]).await;
    ground.sandbox.set_waits(true);
    ground.sandbox.block("memory");
    let job = ground.workbench.start_plan(plan.id, None).await.unwrap();
    let profile = ground.workbench.profile(ground.profile).await.unwrap();

    let close = ground.workbench.close_connection(ground.profile).await;
    let remove = ground.workbench.remove_profile(ground.profile).await;
    let elsewhere = ProfileDraft { settings: [("host", "elsewhere")].into_iter().collect(), ..draft_of(&profile) };
    let save = ground.workbench.save_profile(elsewhere, None).await.map(drop);
    for refused in [close, remove, save] {
        let Err(Error::Refused { code: RefusedCode::Busy, why }) = refused else { panic!("{refused:?}") };
        assert!(why.contains("job 1 (redrive, dead)") && why.contains("stop it"), "{why}");
    }
    assert_eq!(ground.workbench.profile(ground.profile).await.unwrap(), profile, "nothing was saved");

    ground.sandbox.unblock();
    let job = ground.ended(job).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 2), "{job:?}");
    ground.workbench.close_connection(ground.profile).await.unwrap();
}

#[tokio::test]
async fn a_new_name_does_not_close_the_connection_and_new_settings_do() {
    let ground = Ground::new().await;
    let profile = ground.workbench.profile(ground.profile).await.unwrap();
    let renamed = ProfileDraft { name: "renamed".into(), read_only: true, ..draft_of(&profile) };
    ground.workbench.save_profile(renamed, None).await.unwrap();
    let view = ground.workbench.connection(ground.profile).unwrap();
    assert_eq!(view.state, ConnectionState::Open { health: Health::Live });
    assert_eq!(view.writes, Writes::Locked, "it holds at once");
    assert_eq!(ground.workbench.live(ground.profile).unwrap().profile.name, "renamed");

    let settings: Settings = [("host", "elsewhere")].into_iter().collect();
    ground.workbench.save_profile(ProfileDraft { settings, ..draft_of(&profile) }, None).await.unwrap();
    assert!(matches!(ground.workbench.connection(ground.profile), Err(Error::NotOpen(_))));
}

#[tokio::test]
async fn opening_a_connection_is_told_from_its_beginning() {
    let ground = Ground::new().await;
    ground.workbench.close_connection(ground.profile).await.unwrap();
    let mut events = ground.workbench.events();
    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    assert_eq!(next_state(&mut events).await, ConnectionState::Connecting);
    assert_eq!(next_state(&mut events).await, ConnectionState::Open { health: Health::Live });
}

async fn next_state(events: &mut Receiver<AppEvent>) -> ConnectionState {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap().unwrap();
        if let AppEvent::ConnectionChanged { connection } = event {
            return connection.state;
        }
    }
}

fn draft_of(profile: &Profile) -> ProfileDraft {
    let Profile { id, name, kind, environment, read_only, settings, .. } = profile.clone();
    ProfileDraft { id: Some(id), name, kind, environment, read_only, settings }
}

async fn logged(ground: &Ground, act: Act) -> ActivityRow {
    let ask = ActivityAsk { filter: String::new(), profile: None, only_open: false, from: 0, n: 100 };
    let page = ground.workbench.list_activity(ask).await.unwrap();
    page.rows.into_iter().find(|row| row.act == act).unwrap()
}
