//! After a crash: what each message's state is, as far as the broker can be asked without harm. Nothing is sent and
//! nothing is removed here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use broker::{Depth, LookCost, Purpose, QueueName, Returning, Target};
use tokio_util::sync::CancellationToken;

use super::driver;
use super::ending::{RunEnd, planned_by_rule};
use super::machine::{Halt, Limits, Machine, Quest, ReadOut, Work};
use super::planning::reading;
use super::reckoning::{self, Ends, Sight};
use super::recognising::Recognising;
use super::row::{Errand, Row};
use super::running::desk_of;
use super::starting::busy;
use super::{JobState, JobView, MessageState, plan};
use crate::connections::{LOOK_MESSAGES_MAX, Live};
use crate::store::{JobRecord, RowsOf};
use crate::{AppEvent, Error, JobId, ProfileId, Result, Workbench};

/// A dead connection's messages come back within this time, looked for this often.
const STILL_LOOK_AGAIN: Duration = Duration::from_millis(300);
const STILL_LOOKS_MAX: u32 = 30;

impl Workbench {
    /// Looks after the jobs that were interrupted on that profile's broker. Called when its connection has opened.
    pub(crate) async fn recover(&self, profile: ProfileId) -> Result<()> {
        let live = self.live(profile)?;
        self.inner.jobs.settle().await?;
        for record in self.inner.store.jobs_in(&[JobState::Interrupted]).await? {
            if record.profile != profile && record.broker != live.identity.broker {
                continue;
            }
            let Some(owner) = self.inner.jobs.own(record.id)? else { continue };
            let record = self.job_record(record.id).await?;
            if record.state != JobState::Interrupted {
                // Somebody else has looked it up since the list was read.
                owner.give_up(Some(record.state));
                continue;
            }
            if let Err(error) = self.reconcile(&record, &live).await {
                tracing::warn!(%error, job = %record.id, "an interrupted job could not be looked up");
            }
            owner.give_up(Some(self.job_record(record.id).await?.state));
            self.tell(AppEvent::JobChanged { job: record.id });
        }
        Ok(())
    }

    /// Looks again at both ends of what a job left open, where that is harmless. Sends and removes nothing.
    pub async fn reconcile_job(&self, job: JobId) -> Result<JobView> {
        let live = self.live(self.job_record(job).await?.profile)?;
        let owner = self.inner.jobs.own(job)?.ok_or_else(|| busy("the job"))?;
        let record = self.job_record(job).await?;
        self.reconcile(&record, &live).await?;
        owner.give_up(Some(self.job_record(job).await?.state));
        self.tell(AppEvent::JobChanged { job });
        self.show_job(job).await
    }

    /// For whoever owns the job.
    pub(super) async fn reconcile(&self, record: &JobRecord, live: &Live) -> Result<()> {
        let mut rows = self.rows_with_copies(record).await?;
        let open = |row: &Row| row.state.is_under_way() || row.is_open();
        let source = match &record.queue {
            Some(queue) if rows.iter().any(|row| open(row) && row.errand.starts_in_queue()) => {
                self.look_for(record, live, queue, Look::Source, Recognising::default()).await
            }
            _ => Sight::Not { why: "no queue was read".to_owned() },
        };
        let elsewhere = record.ask.as_ref().and_then(|ask| ask.options().to_profile);
        // Queues of another connection may have the same name.
        let source_name = record.queue.as_ref().filter(|_| elsewhere.is_none());
        let mut targets = BTreeMap::new();
        for queue in target_queues(&rows, source_name) {
            let sight = match elsewhere.map(|profile| self.live(profile)).transpose() {
                Ok(to) => {
                    let to = to.as_ref().unwrap_or(live);
                    self.look_for(record, to, &queue, Look::Target, Recognising::default()).await
                }
                Err(_) => Sight::Not { why: "the connection that it was sent to is not open".to_owned() },
            };
            targets.insert(queue, sight);
        }
        // A look may have had to write rows of its own.
        let known: BTreeSet<_> = rows.iter().map(|row| row.n).collect();
        let now = self.inner.store.job_entries(record.id, RowsOf::OpenOrNotStarted).await?;
        rows.extend(now.into_iter().map(|entry| entry.row).filter(|row| !known.contains(&row.n)));
        let met_to = match planned_by_rule(record) {
            Some(_) if !record.several_leases => self.inner.store.gapless_to(record.id).await?,
            _ => 0,
        };
        let ends = Ends { met_to, source_name, source: &source, targets: &targets };
        let places: HashMap<_, _> = rows.iter().enumerate().map(|(at, row)| (row.n, at)).collect();
        let mut written = Vec::new();
        for reckoned in reckoning::reckon(&rows, &ends) {
            let row = Row { state: reckoned.state, why: reckoned.why, ..rows[places[&reckoned.n]].clone() };
            written.push((row, reckoned.at_source, reckoned.at_target));
        }
        self.inner.store.write_ends(record.id, written).await?;
        let counts = self.counts_of(&JobRecord { state: JobState::Paused, ..record.clone() }).await?;
        let rest = (counts.not_started > 0).then(|| "the program ended before the job did".to_owned());
        let end = match record.state {
            _ if record.deed == super::Deed::Purge => {
                let words = "the program ended before the broker answered: it may have emptied the queue".to_owned();
                RunEnd {
                    halt: Some(Halt::Trouble(super::machine::Trouble { words, lost: false })),
                    ..RunEnd::default()
                }
            }
            JobState::Stopped => RunEnd { halt: Some(Halt::Stopped), ..RunEnd::default() },
            _ => RunEnd { pause: rest, ..RunEnd::default() },
        };
        self.finish_job(record.id, Some(end), record.fault.clone()).await?;
        Ok(())
    }

    /// The job's rows that have no end, and their equals, with copies that were committed before the journal knew of them.
    async fn rows_with_copies(&self, record: &JobRecord) -> Result<Vec<Row>> {
        let store = &self.inner.store;
        let entries = store.job_entries(record.id, RowsOf::OpenOrNotStarted).await?;
        let mut rows: Vec<_> = entries.into_iter().map(|entry| entry.row).collect();
        let (Some(besides), Some(capture)) = (record.besides, record.capture) else { return Ok(rows) };
        let copies = match self.inner.captures.keys(capture).await {
            Ok(copies) => copies,
            // It ended before its capture had a file.
            Err(Error::NoSuch { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let known: HashSet<_> = store.stored_of(record.id).await?.into_iter().collect();
        let unknown = copies.into_iter().filter(|(number, _)| !known.contains(number));
        let next_n = store.last_n(record.id).await? + 1;
        let chosen = !matches!(besides, Errand::GiveBack(_)) || record.deed == super::Deed::CarefulLook;
        let adopted = reckoning::adopt(&mut rows, next_n, unknown, besides, chosen);
        store.write_rows(record.id, adopted).await?;
        Ok(rows)
    }

    /// How many of the messages that a job sent are in the queue again that they came from. Noted in the journal. An
    /// error: why that cannot be seen.
    pub(super) async fn count_bounces(&self, record: &JobRecord) -> Result<u64, String> {
        let queue = record.queue.as_ref().ok_or("no queue was read")?;
        let live = self.live(record.profile).map_err(|error| error.to_string())?;
        let recognising = self.recognising(record).await.map_err(|error| error.to_string())?;
        if recognising.nameless > 0 {
            return Err(format!("{} carry neither a mark nor a message id of their own", recognising.nameless));
        }
        match self.look_for(record, &live, queue, Look::Source, recognising).await {
            Sight::Whole { ours, .. } => {
                let noted = self.inner.store.note_bounced(record.id, ours.into_iter().collect()).await;
                noted.map_err(|error| error.to_string())
            }
            Sight::Not { why } => Err(why),
        }
    }

    /// Counts what is in a queue, where that is harmless.
    async fn look_for(
        &self,
        record: &JobRecord,
        live: &Live,
        queue: &QueueName,
        look: Look,
        recognising: Recognising,
    ) -> Sight {
        match self.try_to_look_for(record, live, queue, look, recognising).await {
            Ok(sight) => sight,
            Err(error) => Sight::Not { why: error.to_string() },
        }
    }

    async fn try_to_look_for(
        &self,
        record: &JobRecord,
        live: &Live,
        queue: &QueueName,
        look: Look,
        recognising: Recognising,
    ) -> Result<Sight> {
        still(live, queue).await?;
        let (facts, depth) = self.facts_of(live, queue).await?;
        let n = depth.ready.clamp(1, LOOK_MESSAGES_MAX);
        let cost = live.rules.look(&facts, &reading(queue, Purpose::Look { n }));
        if let Some(why) = harmful(&cost, &depth, look) {
            return Ok(Sight::Not { why });
        }
        let consumers = depth.consumers.or(cost.consumers);
        let (undisturbed, keeps) = (consumers == Some(0), matches!(cost.returning, Returning::Free | Returning::Marks));
        if depth.ready == 0 {
            return Ok(Sight::Whole { tally: Default::default(), ours: BTreeSet::new(), undisturbed, keeps });
        }
        let sought = Sought { queue, n, cost, recognising };
        let machine = self.count(record, live, sought, &CancellationToken::new()).await?;
        let whole =
            machine.halt().is_none() && machine.read_out() != Some(ReadOut::MayNotReturn) && machine.read() >= n;
        if !whole && machine.read_out() != Some(ReadOut::Empty) {
            return Ok(Sight::Not { why: "not all of the queue could be read".to_owned() });
        }
        Ok(Sight::Whole { tally: machine.tally().clone(), ours: machine.ours().clone(), undisturbed, keeps })
    }

    /// Counts the first messages of a queue.
    pub(super) async fn count(
        &self,
        record: &JobRecord,
        live: &Live,
        sought: Sought<'_>,
        stop: &CancellationToken,
    ) -> Result<Machine> {
        let Sought { queue, n, cost, recognising } = sought;
        let next_n = self.inner.store.last_n(record.id).await? + 1;
        // What may not go back is copied before it is put back.
        let writer = match (record.capture, plan::limits(Some(&cost)).1) {
            (Some(capture), true) => Some(self.inner.captures.reopen(capture).await?),
            _ => None,
        };
        let mut desk = desk_of(self, record, Some(live.clone()), writer);
        (desk.source, desk.accepted, desk.recognising) = (Some(queue.clone()), Some(cost), recognising);
        let desk = Arc::new(desk);
        let machine = Machine::new(Work {
            quest: Quest::Count { n },
            rows: Vec::new(),
            next_n,
            leave: HashMap::new(),
            taken: HashMap::new(),
            wary: false,
            limits: Limits::look(n),
        });
        let ran = Box::pin(driver::run(&desk, machine, stop, &|_| {})).await;
        if let Ok(mut desk) = Arc::try_unwrap(desk)
            && let Some(writer) = desk.writer.take()
        {
            writer.finish("copies of a job").await?;
        }
        ran
    }
}

/// The first `n` of a queue, and how a job's messages are recognised among them.
#[derive(Debug)]
pub(super) struct Sought<'a> {
    pub(super) queue: &'a QueueName,
    pub(super) n: u64,
    pub(super) cost: LookCost,
    pub(super) recognising: Recognising,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Source,
    Target,
}

/// Why a look is not made.
fn harmful(cost: &LookCost, depth: &Depth, look: Look) -> Option<String> {
    if let Some(refusal) = &cost.refusal {
        return Some(format!("looking there is refused: {}", refusal.why));
    }
    if depth.ready > LOOK_MESSAGES_MAX {
        return Some(format!("{} messages are there: more than one look holds", depth.ready));
    }
    if look == Look::Target {
        if depth.consumers.or(cost.consumers) != Some(0) {
            return Some("it has consumers, or may have".to_owned());
        }
        if !matches!(cost.returning, Returning::Free | Returning::Marks) {
            return Some("a look would cost the messages there a delivery".to_owned());
        }
    }
    None
}

/// The queues in which sent messages of unsettled rows may be.
fn target_queues(rows: &[Row], source_name: Option<&QueueName>) -> BTreeSet<QueueName> {
    let sent = rows.iter().filter(|row| {
        let sends = row.errand.sends() || row.errand == Errand::Remove;
        sends && (row.state.is_under_way() || row.is_open()) && row.state != MessageState::Planned
    });
    let queues = sent.filter_map(|row| match &row.target {
        Some(Target::Queue { queue }) => Some(queue.clone()),
        _ => None,
    });
    queues.filter(|queue| Some(queue) != source_name).collect()
}

/// Waits until what a dead connection held has come back: until the count stands still, or a bound.
async fn still(live: &Live, queue: &QueueName) -> Result<()> {
    let mut before = live.broker.depth(queue).await?.ready;
    for _ in 0..STILL_LOOKS_MAX {
        tokio::time::sleep(STILL_LOOK_AGAIN).await;
        let now = live.broker.depth(queue).await?.ready;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(())
}
