//! The program dies between two steps of a redrive. What cannot be known is asked, with what is known of both ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use lapin::protocol::basic::AMQPProperties;
use rusqlite::{Connection, OpenFlags};
use support::client::{Taken, arguments, dead_letter, text};
use support::window::Window;
use support::{Client, Proxy, Rabbit, Version, Vhost, Worker, eventually};

use crate::steps::{bodies, connect_by, dead_letters, open_queue, peek, taken, tick, told};

/// Every answer comes so much later: long enough to die before it.
const ANSWERS_LATER: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_an_answer() {
    told(async {
        let rabbit = Rabbit::shared(Version::NEWEST).await;
        let vhost = rabbit.vhost().await;
        let client = vhost.client().await;
        dead_letters(&client, &bodies(3)).await;
        let proxy = Proxy::start(rabbit.amqp_port()).await;
        let window = Window::open("a_crash_leaves_an_answer").await;
        connect_by(&window, "orders-dev", "Dev", proxy.port(), &vhost).await;
        open_queue(&window, "orders.dlq").await;
        peek(&window, 16).await;
        tick(&window, 1, 3).await;
        window.press("Redrive 3 messages…").await;
        window.read("nothing sent yet").await;

        // The broker has the first, and its answer is still on the way when the program dies.
        proxy.delay(ANSWERS_LATER);
        window.press("Redrive 3 messages").await;
        eventually("the first one arrives", async || client.count("orders").await > 0).await;
        let home = window.kill().await;
        client.reaches("orders.dlq", 3).await;
        proxy.pass();

        let window = Window::open_at("a_crash_leaves_an_answer", home).await;
        window.read("Connect to orders-dev").await;
        window.shots("1-asks-the-password").await;
        window.fill("Password", &vhost.password).await;
        window.press("Connect").await;
        window.read("Time to drain").await;
        window.press("Activity").await;
        window.press_css("[data-id]:has(svg.lucide-corner-up-right)").await;
        window.press("Answer in Jobs").await;
        window.read("Remove the original").await;
        window.shots("2-both-ends").await;
        window.accessible("answers").await;
        window.press("Apply").await;
        window.gone("What to do with each message").await;
        window.shots("3-answered").await;
        let mut all = taken(&client, "orders").await;
        assert!(!all.is_empty(), "what had arrived stays there");
        all.extend(taken(&client, "orders.dlq").await);
        all.sort();
        assert_eq!(all, bodies(3), "none was lost, none doubled");
        window.close().await;
    })
    .await;
}

/// So many are sent in a second: in batches of [`BATCH`], one at a time.
const RATE: &str = "16";
const BATCH: usize = 4;
const MANY: usize = 80;
/// What is sent arrives so much later.
const SENT_LATER: Duration = Duration::from_secs(1);

/// Dead letters of two queues in turns: of `bills`, where somebody works, and of `orders`, where nobody does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_is_answered_and_gone_on_with() {
    told(async {
        let rabbit = Rabbit::shared(Version::NEWEST).await;
        let vhost = rabbit.vhost().await;
        let client = vhost.client().await;
        fail(&client).await;
        let worker = Worker::start(&client, "bills", |_| true).await;
        let proxy = Proxy::start(rabbit.amqp_port()).await;
        let window = Window::open("a_crash_in_the_middle").await;
        connect_by(&window, "orders-dev", "Dev", proxy.port(), &vhost).await;
        open_queue(&window, "all.dlq").await;
        peek(&window, 80).await;
        window.press_css("[aria-label='Choose all messages shown']").await;
        window.press("Redrive 80 messages…").await;
        window.fill("Rate limit", RATE).await;
        window.press("Redrive 80 messages").await;

        let home = die_in_a_batch(window, &client, &worker, &proxy).await;
        let window = Window::open_at("a_crash_in_the_middle", home).await;
        answer(&window, &vhost, &worker).await;
        window.press("Continue with the other").await;
        window.read("80 redriven, confirmed and removed").await;
        window.shots("3-gone-on-with").await;
        window.close().await;

        assert_eq!(client.count("all.dlq").await, 0, "none is left behind");
        let mut arrived = worker.goes_home().await;
        arrived.extend(client.take_all("orders").await);
        let mut arrived: Vec<_> = arrived.iter().map(Taken::id).collect();
        arrived.sort();
        assert_eq!(arrived, ids(), "none was lost, none doubled");
    })
    .await;
}

fn ids() -> Vec<String> {
    let mut ids: Vec<_> = (0..MANY).map(id).collect();
    ids.sort();
    ids
}

/// The first of each batch is a bill.
fn id(n: usize) -> String {
    format!("{}-{n:02}", if n.is_multiple_of(2) { "bill" } else { "order" })
}

async fn fail(client: &Client) {
    client.exchange("dlx", "fanout", &[]).await;
    client.classic("all.dlq").await;
    client.bind("all.dlq", "dlx", "", &[]).await;
    for queue in ["bills", "orders"] {
        client.declare(queue, &[("x-queue-type", text("classic")), ("x-dead-letter-exchange", text("dlx"))]).await;
    }
    let message = |n: usize| {
        let failed_in = if n.is_multiple_of(2) { "bills" } else { "orders" };
        let headers = arguments(&[("x-death", dead_letter(failed_in))]);
        let properties = AMQPProperties::default().with_message_id(id(n).as_str().into()).with_headers(headers);
        (format!("{{\"n\":{n}}}").into_bytes(), properties)
    };
    client.publish_all("", "all.dlq", (0..MANY).map(message).collect()).await;
    client.reaches("all.dlq", 80).await;
}

/// Kills the program when it is sending a batch of which the broker has the first at most, and when some are done.
async fn die_in_a_batch(window: Window, client: &Client, worker: &Worker, proxy: &Proxy) -> support::window::Home {
    let journal = window.data_dir().join("queuescope.db");
    let arrived = async || worker.done().len() + client.count("orders").await as usize;
    eventually("some are done", async || states(&journal).get("done").is_some_and(|done| *done >= 2 * BATCH)).await;
    proxy.delay(SENT_LATER);
    eventually("a batch is on its way, and not all of it has arrived", async || {
        let sent = sent_before(&journal);
        states(&journal).get("publishing") == Some(&BATCH) && (sent..sent + BATCH).contains(&arrived().await)
    })
    .await;
    proxy.freeze();
    let home = window.kill().await;
    assert_eq!(states(&journal).get("publishing"), Some(&BATCH), "it died while it was sending");
    // What it had on its way is lost with its connections.
    proxy.close();
    client.reaches("all.dlq", u32::try_from(MANY - sent_before(&journal)).expect("a few")).await;
    proxy.pass();
    home
}

/// How many were sent before the batch that is on its way.
fn sent_before(journal: &Path) -> usize {
    let states = states(journal);
    ["published", "removing", "done"].iter().filter_map(|state| states.get(*state)).sum()
}

/// How many messages of the only job are in each state.
fn states(journal: &Path) -> BTreeMap<String, usize> {
    let journal = Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the journal is there");
    let mut rows = journal.prepare("SELECT state, count(*) FROM job_row GROUP BY state").expect("it has rows");
    let pairs = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("they can be read");
    pairs.collect::<Result<_, _>>().expect("they can be read")
}

/// What arrived where nobody consumes is known. What went to a queue with a consumer only its people know.
async fn answer(window: &Window, vhost: &Vhost, worker: &Worker) {
    window.fill("Password", &vhost.password).await;
    window.press("Connect").await;
    window.read("Time to drain").await;
    window.press("Jobs").await;
    window.read("4 need an answer").await;
    window.read("You decide").await;
    window.read("stay in doubt until you choose").await;
    window.shots("1-in-doubt").await;
    window.accessible("in doubt").await;
    let done: BTreeSet<_> = worker.done().into_iter().collect();
    let asked = window.value(ASKED).await;
    let asked: Vec<String> = serde_json::from_value(asked).expect("names of messages");
    assert_eq!(asked.len(), BATCH, "each is asked for: {asked:?}");
    for id in asked.iter().filter(|id| id.starts_with("bill")) {
        // The answers stand in this order: remove, send again, leave.
        let right = if done.contains(id) { 1 } else { 2 };
        window.press_css(&format!("[aria-label='Answer for {id}'] button:nth-of-type({right})")).await;
    }
    window.shots("2-answered").await;
    window.press("Apply 4 answers").await;
    window.gone("What to do with each message").await;
}

const ASKED: &str = "[...document.querySelectorAll('[role=group][aria-label^=\"Answer for \"]')]
    .map((one) => one.ariaLabel.replace('Answer for ', ''))";
