//! The file system of an unpacked broker, and the ways into it: every way ends with the same shell, whose standard
//! input is the broker's off switch.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs inside. `stop` on standard input means a clean end that keeps the data; anything else, the end of the test process
/// above all, means to kill the broker and to leave nothing behind.
const INNER: &str = r#"
exec 3<&0
"$SERVER" </dev/null & broker=$!
(
    read -r how <&3
    if [ "$how" = stop ]; then kill -TERM $broker; else : >discard; kill -KILL $broker; fi
) & watch=$!
wait $broker; code=$?
kill $watch 2>/dev/null
"$EPMD" -kill >/dev/null 2>&1
if [ -e discard ]; then rm -rf ./* ./.[!.]*; fi
exit $code
"#;
/// The broker's own command line, for a broker that runs.
const CONTROL: &str = r#"exec "$CONTROL" "$@""#;
/// Runs outside: takes the empty folder away, also where nobody is left to do it.
const OUTER: &str = r#""$@"; code=$?; rmdir "$0" 2>/dev/null; exit $code"#;
/// Everything is mounted in a namespace of its own, so that nothing is left to unmount.
const MOUNT: &str =
    r#"mount --bind "$2" "$1/w" && mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && shift 2 && exec "$@""#;
/// Chooses the way in: `bubblewrap`, `namespace` or `chroot`. Unset: the first that works.
const ENTRANCE: &str = "QUEUESCOPE_BROKER_ENTRANCE";

/// How a process gets into another root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entrance {
    /// Needs user namespaces, or root.
    Bubblewrap,
    /// Root's own namespaces, by `sudo` where we are not root.
    Namespace,
    /// Root where no mount is allowed, as in many containers.
    Chroot,
}

/// An unpacked broker: `target/brokers/SUITE`. Read-only, so that several brokers share it.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    entrance: Entrance,
    /// Inside.
    server: String,
    control: String,
    epmd: String,
}

/// A broker's own folder, outside and as the broker sees it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) outside: PathBuf,
    pub(super) inside: String,
}

impl Root {
    /// Finds the unpacked broker of that suite, fetching it first where it is not there.
    pub(super) fn of(suite: &str) -> Self {
        let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the house");
        let path = house.join("target/brokers").join(suite);
        if !path.join(".version").exists() {
            crate::say(&format!("RabbitMQ of {suite} is being fetched"));
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/fetch-rabbitmq.sh");
            let done = Command::new(script).arg(suite).arg(&path).stdin(Stdio::null()).output().expect("bash is there");
            assert!(
                done.status.success(),
                "RabbitMQ of {suite} is not there: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        let path = path.canonicalize().expect("the broker was unpacked");
        let server = below(&path, "usr/lib/rabbitmq/lib", "rabbitmq_server-", "sbin/rabbitmq-server");
        let control = below(&path, "usr/lib/rabbitmq/lib", "rabbitmq_server-", "sbin/rabbitmqctl");
        let epmd = below(&path, "usr/lib/erlang", "erts-", "bin/epmd");
        let entrance = Entrance::choose(&path);
        Self { path, entrance, server, control, epmd }
    }

    /// The version of the package, without Debian's own number: `4.3.6`.
    pub(super) fn release(&self) -> String {
        let package = std::fs::read_to_string(self.path.join(".version")).expect("the version was written down");
        package.trim().split('-').next().unwrap_or_default().to_owned()
    }

    /// The release of the system that the broker comes from: `forky`.
    pub(super) fn suite(&self) -> String {
        std::fs::read_to_string(self.path.join(".suite")).expect("the suite was written down").trim().to_owned()
    }

    /// A new folder for one broker.
    pub(super) fn folder(&self) -> Folder {
        let place = if self.entrance == Entrance::Chroot { self.path.join("w") } else { std::env::temp_dir() };
        let made = tempfile::Builder::new().prefix("queuescope-rabbitmq-").tempdir_in(place);
        let outside = made.expect("a folder for a broker can be made").keep();
        let inside = match self.entrance {
            Entrance::Chroot => {
                let name = outside.file_name().expect("the folder has a name");
                format!("/w/{}", name.to_string_lossy())
            }
            Entrance::Bubblewrap | Entrance::Namespace => "/w".to_owned(),
        };
        Folder { outside, inside }
    }

    /// Lines that the configuration needs besides, for this way in.
    pub(super) fn configuration(&self) -> &'static str {
        match self.entrance {
            // There is no /proc to ask.
            Entrance::Chroot => "vm_memory_calculation_strategy = erlang\n",
            Entrance::Bubblewrap | Entrance::Namespace => "",
        }
    }

    /// The command that runs the broker in the foreground until its standard input ends.
    pub(super) fn command(&self, folder: &Folder, environment: &[(&str, String)]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", OUTER]).arg(&folder.outside).args(self.inside(folder, environment, INNER));
        command
    }

    /// The broker's own command line with these arguments, for the broker that runs in that folder.
    pub(super) fn control(&self, folder: &Folder, environment: &[(&str, String)], arguments: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.args(self.inside(folder, environment, CONTROL)).arg("rabbitmqctl").args(arguments);
        command
    }

    /// The words of a command that runs a script of the shell inside; what is added to them are the script's arguments.
    fn inside(&self, folder: &Folder, environment: &[(&str, String)], script: &str) -> Vec<OsString> {
        let mut variables = vec![("SERVER", &*self.server), ("CONTROL", &*self.control), ("EPMD", &*self.epmd)];
        variables.extend(environment.iter().map(|(name, value)| (*name, value.as_str())));
        let mut words: Vec<OsString> = Vec::new();
        match self.entrance {
            Entrance::Bubblewrap => {
                words.extend(["bwrap", "--ro-bind"].map(Into::into));
                words.extend([self.path.clone().into(), "/".into(), "--bind".into(), folder.outside.clone().into()]);
                // Not tied to its parent: that would be the thread of one test, which ends before the process.
                words.extend(
                    "/w --proc /proc --dev /dev --tmpfs /tmp --unshare-pid --unshare-ipc".split(' ').map(Into::into),
                );
                words.extend(["--new-session", "--clearenv"].map(Into::into));
                for (name, value) in variables {
                    words.extend(["--setenv", name, value].map(Into::into));
                }
                words.extend(["--chdir", "/w", "--", "/bin/sh", "-c", script].map(Into::into));
                return words;
            }
            Entrance::Namespace => {
                if !is_root() {
                    words.extend(["sudo", "-n"].map(Into::into));
                }
                words.extend(["unshare", "--mount", "--pid", "--fork", "--kill-child"].map(Into::into));
                words.extend(["sh", "-c", MOUNT, "sh"].map(Into::into));
                words.extend([self.path.clone().into(), folder.outside.clone().into()]);
            }
            Entrance::Chroot => {}
        }
        words.push("chroot".into());
        words.push(self.path.clone().into());
        words.extend(["/usr/bin/env", "-i"].map(Into::into));
        words.extend(variables.iter().map(|(name, value)| format!("{name}={value}").into()));
        words.extend(["/bin/sh".into(), "-c".into(), format!("cd {}\n{script}", folder.inside).into()]);
        words
    }
}

impl Entrance {
    fn choose(root: &Path) -> Self {
        match std::env::var(ENTRANCE).as_deref() {
            Ok("bubblewrap") => return Self::Bubblewrap,
            Ok("namespace") => return Self::Namespace,
            Ok("chroot") => return Self::Chroot,
            Ok(other) => panic!("{ENTRANCE} is `{other}`: bubblewrap, namespace or chroot"),
            Err(_) => {}
        }
        let mut bubblewrap = Command::new("bwrap");
        bubblewrap.arg("--ro-bind").arg(root).args("/ --proc /proc --dev /dev --unshare-pid -- /bin/true".split(' '));
        let mut namespace = Command::new(if is_root() { "unshare" } else { "sudo" });
        if !is_root() {
            namespace.args(["-n", "unshare"]);
        }
        namespace.args(["--mount", "--pid", "--fork", "sh", "-c", r#"mount --bind /dev "$1/dev""#, "sh"]).arg(root);
        let works = |mut command: Command| {
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            quiet.status().is_ok_and(|status| status.success())
        };
        if works(bubblewrap) {
            Self::Bubblewrap
        } else if works(namespace) {
            Self::Namespace
        } else {
            assert!(is_root(), "no way into the broker's file system: install bubblewrap, or be root");
            Self::Chroot
        }
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

/// The path inside of `FOLDER/BEGINNING*/REST`.
fn below(root: &Path, folder: &str, beginning: &str, rest: &str) -> String {
    let entries = std::fs::read_dir(root.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let name = names.find(|name| name.starts_with(beginning)).unwrap_or_else(|| panic!("no {beginning}* in {folder}"));
    format!("/{folder}/{name}/{rest}")
}
