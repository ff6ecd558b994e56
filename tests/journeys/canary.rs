//! A group that is sent back too early: its canary comes back, and nothing more is sent. Mended by rule it goes home.

use lapin::protocol::basic::AMQPProperties;
use support::client::{Taken, arguments, text};
use support::window::Window;
use support::{Client, Rabbit, Version, Worker};

use crate::steps::{carry_out, choose, connect, read_again, told};

const BROKEN: usize = 40;
const SLOW: usize = 20;
const CANARY: usize = 5;
const IN_ALL: u32 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_bounces_and_the_mended_group_goes_home() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        fail(&client).await;
        let worker = Worker::start(&client, "payments", understands).await;
        let window = Window::open("a_canary_bounces_and_the_mended_group_goes_home").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        window.keys("gd").await;
        window.read("60 in 1 dead-letter queue").await;
        window.press("Read all 60").await;
        window.read("Read from 60 of 60").await;
        window.choose_row("JsonMappingException").await;
        window.read("all 40 that were read").await;

        send_too_early(&window, &client, &worker).await;
        window.press("Dead letters").await;
        window.read("redriven (job 1)").await;
        window.shots("4-sent-before").await;
        read_again(&window).await;
        window.gone("redriven (job 1)").await;
        window.read("Read from 60 of 60").await;
        mend_and_send(&window, &client).await;

        let home = worker.rejected();
        assert_eq!(home, ids("J", BROKEN)[..CANARY], "only the canary came back, and each once");
        all_are_home(worker.goes_home().await);
        let left: Vec<_> = client.take_all("payments.dlq").await.iter().map(Taken::id).collect();
        assert_eq!(left, ids("P", SLOW), "the other group waits where it was, in its order");
        window.close().await;
    })
    .await;
}

/// What the shop understands since its release of last night.
fn understands(order: &Taken) -> bool {
    !String::from_utf8_lossy(&order.body).contains("vatNumber")
}

fn ids(letter: &str, n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{letter}-{n:02}")).collect()
}

/// Two of one failure, one of another, and so on: rejected by their consumer, as the broker notes it.
async fn fail(client: &Client) {
    client.exchange("payments.dlx", "fanout", &[]).await;
    client.classic("payments.dlq").await;
    client.bind("payments.dlq", "payments.dlx", "", &[]).await;
    let dead_letters = [("x-queue-type", text("classic")), ("x-dead-letter-exchange", text("payments.dlx"))];
    client.declare("payments", &dead_letters).await;
    let mut messages = Vec::new();
    let (broken, slow) = (ids("J", BROKEN), ids("P", SLOW));
    for (n, slow) in slow.iter().enumerate() {
        for id in &broken[2 * n..2 * n + 2] {
            let body = format!("{{\"order\":\"{id}\",\"vatNumber\":\"NL00{n}\"}}");
            messages.push(failed(id, body, "shop.JsonMappingException", "Unrecognized field \"vatNumber\""));
        }
        let body = format!("{{\"order\":\"{slow}\",\"vat\":\"NL00{n}\"}}");
        messages.push(failed(slow, body, "shop.PaymentGatewayTimeout", "Gateway did not answer within 5000 ms"));
    }
    client.publish_all("", "payments", messages).await;
    client.reject("payments", BROKEN + SLOW).await;
    client.reaches("payments.dlq", IN_ALL).await;
}

fn failed(id: &str, body: String, exception: &str, why: &str) -> (Vec<u8>, AMQPProperties) {
    let stack = format!("{exception}: {why}\n\tat shop.Worker.run(Worker.java:88)\n");
    let headers = arguments(&[("x-exception-message", text(why)), ("x-exception-stacktrace", text(&stack))]);
    let properties = AMQPProperties::default().with_message_id(id.into()).with_headers(headers);
    (body.into_bytes(), properties)
}

async fn send_too_early(window: &Window, client: &Client, worker: &Worker) {
    window.press("Redrive 40…").await;
    window.read("nothing sent yet").await;
    set_canary(window, "5").await;
    window.read("Send canary of 5").await;
    window.shots("1-plan").await;
    window.press("Send canary of 5").await;
    window.read("It waits to be gone on with").await;
    window.read("5 of the first 5 came back").await;
    window.shots("2-bounced").await;
    assert_eq!(worker.rejected(), ids("J", BROKEN)[..CANARY], "no more than the canary was sent");
    assert_eq!(worker.done(), Vec::<String>::new(), "nothing was worked on");
    client.reaches("payments.dlq", IN_ALL).await;
    window.press("Open in Jobs").await;
    window.read("5 of 5 came back").await;
    window.read("Continue with the other 35 messages").await;
    window.shots("3-job").await;
    window.accessible("a canary that bounced").await;
}

async fn mend_and_send(window: &Window, client: &Client) {
    window.read("all 40 that were read").await;
    window.press("Edit and redrive…").await;
    choose(window, "Kind of step", "jq on a JSON body").await;
    window.press("Add step").await;
    window.fill("Program", ".vat = .vatNumber | del(.vatNumber)").await;
    choose(window, "Kind of step", "Set a header").await;
    window.press("Add step").await;
    window.fill("Name", "x-mended").await;
    window.fill("Set to", "vat").await;
    window.read("20 messages of 40 tried: 20 changed").await;
    window.shots("5-rule").await;
    window.accessible("the rule").await;
    window.press("Plan redrive of 40…").await;
    window.read("Each is edited by 2 steps").await;
    set_canary(window, "3").await;
    carry_out(window, "Send canary of 5").await;
    window.read("40 redriven, confirmed and removed").await;
    window.shots("6-home").await;
    window.press("Open in Jobs").await;
    window.read("5 sent, let through").await;
    window.shots("7-jobs").await;
    client.reaches("payments.dlq", u32::try_from(SLOW).expect("a few")).await;
}

/// Five first, watched for so many seconds.
async fn set_canary(window: &Window, seconds: &str) {
    window.press("Canary: send").await;
    window.until("the canary can be set", "finders.field('Messages of the canary')?.disabled === false").await;
    window.fill("Messages of the canary", &CANARY.to_string()).await;
    window.fill("Seconds that the canary is watched", seconds).await;
}

fn all_are_home(done: Vec<Taken>) {
    let mut seen: Vec<_> = done.iter().map(Taken::id).collect();
    seen.sort();
    assert_eq!(seen, ids("J", BROKEN), "each arrived once");
    for order in done {
        let body: serde_json::Value = serde_json::from_slice(&order.body).expect("it is JSON still");
        let n: usize = order.id()[2..].parse().expect("a number");
        let mended = serde_json::json!({ "order": order.id(), "vat": format!("NL00{}", n / 2) });
        assert_eq!(body, mended, "it was mended, and nothing else of it");
        assert_eq!(order.text("x-mended"), Some("vat"));
    }
}
