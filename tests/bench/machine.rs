//! What it was measured on.

use std::collections::HashSet;
use std::fs;
use std::ops::Sub;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::Rabbit;

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
        ("Load when it began", load()),
    ]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}

/// Processes that want a core, over the last minute.
pub(crate) fn load() -> String {
    read("/proc/loadavg").split_whitespace().next().unwrap_or_default().to_owned()
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

/// The most memory that a process ever had, in KiB; 0 for one that has ended.
pub(crate) fn memory_peak_kib(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or(0.0, first_word)
}

/// The memory of a broker, in MiB.
pub(crate) fn memory_of_broker_mib(rabbit: &Rabbit) -> f64 {
    let kib: f64 = family(rabbit).iter().map(|process| pss_kib(process.id)).sum();
    kib / 1024.0
}

/// Time on a processor, its own and the kernel's for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu(Duration);

impl Cpu {
    /// Of a running broker with everything that it started.
    pub(crate) fn of_broker(rabbit: &Rabbit) -> Self {
        Self::of(family(rabbit).iter().map(|process| process.ticks).sum())
    }

    /// Of all children of this process that have ended.
    pub(crate) fn of_children() -> Self {
        let fields = Stat::fields("self").expect("this process runs");
        Self::of(Stat::number(&fields, 13) + Stat::number(&fields, 14))
    }

    fn of(ticks: f64) -> Self {
        Self(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
    }
}

impl Sub for Cpu {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

struct Stat {
    id: u32,
    parent: u32,
    ticks: f64,
}

impl Stat {
    /// The fields after the name, which may hold anything; `None`: it has ended.
    fn fields(process: &str) -> Option<Vec<String>> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        Some(fields.split_whitespace().map(str::to_owned).collect())
    }

    fn number(fields: &[String], field: usize) -> f64 {
        fields.get(field).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    fn of(id: u32) -> Option<Self> {
        let fields = Self::fields(&id.to_string())?;
        let parent = fields.get(1)?.parse().ok()?;
        Some(Self { id, parent, ticks: Self::number(&fields, 11) + Self::number(&fields, 12) })
    }
}

/// A broker's processes.
fn family(rabbit: &Rabbit) -> Vec<Stat> {
    let entries = fs::read_dir("/proc").expect("processes are listed").flatten();
    let all: Vec<_> = entries.filter_map(|entry| Stat::of(entry.file_name().to_str()?.parse().ok()?)).collect();
    let mut known: HashSet<u32> = rabbit.process().into_iter().collect();
    // Parents may be listed behind their children.
    while let Some(child) = all.iter().find(|one| known.contains(&one.parent) && !known.contains(&one.id)) {
        known.insert(child.id);
    }
    all.into_iter().filter(|one| known.contains(&one.id)).collect()
}
