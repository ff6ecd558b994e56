//! Two queues in one plan; a window that is closed while the jobs run; and what can be undone afterwards.

use lapin::protocol::basic::AMQPProperties;
use support::client::{arguments, dead_letter, text};
use support::window::Window;
use support::{Client, Rabbit, Version};

use crate::steps::{connect, open_queue, told};

/// Enough for a slow job to run while somebody thinks.
const EACH: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_while_jobs_run() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        for name in ["payments", "refunds"] {
            fail(&client, name).await;
        }
        let window = Window::open("closing_while_jobs_run").await;
        connect(&window, "orders-prod", "Production", &vhost).await;
        window.keys("gd").await;
        window.press("Read the first 200 of 2 queues").await;
        window.read("Read from 240 of 240").await;
        window.choose_row("GatewayTimeout").await;

        window.press("Redrive 240…").await;
        window.read("Redrive 240 messages from 2 queues").await;
        window.press("Turn on writes for 15 min").await;
        window.read("Type orders-prod to go on").await;
        window.locked("Redrive 240 messages", true).await;
        window.shots("1-one-plan-for-two-queues").await;
        window.fill("Type orders-prod to go on", "orders-prod").await;
        window.press("Redrive 240 messages").await;
        window.read("240 of 240 have ended").await;
        window.shots("2-side-by-side").await;
        window.press("Close").await;
        assert_eq!((client.count("payments").await, client.count("refunds").await), (120, 120), "all went home");
        for name in ["payments", "refunds"] {
            fail(&client, name).await;
        }

        open_queue(&window, "payments.dlq").await;
        window.press("Act on all").await;
        window.press("Redrive all…").await;
        window.read("nothing sent yet").await;
        window.fill("Rate limit", "1").await;
        window.read("~2 min").await;
        window.fill("Type payments.dlq to go on", "payments.dlq").await;
        window.press("Redrive 120 messages").await;
        window.read("Closing this does not stop it").await;
        window.press("Close").await;
        window.ask_to_close().await;
        window.read("1 job still runs here").await;
        window.shots("3-closing-asks").await;
        window.press("Keep running").await;
        window.gone("still runs here").await;
        window.ask_to_close().await;
        window.read("1 job still runs here").await;
        window.press("Keep running").await;
        window.gone("still runs here").await;

        open_queue(&window, "refunds.dlq").await;
        window.press("Act on all").await;
        window.press("Discard all, copies kept here…").await;
        window.fill("Type refunds.dlq to go on", "refunds.dlq").await;
        window.press("Discard 120 messages").await;
        window.read("confirmed and settled").await;
        window.press("Close").await;
        window.read("120 messages discarded").await;
        window.shots("4-undo").await;
        client.reaches("refunds.dlq", 0).await;
        window.press("Undo…").await;
        window.read("Put 120 messages back").await;
        window.shots("5-plan-of-undoing").await;
    })
    .await;
}

async fn fail(client: &Client, name: &str) {
    let (dead, exchange) = (format!("{name}.dlq"), format!("{name}.dlx"));
    client.exchange(&exchange, "fanout", &[]).await;
    client.classic(&dead).await;
    client.bind(&dead, &exchange, "", &[]).await;
    client.declare(name, &[("x-queue-type", text("classic")), ("x-dead-letter-exchange", text(&exchange))]).await;
    let message = |n: usize| {
        let headers = arguments(&[
            ("x-death", dead_letter(name)),
            ("x-exception-message", text("Gateway did not answer")),
            (
                "x-exception-stacktrace",
                text("shop.GatewayTimeout: Gateway did not answer\n\tat shop.Worker.run(Worker.java:88)\n"),
            ),
        ]);
        let properties = AMQPProperties::default().with_message_id(format!("{name}-{n}").as_str().into());
        (format!("{{\"order\":\"{name}-{n}\"}}").into_bytes(), properties.with_headers(headers))
    };
    client.publish_all("", &dead, (0..EACH).map(message).collect()).await;
    client.reaches(&dead, u32::try_from(EACH).expect("a few")).await;
}
