//! Jobs: what is done with messages, planned first, journaled at every step, and settled after a crash.

mod answering;
mod carrying;
mod desk;
mod driver;
mod ending;
mod lanes;
mod look;
mod machine;
mod plan;
mod planning;
mod reckoning;
mod recovery;
pub(crate) mod row;
mod showing;
mod starting;
mod state;
mod views;
mod words;

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::store::{Store, create_private_file, in_background, io_trouble, make_private_folder};
use crate::{JobId, PlanId, Result};

pub use views::{
    Answer, AnswerFor, Deed, DeedAsk, End, JobCounts, JobRow, JobState, JobView, MessageState, PlanLine, PlanView,
    StrippedLine, TargetChoice,
};

/// Plans that wait for a decision; the oldest is forgotten first.
const PLANS_MAX: usize = 64;

/// What is planned and what runs in this program. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    store: Store,
    plans: Mutex<VecDeque<plan::Plan>>,
    running: Mutex<HashMap<JobId, CancellationToken>>,
}

/// The right to run a job, held by one program at a time. The system gives it up when the program ends, however it ends.
#[derive(Debug)]
pub(crate) struct Owner {
    _lock: File,
    path: PathBuf,
}

impl Owner {
    /// Gives the right up where nobody else can know of the job: its lock is not left behind.
    fn never_mind(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "a lock that nobody needs stays");
        }
    }
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
        let (plans, running) = Default::default();
        Ok(Self { inner: Arc::new(Inner { dir, store, plans, running }) })
    }

    /// Jobs that say "running" and that nobody runs become interrupted: the program that ran them ended.
    pub(crate) async fn settle(&self) -> Result<()> {
        for job in self.inner.store.jobs_in(&[JobState::Running]).await? {
            if let Some(_owner) = self.own(job.id)? {
                let outcome = "the program ended before the job did".to_owned();
                let store = &self.inner.store;
                store.set_job_state(job.id, JobState::Interrupted, outcome, job.fault, job.ended_at).await?;
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
            Ok(()) => Ok(Some(Owner { _lock: file, path })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(trouble(&error)),
        }
    }

    fn keep_plan(&self, plan: plan::Plan) {
        let mut plans = lock(&self.inner.plans);
        if plans.len() == PLANS_MAX {
            plans.pop_front();
        }
        plans.push_back(plan);
    }

    fn find_plan(&self, id: PlanId) -> Option<plan::Plan> {
        lock(&self.inner.plans).iter().find(|plan| plan.view.id == id).cloned()
    }

    fn forget_plan(&self, id: PlanId) {
        lock(&self.inner.plans).retain(|plan| plan.view.id != id);
    }

    /// Notes that this program runs the job; the token stops it.
    fn begin(&self, job: JobId) -> CancellationToken {
        let stop = CancellationToken::new();
        lock(&self.inner.running).insert(job, stop.clone());
        stop
    }

    fn end(&self, job: JobId) {
        lock(&self.inner.running).remove(&job);
    }

    fn stop(&self, job: JobId) -> bool {
        lock(&self.inner.running).get(&job).inspect(|stop| stop.cancel()).is_some()
    }

    fn stop_all(&self) {
        lock(&self.inner.running).values().for_each(CancellationToken::cancel);
    }

    fn runs_any(&self) -> bool {
        !lock(&self.inner.running).is_empty()
    }
}
