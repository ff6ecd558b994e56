//! Starting what was planned: checked once more, written down, then run in a task of its own.

use std::collections::HashMap;

use jiff::Timestamp;

use super::machine::{Quest, Work};
use super::plan::{self, Plan};
use super::row::Errand;
use super::running::Undertaking;
use super::{Deed, DeedAsk, JobState, MessageState, Selection, SendOptions, saved, words};
use crate::activity::NewActivity;
use crate::captures::{CaptureSource, CaptureWriter, NewCapture};
use crate::connections::Live;
use crate::store::{JobRecord, NotAdded};
use crate::{CaptureId, Error, JobId, Outcome, PlanId, RefusedCode, Result, Workbench};

impl Workbench {
    /// Carries out a plan. `typed` is what the user typed, where the plan asks for it. Returns as soon as the job is
    /// written down; [`crate::AppEvent::JobChanged`] tells how it goes on.
    ///
    /// Refused where writes are locked, the confirmation is missing, the plan no longer fits what is at the broker, it was
    /// started already, or another job has one of the messages.
    pub async fn start_plan(&self, plan: PlanId, typed: Option<String>) -> Result<JobId> {
        let plan = self.plan_to_start(plan, typed.as_deref()).await?;
        let confirmed = match &plan.view.typed {
            Some(_) => "by typing the queue's name",
            None => "by a click",
        };
        // A program that died a moment ago is not in the way.
        self.inner.jobs.settle().await?;
        let undertaking = self.write_down(std::slice::from_ref(&plan), confirmed).await?.pop();
        let undertaking = undertaking.expect("one plan is one job");
        let job = undertaking.record.id;
        drop(self.undertake(undertaking));
        Ok(job)
    }

    /// Writes the jobs of these plans down: all of them or none.
    pub(super) async fn write_down(&self, plans: &[Plan], confirmed: &str) -> Result<Vec<Undertaking>> {
        let mut drafts = Vec::new();
        for plan in plans {
            match self.draft(plan).await {
                Ok(draft) => drafts.push(draft),
                Err(error) => {
                    self.give_up(drafts).await;
                    return Err(error);
                }
            }
        }
        let adding = drafts.iter().zip(plans);
        let adding = adding.map(|(draft, plan)| (draft.record.clone(), plan.entries.clone(), plan.view.id)).collect();
        let numbers = match self.inner.store.add_jobs_of_plans(adding).await? {
            Ok(numbers) => numbers,
            Err((plan, why)) => {
                self.give_up(drafts).await;
                return Err(why_not(&why, plan));
            }
        };
        for (draft, (number, plan)) in drafts.iter_mut().zip(numbers.into_iter().zip(plans)) {
            draft.record.number = number;
            self.announce(draft, plan, confirmed).await?;
        }
        Ok(drafts)
    }

    /// A plan's job, not yet written down.
    async fn draft(&self, plan: &Plan) -> Result<Undertaking> {
        let live = match plan.view.deed {
            Deed::DiscardCopies => None,
            _ => Some(self.live(plan.view.profile)?),
        };
        let to = plan.ask.options().to_profile.map(|profile| self.live(profile)).transpose()?;
        let id = JobId::new();
        let owner = self.inner.jobs.own(id)?.ok_or_else(|| busy("the job"))?;
        let writer = self.new_capture(plan, live.as_ref()).await?;
        let capture = writer.as_ref().map(CaptureWriter::id).or(plan.of);
        let record = record_of(plan, live.as_ref(), id, capture);
        let canary = plan.ask.options().canary;
        Ok(Undertaking { record, owner, live, to, writer, work: work_of(plan), canary, everything: true })
    }

    /// Jobs that are not to be: nothing of them stays.
    async fn give_up(&self, drafts: Vec<Undertaking>) {
        for Undertaking { owner, writer, .. } in drafts {
            owner.never_mind();
            self.drop_capture(writer).await;
        }
    }

    /// Keeps the copies of a job that is written down, and notes the act.
    async fn announce(&self, draft: &mut Undertaking, plan: &Plan, confirmed: &str) -> Result<()> {
        let record = &mut draft.record;
        self.hold_capture(record).await;
        let user = draft.live.as_ref().map(|live| live.identity.user.clone()).unwrap_or_default();
        let note = NewActivity {
            broker_user: user,
            ..NewActivity::local(words::act(record.deed), record.profile, &record.profile_name)
        };
        let note = note.place(place(record)).messages(plan.view.will_act).confirmed(confirmed).job(record.id);
        let note = match record.capture {
            Some(capture) => note.capture(capture),
            None => note,
        };
        let activity = self.note(note.outcome(Outcome::Running, plan.view.title.clone())).await?;
        self.inner.store.set_job_activity(record.id, activity).await?;
        record.activity = Some(activity);
        Ok(())
    }

    async fn new_capture(&self, plan: &Plan, live: Option<&Live>) -> Result<Option<CaptureWriter>> {
        let source = match plan.view.deed {
            Deed::Take => CaptureSource::Take,
            Deed::CarefulLook => CaptureSource::CarefulLook,
            Deed::Redrive | Deed::Move | Deed::Copy | Deed::Discard => CaptureSource::Job,
            Deed::Replay | Deed::Undo | Deed::Purge | Deed::SendCopy | Deed::DiscardCopies => return Ok(None),
        };
        let reads = plan.of.is_none() || plan.view.removes_original;
        let (Some(live), Some(queue), true) = (live, &plan.view.queue, reads) else { return Ok(None) };
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
}

fn why_not(why: &NotAdded, plan: PlanId) -> Error {
    match why {
        NotAdded::Outstanding(other) => {
            let why = format!(
                "job {} has messages of this plan, or is at this queue, and is not settled: let it end, or answer it",
                other.number
            );
            Error::Refused { code: RefusedCode::AlreadyOutstanding, why }
        }
        NotAdded::Started(started) => saved::started_already(started.number),
        NotAdded::Forgotten => saved::forgotten(plan),
    }
}

pub(super) fn busy(what: &str) -> Error {
    Error::Refused { code: RefusedCode::Busy, why: format!("{what} is being run by another program") }
}

fn place(record: &JobRecord) -> String {
    let queue = record.queue.as_ref().map(ToString::to_string);
    queue.unwrap_or_else(|| record.target.clone())
}

/// What is done with each message of that deed.
pub(super) fn errand_of(deed: Deed, reads_queue: bool) -> Option<Errand> {
    match deed {
        Deed::Redrive | Deed::Move => Some(Errand::Send),
        Deed::Copy if reads_queue => Some(Errand::Copy),
        Deed::Copy | Deed::Replay | Deed::SendCopy | Deed::Undo => Some(Errand::SendCopy),
        Deed::Discard => Some(Errand::Discard),
        Deed::Take => Some(Errand::Take),
        Deed::DiscardCopies => Some(Errand::GiveUp),
        Deed::CarefulLook | Deed::Purge => None,
    }
}

fn record_of(plan: &Plan, live: Option<&Live>, id: JobId, capture: Option<CaptureId>) -> JobRecord {
    let view = &plan.view;
    let names_each = !plan.entries.is_empty();
    let besides = match view.deed {
        // Their copies were there before them.
        Deed::SendCopy | Deed::Replay | Deed::Undo | Deed::DiscardCopies | Deed::Purge => None,
        Deed::Copy if names_each => None,
        Deed::CarefulLook => Some(Errand::GiveBack(MessageState::Done)),
        Deed::Redrive | Deed::Move | Deed::Discard if names_each => Some(Errand::GiveBack(MessageState::Done)),
        deed => errand_of(deed, true),
    };
    let mut ask = plan.ask.clone();
    if let DeedAsk::Send { from: Selection::Chosen { messages, .. }, .. }
    | DeedAsk::Discard { from: Selection::Chosen { messages, .. } } = &mut ask
    {
        // The rows say which they are.
        messages.clear();
    }
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
        keep_origin: plan.ask.options().keep_origin,
        cost: view.cost.clone(),
        activity: None,
        ask: Some(ask),
        unlisted: 0,
        several_leases: false,
        canary_seen: false,
    }
}

fn work_of(plan: &Plan) -> Work {
    let (limits, wary) = plan::limits(plan.view.cost.as_ref());
    let each = |n: u64| match errand_of(plan.view.deed, true) {
        Some(errand) => Quest::Each { n: n.max(1), errand },
        None => Quest::Careful { n: n.max(1) },
    };
    let quest = match &plan.ask {
        DeedAsk::Take { n, .. } | DeedAsk::CarefulLook { n, .. } => each(*n),
        DeedAsk::Send { from: Selection::First { n, .. }, .. }
        | DeedAsk::Discard { from: Selection::First { n, .. } } => each(n.unwrap_or(0)),
        _ => Quest::Rows,
    };
    let SendOptions { per_second, .. } = plan.ask.options();
    let planned = plan.entries.iter().map(|entry| &entry.row).filter(|row| row.state == MessageState::Planned);
    let next_n = plan.entries.len() as u64 + 1;
    let limits = match quest {
        Quest::Rows => plan::picking(limits, plan.view.will_act, per_second),
        _ => plan::paced(limits, per_second),
    };
    let (leave, taken) = (HashMap::new(), HashMap::new());
    Work { quest, rows: planned.cloned().collect(), next_n, leave, taken, wary, limits }
}
