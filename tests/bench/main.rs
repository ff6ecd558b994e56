//! Measures the program, beside the management API on the same machine in the same run, and writes docs/benchmarks.md.

mod deeds;
mod engine;
mod inbox;
mod machine;
mod management;
mod report;
mod scene;
mod window;

use report::Report;
use scene::Scene;
use support::say;

/// How often everything is measured.
const RUNS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(Box::pin(run()));
}

/// `cargo bench ... -- engine` measures that part alone anew; words after it choose among its parts, brokers and kinds of queues.
/// `-- inbox` measures the inbox alone.
async fn run() {
    if std::env::args().any(|argument| argument == "inbox") {
        let mut report = Report::last();
        report.add(&measured_inbox().await);
        return report.write();
    }
    // Cargo adds options of its own.
    let arguments = std::env::args().skip_while(|argument| argument != "engine");
    let arguments: Vec<_> = arguments.filter(|argument| !argument.starts_with('-')).collect();
    if let Some((_, words)) = arguments.split_first() {
        return engine::measure(&mut Report::last(), words).await;
    }
    say("bench: laying out 1,000 queues, and 10,000 messages of 1 KiB");
    let scene = Scene::lay_out().await;
    let mut report = Report::new(&scene);

    say("bench: starts of the window");
    report.add(&window::starts(RUNS).await);
    say("bench: 1,000 queues");
    for section in window::thousand_queues(&scene, RUNS).await {
        report.add(&section);
    }
    say("bench: 10,000 messages");
    report.add(&window::ten_thousand_messages(&scene, RUNS).await);
    report.add(&measured_inbox().await);
    report.write();
    engine::measure(&mut report, &[]).await;
}

async fn measured_inbox() -> report::Section {
    say("bench: 20,000 dead letters in the inbox");
    let section = Box::pin(inbox::measure(RUNS)).await;
    say(&section.to_string());
    section
}
