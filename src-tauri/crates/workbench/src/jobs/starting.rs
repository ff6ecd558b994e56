//! Starting what was planned: checked once more, written down, then run in a task of its own.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::desk::Desk;
use super::driver;
use super::machine::{Machine, Quest, Work};
use super::plan::{self, Plan};
use super::row::Errand;
use super::{Deed, DeedAsk, JobState, MessageState, Owner, words};
use crate::activity::NewActivity;
use crate::captures::{CaptureSource, CaptureWriter, NewCapture};
use crate::connections::Live;
use crate::store::JobRecord;
use crate::{AppEvent, CaptureId, Error, JobId, Outcome, PlanId, RefusedCode, Result, Workbench};

/// A job that is ready to run, with everything it needs.
#[derive(Debug)]
pub(super) struct Undertaking {
    pub(super) record: JobRecord,
    pub(super) owner: Owner,
    pub(super) live: Option<Live>,
    pub(super) writer: Option<CaptureWriter>,
    pub(super) work: Work,
}

impl Workbench {
    /// Carries out a plan. `typed` is what the user typed, where the plan asks for it. Returns as soon as the job is
    /// written down; [`AppEvent::JobChanged`] tells how it goes on.
    ///
    /// Refused where writes are locked, the confirmation is missing, the plan no longer fits what is at the broker, or
    /// another job has one of the messages.
    pub async fn start_plan(&self, plan: PlanId, typed: Option<String>) -> Result<JobId> {
        let plan = self.inner.jobs.find_plan(plan);
        let plan =
            plan.ok_or_else(|| Error::NoSuch { what: "plan", name: "it is no longer kept: make it again".into() })?;
        self.check_start(&plan, typed.as_deref()).await?;
        let confirmed = match &plan.view.typed {
            Some(_) => "by typing the queue's name",
            None => "by a click",
        };
        let undertaking = self.write_down(&plan, confirmed).await?;
        let job = undertaking.record.id;
        self.inner.jobs.forget_plan(plan.view.id);
        drop(self.undertake(undertaking));
        Ok(job)
    }

    async fn check_start(&self, plan: &Plan, typed: Option<&str>) -> Result<()> {
        let view = &plan.view;
        if let Some(asked) = &view.typed
            && typed != Some(asked.as_str())
        {
            let why = format!("type `{asked}` to confirm");
            return Err(Error::Refused { code: RefusedCode::ConfirmationMissing, why });
        }
        if !matches!(view.deed, Deed::CarefulLook | Deed::DiscardCopies) {
            self.may_write(view.profile)?;
        }
        let now = Box::pin(self.compute(view.profile, plan.ask.clone())).await?;
        if let Some(why) = plan::outdated(view, &now.view) {
            let why = format!("the plan does not fit any more: {why}; make it again");
            return Err(Error::Refused { code: RefusedCode::PlanOutdated, why });
        }
        Ok(())
    }

    pub(super) async fn write_down(&self, plan: &Plan, confirmed: &str) -> Result<Undertaking> {
        let live = match plan.view.deed {
            Deed::DiscardCopies => None,
            _ => Some(self.live(plan.view.profile)?),
        };
        let id = JobId::new();
        let owner = self.inner.jobs.own(id)?.ok_or_else(|| busy("the job"))?;
        let writer = self.new_capture(plan, live.as_ref()).await?;
        let capture = writer.as_ref().map(CaptureWriter::id).or(plan.of);
        let mut record = record_of(plan, live.as_ref(), id, capture);
        match self.inner.store.add_job(record.clone(), plan.entries.clone()).await? {
            Ok(number) => record.number = number,
            Err(other) => {
                self.drop_capture(writer).await;
                let why =
                    format!("job {} has one of these messages and is not settled: answer that first", other.number);
                return Err(Error::Refused { code: RefusedCode::AlreadyOutstanding, why });
            }
        }
        self.hold_capture(&record).await;
        let user = live.as_ref().map(|live| live.identity.user.clone()).unwrap_or_default();
        let note = NewActivity {
            broker_user: user,
            ..NewActivity::local(words::act(record.deed), record.profile, &record.profile_name)
        };
        let note = note.place(place(&record)).messages(plan.view.will_act).confirmed(confirmed).job(id);
        let note = match capture {
            Some(capture) => note.capture(capture),
            None => note,
        };
        let activity = self.note(note.outcome(Outcome::Running, plan.view.title.clone())).await?;
        self.inner.store.set_job_activity(id, activity).await?;
        record.activity = Some(activity);
        Ok(Undertaking { record, owner, live, writer, work: work_of(plan) })
    }

    async fn new_capture(&self, plan: &Plan, live: Option<&Live>) -> Result<Option<CaptureWriter>> {
        let source = match plan.view.deed {
            Deed::Redrive => CaptureSource::Job,
            Deed::Take => CaptureSource::Take,
            Deed::CarefulLook => CaptureSource::CarefulLook,
            Deed::SendCopy | Deed::DiscardCopies => return Ok(None),
        };
        let (Some(live), Some(queue)) = (live, &plan.view.queue) else { return Ok(None) };
        let ready = live.broker.depth(queue).await?.ready;
        let new = NewCapture {
            source,
            profile: live.profile.id,
            profile_name: live.profile.name.clone(),
            queue: queue.clone(),
            of: Some(ready),
        };
        Ok(Some(self.inner.captures.create(new).await?))
    }

    /// An empty capture that nobody needs.
    async fn drop_capture(&self, writer: Option<CaptureWriter>) {
        let Some(writer) = writer else { return };
        let id = writer.id();
        let dropped = async {
            writer.finish("not used").await?;
            self.inner.captures.remove(id).await
        };
        if let Err(error) = dropped.await {
            tracing::debug!(%error, "an unused capture stays");
        }
    }

    /// The copies stay while the job is not settled.
    async fn hold_capture(&self, record: &JobRecord) {
        let Some(capture) = record.capture else { return };
        let why = format!("job {} is not settled", record.number);
        if let Err(error) = self.inner.captures.set_held(capture, Some(why)).await {
            tracing::warn!(%error, "the copies of a job are not marked as held");
        }
    }

    /// Runs it in a task of its own, to its end.
    pub(super) fn undertake(&self, undertaking: Undertaking) -> JoinHandle<()> {
        let workbench = self.clone();
        let job = undertaking.record.id;
        let stop = self.inner.jobs.begin(job);
        tokio::spawn(async move {
            let run = async {
                let tell = |_: &Machine| workbench.tell(AppEvent::JobChanged { job });
                let ran = workbench.carry_through(undertaking, &stop, &tell).await;
                if let Err(error) = ran {
                    tracing::error!(%error, %job, "a job could not be brought to its end");
                }
            };
            run.await;
            workbench.inner.jobs.end(job);
            workbench.tell(AppEvent::JobChanged { job });
        })
    }

    /// Runs the machine, then writes down how the job ended. The lock is given up last.
    pub(super) async fn carry_through(
        &self,
        undertaking: Undertaking,
        stop: &tokio_util::sync::CancellationToken,
        tell: &(dyn Fn(&Machine) + Send + Sync),
    ) -> Result<()> {
        let Undertaking { record, owner, live, writer, work } = undertaking;
        self.tell(AppEvent::JobChanged { job: record.id });
        let desk = Arc::new(desk_of(self, &record, live, writer));
        let machine = Machine::new(work);
        let ran = Box::pin(driver::run(&desk, machine, stop, tell)).await;
        let writer_outcome = ran.as_ref().map_or("cut short", |_| "");
        let fault = super::lock(&desk.fault).take();
        if let Ok(mut desk) = Arc::try_unwrap(desk)
            && let Some(writer) = desk.writer.take()
        {
            let words = if writer_outcome.is_empty() { outcome_of_copies(record.deed) } else { writer_outcome };
            writer.finish(words).await?;
        }
        let fault = match &ran {
            Err(error) => fault.or_else(|| Some(error.into())),
            Ok(_) => fault,
        };
        let halt = ran.ok().map(|machine| (machine.halt().cloned(), machine.is_mute()));
        let finished = self.finish_job(record.id, halt, fault).await;
        drop(owner);
        finished
    }

    /// Tells a running job to stop after the batch it is at. [`Error::NoSuch`] where this program does not run it.
    pub fn stop_job(&self, job: JobId) -> Result<()> {
        let stopped = self.inner.jobs.stop(job);
        stopped.then_some(()).ok_or_else(|| Error::NoSuch { what: "running job", name: job.to_string() })
    }

    /// Tells every running job to stop, and waits a little for them. As safe as being killed.
    pub(crate) async fn stop_all_jobs(&self) {
        self.inner.jobs.stop_all();
        for _ in 0..STOP_LOOKS_MAX {
            if !self.inner.jobs.runs_any() {
                return;
            }
            tokio::time::sleep(STOP_LOOK_AGAIN).await;
        }
    }
}

/// How long a closing program waits for its jobs: five seconds in all.
const STOP_LOOKS_MAX: u32 = 100;
const STOP_LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

pub(super) fn busy(what: &str) -> Error {
    Error::Refused { code: RefusedCode::Busy, why: format!("{what} is being run by another program") }
}

fn place(record: &JobRecord) -> String {
    let queue = record.queue.as_ref().map(ToString::to_string);
    queue.unwrap_or_else(|| record.target.clone())
}

fn outcome_of_copies(deed: Deed) -> &'static str {
    match deed {
        Deed::Take => "taken: removed from the queue",
        Deed::CarefulLook => "put back",
        Deed::Redrive | Deed::SendCopy | Deed::DiscardCopies => "copies of a job",
    }
}

fn record_of(plan: &Plan, live: Option<&Live>, id: JobId, capture: Option<CaptureId>) -> JobRecord {
    let view = &plan.view;
    let besides = match view.deed {
        Deed::Redrive | Deed::CarefulLook => Some(Errand::GiveBack(MessageState::Done)),
        Deed::Take => Some(Errand::Take),
        // Their copies were there before them.
        Deed::SendCopy | Deed::DiscardCopies => None,
    };
    JobRecord {
        id,
        number: 0,
        deed: view.deed,
        state: JobState::Running,
        profile: view.profile,
        profile_name: view.profile_name.clone(),
        broker: live.map(|live| live.identity.broker.clone()).unwrap_or_default(),
        queue: view.queue.clone(),
        target: plan.target.clone(),
        started_at: Timestamp::now(),
        ended_at: None,
        outcome: String::new(),
        fault: None,
        capture,
        of: plan.of,
        besides,
        keep_origin: matches!(plan.ask, DeedAsk::Redrive { keep_origin: true, .. }),
        cost: view.cost.clone(),
        activity: None,
    }
}

fn work_of(plan: &Plan) -> Work {
    let (limits, wary) = plan::limits(plan.view.cost.as_ref());
    let quest = match plan.ask {
        DeedAsk::Take { n, .. } => Quest::Take { n: n.max(1) },
        DeedAsk::CarefulLook { n, .. } => Quest::Careful { n: n.max(1) },
        DeedAsk::Redrive { .. } | DeedAsk::DiscardCopies { .. } => Quest::Rows,
    };
    let planned = plan.entries.iter().map(|entry| &entry.row).filter(|row| row.state == MessageState::Planned);
    let next_n = plan.entries.len() as u64 + 1;
    Work { quest, rows: planned.cloned().collect(), next_n, wary, limits }
}

pub(super) fn desk_of(
    workbench: &Workbench,
    record: &JobRecord,
    live: Option<Live>,
    writer: Option<CaptureWriter>,
) -> Desk {
    Desk {
        live,
        store: workbench.inner.store.clone(),
        captures: workbench.inner.captures.clone(),
        job: record.id,
        unlisted: None,
        listed: OnceCell::new(),
        source: record.queue.clone(),
        accepted: record.cost.clone(),
        keep_origin: record.keep_origin,
        writer,
        capture: record.capture,
        leases: Mutex::default(),
        bodies: Mutex::default(),
        publisher: OnceCell::new(),
        fault: Mutex::new(None),
    }
}
