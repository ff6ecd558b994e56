//! Carries an edit out, message by message.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use broker::Message;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::frame::{self, Frame, Tag};
use super::worker::{ARGUMENT, MEMORY_BYTES_MAX, TIME_MAX, VERSION};
use super::{BODY_BYTES_MAX, Edit, headers};
use crate::Result;

/// For the program to start once more and to make the edit ready.
const START_WAIT: Duration = Duration::from_secs(10);
/// For a worker that ended to say why, and to be gone.
const END_WAIT: Duration = Duration::from_millis(300);
/// Of what a worker that ended says.
const LAST_WORDS_BYTES_MAX: u64 = 4096;
/// Workers lost one after the other, after which no further message is tried.
const LOST_MAX: usize = 5;

/// An edit, ready to be carried out on one message after the other. Starts a worker with the first body that is to be
/// edited, and anew after each one that it lost; dropped, it ends it.
#[derive(Debug)]
pub(crate) struct Editor {
    edit: Edit,
    program: PathBuf,
    worker: Option<Worker>,
    /// Why, of the workers lost since one answered.
    lost: Vec<String>,
}

impl Editor {
    /// [`crate::Error::Invalid`] where the edit can never be carried out. Starts nothing.
    pub(crate) fn new(edit: &Edit) -> Result<Self> {
        edit.check()?;
        // Where it is not known, the first body says so.
        let program = std::env::current_exe().unwrap_or_default();
        Ok(Self { edit: edit.clone(), program, worker: None, lost: Vec::new() })
    }

    /// The message after the edit: body and headers are changed, everything else is as it was.
    ///
    /// The error says why this message cannot be edited, and holds nothing of its body: not UTF-8, not JSON, an error of the
    /// program, no result or more than one, too large, too slow. It takes two seconds at the most, and ten more where a
    /// worker has to be started. May be dropped half way.
    pub(crate) async fn apply(&mut self, mut message: Message) -> Result<Message, String> {
        message.headers = headers::edited(&self.edit, &message.headers)?;
        if self.edit.edits_bodies() {
            message.body = self.edited(message.body).await?;
        }
        Ok(message)
    }

    async fn edited(&mut self, body: Vec<u8>) -> Result<Vec<u8>, String> {
        if body.len() > BODY_BYTES_MAX {
            return Err(format!("its body is larger than the {} MiB that can be edited", BODY_BYTES_MAX / 1024 / 1024));
        }
        if let Some(why) = self.lost.last().filter(|_| self.lost.len() >= LOST_MAX) {
            return Err(format!("not tried, after {LOST_MAX} messages without an answer; at the last one {why}"));
        }
        let answer = match self.ask(&body).await {
            Ok(answer) => answer,
            Err(why) => {
                self.lost.push(why.clone());
                return Err(why);
            }
        };
        self.lost.clear();
        match answer.tag {
            Tag::Edited => Ok(answer.payload),
            Tag::Same => Ok(body),
            _ => Err(String::from_utf8_lossy(&answer.payload).into_owned()),
        }
    }

    /// The worker's answer, or why it was lost.
    async fn ask(&mut self, body: &[u8]) -> Result<Frame, String> {
        // Out of reach while it is asked: dropped half way, it is ended and not asked again.
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(&self.program, &self.edit).await?,
        };
        match timeout(TIME_MAX, worker.ask(Tag::Body, body)).await {
            Ok(Ok(answer)) => {
                self.worker = Some(worker);
                Ok(answer)
            }
            Ok(Err(_)) => Err(worker.why_lost(false).await),
            Err(_) => Err(worker.why_lost(true).await),
        }
    }
}

/// This program, started again to edit bodies.
#[derive(Debug)]
struct Worker {
    process: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Worker {
    async fn start(program: &Path, edit: &Edit) -> Result<Self, String> {
        let mut worker = Self::spawn(program).map_err(|error| could_not_start(&error.to_string()))?;
        let edit = serde_json::to_vec(edit).map_err(|error| could_not_start(&error.to_string()))?;
        match timeout(START_WAIT, worker.ask(Tag::Edit, &edit)).await {
            Ok(Ok(Frame { tag: Tag::Ready, payload })) if payload == VERSION.as_bytes() => Ok(worker),
            Ok(Ok(Frame { tag: Tag::Ready, .. })) => {
                Err(could_not_start("this program was replaced by another version: start it again"))
            }
            Ok(Ok(Frame { payload, .. })) => Err(String::from_utf8_lossy(&payload).into_owned()),
            Ok(Err(_)) => Err(could_not_start("it does not answer as it should")),
            Err(_) => Err(could_not_start("it does not answer")),
        }
    }

    fn spawn(program: &Path) -> io::Result<Self> {
        let mut process = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self { process, to, from }),
            _ => Err(io::Error::other("its input and output are missing")),
        }
    }

    async fn ask(&mut self, tag: Tag, payload: &[u8]) -> io::Result<Frame> {
        frame::send(&mut self.to, tag, payload).await?;
        frame::receive(&mut self.from).await
    }

    /// Ends it, if it has not ended by itself, and says what happened.
    async fn why_lost(mut self, too_slow: bool) -> String {
        let said = if too_slow { String::new() } else { self.last_words().await };
        match timeout(END_WAIT, self.process.kill()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a worker could not be ended"),
            Err(_) => tracing::debug!("a worker is still ending"),
        }
        if too_slow {
            return format!("the edit took longer than {} ms and was ended", TIME_MAX.as_millis());
        }
        // The language's own words when a process ends so.
        if said.contains("overflowed its stack") {
            "the edit calls itself, or is nested, without end".to_owned()
        } else if said.contains("memory allocation of") {
            format!("the edit needs more than {} MiB of memory", MEMORY_BYTES_MAX / 1024 / 1024)
        } else {
            "the worker that edits bodies ended unexpectedly".to_owned()
        }
    }

    async fn last_words(&mut self) -> String {
        let Some(stderr) = self.process.stderr.take() else { return String::new() };
        let mut words = Vec::new();
        let read = timeout(END_WAIT, stderr.take(LAST_WORDS_BYTES_MAX).read_to_end(&mut words)).await;
        if !matches!(read, Ok(Ok(_))) {
            tracing::debug!("a worker did not say why it ended");
        }
        String::from_utf8_lossy(&words).into_owned()
    }
}

fn could_not_start(why: &str) -> String {
    format!("the worker that edits bodies could not be started: {why}")
}
