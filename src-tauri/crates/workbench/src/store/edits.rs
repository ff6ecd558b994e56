//! The table of edits that are kept by name.

use rusqlite::{Connection, Row, Transaction, params};

use super::{time, unreadable};
use crate::{Edit, EditRule};

pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE edit_rule (
    -- The name in lower case: two names may not differ in case only.
    name_key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    edit TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;
"];

impl EditRule {
    /// Adds it, or replaces the one of that name. Whether there was room among so many.
    pub(crate) fn put(&self, transaction: &Transaction<'_>, rules_max: u64) -> rusqlite::Result<bool> {
        let key = self.name.to_lowercase();
        let others = "SELECT count(*) FROM edit_rule WHERE name_key <> ?1";
        if transaction.query_row(others, [&key], |row| row.get::<_, u64>(0))? >= rules_max {
            return Ok(false);
        }
        let edit = serde_json::to_string(&self.edit).map_err(|error| unreadable(error.into()))?;
        transaction.execute(
            "INSERT OR REPLACE INTO edit_rule (name_key, name, edit, saved_at) VALUES (?1, ?2, ?3, ?4)",
            params![key, self.name, edit, self.saved_at.as_microsecond()],
        )?;
        Ok(true)
    }

    pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let sql = "SELECT name, edit, saved_at FROM edit_rule ORDER BY name_key";
        connection.prepare_cached(sql)?.query_map([], Self::from_row)?.collect()
    }

    /// Whether there was one of that name.
    pub(crate) fn delete(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
        Ok(transaction.execute("DELETE FROM edit_rule WHERE name_key = ?1", [name.to_lowercase()])? == 1)
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let edit: Edit =
            serde_json::from_str(&row.get::<_, String>("edit")?).map_err(|error| unreadable(error.into()))?;
        Ok(Self { name: row.get("name")?, edit, saved_at: time(row.get("saved_at")?)? })
    }
}
