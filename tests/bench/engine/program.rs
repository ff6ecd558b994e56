//! qscope, built for release, as a user runs it.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;

use crate::machine::{Cpu, memory_peak_kib};

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Added to each sync of a file, and so to each commit.
const SLOW_SYNC: &str = include_str!("slow_sync.c");

/// A user's home, and the program.
pub(crate) struct Program {
    home: TempDir,
    slow: bool,
}

/// What one command took.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) took: Duration,
    pub(crate) cpu: Duration,
    pub(crate) memory_peak_mib: f64,
    pub(crate) said: String,
}

impl Program {
    pub(crate) fn new(password: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder can be made");
        fs::write(home.path().join("password"), password).expect("a folder of ours can be written to");
        Self { home, slow: false }
    }

    /// On a disk on which each commit takes 10 ms longer.
    pub(crate) fn on_slow_disk(mut self) -> Self {
        let (source, library) = (self.home.path().join("slow_sync.c"), self.slow_sync());
        fs::write(&source, SLOW_SYNC).expect("a folder of ours can be written to");
        let mut compiler = std::process::Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(library).arg(source).arg("-ldl");
        assert!(compiler.status().expect("there is a C compiler: SQLite is built with it").success(), "it compiles");
        self.slow = true;
        self
    }

    fn slow_sync(&self) -> PathBuf {
        self.home.path().join("slow_sync.so")
    }

    /// Runs a command to its end. It must succeed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let path = executable();
        let mut command = Command::new(&path);
        command.arg("--data-dir").arg(self.home.path().join("data")).args(arguments);
        command
            .env("QUEUESCOPE_PASSWORD_FILE", self.home.path().join("password"))
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env("HOME", self.home.path())
            .env("LANG", "C.UTF-8");
        if self.slow {
            command.env("LD_PRELOAD", self.slow_sync());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let (began, cpu) = (Instant::now(), Cpu::of_children());
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let id = child.id().expect("it runs");
        let ended = child.wait_with_output();
        tokio::pin!(ended);
        let mut memory_peak = 0.0_f64;
        let output = loop {
            tokio::select! {
                output = &mut ended => break output.expect("it can be waited for"),
                () = tokio::time::sleep(LOOK_EVERY) => memory_peak = memory_peak.max(memory_peak_kib(id)),
            }
        };
        let (took, cpu) = (began.elapsed(), Cpu::of_children() - cpu);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = || format!("{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}", failed());
        Ran { took, cpu, memory_peak_mib: memory_peak / 1024.0, said }
    }
}

/// Beside the bench, which is built in the same way.
fn executable() -> PathBuf {
    let bench = std::env::current_exe().expect("a program knows where it is");
    let folder = bench.ancestors().nth(2).expect("it lies in a folder of the build");
    folder.join("qscope")
}
