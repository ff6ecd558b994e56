use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::{Driver, QueueName};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::captures::Captures;
use crate::closing::Asked;
use crate::connections::Connections;
use crate::door::OwnDoor;
use crate::jobs::Jobs;
use crate::store::{SecretKeeper, Store};
use crate::{CaptureId, ConnectionView, Error, JobId, JobNotice, Result};

/// Events that wait for a slow listener; a listener that falls behind is told to read everything anew.
const EVENTS_MAX: usize = 1024;

/// Everything that the window and the command line can do. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Workbench {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) data_dir: PathBuf,
    pub(crate) drivers: Vec<Arc<dyn Driver>>,
    pub(crate) secrets: Arc<dyn SecretKeeper>,
    pub(crate) store: Store,
    pub(crate) connections: Connections,
    pub(crate) captures: Captures,
    pub(crate) jobs: Jobs,
    pub(crate) door: OwnDoor,
    pub(crate) asked_to_close: Asked,
    pub(crate) events: broadcast::Sender<AppEvent>,
}

/// How to open a workbench.
#[derive(Debug)]
pub struct Options {
    /// Made if it is missing, readable by its owner only.
    pub data_dir: PathBuf,
    /// The brokers we ship.
    pub drivers: Vec<Arc<dyn Driver>>,
    pub secrets: Arc<dyn SecretKeeper>,
}

/// Something changed: what is on screen is to be asked for again.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum AppEvent {
    ProfilesChanged,
    ConnectionChanged {
        connection: Box<ConnectionView>,
    },
    JobChanged {
        job: JobId,
    },
    /// A job that ran here has ended, or waits to be gone on with.
    JobEnded {
        notice: Box<JobNotice>,
    },
    /// The window is to close, and jobs run here: ask.
    CloseAsked,
    ActivityChanged,
    CapturesChanged,
    /// Drafts or templates.
    DraftsChanged,
    /// Events were lost: ask for everything.
    Lagged,
}

/// How far a look has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct PeekProgress {
    /// Messages read and copied.
    #[specta(type = u32)]
    pub read: u64,
    #[specta(type = u32)]
    pub of: u64,
}

/// How a look ended. The messages were put back.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct PeekEnd {
    pub capture: CaptureId,
    #[specta(type = u32)]
    pub read: u64,
    /// Ready in the queue when the look began.
    #[specta(type = Option<u32>)]
    pub of: Option<u64>,
    pub queue: QueueName,
    #[specta(type = u32)]
    pub held_ms: u64,
    /// Whether the broker was seen to have everything back.
    pub put_back: bool,
    /// What it cost and what is to be known of it: "put back, in order; each used one delivery".
    pub words: String,
    /// Why it ended before `n` were read, where it did: stopped, a message that may not go back.
    pub stopped: Option<String>,
}

impl Workbench {
    /// Opens the store, settles what the last session left (jobs of nobody become interrupted, half-written captures are
    /// marked), and adds the sandbox's profile if it is missing. No broker is asked anything yet.
    ///
    /// Fails with [`Error::Store`] if the store is damaged, newer than this program, or cannot be written.
    pub async fn open(options: Options) -> Result<Self> {
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let store = Store::open(&options.data_dir).await?;
        let captures = Captures::open(&options.data_dir, store.clone(), Arc::clone(&options.secrets)).await?;
        let jobs = Jobs::open(&options.data_dir, store.clone()).await?;
        let inner = Inner {
            data_dir: options.data_dir,
            drivers: options.drivers,
            secrets: options.secrets,
            store,
            connections: Connections::default(),
            captures,
            jobs,
            door: OwnDoor::default(),
            asked_to_close: Asked::default(),
            events,
        };
        let workbench = Self { inner: Arc::new(inner) };
        workbench.settle().await?;
        Ok(workbench)
    }

    /// Changes from now on.
    pub fn events(&self) -> broadcast::Receiver<AppEvent> {
        self.inner.events.subscribe()
    }

    /// Where everything is kept on this computer.
    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    /// The brokers we ship.
    pub fn drivers(&self) -> &[Arc<dyn Driver>] {
        &self.inner.drivers
    }

    pub(crate) fn driver(&self, kind: &str) -> Result<&Arc<dyn Driver>> {
        let found = self.inner.drivers.iter().find(|driver| driver.kind().0 == kind);
        found.ok_or_else(|| Error::NoSuch { what: "kind of broker", name: kind.to_owned() })
    }

    /// Tells whoever listens. Nobody listening is no error.
    pub(crate) fn tell(&self, event: AppEvent) {
        if self.inner.events.send(event).is_err() {
            tracing::trace!("nobody listens");
        }
    }

    async fn settle(&self) -> Result<()> {
        self.inner.jobs.settle().await?;
        self.inner.captures.settle().await?;
        self.add_sandbox_profile().await
    }

    /// Closes every connection; running jobs are told to stop after the batch they are at. As safe as being killed.
    pub async fn close(&self) {
        self.stop_all_jobs().await;
        self.close_all_connections().await;
    }
}
