//! What the machine says of itself and of a process.

use std::fs;

/// The memory of a process with its share of what it shares, in bytes. 0 for one that has ended.
pub(crate) fn pss_bytes(process: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

/// Processor, cores, memory and kernel, one line.
pub(crate) fn described() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown processor");
    let model = model.trim_start_matches(['\t', ' ', ':']).trim();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let gibibytes = total.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / (1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, {gibibytes} GiB, Linux {}", kernel.trim())
}

/// How busy the machine was over the last minute, beside the measurement itself.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("unknown").to_owned()
}
