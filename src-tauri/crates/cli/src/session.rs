//! One command from beginning to end: the workbench is opened, the command runs, everything is closed.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use workbench::{Door, Keychain, Options, Workbench};

use crate::args::Command;
use crate::brokers::drivers;
use crate::commands;
use crate::failure::{Exit, Failure};
use crate::out::Out;

/// The name under which the window keeps its data.
const IDENTIFIER: &str = "app.queuescope.desktop";

/// What a command works with.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) workbench: Workbench,
    pub(crate) out: Out,
    /// Stops between two steps.
    pub(crate) stop: CancellationToken,
}

/// Where everything is kept: as told, or where the window keeps it.
pub(crate) fn data_dir(told: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let told = told.filter(|folder| !folder.as_os_str().is_empty());
    let found = told.or_else(|| dirs::data_dir().map(|folder| folder.join(IDENTIFIER)));
    found.ok_or_else(|| {
        Failure::usage("it is not known where data is kept here").remedy("name a folder with --data-dir")
    })
}

impl Session {
    /// Runs the command. The first interruption stops it where that is harmless, the second one leaves at once.
    pub(crate) async fn run(data_dir: PathBuf, out: Out, command: Command) -> Result<Exit, Failure> {
        let options = Options { data_dir, drivers: drivers(), secrets: Arc::new(Keychain::default()) };
        let workbench = Workbench::open(options).await?;
        workbench.enter_by(Door::CommandLine);
        let session = Self { workbench, out, stop: CancellationToken::new() };
        let at_once = session.listen_for_interruptions();
        let ran = async {
            let ran = Box::pin(commands::run(&session, command)).await;
            session.workbench.close().await;
            ran
        };
        tokio::select! {
            ran = ran => ran,
            () = at_once.cancelled() => {
                let messages = "what was under way is in the journal: `qscope jobs list` says how far it came";
                Err(Failure::interrupted().messages(messages))
            }
        }
    }

    /// Something that may be dropped half way.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Failure::interrupted()),
            done = work => done,
        }
    }

    fn listen_for_interruptions(&self) -> CancellationToken {
        let (stop, at_once, out) = (self.stop.clone(), CancellationToken::new(), self.out.clone());
        let second = at_once.clone();
        tokio::spawn(async move {
            interrupted().await;
            stop.cancel();
            out.progress_ends();
            out.note("stopping; once more to leave at once, which is as safe as kill -9");
            interrupted().await;
            second.cancel();
        });
        at_once
    }
}

/// Ctrl-C, or being told to end. Never, where the system does not tell.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => return,
                told = tokio::signal::ctrl_c() => if told.is_ok() { return },
            }
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        return;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_finds_the_windows_data() {
        let window = include_str!("../../../tauri.conf.json");
        assert!(window.contains(&format!("\"identifier\": \"{IDENTIFIER}\"")), "{window}");
        let found = data_dir(None).expect("there is a home");
        assert!(found.ends_with(IDENTIFIER), "{}", found.display());
        assert_eq!(data_dir(Some("/tmp/a".into())).expect("told"), PathBuf::from("/tmp/a"));
    }
}
