//! The table of profiles. Never a secret.

use broker::Settings;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{parsed, time, unreadable, unworded, worded};
use crate::{Profile, ProfileId, SecretState};

pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE profile (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    -- The name in lower case: two names may not differ in case only.
    name_key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    settings TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
-- What was done once and is not to be done again.
CREATE TABLE once (name TEXT PRIMARY KEY) STRICT;
",
    "
-- Reached by an address that was given at the terminal, and not kept by its user: in no list.
ALTER TABLE profile ADD COLUMN unlisted INTEGER NOT NULL DEFAULT 0;
",
];

const COLUMNS: &str = "id, name, kind, environment, read_only, settings, secret, created_at";

impl Profile {
    pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let sql = format!("SELECT {COLUMNS} FROM profile WHERE NOT unlisted ORDER BY name_key");
        connection.prepare_cached(&sql)?.query_map([], Self::from_row)?.collect()
    }

    pub(crate) fn find(connection: &Connection, id: ProfileId) -> rusqlite::Result<Option<Self>> {
        let sql = format!("SELECT {COLUMNS} FROM profile WHERE id = ?1");
        connection.prepare_cached(&sql)?.query_row([id.to_string()], Self::from_row).optional()
    }

    /// Whether another profile has that name, upper and lower case alike.
    pub(crate) fn name_taken(connection: &Connection, id: ProfileId, name: &str) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM profile WHERE name_key = ?1 AND id <> ?2)";
        connection.query_row(sql, [name.to_lowercase(), id.to_string()], |row| row.get(0))
    }

    /// Adds it, or replaces what is kept of it.
    pub(crate) fn put(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.put_under(transaction, &self.name.to_lowercase())
    }

    /// Keeps it where no list shows it and its name takes none from others.
    pub(crate) fn put_unlisted(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let id = self.id.to_string();
        self.put_under(transaction, &id)?;
        transaction.execute("UPDATE profile SET unlisted = 1 WHERE id = ?1", [id])?;
        Ok(())
    }

    fn put_under(&self, transaction: &Transaction<'_>, name_key: &str) -> rusqlite::Result<()> {
        let settings = serde_json::to_string(&self.settings).unwrap_or_else(|_| unreachable!("a map of texts"));
        transaction.execute(
            "INSERT INTO profile (id, name, name_key, kind, environment, read_only, settings, secret, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET name = ?2, name_key = ?3, kind = ?4, environment = ?5, read_only = ?6,
                 settings = ?7, secret = ?8",
            params![
                self.id.to_string(),
                self.name,
                name_key,
                self.kind,
                worded(&self.environment),
                self.read_only,
                settings,
                worded(&self.secret),
                self.created_at.as_microsecond(),
            ],
        )?;
        Ok(())
    }

    pub(crate) fn set_secret_state(
        transaction: &Transaction<'_>,
        id: ProfileId,
        state: SecretState,
    ) -> rusqlite::Result<()> {
        transaction.execute("UPDATE profile SET secret = ?2 WHERE id = ?1", [id.to_string(), worded(&state)])?;
        Ok(())
    }

    pub(crate) fn delete(transaction: &Transaction<'_>, id: ProfileId) -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM profile WHERE id = ?1", [id.to_string()])?;
        Ok(())
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let settings: String = row.get("settings")?;
        Ok(Self {
            id: parsed(&row.get::<_, String>("id")?)?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            environment: unworded(row.get("environment")?)?,
            read_only: row.get("read_only")?,
            settings: settings_from(&settings)?,
            secret: unworded(row.get("secret")?)?,
            created_at: time(row.get("created_at")?)?,
        })
    }
}

fn settings_from(text: &str) -> rusqlite::Result<Settings> {
    serde_json::from_str(text).map_err(|error| unreadable(error.into()))
}

/// Whether this is the first time that it is asked for; from then on it is not.
pub(crate) fn first_time(transaction: &Transaction<'_>, what: &str) -> rusqlite::Result<bool> {
    Ok(transaction.execute("INSERT OR IGNORE INTO once (name) VALUES (?1)", [what])? == 1)
}
