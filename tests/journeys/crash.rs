//! The program dies between two steps of a redrive. What cannot be known is asked, with what is known of both ends.

use std::time::Duration;

use support::window::Window;
use support::{Proxy, Rabbit, Version, eventually};

use crate::steps::{bodies, connect_by, dead_letters, open_queue, peek, taken, tick, told};

/// Every answer comes so much later: long enough to die before it.
const ANSWERS_LATER: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_an_answer() {
    told(async {
        let rabbit = Rabbit::shared(Version::NEWEST).await;
        let vhost = rabbit.vhost().await;
        let client = vhost.client().await;
        dead_letters(&client, &bodies(3)).await;
        let proxy = Proxy::start(rabbit.amqp_port()).await;
        let window = Window::open("a_crash_leaves_an_answer").await;
        connect_by(&window, "orders-dev", "Dev", proxy.port(), &vhost).await;
        open_queue(&window, "orders.dlq").await;
        peek(&window, 16).await;
        tick(&window, 1, 3).await;
        window.press("Redrive 3 messages…").await;
        window.read("nothing sent yet").await;

        // The broker has the first, and its answer is still on the way when the program dies.
        proxy.delay(ANSWERS_LATER);
        window.press("Redrive 3 messages").await;
        eventually("the first one arrives", async || client.count("orders").await > 0).await;
        let home = window.kill().await;
        client.reaches("orders.dlq", 3).await;
        proxy.pass();

        let window = Window::open_at("a_crash_leaves_an_answer", home).await;
        window.read("Connect to orders-dev").await;
        window.shots("1-asks-the-password").await;
        window.fill("Password", &vhost.password).await;
        window.press("Connect").await;
        window.read("Time to drain").await;
        window.press("Activity").await;
        window.press_css("[data-id]:has(svg.lucide-corner-up-right)").await;
        window.press("Answer in Jobs").await;
        window.read("Remove the original").await;
        window.shots("2-both-ends").await;
        window.accessible("answers").await;
        window.press("Apply").await;
        window.gone("What to do with each message").await;
        window.shots("3-answered").await;
        let mut all = taken(&client, "orders").await;
        assert!(!all.is_empty(), "what had arrived stays there");
        all.extend(taken(&client, "orders.dlq").await);
        all.sort();
        assert_eq!(all, bodies(3), "none was lost, none doubled");
        window.close().await;
    })
    .await;
}
