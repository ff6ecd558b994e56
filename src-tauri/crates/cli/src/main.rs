//! qscope: the deeds of the workbench from a terminal. Data goes to standard output, everything else to standard error.

/// Messages are many small parts: this allocator takes a fifth of the time of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod args;
mod brokers;
mod commands;
mod connection;
mod consent;
mod failure;
mod jobs;
mod logs;
mod look;
mod messages;
mod out;
mod plan;
mod secret;
mod session;
mod summary;
mod table;
mod times;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::{Cli, Command};
use failure::{Exit, Failure};
use out::Out;
use session::Session;

/// What still runs when all is said and done is given so long; nothing of it is needed.
const LEAVE_WAIT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    // Memory would be handed out by 2 MiB, and some of it never used. Where that stays, nothing else changes.
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true).ok();
    if workbench::run_as_edit_worker() {
        return Exit::Done.into();
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(failure) = secret::in_arguments(&arguments) {
        Out::plain().failure(&failure);
        return failure.exit.into();
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody to show it to is no reason to end otherwise.
            error.print().ok();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8));
        }
    };
    let out = Out::new(cli.global.json, cli.global.quiet);
    match run(cli, &out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(cli: Cli, out: &Out) -> Result<Exit, Failure> {
    let command = match cli.command {
        Command::Completions(command) => return commands::manual::completions(command, out),
        Command::Man(command) => return commands::manual::man(command, out),
        command => command,
    };
    // Two TLS stacks are in the tree; without this the first handshake panics over which one to use.
    let installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    installed.map_err(|_| Failure::new("a TLS provider is installed already"))?;
    let data_dir = session::data_dir(cli.global.data_dir)?;
    let _logs = logs::start(&data_dir)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new(format!("could not start: {error}")))?;
    let ran = runtime.block_on(Session::run(data_dir, out.clone(), command));
    runtime.shutdown_timeout(LEAVE_WAIT);
    ran
}
