//! Exported messages read back into a capture, with nothing of them lost: the whole file or nothing of it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use broker::{Death, Message, MessageKey, QueueName, Routing, Table, Value};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{CaptureSource, Captured, NewCapture, head, json};
use crate::activity::NewActivity;
use crate::store::{CaptureRecord, in_background, io_trouble};
use crate::{Act, AppEvent, CaptureView, Error, Outcome, ProfileId, Result, Workbench};

const IMPORTING: &str = "import";
/// Of one line, in bytes: twice the largest message that brokers take by default, written as base64, fits.
const LINE_BYTES_MAX: u64 = 384 * 1024 * 1024;
/// Messages that are in memory at once.
const BATCH_MESSAGES_MAX: usize = 256;
/// Bytes of lines that are in memory at once. One line may exceed it.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Brackets inside each other in one line: a level of tables is three, and a few are around them.
const BRACKETS_MAX: usize = 3 * head::NESTED_MAX + 8;

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ImportProgress {
    #[specta(type = u32)]
    pub messages: u64,
    /// Of the file.
    #[specta(type = u32)]
    pub bytes: u64,
    #[specta(type = u32)]
    pub bytes_total: u64,
}

impl Workbench {
    /// Reads an exported file into a new snapshot of that name. `of` is the profile whose messages they are, where one of
    /// them is: only there can they be sent. Stopped by `cancel` it leaves nothing behind.
    ///
    /// Fails with [`Error::Invalid`], which names the line, where the file is not an export, and with
    /// [`Error::Cancelled`]; then there is no snapshot.
    pub async fn import_capture(
        &self,
        path: &Path,
        name: String,
        of: Option<ProfileId>,
        cancel: CancellationToken,
        progress: impl Fn(ImportProgress) + Send + Sync,
    ) -> Result<CaptureView> {
        let (profile, profile_name) = match of {
            Some(id) => (id, self.profile(id).await?.name),
            None => (CaptureRecord::NO_PROFILE.into(), "from a file".to_owned()),
        };
        let mut lines = Lines::open(path)?;
        let mut batch;
        (lines, batch) = lines.next().await?;
        let Some(queue) = lines.queue.clone() else {
            return Err(Error::Invalid { why: format!("there is no message in `{}`", path.display()) });
        };
        let new = NewCapture { source: CaptureSource::Import, profile, profile_name, queue, of: None };
        let writer = self.inner.captures.create(new).await?;
        let id = writer.id();
        let mut read = 0;
        let written = async {
            while !batch.is_empty() {
                if cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                read += batch.len() as u64;
                writer.append(batch).await?;
                progress(ImportProgress { messages: read, bytes: lines.bytes, bytes_total: lines.bytes_total });
                (lines, batch) = lines.next().await?;
            }
            Ok(())
        };
        if let Err(error) = written.await {
            writer.abandon().await?;
            return Err(error);
        }
        writer.finish(format!("imported from `{}`", path.display())).await?;
        self.note_import(id, of, path, read).await?;
        self.keep_snapshot(id, name, String::new()).await
    }

    async fn note_import(&self, id: crate::CaptureId, of: Option<ProfileId>, path: &Path, read: u64) -> Result<()> {
        let record = self.inner.captures.record(id).await?;
        let note = NewActivity::local(Act::Import, record.profile, &record.profile_name)
            .place(path.display().to_string())
            .messages(read)
            .capture(id)
            .outcome(Outcome::Done, format!("{read} messages, of queue {}", record.queue));
        self.note(NewActivity { profile: of, ..note }).await?;
        self.tell(AppEvent::CapturesChanged);
        Ok(())
    }
}

/// The lines of a file, a batch at a time.
struct Lines {
    path: PathBuf,
    from: BufReader<File>,
    /// Read so far.
    count: u64,
    bytes: u64,
    /// Of the file when it was opened.
    bytes_total: u64,
    /// Of the first message, and so of all.
    queue: Option<QueueName>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        let cannot = |why: String| Error::Invalid { why: format!("cannot read `{}`: {why}", path.display()) };
        let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
        let about = file.metadata().map_err(|error| cannot(error.to_string()))?;
        if !about.is_file() {
            return Err(cannot("it is not a file".to_owned()));
        }
        let (path, from, bytes_total) = (path.to_owned(), BufReader::new(file), about.len());
        Ok(Self { path, from, count: 0, bytes: 0, bytes_total, queue: None })
    }

    /// The next messages; none at the file's end.
    async fn next(mut self) -> Result<(Self, Vec<Captured>)> {
        in_background(IMPORTING, move || {
            let batch = self.read()?;
            Ok((self, batch))
        })
        .await
    }

    fn read(&mut self) -> Result<Vec<Captured>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_MESSAGES_MAX && bytes < BATCH_BYTES_MAX {
            let mut line = Vec::new();
            let limited = self.from.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line);
            limited.map_err(|error| io_trouble(IMPORTING, &self.path, &error))?;
            if line.is_empty() {
                break;
            }
            self.count += 1;
            bytes += line.len();
            self.bytes += line.len() as u64;
            if !line.trim_ascii().is_empty() {
                batch.push(self.message(&line).map_err(|why| self.bad(&why))?);
            }
        }
        Ok(batch)
    }

    fn bad(&self, why: &str) -> Error {
        let why = format!("line {} of `{}` is no exported message: {why}", self.count, self.path.display());
        Error::Invalid { why }
    }

    fn message(&mut self, line: &[u8]) -> std::result::Result<Captured, String> {
        if line.len() as u64 > LINE_BYTES_MAX {
            return Err(format!("it is longer than {} MiB", LINE_BYTES_MAX / (1024 * 1024)));
        }
        let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        if !text.trim_start().starts_with('{') {
            return Err("it is not a JSON object; only what was exported as JSONL can be imported".to_owned());
        }
        let depth = json::nesting(text);
        if depth > BRACKETS_MAX {
            return Err(format!("it is nested {depth} deep"));
        }
        let read = || {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            deserializer.disable_recursion_limit();
            let read = Line::deserialize(&mut deserializer)?;
            deserializer.end().map(|()| read)
        };
        let read = head::with_room(depth, read).map_err(|error| in_words(&error))?;
        let queue = read.queue.clone();
        let captured = read.into_captured()?;
        match &self.queue {
            Some(first) if *first != queue => {
                return Err(format!(
                    "it is of queue `{queue}`, and the first one of `{first}`: a snapshot is of one queue"
                ));
            }
            Some(_) => {}
            None => self.queue = Some(queue),
        }
        Ok(captured)
    }
}

/// What a reader of JSON complains of, without the line that it counts: each line is a text of its own.
fn in_words(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return format!("it is cut off after {} bytes", error.column());
    }
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what}, at byte {}", error.column()),
        None => text,
    }
}

/// An exported line as it is read. What can be told from the rest is checked or left aside.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    key: MessageKey,
    queue: QueueName,
    #[serde(default, rename = "position")]
    _position: IgnoredAny,
    #[serde(default)]
    exchange: String,
    #[serde(default)]
    routing_key: String,
    body: String,
    body_encoding: BodyEncoding,
    #[serde(default, rename = "contentType")]
    _content_type: IgnoredAny,
    #[serde(default)]
    headers: Table,
    #[serde(default, deserialize_with = "by_name")]
    properties: Table,
    #[serde(default)]
    deaths: Vec<Death>,
    #[serde(default)]
    delivery_count: Option<u64>,
    #[serde(default)]
    redelivered: Option<bool>,
    #[serde(default)]
    size_bytes: Option<u64>,
    #[serde(default, rename = "publishedAt")]
    _published_at: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyEncoding {
    Utf8,
    Base64,
}

impl Line {
    fn into_captured(self) -> std::result::Result<Captured, String> {
        let body = match self.body_encoding {
            BodyEncoding::Utf8 => self.body.into_bytes(),
            BodyEncoding::Base64 => BASE64.decode(self.body).map_err(|_| "its body is not base64".to_owned())?,
        };
        if let Some(bytes) = self.size_bytes.filter(|bytes| *bytes != body.len() as u64) {
            return Err(format!("it says {bytes} bytes, and its body has {}", body.len()));
        }
        let depth = head::nesting(&self.headers).max(head::nesting(&self.properties));
        if depth > head::NESTED_MAX {
            return Err(format!("a header is nested {depth} deep, and at most {} can be kept", head::NESTED_MAX));
        }
        let message = Message {
            body,
            properties: self.properties,
            headers: self.headers,
            routing: Routing { exchange: self.exchange.into(), key: self.routing_key },
            deaths: self.deaths,
            delivery_count: self.delivery_count,
            redelivered: self.redelivered,
        };
        Ok(Captured { key: self.key, message: message.into(), only_here: false })
    }
}

/// Properties are an object, in its order.
fn by_name<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Table, D::Error> {
    struct Properties;

    impl<'de> Visitor<'de> for Properties {
        type Value = Table;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of properties")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<Table, A::Error> {
            let mut table = Table::new();
            while let Some((name, value)) = fields.next_entry::<String, Value>()? {
                table.push(name.as_str(), value);
            }
            Ok(table)
        }
    }

    deserializer.deserialize_map(Properties)
}
