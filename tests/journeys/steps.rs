//! What every journey does: wait its turn, connect, find a queue, peek, redrive.

use std::time::Duration;

use support::client::text;
use support::window::Window;
use support::{Client, Vhost, within};
use tokio::sync::Semaphore;

/// How long one story may take. It is told in half a minute.
const STORY_WAIT: Duration = Duration::from_secs(300);
/// Two at a time would each be slower than one alone, on two cores.
static TURN: Semaphore = Semaphore::const_new(1);

/// Tells one story at a time, and not for ever.
pub(crate) async fn told(story: impl Future<Output = ()>) {
    let _turn = TURN.acquire().await.expect("it is never closed");
    within(STORY_WAIT, "the story", Box::pin(story)).await;
}

/// Fills the form of a new connection as its user would: everything but the password, by the fields' own labels.
pub(crate) async fn describe_connection(window: &Window, name: &str, environment: &str, amqp_port: u16, vhost: &Vhost) {
    window.press("New connection").await;
    window.read("Connection test").await;
    window.fill("Name", name).await;
    window.press(environment).await;
    window.fill("Broker address", &format!("amqp://127.0.0.1:{amqp_port}")).await;
    window.fill("Virtual host", &vhost.name).await;
    window.fill("User", &vhost.user).await;
    window.fill("Management API", &vhost.management_url()).await;
}

/// Adds a connection and opens it.
pub(crate) async fn connect(window: &Window, name: &str, environment: &str, vhost: &Vhost) {
    connect_by(window, name, environment, vhost.amqp_port, vhost).await;
}

/// The same by another port, for a proxy in between.
pub(crate) async fn connect_by(window: &Window, name: &str, environment: &str, amqp_port: u16, vhost: &Vhost) {
    describe_connection(window, name, environment, amqp_port, vhost).await;
    window.fill("Password", &vhost.password).await;
    window.press("Connect").await;
    window.read("Time to drain").await;
    // There is no keychain here, which is said once.
    window.press_css("[aria-label=Notices] [aria-label=Close]").await;
}

/// Goes to a queue by the table of queues.
pub(crate) async fn open_queue(window: &Window, queue: &str) {
    window.press("Queues").await;
    // WebDriver cannot type what lies beyond the first plane of Unicode.
    let typed = queue.split(|letter: char| letter > '\u{ffff}').next().unwrap_or_default();
    window.fill("Filter the queues by name", typed).await;
    window.open_row(queue).await;
    window.see(&format!("h1[title={queue:?}], [aria-label=\"Copy the queue's name\"]")).await;
}

/// Looks at the first `n` messages of the queue that is shown.
pub(crate) async fn peek(window: &Window, n: u32) {
    window.fill("Peek", &n.to_string()).await;
    window.press("Peek").await;
    window.read("peeked at").await;
}

/// Carries out the plan that is shown, and waits until it is done.
pub(crate) async fn carry_out(window: &Window, words: &str) {
    window.press(words).await;
    window.read("confirmed and settled").await;
    window.gone("Closing this does not stop it").await;
}

/// `orders` with dead letters in `orders.dlq`, one for each body. Looking into that one is free but for a mark.
pub(crate) async fn dead_letters(client: &Client, bodies: &[String]) {
    client.exchange("orders.dlx", "fanout", &[]).await;
    client.classic("orders.dlq").await;
    client.bind("orders.dlq", "orders.dlx", "", &[]).await;
    let arguments = [("x-queue-type", text("classic")), ("x-dead-letter-exchange", text("orders.dlx"))];
    client.declare("orders", &arguments).await;
    client.fill("orders", bodies.iter().map(String::as_str)).await;
    client.reject("orders", bodies.len()).await;
    client.reaches("orders.dlq", u32::try_from(bodies.len()).expect("a few")).await;
}

/// As many bodies, all different.
pub(crate) fn bodies(n: usize) -> Vec<String> {
    (1..=n).map(|n| format!("{{\"order\":\"CS-{n}\"}}")).collect()
}

/// Ticks the first `n` rows from `first` on.
pub(crate) async fn tick(window: &Window, first: usize, n: usize) {
    for row in first..first + n {
        // The first row of the grid is its head.
        window.press_css(&format!("[role=row][aria-rowindex='{}'] input[type=checkbox]", row + 1)).await;
    }
}

/// What waits in a queue, sorted, taken out by the witness.
pub(crate) async fn taken(client: &Client, queue: &str) -> Vec<String> {
    let mut bodies = client.take_bodies(queue).await;
    bodies.sort();
    bodies
}

/// Waits until the row of that queue shows so many ready.
pub(crate) async fn ready_becomes(window: &Window, queue: &str, ready: u32) {
    let cells = "[...(finders.row(NAME)?.querySelectorAll('[role=gridcell]') ?? [])]";
    let cells = cells.replace("NAME", &serde_json::json!(queue).to_string());
    let shown = format!("{cells}.some((cell) => plain(cell.innerText) === '{ready}')");
    window.until(&format!("`{queue}` shows {ready} ready"), &shown).await;
}

/// Chooses from a list that opens, which WebDriver does not open.
pub(crate) async fn choose(window: &Window, label: &str, option: &str) {
    let is_there = format!("finders.field({})", serde_json::json!(label));
    window.until(&format!("`{label}` is there"), &is_there).await;
    let script = "const [label, option] = arguments;
        const list = [...document.querySelectorAll('select')].findLast((one) => one.ariaLabel === label);
        list.value = [...list.options].find((one) => one.label === option).value;
        list.dispatchEvent(new Event('change', { bubbles: true }));";
    window.run(script, &[label.into(), option.into()]).await;
}

/// Reads the only dead-letter queue of the inbox once more.
pub(crate) async fn read_again(window: &Window) {
    window.press("What was read").await;
    window.press("Read again").await;
    window.press("What was read").await;
}
