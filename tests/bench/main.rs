//! What docs/benchmarks.md is made of: the released program in its real window, and the broker's own management API for
//! the same thing, taken in turns in one run on one machine.

mod machine;
mod report;

use std::time::{Duration, Instant};

use report::{Report, Series};
use support::window::{Home, Window};
use support::{Rabbit, Version, Vhost};

const ROUNDS: usize = 5;
const QUEUES: usize = 1_000;
const MESSAGES: usize = 10_000;
const BODY_BYTES: usize = 1_024;
/// The broker's statistics are five seconds old: so long after the last change every number is told.
const STATISTICS_WAIT: Duration = Duration::from_secs(7);
/// An open window that nobody touches has come to rest after so long.
const REST: Duration = Duration::from_secs(6);
const MANY: &str = "bench.messages";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be started").block_on(Box::pin(measure()));
}

async fn measure() {
    let rabbit = Rabbit::shared(Version::NEWEST).await;
    let mut report = Report::new(rabbit.release());

    support::say("start to first content");
    let (mut started, mut asked) = (Series::new(), Series::new());
    for _ in 0..ROUNDS {
        let home = Home::new();
        let began = Instant::now();
        let window = Window::open_at("bench", home).await;
        window.read("Connect to a message broker").await;
        started.add(began.elapsed());
        asked.add(get(rabbit, &["overview"]).await);
        window.close().await;
    }
    report.row("Start to first content, with a new X server and driver", &started, "GET /api/overview", &asked);

    let vhost = rabbit.vhost().await;
    fill(&vhost).await;
    tokio::time::sleep(STATISTICS_WAIT).await;

    support::say("1,000 queues");
    let (mut shown, mut listed) = (Series::new(), Series::new());
    for _ in 0..ROUNDS {
        let window = Window::open("bench").await;
        describe(&window, &vhost).await;
        let began = Instant::now();
        window.press("Connect").await;
        window.read(&format!("{} queues", grouped(QUEUES + 1))).await;
        window.see("[aria-rowindex='20']").await;
        shown.add(began.elapsed());
        listed.add(get(rabbit, &["queues", &vhost.name]).await);
        window.close().await;
    }
    report.row("Connect and show 1,000 queues", &shown, "GET /api/queues/VHOST, 1,000 queues", &listed);

    support::say("peek of 10,000");
    let (mut peeked, mut got) = (Series::new(), Series::new());
    let window = Window::open("bench").await;
    describe(&window, &vhost).await;
    window.press("Connect").await;
    window.fill("Filter the queues by name", MANY).await;
    window.open_row(MANY).await;
    window.fill("Peek", &MESSAGES.to_string()).await;
    for round in 0..ROUNDS {
        let began = Instant::now();
        window.press(if round == 0 { "Peek" } else { "Peek again" }).await;
        window.gone("Cancel").await;
        window.read(&format!("{} of {} peeked", grouped(MESSAGES), grouped(MESSAGES))).await;
        window.see("[aria-rowindex='10']").await;
        peeked.add(began.elapsed());
        got.add(get_messages(&vhost).await);
    }
    report.row("Peek 10,000 messages of 1 KiB, copied and put back", &peeked, "POST …/get, 10,000, requeued", &got);

    tokio::time::sleep(REST).await;
    let processes = window.processes();
    let pss: Vec<u64> = processes.iter().map(|process| machine::pss_bytes(process.id)).collect();
    report.memory(pss[0], pss.iter().sum(), processes.len());
    window.close().await;
    report.write();
}

async fn describe(window: &Window, vhost: &Vhost) {
    window.press("New connection").await;
    window.fill("Name", "bench").await;
    window.press("Local").await;
    window.fill("Broker address", &format!("amqp://127.0.0.1:{}", vhost.amqp_port)).await;
    window.fill("Virtual host", &vhost.name).await;
    window.fill("User", &vhost.user).await;
    window.fill("Management API", &vhost.management_url()).await;
    window.fill("Password", &vhost.password).await;
}

async fn fill(vhost: &Vhost) {
    let client = vhost.client().await;
    for n in 0..QUEUES {
        client.classic(&format!("bench.queue-{n:04}")).await;
    }
    client.classic(MANY).await;
    let body = vec![b'x'; BODY_BYTES];
    let messages = (0..MESSAGES).map(|_| (body.clone(), lapin::protocol::basic::AMQPProperties::default()));
    client.publish_all("", MANY, messages.collect()).await;
    client.close().await;
}

async fn get(rabbit: &Rabbit, path: &[&str]) -> Duration {
    let began = Instant::now();
    rabbit.api().get(path).await;
    began.elapsed()
}

/// The same read by the management API, which the program never does. It holds the broker's memory while it answers.
async fn get_messages(vhost: &Vhost) -> Duration {
    let began = Instant::now();
    let url = format!("{}/api/queues/{}/{MANY}/get", vhost.management_url(), vhost.name.replace('/', "%2F"));
    let ask = serde_json::json!({ "count": MESSAGES, "ackmode": "ack_requeue_true", "encoding": "auto" });
    let http = reqwest::Client::new();
    let answer = http.post(url).basic_auth(&vhost.user, Some(&vhost.password)).body(ask.to_string()).send().await;
    let bytes = answer.expect("the management API answers").bytes().await.expect("the answer can be read");
    assert!(bytes.len() > MESSAGES * BODY_BYTES, "the answer holds the messages");
    began.elapsed()
}

/// As numbers are shown: in groups of three.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}
