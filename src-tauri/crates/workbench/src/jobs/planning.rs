//! Making plans: everything is computed from what is known now, and nothing is sent.

use std::collections::BTreeMap;
use std::time::Instant;

use broker::{Ask, Hold, LookCost, MessageKey, Picked, Purpose, QueueName, Target};
use jiff::Timestamp;

use super::drafting::{self, Drafting, Ways};
use super::machine::{HOLD_BYTES_MAX, Limits};
use super::plan::{self, Plan};
use super::row::Errand;
use super::{
    Deed, DeedAsk, MessageState, PlanView, SavedPlan, Selection, SendOptions, Sending, TargetChoice, bounces, words,
};
use crate::captures::CaptureSource;
use crate::connections::{LOOK_WAIT_MS, Live};
use crate::drafts::differences;
use crate::store::{CaptureRecord, Entry};
use crate::{CaptureId, Error, JobId, PlanId, ProfileId, RefusedCode, Result, Workbench};

/// Messages that one plan names one by one.
const PLAN_MESSAGES_MAX: usize = 100_000;
/// Bodies that are in memory at once while a plan is made.
const LOADED_MAX: usize = 64;

/// Messages that are named one by one.
struct Named<'a> {
    deed: Deed,
    capture: CaptureId,
    numbers: Vec<u64>,
    /// `None`: they are not sent.
    to: Option<&'a TargetChoice>,
    options: SendOptions,
}

impl Workbench {
    /// Computes what a deed would do: where each message would arrive, what endangers it there, what is left out of it,
    /// what holding costs, and what must be typed. Reads the topology anew. Nothing is sent and no message is touched.
    /// The plan is kept; the number of messages of a rule is settled with it.
    pub async fn make_plan(&self, profile: ProfileId, mut ask: DeedAsk) -> Result<PlanView> {
        if let Some(Selection::First { queue, .. }) = ask.selection() {
            let ready = self.live(profile)?.broker.depth(&queue.clone()).await?.ready;
            ask.freeze(ready);
        }
        let Plan { view, ask, ready, .. } = Box::pin(self.compute(profile, ask)).await?;
        let saved = SavedPlan { number: 0, view: view.clone(), ask, ready, started: None };
        self.inner.store.keep_plan(saved).await?;
        Ok(view)
    }

    pub(super) async fn compute(&self, profile: ProfileId, ask: DeedAsk) -> Result<Plan> {
        let began = Instant::now();
        let mut plan = match &ask {
            DeedAsk::Send { deed, from: Selection::First { queue, n }, to, options } => {
                let (deed, n) = (deed_of(*deed), n.unwrap_or(0));
                self.plan_sending_first(&self.live(profile)?, deed, queue, n, to, options, ask.clone()).await?
            }
            DeedAsk::Send { deed, from, to, options } => {
                let (capture, numbers) = self.numbers_of(from).await?;
                let (deed, options) = (deed_of(*deed), options.clone());
                let named = Named { deed, capture, numbers, to: Some(to), options };
                self.plan_named(&self.live(profile)?, named, ask.clone()).await?
            }
            DeedAsk::Discard { from: Selection::First { queue, n } } => {
                let n = n.unwrap_or(0);
                self.plan_reading(&self.live(profile)?, Deed::Discard, queue, n, ask.clone()).await?
            }
            DeedAsk::Discard { from } => {
                let (capture, numbers) = self.numbers_of(from).await?;
                let options = SendOptions::default();
                let named = Named { deed: Deed::Discard, capture, numbers, to: None, options };
                self.plan_named(&self.live(profile)?, named, ask.clone()).await?
            }
            DeedAsk::Take { queue, n } => {
                self.plan_reading(&self.live(profile)?, Deed::Take, queue, *n, ask.clone()).await?
            }
            DeedAsk::CarefulLook { queue, n } => {
                self.plan_reading(&self.live(profile)?, Deed::CarefulLook, queue, *n, ask.clone()).await?
            }
            DeedAsk::Purge { queue } => self.plan_purge(&self.live(profile)?, queue, ask.clone()).await?,
            DeedAsk::Undo { job } => self.plan_undo(&self.live(profile)?, *job, ask.clone()).await?,
            DeedAsk::DiscardCopies { capture, messages } => {
                self.plan_giving_up(profile, *capture, messages, ask.clone()).await?
            }
        };
        plan.view.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(plan)
    }

    async fn numbers_of(&self, from: &Selection) -> Result<(CaptureId, Vec<u64>)> {
        match from {
            Selection::Chosen { capture, messages } => Ok((*capture, chosen(messages)?)),
            Selection::Whole { capture } => {
                let keys = self.inner.captures.keys(*capture).await?;
                let numbers: Vec<_> = keys.into_iter().map(|(n, _)| n).collect();
                Ok((*capture, chosen(&numbers)?))
            }
            Selection::First { .. } => Err(Error::Invalid { why: "a queue's messages have no numbers".to_owned() }),
        }
    }

    /// The connection that is sent to. What is to be edited has to make sense there.
    pub(super) fn live_to(&self, live: &Live, options: &SendOptions) -> Result<Live> {
        bounces::check(options)?;
        if options.instead.is_some() && options.edit.is_some() {
            return Err(Error::Invalid { why: "a message is edited by hand or by rule, not both".to_owned() });
        }
        let to = options.to_profile.map_or_else(|| Ok(live.clone()), |profile| self.live(profile))?;
        if let Some(edit) = &options.edit {
            edit.check_for(to.rules.as_ref())?;
        }
        Ok(to)
    }

    async fn plan_named(&self, live: &Live, named: Named<'_>, ask: DeedAsk) -> Result<Plan> {
        let Named { deed, capture, numbers, to, options } = named;
        let record = self.captured_here(live.profile.id, capture, deed).await?;
        let to_live = self.live_to(live, &options)?;
        let facts = self.facts(&to_live).await?;
        let keys = self.inner.captures.keys(capture).await?;
        let instead = match options.instead {
            Some(revision) => Some(self.instead_of(revision, capture, &numbers).await?),
            None => None,
        };
        let mut differs = None;
        let ways = Ways::new(live, &to_live, &facts, to, record.queue.clone()).putting_back(deed == Deed::Undo);
        let mut drafting = Drafting::new(deed, live, ways, &record, &keys);
        for part in numbers.chunks(LOADED_MAX) {
            for stored in self.inner.captures.load_many(capture, part).await? {
                let sent = instead.as_ref().map(|instead| instead.over(&stored.message, to_live.rules.as_ref()));
                let sent = sent.transpose().map_err(|why| Error::Invalid { why })?;
                differs = sent.as_ref().map(|sent| differences(&stored.message, sent));
                drafting.add(&stored, sent.as_ref())?;
            }
        }
        let takes_from_queue = drafting.takes_from_queue();
        let deed = drafting.deed();
        let (cost, ready) = match takes_from_queue {
            true => self.cost_of_picking(live, &record, drafting.entries()).await.map(Some)?.unzip(),
            false => (None, None),
        };
        let guarded = self.inner.store.guard_of(live.profile.id, &record.queue).await?.is_some();
        let (gathered, entries) = drafting.finish();
        let will_act = entries.iter().filter(|entry| entry.row.state == MessageState::Planned).count() as u64;
        let mut view = self.view(live, &to_live, deed, &record.queue, will_act, cost);
        view.messages = entries.len() as u64;
        view.duplicates = duplicates(&entries);
        view.takes_s = options.per_second.map(|rate| will_act.div_ceil(u64::from(rate.max(1))));
        view.warnings = view.cost.as_ref().map(|cost| plan::warnings(deed, cost, guarded)).unwrap_or_default();
        view.warnings.extend(edited(&options).into_iter().chain(unmarked(&options)));
        if let Some(differs) = differs {
            view.title.push_str(", edited");
            view.edited = Some(differs);
        }
        view.stripped = gathered.stripped();
        view.removes_original = takes_from_queue;
        view.queue = takes_from_queue.then(|| record.queue.clone());
        if will_act == 0 {
            let why = gathered.lines.first().map(|line| line.note.clone()).unwrap_or_default();
            view.blocked = Some(format!("nothing can be done with any of these messages: {why}"));
        }
        (view.lines, view.hazards) = (gathered.lines, gathered.hazards);
        let target = match deed {
            Deed::Discard => record.queue.to_string(),
            _ => words::targets(entries.iter().filter_map(|entry| entry.row.target.as_ref())),
        };
        Ok(Plan { view, ask, entries, of: Some(capture), target, ready })
    }

    /// A capture of that profile's broker; copies may be replayed from any.
    async fn captured_here(&self, profile: ProfileId, capture: CaptureId, deed: Deed) -> Result<CaptureRecord> {
        let record = self.inner.captures.record(capture).await?;
        if record.profile != profile && deed != Deed::Replay {
            let why = format!("these messages were read by `{}`: open that connection", record.profile_name);
            return Err(Error::Invalid { why });
        }
        Ok(record)
    }

    /// With how many are ready there.
    async fn cost_of_picking(&self, live: &Live, record: &CaptureRecord, entries: &[Entry]) -> Result<(LookCost, u64)> {
        let (facts, depth) = self.facts_of(live, &record.queue).await?;
        let mut twins: BTreeMap<&MessageKey, u64> = BTreeMap::new();
        for entry in entries {
            *twins.entry(&entry.row.key).or_default() += 1;
        }
        let keys = twins.into_iter().map(|(key, twins)| Picked { key: key.clone(), twins }).collect();
        let mut cost = live.rules.look(&facts, &reading(&record.queue, Purpose::Pick { keys }));
        // A look numbers messages by their place in the queue.
        if matches!(record.source, CaptureSource::Peek | CaptureSource::CarefulLook) {
            cost.reach = entries.iter().filter_map(|entry| entry.origin).max();
        }
        Ok((cost, depth.ready))
    }

    /// The first messages of a queue, by a rule: what it decides of each is journaled as it is read.
    #[allow(clippy::too_many_arguments, reason = "the parts of one ask")]
    async fn plan_sending_first(
        &self,
        live: &Live,
        deed: Deed,
        queue: &QueueName,
        n: u64,
        to: &TargetChoice,
        options: &SendOptions,
        ask: DeedAsk,
    ) -> Result<Plan> {
        let to_live = self.live_to(live, options)?;
        if options.instead.is_some() {
            return Err(Error::Invalid { why: "an edited message takes the place of one that is chosen".to_owned() });
        }
        let facts = self.facts(&to_live).await?;
        let source = match options.to_profile {
            Some(_) => self.facts(live).await?,
            None => facts.clone(),
        };
        let mut ways = Ways::new(live, &to_live, &facts, Some(to), queue.clone());
        let lines = ways.lines_of_rule(&source, queue, n);
        let mut plan = self.plan_reading(live, deed, queue, n, ask).await?;
        let view = &mut plan.view;
        view.to_profile_name = options.to_profile.map(|_| to_live.profile.name.clone());
        view.writes_locked = self.is_locked(live, &to_live, deed);
        let production = plan::is_production(&[&live.profile, &to_live.profile]);
        view.typed = plan::needs_typing(production, deed, n, queue, view.cost.as_ref());
        view.takes_s = options.per_second.map(|rate| n.div_ceil(u64::from(rate.max(1))));
        view.warnings.extend(edited(options).into_iter().chain(unmarked(options)));
        if let Err(why) = &lines {
            view.blocked.get_or_insert_with(|| why.clone());
        }
        view.lines = lines.unwrap_or_default();
        view.hazards = ways.hazards();
        plan.target = match to {
            TargetChoice::Place { target } => words::target(target),
            TargetChoice::FailedIn => "the queues they failed in".to_owned(),
            TargetChoice::Origin => "where they came from".to_owned(),
        };
        Ok(plan)
    }

    async fn plan_reading(&self, live: &Live, deed: Deed, queue: &QueueName, n: u64, ask: DeedAsk) -> Result<Plan> {
        let (facts, depth) = self.facts_of(live, queue).await?;
        let n = n.max(1);
        let purpose = match deed {
            Deed::Take | Deed::Discard => Purpose::Take { n },
            Deed::Redrive | Deed::Move | Deed::Copy => Purpose::Drain,
            _ => Purpose::Look { n },
        };
        let mut cost = live.rules.look(&facts, &reading(queue, purpose));
        if matches!(deed, Deed::Redrive | Deed::Move | Deed::Copy) {
            cost.reach = Some(n);
        }
        let guarded = self.inner.store.guard_of(live.profile.id, queue).await?.is_some();
        let will_act = if ask.selection().is_some() { n } else { n.min(depth.ready) };
        let warnings = plan::warnings(deed, &cost, guarded);
        let mut view = self.view(live, live, deed, queue, will_act, Some(cost));
        view.warnings = warnings;
        view.removes_original = plan::removes(deed);
        let note = match deed {
            Deed::Take => "copied here, then removed",
            Deed::Discard => "copied here, then removed; the copies are kept for a while",
            _ => "copied as they arrive, then put back",
        };
        view.lines = vec![drafting::line_of(queue, will_act, note)];
        if depth.ready == 0 {
            view.blocked = Some(format!("queue `{queue}` has no message that is ready"));
        }
        Ok(Plan { view, ask, entries: Vec::new(), of: None, target: queue.to_string(), ready: Some(depth.ready) })
    }

    async fn plan_purge(&self, live: &Live, queue: &QueueName, ask: DeedAsk) -> Result<Plan> {
        let ready = live.broker.depth(queue).await?.ready;
        let mut view = self.view(live, live, Deed::Purge, queue, ready, None);
        view.removes_original = true;
        view.lines = vec![drafting::line_of(queue, ready, "destroyed by the broker, without copies")];
        view.warnings = vec![
            "The broker destroys everything that is ready when it handles this, also what arrives until then. Nothing is \
             copied and nothing can be put back."
                .to_owned(),
        ];
        view.blocked = (ready == 0).then(|| format!("queue `{queue}` has no message that is ready"));
        Ok(Plan { view, ask, entries: Vec::new(), of: None, target: queue.to_string(), ready: Some(ready) })
    }

    /// Sends the copies of what a job removed back to its queue.
    async fn plan_undo(&self, live: &Live, job: JobId, ask: DeedAsk) -> Result<Plan> {
        let record = self.job_record(job).await?;
        let why_not = |why: &str| Error::Invalid { why: format!("job {} cannot be undone: {why}", record.number) };
        if !matches!(record.deed, Deed::Discard | Deed::Take | Deed::Move | Deed::Redrive) {
            return Err(why_not("it removed nothing that was copied"));
        }
        let (Some(capture), Some(queue)) = (record.capture, record.queue.clone()) else {
            return Err(why_not("it has no copies"));
        };
        let numbers = self.inner.store.stored_of_done(job).await?;
        if numbers.is_empty() {
            return Err(why_not("it removed nothing"));
        }
        let to = TargetChoice::Place { target: Target::Queue { queue: queue.clone() } };
        let options = SendOptions::default();
        let named = Named { deed: Deed::Undo, capture, numbers: chosen(&numbers)?, to: Some(&to), options };
        let mut plan = match self.plan_named(live, named, ask).await {
            Err(Error::NoSuch { .. }) => {
                let why = format!("the copies of job {} are not kept any more", record.number);
                return Err(Error::Refused { code: RefusedCode::CopiesGone, why });
            }
            other => other?,
        };
        plan.view
            .warnings
            .push(format!("They get a new place at the end of {queue}; what came meanwhile is before them."));
        if matches!(record.deed, Deed::Move | Deed::Redrive) {
            plan.view.warnings.push(format!(
                "What was sent stays where it arrived: it cannot be told whether it still waits there. `{queue}` gets a \
                 second one of each."
            ));
            plan.view.typed.get_or_insert_with(|| queue.to_string());
        }
        Ok(plan)
    }

    async fn plan_giving_up(
        &self,
        profile: ProfileId,
        capture: CaptureId,
        numbers: &[u64],
        ask: DeedAsk,
    ) -> Result<Plan> {
        let record = self.captured_here(profile, capture, Deed::DiscardCopies).await?;
        let mut entries = Vec::new();
        for part in chosen(numbers)?.chunks(LOADED_MAX) {
            for stored in self.inner.captures.load_many(capture, part).await? {
                if stored.only_here {
                    let n = entries.len() as u64 + 1;
                    let mut entry = drafting::entry(&stored, n, Errand::GiveUp, None);
                    entry.row.stored = Some(stored.n);
                    entry.place = Some(drafting::place_of_copy(capture, stored.n));
                    entries.push(entry);
                }
            }
        }
        let profile = self.profile(profile).await?;
        let n = entries.len() as u64;
        let mut view = blank_view(&profile, Deed::DiscardCopies, n);
        view.typed = plan::needs_typing(plan::is_production(&[&profile]), Deed::DiscardCopies, n, &record.queue, None);
        view.warnings = vec!["They exist only here: once discarded they are nowhere.".to_owned()];
        view.blocked = (n == 0).then(|| "none of these messages exists only here".to_owned());
        let target = format!("the copies of {}", record.queue);
        Ok(Plan { view, ask, entries, of: Some(capture), target, ready: None })
    }

    fn view(
        &self,
        live: &Live,
        to: &Live,
        deed: Deed,
        queue: &QueueName,
        will_act: u64,
        cost: Option<LookCost>,
    ) -> PlanView {
        let production = plan::is_production(&[&live.profile, &to.profile]);
        PlanView {
            queue: Some(queue.clone()),
            typed: plan::needs_typing(production, deed, will_act, queue, cost.as_ref()),
            writes_locked: self.is_locked(live, to, deed),
            to_profile_name: (live.profile.id != to.profile.id).then(|| to.profile.name.clone()),
            cost,
            ..blank_view(&live.profile, deed, will_act)
        }
    }

    fn is_locked(&self, live: &Live, to: &Live, deed: Deed) -> bool {
        let mut changed = plan::changes(deed, live.profile.id, to.profile.id).into_iter();
        changed.any(|profile| self.may_write(profile).is_err())
    }
}

fn deed_of(sending: Sending) -> Deed {
    match sending {
        Sending::Redrive => Deed::Redrive,
        Sending::Move => Deed::Move,
        Sending::Copy => Deed::Copy,
        Sending::Replay => Deed::Replay,
    }
}

fn blank_view(profile: &crate::Profile, deed: Deed, will_act: u64) -> PlanView {
    PlanView {
        id: PlanId::new(),
        deed,
        title: words::title(deed, will_act),
        profile: profile.id,
        profile_name: profile.name.clone(),
        environment: profile.environment,
        queue: None,
        made_at: Timestamp::now(),
        took_ms: 0,
        lines: Vec::new(),
        messages: will_act,
        will_act,
        duplicates: 0,
        takes_s: None,
        to_profile_name: None,
        removes_original: false,
        hazards: Vec::new(),
        stripped: Vec::new(),
        cost: None,
        edited: None,
        warnings: Vec::new(),
        typed: None,
        writes_locked: false,
        blocked: None,
    }
}

/// The question whose cost a deed pays.
pub(super) fn reading(queue: &QueueName, purpose: Purpose) -> Ask {
    let hold = Hold { messages_max: Limits::BROAD.hold_messages_max, bytes_max: HOLD_BYTES_MAX, wait_ms: LOOK_WAIT_MS };
    Ask { queue: queue.clone(), purpose, hold, accepted: None, stated_label: None }
}

fn chosen(numbers: &[u64]) -> Result<Vec<u64>> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return Err(Error::Invalid { why: "no message is chosen".to_owned() });
    }
    if numbers.len() > PLAN_MESSAGES_MAX {
        return Err(Error::Invalid { why: format!("at most {PLAN_MESSAGES_MAX} messages can be planned at once") });
    }
    Ok(numbers)
}

fn edited(options: &SendOptions) -> Option<String> {
    let edit = options.edit.as_ref().filter(|edit| !edit.is_empty())?;
    let steps = if edit.steps.len() == 1 { "1 step".to_owned() } else { format!("{} steps", edit.steps.len()) };
    Some(format!(
        "Each is edited in {steps} before it is sent; what cannot be edited so stays. Our copies are not edited."
    ))
}

fn unmarked(options: &SendOptions) -> Option<String> {
    options.unmarked.then(|| {
        "They carry no mark: one that comes back is recognised by its message id if no other has it, and else not."
            .to_owned()
    })
}

/// How many are equal to one that comes before them.
fn duplicates(entries: &[Entry]) -> u64 {
    let keys: std::collections::BTreeSet<_> = entries.iter().map(|entry| &entry.row.key).collect();
    (entries.len() - keys.len()) as u64
}
