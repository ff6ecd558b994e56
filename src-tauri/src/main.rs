#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    if workbench::run_as_edit_worker() {
        return ExitCode::SUCCESS;
    }
    queuescope::run()
}
