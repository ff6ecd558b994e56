//! Running what was written down: the first few and a look whether they come back, the rest, and the end of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::ending::{RunEnd, planned_by_rule};
use super::machine::{Machine, Quest, Work};
use super::recognising::Recognising;
use super::{Canary, Deed, DeedAsk, MessageState, Owner, Wish, driver, plan};
use crate::captures::CaptureWriter;
use crate::connections::Live;
use crate::edits::Editor;
use crate::store::JobRecord;
use crate::{AppEvent, Error, Fault, JobId, Result, Workbench};

/// How often a job looks whether another program wants something of it.
const WISH_LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a closing program waits for its jobs: five seconds in all.
const STOP_LOOKS_MAX: u32 = 100;
/// How long somebody waits who chose to: three minutes, more than a publish may take.
const PATIENT_LOOKS_MAX: u32 = 3600;
const STOP_LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A job that is ready to run, with everything it needs.
#[derive(Debug)]
pub(super) struct Undertaking {
    pub(super) record: JobRecord,
    pub(super) owner: Owner,
    pub(super) live: Option<Live>,
    /// Where it sends, if that is another connection.
    pub(super) to: Option<Live>,
    pub(super) writer: Option<CaptureWriter>,
    pub(super) work: Work,
    pub(super) canary: Option<Canary>,
    /// It is to do all that the job is about, and not only what was answered.
    pub(super) everything: bool,
}

/// How one run of the machine ended.
struct Ran {
    end: Option<RunEnd>,
    next_n: u64,
    fault: Option<Fault>,
    writer: Option<CaptureWriter>,
}

impl Workbench {
    /// Runs it in a task of its own, to its end.
    pub(super) fn undertake(&self, undertaking: Undertaking) -> JoinHandle<()> {
        let workbench = self.clone();
        let job = undertaking.record.id;
        let stop = self.inner.jobs.begin(&undertaking.record, undertaking.live.is_some());
        tokio::spawn(async move {
            let run = async {
                let ran = match undertaking.record.deed {
                    Deed::Purge => workbench.carry_out_purge(undertaking).await,
                    _ => Box::pin(workbench.carry_through(undertaking, &stop)).await,
                };
                if let Err(error) = ran {
                    tracing::error!(%error, %job, "a job could not be brought to its end");
                }
            };
            tokio::select! {
                () = run => {}
                () = workbench.hear_wishes(job) => unreachable!("it listens for ever"),
            }
            let wish = workbench.inner.jobs.wish_of(job);
            workbench.inner.jobs.end(job);
            workbench.tell(AppEvent::JobChanged { job });
            workbench.tell_of_end(job, wish).await;
        })
    }

    /// What another program wants of this job.
    async fn hear_wishes(&self, job: JobId) {
        loop {
            tokio::time::sleep(WISH_LOOK_AGAIN).await;
            match self.inner.store.take_wish(job).await {
                Ok(Some(wish)) => drop(self.inner.jobs.wish(job, wish)),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "cannot hear what others want of a job"),
            }
        }
    }

    /// Runs the machine, then writes down how the job ended. The lock is given up last.
    async fn carry_through(&self, undertaking: Undertaking, stop: &CancellationToken) -> Result<()> {
        let Undertaking { record, owner, live, to, writer, work, canary, everything } = undertaking;
        self.tell(AppEvent::JobChanged { job: record.id });
        let watch = if everything { self.prepare_watch(&record).await } else { None };
        let (first, rest) = split(work, canary);
        let mut ran = self.run_once(&record, live.clone(), to.clone(), writer, first, stop).await;
        if let (Some(mut rest), Some(canary)) = (rest, canary) {
            rest.next_n = rest.next_n.max(ran.next_n);
            let went_well = ran.end.as_ref().is_some_and(|end| end.halt.is_none() && !end.mute);
            let why = match went_well {
                true => self.watch_canary(&record, canary, stop).await,
                false => Some("the canary did not go well".to_owned()),
            };
            match why {
                None => ran = self.run_once(&record, live, to, ran.writer, rest, stop).await,
                Some(why) => {
                    self.leave_rest(&record, rest, &why).await?;
                    if let Some(end) = &mut ran.end
                        && went_well
                    {
                        end.pause = Some(why);
                    }
                }
            }
        }
        if let Some(writer) = ran.writer {
            writer.finish(if ran.end.is_some() { outcome_of_copies(record.deed) } else { "cut short" }).await?;
        }
        let mut end = ran.end;
        if let (Some(end), Some(Wish::Pause)) = (&mut end, self.inner.jobs.wish_of(record.id)) {
            end.pause.get_or_insert_with(|| "paused on request".to_owned());
        }
        if let Some(end) = &mut end {
            end.everything = everything;
        }
        if let Some(end) = end.as_mut().filter(|end| everything && end.halt.is_none() && end.pause.is_none()) {
            end.pause = self.why_some_were_not_there(&record).await;
        }
        let watch = watch.map(|watch| (self.announce_watch(&watch), watch));
        let finished = self.finish_job(record.id, end, ran.fault).await;
        if let Ok(state) = &finished {
            owner.give_up(Some(*state));
        }
        if let Some((stop, watch)) = watch {
            self.begin_watch(watch, finished.as_ref().ok().copied(), stop);
        }
        finished.map(drop)
    }

    /// Messages of a rule that were not there may be held by a consumer, and be it by a connection that is dead and that the
    /// broker has not noticed yet; or the broker did not hand them out in time. Then they are not gone, and the job is to be
    /// gone on with.
    async fn why_some_were_not_there(&self, record: &JobRecord) -> Option<String> {
        let planned = planned_by_rule(record)?;
        let counts = self.inner.store.job_counts(record.id).await.ok()?;
        let missing = planned.checked_sub(counts.planned).filter(|missing| *missing > 0)?;
        let depth = self.live(record.profile).ok()?.broker.depth(record.queue.as_ref()?).await.ok()?;
        if let Some(consumers) = depth.consumers.filter(|consumers| *consumers > 0) {
            let words = if consumers == 1 { "1 consumer".to_owned() } else { format!("{consumers} consumers") };
            return Some(format!(
                "{missing} were not there; the queue has {words}, which may hold them or have taken them"
            ));
        }
        let removed = if plan::removes(record.deed) { counts.done } else { 0 };
        let staying = counts.planned - removed - counts.gone - counts.only_our_copy;
        let others = depth.ready.saturating_sub(staying);
        (others > 0).then(|| format!("{missing} were not handed out, and the queue has {others} others that are ready"))
    }

    async fn run_once(
        &self,
        record: &JobRecord,
        live: Option<Live>,
        to: Option<Live>,
        writer: Option<CaptureWriter>,
        work: Work,
        stop: &CancellationToken,
    ) -> Ran {
        let job = record.id;
        let mut desk = desk_of(self, record, live, writer);
        desk.to = to;
        if let Err(error) = self.lay_edit(&mut desk).await {
            let fault = Some(Fault::from(&error));
            let writer = desk.writer.take();
            return Ran { end: Some(RunEnd::failed(&error)), next_n: work.next_n, fault, writer };
        }
        let desk = Arc::new(desk);
        let next_n = work.next_n;
        let before = self.inner.store.job_counts(job).await.unwrap_or_default();
        let tell = |machine: &Machine| {
            self.inner.jobs.note_counts(job, before.with(machine.changes()));
            self.tell(AppEvent::JobChanged { job });
        };
        let ran = Box::pin(driver::run(&desk, Machine::new(work), stop, &tell)).await;
        let fault = super::lock(&desk.fault).take();
        let fault = match &ran {
            Err(error) => fault.or_else(|| Some(error.into())),
            Ok(_) => fault,
        };
        let writer = Arc::try_unwrap(desk).ok().and_then(|mut desk| desk.writer.take());
        let next_n = ran.as_ref().map_or(next_n, Machine::next_n);
        Ran { end: ran.ok().map(|machine| RunEnd::of(&machine)), next_n, fault, writer }
    }

    /// Makes ready what is changed in messages before they are sent: without it none may be.
    async fn lay_edit(&self, desk: &mut Desk) -> Result<()> {
        if let Some(edit) = &desk.options.edit {
            desk.editor = tokio::sync::Mutex::new(Some(Editor::new(edit)?));
        }
        if let Some(revision) = desk.options.instead {
            desk.instead = Some(self.frozen_draft(revision).await?);
        }
        Ok(())
    }

    /// Waits, then counts how many came back. Why the rest is not sent, if it is not.
    async fn watch_canary(&self, record: &JobRecord, canary: Canary, stop: &CancellationToken) -> Option<String> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(canary.wait_s.into())) => {}
            () = stop.cancelled() => return Some("stopped while the canary was watched".to_owned()),
        }
        let came_back = self.count_bounces(record).await;
        if let Err(error) = self.inner.store.note_canary_seen(record.id).await {
            return Some(format!("what came of the canary cannot be written down: {error}"));
        }
        match came_back {
            Ok(bounced) if bounced > u64::from(canary.bounces_max) => {
                Some(format!("{bounced} of the first {} came back", canary.messages))
            }
            Ok(_) => None,
            Err(why) => Some(format!("whether the first {} came back cannot be seen: {why}", canary.messages)),
        }
    }

    /// Messages that were to come after the canary.
    async fn leave_rest(&self, record: &JobRecord, rest: Work, why: &str) -> Result<()> {
        let leave = |mut row: super::row::Row| {
            row.state = MessageState::NotStarted;
            row.why = format!("not sent: {why}");
            row
        };
        self.inner.store.write_rows(record.id, rest.rows.into_iter().map(leave).collect()).await
    }

    async fn carry_out_purge(&self, undertaking: Undertaking) -> Result<()> {
        let Undertaking { record, owner, live, .. } = undertaking;
        let purge = async {
            let live = live.as_ref().ok_or_else(|| Error::NotOpen(record.profile_name.clone()))?;
            let Some(DeedAsk::Purge { queue }) = &record.ask else {
                return Err(Error::Invalid { why: "it does not say which queue".to_owned() });
            };
            Ok(live.broker.purge(queue).await?)
        };
        let (end, fault) = match purge.await {
            Ok(messages) => {
                self.inner.store.set_unlisted(record.id, messages).await?;
                (RunEnd::default(), None)
            }
            Err(error) => (RunEnd::failed(&error), Some(Fault::from(&error))),
        };
        let state = self.finish_job(record.id, Some(end), fault).await?;
        owner.give_up(Some(state));
        Ok(())
    }

    /// Tells a running job to stop after the batch it is at, whichever program runs it. What is not sent by then is not
    /// started, and can be gone on with. Of one that has ended the watch for bounces ends, where this program watches.
    pub async fn stop_job(&self, job: JobId) -> Result<()> {
        if self.inner.jobs.watches().stop(job) {
            return Ok(());
        }
        self.wish(job, Wish::Stop).await
    }

    /// Tells a running job to stop after the batch it is at and to wait until it is told to go on. Nothing is held
    /// meanwhile.
    pub async fn pause_job(&self, job: JobId) -> Result<()> {
        self.wish(job, Wish::Pause).await
    }

    async fn wish(&self, job: JobId, wish: Wish) -> Result<()> {
        if self.inner.jobs.wish(job, wish) {
            return Ok(());
        }
        self.inner.jobs.settle().await?;
        match self.job_record(job).await?.state {
            super::JobState::Running => self.inner.store.wish(job, wish).await,
            _ => Err(Error::NoSuch { what: "running job", name: job.to_string() }),
        }
    }

    /// Tells every running job to stop, and waits a little for them. As safe as being killed.
    pub(crate) async fn stop_all_jobs(&self) {
        self.inner.jobs.stop_all();
        self.all_ended(STOP_LOOKS_MAX).await;
    }

    /// Tells every job that runs here to stop after the batch it is at, and waits for their ends. Whether all have ended:
    /// one that waits for a broker's answer may take minutes.
    pub async fn stop_jobs(&self) -> bool {
        self.inner.jobs.stop_all();
        self.all_ended(PATIENT_LOOKS_MAX).await
    }

    async fn all_ended(&self, looks_max: u32) -> bool {
        for _ in 0..looks_max {
            if !self.inner.jobs.runs_any() && self.inner.jobs.watches().is_empty() {
                return true;
            }
            tokio::time::sleep(STOP_LOOK_AGAIN).await;
        }
        false
    }
}

/// The canary, and what comes after it.
fn split(mut work: Work, canary: Option<Canary>) -> (Work, Option<Work>) {
    let Some(canary) = canary else { return (work, None) };
    let first = u64::from(canary.messages.max(1));
    let (rest_rows, rest_quest) = match &mut work.quest {
        Quest::Rows if work.rows.len() as u64 > first => {
            (work.rows.split_off(usize::try_from(first).unwrap_or(usize::MAX)), Quest::Rows)
        }
        Quest::Each { n, errand } if *n > first => {
            let rest = Quest::Each { n: *n - first, errand: *errand };
            *n = first;
            (Vec::new(), rest)
        }
        _ => return (work, None),
    };
    let rest =
        Work { quest: rest_quest, rows: rest_rows, leave: work.leave.clone(), taken: work.taken.clone(), ..work };
    (work, Some(rest))
}

fn outcome_of_copies(deed: Deed) -> &'static str {
    match deed {
        Deed::Take => "taken: removed from the queue",
        Deed::Discard => "discarded: removed from the queue",
        Deed::CarefulLook => "put back",
        _ => "copies of a job",
    }
}

pub(super) fn desk_of(
    workbench: &Workbench,
    record: &JobRecord,
    live: Option<Live>,
    writer: Option<CaptureWriter>,
) -> Desk {
    let choice = match &record.ask {
        Some(DeedAsk::Send { to, .. }) => Some(to.clone()),
        _ => None,
    };
    Desk {
        live,
        to: None,
        choice,
        recognising: Recognising::default(),
        editor: tokio::sync::Mutex::new(None),
        instead: None,
        options: record.ask.as_ref().map(DeedAsk::options).unwrap_or_default(),
        store: workbench.inner.store.clone(),
        captures: workbench.inner.captures.clone(),
        job: record.id,
        unlisted: None,
        listed: OnceCell::new(),
        source: record.queue.clone(),
        accepted: record.cost.clone(),
        restores: record.deed == Deed::Undo,
        keep_origin: record.keep_origin,
        writer,
        capture: record.capture,
        leases: Mutex::default(),
        bodies: Mutex::default(),
        publisher: OnceCell::new(),
        home: OnceCell::new(),
        fault: Mutex::new(None),
    }
}
