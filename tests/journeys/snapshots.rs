//! Messages that are kept: named, exported, imported, searched, and replayed in their order into another queue.

use std::path::Path;

use lapin::protocol::basic::AMQPProperties;
use lapin::types::AMQPValue;
use support::client::{arguments, number, text};
use support::window::Window;
use support::{Client, Rabbit, Version};

use crate::steps::{carry_out, connect, open_queue, peek, told};

const MESSAGES: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_kept_and_replayed() {
    told(async {
        let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
        let client = vhost.client().await;
        let messages = fill(&client).await;
        let window = Window::open("snapshots_are_kept_and_replayed").await;
        connect(&window, "orders-dev", "Dev", &vhost).await;
        open_queue(&window, "history").await;
        peek(&window, 16).await;
        window.press("Keep as a snapshot…").await;
        window.fill("Name", "Before the fix").await;
        window.fill("Note", "for ticket 4711").await;
        window.press("Keep 1 snapshot").await;

        window.press("Snapshots").await;
        window.read("until removed").await;
        window.shots("1-list").await;
        window.accessible("the snapshots").await;
        let file = window.data_dir().join("history.jsonl");
        export(&window, &file).await;
        import(&window, &file).await;
        refuse_what_is_cut_off(&window, &file).await;
        search(&window).await;

        window.press("Replay 12…").await;
        window.press("Exchange and key").await;
        window.fill("Routing key", "trial").await;
        window.read("nothing sent yet").await;
        window.shots("7-replay").await;
        carry_out(&window, "Replay 12 messages").await;
        window.press("Close").await;
        client.reaches("trial", 12).await;
        assert_eq!(client.count("history").await, 12, "a replay takes nothing");
        for (n, (taken, (body, properties))) in client.take_all("trial").await.iter().zip(&messages).enumerate() {
            assert_eq!(&taken.body, body, "message {n} has its bytes and its place");
            assert_eq!(taken.properties.message_id(), properties.message_id());
            assert_eq!(taken.properties.content_type(), properties.content_type());
            for (name, value) in properties.headers().as_ref().expect("each has some").inner() {
                assert_eq!(taken.header(name.as_str()), Some(value), "header `{name}` of message {n}");
            }
        }

        window.press("Limits…").await;
        window.read("What takes the most room").await;
        window.press("Change…").await;
        window.read("Nothing is dropped by this now").await;
        window.shots("8-limits").await;
        window.fill("Days for copies of jobs", "14").await;
        window.press("Set the limits").await;
        window.read("Keep copies of jobs for 14 days").await;
        window.shots("9-storage").await;
        window.accessible("the data on this computer").await;
        window.close().await;
    })
    .await;
}

/// Messages of every kind in `history`, and an empty `trial`.
async fn fill(client: &Client) -> Vec<(Vec<u8>, AMQPProperties)> {
    client.classic("history").await;
    client.classic("trial").await;
    let messages: Vec<_> = (1..=MESSAGES)
        .map(|n| {
            let headers = arguments(&[
                ("tenant", text("shop-north")),
                ("attempt", number(i64::try_from(n).expect("a few"))),
                ("urgent", AMQPValue::Boolean(n % 2 == 0)),
            ]);
            let properties = AMQPProperties::default()
                .with_message_id(format!("m-{n}").into())
                .with_content_type("application/json".into())
                .with_headers(headers);
            let body =
                if n == 5 { vec![0xff, 0, n as u8, 0xfe] } else { format!("{{\"needle\":\"n-{n}\"}}").into_bytes() };
            (body, properties)
        })
        .collect();
    client.publish_all("", "history", messages.clone()).await;
    client.reaches("history", 12).await;
    messages
}

async fn export(window: &Window, file: &Path) {
    window.press("Before the fix").await;
    window.read("for ticket 4711").await;
    window.shots("2-snapshot").await;
    window.press("Export…").await;
    window.fill("File", &file.to_string_lossy()).await;
    window.shots("3-export").await;
    window.press("Export 12 messages").await;
    window.read("Exported 12 messages").await;
    window.press("Export…").await;
    window.press("CSV").await;
    window.read("it cannot be imported").await;
    window.fill("File", &file.with_extension("csv").to_string_lossy()).await;
    window.press("Export 12 messages").await;
    window.gone("it cannot be imported").await;
    let written = std::fs::read_to_string(file.with_extension("csv")).expect("the file is there");
    assert_eq!(written.matches("\r\n").count(), 13, "a line for the names and one for each: {written}");
}

async fn import(window: &Window, file: &Path) {
    window.press("Import…").await;
    window.fill("File", &file.to_string_lossy()).await;
    window.fill("Name", "From a colleague").await;
    window.shots("4-import").await;
    window.press("Import 1 file").await;
    window.read("Imported 12 messages").await;
    window.read("imported from").await;
}

async fn refuse_what_is_cut_off(window: &Window, file: &Path) {
    let captures = window.data_dir().join("captures");
    // One file for each capture, beside what SQLite keeps of those that are open.
    let there = || {
        let files =
            std::fs::read_dir(&captures).expect("the folder is there").map(|file| file.expect("it is there").path());
        files.filter(|file| file.extension().is_some_and(|extension| extension == "qcap")).count()
    };
    let before = there();
    let whole = std::fs::read(file).expect("it was exported");
    let cut = file.with_file_name("cut.jsonl");
    std::fs::write(&cut, &whole[..whole.len() / 2]).expect("it can be written");
    window.press("Import…").await;
    window.fill("File", &cut.to_string_lossy()).await;
    window.press("Import 1 file").await;
    window.read("Nothing was imported").await;
    window.read("it is cut off after").await;
    window.shots("5-cut-off").await;
    window.press("Cancel").await;
    assert_eq!(there(), before, "nothing of it is left");
}

async fn search(window: &Window) {
    window.press("Snapshots").await;
    window.fill("Filter by name, queue or note; Enter searches the messages", "n-7").await;
    window.press("Search “n-7” in 24 messages").await;
    window.read("searched 24 of 24").await;
    window.read("2 messages with “n-7”").await;
    window.shots("6-search").await;
    window.accessible("the search").await;
    window.press("Before the fix").await;
    window.read("1 of 12").await;
    window.see("[aria-label='Close the inspector'], [role=tabpanel]").await;
}
