use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The profile that comes with the program.
pub(crate) const SANDBOX: &str = "Sandbox";

/// qscope with a data folder of its own.
#[derive(Debug)]
pub(crate) struct Program {
    dir: TempDir,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qscope"));
        command
            .args(arguments)
            .env("QUEUESCOPE_DATA_DIR", self.path("data"))
            .env_remove("QUEUESCOPE_PASSWORD_FILE")
            // No test may find the keychain of whoever runs it.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "", None)
    }

    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str, password_file: Option<&Path>) -> Ended {
        let mut command = self.command(arguments);
        if let Some(path) = password_file {
            command.env("QUEUESCOPE_PASSWORD_FILE", path);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        // It may end without reading: that is no failure of the test.
        child.stdin.take().expect("standard input is piped").write_all(stdin.as_bytes()).ok();
        let output = child.wait_with_output().expect("the program ends");
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("its output is text"),
            err: String::from_utf8(output.stderr).expect("its errors are text"),
        }
    }

    /// Runs it and expects that all was done.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended
    }

    /// Runs it with `--json` and reads its lines.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Json> {
        self.done(&[&["--json"], arguments].concat()).lines()
    }

    /// A snapshot of a queue of the sandbox; its id.
    #[track_caller]
    pub(crate) fn snapshot(&self, queue: &str, name: &str) -> String {
        self.done(&["capture", "-c", "sandbox:", queue, "--name", name]).out.trim().to_owned()
    }

    /// What was noted, newest first.
    #[track_caller]
    pub(crate) fn acts(&self) -> Vec<String> {
        let rows = self.json(&["activity"]);
        rows.iter().map(|row| row["act"].as_str().expect("an act is a word").to_owned()).collect()
    }
}

impl Ended {
    /// Its output as objects, one a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Json> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
        self.out.lines().map(read).collect()
    }

    /// Expects that it ended so, said so, and gave no data.
    #[track_caller]
    pub(crate) fn assert_refused(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(says), "`{says}` is not said: {self:?}");
        assert_eq!(self.out, "", "errors are no data");
    }
}

/// The names of an object's fields, sorted.
pub(crate) fn names(object: &Json) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
