//! The table of settings: what the user chose for all of this computer, by name.

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::unreadable;

pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
"];

/// What was chosen under that name, if anything was.
pub(crate) fn setting<T: DeserializeOwned>(connection: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
    let found: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
    found.map(|value| serde_json::from_str(&value).map_err(|error| unreadable(error.into()))).transpose()
}

pub(crate) fn put_setting<T: Serialize>(transaction: &Transaction<'_>, name: &str, value: &T) -> rusqlite::Result<()> {
    let value = serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", [name, &value])?;
    Ok(())
}
