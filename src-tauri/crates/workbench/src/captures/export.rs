//! Messages as JSON, one a line, with nothing of them lost, or as CSV; bodies as files. A file appears under its name when it is
//! whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use broker::{Death, Message, QueueName, Table, Value};
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use tokio_util::sync::CancellationToken;

use super::{Access, Exported, Stored, body, csv, file, head, no_such_message, read_file};
use crate::store::{in_background, io_trouble};
use crate::{Error, Result, ViewId, Workbench};

const EXPORTING: &str = "export";
/// Messages between two words about how far it has come.
const PROGRESS_EVERY: u64 = 100;

/// How messages are written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum ExportFormat {
    /// One JSON object a line, with nothing lost: it can be imported.
    Jsonl,
    /// For spreadsheets, without formulas. Types are lost, and it cannot be imported.
    Csv,
}

impl ExportFormat {
    /// What comes before the first message.
    pub(super) fn head(self) -> Result<Vec<u8>> {
        match self {
            Self::Jsonl => Ok(Vec::new()),
            Self::Csv => csv::names(),
        }
    }

    pub(super) fn line(self, stored: &Stored, queue: &QueueName) -> Result<Vec<u8>> {
        match self {
            Self::Jsonl => line(stored, queue),
            Self::Csv => csv::line(stored),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Jsonl => "JSONL",
            Self::Csv => "CSV",
        }
    }
}

impl Workbench {
    /// Writes messages of a view to a new file, in its order: all, or those with these numbers. `progress` is
    /// told how many of how many are written. Synced when it answers; stopped by `cancel` it leaves nothing behind.
    ///
    /// Fails with [`Error::Invalid`] where there is a file of that name already, and with [`Error::Cancelled`].
    pub async fn export_view(
        &self,
        view: ViewId,
        numbers: Option<Vec<u64>>,
        format: ExportFormat,
        path: &Path,
        cancel: CancellationToken,
        progress: impl Fn(u64, u64) + Send + 'static,
    ) -> Result<Exported> {
        let open = self.inner.captures.inner.views.get(view)?;
        let record = self.inner.captures.record(open.capture).await?;
        let mut wanted: Vec<u64> = open.numbers.iter().copied().map(u64::from).collect();
        if let Some(mut numbers) = numbers {
            numbers.sort_unstable();
            wanted.retain(|n| numbers.binary_search(n).is_ok());
        }
        let from = (self.inner.captures.path(open.capture), self.inner.captures.access(open.capture).await?);
        let to = path.to_owned();
        // Whoever stops waiting stops the export too.
        let stopped = cancel.child_token();
        let waited_for = stopped.clone().drop_guard();
        let write = move || export(from, &record.queue, &wanted, format, &to, &stopped, &progress);
        let exported = in_background(EXPORTING, write).await?;
        drop(waited_for);
        self.note_export(open.capture, &exported, format.words()).await?;
        Ok(exported)
    }
}

fn export(
    (from, access): (PathBuf, Access),
    queue: &QueueName,
    numbers: &[u64],
    format: ExportFormat,
    to: &Path,
    stopped: &CancellationToken,
    progress: &(impl Fn(u64, u64) + Send),
) -> Result<Exported> {
    let mut out = NewFile::create(to)?;
    let of = numbers.len() as u64;
    out.write(&format.head()?)?;
    // The inner result is ours, the outer one SQLite's.
    let written = read_file(&from, access, |connection| {
        for (n, done) in numbers.iter().zip(0u64..) {
            if stopped.is_cancelled() {
                return Ok(Err(Error::Cancelled));
            }
            let Some(stored) = file::load(connection, *n)? else { return Ok(Err(no_such_message(*n))) };
            if let Err(error) = format.line(&stored, queue).and_then(|line| out.write(&line)) {
                return Ok(Err(error));
            }
            if (done + 1) % PROGRESS_EVERY == 0 || done + 1 == of {
                progress(done + 1, of);
            }
        }
        Ok(Ok(()))
    });
    written??;
    out.finish(of)
}

/// One message as JSON, with the line's end.
fn line(stored: &Stored, queue: &QueueName) -> Result<Vec<u8>> {
    // A level of tables is three of brackets.
    let depth = 3 * head::nesting(&stored.message.headers).max(head::nesting(&stored.message.properties));
    let line = head::with_room(depth, || serde_json::to_vec(&Line::new(stored, queue)));
    let mut line = line.map_err(|error| Error::Invalid { why: error.to_string() })?;
    line.push(b'\n');
    Ok(line)
}

/// A message as JSON. 64-bit numbers, NaN and infinities among its values are strings; what is not text is base64.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    key: String,
    queue: &'a QueueName,
    position: u64,
    exchange: &'a str,
    routing_key: &'a str,
    body: String,
    body_encoding: &'static str,
    content_type: Option<&'a str>,
    headers: &'a Table,
    #[serde(serialize_with = "by_name")]
    properties: &'a Table,
    deaths: &'a [Death],
    delivery_count: Option<u64>,
    redelivered: Option<bool>,
    size_bytes: u64,
    published_at: Option<Timestamp>,
}

impl<'a> Line<'a> {
    fn new(stored: &'a Stored, queue: &'a QueueName) -> Self {
        let message: &Message = &stored.message;
        let (body_encoding, body) = match std::str::from_utf8(&message.body) {
            Ok(text) => ("utf8", text.to_owned()),
            Err(_) => ("base64", BASE64.encode(&message.body)),
        };
        Self {
            key: stored.key.to_string(),
            queue,
            position: stored.n,
            exchange: message.routing.exchange.as_str(),
            routing_key: &message.routing.key,
            body,
            body_encoding,
            content_type: message.content_type(),
            headers: &message.headers,
            properties: &message.properties,
            deaths: &message.deaths,
            delivery_count: message.delivery_count,
            redelivered: message.redelivered,
            size_bytes: message.body.len() as u64,
            published_at: message.published_at(),
        }
    }
}

/// Properties have names of ours, each once: an object, unlike headers.
fn by_name<S: Serializer>(properties: &Table, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(properties.len()))?;
    for (name, value) in properties.iter() {
        let value: &Value = value;
        map.serialize_entry(&String::from_utf8_lossy(name.as_bytes()), value)?;
    }
    map.end()
}

/// Writes one body, a part at a time.
pub(super) fn save_body((from, access): (PathBuf, Access), n: u64, to: &Path) -> Result<Exported> {
    let mut out = NewFile::create(to)?;
    let written = read_file(&from, access, |connection| {
        let mut at = 0;
        loop {
            let Some((part, total)) = body::read_part(connection, n, at, body::SHOWN_MAX)? else {
                return Ok(Err(no_such_message(n)));
            };
            if let Err(error) = out.write(&part) {
                return Ok(Err(error));
            }
            at += part.len() as u64;
            if at >= total {
                return Ok(Ok(()));
            }
        }
    });
    written??;
    out.finish(1)
}

/// A file that gets its name when it is whole, and vanishes otherwise.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    out: BufWriter<File>,
    bytes: u64,
    finished: bool,
}

impl NewFile {
    /// Refuses where there is a file of that name, or of the name that it has until then.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if path.file_name().is_none() {
            return Err(Error::Invalid { why: format!("`{}` is no name of a file", path.display()) });
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        for taken in [path, &partial] {
            if fs::symlink_metadata(taken).is_ok() {
                return Err(already_there(taken));
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let out = options.open(&partial).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied => {
                Error::Invalid { why: format!("cannot write to `{}`: {error}", path.display()) }
            }
            _ => io_trouble(EXPORTING, &partial, &error),
        })?;
        Ok(Self { path: path.to_owned(), partial, out: BufWriter::new(out), bytes: 0, finished: false })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|error| io_trouble(EXPORTING, &self.partial, &error))
    }

    pub(crate) fn finish(mut self, messages: u64) -> Result<Exported> {
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        synced.map_err(|error| io_trouble(EXPORTING, &self.partial, &error))?;
        if fs::symlink_metadata(&self.path).is_ok() {
            return Err(already_there(&self.path));
        }
        fs::rename(&self.partial, &self.path).map_err(|error| io_trouble(EXPORTING, &self.path, &error))?;
        self.finished = true;
        Ok(Exported { path: self.path.display().to_string(), messages, bytes: self.bytes })
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = fs::remove_file(&self.partial)
        {
            tracing::warn!(%error, "an unfinished export could not be removed");
        }
    }
}

fn already_there(path: &Path) -> Error {
    let why = format!("there is a file `{}` already: choose another name, or remove it first", path.display());
    Error::Invalid { why }
}
