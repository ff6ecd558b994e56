//! One dead letter, mended by hand and sent back; a message published anew, and from a template.

use fantoccini::key::Key;
use lapin::protocol::basic::AMQPProperties;
use lapin::types::AMQPValue;
use support::client::{arguments, text};
use support::window::Window;
use support::{Client, Rabbit, Version};

use crate::steps::{carry_out, connect, open_queue, peek, told};

const BEFORE: &str = r#"{"order":"CS-1","total":9007199254740993,"gateway":"eu-1"}"#;
const AFTER: &str = r#"{"order":"CS-1","total":9007199254740993,"gateway":"eu-2"}"#;

/// Puts the focus into the payload.
const INTO_PAYLOAD: &str = "const roots = [...document.querySelectorAll('.host')].map(({ shadowRoot }) => shadowRoot);
    const contents = roots.filter(Boolean).flatMap((root) => [...root.querySelectorAll('.cm-content[contenteditable=true]')]);
    contents.at(-1).focus();";
/// Chooses in a list of choices, by its label.
const CHOOSE: &str = "const [label, value] = arguments;
    const list = document.querySelector(`select[aria-label='${label}']`);
    list.value = value;
    list.dispatchEvent(new Event('change', { bubbles: true }));";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_mended_by_hand() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        fail_one(&client).await;
        let window = Window::open("a_dead_letter_mended_by_hand").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        open_queue(&window, "orders.dlq").await;
        peek(&window, 16).await;
        window.choose_row("CS-1").await;
        window.press("Edit…").await;
        window.read("Edit and redrive").await;
        window.read("indented here, sent compact as it came").await;
        window.shots("1-unchanged").await;

        write(&window, r#"{"order":"CS-1",,"gateway":"eu-2"}"#).await;
        window.read("This is no JSON").await;
        window.read("Line 1, column").await;
        window.locked("Plan redrive…", true).await;
        window.shots("2-no-json").await;
        write(&window, AFTER).await;
        window.read("JSON is well formed").await;
        window.locked("Plan redrive…", false).await;
        window.shots("3-payload").await;
        window.accessible("the edited payload").await;

        window.press("Headers").await;
        window.read("Not sent along").await;
        window.fill("Value of hint", "8").await;
        window.press("Remove tenant").await;
        window.press("Add header").await;
        window.fill("Name of header 3", "attempt").await;
        window.run(CHOOSE, &["Type of attempt".into(), "int64".into()]).await;
        window.fill("Value of attempt", "many").await;
        window.read("`many` is no int64").await;
        window.shots("4-wrong-header").await;
        window.fill("Value of attempt", "9007199254740993").await;
        window.gone("is no int64").await;
        window.read("3 header changes").await;
        window.shots("5-headers").await;
        window.accessible("the edited headers").await;
        assert_eq!(client.count("orders.dlq").await, 1, "nothing was sent");

        let window = Window::open_at("a_dead_letter_mended_by_hand", window.kill().await).await;
        window.read("Drafts").await;
        window.shots("6-drafts").await;
        window.press("Edit and redrive").await;
        window.read("The connection is not open").await;
        window.press("Open the connection").await;
        window.read("Connect to orders-dev").await;
        window.fill("Password", &vhost.password).await;
        window.press("Connect").await;
        window.read("Time to drain").await;
        window.press("Jobs").await;
        window.press("Edit and redrive").await;
        window.press("Headers").await;
        window.until("the header is as it was typed", "finders.field('Value of hint')?.value === '8'").await;
        window.press("Payload").await;
        window.shots("7-after-a-restart").await;
        window.press("Plan redrive…").await;
        window.read("It is sent edited").await;
        window.shots("8-plan").await;
        carry_out(&window, "Redrive 1 message").await;
        window.press("Close").await;
        window.gone("Edit and redrive").await;
        client.reaches("orders.dlq", 0).await;
        let arrived = client.take("orders").await.expect("it arrived");
        assert_eq!(String::from_utf8_lossy(&arrived.body), AFTER, "compact as it came, and no number rounded");
        assert_eq!(arrived.header("hint"), Some(&AMQPValue::LongInt(8)), "as wide as it came");
        assert_eq!(arrived.header("attempt"), Some(&AMQPValue::LongLongInt(9_007_199_254_740_993)));
        assert_eq!((arrived.text("tenant"), arrived.text("authorization")), (None, Some("Bearer 4711")));

        window.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_published_anew() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        client.classic("orders").await;
        let window = Window::open("a_message_published_anew").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        publish(&window, &client).await;
        window.close().await;
    })
    .await;
}

async fn publish(window: &Window, client: &Client) {
    open_queue(window, "orders").await;
    window.press("Publish…").await;
    window.read("1 queue will get a copy").await;
    write(window, r#"{"order":"CS-2"}"#).await;
    window.read("JSON, 16 B").await;
    window.shots("1-publish").await;
    window.accessible("publishing").await;
    window.fill("Name of the template", "An order").await;
    window.press("Save template").await;
    window.read("Kept as template An order").await;
    window.press("Publish 1 message").await;
    window.read("Published and confirmed").await;
    window.shots("2-published").await;
    window.press("Close").await;
    client.reaches("orders", 1).await;

    window.chord(&[Key::Control], 'k').await;
    window.keys("publish a message\u{e007}").await;
    window.read("Name the queue or the exchange first").await;
    window.run(CHOOSE, &["From a template".into(), "An order".into()]).await;
    window.read("CS-2").await;
    window.read("1 queue will get a copy").await;
    // A template is a message of its own once something of it is written.
    window.press("Publish 1 message").await;
    window.read("Published and confirmed").await;
    window.press("Close").await;
    client.reaches("orders", 2).await;
    for _ in 0..2 {
        let arrived = client.take("orders").await.expect("it arrived");
        assert_eq!(String::from_utf8_lossy(&arrived.body), r#"{"order":"CS-2"}"#);
    }
}

/// Writes into the payload, in place of what is there.
async fn write(window: &Window, payload: &str) {
    window.until("the payload can be written", "[...document.querySelectorAll('.host')].some((host) => host.shadowRoot?.querySelector('.cm-content[contenteditable=true]'))").await;
    window.run(INTO_PAYLOAD, &[]).await;
    window.chord(&[Key::Control], 'a').await;
    window.keys(payload).await;
}

async fn fail_one(client: &Client) {
    client.exchange("orders.dlx", "fanout", &[]).await;
    client.classic("orders.dlq").await;
    client.bind("orders.dlq", "orders.dlx", "", &[]).await;
    let with = [("x-queue-type", text("classic")), ("x-dead-letter-exchange", text("orders.dlx"))];
    client.declare("orders", &with).await;
    let headers =
        arguments(&[("hint", AMQPValue::LongInt(7)), ("tenant", text("eu")), ("authorization", text("Bearer 4711"))]);
    let properties = AMQPProperties::default().with_message_id("CS-1".into()).with_headers(headers);
    client.publish("", "orders", BEFORE.as_bytes(), properties).await;
    client.reject("orders", 1).await;
    client.reaches("orders.dlq", 1).await;
}
