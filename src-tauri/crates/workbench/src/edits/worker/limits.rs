//! What the worker may use: memory and time, no files, no traces.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// For one body: some megabytes of JSON take so long. Then the editor ends the worker.
pub(in crate::edits) const TIME_MAX: Duration = Duration::from_millis(1500);
/// Beyond what the program itself takes. Bounded by the system on Linux; elsewhere only the time is bounded.
pub(in crate::edits) const MEMORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// After so long the worker ends itself: whoever waited for it is gone.
const ALONE_MAX: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Limits this process for good, before it reads anything.
#[cfg(unix)]
pub(super) fn apply() -> io::Result<()> {
    use rlimit::Resource;

    if cfg!(target_os = "linux") {
        let room = address_space()? + super::STACK_BYTES as u64 + MEMORY_BYTES_MAX;
        Resource::AS.set(room, room)?;
    }
    // A core would hold a body, and no file is opened or written from here on.
    Resource::CORE.set(0, 0)?;
    Resource::FSIZE.set(0, 0)?;
    Resource::NOFILE.set(0, 0)
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "there is nothing here that can fail; elsewhere there is")]
pub(super) fn apply() -> io::Result<()> {
    Ok(())
}

/// What the program itself takes of it, in bytes: a program with a window maps much that is no memory.
#[cfg(unix)]
fn address_space() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix("kB"));
    let kilobytes = kilobytes.and_then(|number| number.trim().parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| io::Error::other("the system does not tell its size"))
}

/// Ends this process when one body takes far too long: then nobody is left to do it.
#[derive(Debug)]
pub(super) struct Watchdog {
    began: Arc<Mutex<Option<Instant>>>,
}

impl Watchdog {
    pub(super) fn start() -> io::Result<Self> {
        let began: Arc<Mutex<Option<Instant>>> = Arc::default();
        let seen = began.clone();
        thread::Builder::new().spawn(move || {
            loop {
                thread::sleep(LOOK_AGAIN);
                let began = *seen.lock().unwrap_or_else(PoisonError::into_inner);
                if began.is_some_and(|began| began.elapsed() > ALONE_MAX) {
                    std::process::abort();
                }
            }
        })?;
        Ok(Self { began })
    }

    /// Does the work under watch.
    pub(super) fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        self.set(Some(Instant::now()));
        let done = work();
        self.set(None);
        done
    }

    fn set(&self, began: Option<Instant>) {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = began;
    }
}
