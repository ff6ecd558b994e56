//! A discard that was a mistake: undone from the activity, and every message is back as it was.

use lapin::protocol::basic::AMQPProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable};
use support::client::{Taken, arguments, dead_letter, text};
use support::window::Window;
use support::{Client, Rabbit, Version};

use crate::steps::{carry_out, connect, told};

const EXPIRED: usize = 25;
const OTHERS: usize = 5;
const MARK: &str = "x-queuescope-redrive";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discard_is_undone() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        let were = fail(&client).await;
        let window = Window::open("a_discard_is_undone").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        window.keys("gd").await;
        window.press("Read all 30").await;
        window.read("Read from 30 of 30").await;
        discard(&window, &client).await;
        undo(&window, &client).await;
        window.close().await;

        let mut now = client.take_all("orders.dlq").await;
        let ids: Vec<_> = now.iter().map(Taken::id).collect();
        let expected: Vec<_> = (EXPIRED..EXPIRED + OTHERS).chain(0..EXPIRED).map(id).collect();
        assert_eq!(
            ids, expected,
            "the others kept their places, and those that are back lie behind them in their order"
        );
        now.sort_by_key(Taken::id);
        for ((body, properties), now) in were.into_iter().zip(now) {
            assert_eq!(now.body, body, "{}: byte for byte", now.id());
            let mut headers = FieldTable::default();
            for (name, value) in now.properties.headers().as_ref().expect("it has headers").inner() {
                // By this mark one that is there twice can be told.
                if name.as_str() == MARK {
                    assert!(now.id().starts_with('E'), "{} was not touched", now.id());
                } else {
                    headers.insert(name.clone(), value.clone());
                }
            }
            assert_eq!(now.properties.clone().with_headers(headers), properties, "{}: every property, typed", now.id());
        }
    })
    .await;
}

/// The first ones are discarded, the others are not.
fn id(n: usize) -> String {
    if n < EXPIRED { format!("E-{n:02}") } else { format!("O-{n:02}") }
}

/// Dead letters with everything that AMQP can put on a message. As they were sent.
async fn fail(client: &Client) -> Vec<(Vec<u8>, AMQPProperties)> {
    client.exchange("orders.dlx", "fanout", &[]).await;
    client.classic("orders.dlq").await;
    client.bind("orders.dlq", "orders.dlx", "", &[]).await;
    let dead_letters = [("x-queue-type", text("classic")), ("x-dead-letter-exchange", text("orders.dlx"))];
    client.declare("orders", &dead_letters).await;
    let all: Vec<_> = (0..EXPIRED + OTHERS).map(message).collect();
    client.publish_all("", "orders.dlq", all.clone()).await;
    client.reaches("orders.dlq", 30).await;
    all
}

fn message(n: usize) -> (Vec<u8>, AMQPProperties) {
    let exception = if n < EXPIRED { "shop.CardExpired" } else { "shop.AddressInvalid" };
    let stack = format!("{exception}: no\n\tat shop.Worker.run(Worker.java:88)\n");
    let nested = arguments(&[("deep", AMQPValue::Boolean(true)), ("none", AMQPValue::Void)]);
    let list = FieldArray::from(vec![AMQPValue::ShortShortInt(-1), text("two"), AMQPValue::FieldTable(nested.clone())]);
    let headers = arguments(&[
        ("x-death", dead_letter("orders")),
        ("x-exception-message", text("no")),
        ("x-exception-stacktrace", text(&stack)),
        ("h-bool", AMQPValue::Boolean(false)),
        ("h-i8", AMQPValue::ShortShortInt(-8)),
        ("h-i16", AMQPValue::ShortInt(-16)),
        ("h-i32", AMQPValue::LongInt(-32)),
        ("h-i64", AMQPValue::LongLongInt(i64::MIN)),
        ("h-f32", AMQPValue::Float(0.1)),
        ("h-f64", AMQPValue::Double(f64::MIN_POSITIVE)),
        ("h-decimal", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 19_900 })),
        ("h-time", AMQPValue::Timestamp(1_760_000_000)),
        ("h-table", AMQPValue::FieldTable(nested)),
        ("h-list", AMQPValue::FieldArray(list)),
        ("h-bytes", AMQPValue::ByteArray(vec![0u8, 255, 10].into())),
        ("h-void", AMQPValue::Void),
    ]);
    let properties = AMQPProperties::default()
        .with_message_id(id(n).as_str().into())
        .with_content_type("application/octet-stream".into())
        .with_content_encoding("x-own".into())
        .with_delivery_mode(2)
        .with_priority(7)
        .with_correlation_id(format!("c-{n}").as_str().into())
        .with_reply_to("answers".into())
        .with_timestamp(1_760_000_000 + n as u64)
        .with_type("order.placed".into())
        .with_app_id("shop".into())
        .with_headers(headers);
    ((0..=255u8).chain(n.to_be_bytes()).collect(), properties)
}

async fn discard(window: &Window, client: &Client) {
    window.choose_row("CardExpired").await;
    window.read("all 25 that were read").await;
    window.press("Discard 25…").await;
    window.read("nothing sent yet").await;
    window.shots("1-plan").await;
    carry_out(window, "Discard 25 messages").await;
    window.read("25 discarded; the copies are kept for a while").await;
    window.shots("2-discarded").await;
    window.press("Close").await;
    client.reaches("orders.dlq", u32::try_from(OTHERS).expect("a few")).await;
}

async fn undo(window: &Window, client: &Client) {
    window.press("Activity").await;
    window.press_css("[data-id]:has(svg.lucide-trash-2)").await;
    window.read("What happened").await;
    window.shots("3-activity").await;
    window.press("Open the job").await;
    window.press("Put 25 messages back…").await;
    window.read("a new place at the end of orders.dlq").await;
    window.shots("4-undo").await;
    window.accessible("undo").await;
    carry_out(window, "Put 25 messages back").await;
    window.read("25 put back").await;
    window.shots("5-undone").await;
    client.reaches("orders.dlq", 30).await;
}
