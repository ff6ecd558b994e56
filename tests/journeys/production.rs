//! Production is read-only until somebody says otherwise, and many messages need more than a click.

use support::window::Window;
use support::{Rabbit, Version};

use crate::steps::{bodies, carry_out, connect, dead_letters, open_queue, peek, taken, tick, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_and_production() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        dead_letters(&client, &bodies(3)).await;
        let window = Window::open("read_only_and_production").await;
        connect(&window, "orders-prod", "Production", &vhost).await;
        window.read("Read-only").await;
        open_queue(&window, "orders.dlq").await;
        peek(&window, 16).await;
        window.choose_row("1").await;
        window.press("Redrive…").await;
        window.read("orders-prod is read-only").await;
        window.locked("Redrive 1 message", true).await;
        window.shots("1-locked").await;
        assert_eq!(client.count("orders.dlq").await, 3, "a plan sends nothing");

        window.press("Turn on writes for 15 min").await;
        window.gone("is read-only").await;
        window.read("Writes on").await;
        window.shots("2-writes-on").await;
        carry_out(&window, "Redrive 1 message").await;
        window.press("Close").await;
        client.reaches("orders", 1).await;

        tick(&window, 2, 2).await;
        window.press("Redrive 2 messages…").await;
        window.read("Type orders.dlq to go on").await;
        window.locked("Redrive 2 messages", true).await;
        window.fill("Type orders.dlq to go on", "orders").await;
        window.locked("Redrive 2 messages", true).await;
        window.shots("3-typed").await;
        window.fill("Type orders.dlq to go on", "orders.dlq").await;
        carry_out(&window, "Redrive 2 messages").await;
        window.press("Close").await;
        window.press("Writes on").await;
        window.press("Back to read-only now").await;
        window.read("Read-only").await;
        assert_eq!(client.count("orders.dlq").await, 0, "all went home");
        assert_eq!(taken(&client, "orders").await, bodies(3), "each once");
        window.close().await;
    })
    .await;
}
