//! The real program, started as a user would, and ended as a power cut would.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use support::{say, within};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::chance::Chance;

/// How long a command may take to end by itself, also where the broker says nothing any more.
const END_WAIT: Duration = Duration::from_secs(180);

/// Without the signal that would end it, a write into a file that is too large fails. One block has 512 bytes.
const LITTLE_ROOM: &str = r#"trap '' XFSZ; ulimit -f "$0" && exec "$@""#;

/// A user's data folder, and the command line on it. Kept where the test fails.
#[derive(Debug)]
pub(crate) struct Qscope {
    home: Option<TempDir>,
    program: PathBuf,
    started: AtomicU64,
}

/// A command that runs. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Run {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
    said: PathBuf,
    began: Instant,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None`: it was killed.
    pub(crate) code: Option<i32>,
    lines: Vec<String>,
    /// What it said to people: warnings, and why it failed.
    pub(crate) said: String,
    pub(crate) took: Duration,
}

/// A job as `qscope --json` says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) number: Option<u64>,
    pub(crate) state: String,
    pub(crate) planned: u64,
    pub(crate) done: u64,
    pub(crate) left_behind: u64,
    pub(crate) unroutable: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    pub(crate) in_doubt: u64,
    pub(crate) gone: u64,
    pub(crate) skipped: u64,
    pub(crate) not_started: u64,
    pub(crate) only_our_copy: u64,
    pub(crate) under_way: u64,
    /// Where the copies are.
    pub(crate) snapshot: Option<String>,
    /// The messages that are not simply done; only `jobs show` lists any.
    pub(crate) messages: Option<Vec<IgnoredAny>>,
}

impl Qscope {
    /// A new user, who gives that password.
    pub(crate) fn new(password: &str) -> Self {
        let home = tempfile::Builder::new().prefix("queuescope-faults-").tempdir().expect("a folder can be made");
        fs::write(home.path().join("password"), password).expect("a folder of ours can be written to");
        Self { home: Some(home), program: program(), started: AtomicU64::new(0) }
    }

    fn home(&self) -> &Path {
        self.home.as_ref().expect("it is there until the end").path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// Starts a command.
    pub(crate) fn start(&self, arguments: &[&str]) -> Run {
        self.start_by(Command::new(&self.program), arguments)
    }

    /// Starts a command for which no file may be larger than that: it is told that a write failed, as by a full disk.
    pub(crate) fn start_in(&self, blocks: u64, arguments: &[&str]) -> Run {
        let mut command = Command::new("sh");
        command.args(["-c", LITTLE_ROOM]).arg(blocks.to_string()).arg(&self.program);
        self.start_by(command, arguments)
    }

    fn start_by(&self, mut command: Command, arguments: &[&str]) -> Run {
        let said = self.home().join(format!("said-{}.log", self.started.fetch_add(1, Ordering::Relaxed)));
        let log = File::create(&said).expect("a folder of ours can be written to");
        command.arg("--data-dir").arg(self.data()).arg("--json").args(arguments);
        command
            .env("QUEUESCOPE_PASSWORD_FILE", self.home().join("password"))
            // No keychain: the user's own is not touched, nor does it matter whether there is one.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env("HOME", self.home())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.kill_on_drop(true).spawn().expect("the program can be started");
        let stdout = child.stdout.take().expect("its output is piped");
        Run { child, lines: BufReader::new(stdout).lines(), seen: Vec::new(), said, began: Instant::now() }
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end().await
    }

    /// The jobs, newest first.
    pub(crate) async fn jobs(&self) -> Vec<Summary> {
        let ended = self.run(&["jobs", "list"]).await;
        assert_eq!(ended.code, Some(0), "jobs can always be listed");
        ended.lines.iter().map(|line| read(line)).collect()
    }

    /// One job, with the messages that are not simply done.
    pub(crate) async fn show(&self, job: u64) -> Summary {
        let ended = self.run(&["jobs", "show", &job.to_string()]).await;
        assert_eq!(ended.code, Some(0), "a job can always be shown");
        ended.summary().expect("a job that is shown is a job")
    }
}

impl Drop for Qscope {
    fn drop(&mut self) {
        if let (true, Some(home)) = (std::thread::panicking(), self.home.take()) {
            say(&format!("what qscope kept stays in {}; {}", home.keep().display(), Chance::seed()));
        }
    }
}

impl Run {
    /// Waits for the next line that it prints; `None`: it ended.
    pub(crate) async fn line(&mut self) -> Option<Duration> {
        let line = within(END_WAIT, "qscope prints or ends", self.lines.next_line()).await;
        self.seen.push(line.expect("it prints text")?);
        Some(self.began.elapsed())
    }

    pub(crate) async fn end(mut self) -> Ended {
        while self.line().await.is_some() {}
        let status = within(END_WAIT, "qscope ends", self.child.wait()).await.expect("it can be waited for");
        let said = fs::read_to_string(&self.said).expect("what it said was kept");
        Ended { code: status.code(), lines: self.seen, said, took: self.began.elapsed() }
    }

    /// `kill -9`, unless it ended before.
    pub(crate) async fn kill(mut self) -> Ended {
        // It fails where the program has ended already, and then how it ended is seen.
        self.child.start_kill().ok();
        self.end().await
    }
}

impl Ended {
    pub(crate) fn was_killed(&self) -> bool {
        self.code.is_none()
    }

    /// What it says last of its job; `None`: there was no job.
    pub(crate) fn summary(&self) -> Option<Summary> {
        self.lines.iter().rev().find_map(|line| serde_json::from_str(line).ok())
    }
}

impl Summary {
    /// Every part of `planned`.
    pub(crate) fn sum(&self) -> u64 {
        self.done + self.open() + self.untouched() + self.gone + self.under_way
    }

    /// What waits for an answer.
    pub(crate) fn open(&self) -> u64 {
        self.left_behind + self.in_doubt + self.only_our_copy
    }

    /// What is in its queue, and was not sent.
    pub(crate) fn untouched(&self) -> u64 {
        self.unroutable + self.refused + self.failed + self.skipped + self.not_started
    }

    /// Nothing more can be done without somebody who knows better.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "finished" | "needsAnswer")
    }
}

fn read<T: DeserializeOwned>(line: &str) -> T {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("qscope prints what it says it does: {error}: {line}"))
}

/// The program that was built beside these tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("a test knows where it is");
    let path = tests.parent().and_then(Path::parent).expect("tests lie below the program").join("qscope");
    assert!(path.exists(), "{} is missing: `make test` and `make test-faults` build it first", path.display());
    path
}
