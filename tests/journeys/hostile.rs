//! Messages and names that mean harm, or are only large, are shown as what they are.

use std::time::{Duration, Instant};

use lapin::protocol::basic::AMQPProperties;
use lapin::types::FieldTable;
use support::client::text;
use support::window::Window;
use support::{Client, Rabbit, Version};

use crate::steps::{connect, open_queue, peek, told};

const NAME: &str = "a/b c/../<b>🚀</b>?x=1#%2F";
const HTML: &str = r#"<!doctype html><img src=x onerror="window.hurt=1"><script>window.hurt=1</script>"#;
/// How long a click may take to show what it is for, on a busy machine.
const ANSWER_WAIT: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_and_large_bodies() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        let long = "q".repeat(255);
        client.classic(&long).await;
        client.classic(NAME).await;
        fill(&client).await;
        let window = Window::open("hostile_and_large_bodies").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        window.shots("1-names").await;
        open_queue(&window, &long).await;
        window.shots("2-long-name").await;
        open_queue(&window, NAME).await;
        peek(&window, 16).await;

        shows(&window, "1", "window.hurt=1").await;
        window.shots("3-html").await;
        shows(&window, "2", "one long line").await;
        window.shots("4-long-line").await;
        shows(&window, "3", "nested deeper").await;
        window.shots("5-deep").await;
        shows(&window, "4", "The body is not text").await;
        window.press("Show the bytes").await;
        within_reason("the bytes", window.read("00000000")).await;
        window.shots("6-binary").await;
        window.press("Headers").await;
        shows(&window, "5", "header-0001").await;
        window.shots("7-many-headers").await;
        window.press("Payload").await;

        assert_eq!(window.value("window.hurt ?? null").await, serde_json::Value::Null, "nothing of it ran");
        let made = window.value("document.querySelectorAll('img, iframe, object, embed, main script').length").await;
        assert_eq!(made, 0, "nothing of it became a part of the page");
        assert_eq!(client.count(NAME).await, 5, "all are where they were");
        window.close().await;
    })
    .await;
}

async fn fill(client: &Client) {
    let line = format!("\"one long line {}\"", "x".repeat(1024 * 1024));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let binary: Vec<u8> = (0..5 * 1024 * 1024).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut headers = FieldTable::default();
    for n in 0..1_200 {
        headers.insert(format!("header-{n:04}").as_str().into(), text("<i>value</i>"));
    }
    let plain = AMQPProperties::default;
    let json = || plain().with_content_type("application/json".into());
    let messages = vec![
        (HTML.as_bytes().to_vec(), plain().with_content_type("text/html".into())),
        (line.into_bytes(), json()),
        (deep.into_bytes(), json()),
        (binary, plain().with_content_type("text/plain".into())),
        (b"{}".to_vec(), json().with_headers(headers)),
    ];
    client.publish_all("", NAME, messages).await;
}

/// Chooses a message by its number, and waits until this is shown of it.
async fn shows(window: &Window, n: &str, words: &str) {
    window.choose_row(n).await;
    within_reason(words, window.read(words)).await;
}

async fn within_reason(what: &str, shown: impl Future<Output = ()>) {
    let began = Instant::now();
    shown.await;
    assert!(began.elapsed() < ANSWER_WAIT, "`{what}` takes {:?}", began.elapsed());
}
