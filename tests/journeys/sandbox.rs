//! Nothing is installed and nothing is configured: the demo broker inside the program shows the whole story.

use support::window::Window;

use crate::steps::{carry_out, open_queue, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_with_nothing_else() {
    told(async {
        let window = Window::open("the_sandbox_with_nothing_else").await;
        window.read("Connect to a message broker").await;
        window.shots("1-welcome").await;
        window.accessible("welcome").await;

        window.press("Open sandbox").await;
        window.read("orders.dead").await;
        window.read("Live").await;
        window.shots("2-queues").await;
        window.accessible("queues").await;
        window.press("Dead-letter queues").await;
        window.gone("orders.new").await;

        open_queue(&window, "orders.dead").await;
        window.press("Peek").await;
        window.read("peeked at").await;
        window.press_css("[aria-rowindex='2']").await;
        window.read("failed in").await;
        window.shots("3-payload").await;
        window.accessible("message").await;
        for (tab, name) in [("Headers", "4-headers"), ("Death history", "5-deaths"), ("Raw", "6-raw"), ("Payload", "")]
        {
            window.press(tab).await;
            if !name.is_empty() {
                window.shots(name).await;
            }
        }

        let first = window.value("document.querySelector('h2.mono')?.title").await;
        window.press("Redrive…").await;
        // The queue that it failed in was taken away since: it stays, unless its user names another place.
        window.read("there is no queue `orders.legacy-import`").await;
        window.locked("Redrive 0 messages", true).await;
        window.shots("7-plan").await;
        window.accessible("plan").await;
        window.press("Another place…").await;
        window.fill("Queue", "orders.audit").await;
        carry_out(&window, "Redrive 1 message").await;
        window.shots("8-redriven").await;
        window.press("Close").await;

        window.press("Peek again").await;
        window.until("the message has left the queue", &format!("!document.querySelector(`[title={first}]`)")).await;

        // The list is as it was left: dead-letter queues alone.
        window.press("Queues").await;
        window.press("Dead-letter queues").await;
        open_queue(&window, "orders.audit").await;
        window.press("Peek").await;
        window.read("1 of 1 peeked").await;
        window.until("it is there", &format!("document.querySelector(`[title={first}]`)")).await;

        window.press("Activity").await;
        window.read("Redrive").await;
        window.shots("9-activity").await;
        window.accessible("activity").await;
        window.press("Exchanges").await;
        window.read("showroom.screens").await;
        window.shots("10-exchanges").await;
        window.accessible("exchanges").await;
        window.close().await;
    })
    .await;
}
