//! Making plans: everything is computed from what is known now, and nothing is sent.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use broker::{Ask, Facts, FailedIn, Hold, LookCost, Message, MessageKey, Picked, Purpose, QueueName, Target};
use jiff::Timestamp;

use super::machine::{HOLD_BYTES_MAX, Limits};
use super::plan::{self, Gathered, Plan};
use super::row::{Errand, Row};
use super::{Deed, DeedAsk, MessageState, PlanLine, PlanView, TargetChoice, words};
use crate::captures::{CaptureSource, Stored};
use crate::connections::{LOOK_WAIT_MS, Live};
use crate::store::{CaptureRecord, CaptureState, Entry};
use crate::{CaptureId, Error, PlanId, ProfileId, Result, Workbench};

/// Messages of one plan.
const PLAN_MESSAGES_MAX: usize = 100_000;
/// Bodies that are in memory at once while a plan is made.
const LOADED_MAX: usize = 64;

impl Workbench {
    /// Computes what a deed would do: where each message would arrive, what endangers it there, what is left out of it,
    /// what holding costs, and what must be typed. Reads the topology anew. Nothing is sent and no message is touched.
    pub async fn make_plan(&self, profile: ProfileId, ask: DeedAsk) -> Result<PlanView> {
        let plan = Box::pin(self.compute(profile, ask)).await?;
        let view = plan.view.clone();
        self.inner.jobs.keep_plan(plan);
        Ok(view)
    }

    /// Forgets a plan. One that is not there is forgotten already.
    pub fn discard_plan(&self, plan: PlanId) {
        self.inner.jobs.forget_plan(plan);
    }

    pub(super) async fn compute(&self, profile: ProfileId, ask: DeedAsk) -> Result<Plan> {
        let began = Instant::now();
        let mut plan = match &ask {
            DeedAsk::Redrive { capture, messages, to, .. } => {
                self.plan_redrive(&self.live(profile)?, *capture, messages, to, ask.clone()).await?
            }
            DeedAsk::Take { queue, n } => {
                self.plan_reading(&self.live(profile)?, Deed::Take, queue, *n, ask.clone()).await?
            }
            DeedAsk::CarefulLook { queue, n } => {
                self.plan_reading(&self.live(profile)?, Deed::CarefulLook, queue, *n, ask.clone()).await?
            }
            DeedAsk::DiscardCopies { capture, messages } => {
                self.plan_discard(profile, *capture, messages, ask.clone()).await?
            }
        };
        plan.view.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(plan)
    }

    async fn plan_redrive(
        &self,
        live: &Live,
        capture: CaptureId,
        numbers: &[u64],
        to: &TargetChoice,
        ask: DeedAsk,
    ) -> Result<Plan> {
        let record = self.captured_here(live.profile.id, capture).await?;
        let facts = self.facts(live, None).await?;
        let keys = self.inner.captures.keys(capture).await?;
        let mut drafting = Drafting::new(live, &facts, &record, to, &keys);
        for part in chosen(numbers)?.chunks(LOADED_MAX) {
            for stored in self.inner.captures.load_many(capture, part).await? {
                drafting.add(&stored)?;
            }
        }
        let deed = drafting.deed();
        let cost = match deed {
            Deed::Redrive => Some(self.cost_of_picking(live, &record, &drafting).await?),
            _ => None,
        };
        let guarded = self.inner.store.guard_of(live.profile.id, &record.queue).await?.is_some();
        let Drafting { gathered, entries, .. } = drafting;
        let will_act = count(&entries, |row| row.state == MessageState::Planned);
        let mut view = self.view(live.profile.id, live, deed, &record.queue, will_act, cost);
        view.messages = entries.len() as u64;
        view.warnings = view.cost.as_ref().map(|cost| plan::warnings(cost, guarded)).unwrap_or_default();
        view.stripped = gathered.stripped();
        view.removes_original = deed == Deed::Redrive;
        view.queue = (deed == Deed::Redrive).then(|| record.queue.clone());
        if will_act == 0 {
            let why = gathered.lines.first().map(|line| line.note.clone()).unwrap_or_default();
            view.blocked = Some(format!("no message can be sent: {why}"));
        }
        (view.lines, view.hazards) = (gathered.lines, gathered.hazards);
        let target = words::targets(entries.iter().filter_map(|entry| entry.row.target.as_ref()));
        Ok(Plan { view, ask, entries, of: Some(capture), target })
    }

    /// A capture of that profile's broker.
    async fn captured_here(&self, profile: ProfileId, capture: CaptureId) -> Result<CaptureRecord> {
        let record = self.inner.captures.record(capture).await?;
        if record.profile != profile {
            let why = format!("these messages were read by `{}`: open that connection", record.profile_name);
            return Err(Error::Invalid { why });
        }
        Ok(record)
    }

    async fn cost_of_picking(&self, live: &Live, record: &CaptureRecord, drafting: &Drafting<'_>) -> Result<LookCost> {
        let facts = self.facts(live, Some(&record.queue)).await?;
        let mut twins: BTreeMap<&MessageKey, u64> = BTreeMap::new();
        for entry in &drafting.entries {
            *twins.entry(&entry.row.key).or_default() += 1;
        }
        let keys = twins.into_iter().map(|(key, twins)| Picked { key: key.clone(), twins }).collect();
        let mut cost = live.rules.look(&facts, &reading(&record.queue, Purpose::Pick { keys }));
        // A look numbers messages by their place in the queue.
        if matches!(record.source, CaptureSource::Peek | CaptureSource::CarefulLook) {
            cost.reach = drafting.entries.iter().filter_map(|entry| entry.origin).max();
        }
        Ok(cost)
    }

    async fn plan_reading(&self, live: &Live, deed: Deed, queue: &QueueName, n: u64, ask: DeedAsk) -> Result<Plan> {
        let facts = self.facts(live, Some(queue)).await?;
        let ready = live.broker.depth(queue).await?.ready;
        let n = n.max(1);
        let purpose = if deed == Deed::Take { Purpose::Take { n } } else { Purpose::Look { n } };
        let cost = live.rules.look(&facts, &reading(queue, purpose));
        let guarded = self.inner.store.guard_of(live.profile.id, queue).await?.is_some();
        let will_act = n.min(ready);
        let warnings = plan::warnings(&cost, guarded);
        let mut view = self.view(live.profile.id, live, deed, queue, will_act, Some(cost));
        view.messages = will_act;
        view.warnings = warnings;
        view.removes_original = deed == Deed::Take;
        let note =
            if deed == Deed::Take { "copied here, then removed" } else { "copied as they arrive, then put back" };
        view.lines = vec![PlanLine {
            from: Some(queue.clone()),
            key: String::new(),
            target: None,
            arrives_in: Vec::new(),
            messages: will_act,
            note: note.to_owned(),
            stays: false,
        }];
        if ready == 0 {
            view.blocked = Some(format!("queue `{queue}` has no message that is ready"));
        }
        Ok(Plan { view, ask, entries: Vec::new(), of: None, target: queue.to_string() })
    }

    async fn plan_discard(
        &self,
        profile: ProfileId,
        capture: CaptureId,
        numbers: &[u64],
        ask: DeedAsk,
    ) -> Result<Plan> {
        let record = self.captured_here(profile, capture).await?;
        let mut entries = Vec::new();
        for part in chosen(numbers)?.chunks(LOADED_MAX) {
            for stored in self.inner.captures.load_many(capture, part).await? {
                if stored.only_here {
                    let n = entries.len() as u64 + 1;
                    let mut entry = entry(&stored, n, 0, Errand::Discard, None);
                    entry.row.stored = Some(stored.n);
                    entry.place = Some(place_of_copy(capture, stored.n));
                    entries.push(entry);
                }
            }
        }
        let profile = self.profile(profile).await?;
        let n = entries.len() as u64;
        let mut view = blank_view(&profile, Deed::DiscardCopies, n);
        view.typed = plan::needs_typing(&profile, Deed::DiscardCopies, n, &record.queue, None);
        view.warnings = vec!["They exist only here: once discarded they are nowhere.".to_owned()];
        view.blocked = (n == 0).then(|| "none of these messages exists only here".to_owned());
        let target = format!("the copies of {}", record.queue);
        Ok(Plan { view, ask, entries, of: Some(capture), target })
    }

    fn view(
        &self,
        profile: ProfileId,
        live: &Live,
        deed: Deed,
        queue: &QueueName,
        will_act: u64,
        cost: Option<LookCost>,
    ) -> PlanView {
        let writes = deed != Deed::CarefulLook;
        PlanView {
            queue: Some(queue.clone()),
            typed: plan::needs_typing(&live.profile, deed, will_act, queue, cost.as_ref()),
            writes_locked: writes && self.may_write(profile).is_err(),
            cost,
            ..blank_view(&live.profile, deed, will_act)
        }
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
        removes_original: false,
        hazards: Vec::new(),
        stripped: Vec::new(),
        cost: None,
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

fn count(entries: &[Entry], is: impl Fn(&Row) -> bool) -> u64 {
    entries.iter().filter(|entry| is(&entry.row)).count() as u64
}

/// A copy has a place of its own: no two jobs send it.
fn place_of_copy(capture: CaptureId, n: u64) -> (String, String) {
    (format!("copy {n}"), capture.to_string())
}

fn entry(stored: &Stored, n: u64, twin: u64, errand: Errand, target: Option<Target>) -> Entry {
    let row = Row {
        n,
        key: stored.key.clone(),
        twin,
        twins_there: None,
        chosen: true,
        errand,
        state: MessageState::Planned,
        stored: None,
        target,
        why: String::new(),
        closed: false,
    };
    let message_id = stored.message.message_id().map(str::to_owned);
    Entry { origin: Some(stored.n), message_id, ..Entry::new(row) }
}

/// A plan of sending, message by message.
struct Drafting<'a> {
    live: &'a Live,
    facts: &'a Facts,
    record: &'a CaptureRecord,
    to: &'a TargetChoice,
    /// How often each key is in the capture.
    there: HashMap<&'a MessageKey, u64>,
    planned: HashMap<MessageKey, u64>,
    gathered: Gathered,
    entries: Vec<Entry>,
    copies: u64,
}

impl<'a> Drafting<'a> {
    fn new(
        live: &'a Live,
        facts: &'a Facts,
        record: &'a CaptureRecord,
        to: &'a TargetChoice,
        keys: &'a [(u64, MessageKey)],
    ) -> Self {
        let mut there: HashMap<_, u64> = HashMap::new();
        keys.iter().for_each(|(_, key)| *there.entry(key).or_default() += 1);
        let (planned, gathered, entries) = Default::default();
        Self { live, facts, record, to, there, planned, gathered, entries, copies: 0 }
    }

    fn deed(&self) -> Deed {
        if self.copies > 0 { Deed::SendCopy } else { Deed::Redrive }
    }

    /// The queue had no other messages than those of the capture when it was read.
    fn is_whole(&self) -> bool {
        let looked = matches!(self.record.source, CaptureSource::Peek | CaptureSource::CarefulLook);
        looked && self.record.state == CaptureState::Whole && self.record.of == Some(self.record.counted.messages)
    }

    fn add(&mut self, stored: &Stored) -> Result<()> {
        self.copies += u64::from(stored.only_here);
        let n = self.entries.len() as u64 + 1;
        if self.copies != n && self.copies != 0 {
            let why = "some of these messages exist only here and some still wait in their queue: send them apart";
            return Err(Error::Invalid { why: why.to_owned() });
        }
        let errand = if stored.only_here { Errand::SendCopy } else { Errand::Send };
        let way = self.way(&stored.message);
        let target = way.as_ref().ok().cloned();
        let mut entry = entry(stored, n, 0, errand, target);
        match way {
            Ok(_) if errand == Errand::SendCopy => {
                entry.row.stored = Some(stored.n);
                entry.place = Some(place_of_copy(self.record.id, stored.n));
            }
            Ok(_) => {
                let twin = self.planned.entry(stored.key.clone()).or_default();
                entry.row.twin = *twin;
                *twin += 1;
                entry.row.twins_there = self.is_whole().then(|| self.there[&stored.key]);
                entry.place = Some((self.live.identity.broker.clone(), self.record.queue.as_str().to_owned()));
            }
            Err(why) => {
                entry.row.state = MessageState::Skipped;
                entry.row.why = why;
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Where it goes, or why it stays. Either way the plan gets a line.
    fn way(&mut self, message: &Message) -> Result<Target, String> {
        let death_key = message.deaths.first().and_then(|death| death.routing_keys.first());
        let mut line = PlanLine {
            from: Some(self.record.queue.clone()),
            key: death_key.unwrap_or(&message.routing.key).clone(),
            target: None,
            arrives_in: Vec::new(),
            messages: 1,
            note: String::new(),
            stays: true,
        };
        let way = self.target_of(message).and_then(|target| self.arrive(message, target, &mut line));
        if let Err(why) = &way {
            line.note.clone_from(why);
        }
        self.gathered.add_line(line);
        way
    }

    fn target_of(&self, message: &Message) -> Result<Target, String> {
        match self.to {
            TargetChoice::Place { target } => Ok(target.clone()),
            TargetChoice::Origin => match self.live.rules.origin(message) {
                Some(routing) => Ok(Target::Exchange { exchange: routing.exchange, key: routing.key }),
                None => Err("it does not say by which exchange it first came: choose a place".to_owned()),
            },
            TargetChoice::FailedIn => match self.live.rules.failed_in(message) {
                FailedIn::Queue { queue, .. } => Ok(Target::Queue { queue }),
                FailedIn::OnlyExpired { queues } => {
                    let queues: Vec<_> = queues.iter().map(|queue| format!("`{queue}`")).collect();
                    Err(format!("it only ever expired, in {}: choose a place", queues.join(", ")))
                }
                FailedIn::Unknown => Err("it does not say in which queue it failed: choose a place".to_owned()),
            },
        }
    }

    fn arrive(&mut self, message: &Message, target: Target, line: &mut PlanLine) -> Result<Target, String> {
        let prepared = self.live.rules.prepare(message, &target);
        let arrivals = self.live.rules.arrivals(self.facts, &prepared.outgoing);
        line.target = Some(target.clone());
        line.arrives_in.clone_from(&arrivals.queues);
        if arrivals.is_unroutable() {
            line.target = None;
            return Err(match &target {
                Target::Queue { queue } => format!("there is no queue `{queue}`: the broker would return it"),
                Target::Exchange { .. } => {
                    format!("nothing takes it at {}: the broker would return it", words::target(&target))
                }
            });
        }
        if let (true, Some(unsure)) = (arrivals.queues.is_empty(), arrivals.unsure.first()) {
            line.target = None;
            return Err(format!("where it would arrive is not known: {}", unsure.why));
        }
        line.stays = false;
        line.note = self.consumers(&arrivals.queues);
        self.gathered.add_hazards(self.live.rules.hazards(self.facts, &target, &arrivals));
        prepared.stripped.iter().for_each(|part| self.gathered.add_stripped(&part.name, part.why));
        Ok(target)
    }

    fn consumers(&self, queues: &[QueueName]) -> String {
        let [queue] = queues else { return String::new() };
        let measured = self.facts.measures.iter().flat_map(|part| &part.value.queues);
        match measured.filter(|measure| measure.name == *queue).find_map(|measure| measure.consumers) {
            Some(0) => "no consumers".to_owned(),
            Some(1) => "1 consumer".to_owned(),
            Some(n) => format!("{n} consumers"),
            None => String::new(),
        }
    }
}
