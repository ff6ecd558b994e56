//! A look that would destroy messages is refused; each of the three ways out loses none.

use support::window::Window;
use support::{Client, Rabbit, Version, Vhost};

use crate::steps::{bodies, carry_out, connect, open_queue, taken, tick, told};

const DEAD: usize = 3;
const LIMIT: i64 = 20;

/// `NAME.dlq` holds messages that died of the delivery limit of `NAME`: the first return of any kind destroys them.
async fn exhausted(client: &Client, name: &str) {
    client.dead_letter_pair(name, LIMIT).await;
    client.fill(name, bodies(DEAD)).await;
    client.exhaust(name).await;
    client.reaches(&format!("{name}.dlq"), 3).await;
}

async fn refused(window: &Window, queue: &str) {
    open_queue(window, queue).await;
    window.read("Looking here could destroy messages").await;
    window.locked("Peek", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_look_and_its_three_ways_out() {
    told(async {
        let vhost = Rabbit::shared(Version::V4_3).await.vhost().await;
        let client = vhost.client().await;
        for name in ["orders", "parts", "invoices"] {
            exhausted(&client, name).await;
        }
        let window = Window::open("a_refused_look_and_its_three_ways_out").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        make_it_safe(&window, &vhost, &client).await;
        take_into_a_capture(&window, &client).await;
        look_carefully(&window, &client).await;
        window.close().await;
    })
    .await;
}

async fn make_it_safe(window: &Window, vhost: &Vhost, client: &Client) {
    refused(window, "orders.dlq").await;
    window.shots("1-refused").await;
    window.accessible("refused look").await;
    window.press("Make looking safe…").await;
    window.read("This changes a setting at the broker").await;
    window.shots("2-make-safe").await;
    window.press("Make looking safe").await;
    window.read("Looking was made safe here").await;
    window.press("Peek").await;
    window.read("3 of 3 peeked").await;
    window.choose_row("1").await;
    window.read("CS-").await;
    window.shots("3-safe-look").await;
    assert_eq!(client.count("orders.dlq").await, 3, "the look destroyed nothing");

    tick(window, 1, DEAD).await;
    window.press("Redrive 3 messages…").await;
    window.read("nothing sent yet").await;
    carry_out(window, "Redrive 3 messages").await;
    window.press("Close").await;
    client.reaches("orders", 3).await;
    window.press("Take it back").await;
    window.gone("Looking was made safe here").await;
    let policies = vhost.api().get(&["policies", &vhost.name]).await;
    assert_eq!(policies, serde_json::json!([]), "the policy is gone");
    assert_eq!(client.count("orders.dlq").await, 0, "none is left behind");
    assert_eq!(taken(client, "orders").await, bodies(DEAD), "each went home, once");
}

async fn take_into_a_capture(window: &Window, client: &Client) {
    refused(window, "parts.dlq").await;
    window.press("Take the first 3…").await;
    window.read("nothing sent yet").await;
    window.shots("4-take").await;
    confirm(window, "parts.dlq", "Take 3 messages").await;
    assert_eq!(client.count("parts.dlq").await, 0, "they left the queue");
    window.press("Open the capture").await;
    window.read("only here").await;
    window.choose_row("1").await;
    window.read("CS-").await;
    window.shots("5-capture").await;
    let sent = window.value("read().match(/CS-[0-9]/)[0]").await;
    window.press("Send the copy…").await;
    window.read("nothing sent yet").await;
    window.shots("6-send-copy").await;
    carry_out(window, "Send 1 copy").await;
    window.press("Close").await;
    client.reaches("parts", 1).await;
    let home = taken(client, "parts").await;
    assert!(home[0].contains(sent.as_str().expect("an order")), "the one that was chosen: {home:?}, {sent}");
    window.read("2 messages exist only here").await;
}

async fn look_carefully(window: &Window, client: &Client) {
    refused(window, "invoices.dlq").await;
    window.press("Look at 3 messages carefully…").await;
    window.read("Type invoices.dlq to go on").await;
    window.locked("Look at 3 messages", true).await;
    window.shots("7-careful").await;
    confirm(window, "invoices.dlq", "Look at 3 messages").await;
    assert_eq!(client.count("invoices.dlq").await, 3, "each is in the queue again");
    window.press("Open the capture").await;
    window.read("3 messages").await;
    window.choose_row("1").await;
    window.read("CS-").await;
    window.shots("8-careful-capture").await;
    assert_eq!(taken(client, "invoices.dlq").await, bodies(DEAD), "none was lost, none doubled");
}

/// Types the queue's name where that is asked for, and carries the plan out.
async fn confirm(window: &Window, queue: &str, words: &str) {
    let label = format!("Type {queue} to go on");
    if window.reads(&label).await {
        window.fill(&label, queue).await;
    }
    carry_out(window, words).await;
}
