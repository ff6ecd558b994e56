//! Opening SQLite files: private to their owner, synced at every commit.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{io_trouble, sql_trouble};
use crate::Result;

/// How long one connection waits for another program's commit.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(10);
/// What a finished write-ahead log may keep on disk.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// Pages that a writer keeps in memory. Measured: for pages of 16 KiB SQLite takes four times as much, and more is not faster.
const WRITER_CACHE_KIB: i64 = 1024;
/// The same for each that reads: the system keeps the pages as well.
const READER_CACHE_KIB: i64 = 256;

/// A connection that may write, made for an existing file: write-ahead log, every commit synced.
pub(crate) fn open_writer(path: &Path) -> Result<Connection> {
    let doing = format!("open `{}`", path.display());
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_WAIT_MAX)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        #[cfg(target_os = "macos")]
        connection.pragma_update(None, "fullfsync", 1)?;
        connection.pragma_update(None, "foreign_keys", 1)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        Ok(connection)
    };
    open().map_err(|error| sql_trouble(&doing, &error))
}

/// A connection that refuses to write.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    // Opened for writing, because reading a write-ahead log needs its index, which may have to be made.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    connection.pragma_update(None, "query_only", 1)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// Makes an empty file that only its owner may read; SQLite gives the files beside it the same rights. Never opens one
/// that exists: closing it again would take away SQLite's locks on it within this process.
pub(crate) fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Makes a folder that only its owner may enter. One that exists keeps its rights: it may not be ours alone, and every
/// file that we put into it is private by itself.
pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| io_trouble("make the data folder", path, &error))
}
