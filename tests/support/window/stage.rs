//! What a window stands on: a display with a window manager, a folder for what the program keeps, and processes that end
//! with the test, however it ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Runs a command until its standard input ends, as it does with the test process; then nothing of its group is left.
const TIED: &str = r#"exec 3<&0; "$@" </dev/null 3<&- & cat <&3 >/dev/null; kill -KILL 0"#;
/// Larger than the largest window, by the window manager's frame.
const SCREEN: &str = "1480x960x24";
const LOG_SHOWN_BYTES: usize = 3_000;

/// A command and whatever it starts. Ended when dropped.
#[derive(Debug)]
pub(super) struct Tied(Child);

impl Tied {
    pub(super) fn start(command: &Command, stdout: Stdio, stderr: Stdio) -> Self {
        let mut tied = Command::new("sh");
        tied.args(["-c", TIED, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => tied.env(name, value),
                None => tied.env_remove(name),
            };
        }
        tied.process_group(0).stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        Self(tied.spawn().expect("a shell is there"))
    }

    /// Everything that runs because of it, the shell itself left out.
    pub(super) fn processes(&self) -> Vec<Process> {
        let leader = self.0.id();
        Process::all().filter(|process| process.group == leader && process.id != leader).collect()
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("the shell can be waited for");
    }
}

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    group: u32,
    /// The program that it runs.
    pub program: PathBuf,
}

impl Process {
    fn all() -> impl Iterator<Item = Self> {
        let entries = fs::read_dir("/proc").expect("processes are listed").flatten();
        entries.filter_map(|entry| Self::of(entry.file_name().to_str()?.parse().ok()?))
    }

    /// `None`: it has ended, or is not ours to see.
    fn of(id: u32) -> Option<Self> {
        let program = fs::read_link(format!("/proc/{id}/exe")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name, in brackets, may hold anything; then: state, parent, group.
        let group = stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()?;
        Some(Self { id, group, program })
    }

    /// Ends it as a power cut would.
    pub(super) fn kill(&self) {
        let done = Command::new("kill").arg("-KILL").arg(self.id.to_string()).status();
        assert!(done.is_ok_and(|status| status.success()), "process {} can be ended", self.id);
    }

    pub(super) fn has_ended(&self) -> bool {
        Self::of(self.id).is_none_or(|now| now != *self)
    }
}

/// An X server with a window manager, without which a window cannot be given a size.
#[derive(Debug)]
pub(super) struct Display {
    pub(super) name: String,
    _server: Tied,
    _manager: Tied,
}

impl Display {
    pub(super) fn start() -> Self {
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]);
        let mut server = Tied::start(&server, Stdio::piped(), Stdio::null());
        let mut number = String::new();
        let stdout = server.0.stdout.take().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut number).expect("Xvfb names its display: `make setup` installs it");
        let name = format!(":{}", number.trim());
        assert!(name.len() > 1, "Xvfb does not start: `make setup` installs it");
        let mut manager = Command::new("openbox");
        manager.arg("--sm-disable").env("DISPLAY", &name);
        let manager = Tied::start(&manager, Stdio::null(), Stdio::null());
        Self { name, _server: server, _manager: manager }
    }

    /// Gives the window with that title this size inside.
    pub(super) fn resize(&self, title: &str, (width, height): (u32, u32)) -> bool {
        let mut xdotool = Command::new("xdotool");
        xdotool.args(["search", "--onlyvisible", "--name", title, "windowsize"]);
        xdotool.args([width.to_string(), height.to_string()]).env("DISPLAY", &self.name);
        let quiet = xdotool.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().expect("xdotool runs: `make setup` installs it").success()
    }

    /// Presses keys on whatever window is in front.
    pub(super) fn press(&self, keys: &str) -> bool {
        let mut xdotool = Command::new("xdotool");
        xdotool.args(["key", "--clearmodifiers", keys]).env("DISPLAY", &self.name);
        let quiet = xdotool.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().expect("xdotool runs: `make setup` installs it").success()
    }

    /// Saves what is on the screen, whatever state the window is in.
    pub(super) fn photograph(&self, path: &Path) {
        let mut import = Command::new("import");
        import.args(["-window", "root"]).arg(path).env("DISPLAY", &self.name);
        // Taken while a test fails: that it fails is what must be seen, not that there is no picture of it.
        import.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

/// Where one user of the program keeps everything. A second window on it is the same user coming back.
#[derive(Debug)]
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        let home = Self(tempfile::Builder::new().prefix("queuescope-window-").tempdir().expect("a folder can be made"));
        for name in ["data", "config", "cache", "runtime"] {
            fs::create_dir(home.path().join(name)).expect("a folder can be made");
        }
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(home.path().join("runtime"), private).expect("a folder can be made private");
        home
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What the program itself keeps, as against the web engine.
    pub fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Tells a program to keep everything here. There is no session bus, and so no keychain: neither the user's own is
    /// touched, nor does it matter whether there is one.
    pub(super) fn furnish(&self, command: &mut Command) {
        command
            .env("QUEUESCOPE_DATA_DIR", self.data_dir())
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .env("XDG_RUNTIME_DIR", self.path().join("runtime"))
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env("GSETTINGS_BACKEND", "memory")
            .env("NO_AT_BRIDGE", "1")
            .env("GDK_BACKEND", "x11")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env_remove("WAYLAND_DISPLAY");
    }

    /// Where the program and its driver speak to.
    pub(super) fn log(&self) -> File {
        let log = File::options().create(true).append(true).open(self.path().join("window.log"));
        log.expect("a log can be opened")
    }

    /// The end of what they said.
    pub(super) fn said(&self) -> String {
        let bytes = fs::read(self.path().join("window.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_SHOWN_BYTES)..]).into_owned()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}
