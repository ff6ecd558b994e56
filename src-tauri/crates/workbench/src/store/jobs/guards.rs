//! Settings that were changed to make looking safe, to be taken back.

use broker::{GuardPlan, QueueName};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Store, json, unjson};
use crate::store::{now, time};
use crate::{ProfileId, Result};

impl Store {
    /// The change that is in place on that queue, and since when.
    pub(crate) async fn guard_of(
        &self,
        profile: ProfileId,
        queue: &QueueName,
    ) -> Result<Option<(GuardPlan, Timestamp)>> {
        let queue = queue.clone();
        self.read(move |connection| {
            let sql = "SELECT plan, applied_at FROM guard WHERE profile = ?1 AND queue = ?2 AND taken_back_at IS NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row(params![profile.to_string(), queue.as_str()], |row| {
                Ok((unjson(&row.get::<_, String>(0)?)?, time(row.get(1)?)?))
            });
            found.optional()
        })
        .await
    }

    /// Remembers a change. One that was remembered and not taken back is replaced.
    pub(crate) async fn keep_guard(&self, profile: ProfileId, plan: GuardPlan, applied_at: Timestamp) -> Result<()> {
        self.write(move |transaction| {
            transaction.execute(
                "INSERT INTO guard (profile, queue, plan, applied_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (profile, queue) WHERE taken_back_at IS NULL
                 DO UPDATE SET plan = excluded.plan, applied_at = excluded.applied_at",
                params![profile.to_string(), plan.queue.as_str(), json(&plan)?, applied_at.as_microsecond()],
            )?;
            Ok(())
        })
        .await
    }

    /// The change is taken back, or was not made.
    pub(crate) async fn drop_guard(&self, profile: ProfileId, queue: &QueueName) -> Result<()> {
        let queue = queue.clone();
        self.write(move |transaction| {
            transaction.execute(
                "UPDATE guard SET taken_back_at = ?3 WHERE profile = ?1 AND queue = ?2 AND taken_back_at IS NULL",
                params![profile.to_string(), queue.as_str(), now().as_microsecond()],
            )?;
            Ok(())
        })
        .await
    }
}
