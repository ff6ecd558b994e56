//! Lists that are computed once and kept at hand while the window shows them.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{CaptureId, Error, Result};

/// A list that is kept at hand.
pub(crate) trait Listed {
    type Id: Copy + PartialEq + Display;
    const WHAT: &'static str;
    /// So many are open at once; the one not used for longest is closed for another.
    const OPEN_MAX: usize;

    /// Whether it shows messages of that capture.
    fn shows(&self, capture: CaptureId) -> bool;
}

/// The lists of one kind that are open.
#[derive(Debug)]
pub(crate) struct Open<L: Listed>(Mutex<VecDeque<(L::Id, Arc<L>)>>);

impl<L: Listed> Default for Open<L> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<L: Listed> Open<L> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(L::Id, Arc<L>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, id: L::Id, list: L) {
        let mut open = self.lock();
        if open.len() == L::OPEN_MAX {
            open.pop_front();
        }
        open.push_back((id, Arc::new(list)));
    }

    pub(crate) fn get(&self, id: L::Id) -> Result<Arc<L>> {
        let mut open = self.lock();
        let found = open.iter().position(|(open, _)| *open == id).and_then(|place| open.remove(place));
        let (_, list) = found.ok_or_else(|| Error::NoSuch { what: L::WHAT, name: id.to_string() })?;
        open.push_back((id, Arc::clone(&list)));
        Ok(list)
    }

    pub(crate) fn close(&self, id: L::Id) {
        self.lock().retain(|(open, _)| *open != id);
    }

    pub(super) fn close_all_of(&self, capture: CaptureId) {
        self.lock().retain(|(_, list)| !list.shows(capture));
    }

    pub(super) fn shows(&self, capture: CaptureId) -> bool {
        self.lock().iter().any(|(_, list)| list.shows(capture))
    }
}
