//! What became of the messages of a job, as a file: a table for spreadsheets, or lines of JSON.

use std::borrow::Cow;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RowFilter;
use crate::activity::NewActivity;
use crate::captures::{Exported, NewFile, inert};
use crate::store::{Entry, in_background};
use crate::{Act, Error, JobId, MessageState, Outcome, Result, Workbench};

/// How a list of messages is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum ResultFormat {
    /// A table with a head; no cell is taken for a formula.
    Csv,
    /// One object a line.
    Jsonl,
}

/// One message. Holds nothing of its body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    n: u64,
    message_id: Option<Cow<'a, str>>,
    key: Cow<'a, str>,
    state: MessageState,
    came_back: bool,
    why: Cow<'a, str>,
    written_at: Timestamp,
}

impl<'a> Line<'a> {
    fn of(entry: &'a Entry, written: fn(&'a str) -> Cow<'a, str>) -> Self {
        let row = &entry.row;
        Self {
            n: row.n,
            message_id: entry.message_id.as_deref().map(written),
            key: Cow::Owned(row.key.to_string()),
            state: row.state,
            came_back: entry.bounced,
            why: written(&row.why),
            written_at: entry.at,
        }
    }
}

/// Where the lines go, and how many there are.
struct Sheet {
    format: ResultFormat,
    file: NewFile,
    lines: u64,
}

impl Sheet {
    fn add(&mut self, entry: &Entry) -> Result<()> {
        let line = match self.format {
            ResultFormat::Csv => csv_line(&Line::of(entry, inert), self.lines == 0),
            ResultFormat::Jsonl => json_line(&Line::of(entry, Cow::Borrowed)),
        };
        self.lines += 1;
        self.file.write(&line.map_err(|why| Error::Invalid { why })?)
    }
}

fn csv_line(line: &Line<'_>, with_head: bool) -> Result<Vec<u8>, String> {
    let mut table = csv::WriterBuilder::new().has_headers(with_head).buffer_capacity(1024).from_writer(Vec::new());
    table.serialize(line).map_err(|error| error.to_string())?;
    table.into_inner().map_err(|error| error.to_string())
}

fn json_line(line: &Line<'_>) -> Result<Vec<u8>, String> {
    let mut bytes = serde_json::to_vec(line).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

impl Workbench {
    /// Writes what became of the messages of a job to a new file: those that ended so and hold that text. Synced when it
    /// answers.
    ///
    /// Fails with [`Error::Invalid`] where there is a file of that name already; then nothing is left behind.
    pub async fn export_job(
        &self,
        job: JobId,
        only: RowFilter,
        text: String,
        format: ResultFormat,
        path: &Path,
    ) -> Result<Exported> {
        let record = self.job_record(job).await?;
        let sheet = Sheet { format, file: NewFile::create(path)?, lines: 0 };
        let Sheet { file, lines, .. } =
            self.inner.store.each_job_entry(job, only, text, sheet, |sheet, entry| sheet.add(&entry)).await?;
        let exported = in_background("export", move || file.finish(lines)).await?;
        let note = NewActivity::local(Act::Export, record.profile, &record.profile_name)
            .place(exported.path.clone())
            .messages(exported.messages)
            .job(job);
        self.note(note.outcome(Outcome::Done, format!("the results of job {}", record.number))).await?;
        Ok(exported)
    }
}
