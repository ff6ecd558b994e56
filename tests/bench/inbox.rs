//! The inbox with many dead letters, as its user sees it: opened, grouped, one group looked into and scrolled.

use std::time::Duration;

use lapin::protocol::basic::AMQPProperties;
use serde_json::json;
use support::client::{arguments, dead_letter, text};
use support::window::{Home, Window};
use support::{Client, Rabbit, Version, Vhost};

use crate::machine::{load, pss_kib};
use crate::report::{Measured, Section};
use crate::scene::body;
use crate::window::{known_to, start_stopwatch, stopped};

const PAYMENTS: usize = 12_000;
const REFUNDS: usize = 8_000;
/// Failures of payments; the first of them has every fourth message.
const OF_PAYMENTS: usize = 16;
const GROUPS: usize = 30;
const LARGEST: usize = PAYMENTS / 4;
/// Of a stack trace, as Java writes them.
const FRAMES: usize = 15;
/// The broker's own statistics come every five seconds.
const STATISTICS_WAIT: Duration = Duration::from_secs(7);

const INBOX: &str = "Failure groups";
const MEMBERS: &str = "Messages of the group";
/// Time from frame to frame, while the table is scrolled by so many pixels each; 0 leaves it where it is.
const SCROLL: &str = r#"
    const [label, px, frames] = arguments;
    const grid = document.querySelector(`[role=grid][aria-label="${label}"]`);
    const times = [];
    let last = null;
    window.scrolled = null;
    const step = (now) => {
        if (last !== null) times.push(now - last);
        last = now;
        grid.scrollTop += px;
        if (times.length < frames) requestAnimationFrame(step);
        else window.scrolled = times;
    };
    requestAnimationFrame(step);"#;
const SCROLLED_PX: u32 = 84;
const SCROLLED_FRAMES: u32 = 300;
/// Asks for what died at any time, and takes the time from then on.
const ANY_TIME: &str =
    "const list = [...document.querySelectorAll('select')].find((one) => one.value === arguments[0]);
    list.value = arguments[1];
    list.dispatchEvent(new Event('change', { bubbles: true }));";

#[derive(Default)]
struct Times {
    first: Vec<Duration>,
    again: Vec<Duration>,
    grouped: Vec<Duration>,
    opened: Vec<Duration>,
    resting: Vec<f64>,
    scrolled: Vec<f64>,
    worst: Vec<f64>,
    memory: Vec<f64>,
}

pub(crate) async fn measure(runs: usize) -> Section {
    let rabbit = Rabbit::start(Version::NEWEST).await;
    let vhost = rabbit.vhost().await;
    let client = vhost.client().await;
    fail(&client, "payments", PAYMENTS, |n| if n.is_multiple_of(4) { 0 } else { 1 + n % (OF_PAYMENTS - 1) }).await;
    fail(&client, "refunds", REFUNDS, |n| OF_PAYMENTS + n % (GROUPS - OF_PAYMENTS)).await;
    tokio::time::sleep(STATISTICS_WAIT).await;
    let words = format!(
        "12,000 and 8,000 dead letters of about 3 KiB in two classic queues of RabbitMQ {}, {GROUPS} failure groups, all \
         of them read before. Grouping reads every copy anew. The largest group has {LARGEST} messages; it is scrolled by \
         three rows a frame. Load when it began: {}.",
        rabbit.release(),
        load()
    );
    let mut home = read_all(known_to(&vhost).await, &vhost).await;
    let mut times = Times::default();
    for _ in 0..runs {
        home = measure_once(home, &vhost, &mut times).await;
    }
    let in_ms = |what: &str, values| Measured { what: what.to_owned(), values, unit: "ms" };
    let lines = vec![
        Measured::times("click on Dead letters to groups on screen, first time after the start", &times.first),
        Measured::times("the same, coming back from another place", &times.again),
        Measured::times("grouping, from the ask to groups on screen", &times.grouped),
        Measured::times("click on the largest group to its messages on screen", &times.opened),
        in_ms("frame time while it is scrolled, 99th percentile", times.scrolled),
        in_ms("the worst of these frames", times.worst),
        in_ms("frame time while nothing moves, 99th percentile", times.resting),
        Measured { what: "memory of the Rust process (PSS)".to_owned(), values: times.memory, unit: "MiB" },
    ];
    Section { title: "20,000 dead letters in the inbox".into(), words, lines }
}

/// Dead letters as a framework leaves them, straight into their queue.
async fn fail(client: &Client, name: &str, n: usize, failure: fn(usize) -> usize) {
    let (dead, exchange) = (format!("{name}.dlq"), format!("{name}.dlx"));
    client.exchange(&exchange, "fanout", &[]).await;
    client.classic(&dead).await;
    client.bind(&dead, &exchange, "", &[]).await;
    client.declare(name, &[("x-queue-type", text("classic")), ("x-dead-letter-exchange", text(&exchange))]).await;
    let message = |n: usize| {
        let exception = format!("shop.Failure{:02}Exception", failure(n));
        let why = format!("Order {n} was not taken within {} ms", 5_000 + n);
        let frames: String =
            (0..FRAMES).map(|at| format!("\tat shop.orders.internal.Worker{at}.run(Worker{at}.java:{n})\n")).collect();
        let headers = arguments(&[
            ("x-death", dead_letter(name)),
            ("x-exception-message", text(&why)),
            ("x-exception-stacktrace", text(&format!("{exception}: {why}\n{frames}"))),
        ]);
        let properties = AMQPProperties::default()
            .with_content_type("application/json".into())
            .with_message_id(format!("{name}-{n}").as_str().into())
            .with_headers(headers);
        (body(n), properties)
    };
    client.publish_all("", &dead, (0..n).map(message).collect()).await;
    client.reaches(&dead, u32::try_from(n).expect("a few thousand")).await;
}

async fn read_all(home: Home, vhost: &Vhost) -> Home {
    let window = open(home, vhost).await;
    window.press("Dead letters").await;
    window.press("Read the first 200 of 2 queues").await;
    window.read("Read from 400 of 20 000").await;
    window.press("Read all 12 000").await;
    window.read("Read from 12 200 of 20 000").await;
    window.press("Read all 8 000").await;
    window.read("Read from 20 000 of 20 000").await;
    window.press("Queues").await;
    // The page keeps where its user was a moment later.
    tokio::time::sleep(Duration::from_secs(1)).await;
    window.close().await
}

async fn open(home: Home, vhost: &Vhost) -> Window {
    let window = Window::open_at("bench", home).await;
    window.fill("Password", &vhost.password).await;
    window.press("Connect").await;
    window.read("Time to drain").await;
    window
}

async fn measure_once(home: Home, vhost: &Vhost, times: &mut Times) -> Home {
    let window = open(home, vhost).await;
    times.first.push(go_there(&window).await);
    window.press("Queues").await;
    window.see("[role=grid][aria-label=Queues]").await;
    times.again.push(go_there(&window).await);

    window.run(ANY_TIME, &["any".into(), "24".into()]).await;
    window.read("No dead letter matches").await;
    start_stopwatch(&window, "change", INBOX, GROUPS).await;
    window.run(ANY_TIME, &["24".into(), "any".into()]).await;
    times.grouped.push(stopped(&window).await);

    start_stopwatch(&window, "click", MEMBERS, LARGEST).await;
    window.choose_row("Failure00Exception").await;
    times.opened.push(stopped(&window).await);
    let resting = frames(&window, 0).await;
    times.resting.push(percentile(&resting, 99));
    let scrolled = frames(&window, SCROLLED_PX).await;
    times.scrolled.push(percentile(&scrolled, 99));
    times.worst.push(percentile(&scrolled, 100));
    times.memory.push(pss_kib(window.processes()[0].id) / 1024.0);
    window.press("Queues").await;
    window.close().await
}

async fn go_there(window: &Window) -> Duration {
    start_stopwatch(window, "click", INBOX, GROUPS).await;
    window.press("Dead letters").await;
    stopped(window).await
}

/// In ms, sorted.
async fn frames(window: &Window, px: u32) -> Vec<f64> {
    window.run(SCROLL, &[json!(MEMBERS), json!(px), json!(SCROLLED_FRAMES)]).await;
    window.until("it is scrolled", "window.scrolled !== null").await;
    let mut frames: Vec<f64> = serde_json::from_value(window.value("window.scrolled").await).expect("times");
    frames.sort_by(f64::total_cmp);
    frames
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}
