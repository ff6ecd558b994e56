//! Real RabbitMQ brokers: unpacked under `target/`, started on free ports in a folder of their own, gone when the test
//! process is, however it ends.

mod root;

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::{Api, Authority, Vhost, eventually, install_crypto, ports, say, within};
use root::{Folder, Root};

/// How long a broker may take to start, also on a busy machine.
const START_WAIT: Duration = Duration::from_secs(90);
/// How long it may take to end when asked kindly. 3.10 takes 6 seconds.
const STOP_WAIT: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long its own command line may take.
const CONTROL_WAIT: Duration = Duration::from_secs(60);
/// How much memory it may have.
const MEMORY: &str = "1GB";
/// It has more at once.
const MEMORY_TOO_LITTLE: &str = "1MB";
const LOG_SHOWN_BYTES: usize = 6_000;

/// The certificate that every broker of one test process shows comes from here.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Queuescope tests"));
static SHARED: [OnceCell<Rabbit>; 4] = [const { OnceCell::const_new() }; 4];

/// Which RabbitMQ. On Debian those of its releases; elsewhere only what the machine's own release has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 3.10, of Debian bookworm.
    V3_10,
    /// 4.0, of Debian trixie.
    V4_0,
    /// 4.3 or later, of Debian forky.
    V4_3,
    /// What the release has that this machine runs.
    Own,
}

impl Version {
    /// The newest that this machine can run.
    pub const NEWEST: Self = if cfg!(debian) { Self::V4_3 } else { Self::Own };

    fn suite(self) -> &'static str {
        match self {
            Self::V3_10 => "bookworm",
            Self::V4_0 => "trixie",
            Self::V4_3 => "forky",
            Self::Own => "own",
        }
    }
}

/// Makes tests of `async fn sentence(version: Version)`, one for each RabbitMQ that this machine can run, each with a bound.
#[macro_export]
macro_rules! on_every_version {
    ($($sentence:ident),* $(,)?) => {
        #[cfg(debian)]
        mod v3_10 {
            $crate::on_every_version!(V3_10: $($sentence),*);
        }
        #[cfg(debian)]
        mod v4_0 {
            $crate::on_every_version!(V4_0: $($sentence),*);
        }
        #[cfg(debian)]
        mod v4_3 {
            $crate::on_every_version!(V4_3: $($sentence),*);
        }
        #[cfg(not(debian))]
        mod own {
            $crate::on_every_version!(Own: $($sentence),*);
        }
    };
    ($version:ident: $($sentence:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let work = super::$sentence($crate::Version::$version);
                $crate::within($crate::contract::scene::TEST_WAIT, stringify!($sentence), Box::pin(work)).await;
            }
        )*
    };
}

/// A running broker. Ends with the value, and with the test process.
#[derive(Debug)]
pub struct Rabbit {
    version: Version,
    release: String,
    ports: Ports,
    root: Root,
    folder: Folder,
    process: Mutex<Option<Child>>,
}

#[derive(Debug)]
struct Ports {
    amqp: u16,
    amqps: u16,
    management: u16,
    stream: u16,
    epmd: u16,
    distribution: u16,
    _reserved: ports::Ports<6>,
}

impl Ports {
    fn free() -> Self {
        let reserved = ports::Ports::reserve();
        let [amqp, amqps, management, stream, epmd, distribution] = reserved.numbers;
        Self { amqp, amqps, management, stream, epmd, distribution, _reserved: reserved }
    }
}

impl Rabbit {
    /// The one broker of that version for the whole test process; started by the first test that asks. Tests stay apart
    /// by virtual hosts: [`Self::vhost`].
    pub async fn shared(version: Version) -> &'static Self {
        let start = || async {
            if cfg!(not(debian)) {
                say(
                    "RabbitMQ 3.10, 4.0 and 4.3 are left out: they are of Debian, and this machine runs something else",
                );
            }
            Self::start(version).await
        };
        SHARED[version as usize].get_or_init(start).await
    }

    /// A broker for one test alone.
    pub async fn start(version: Version) -> Self {
        Self::start_with(version, &[]).await
    }

    /// A broker for one test alone, with these lines added to its configuration.
    pub async fn start_with(version: Version, lines: &[&str]) -> Self {
        Self::launch(version, lines, &["localhost", "127.0.0.1"]).await
    }

    /// A broker whose certificate is for these names, whatever its address is.
    pub async fn start_certified(version: Version, names: &[&str]) -> Self {
        Self::launch(version, &[], names).await
    }

    async fn launch(version: Version, lines: &[&str], names: &[&str]) -> Self {
        install_crypto();
        let root = Root::of(version.suite());
        let (release, folder, ports) = (root.release(), root.folder(), Ports::free());
        let label = format!("RabbitMQ {release} ({})", root.suite());
        write_files(&root, &folder, &ports, lines, names);
        let rabbit = Self { version, release, ports, root, folder, process: Mutex::new(None) };
        let began = Instant::now();
        rabbit.run();
        rabbit.become_ready().await;
        say(&format!("{label} runs, on port {}, after {:.1} s", rabbit.amqp_port(), began.elapsed().as_secs_f32()));
        rabbit
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// As the package says it: `4.3.6`.
    pub fn release(&self) -> &str {
        &self.release
    }

    pub fn amqp_port(&self) -> u16 {
        self.ports.amqp
    }

    pub fn amqps_port(&self) -> u16 {
        self.ports.amqps
    }

    pub fn management_port(&self) -> u16 {
        self.ports.management
    }

    /// The certificate of the authority that signed the broker's.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.outside.join("tls/ca.pem")
    }

    /// The process that everything of this broker descends from; `None`: it is stopped.
    pub fn process(&self) -> Option<u32> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::id)
    }

    /// The management API as an administrator.
    pub fn api(&self) -> Api {
        Api::new(self.management_port())
    }

    /// A new virtual host with a user of its own, who may do everything in it.
    pub async fn vhost(&self) -> Vhost {
        Vhost::create(self).await
    }

    /// Ends it cleanly and starts it again, with the same ports and data.
    pub async fn restart(&self) {
        self.stop().await;
        self.run();
        self.become_ready().await;
    }

    /// Ends it cleanly. What is durable stays for [`Self::resume`].
    pub async fn stop(&self) {
        let mut process = self.taken().expect("the broker runs");
        write_line(&mut process, "stop");
        let deadline = Instant::now() + STOP_WAIT;
        while process.try_wait().expect("the broker can be waited for").is_none() {
            assert!(Instant::now() < deadline, "the broker does not end: {}", self.log());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Starts it again after [`Self::stop`].
    pub async fn resume(&self) {
        self.run();
        self.become_ready().await;
    }

    /// Lets it have less memory than it has already: it takes no messages until [`Self::clear_memory_alarm`].
    pub async fn raise_memory_alarm(&self) {
        self.control(&["set_vm_memory_high_watermark", "absolute", MEMORY_TOO_LITTLE]).await;
        eventually("the memory alarm is raised", async || self.api().has_memory_alarm().await).await;
    }

    pub async fn clear_memory_alarm(&self) {
        self.control(&["set_vm_memory_high_watermark", "absolute", MEMORY]).await;
        eventually("the memory alarm is cleared", async || !self.api().has_memory_alarm().await).await;
    }

    /// Runs its own command line on it.
    async fn control(&self, arguments: &[&str]) {
        let command = self.root.control(&self.folder, &environment(&self.folder.inside, &self.ports), arguments);
        let mut command = tokio::process::Command::from(command);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = within(CONTROL_WAIT, "rabbitmqctl", command.output()).await.expect("a shell is there");
        let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(ended.status.success(), "rabbitmqctl {arguments:?}: {said:?}");
    }

    /// Ends it at once, as a power cut would, and throws its data away.
    pub fn kill(&self) {
        if let Some(mut process) = self.taken() {
            write_line(&mut process, "kill");
            // The shell ends with the broker: there is nothing more to do about it here.
            process.wait().ok();
        }
    }

    fn taken(&self) -> Option<Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn run(&self) {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("the log can be opened");
        let inside = &self.folder.inside;
        let mut command = self.root.command(&self.folder, &environment(inside, &self.ports));
        // A group of its own: Ctrl-C in the terminal ends the tests, and only then, by the pipe, the broker.
        command.process_group(0).stdin(Stdio::piped());
        command.stdout(log.try_clone().expect("the log can be shared")).stderr(log);
        let process = command.spawn().expect("a shell is there");
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
    }

    /// Waits for its listeners: 4.0 answers before it has any.
    async fn become_ready(&self) {
        let api = self.api();
        let deadline = Instant::now() + START_WAIT;
        while !api.has_listeners(&["amqp", "amqp/ssl", "stream"]).await {
            let ended = match &mut *self.process.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(process) => process.try_wait().expect("the broker can be waited for"),
                None => None,
            };
            assert!(ended.is_none(), "RabbitMQ {} ended while it started ({ended:?}):\n{}", self.release, self.log());
            assert!(Instant::now() < deadline, "RabbitMQ {} does not start:\n{}", self.release, self.log());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn log_file(&self) -> PathBuf {
        self.folder.outside.join("stdout.log")
    }

    /// The end of the broker's log.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_SHOWN_BYTES)..]).into_owned()
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.kill();
        // Only a stopped one still has its data.
        std::fs::remove_dir_all(&self.folder.outside).ok();
    }
}

fn write_line(process: &mut Child, line: &str) {
    if let Some(mut switch) = process.stdin.take() {
        // A broker that is gone already reads nothing.
        writeln!(switch, "{line}").ok();
    }
}

fn write_files(root: &Root, folder: &Folder, ports: &Ports, lines: &[&str], names: &[&str]) {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.outside.join(name), text).expect("a broker's folder can be written to");
    };
    for name in ["home", "data", "log", "schema", "config"] {
        std::fs::create_dir(folder.outside.join(name)).expect("a broker's folder can be written to");
    }
    AUTHORITY.write(&folder.outside.join("tls"), names);
    let Ports { amqp, amqps, management, stream, .. } = *ports;
    let inside = &folder.inside;
    write(
        "rabbitmq.conf",
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\n\
             listeners.ssl.1 = 127.0.0.1:{amqps}\n\
             ssl_options.cacertfile = {inside}/tls/ca.pem\n\
             ssl_options.certfile = {inside}/tls/server.pem\n\
             ssl_options.keyfile = {inside}/tls/server.key\n\
             ssl_options.verify = verify_none\n\
             ssl_options.fail_if_no_peer_cert = false\n\
             management.tcp.ip = 127.0.0.1\n\
             management.tcp.port = {management}\n\
             stream.listeners.tcp.1 = 127.0.0.1:{stream}\n\
             disk_free_limit.absolute = 200MB\n\
             vm_memory_high_watermark.absolute = {MEMORY}\n\
             {}{}\n",
            root.configuration(),
            lines.join("\n"),
        ),
    );
    write(
        "enabled_plugins",
        "[rabbitmq_management,rabbitmq_stream,rabbitmq_stream_management,rabbitmq_shovel,\
         rabbitmq_shovel_management,rabbitmq_consistent_hash_exchange].\n",
    );
}

fn environment(inside: &str, ports: &Ports) -> Vec<(&'static str, String)> {
    let in_folder = |name: &str| format!("{inside}/{name}");
    vec![
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".into()),
        ("LANG", "C.UTF-8".into()),
        ("HOME", in_folder("home")),
        // The same for all: each has an epmd of its own.
        ("RABBITMQ_NODENAME", "rmq@localhost".into()),
        ("RABBITMQ_CONF_ENV_FILE", "/nonexistent".into()),
        ("RABBITMQ_CONFIG_FILE", in_folder("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", in_folder("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", in_folder("data")),
        ("RABBITMQ_LOG_BASE", in_folder("log")),
        ("RABBITMQ_LOGS", "-".into()),
        ("RABBITMQ_FEATURE_FLAGS_FILE", in_folder("feature_flags")),
        ("RABBITMQ_PID_FILE", in_folder("pid")),
        ("RABBITMQ_SCHEMA_DIR", in_folder("schema")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", in_folder("config")),
        ("ERL_EPMD_PORT", ports.epmd.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        // Else it is reckoned from the broker's own, and may be none.
        ("RABBITMQ_CTL_DIST_PORT_MIN", "32768".into()),
        ("RABBITMQ_CTL_DIST_PORT_MAX", "60999".into()),
        ("ERL_CRASH_DUMP_SECONDS", "0".into()),
        // Without a shell in between, so that the signal reaches the broker.
        ("RABBITMQ_ALLOW_INPUT", "1".into()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-noinput -kernel inet_dist_use_interface {127,0,0,1}".into()),
    ]
}

/// The folder of a running broker, for tests that look at its files.
impl AsRef<Path> for Rabbit {
    fn as_ref(&self) -> &Path {
        &self.folder.outside
    }
}
