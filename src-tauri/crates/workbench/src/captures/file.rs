//! The file of one capture: a narrow table for lists and sorting, a wide one with the bodies.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::{DeathReason, Message, MessageKey};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::head::Head;
use super::preview::preview;
use super::seal::{self, Seal};
use super::{Captured, Fate, MessageRow, Stored};
use crate::store::{CaptureRecord, parsed, time, unreadable};
use crate::{JobId, Result};

pub(super) const EXTENSION: &str = "qcap";
/// "qcap", so that a file tells what it is.
const APPLICATION: i64 = 0x7163_6170;
const VERSION: i64 = 2;
/// Of a capture that is not sealed: programs that know no other read it.
const PLAIN_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE about (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL) STRICT;
CREATE TABLE msg (
    n INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    message_id TEXT,
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    size INTEGER NOT NULL,
    deliveries INTEGER,
    redelivered INTEGER,
    published_at INTEGER,
    died_at INTEGER,
    reason TEXT,
    preview TEXT NOT NULL,
    only_here INTEGER NOT NULL,
    job TEXT,
    job_words TEXT
) STRICT;
";
const WIDE: &str = "
CREATE TABLE body (n INTEGER PRIMARY KEY REFERENCES msg (n), head TEXT NOT NULL, body BLOB NOT NULL) STRICT;
";

/// A message made ready to be written.
pub(super) struct Ready {
    key: String,
    only_here: bool,
    row: MessageRow,
    head: String,
    message: Arc<Message>,
}

impl Ready {
    /// Fails with [`crate::Error::Invalid`] where its headers are nested too deep to be kept.
    pub(super) fn new(captured: Captured) -> Result<Self> {
        let Captured { key, message, only_here } = captured;
        let head = Head::write(&message)?;
        let newest = message.deaths.first();
        let row = MessageRow {
            n: 0,
            key: key.to_string(),
            message_id: message.message_id().map(str::to_owned),
            exchange: message.routing.exchange.clone(),
            routing_key: message.routing.key.clone(),
            size: message.body.len() as u64,
            delivery_count: message.delivery_count,
            redelivered: message.redelivered,
            published_at: message.published_at(),
            died_at: newest.and_then(|death| death.at),
            reason: newest.map(|death| reason_words(&death.reason).to_owned()),
            preview: preview(&message.body),
            fate: Fate::InQueue,
        };
        Ok(Self { key: key.to_string(), only_here, row, head, message })
    }
}

fn reason_words(reason: &DeathReason) -> &str {
    match reason {
        DeathReason::Rejected => "rejected",
        DeathReason::Expired => "expired",
        DeathReason::MaxLength => "queue full",
        DeathReason::DeliveryLimit => "delivery limit",
        DeathReason::Other(word) => word,
    }
}

/// Makes the tables in an empty file.
pub(super) fn lay_out(connection: &Connection, sealed: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", 16 * 1024)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", if sealed { VERSION } else { PLAIN_VERSION })?;
    connection.execute_batch(SCHEMA)?;
    connection.execute_batch(if sealed { seal::SCHEMA } else { WIDE })
}

/// Whether heads and bodies are sealed in it.
pub(super) fn is_sealed(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? > PLAIN_VERSION)
}

/// Refuses the file of a newer program, or of another one.
pub(super) fn check_version(connection: &Connection) -> rusqlite::Result<()> {
    let found = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    match (found("application_id")?, found("user_version")?) {
        (APPLICATION, 1..=VERSION) => Ok(()),
        (APPLICATION, _) => Err(unreadable("it was written by a newer version of this program".into())),
        _ => Err(unreadable("it is not a capture".into())),
    }
}

/// Makes messages to be found by their keys. At the end: while they are added, such an index would be written anew with
/// every commit, since keys come in no order.
pub(super) fn index(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("CREATE INDEX IF NOT EXISTS msg_key ON msg (key)")
}

pub(super) fn write_about(transaction: &Transaction<'_>, record: &CaptureRecord) -> rusqlite::Result<()> {
    let json = serde_json::to_string(record).map_err(|error| unreadable(error.into()))?;
    transaction.execute("INSERT OR REPLACE INTO about VALUES (1, ?1)", [json])?;
    Ok(())
}

pub(super) fn read_about(connection: &Connection) -> rusqlite::Result<CaptureRecord> {
    let json: String = connection.query_row("SELECT json FROM about", [], |row| row.get(0))?;
    serde_json::from_str(&json).map_err(|error| unreadable(error.into()))
}

/// Adds them at the end; their numbers.
pub(super) fn add(
    transaction: &Transaction<'_>,
    messages: &[Ready],
    seal: Option<&Seal>,
) -> rusqlite::Result<Vec<u64>> {
    let last: u64 = transaction.query_row("SELECT coalesce(max(n), 0) FROM msg", [], |row| row.get(0))?;
    let mut narrow = transaction.prepare_cached(
        "INSERT INTO msg (n, key, message_id, exchange, routing_key, size, deliveries, redelivered, published_at, died_at,
             reason, preview, only_here) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    let table = if seal.is_some() { "sealed" } else { "body" };
    let mut wide = transaction.prepare_cached(&format!("INSERT INTO {table} (n, head, body) VALUES (?1, ?2, ?3)"))?;
    for (n, message) in (last + 1..).zip(messages) {
        let row = &message.row;
        narrow.execute(params![
            n,
            message.key,
            row.message_id,
            row.exchange.as_str(),
            row.routing_key,
            row.size,
            row.delivery_count,
            row.redelivered,
            row.published_at.map(|at| at.as_microsecond()),
            row.died_at.map(|at| at.as_microsecond()),
            row.reason,
            // What is sealed is nowhere in plain text.
            if seal.is_some() { "" } else { &row.preview },
            message.only_here,
        ])?;
        match seal {
            None => wide.execute(params![n, message.head, message.message.body])?,
            Some(seal) => {
                let (head, body) = seal.seal(n, &message.head, &message.message.body)?;
                wide.execute(params![n, head, body])?
            }
        };
    }
    Ok((last + 1..).take(messages.len()).collect())
}

/// One message with its body.
pub(super) fn load(connection: &Connection, n: u64) -> rusqlite::Result<Option<Stored>> {
    let sql = "SELECT key, only_here, head, body FROM msg JOIN body USING (n) WHERE n = ?1";
    let found = connection.prepare_cached(sql)?.query_row([n], |row| stored(row, n)).optional()?;
    Ok(found)
}

fn stored(row: &Row<'_>, n: u64) -> rusqlite::Result<Stored> {
    let key: MessageKey = parsed(&row.get::<_, String>(0)?)?;
    let message = Head::read(row.get_ref(2)?.as_str()?)?.into_message(row.get(3)?);
    Ok(Stored { n, key, message, only_here: row.get(1)? })
}

/// One message without its body, as it is shown.
pub(super) fn row(connection: &Connection, n: u64) -> rusqlite::Result<Option<MessageRow>> {
    let mut statement = connection.prepare_cached("SELECT * FROM msg WHERE n = ?1")?;
    statement.query_row([n], message_row).optional()
}

fn message_row(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let at = |column: &str| row.get::<_, Option<i64>>(column)?.map(time).transpose();
    let job: Option<String> = row.get("job")?;
    let fate = match job {
        Some(job) => Fate::Job { job: parsed(&job)?, words: row.get("job_words")? },
        None if row.get("only_here")? => Fate::OnlyHere,
        None => Fate::InQueue,
    };
    Ok(MessageRow {
        n: row.get("n")?,
        key: row.get("key")?,
        message_id: row.get("message_id")?,
        exchange: row.get::<_, String>("exchange")?.into(),
        routing_key: row.get("routing_key")?,
        size: row.get("size")?,
        delivery_count: row.get("deliveries")?,
        redelivered: row.get("redelivered")?,
        published_at: at("published_at")?,
        died_at: at("died_at")?,
        reason: row.get("reason")?,
        preview: row.get("preview")?,
        fate,
    })
}

/// Everything that is kept beside the body.
pub(super) fn head(connection: &Connection, n: u64) -> rusqlite::Result<Option<Head>> {
    let mut statement = connection.prepare_cached("SELECT head FROM body WHERE n = ?1")?;
    statement.query_row([n], |row| Head::read(row.get_ref(0)?.as_str()?)).optional()
}

/// In how many messages that key comes.
pub(super) fn twins(connection: &Connection, key: &str) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM msg WHERE key = ?1", [key], |row| row.get(0))
}

pub(super) fn keys(connection: &Connection) -> rusqlite::Result<Vec<(u64, MessageKey)>> {
    let mut statement = connection.prepare("SELECT n, key FROM msg ORDER BY n")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, parsed(&row.get::<_, String>(1)?)?)))?;
    rows.collect()
}

pub(super) fn message_ids(connection: &Connection) -> rusqlite::Result<BTreeMap<u64, String>> {
    let mut statement = connection.prepare("SELECT n, message_id FROM msg WHERE message_id IS NOT NULL")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// How many messages, and how many of them exist nowhere else.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let sql = "SELECT count(*), coalesce(sum(only_here), 0) FROM msg";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(super) fn set_only_here(transaction: &Transaction<'_>, numbers: &[u64], only_here: bool) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare("UPDATE msg SET only_here = ?2 WHERE n = ?1")?;
    numbers.iter().try_for_each(|n| statement.execute(params![n, only_here]).map(drop))
}

pub(super) fn set_fates(transaction: &Transaction<'_>, fates: &[(u64, JobId, String)]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare("UPDATE msg SET job = ?2, job_words = ?3 WHERE n = ?1")?;
    fates.iter().try_for_each(|(n, job, words)| statement.execute(params![n, job.to_string(), words]).map(drop))
}

/// On disk, with what has not been moved into the file yet.
pub(super) fn bytes_of(path: &Path) -> u64 {
    [path, &beside(path, "-wal")].iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
}

/// A file that SQLite keeps beside another.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
