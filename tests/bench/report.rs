//! docs/benchmarks.md.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use support::window::house;

use crate::machine;

/// Times of one thing, measured again and again.
#[derive(Debug)]
pub(crate) struct Series(Vec<Duration>);

impl Series {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// Median, and the span.
    fn shown(&self) -> String {
        let mut sorted: Vec<u128> = self.0.iter().map(Duration::as_millis).collect();
        sorted.sort_unstable();
        let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
        format!("**{} ms** ({least} to {most})", sorted[sorted.len() / 2])
    }
}

/// The page as it grows.
#[derive(Debug)]
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn new(broker: &str) -> Self {
        let head = format!(
            "# Benchmarks\n\nWritten by `make bench`; not edited by hand. Queuescope {} as it is released, in its real \
             window on a virtual display; RabbitMQ {broker} on the same machine, both sides in turns in one run.\n\n\
             Machine: {}. Load when it began: {}.\n\n\
             Times are medians, with the least and the most. What the window does is measured from outside, by WebDriver, \
             so each time holds some 30 ms of asking.\n\n\
             | In the window | | The management API, for comparison | |\n| --- | --- | --- | --- |\n",
            env!("CARGO_PKG_VERSION"),
            machine::described(),
            machine::load(),
        );
        Self(head)
    }

    pub(crate) fn row(&mut self, ours: &str, took: &Series, theirs: &str, asked: &Series) {
        let line = format!("| {ours} | {} | {theirs} | {} |\n", took.shown(), asked.shown());
        support::say(line.trim());
        self.0.push_str(&line);
    }

    pub(crate) fn memory(&mut self, program_bytes: u64, all_bytes: u64, processes: usize) {
        let megabytes = |bytes: u64| bytes / 1_000_000;
        let line = format!(
            "\nMemory (PSS) at rest, with 1,001 queues watched and a peek of 10,000 messages on screen: the Rust process \
             alone **{} MB**, all {processes} processes together **{} MB**.\n",
            megabytes(program_bytes),
            megabytes(all_bytes),
        );
        support::say(line.trim());
        write!(self.0, "{line}").expect("a string takes everything");
    }

    pub(crate) fn write(self) {
        let path = house().join("docs/benchmarks.md");
        fs::write(&path, self.0).expect("docs/benchmarks.md can be written");
        support::say(&format!("written: {}", path.display()));
    }
}
