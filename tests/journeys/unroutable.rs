//! Twelve whose way home is gone. They stay: where the plan sees it, where it goes between plan and start, and where it
//! goes while the job runs.

use std::time::Duration;

use lapin::protocol::basic::AMQPProperties;
use support::client::{Taken, arguments, text};
use support::window::Window;
use support::{Client, Proxy, Rabbit, Version};

use crate::steps::{carry_out, connect_by, read_again, told};

const LOST: &str = "payment.refund.v1";
const KEPT: &str = "payment.capture";
/// Every answer comes so much later: long enough to take a binding away before anything is sent.
const ANSWERS_LATER: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_unroutable_stay() {
    told(async {
        let rabbit = Rabbit::shared(Version::NEWEST).await;
        let vhost = rabbit.vhost().await;
        let client = vhost.client().await;
        fail(&client).await;
        let proxy = Proxy::start(rabbit.amqp_port()).await;
        let window = Window::open("twelve_unroutable_stay").await;
        connect_by(&window, "orders-dev", "Dev", proxy.port(), &vhost).await;
        window.keys("gd").await;
        window.press("Read all 42").await;
        window.read("Read from 42 of 42").await;
        window.choose_row("PaymentGatewayTimeout").await;
        the_plan_says_so(&window, &client).await;
        window.press("Dead letters").await;
        read_again(&window).await;
        window.read("all 12 that were read").await;
        the_start_says_so(&window, &client).await;
        the_broker_says_so(&window, &client, &proxy).await;
        window.close().await;

        let home = client.take_all("payments").await;
        assert!(home.iter().all(|taken| (taken.exchange.as_str(), taken.key.as_str()) == ("shop", KEPT)));
        assert_eq!(names(&home), ids("C", 30), "the others went home by their own exchange, each once");
        assert_eq!(names(&client.take_all("payments.dlq").await), ids("R", 12), "the twelve are where they were");
    })
    .await;
}

fn ids(letter: &str, n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{letter}-{n:02}")).collect()
}

/// Sorted: what is put back may come to lie elsewhere.
fn names(taken: &[Taken]) -> Vec<String> {
    let mut names: Vec<_> = taken.iter().map(Taken::id).collect();
    names.sort();
    names
}

/// Both keys led to `payments` once, where all were rejected. One leads nowhere any more.
async fn fail(client: &Client) {
    client.exchange("shop", "topic", &[]).await;
    client.exchange("payments.dlx", "fanout", &[]).await;
    client.classic("payments.dlq").await;
    client.bind("payments.dlq", "payments.dlx", "", &[]).await;
    let dead_letters = [("x-queue-type", text("classic")), ("x-dead-letter-exchange", text("payments.dlx"))];
    client.declare("payments", &dead_letters).await;
    for (key, letter, n) in [(KEPT, "C", 30), (LOST, "R", 12)] {
        client.bind("payments", "shop", key, &[]).await;
        let message = |id: String| {
            let why = "Gateway did not answer within 5000 ms";
            let stack = format!("shop.PaymentGatewayTimeout: {why}\n\tat shop.Worker.run(Worker.java:88)\n");
            let headers = arguments(&[("x-exception-message", text(why)), ("x-exception-stacktrace", text(&stack))]);
            let properties = AMQPProperties::default().with_message_id(id.as_str().into()).with_headers(headers);
            (format!("{{\"order\":\"{id}\"}}").into_bytes(), properties)
        };
        client.publish_all("shop", key, ids(letter, n).into_iter().map(message).collect()).await;
    }
    client.reject("payments", 42).await;
    client.reaches("payments.dlq", 42).await;
    client.unbind("payments", "shop", LOST).await;
}

async fn the_plan_says_so(window: &Window, client: &Client) {
    window.press("Redrive 42…").await;
    // Until the plan is there the dialog grows under the pointer.
    window.read("42 will be sent").await;
    window.press("Original exchange and key").await;
    window.read("30 will be sent").await;
    window.read("nothing takes it at exchange shop").await;
    window.shots("1-plan").await;
    carry_out(window, "Redrive 30 messages").await;
    window.press("Open in Jobs").await;
    window.press("Skipped 12").await;
    window.read("Nothing takes it at exchange shop").await;
    window.shots("2-job").await;
    client.reaches("payments.dlq", 12).await;
    client.reaches("payments", 30).await;
}

async fn the_start_says_so(window: &Window, client: &Client) {
    client.bind("payments", "shop", LOST, &[]).await;
    plan_of_twelve(window).await;
    client.unbind("payments", "shop", LOST).await;
    window.press("Redrive 12 messages").await;
    window.read("Something changed since the plan was made").await;
    window.read("This cannot be started").await;
    window.shots("3-changed").await;
    window.press("Cancel").await;
    assert_eq!(client.count("payments.dlq").await, 12, "nothing was sent");
}

async fn the_broker_says_so(window: &Window, client: &Client, proxy: &Proxy) {
    client.bind("payments", "shop", LOST, &[]).await;
    plan_of_twelve(window).await;
    proxy.delay(ANSWERS_LATER);
    window.press("Redrive 12 messages").await;
    window.read("Closing this does not stop it").await;
    client.unbind("payments", "shop", LOST).await;
    proxy.pass();
    window.read("12 returned as unroutable").await;
    window.gone("Closing this does not stop it").await;
    window.shots("4-returned").await;
    window.press("Open in Jobs").await;
    window.read("The broker returned it: no queue matched").await;
    window.shots("5-returned-job").await;
    window.accessible("unroutable").await;
    client.reaches("payments.dlq", 12).await;
}

async fn plan_of_twelve(window: &Window) {
    window.press("Redrive 12…").await;
    window.read("12 will be sent").await;
    window.press("Original exchange and key").await;
    window.read("may reach every queue that is bound there").await;
    window.read("12 will be sent").await;
}
