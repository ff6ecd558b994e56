//! Numbers, and the page they are written on.

use std::fmt::Write;
use std::time::Duration;

use support::say;
use support::window::house;

use crate::machine;
use crate::scene::Scene;

/// One thing, measured several times.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) what: String,
    pub(crate) values: Vec<f64>,
    pub(crate) unit: &'static str,
}

impl Measured {
    pub(crate) fn times(what: &str, times: &[Duration]) -> Self {
        let values = times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
        Self { what: what.to_owned(), values, unit: "ms" }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        assert!(!values.is_empty(), "`{}` was measured", self.what);
        values
    }

    fn line(&self) -> String {
        let values = self.sorted();
        let [min, median, max] = [values[0], values[values.len() / 2], values[values.len() - 1]].map(grouped);
        let unit = self.unit;
        format!("| {} | {min} | **{median}** | {max} | {unit} | {} |", self.what, values.len())
    }
}

/// A whole number with its digits in groups.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What belongs together.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) words: String,
    pub(crate) lines: Vec<Measured>,
}

#[derive(Debug)]
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn new(scene: &Scene) -> Self {
        let mut page = String::from("# Benchmarks\n\nWritten by `make bench`; to measure again, run it.\n\n");
        for (name, value) in machine::facts(scene.rabbit.release()) {
            writeln!(page, "- {name}: {value}").expect("a string can be written to");
        }
        page.push_str(
            "\nEverything is on one machine: the window on a virtual display without graphics hardware, driven by WebDriver, \
             and the broker beside it. Each number is the smallest, the **middle** and the largest of its runs.\n",
        );
        Self(page)
    }

    pub(crate) fn add(&mut self, section: Section) {
        let page = &mut self.0;
        write!(page, "\n## {}\n\n", section.title).expect("a string can be written to");
        if !section.words.is_empty() {
            write!(page, "{}\n\n", section.words).expect("a string can be written to");
        }
        page.push_str("| What | min | median | max | | runs |\n| --- | ---: | ---: | ---: | --- | ---: |\n");
        for measured in &section.lines {
            writeln!(page, "{}", measured.line()).expect("a string can be written to");
        }
    }

    /// Writes the page. What an unoptimised build measures is only said.
    pub(crate) fn write(self) {
        if cfg!(debug_assertions) {
            say(&self.0);
            return;
        }
        let path = house().join("docs/benchmarks.md");
        std::fs::write(&path, self.0).expect("the page can be written");
        say(&format!("bench: wrote {}", path.display()));
    }
}
