//! The worker: edits bodies, one after the other, in a process of its own that may run out of memory, stack or time.

mod body;
mod jq;
mod json;
mod limits;
mod order;
mod text;

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

pub(super) use body::BodyStep;
use body::BodySteps;
use limits::Watchdog;
pub(super) use limits::{MEMORY_BYTES_MAX, TIME_MAX};

use super::Edit;
use super::frame::{self, Frame, Tag};

/// The one argument with which this program is a worker. Nobody else starts it so.
pub(super) const ARGUMENT: &str = "--queuescope-edit-worker";
/// The editor and its worker must be of one version: a program may be replaced while it runs.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where programs are read and run. The deepest that fit the bound on their length took 11 kB of it for each byte.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// Every program that edits messages calls this first: started as the worker that edits bodies, it serves that until its
/// standard input ends, and `true` says that there is nothing else to do.
pub fn run_as_edit_worker() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|argument| argument != ARGUMENT) || arguments.next().is_some() {
        return false;
    }
    // What a panic says may be made of a body.
    std::panic::set_hook(Box::new(|_| {}));
    // Where it fails the answers end, which the editor sees.
    if let Err(error) = limits::apply().and_then(|()| on_large_stack(serve_process)) {
        eprintln!("{error}");
    }
    true
}

fn serve_process() -> io::Result<()> {
    serve(&mut io::stdin().lock(), &mut io::stdout().lock(), &Watchdog::start()?)
}

fn serve(from: &mut impl Read, to: &mut impl Write, watchdog: &Watchdog) -> io::Result<()> {
    let Some(first) = frame::read(from)? else { return Ok(()) };
    let steps = match steps(&first) {
        Ok(steps) => steps,
        Err(why) => return frame::write(to, Tag::WhyNot, why.as_bytes()),
    };
    frame::write(to, Tag::Ready, VERSION.as_bytes())?;
    while let Some(Frame { tag, payload: body }) = frame::read(from)? {
        if tag != Tag::Body {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a body"));
        }
        let edited = watchdog.watch(|| catch_unwind(AssertUnwindSafe(|| steps.run(&body))));
        match edited {
            Ok(Ok(Some(edited))) => frame::write(to, Tag::Edited, &edited)?,
            Ok(Ok(None)) => frame::write(to, Tag::Same, &[])?,
            Ok(Err(why)) => frame::write(to, Tag::WhyNot, why.as_bytes())?,
            Err(_) => frame::write(to, Tag::WhyNot, b"the edit broke off: it asked for more than there is")?,
        }
    }
    Ok(())
}

fn steps(frame: &Frame) -> Result<BodySteps, String> {
    if frame.tag != Tag::Edit {
        return Err("an edit was expected".to_owned());
    }
    let edit: Edit = serde_json::from_slice(&frame.payload).map_err(|error| error.to_string())?;
    BodySteps::compile(&edit)
}

/// Runs `work` where the stack is large enough for what somebody wrote to be nested.
pub(super) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let started = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        match started.expect("the system has a thread left").join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests;
