//! Bringing the small database to this program's version: checked first, copied aside first, and never by two at once.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::{
    activity, captures, create_private_file, drafts, edits, io_trouble, jobs, open_writer, plans, profiles, settings,
    sql_trouble,
};
use crate::{Error, Result, StoreTrouble};

const FILE: &str = "queuescope.db";
const LOCK: &str = "queuescope.lock";
/// How long another program may take to migrate before we give up waiting.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(20);
const LOCK_LOOK_AGAIN: Duration = Duration::from_millis(50);
const OPENING: &str = "open the store";

/// Every migration, in the order in which they were released: only ever appended to.
fn migrations() -> Vec<&'static str> {
    let first = [profiles::MIGRATIONS[0], captures::MIGRATIONS[0], activity::MIGRATIONS[0]];
    let (jobs, more) = jobs::MIGRATIONS.split_at(3);
    let then = [profiles::MIGRATIONS[1], edits::MIGRATIONS[0], plans::MIGRATIONS[0], settings::MIGRATIONS[0]];
    let last = drafts::MIGRATIONS.iter().chain(&captures::MIGRATIONS[1..]);
    first.iter().chain(jobs).chain(&then).chain(more).chain(last).copied().collect()
}

/// Makes the database ready: its path, and the lock to hold while it is open.
pub(super) fn prepare(data_dir: &Path) -> Result<(PathBuf, File)> {
    let path = data_dir.join(FILE);
    match create_private_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(io_trouble(OPENING, &path, &error));
        }
        _ => {}
    }
    let lock_path = data_dir.join(LOCK);
    let lock = open_lock(&lock_path).map_err(|error| io_trouble(OPENING, &lock_path, &error))?;
    let waited_since = Instant::now();
    loop {
        if try_lock(lock.try_lock(), &lock_path)? {
            migrate(&path, &migrations())?;
            // From here on others may open it too.
            lock.unlock().map_err(|error| io_trouble(OPENING, &lock_path, &error))?;
        }
        if try_lock(lock.try_lock_shared(), &lock_path)? {
            if pending(&path, &migrations())? == 0 {
                return Ok((path, lock));
            }
            lock.unlock().map_err(|error| io_trouble(OPENING, &lock_path, &error))?;
        }
        if waited_since.elapsed() > LOCK_WAIT_MAX {
            let why = "another program of an older version has it open: close that one first".to_owned();
            return Err(Error::Store { doing: OPENING.to_owned(), why, kind: StoreTrouble::Other });
        }
        thread::sleep(LOCK_LOOK_AGAIN);
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn try_lock(tried: Result<(), TryLockError>, path: &Path) -> Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(io_trouble(OPENING, path, &error)),
    }
}

/// How many migrations the file lacks. Refuses a damaged file and one of a newer program.
fn pending(path: &Path, migrations: &[&str]) -> Result<usize> {
    let connection = open_writer(path).map_err(|error| damaged(path, error))?;
    check(&connection, path)?;
    missing(&connection, path, migrations)
}

fn migrate(path: &Path, migrations: &[&str]) -> Result<()> {
    let mut connection = open_writer(path).map_err(|error| damaged(path, error))?;
    check(&connection, path)?;
    let missing = missing(&connection, path, migrations)?;
    if missing == 0 {
        return Ok(());
    }
    let version = migrations.len() - missing;
    if version > 0 {
        copy_aside(&connection, path, version)?;
    }
    let steps = migrations.iter().map(|sql| M::up(sql)).collect();
    Migrations::new(steps).to_latest(&mut connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => sql_trouble("migrate the store", &err),
        other => {
            Error::Store { doing: "migrate the store".to_owned(), why: other.to_string(), kind: StoreTrouble::Other }
        }
    })
}

fn missing(connection: &Connection, path: &Path, migrations: &[&str]) -> Result<usize> {
    let version: usize = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| sql_trouble(OPENING, &error))?;
    migrations.len().checked_sub(version).ok_or_else(|| Error::Store {
        doing: OPENING.to_owned(),
        why: format!("`{}` was written by a newer version of this program: use that one", path.display()),
        kind: StoreTrouble::NewerVersion,
    })
}

fn check(connection: &Connection, path: &Path) -> Result<()> {
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(damaged_because(path, &verdict)),
        Err(error) => Err(damaged(path, sql_trouble(OPENING, &error))),
    }
}

/// Names the file and what to do, where the error says that the file is damaged.
fn damaged(path: &Path, error: Error) -> Error {
    match error {
        Error::Store { kind: StoreTrouble::Corrupted, why, .. } => damaged_because(path, &why),
        other => other,
    }
}

fn damaged_because(path: &Path, found: &str) -> Error {
    let why = format!(
        "`{}` is damaged ({found}); nothing was deleted: put a copy of it back, or move it away to start with an empty \
         one. The captures in the folder beside it are whole and will be listed again",
        path.display()
    );
    Error::Store { doing: OPENING.to_owned(), why, kind: StoreTrouble::Corrupted }
}

/// A whole copy beside the file, as it was at that version.
fn copy_aside(connection: &Connection, path: &Path, version: usize) -> Result<()> {
    const DOING: &str = "copy the store aside before migrating it";
    let copy = path.with_extension(format!("db.v{version}"));
    let unfinished = path.with_extension(format!("db.v{version}.partial"));
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_trouble(DOING, &unfinished, &error)),
        _ => {}
    }
    // An empty file is taken as a new database, and keeps the rights that it was made with.
    create_private_file(&unfinished).map_err(|error| io_trouble(DOING, &unfinished, &error))?;
    connection.backup("main", &unfinished, None).map_err(|error| sql_trouble(DOING, &error))?;
    fs::rename(&unfinished, &copy).map_err(|error| io_trouble(DOING, &copy, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged_or(result: Result<()>) -> StoreTrouble {
        match result {
            Err(Error::Store { kind, .. }) => kind,
            other => panic!("expected the store to be refused, not {other:?}"),
        }
    }

    #[test]
    fn every_migration_of_every_table_is_in_the_list_once() {
        let listed = migrations();
        let tables = [
            profiles::MIGRATIONS,
            captures::MIGRATIONS,
            activity::MIGRATIONS,
            jobs::MIGRATIONS,
            edits::MIGRATIONS,
            plans::MIGRATIONS,
            settings::MIGRATIONS,
            drafts::MIGRATIONS,
        ]
        .concat();
        assert_eq!(listed.len(), tables.len());
        for sql in tables {
            assert_eq!(listed.iter().filter(|other| **other == sql).count(), 1, "{sql}");
        }
    }

    #[test]
    fn an_older_store_is_copied_aside_and_migrated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        create_private_file(&path).unwrap();
        let old = ["CREATE TABLE a (x INTEGER)"];
        migrate(&path, &old).unwrap();
        open_writer(&path).unwrap().execute("INSERT INTO a VALUES (7)", []).unwrap();
        migrate(&path, &[old[0], "CREATE TABLE b (y INTEGER); DELETE FROM a"]).unwrap();

        let copy = open_writer(&dir.path().join("queuescope.db.v1")).unwrap();
        let kept: i64 = copy.query_row("SELECT x FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 7, "the copy holds what the migration took away");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join("queuescope.db.v1")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "the copy is private too");
        }
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        create_private_file(&path).unwrap();
        let old = "CREATE TABLE a (x INTEGER)";
        migrate(&path, &[old]).unwrap();
        assert!(migrate(&path, &[old, "CREATE TABLE b (y INTEGER)", "not sql"]).is_err());
        assert_eq!(pending(&path, &[old]).unwrap(), 0, "it is still of the first version");
    }

    #[test]
    fn a_newer_store_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        create_private_file(&path).unwrap();
        migrate(&path, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"]).unwrap();
        assert_eq!(damaged_or(migrate(&path, &["CREATE TABLE a (x)"])), StoreTrouble::NewerVersion);
    }

    #[test]
    fn a_store_that_another_program_has_open_is_not_migrated_under_it() {
        let dir = tempfile::tempdir().unwrap();
        let (_, held) = prepare(dir.path()).unwrap();
        let (_, beside) = prepare(dir.path()).unwrap();
        let other = open_lock(&dir.path().join(LOCK)).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)), "two share it: nobody has it alone");
        drop((held, beside));
        other.try_lock().unwrap();
    }
}
