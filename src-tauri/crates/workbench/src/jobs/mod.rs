//! Jobs: what is done with messages, planned first, journaled at every step, and settled after a crash.

mod answering;
mod bounces;
mod carrying;
mod changes;
mod desk;
mod drafting;
mod driver;
mod ending;
mod lanes;
mod look;
mod machine;
mod notices;
mod plan;
mod planning;
mod reckoning;
mod recognising;
mod recovery;
mod results;
mod resuming;
pub(crate) mod row;
mod running;
mod saved;
mod sets;
mod showing;
mod starting;
mod state;
mod views;
mod words;

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::store::{JobRecord, Store, create_private_file, in_background, io_trouble, make_private_folder};
use crate::{JobId, ProfileId, Result};

pub use bounces::{BounceLook, Bounces};
pub use changes::PlanChange;
pub use notices::JobNotice;
pub use results::ResultFormat;
pub use resuming::Resume;
pub use saved::{ReopenedPlan, SavedPlan, Started};
pub use sets::PlanSet;
pub use views::{
    Answer, AnswerFor, Canary, Deed, DeedAsk, End, JobCounts, JobRow, JobRowAsk, JobRowPage, JobState, JobView,
    MessageState, PlanLine, PlanView, RowFilter, Selection, SendOptions, Sending, StrippedLine, TargetChoice,
};

/// What runs in this program. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    store: Store,
    running: Mutex<HashMap<JobId, Running>>,
    watches: bounces::Watches,
}

/// A job that this program runs.
#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    /// Whose connection it uses; `None`: it touches no broker.
    on: Option<ProfileId>,
    /// "job 7 (redrive, orders.dead)".
    name: String,
    wish: Option<Wish>,
    /// How its messages are, as far as it has told.
    counts: Option<JobCounts>,
}

/// What is wanted of a job that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Wish {
    Pause,
    Stop,
}

/// The right to run a job, held by one program at a time. The system gives it up when the program ends, however it ends.
#[derive(Debug)]
pub(crate) struct Owner {
    _lock: File,
    path: PathBuf,
}

impl Owner {
    /// Gives the right up. The lock of a job that is settled is not needed again.
    fn give_up(self, state: Option<JobState>) {
        if !matches!(state, Some(JobState::Running | JobState::Interrupted | JobState::NeedsAnswer)) {
            self.never_mind();
        }
    }

    /// Gives the right up where nobody will need it again: its lock is not left behind. Whoever gets hold of a lock reads
    /// anew how its job is, so that it harms nobody to have opened this one before.
    fn never_mind(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "a lock that nobody needs stays");
        }
    }
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (held, found) = (file.metadata(), std::fs::metadata(path));
    matches!((held, found), (Ok(held), Ok(found)) if held.ino() == found.ino() && held.dev() == found.dev())
}

/// A file that is open cannot be removed there.
#[cfg(not(unix))]
fn is_still_there(_: &File, _: &Path) -> bool {
    true
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Jobs {
    /// Makes the folder of locks. Nothing is looked at before [`Jobs::settle`].
    pub(crate) async fn open(data_dir: &Path, store: Store) -> Result<Self> {
        let dir = data_dir.join("locks");
        let folder = dir.clone();
        in_background("open the jobs", move || make_private_folder(&folder)).await?;
        Ok(Self { inner: Arc::new(Inner { dir, store, running: Mutex::default(), watches: Default::default() }) })
    }

    /// Jobs that say "running" and that nobody runs become interrupted: the program that ran them ended.
    pub(crate) async fn settle(&self) -> Result<()> {
        for job in self.inner.store.jobs_in(&[JobState::Running]).await? {
            let Some(owner) = self.own(job.id)? else { continue };
            match self.inner.store.find_job(job.id).await? {
                Some(job) if job.state == JobState::Running => {
                    let outcome = "the program ended before the job did".to_owned();
                    let store = &self.inner.store;
                    store.set_job_state(job.id, JobState::Interrupted, outcome, job.fault, job.ended_at).await?;
                }
                // It ended since the list was read.
                now => owner.give_up(now.map(|job| job.state)),
            }
        }
        Ok(())
    }

    /// The right to run that job; `None`: another program has it, or another task of this one.
    fn own(&self, job: JobId) -> Result<Option<Owner>> {
        let path = self.inner.dir.join(format!("{job}.lock"));
        let trouble = |error: &std::io::Error| io_trouble("lock the job", &path, error);
        if let Err(error) = create_private_file(&path)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(trouble(&error));
        }
        let file = File::options().write(true).open(&path).map_err(|error| trouble(&error))?;
        match file.try_lock() {
            // Its owner removed it between opening and locking: this lock is nobody's, and the next try finds the new one.
            Ok(()) if !is_still_there(&file, &path) => Ok(None),
            Ok(()) => Ok(Some(Owner { _lock: file, path })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(trouble(&error)),
        }
    }

    /// Notes that this program runs the job, over its profile's connection where it uses one; the token stops it.
    fn begin(&self, job: &JobRecord, uses_connection: bool) -> CancellationToken {
        let stop = CancellationToken::new();
        let on = uses_connection.then_some(job.profile);
        lock(&self.inner.running)
            .insert(job.id, Running { stop: stop.clone(), on, name: words::name(job), wish: None, counts: None });
        stop
    }

    /// Notes how the messages of a running job are: counting them anew takes longer the more there are.
    fn note_counts(&self, job: JobId, counts: JobCounts) {
        if let Some(job) = lock(&self.inner.running).get_mut(&job) {
            job.counts = Some(counts);
        }
    }

    /// How the messages of a job are that this program runs.
    fn counts(&self, job: JobId) -> Option<JobCounts> {
        lock(&self.inner.running).get(&job)?.counts
    }

    /// The name of a job that runs over that profile's connection.
    pub(crate) fn running_on(&self, profile: ProfileId) -> Option<String> {
        lock(&self.inner.running).values().find(|job| job.on == Some(profile)).map(|job| job.name.clone())
    }

    fn end(&self, job: JobId) {
        lock(&self.inner.running).remove(&job);
    }

    /// Whether this program runs it and heard the wish. The first one counts.
    fn wish(&self, job: JobId, wish: Wish) -> bool {
        let mut running = lock(&self.inner.running);
        let Some(job) = running.get_mut(&job) else { return false };
        job.wish.get_or_insert(wish);
        job.stop.cancel();
        true
    }

    fn wish_of(&self, job: JobId) -> Option<Wish> {
        lock(&self.inner.running).get(&job).and_then(|job| job.wish)
    }

    fn runs(&self, job: JobId) -> bool {
        lock(&self.inner.running).contains_key(&job)
    }

    fn watches(&self) -> &bounces::Watches {
        &self.inner.watches
    }

    fn stop_all(&self) {
        lock(&self.inner.running).values().for_each(|job| job.stop.cancel());
        self.inner.watches.stop_all();
    }

    pub(crate) fn runs_any(&self) -> bool {
        !lock(&self.inner.running).is_empty()
    }
}
