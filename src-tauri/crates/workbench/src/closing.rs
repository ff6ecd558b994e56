//! Whether the window may close. While jobs run here it asks first, once: nothing can keep a window open for ever.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{AppEvent, Workbench};

/// Whether closing was asked about, and nobody chose to stay.
#[derive(Debug, Default)]
pub(crate) struct Asked(AtomicBool);

impl Workbench {
    /// Whether to close now. Where jobs run here the first request is held back, and [`AppEvent::CloseAsked`] has the window
    /// ask; the second one closes whatever the window does, which may hang.
    pub fn may_close_window(&self) -> bool {
        if !self.inner.jobs.runs_any() || self.inner.asked_to_close.0.swap(true, Ordering::Relaxed) {
            return true;
        }
        self.tell(AppEvent::CloseAsked);
        false
    }

    /// The user stays: the next request to close asks again.
    pub fn keep_open(&self) {
        self.inner.asked_to_close.0.store(false, Ordering::Relaxed);
    }
}
