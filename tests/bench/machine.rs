//! What it was measured on.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of the kernel ticks so often in a second, on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) fn facts(rabbit: &str) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    vec![
        ("Queuescope", format!("{}, release build", env!("CARGO_PKG_VERSION"))),
        ("RabbitMQ", rabbit.to_owned()),
        ("Web engine", web_engine()),
        ("Kernel", read("/proc/sys/kernel/osrelease")),
        ("Processor", format!("{}, {cores} cores", processor())),
        ("Memory", memory()),
        ("Load when it began", first_word_of("/proc/loadavg")),
    ]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}

fn first_word_of(path: &str) -> String {
    read(path).split_whitespace().next().unwrap_or_default().to_owned()
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| "unnamed".to_owned(), |(_, name)| name.trim().to_owned())
}

fn memory() -> String {
    let text = read("/proc/meminfo");
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let kib: u64 = total.expect("the kernel knows how much memory there is");
    format!("{:.1} GiB", kib_as_gib(kib))
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn kib_as_gib(kib: u64) -> f64 {
    kib as f64 / (1024.0 * 1024.0)
}

fn web_engine() -> String {
    let asked = Command::new("pkg-config").args(["--modversion", "webkit2gtk-4.1"]).output();
    let said = asked.expect("pkg-config runs: the window was built with it");
    format!("WebKitGTK {}", String::from_utf8_lossy(&said.stdout).trim())
}

/// When that process began, since 1970.
pub(crate) fn began(process: u32) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    let uptime: f64 = first_word(&read("/proc/uptime"));
    let stat = read(&format!("/proc/{process}/stat"));
    // The name, in brackets, may hold anything; the start is the twentieth field after it.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let ticks: f64 = fields.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).expect("the start is told");
    now - Duration::from_secs_f64(uptime - ticks / TICKS_PER_SECOND)
}

fn first_word(text: &str) -> f64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).expect("it begins with a number")
}

/// The memory of a process, what it shares with others counted in parts, in KiB.
pub(crate) fn pss_kib(process: u32) -> f64 {
    let text = read(&format!("/proc/{process}/smaps_rollup"));
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("the kernel counts it");
    first_word(line)
}
