//! How long copies are kept that nobody named: those of jobs for some days, and all of them only while there is room.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::Captures;
use crate::store::{self, CaptureRecord, CaptureState};
use crate::{AppEvent, CaptureId, CaptureSource, Error, Result, Workbench};

/// The name of the setting.
const SETTING: &str = "keepLimits";
/// Ten years.
const DAYS_MAX: u32 = 3_650;

/// How long, and how many bytes, copies are kept that nobody named. Never dropped by either: snapshots, copies that a job
/// needs, and copies of messages that exist nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct KeepLimits {
    /// Copies of jobs, from which they can be undone, are dropped so many days after the job ended.
    pub days: u32,
    /// All of them together; over it the oldest are dropped first.
    #[specta(type = u32)]
    pub bytes: u64,
}

impl Default for KeepLimits {
    fn default() -> Self {
        Self { days: 30, bytes: 2 * 1024 * 1024 * 1024 }
    }
}

/// How long a capture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Kept {
    /// A snapshot: until it is removed.
    Always,
    /// While a job needs it, or its messages exist nowhere else.
    WhileNeeded,
    /// Until then, and less long only where the room is needed.
    Until {
        #[specta(type = String)]
        at: Timestamp,
    },
    /// Until the room is needed.
    WhileThereIsRoom,
}

/// Captures that were dropped, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    #[specta(type = u32)]
    pub captures: u64,
    #[specta(type = u32)]
    pub messages: u64,
    #[specta(type = u32)]
    pub bytes: u64,
}

impl Dropped {
    fn add(&mut self, record: &CaptureRecord) {
        self.captures += 1;
        self.messages += record.counted.messages;
        self.bytes += record.counted.bytes;
    }
}

/// The limits, and what the captures that they are about take now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    pub limits: KeepLimits,
    #[specta(type = u32)]
    pub bytes_used: u64,
}

/// What decides how long captures are kept.
#[derive(Debug)]
pub(super) struct Keeping {
    limits: KeepLimits,
    /// When the last job ended that has its copies there.
    ended: HashMap<CaptureId, Timestamp>,
}

impl Keeping {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let limits = store::setting(connection, SETTING)?.unwrap_or_default();
        Ok(Self { limits, ended: CaptureRecord::ends_of_jobs(connection)? })
    }

    pub(super) fn with(self, limits: KeepLimits) -> Self {
        Self { limits, ..self }
    }

    pub(super) fn of(&self, record: &CaptureRecord) -> Kept {
        if record.name.is_some() {
            return Kept::Always;
        }
        if record.held.is_some() || record.state == CaptureState::Writing || record.counted.only_here > 0 {
            return Kept::WhileNeeded;
        }
        match record.source {
            CaptureSource::Peek | CaptureSource::CarefulLook | CaptureSource::Import => Kept::WhileThereIsRoom,
            CaptureSource::Job | CaptureSource::Take => {
                let ended = self.ended.get(&record.id).copied().unwrap_or(record.made_at).max(record.made_at);
                let kept = SignedDuration::from_hours(24 * i64::from(self.limits.days));
                Kept::Until { at: ended.checked_add(kept).unwrap_or(Timestamp::MAX) }
            }
        }
    }

    /// Those that may be dropped at all, oldest first.
    fn droppable<'a>(&self, newest_first: &'a [CaptureRecord]) -> Vec<(&'a CaptureRecord, Kept)> {
        let kept = newest_first.iter().rev().map(|record| (record, self.of(record)));
        kept.filter(|(_, kept)| matches!(kept, Kept::Until { .. } | Kept::WhileThereIsRoom)).collect()
    }
}

impl Captures {
    pub(super) async fn keeping(&self) -> Result<Keeping> {
        self.inner.store.read(Keeping::read).await
    }

    /// Drops what is too old or over the budget. `newest` was just made and is spared, as is what is shown.
    pub(super) async fn drop_unkept(&self, newest: Option<CaptureId>) -> Result<()> {
        let keeping = self.keeping().await?;
        self.sweep(&keeping, store::now(), newest, true).await.map(drop)
    }

    /// What is dropped at that time, or, without `removes`, would be.
    pub(super) async fn sweep(
        &self,
        keeping: &Keeping,
        now: Timestamp,
        newest: Option<CaptureId>,
        removes: bool,
    ) -> Result<Dropped> {
        let records = self.inner.store.read(CaptureRecord::all).await?;
        let droppable = keeping.droppable(&records);
        let mut bytes: u64 = droppable.iter().map(|(record, _)| record.counted.bytes).sum();
        let mut dropped = Dropped::default();
        for (record, kept) in droppable {
            let too_old = matches!(kept, Kept::Until { at } if at <= now);
            let spared = Some(record.id) == newest || self.is_shown(record.id);
            if spared || !(too_old || bytes > keeping.limits.bytes) {
                continue;
            }
            if removes {
                // Removing looks again, in the file itself, whether something needs it.
                if let Err(error) = self.remove(record.id).await {
                    tracing::debug!(capture = %record.id, %error, "not dropped");
                    continue;
                }
                tracing::info!(capture = %record.id, too_old, "dropped a capture that nobody kept");
            }
            bytes -= record.counted.bytes;
            dropped.add(record);
        }
        Ok(dropped)
    }
}

impl Workbench {
    /// How long copies are kept that nobody named, and what they take.
    pub async fn keep_limits(&self) -> Result<Room> {
        let captures = &self.inner.captures;
        let keeping = captures.keeping().await?;
        let records = captures.inner.store.read(CaptureRecord::all).await?;
        let bytes_used = keeping.droppable(&records).iter().map(|(record, _)| record.counted.bytes).sum();
        Ok(Room { limits: keeping.limits, bytes_used })
    }

    /// What these limits would drop at once.
    pub async fn would_drop(&self, limits: KeepLimits) -> Result<Dropped> {
        check(limits)?;
        let captures = &self.inner.captures;
        let keeping = captures.keeping().await?.with(limits);
        captures.sweep(&keeping, store::now(), None, false).await
    }

    /// Sets the limits and drops at once what is beyond them: from those copies nothing can be undone any more.
    ///
    /// [`Error::Invalid`] where it is for less than a day or more than ten years.
    pub async fn set_keep_limits(&self, limits: KeepLimits) -> Result<Dropped> {
        check(limits)?;
        let put = move |transaction: &store::Transaction<'_>| store::put_setting(transaction, SETTING, &limits);
        self.inner.store.write(put).await?;
        let captures = &self.inner.captures;
        let dropped = captures.sweep(&captures.keeping().await?, store::now(), None, true).await?;
        self.tell(AppEvent::CapturesChanged);
        Ok(dropped)
    }
}

fn check(limits: KeepLimits) -> Result<()> {
    if (1..=DAYS_MAX).contains(&limits.days) {
        return Ok(());
    }
    Err(Error::Invalid { why: format!("copies are kept for 1 to {DAYS_MAX} days") })
}
