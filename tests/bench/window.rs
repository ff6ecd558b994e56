//! What a user waits for, timed in the page itself: from the click to the frame in which the rows are drawn.

use std::time::Duration;

use fantoccini::key::Key;
use support::Vhost;
use support::window::{Home, Window};

use crate::deeds::Deeds;
use crate::machine::{began, pss_kib};
use crate::management;
use crate::report::{Measured, Section};
use crate::scene::{FULL, MESSAGES, QUEUES, Scene};

/// Until nothing of the start is going on any more.
const IDLE_AFTER: Duration = Duration::from_secs(10);
/// In ms since 1970.
const FIRST_PAINT: &str =
    "performance.timeOrigin + (performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN)";
/// Takes the time of the next click or other event, and of the frame after the one in which a table has all its rows and
/// draws some.
const STOPWATCH: &str = r#"
    const [event, label, rows] = arguments;
    const watch = (window.stopwatch = { from: null, to: null });
    addEventListener(event, () => (watch.from ??= performance.now()), { capture: true, once: true });
    const drawn = () => {
        const grid = document.querySelector(`[role=grid][aria-label="${label}"]`);
        const known = grid?.getAttribute('aria-rowcount') === String(rows + 1);
        const row = known && grid.querySelector('[role=row][aria-rowindex="5"]');
        return Boolean(row && row.innerText.trim() !== '');
    };
    const look = () => requestAnimationFrame(() => {
        if (watch.from === null || !drawn()) return look();
        requestAnimationFrame(() => (watch.to = performance.now()));
    });
    look();"#;

pub(crate) async fn starts(runs: usize) -> Section {
    let mut times = Vec::new();
    for _ in 0..runs {
        let window = Window::open("bench").await;
        window.read("Connect to a message broker").await;
        window.until("the first paint is told", &format!("!Number.isNaN({FIRST_PAINT})")).await;
        let painted_ms = window.value(FIRST_PAINT).await.as_f64().expect("a time");
        let began = began(window.processes()[0].id);
        times.push(Duration::from_secs_f64(painted_ms / 1_000.0).saturating_sub(began));
        window.close().await;
    }
    Section {
        title: "Start".into(),
        words:
            "From the start of the process to the first content that the web engine draws (first contentful paint), on \
                an empty data folder. The kernel tells the start to 10 ms."
                .into(),
        lines: vec![Measured::times("start to first content", &times)],
    }
}

/// The time from a click on Connect to all rows, the management API in turns with it; and the memory with them on screen.
pub(crate) async fn thousand_queues(scene: &Scene, runs: usize) -> [Section; 2] {
    let mut home = known_to(&scene.wide).await;
    let (mut times, mut overviews, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    let (mut all, mut rust) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let window = Window::open_at("bench", home).await;
        window.fill("Password", &scene.wide.password).await;
        start_stopwatch(&window, "click", "Queues", QUEUES).await;
        window.press("Connect").await;
        times.push(stopped(&window).await);
        tokio::time::sleep(IDLE_AFTER).await;
        let processes = window.processes();
        all.push(processes.iter().map(|process| pss_kib(process.id)).sum::<f64>() / 1024.0);
        rust.push(pss_kib(processes[0].id) / 1024.0);
        home = window.close().await;
        overviews.push(management::overview(scene).await);
        lists.push(management::queues(scene).await);
    }
    let shown = Section {
        title: "1,000 queues".into(),
        words: String::new(),
        lines: vec![
            Measured::times("Queuescope: click on Connect to rows on screen", &times),
            Measured::times("management API: `GET /api/overview`", &overviews),
            Measured::times("management API: `GET /api/queues/VHOST`, all columns", &lists),
        ],
    };
    let memory = |what: &str, values| Measured { what: what.to_owned(), values, unit: "MiB" };
    let memory = Section {
        title: "Memory".into(),
        words: "PSS ten seconds after a connection with 1,000 queues was opened, its table on screen and polled."
            .into(),
        lines: vec![memory("all processes: Rust, web page, network", all), memory("the Rust process alone", rust)],
    };
    [shown, memory]
}

/// A peek in the window, without the window, and by the management API, in turns.
pub(crate) async fn ten_thousand_messages(scene: &Scene, runs: usize) -> Section {
    let deeds = Deeds::open(scene).await;
    let home = known_to(&scene.deep).await;
    let window = Window::open_at("bench", home).await;
    window.fill("Password", &scene.deep.password).await;
    window.press("Connect").await;
    window.open_row(FULL).await;
    let (mut times, mut in_rust, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        window.fill("Peek", &MESSAGES.to_string()).await;
        window.locked("Peek", false).await;
        start_stopwatch(&window, "click", "Messages", MESSAGES).await;
        window.press("Peek").await;
        times.push(stopped(&window).await);
        // Leaves the queue and comes back, so that nothing of it is on screen when the next run begins.
        window.press("Queues").await;
        window.open_row(FULL).await;
        in_rust.push(deeds.peek().await);
        answers.push(management::messages(scene).await);
    }
    window.close().await;
    deeds.close().await;
    Section {
        title: "Peek at 10,000 messages of 1 KiB".into(),
        words: "Queuescope copies every message to this computer, synced, and puts all back in their order.".into(),
        lines: vec![
            Measured::times("Queuescope: click on Peek to rows on screen", &times),
            Measured::times("the same without the window: hold, copy, sync, put back", &in_rust),
            Measured::times("management API: `POST .../get`, requeued; lossy headers, no copy", &answers),
        ],
    }
}

/// A user who has added that connection before, and is asked for the password.
pub(crate) async fn known_to(vhost: &Vhost) -> Home {
    let window = Window::open("bench").await;
    window.press("New connection").await;
    window.fill("Name", "bench").await;
    window.fill("Broker address", &format!("amqp://127.0.0.1:{}", vhost.amqp_port)).await;
    window.fill("Virtual host", &vhost.name).await;
    window.fill("User", &vhost.user).await;
    window.fill("Management API", &vhost.management_url()).await;
    window.fill("Password", &vhost.password).await;
    window.keys(&Key::Tab).await;
    window.press("Connect").await;
    window.read("Time to drain").await;
    // The page keeps where its user was a moment later.
    tokio::time::sleep(Duration::from_secs(1)).await;
    window.close().await
}

pub(crate) async fn start_stopwatch(window: &Window, event: &str, table: &str, rows: usize) {
    window.run(STOPWATCH, &[event.into(), table.into(), rows.into()]).await;
}

pub(crate) async fn stopped(window: &Window) -> Duration {
    window.until("the rows are on screen", "window.stopwatch.to !== null").await;
    let ms = window.value("window.stopwatch.to - window.stopwatch.from").await.as_f64().expect("a time");
    Duration::from_secs_f64(ms / 1_000.0)
}
