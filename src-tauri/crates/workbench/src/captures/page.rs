//! What the window asks of captures.

use std::path::Path;

use broker::{FailedIn, Failure};
use rusqlite::Connection;

use super::{
    BodyView, Exported, MessagePage, MessageView, ViewAsk, ViewOpened, body, export, fields, file, no_such_message,
};
use crate::activity::NewActivity;
use crate::store::{CaptureRecord, in_background};
use crate::{Act, AppEvent, CaptureId, CaptureView, Error, Outcome, ProfileId, Result, ViewId, Workbench};

/// Messages in one page.
const PAGE_MAX: usize = 500;
/// Of a snapshot's name, in characters.
const NAME_MAX: usize = 120;
/// Of a snapshot's note, in characters.
const NOTE_MAX: usize = 4000;

impl Workbench {
    /// The captures of one profile and of files of nobody, or of all, newest first.
    pub async fn list_captures(&self, profile: Option<ProfileId>) -> Result<Vec<CaptureView>> {
        let records = self.inner.store.read(CaptureRecord::all).await?;
        let wanted = records.into_iter().filter(|record| profile.is_none_or(|profile| record.is_of(profile)));
        self.inner.captures.views_of(wanted.collect()).await
    }

    /// One capture. [`Error::NoSuch`] where it was dropped.
    pub async fn capture(&self, id: CaptureId) -> Result<CaptureView> {
        let record = self.inner.captures.record(id).await?;
        let keeping = self.inner.captures.keeping().await?;
        Ok(self.inner.captures.view_of(record, &keeping).await)
    }

    /// Names a capture: from then on it is a snapshot, which is kept until it is removed.
    pub async fn keep_snapshot(&self, id: CaptureId, name: String, note: String) -> Result<CaptureView> {
        let (name, note) = (name.trim().to_owned(), note.trim().to_owned());
        if name.is_empty() {
            return Err(Error::Invalid { why: "a snapshot needs a name".to_owned() });
        }
        if name.chars().count() > NAME_MAX || note.chars().count() > NOTE_MAX {
            let why = format!("a name has at most {NAME_MAX} characters, and a note {NOTE_MAX}");
            return Err(Error::Invalid { why });
        }
        let record = self.inner.captures.keep(id, name, note).await?;
        let words = format!("kept as `{}`", record.name.as_deref().unwrap_or_default());
        self.note_capture(Act::KeepSnapshot, &record, record.queue.to_string(), record.counted.messages, words).await?;
        let keeping = self.inner.captures.keeping().await?;
        Ok(self.inner.captures.view_of(record, &keeping).await)
    }

    /// Removes a capture and its file for good.
    ///
    /// Refused with [`crate::RefusedCode::CaptureHeld`] while a job needs it or messages exist only in it, and with
    /// [`crate::RefusedCode::Busy`] while it is being written.
    pub async fn remove_capture(&self, id: CaptureId) -> Result<()> {
        let record = self.inner.captures.record(id).await?;
        self.inner.captures.remove(id).await?;
        let words = record.name.as_ref().map_or_else(|| "removed".to_owned(), |name| format!("removed `{name}`"));
        self.note_capture(Act::RemoveCapture, &record, record.queue.to_string(), record.counted.messages, words).await
    }

    /// Filters and sorts a capture's messages and keeps the result at hand until it is closed.
    ///
    /// Fails with [`Error::Invalid`], which names the place, where the filter makes no sense.
    pub async fn open_view(&self, ask: ViewAsk) -> Result<ViewOpened> {
        let capture = self.capture(ask.capture).await?;
        let (view, shown) = self.inner.captures.open_view(&ask).await?;
        Ok(ViewOpened { view, capture, shown })
    }

    /// `n` messages of a view, at most 500, from that place on.
    pub async fn page_view(&self, view: ViewId, from: u64, n: u32) -> Result<MessagePage> {
        let open = self.inner.captures.inner.views.get(view)?;
        let first = usize::try_from(from).unwrap_or(usize::MAX).min(open.numbers.len());
        let n = usize::try_from(n).unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let numbers: Vec<u32> = open.numbers[first..].iter().copied().take(n).collect();
        let read = move |connection: &Connection| {
            numbers.iter().filter_map(|n| file::row(connection, u64::from(*n)).transpose()).collect()
        };
        let rows = open.readers.read(super::READING, read).await?;
        Ok(MessagePage { shown: open.numbers.len() as u64, from: first as u64, rows })
    }

    /// Closes a view. One that is not open is no error.
    pub fn close_view(&self, view: ViewId) {
        self.inner.captures.inner.views.close(view);
    }

    /// One message, whole but for its body.
    pub async fn show_message(&self, id: CaptureId, n: u64) -> Result<MessageView> {
        let record = self.inner.captures.record(id).await?;
        let read = move |connection: &Connection| {
            let Some(row) = file::row(connection, n)? else { return Ok(None) };
            let twins = file::twins(connection, &row.key)?;
            let start = body::read_part(connection, n, 0, Failure::BODY_BYTES_MAX)?.map(|part| part.0);
            let message = file::head(connection, n)?.map(|head| head.into_message(start.unwrap_or_default()));
            Ok(message.map(|message| (row, twins, message)))
        };
        let (row, twins, message) = self.inner.captures.read(id, read).await?.ok_or_else(|| no_such_message(n))?;
        let failed_in = match self.driver(&record.kind) {
            Ok(driver) => driver.rules().failed_in(&message),
            Err(_) => FailedIn::Unknown,
        };
        Ok(MessageView {
            row,
            content_type: message.content_type().map(str::to_owned),
            content_encoding: message.content_encoding().map(str::to_owned),
            headers: fields(&message.headers),
            properties: fields(&message.properties),
            failure: Failure::of(&message),
            deaths: message.deaths,
            failed_in,
            twins,
        })
    }

    /// A body as text, indented where that is possible; at most 1 MiB of it is looked at.
    pub async fn show_body(&self, id: CaptureId, n: u64) -> Result<BodyView> {
        let read = move |connection: &Connection| {
            let part = body::read_part(connection, n, 0, body::SHOWN_MAX)?;
            Ok(part.map(|(start, total)| body::shown(&start, total)))
        };
        self.inner.captures.read(id, read).await?.ok_or_else(|| no_such_message(n))
    }

    /// Bytes of a body as they were read from the broker, at most 1 MiB; empty behind its end.
    pub async fn read_body(&self, id: CaptureId, n: u64, from: u64, len: u32) -> Result<Vec<u8>> {
        let len = usize::try_from(len).unwrap_or(body::SHOWN_MAX).min(body::SHOWN_MAX);
        let read = move |connection: &Connection| body::read_part(connection, n, from, len);
        let part = self.inner.captures.read(id, read).await?.ok_or_else(|| no_such_message(n))?;
        Ok(part.0)
    }

    /// Writes a body to a new file, byte for byte, readable by its owner only.
    ///
    /// Fails with [`Error::Invalid`] where there is a file of that name already.
    pub async fn save_body(&self, id: CaptureId, n: u64, path: &Path) -> Result<Exported> {
        let record = self.inner.captures.record(id).await?;
        let from = (self.inner.captures.path(id), self.inner.captures.access(id).await?);
        let to = path.to_owned();
        let exported = in_background("save the body", move || export::save_body(from, n, &to)).await?;
        self.note_capture(Act::Export, &record, exported.path.clone(), 1, "saved a body".to_owned()).await?;
        Ok(exported)
    }

    async fn note_capture(
        &self,
        act: Act,
        record: &CaptureRecord,
        place: String,
        messages: u64,
        words: String,
    ) -> Result<()> {
        let note = NewActivity::local(act, record.profile, &record.profile_name)
            .place(place)
            .messages(messages)
            .outcome(Outcome::Done, words)
            .capture(record.id);
        self.note(note).await?;
        if act != Act::Export {
            self.tell(AppEvent::CapturesChanged);
        }
        Ok(())
    }

    pub(super) async fn note_export(&self, capture: CaptureId, exported: &Exported, form: &str) -> Result<()> {
        let record = self.inner.captures.record(capture).await?;
        let words = format!("{} messages as {form}", exported.messages);
        self.note_capture(Act::Export, &record, exported.path.clone(), exported.messages, words).await
    }
}

impl super::Captures {
    async fn keep(&self, id: CaptureId, name: String, note: String) -> Result<CaptureRecord> {
        let mut record = self.record(id).await?;
        record.name = Some(name.clone());
        record.note = note.clone();
        let about = record.clone();
        self.change(id, move |transaction| file::write_about(transaction, &about)).await?;
        let keep = move |transaction: &rusqlite::Transaction<'_>| CaptureRecord::keep(transaction, id, &name, &note);
        self.inner.store.write(keep).await?;
        Ok(record)
    }
}
