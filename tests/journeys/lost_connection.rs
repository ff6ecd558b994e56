//! The broker goes away and comes back while somebody looks: the window says so, forgets nothing and loses no place.

use support::window::Window;
use support::{Rabbit, Version};

use crate::steps::{bodies, connect, dead_letters, open_queue, peek, ready_becomes, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_and_back() {
    told(async {
        let rabbit = Rabbit::start(Version::NEWEST).await;
        let vhost = rabbit.vhost().await;
        let client = vhost.client().await;
        dead_letters(&client, &bodies(4)).await;
        let window = Window::open("a_connection_lost_and_back").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        ready_becomes(&window, "orders.dlq", 4).await;
        open_queue(&window, "orders.dlq").await;
        peek(&window, 16).await;
        window.choose_row("2").await;
        window.read("CS-2").await;

        rabbit.stop().await;
        window.read("Connection lost").await;
        window.read("These values are from").await;
        window.read("4 of 4 peeked").await;
        window.read("CS-2").await;
        window.shots("1-lost").await;
        window.press("Queues").await;
        window.read("orders.dlq").await;
        ready_becomes(&window, "orders.dlq", 4).await;
        window.see("[role=gridcell] .stale").await;
        window.shots("2-stale").await;
        open_queue(&window, "orders.dlq").await;

        rabbit.resume().await;
        window.gone("Connection lost").await;
        window.read("Live").await;
        window.see("h1[title='orders.dlq']").await;
        peek(&window, 16).await;
        window.shots("3-back").await;
        let client = vhost.client().await;
        client.reaches("orders.dlq", 4).await;
        window.close().await;
    })
    .await;
}
