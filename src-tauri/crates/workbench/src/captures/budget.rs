//! Captures that nobody kept are dropped, oldest first, when they take more room than they may.

use super::Captures;
use crate::store::{CaptureRecord, CaptureState};
use crate::{CaptureId, Result};

/// What captures that nobody kept may take together.
const BUDGET_BYTES: u64 = 2 * 1024 * 1024 * 1024;

impl Captures {
    /// Drops the oldest captures over the budget: never a snapshot, never one that is being written, shown or held, and
    /// never one with messages that exist only in it. `newest` was just made and is spared.
    pub(super) async fn drop_over_budget(&self, newest: Option<CaptureId>) -> Result<()> {
        self.drop_over(BUDGET_BYTES, newest).await
    }

    pub(super) async fn drop_over(&self, bytes_max: u64, newest: Option<CaptureId>) -> Result<()> {
        let records = self.inner.store.read(CaptureRecord::all).await?;
        let unkept: Vec<_> = records.into_iter().filter(|record| record.name.is_none()).collect();
        let mut bytes: u64 = unkept.iter().map(|record| record.counted.bytes).sum();
        for record in unkept.iter().rev() {
            if bytes <= bytes_max {
                break;
            }
            let spared = Some(record.id) == newest || self.inner.views.shows(record.id);
            if spared || record.state == CaptureState::Writing {
                continue;
            }
            // Removing looks again, in the file itself, whether something needs it.
            match self.remove(record.id).await {
                Ok(()) => {
                    tracing::info!(capture = %record.id, "dropped a capture that nobody kept, over the budget");
                    bytes -= record.counted.bytes;
                }
                Err(error) => tracing::debug!(capture = %record.id, %error, "not dropped"),
            }
        }
        Ok(())
    }
}
