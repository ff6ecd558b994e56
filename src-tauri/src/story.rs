//! The commands as the window calls them, on Tauri's mock runtime and the sandbox: one whole story without a window.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use broker::QueueName;
use tauri::ipc::Channel;
use tauri::test::MockRuntime;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};
use tempfile::TempDir;
use workbench::{
    DeedAsk, FaultCode, JobId, JobState, Keychain, MessageColumn, Options, ProfileId, QueueAsk, QueueColumn, Selection,
    SendOptions, Sending, TargetChoice, ViewAsk, Workbench,
};

use crate::commands::{app as app_commands, captures, connections, jobs, looks, profiles, queues};
use crate::stream::Tasks;

/// How long the sandbox may take to be measured, or a job to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// A dead-letter queue of the sandbox whose messages say where they failed.
const DEAD: &str = "orders.dead";
/// A cause whose messages failed in a queue that still exists.
const CAUSE: &str = "x-exception-type=PaymentGatewayTimeout";
/// Enough to meet that cause.
const LOOKED_AT: u32 = 150;

async fn app() -> (tauri::App<MockRuntime>, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        data_dir: folder.path().to_owned(),
        drivers: crate::app::drivers(),
        secrets: Arc::new(Keychain::default()),
    };
    let workbench = Workbench::open(options).await.expect("an empty folder can be opened");
    let app = tauri::test::mock_app();
    app.manage(workbench);
    app.manage(Tasks::default());
    (app, folder)
}

async fn open_sandbox(app: &tauri::App<MockRuntime>) -> ProfileId {
    let all = profiles::list_profiles(app.state()).await.expect("profiles are listed");
    let sandbox = all.iter().find(|profile| profile.kind == "sandbox").expect("the sandbox comes with the app");
    connections::open_connection(app.state(), sandbox.id, None).await.expect("the sandbox needs nothing");
    sandbox.id
}

fn all_queues() -> QueueAsk {
    QueueAsk { filter: String::new(), only: Vec::new(), sort: QueueColumn::Name, descending: false, from: 0, n: 100 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_found_read_and_sent_home() {
    let (app, _folder) = app().await;
    let profile = open_sandbox(&app).await;
    let dead = QueueName::from(DEAD);

    let began = Instant::now();
    loop {
        let page = queues::list_queues(app.state(), profile, all_queues()).await.expect("queues are listed");
        if page.rows.iter().any(|row| row.name == dead && row.ready.is_some_and(|ready| ready > 0)) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the dead letters are never counted: {:?}", page.rows);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let offer = looks::offer_look(app.state(), profile, dead.clone(), LOOKED_AT).await.expect("a look is offered");
    assert_eq!(offer.cost.refusal, None, "this queue can be looked at");
    let ready_before = offer.ready;
    let channel = Channel::new(|_| Ok(()));
    let peeked = looks::peek_queue(
        app.state(),
        app.state(),
        profile,
        dead.clone(),
        LOOKED_AT,
        Some(offer.cost),
        "t".into(),
        channel,
    )
    .await
    .expect("the look is made");
    assert_eq!((peeked.read, peeked.put_back), (LOOKED_AT.into(), true), "all were read and put back");

    let ask =
        ViewAsk { capture: peeked.capture, filter: String::new(), sort: MessageColumn::Position, descending: false };
    let view = captures::open_view(app.state(), ask).await.expect("what was read can be viewed");
    let page = captures::page_view(app.state(), view.view, 0, LOOKED_AT).await.expect("a page");
    assert_eq!(page.rows.len(), LOOKED_AT as usize, "every message is there");

    let ask = ViewAsk {
        capture: peeked.capture,
        filter: format!("header.{CAUSE}"),
        sort: MessageColumn::Position,
        descending: false,
    };
    let failed = captures::open_view(app.state(), ask).await.expect("a filter by header");
    let failed = captures::page_view(app.state(), failed.view, 0, 1).await.expect("a page");
    let rejected = failed.rows.first().expect("some of them failed of that");
    let redrive = DeedAsk::Send {
        deed: Sending::Redrive,
        from: Selection::Chosen { capture: peeked.capture, messages: vec![rejected.n] },
        to: TargetChoice::FailedIn,
        options: SendOptions::default(),
    };
    let plan = jobs::make_plans(app.state(), profile, vec![redrive]).await.expect("a plan").whole;
    assert_eq!((plan.will_act, plan.removes_original), (1, true), "one message goes home: {plan:?}");
    let started = jobs::start_plans(app.state(), vec![plan.id], None).await.expect("the sandbox needs no confirmation");
    let began = Instant::now();
    let ended = loop {
        let job = jobs::show_job(app.state(), started[0]).await.expect("the job is shown");
        if job.state != JobState::Running {
            break job;
        }
        assert!(began.elapsed() < PATIENCE, "the job never ends: {job:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((ended.state, ended.counts.done), (JobState::Finished, 1), "{ended:?}");
    let after = looks::offer_look(app.state(), profile, dead, LOOKED_AT).await.expect("a look is offered").ready;
    assert!(after < ready_before, "the original is gone: {ready_before:?} before, {after:?} now");
}

/// A redrive of all dead letters of the sandbox, which takes minutes.
async fn start_slow_job(app: &AppHandle<MockRuntime>) -> JobId {
    let all = profiles::list_profiles(app.state()).await.expect("profiles are listed");
    let sandbox = all.iter().find(|profile| profile.kind == "sandbox").expect("the sandbox comes with the app").id;
    connections::open_connection(app.state(), sandbox, None).await.expect("the sandbox needs nothing");
    let slow = DeedAsk::Send {
        deed: Sending::Redrive,
        from: Selection::First { queue: DEAD.into(), n: None },
        to: TargetChoice::FailedIn,
        options: SendOptions { per_second: Some(1), ..SendOptions::default() },
    };
    let plan = jobs::make_plans(app.state(), sandbox, vec![slow]).await.expect("a plan").whole;
    let started = jobs::start_plans(app.state(), vec![plan.id], None).await;
    started.expect("the sandbox needs no confirmation")[0]
}

/// On the mock runtime, whose run ends with its last window.
#[test]
fn closing_is_held_back_once_while_a_job_runs() {
    let (app, _folder) = tauri::async_runtime::block_on(app());
    tauri::WebviewWindowBuilder::new(&app, "main", Default::default()).build().expect("a window");
    let handle = app.handle().clone();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let user = std::thread::spawn(move || {
        let job = tauri::async_runtime::block_on(start_slow_job(&handle));
        let close = |requests: u32| {
            handle.webview_windows()["main"].close().expect("it is asked to close");
            let began = Instant::now();
            while counted.load(Ordering::Relaxed) < requests {
                assert!(began.elapsed() < PATIENCE, "the request never comes");
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        close(1);
        tauri::async_runtime::block_on(app_commands::keep_open(handle.state())).expect("the user stays");
        close(2);
        let shown = tauri::async_runtime::block_on(jobs::show_job(handle.state(), job)).expect("the job is shown");
        assert_eq!(shown.state, JobState::Running, "nothing was cut off");
        close(3);
    });
    let (count, mut user) = (asked.clone(), Some(user));
    app.run_return(move |app, event| {
        // A user who has failed would never close the window.
        if let Some(ended) = user.take_if(|user| user.is_finished()) {
            ended.join().expect("the user has seen what they should");
        }
        let is_request = matches!(event, RunEvent::WindowEvent { event: WindowEvent::CloseRequested { .. }, .. });
        crate::app::on_event(app, event);
        count.fetch_add(is_request.into(), Ordering::Relaxed);
    });
    assert_eq!(asked.load(Ordering::Relaxed), 3, "the third request, the second in a row, closed the window");
}

#[tokio::test]
async fn what_goes_wrong_reaches_the_window_as_a_code_and_words() {
    let (app, _folder) = app().await;
    let nobody = ProfileId::new();
    let fault = connections::open_connection(app.state(), nobody, None).await.expect_err("there is no such profile");
    assert_eq!(fault.code, FaultCode::NotFound, "{fault:?}");
    let fault = queues::list_queues(app.state(), nobody, all_queues()).await.expect_err("it is not open");
    assert_eq!(fault.code, FaultCode::NotOpen, "{fault:?}");
}
