//! The window and qscope at one data folder: neither doubles what the other sends, and each tells what the other does.

use std::process::Output;

use support::client::text;
use support::window::{Window, program};
use support::{Rabbit, Version, Vhost};
use tokio::process::Command;

use crate::steps::{bodies, connect, dead_letters, open_queue, taken, told};

const MESSAGES: usize = 240;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn window_and_qscope_at_once() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        dead_letters(&client, &bodies(MESSAGES)).await;
        for queue in ["refunds", "refunds.dlq"] {
            client.declare(queue, &[("x-queue-type", text("classic"))]).await;
        }
        client.fill("refunds.dlq", bodies(MESSAGES).iter().map(String::as_str)).await;
        let window = Window::open("window_and_qscope_at_once").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        open_queue(&window, "orders.dlq").await;
        window.press("Act on all").await;
        window.press("Redrive all…").await;
        window.fill("Rate limit", "5").await;
        window.press("Redrive 240 messages").await;
        window.read("Closing this does not stop it").await;
        window.press("Close").await;

        // The same queue: refused while the window works on it. Another one: seen in the window, and not its own.
        let same = qscope(&window, &vhost, &["redrive", "-c", "orders-dev", "orders.dlq", "--yes"]).await;
        assert_eq!(same.status.code(), Some(3), "{same:?}");
        assert!(String::from_utf8_lossy(&same.stderr).contains("job 1"), "it names the job: {same:?}");
        let other = ["redrive", "-c", "orders-dev", "refunds.dlq", "--to-queue", "refunds", "--rate", "20", "--yes"];
        let (other, ()) = tokio::join!(qscope(&window, &vhost, &other), async {
            window.press("Jobs").await;
            window.read("elsewhere").await;
            window.press_css("[data-job]:has([title*='refunds.dlq'])").await;
            window.read("another program runs it").await;
            window.shots("1-runs-elsewhere").await;
        });
        assert!(other.status.success(), "{other:?}");

        // What one begins the other stops, and the first goes on with.
        let paused = qscope(&window, &vhost, &["jobs", "pause", "1"]).await;
        assert!(paused.status.success(), "{paused:?}");
        window.press_css("[data-job]:has([title*='orders.dlq'])").await;
        window.read("Paused").await;
        window.shots("2-paused-by-another").await;
        let held = client.count("orders").await;
        assert!((1..240).contains(&held), "it was met half way: {held}");
        window.press(&format!("Continue with the other {}", MESSAGES as u32 - held)).await;
        window.read("240 of 240").await;
        client.reaches("orders", 240).await;
        window.gone("Continue with the other").await;
        window.shots("3-each-did-its-own").await;
        for (dead, alive) in [("orders.dlq", "orders"), ("refunds.dlq", "refunds")] {
            assert_eq!(client.count(dead).await, 0, "nothing is left behind in {dead}");
            let mut all = bodies(MESSAGES);
            all.sort();
            assert_eq!(taken(&client, alive).await, all, "each arrives once in {alive}");
        }
        window.close().await;
    })
    .await;
}

/// Runs the command line as its user would beside the window.
async fn qscope(window: &Window, vhost: &Vhost, words: &[&str]) -> Output {
    let password = window.data_dir().with_file_name("password");
    std::fs::write(&password, &vhost.password).expect("a folder of ours can be written to");
    let mut command = Command::new(program().with_file_name("qscope"));
    command.arg("--data-dir").arg(window.data_dir()).args(words);
    command.env("QUEUESCOPE_PASSWORD_FILE", &password).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    command.kill_on_drop(true).output().await.expect("qscope can be started")
}
