//! Many dead letters in two queues: read, grouped by their cause, one group discarded, one sent back.

use lapin::protocol::basic::AMQPProperties;
use support::client::{arguments, dead_letter, text};
use support::window::Window;
use support::{Client, Rabbit, Version};

use crate::steps::{carry_out, connect, open_queue, told};

/// A failure: its exception, its message, and how many of them lie in which queue.
struct Failure {
    exception: &'static str,
    message: fn(usize) -> String,
    payments: usize,
    refunds: usize,
}

const FAILURES: [Failure; 7] = [
    Failure {
        exception: "shop.PaymentGatewayTimeout",
        message: |n| format!("Gateway did not answer within {} ms", 5_000 + n),
        payments: 600,
        refunds: 200,
    },
    Failure {
        exception: "shop.JsonMappingException",
        message: |n| format!("Unrecognized field \"vat{n}\""),
        payments: 200,
        refunds: 0,
    },
    Failure {
        exception: "shop.InventoryConflict",
        message: |n| format!("Version {n} expected, found {}", n + 1),
        payments: 100,
        refunds: 0,
    },
    Failure {
        exception: "java.lang.NullPointerException",
        message: |_| "CustomerMapper.map".to_owned(),
        payments: 50,
        refunds: 0,
    },
    Failure { exception: "shop.CardExpired", message: |_| "The card has expired".to_owned(), payments: 30, refunds: 0 },
    Failure {
        exception: "shop.AddressInvalid",
        message: |n| format!("Postcode {n} not in NL"),
        payments: 0,
        refunds: 12,
    },
    Failure { exception: "shop.RefundTwice", message: |_| "Was refunded before".to_owned(), payments: 0, refunds: 12 },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_in_groups() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        fail(&client, "payments", |failure| failure.payments).await;
        fail(&client, "refunds", |failure| failure.refunds).await;
        let window = Window::open("dead_letters_in_groups").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;

        window.keys("gd").await;
        window.read("1 204 in 2 dead-letter queues").await;
        window.read("Nothing was read yet").await;
        window.shots("1-nothing-read").await;
        window.press("Read the first 200 of 2 queues").await;
        window.read("Read from 400 of 1 204").await;
        window.press("Read all 980").await;
        window.read("Read from 1 180 of 1 204").await;
        window.press("Read all 224").await;
        window.read("Read from 1 204 of 1 204").await;
        window.read("7 failure groups in what was read").await;
        assert_eq!(client.count("payments.dlq").await, 980, "what was read was put back");
        window.press("What was read").await;
        window.shots("2-groups").await;
        window.accessible("the dead letters").await;

        window.choose_row("PaymentGatewayTimeout").await;
        window.read("all 800 that were read").await;
        window.choose_row("PG-0").await;
        window.read("failed in payments").await;
        window.shots("3-group").await;
        window.press("Redrive 800…").await;
        window.read("A job for each queue, side by side").await;
        window.read("Redrive 800 messages from 2 queues").await;
        window.shots("4-parts").await;
        window.press("Cancel").await;

        window.choose_row("JsonMappingException").await;
        window.press("Edit and redrive…").await;
        window.press("Add step").await;
        window.fill("Name", "x-mended").await;
        window.fill("Set to", "yes").await;
        window.read("20 messages of 200 tried: 20 changed").await;
        window.shots("5-rule").await;
        window.press("Plan redrive of 200…").await;
        window.read("Each is edited by 1 step").await;
        carry_out(&window, "Redrive 200 messages").await;
        window.press("Close").await;
        client.reaches("payments", 200).await;
        let mended = client.take("payments").await.expect("they arrived");
        assert_eq!(mended.text("x-mended"), Some("yes"), "it was edited before it was sent");

        window.choose_row("AddressInvalid").await;
        window.read("all 12 that were read").await;
        window.press("Discard 12…").await;
        window.press("Discard 12 messages").await;
        window.read("confirmed and settled").await;
        window.press("Close").await;
        client.reaches("refunds.dlq", 212).await;

        window.choose_row("RefundTwice").await;
        window.press("Redrive 12…").await;
        window.read("nothing sent yet").await;
        window.shots("6-plan").await;
        carry_out(&window, "Redrive 12 messages").await;
        window.press("Close").await;
        client.reaches("refunds", 12).await;
        client.reaches("refunds.dlq", 200).await;

        open_queue(&window, "refunds.dlq").await;
        window.press("Act on all").await;
        window.shots("7-act-on-all").await;
        window.press("Discard all, copies kept here…").await;
        window.press("Discard 200 messages").await;
        window.read("confirmed and settled").await;
        window.press("Close").await;
        client.reaches("refunds.dlq", 0).await;

        open_queue(&window, "payments.dlq").await;
        window.press("Act on all").await;
        window.press("Purge without copies…").await;
        window.locked("Purge 780 messages", true).await;
        window.shots("8-purge").await;
        window.keys("payments.dlq").await;
        window.press("Purge 780 messages").await;
        client.reaches("payments.dlq", 0).await;
    })
    .await;
}

/// A queue, its dead letters, and what the framework noted about each.
async fn fail(client: &Client, name: &str, how_many: fn(&Failure) -> usize) {
    let (dead, exchange) = (format!("{name}.dlq"), format!("{name}.dlx"));
    client.exchange(&exchange, "fanout", &[]).await;
    client.classic(&dead).await;
    client.bind(&dead, &exchange, "", &[]).await;
    client.declare(name, &[("x-queue-type", text("classic")), ("x-dead-letter-exchange", text(&exchange))]).await;
    let mut all = Vec::new();
    for failure in &FAILURES {
        let letters: String =
            failure.exception.rsplit('.').next().unwrap_or_default().chars().filter(char::is_ascii_uppercase).collect();
        for n in 0..how_many(failure) {
            let stack =
                format!("{}: {}\n\tat shop.Worker.run(Worker.java:88)\n", failure.exception, (failure.message)(n));
            let headers = arguments(&[
                ("x-death", dead_letter(name)),
                ("x-exception-message", text(&(failure.message)(n))),
                ("x-exception-stacktrace", text(&stack)),
            ]);
            let id = format!("{}-{n}", &letters[..2]);
            let properties = AMQPProperties::default().with_message_id(id.as_str().into()).with_headers(headers);
            all.push((format!("{{\"order\":\"{name}-{n}\"}}").into_bytes(), properties));
        }
    }
    let count = u32::try_from(all.len()).expect("a few");
    client.publish_all("", &dead, all).await;
    client.reaches(&dead, count).await;
}
