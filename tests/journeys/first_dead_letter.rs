//! The story that the program was made for: a connection is added, a queue fills, a dead letter is read, goes home, and
//! nothing is lost.

use lapin::protocol::basic::AMQPProperties;
use lapin::types::FieldTable;
use support::client::text;
use support::window::Window;
use support::{Client, Rabbit, Version, Vhost};

use crate::steps::{carry_out, describe_connection, open_queue, peek, ready_becomes, told};

const BODY: &str =
    r#"{"order":"CS-4711","total":{"currency":"EUR","minor":19900},"lines":[{"sku":"BRK-0815","quantity":2}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_dead_letter_home() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        three_dead_letters(&client).await;
        let window = Window::open("the_first_dead_letter_home").await;
        add_the_connection(&window, &vhost).await;
        watch_it_fill(&window, &client).await;
        read_the_message(&window).await;
        send_it_home(&window, &client).await;
        keep_and_export(&window).await;
        window.close().await;
        let left: Vec<String> = client.take_bodies("orders.dlq").await;
        assert_eq!(left, [body(1), body(2)], "the others wait where they were, in their order");
    })
    .await;
}

/// A classic dead-letter queue: looking into it is free but for a mark.
async fn three_dead_letters(client: &Client) {
    client.exchange("orders.dlx", "fanout", &[]).await;
    client.classic("orders.dlq").await;
    client.bind("orders.dlq", "orders.dlx", "", &[]).await;
    let dead_letters = [("x-queue-type", text("quorum")), ("x-dead-letter-exchange", text("orders.dlx"))];
    client.declare("orders", &dead_letters).await;
    client.exchange("shop", "topic", &[]).await;
    client.bind("orders", "shop", "order.#", &[]).await;
    let mut headers = FieldTable::default();
    headers.insert("tenant".into(), text("shop-north"));
    for n in 0..3 {
        let properties = AMQPProperties::default()
            .with_content_type("application/json".into())
            .with_message_id(format!("order-{n}").into())
            .with_headers(headers.clone());
        client.publish("shop", "order.placed", body(n).as_bytes(), properties).await;
    }
    client.reject("orders", 3).await;
    client.reaches("orders.dlq", 3).await;
}

fn body(n: usize) -> String {
    BODY.replace("CS-4711", &format!("CS-471{n}"))
}

async fn add_the_connection(window: &Window, vhost: &Vhost) {
    window.read("Connect to a message broker").await;
    describe_connection(window, "orders-dev", "Dev", vhost.amqp_port, vhost).await;
    window.fill("Password", "not the password").await;
    window.press("Test").await;
    window.read("failed").await;
    window.read("took").await;
    window.shots("1-wrong-password").await;
    window.fill("Password", &vhost.password).await;
    window.press("Test").await;
    window.until("every step passes", "finders.control('Test again') && read().includes('passed')").await;
    let outcomes =
        window.value("[...document.querySelectorAll('aside li')].map((step) => step.className.split(' ')[0])").await;
    let all = outcomes.as_array().expect("the steps are listed");
    assert!(all.len() > 3, "several steps: {outcomes}");
    assert!(all.iter().all(|outcome| outcome == "passed"), "every step passes: {outcomes}");
    window.shots("2-checklist").await;
    window.accessible("connection editor").await;
    window.press("Connect").await;
    window.read("The password was not kept").await;
    window.press_css("[aria-label=Notices] [aria-label=Close]").await;
    window.read("Time to drain").await;
    window.read("orders.dlq").await;
}

async fn watch_it_fill(window: &Window, client: &Client) {
    client.classic("deliveries").await;
    client.fill("deliveries", (0..40).map(|n| format!("delivery {n}"))).await;
    ready_becomes(window, "deliveries", 40).await;
    client.fill("deliveries", (40..47).map(|n| format!("delivery {n}"))).await;
    ready_becomes(window, "deliveries", 47).await;
    window.shots("3-queues").await;
}

async fn read_the_message(window: &Window) {
    open_queue(window, "orders.dlq").await;
    peek(window, 16).await;
    window.choose_row("1").await;
    window.read("failed in orders").await;
    window.read("BRK-0815").await;
    window.shots("4-payload").await;
    window.press("Headers").await;
    window.read("shop-north").await;
    window.shots("5-headers").await;
    window.press("Death history").await;
    window.read("rejected").await;
    window.shots("6-deaths").await;
    window.press("Raw").await;
    window.read("As it was received").await;
    window.shots("7-raw").await;
    window.press("Payload").await;
}

async fn send_it_home(window: &Window, client: &Client) {
    window.press("Redrive…").await;
    window.read("nothing sent yet").await;
    window.read("x-death").await;
    window.shots("8-plan").await;
    window.accessible("plan").await;
    carry_out(window, "Redrive 1 message").await;
    window.shots("9-redriven").await;
    window.press("Close").await;

    client.reaches("orders.dlq", 2).await;
    client.reaches("orders", 1).await;
    let home = client.take("orders").await.expect("it is in the queue where it failed");
    assert_eq!(String::from_utf8_lossy(&home.body), body(0), "byte for byte");
    assert_eq!((home.exchange.as_str(), home.key.as_str()), ("", "orders"), "to that queue alone");
    assert_eq!(home.text("tenant"), Some("shop-north"), "its own headers are with it: {:?}", home.properties);
    assert_eq!(home.properties.message_id().as_ref().map(|id| id.as_str()), Some("order-0"));
    for stripped in ["x-death", "x-first-death-queue", "x-last-death-queue", "x-delivery-count"] {
        assert_eq!(home.header(stripped), None, "`{stripped}` is left out");
    }
    let redrive = home.text("x-queuescope-redrive").expect("it carries its redrive id");
    let (job, n) = redrive.split_once('/').expect("a job and a number");
    assert!(job.len() == 36 && n.parse::<u32>().is_ok(), "a job's id and a number: {redrive}");
}

async fn keep_and_export(window: &Window) {
    window.press("Keep as a snapshot…").await;
    window.fill("Name", "Before the fix").await;
    window.press("Keep 1 snapshot").await;
    window.press("Jobs").await;
    window.read("written down").await;
    window.shots("13-job").await;
    window.accessible("job").await;
    window.press("Activity").await;
    window.read("Redrive").await;
    window.press_css("[data-id]:has(svg.lucide-corner-up-right)").await;
    window.read("What happened").await;
    window.shots("10-activity").await;
    window.accessible("activity").await;

    window.press("Snapshots").await;
    window.press("Before the fix").await;
    window.read("3 messages").await;
    window.choose_row("2").await;
    window.shots("11-snapshot").await;
    window.accessible("snapshot").await;
    let file = window.data_dir().join("dead letters.jsonl");
    window.press("Export…").await;
    window.press("All of this capture").await;
    window.fill("File", &file.to_string_lossy()).await;
    window.shots("12-export").await;
    window.press("Export 3 messages").await;
    window.read("Exported 3 messages").await;
    let written = std::fs::read_to_string(&file).expect("the file is there");
    let lines: Vec<serde_json::Value> =
        written.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    assert_eq!(lines.len(), 3, "one line for each message: {written}");
    for (n, line) in lines.iter().enumerate() {
        let text = line.to_string();
        assert!(text.contains(&format!("order-{n}")) && text.contains("shop-north"), "whole messages: {text}");
    }
}
