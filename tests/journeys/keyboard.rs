//! From the table of queues to the plan of a redrive without a mouse.

use fantoccini::key::Key;
use support::window::Window;
use support::{Rabbit, Version};

use crate::steps::{bodies, connect, dead_letters, told};

const IN_GRID: &str = "document.activeElement?.getAttribute('role') === 'grid'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyboard_only() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        dead_letters(&client, &bodies(3)).await;
        let window = Window::open("keyboard_only").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;

        window.keys("gx").await;
        window.read("Rates per exchange").await;
        window.keys("gq").await;
        window.read("orders.dlq").await;
        window.keys("/").await;
        window.keys("dlq").await;
        window.read("1 shown by filter").await;
        tab_to_the_grid(&window).await;
        window.shots("1-filtered").await;
        window.keys(&Key::Down).await;
        window.keys(&Key::Enter).await;
        window.see("h1[title='orders.dlq']").await;
        window.locked("Peek", false).await;
        window.keys(" ").await;
        window.read("peeked at").await;
        window.read("put back, in order").await;

        window.until("the table of messages has the focus", IN_GRID).await;
        // A row without a place is a placeholder, and the cursor finds nothing to stand on.
        window.see("[role=grid] [aria-rowindex='2']").await;
        window.keys(&Key::Down).await;
        window.keys(&Key::Down).await;
        window.read("CS-2").await;
        for (key, tab) in [("2", "Headers"), ("3", "Death history"), ("4", "Raw"), ("1", "Payload")] {
            window.keys(key).await;
            let chosen = format!("document.querySelector('[aria-label=\"Parts of the message\"] [aria-selected=true]')?.innerText.startsWith('{tab}')");
            window.until(&format!("`{tab}` is shown"), &chosen).await;
        }
        window.keys("r").await;
        window.read("nothing sent yet").await;
        window.shots("2-plan").await;
        window.keys(&Key::Escape).await;
        window.gone("nothing sent yet").await;
        window.keys(&Key::Escape).await;
        window.gone("failed in").await;
        window.keys(&Key::Escape).await;
        window.see("[role=grid][aria-label=Queues]").await;
        window.chord(&[Key::Control], 'k').await;
        window.see("[role=dialog] input").await;
        window.shots("3-palette").await;
        window.keys(&Key::Escape).await;
        assert_eq!(client.count("orders.dlq").await, 3, "no key sent anything");
        window.close().await;
    })
    .await;
}

async fn tab_to_the_grid(window: &Window) {
    for _ in 0..20 {
        if window.value(IN_GRID).await == true {
            return;
        }
        window.keys(&Key::Tab).await;
    }
    window.until("the table has the focus", IN_GRID).await;
}
