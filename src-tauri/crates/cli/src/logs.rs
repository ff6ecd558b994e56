use std::fs::DirBuilder;
use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Log files that are kept, one a day.
const FILES_MAX: usize = 7;
/// lapin logs whole messages at WARN, HTTP clients headers at DEBUG, the verifier certificates: none reaches a file.
const FILTER: &str =
    "info,lapin=off,amq_protocol=off,reqwest=warn,hyper=warn,hyper_util=warn,rustls=warn,rustls_platform_verifier=off";

/// Writes logs to `logs/` in the data folder until the guard is dropped. No payload and no secret is logged. The folder
/// is made here if it is missing: for its owner only.
pub(crate) fn start(data_dir: &Path) -> Result<WorkerGuard, Failure> {
    let folder = data_dir.join("logs");
    let cannot =
        |why: String| Failure::new(format!("could not write to the data folder `{}`: {why}", data_dir.display()));
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).map_err(|error| cannot(error.to_string()))?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("qscope")
        .filename_suffix("log")
        .max_log_files(FILES_MAX)
        .build(folder)
        .map_err(|error| cannot(error.to_string()))?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_writer(writer)
        .with_ansi(false)
        .try_init()
        .map_err(|error| cannot(error.to_string()))?;
    Ok(guard)
}
