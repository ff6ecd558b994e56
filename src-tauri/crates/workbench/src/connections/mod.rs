//! Open connections: their brokers, what they last said, and the lock on writes.

mod asking;
mod dead_letters;
mod exchanges;
mod inbox;
mod look;
mod open;
mod queues;
mod views;
mod watch;
mod writes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker::{Broker, Identity, Rules, Secret};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Error, Profile, ProfileId, Result, Workbench};

pub use inbox::{DeadLetterInbox, DeadLetterQueue};
pub(crate) use look::{LOOK_MESSAGES_MAX, LOOK_WAIT_MS, look_ask};
pub use views::{
    BindingView, ConnectionState, ConnectionView, Drain, ExchangeAsk, ExchangeColumn, ExchangePage, ExchangeRow,
    ExchangeView, FieldView, Freshness, GuardView, LookOffer, PolicyView, QueueAsk, QueueColumn, QueueFilter,
    QueuePage, QueueRow, QueueView, Writes,
};
pub(crate) use watch::Watched;

/// Everything that is open now.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<HashMap<ProfileId, Arc<Connection>>>,
    /// Being opened now; the token calls it off.
    opening: Mutex<HashMap<ProfileId, CancellationToken>>,
    /// Secrets of profiles that are asked each time, for this session only.
    asked: Mutex<HashMap<ProfileId, Secret>>,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    live: Mutex<Live>,
    watched: Mutex<Watched>,
    /// Wakes the poller: refresh now, or paused changed.
    wake: Notify,
    closed: CancellationToken,
}

/// What a deed needs of an open connection.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) profile: Profile,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) rules: Arc<dyn Rules>,
    pub(crate) identity: Identity,
}

/// A lock whose holder cannot panic half way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    pub(crate) fn live(&self) -> Live {
        lock(&self.live).clone()
    }

    pub(crate) fn watched(&self) -> MutexGuard<'_, Watched> {
        lock(&self.watched)
    }
}

impl Connections {
    fn get(&self, profile: ProfileId) -> Option<Arc<Connection>> {
        lock(&self.open).get(&profile).cloned()
    }

    fn all(&self) -> Vec<Arc<Connection>> {
        lock(&self.open).values().cloned().collect()
    }
}

impl Workbench {
    pub(crate) fn open_one(&self, profile: ProfileId) -> Result<Arc<Connection>> {
        self.inner.connections.get(profile).ok_or_else(|| Error::NotOpen(profile.to_string()))
    }

    /// The broker behind an open connection. [`Error::NotOpen`] where it is not.
    pub(crate) fn live(&self, profile: ProfileId) -> Result<Live> {
        Ok(self.open_one(profile)?.live())
    }
}
