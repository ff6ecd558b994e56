use std::fs::DirBuilder;
use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

/// Log files that are kept, one a day.
const FILES_MAX: usize = 7;
/// lapin logs whole messages at WARN, HTTP clients headers at DEBUG, the verifier certificates: none reaches a file.
const FILTER: &str =
    "info,lapin=off,amq_protocol=off,reqwest=warn,hyper=warn,hyper_util=warn,rustls=warn,rustls_platform_verifier=off";

/// Made before the store is opened, so the data folder may be made here: for its owner only.
fn private_folder() -> DirBuilder {
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder
}

/// Writes logs to `logs/` in the data folder until the guard is dropped. No payload and no secret is logged.
pub(crate) fn start(data_dir: &Path) -> Result<WorkerGuard, Box<dyn std::error::Error>> {
    let folder = data_dir.join("logs");
    private_folder().create(&folder)?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("queuescope")
        .filename_suffix("log")
        .max_log_files(FILES_MAX)
        .build(folder)?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_writer(writer)
        .with_ansi(false)
        .try_init()
        .map_err(|error| error.to_string())?;
    Ok(guard)
}
