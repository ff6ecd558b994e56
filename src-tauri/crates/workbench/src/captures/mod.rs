//! Captures: durable local copies of messages, one file each, and everything that is shown of them.

mod body;
mod budget;
mod cells;
mod csv;
mod export;
mod fields;
mod file;
mod filter;
mod head;
mod import;
mod json;
mod keys;
mod lines;
mod open;
mod page;
mod preview;
mod scan;
mod seal;
mod search;
mod settle;
mod view;
mod views;
mod writer;
mod xml;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::{Message, MessageKey, QueueName};
use rusqlite::{Connection, Transaction};

use crate::groups::Grouping;
use crate::store::{
    CaptureRecord, CaptureState, Counted, SecretKeeper, Store, create_private_file, in_background, io_trouble,
    make_private_folder, now, open_reader, open_writer, sql_trouble,
};
use crate::{CaptureId, Error, JobId, Profile, ProfileId, RefusedCode, Result, StoreTrouble};

pub(crate) use body::shown as shown_body;
use budget::Keeping;
pub use budget::{Dropped, KeepLimits, Kept, Room};
pub(crate) use cells::inert;
pub use export::ExportFormat;
pub(crate) use export::NewFile;
pub(crate) use fields::{fields, words as value_words};
pub(crate) use filter::{Filter, json_at, path_of};
pub use import::ImportProgress;
pub(crate) use json::{compact as compact_json, indent as indent_json, is_json, trouble as json_trouble};
use keys::Keys;
pub use keys::{AtRest, ProfileAtRest};
pub(crate) use open::{Listed, Open};
pub(crate) use scan::{ScanAsk, Scanned};
use seal::{Key, Seal};
pub use search::{SearchAsk, SearchEnd, SearchHit, SearchStep};
use view::View;
pub use views::{
    BodyFormat, BodyView, CaptureSource, CaptureView, Exported, Fate, MessageColumn, MessagePage, MessageRow,
    MessageView, ViewAsk, ViewOpened,
};
pub(crate) use writer::CaptureWriter;

const READING: &str = "read the capture";
const WRITING: &str = "write the capture";

/// All captures of this computer. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Captures {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    store: Store,
    keys: Keys,
    views: Open<View>,
    groupings: Open<Grouping>,
}

/// A capture to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewCapture {
    pub(crate) source: CaptureSource,
    pub(crate) profile: ProfileId,
    pub(crate) profile_name: String,
    pub(crate) queue: QueueName,
    /// Ready in the queue when it is read, where that is known.
    pub(crate) of: Option<u64>,
}

/// A message to be copied.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    pub(crate) key: MessageKey,
    pub(crate) message: Arc<Message>,
    /// It exists nowhere else, or is about to.
    pub(crate) only_here: bool,
}

/// A message as it was copied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// Its number in the capture, from 1.
    pub(crate) n: u64,
    pub(crate) key: MessageKey,
    pub(crate) message: Message,
    pub(crate) only_here: bool,
}

impl Captures {
    /// Makes the folder. Nothing is looked at before [`Captures::settle`].
    pub(crate) async fn open(data_dir: &Path, store: Store, secrets: Arc<dyn SecretKeeper>) -> Result<Self> {
        let dir = data_dir.join("captures");
        let folder = dir.clone();
        in_background("open the captures", move || make_private_folder(&folder)).await?;
        let keys = Keys::new(store.clone(), secrets);
        Ok(Self { inner: Arc::new(Inner { dir, store, keys, views: Open::default(), groupings: Open::default() }) })
    }

    /// Makes an empty capture that is listed as being written until it is finished.
    pub(crate) async fn create(&self, new: NewCapture) -> Result<CaptureWriter> {
        let profile = new.profile;
        let known = self.inner.store.read(move |connection| Profile::find(connection, profile)).await?;
        let record = CaptureRecord {
            id: CaptureId::new(),
            source: new.source,
            profile,
            profile_name: new.profile_name,
            kind: known.map(|profile| profile.kind).unwrap_or_default(),
            queue: new.queue,
            made_at: now(),
            of: new.of,
            name: None,
            note: String::new(),
            state: CaptureState::Writing,
            counted: Counted::default(),
            outcome: String::new(),
            sealed: self.inner.keys.at_rest(profile).await? == AtRest::Encrypted,
            held: None,
        };
        CaptureWriter::create(self, record).await
    }

    /// Goes on writing a capture. [`RefusedCode::Busy`] where somebody is writing it.
    pub(crate) async fn reopen(&self, id: CaptureId) -> Result<CaptureWriter> {
        let record = self.record(id).await?;
        CaptureWriter::reopen(self, id, record.sealed).await
    }

    /// One message with its body.
    pub(crate) async fn load(&self, id: CaptureId, n: u64) -> Result<Stored> {
        let mut found = self.load_many(id, &[n]).await?;
        found.pop().ok_or_else(|| no_such_message(n))
    }

    /// These messages with their bodies, in the order asked for. All of them are in memory at once: ask for few.
    pub(crate) async fn load_many(&self, id: CaptureId, numbers: &[u64]) -> Result<Vec<Stored>> {
        let asked = numbers.to_vec();
        let read = move |connection: &Connection| {
            asked.iter().map(|n| Ok(file::load(connection, *n)?.ok_or(*n))).collect::<rusqlite::Result<Vec<_>>>()
        };
        let found = self.read(id, read).await?;
        found.into_iter().map(|stored| stored.map_err(no_such_message)).collect()
    }

    /// The keys of all its messages, by number.
    pub(crate) async fn keys(&self, id: CaptureId) -> Result<Vec<(u64, MessageKey)>> {
        self.read_lines(id, file::keys).await
    }

    /// What `wanted` finds in its messages, which come without their bodies.
    pub(crate) async fn find<T: Send + 'static>(
        &self,
        id: CaptureId,
        wanted: impl Fn(Message) -> Option<T> + Send + 'static,
    ) -> Result<Vec<T>> {
        let read = move |connection: &Connection| {
            let mut found = Vec::new();
            for (n, _) in file::keys(connection)? {
                found.extend(file::head(connection, n)?.and_then(|head| wanted(head.into_message(Vec::new()))));
            }
            Ok(found)
        };
        self.read(id, read).await
    }

    /// The ids that its messages were given by who sent them, by number.
    pub(crate) async fn message_ids(&self, id: CaptureId) -> Result<BTreeMap<u64, String>> {
        self.read_lines(id, file::message_ids).await
    }

    /// Says of these messages whether they exist nowhere else. Synced when it answers.
    pub(crate) async fn set_only_here(&self, id: CaptureId, numbers: &[u64], only_here: bool) -> Result<()> {
        let numbers = numbers.to_vec();
        self.change(id, move |transaction| file::set_only_here(transaction, &numbers, only_here)).await?;
        self.count_again(id).await
    }

    /// Says what a job did with these messages.
    pub(crate) async fn set_fate(&self, id: CaptureId, fates: &[(u64, JobId, String)]) -> Result<()> {
        let fates = fates.to_vec();
        self.change(id, move |transaction| file::set_fates(transaction, &fates)).await
    }

    /// Why it may not be removed now, or `None` where it may.
    pub(crate) async fn set_held(&self, id: CaptureId, why: Option<String>) -> Result<()> {
        let set = move |transaction: &Transaction<'_>| CaptureRecord::set_held(transaction, id, why.as_deref());
        if self.inner.store.write(set).await? { Ok(()) } else { Err(no_such_capture(id)) }
    }

    /// With what that capture is written; `None`: it is plain.
    async fn seal_of(&self, id: CaptureId, sealed: bool) -> Result<Option<Seal>> {
        if !sealed {
            return Ok(None);
        }
        let key = self.inner.keys.get().await.map_err(|why| Error::Store {
            doing: WRITING.to_owned(),
            why,
            kind: StoreTrouble::Other,
        })?;
        Ok(Some(Seal { capture: id, key }))
    }

    /// How that capture is read; one that is not listed is taken for plain.
    async fn access(&self, id: CaptureId) -> Result<Access> {
        let sealed = self.inner.store.read(move |connection| CaptureRecord::is_sealed(connection, id)).await?;
        Ok(if sealed { Access::Sealed(id, self.inner.keys.get().await) } else { Access::Plain })
    }

    /// The groups of messages that are kept at hand.
    pub(crate) fn groupings(&self) -> &Open<Grouping> {
        &self.inner.groupings
    }

    /// Whether a list that is open shows messages of it.
    fn is_shown(&self, id: CaptureId) -> bool {
        self.inner.views.shows(id) || self.inner.groupings.shows(id)
    }

    /// These messages without their bodies, as they are shown, in the order asked for; one that is not there is left out.
    pub(crate) async fn rows(&self, id: CaptureId, numbers: Vec<u32>) -> Result<Vec<MessageRow>> {
        let read = move |connection: &Connection| {
            numbers.iter().filter_map(|n| file::row(connection, u64::from(*n)).transpose()).collect()
        };
        self.read_lines(id, read).await
    }

    /// As they are listed.
    pub(crate) async fn views_of(&self, records: Vec<CaptureRecord>) -> Result<Vec<CaptureView>> {
        let keeping = self.keeping().await?;
        let mut views = Vec::with_capacity(records.len());
        for record in records {
            views.push(self.view_of(record, &keeping).await);
        }
        Ok(views)
    }

    /// As it is listed. One that is being written is counted anew.
    async fn view_of(&self, mut record: CaptureRecord, keeping: &Keeping) -> CaptureView {
        let kept = keeping.of(&record);
        let mut cut_short = record.state == CaptureState::CutShort;
        let mut held_by = record.held.clone();
        if record.state == CaptureState::Writing {
            cut_short = !self.is_being_written(record.id);
            held_by = held_by.or_else(|| (!cut_short).then(|| "it is being written".to_owned()));
            record.counted = self.counted(record.id).await.unwrap_or(record.counted);
        }
        let only_here = record.counted.only_here;
        CaptureView {
            id: record.id,
            name: record.name,
            note: record.note,
            source: record.source,
            profile: record.profile,
            profile_name: record.profile_name,
            queue: record.queue,
            made_at: record.made_at,
            messages: record.counted.messages,
            of: record.of,
            bytes: record.counted.bytes,
            outcome: record.outcome,
            encrypted: record.sealed,
            held_by: held_by.or_else(|| (only_here > 0).then(|| only_here_words(only_here))),
            cut_short,
            kept,
        }
    }

    pub(crate) async fn record(&self, id: CaptureId) -> Result<CaptureRecord> {
        let found = self.inner.store.read(move |connection| CaptureRecord::find(connection, id)).await?;
        found.ok_or_else(|| no_such_capture(id))
    }

    /// Removes a capture and its file. Refused while a job needs it, or messages exist only in it.
    pub(crate) async fn remove(&self, id: CaptureId) -> Result<()> {
        let record = self.record(id).await?;
        if let Some(why) = record.held {
            return Err(held(why));
        }
        let _lock = self.lock(id)?;
        // The list may be behind the file.
        if self.path(id).exists() {
            let only_here = self.counted(id).await?.only_here;
            if only_here > 0 {
                return Err(held(only_here_words(only_here)));
            }
        }
        // From the list first: a job that wants to hold it now learns that it is gone. A crash in between leaves the file,
        // which is then listed again.
        if !self.inner.store.write(move |transaction| CaptureRecord::delete(transaction, id)).await? {
            return Err(held("a job needs it".to_owned()));
        }
        self.inner.views.close_all_of(id);
        self.inner.groupings.close_all_of(id);
        let captures = self.clone();
        in_background("remove the capture", move || captures.delete_files(id)).await
    }

    /// Reads the file of a capture beside the async tasks.
    async fn read<T, F>(&self, id: CaptureId, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (path, access) = (self.path(id), self.access(id).await?);
        in_background(READING, move || read_file(&path, access, work)).await
    }

    /// The same for what a list shows, which is never sealed: no key is asked for.
    async fn read_lines<T, F>(&self, id: CaptureId, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let path = self.path(id);
        in_background(READING, move || read_file(&path, Access::Plain, work)).await
    }

    /// Changes the file of a capture that may be in use elsewhere: one transaction, synced when it answers.
    async fn change<T, F>(&self, id: CaptureId, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let path = self.path(id);
        in_background(WRITING, move || {
            must_exist(&path)?;
            let mut connection = open_writer(&path)?;
            let change = || {
                let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            };
            change().map_err(|error| sql_trouble(WRITING, &error))
        })
        .await
    }

    async fn counted(&self, id: CaptureId) -> Result<Counted> {
        let path = self.path(id);
        let (messages, only_here) = self.read_lines(id, file::count).await?;
        Ok(Counted { messages, only_here, bytes: file::bytes_of(&path) })
    }

    async fn count_again(&self, id: CaptureId) -> Result<()> {
        let counted = self.counted(id).await?;
        self.inner.store.write(move |transaction| CaptureRecord::count(transaction, id, counted)).await
    }

    fn path(&self, id: CaptureId) -> PathBuf {
        self.inner.dir.join(format!("{id}.{}", file::EXTENSION))
    }

    fn lock_path(&self, id: CaptureId) -> PathBuf {
        self.inner.dir.join(format!("{id}.lock"))
    }

    /// The right to write a capture or to remove it, held by one program at a time.
    fn lock(&self, id: CaptureId) -> Result<File> {
        let path = self.lock_path(id);
        let trouble = |error: &io::Error| io_trouble("lock the capture", &path, error);
        if let Err(error) = create_private_file(&path)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(trouble(&error));
        }
        let file = File::options().write(true).open(&path).map_err(|error| trouble(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::Error(error)) => Err(trouble(&error)),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(Error::Refused { code: RefusedCode::Busy, why: "the capture is being written".to_owned() })
            }
        }
    }

    fn is_being_written(&self, id: CaptureId) -> bool {
        let Ok(file) = File::options().write(true).open(self.lock_path(id)) else { return false };
        matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock))
    }

    fn delete_files(&self, id: CaptureId) -> Result<()> {
        let path = self.path(id);
        let beside = ["-wal", "-shm"].map(|suffix| file::beside(&path, suffix));
        for file in [path].into_iter().chain(beside).chain([self.lock_path(id)]) {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_trouble("remove the capture", &file, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// How a capture is read.
#[derive(Debug)]
enum Access {
    Plain,
    /// With the key, or why there is none.
    Sealed(CaptureId, std::result::Result<Key, String>),
}

/// Opens the file, reads, closes it.
fn read_file<T>(path: &Path, access: Access, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
    must_exist(path)?;
    let read = || {
        let connection = open_reader(path)?;
        file::check_version(&connection)?;
        if let Access::Sealed(id, key) = access {
            seal::open(&connection, id, key)?;
        }
        work(&connection)
    };
    read().map_err(|error| sql_trouble(&format!("{READING} `{}`", path.display()), &error))
}

fn must_exist(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    Err(Error::NoSuch { what: "file of this capture", name: path.display().to_string() })
}

fn no_such_capture(id: CaptureId) -> Error {
    Error::NoSuch { what: "capture", name: id.to_string() }
}

fn no_such_message(n: u64) -> Error {
    Error::NoSuch { what: "message in this capture with the number", name: n.to_string() }
}

fn held(why: String) -> Error {
    Error::Refused { code: RefusedCode::CaptureHeld, why }
}

fn only_here_words(messages: u64) -> String {
    match messages {
        1 => "1 message exists only here".to_owned(),
        more => format!("{more} messages exist only here"),
    }
}

#[cfg(test)]
mod tests;
