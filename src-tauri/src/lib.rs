//! The shell: the only Rust that knows Tauri. Opens the store, builds the workbench, registers the commands.

mod app;
mod bindings;
mod commands;
mod logs;
mod notices;
#[cfg(test)]
mod story;
mod stream;

use std::process::ExitCode;

/// Opens the window and stays until it is closed.
pub fn run() -> ExitCode {
    match app::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "could not start");
            eprintln!("could not start Queuescope: {error}");
            ExitCode::FAILURE
        }
    }
}
