//! Numbers, and the page they are written on.

use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use support::say;
use support::window::house;

use crate::machine;
use crate::scene::Scene;

/// Below this, decimals are told.
const SMALL: f64 = 100.0;

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

/// A number with two decimals where it is small, otherwise a whole one with its digits in groups.
fn grouped(value: f64) -> String {
    if value < SMALL {
        return format!("{value:.2}");
    }
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

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n## {}\n\n", self.title)?;
        if !self.words.is_empty() {
            write!(f, "{}\n\n", self.words)?;
        }
        f.write_str("| What | min | median | max | | runs |\n| --- | ---: | ---: | ---: | --- | ---: |\n")?;
        self.lines.iter().try_for_each(|measured| writeln!(f, "{}", measured.line()))
    }
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

    /// The page as it was written last, for a run that measures only a part anew.
    pub(crate) fn last() -> Self {
        Self(std::fs::read_to_string(page()).expect("the page was written before"))
    }

    /// Adds a section, in place of one of the same title.
    pub(crate) fn add(&mut self, section: &Section) {
        let head = format!("\n## {}\n", section.title);
        let Some(from) = self.0.find(&head) else { return self.0.push_str(&section.to_string()) };
        let rest = from + head.len();
        let to = self.0[rest..].find("\n## ").map_or(self.0.len(), |next| rest + next);
        self.0.replace_range(from..to, &section.to_string());
    }

    /// Writes the page. What an unoptimised build measures is only said.
    pub(crate) fn write(&self) {
        if cfg!(debug_assertions) {
            say(&self.0);
            return;
        }
        let path = page();
        std::fs::write(&path, &self.0).expect("the page can be written");
        say(&format!("bench: wrote {}", path.display()));
    }
}

fn page() -> PathBuf {
    house().join("docs/benchmarks.md")
}
