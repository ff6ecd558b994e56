//! After a crash: what each message's state is, as far as the broker can be asked without harm. Nothing is sent and
//! nothing is removed here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker::{Depth, LookCost, Purpose, QueueName, Returning, Target};
use tokio_util::sync::CancellationToken;

use super::driver;
use super::machine::{Limits, Machine, Quest, ReadOut, Work};
use super::planning::reading;
use super::reckoning::{self, Ends, Sight};
use super::row::{Errand, Row};
use super::starting::{busy, desk_of};
use super::{JobState, JobView, MessageState, Owner, plan};
use crate::connections::{LOOK_MESSAGES_MAX, Live};
use crate::store::JobRecord;
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
            if let Err(error) = self.reconcile(&record, &live, owner).await {
                tracing::warn!(%error, job = %record.id, "an interrupted job could not be looked up");
            }
            self.tell(AppEvent::JobChanged { job: record.id });
        }
        Ok(())
    }

    /// Looks again at both ends of what a job left open, where that is harmless. Sends and removes nothing.
    pub async fn reconcile_job(&self, job: JobId) -> Result<JobView> {
        let record = self.job_record(job).await?;
        let live = self.live(record.profile)?;
        let owner = self.inner.jobs.own(job)?.ok_or_else(|| busy("the job"))?;
        self.reconcile(&record, &live, owner).await?;
        self.tell(AppEvent::JobChanged { job });
        self.show_job(job).await
    }

    async fn reconcile(&self, record: &JobRecord, live: &Live, owner: Owner) -> Result<()> {
        let mut rows = self.rows_with_copies(record).await?;
        let open = |row: &Row| row.state.is_under_way() || row.is_open();
        let source = match &record.queue {
            Some(queue) if rows.iter().any(|row| open(row) && row.errand.starts_in_queue()) => {
                self.look_for(record, live, queue, Look::Source).await
            }
            _ => Sight::Not { why: "no queue was read".to_owned() },
        };
        let mut targets = BTreeMap::new();
        for queue in target_queues(&rows, record) {
            let sight = self.look_for(record, live, &queue, Look::Target).await;
            targets.insert(queue, sight);
        }
        // A look may have had to write rows of its own.
        let known: BTreeSet<_> = rows.iter().map(|row| row.n).collect();
        let now = self.inner.store.job_entries(record.id).await?;
        rows.extend(now.into_iter().map(|entry| entry.row).filter(|row| !known.contains(&row.n)));
        let ends = Ends { source_name: record.queue.as_ref(), source: &source, targets: &targets };
        let mut written = Vec::new();
        for reckoned in reckoning::reckon(&rows, &ends) {
            if let Some(row) = rows.iter_mut().find(|row| row.n == reckoned.n) {
                (row.state, row.why) = (reckoned.state, reckoned.why);
                written.push((row.clone(), reckoned.at_source, reckoned.at_target));
            }
        }
        self.inner.store.write_ends(record.id, written).await?;
        let halt = rows.iter().any(|row| row.state == MessageState::NotStarted);
        let trouble =
            || super::machine::Trouble { words: "the program ended before the job did".to_owned(), lost: false };
        let halt = halt.then(|| super::machine::Halt::Trouble(trouble()));
        self.finish_job(record.id, Some((halt, false)), record.fault.clone()).await?;
        drop(owner);
        Ok(())
    }

    /// The job's rows, with copies that were committed before the journal knew of them.
    async fn rows_with_copies(&self, record: &JobRecord) -> Result<Vec<Row>> {
        let entries = self.inner.store.job_entries(record.id).await?;
        let mut rows: Vec<_> = entries.into_iter().map(|entry| entry.row).collect();
        if let (Some(besides), Some(capture)) = (record.besides, record.capture) {
            let copies = match self.inner.captures.keys(capture).await {
                Ok(copies) => copies,
                // It ended before its capture had a file.
                Err(Error::NoSuch { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
            let chosen = record.deed != super::Deed::Redrive;
            reckoning::adopt(&mut rows, copies, besides, chosen);
            self.inner.store.write_rows(record.id, rows.clone()).await?;
        }
        Ok(rows)
    }

    /// Counts what is in a queue, where that is harmless.
    async fn look_for(&self, record: &JobRecord, live: &Live, queue: &QueueName, look: Look) -> Sight {
        match self.try_to_look_for(record, live, queue, look).await {
            Ok(sight) => sight,
            Err(error) => Sight::Not { why: error.to_string() },
        }
    }

    async fn try_to_look_for(&self, record: &JobRecord, live: &Live, queue: &QueueName, look: Look) -> Result<Sight> {
        let depth = still(live, queue).await?;
        let facts = self.facts(live, Some(queue)).await?;
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
        let machine = self.count(record, live, queue, n, cost).await?;
        let whole =
            machine.halt().is_none() && machine.read_out() != Some(ReadOut::MayNotReturn) && machine.read() >= n;
        if !whole && machine.read_out() != Some(ReadOut::Empty) {
            return Ok(Sight::Not { why: "not all of the queue could be read".to_owned() });
        }
        Ok(Sight::Whole { tally: machine.tally().clone(), ours: machine.ours().clone(), undisturbed, keeps })
    }

    async fn count(
        &self,
        record: &JobRecord,
        live: &Live,
        queue: &QueueName,
        n: u64,
        cost: LookCost,
    ) -> Result<Machine> {
        let next_n =
            self.inner.store.job_entries(record.id).await?.iter().map(|entry| entry.row.n).max().unwrap_or(0) + 1;
        // What may not go back is copied before it is put back.
        let writer = match (record.capture, plan::limits(Some(&cost)).1) {
            (Some(capture), true) => Some(self.inner.captures.reopen(capture).await?),
            _ => None,
        };
        let mut desk = desk_of(self, record, Some(live.clone()), writer);
        (desk.source, desk.accepted) = (Some(queue.clone()), Some(cost));
        let desk = Arc::new(desk);
        let machine = Machine::new(Work {
            quest: Quest::Count { n },
            rows: Vec::new(),
            next_n,
            wary: false,
            limits: Limits::LOOK,
        });
        let ran = Box::pin(driver::run(&desk, machine, &CancellationToken::new(), &|_| {})).await;
        if let Ok(mut desk) = Arc::try_unwrap(desk)
            && let Some(writer) = desk.writer.take()
        {
            writer.finish("copies of a job").await?;
        }
        ran
    }
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
fn target_queues(rows: &[Row], record: &JobRecord) -> BTreeSet<QueueName> {
    let sent = rows.iter().filter(|row| {
        let sends = matches!(row.errand, Errand::Send | Errand::SendCopy | Errand::Remove);
        sends && (row.state.is_under_way() || row.is_open()) && row.state != MessageState::Planned
    });
    let queues = sent.filter_map(|row| match &row.target {
        Some(Target::Queue { queue }) => Some(queue.clone()),
        _ => None,
    });
    queues.filter(|queue| Some(queue) != record.queue.as_ref()).collect()
}

/// Waits until what a dead connection held has come back: until the count stands still, or a bound.
async fn still(live: &Live, queue: &QueueName) -> Result<Depth> {
    let mut before = live.broker.depth(queue).await?;
    for _ in 0..STILL_LOOKS_MAX {
        tokio::time::sleep(STILL_LOOK_AGAIN).await;
        let now = live.broker.depth(queue).await?;
        if now.ready == before.ready {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}
