//! Messages that came back after they were sent: looked for once, or watched for a while after their job has ended.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use broker::{Depth, LookCost, Purpose, QueueName, Returning, Target};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::planning::reading;
use super::recovery::Sought;
use super::starting::busy;
use super::{DeedAsk, JobState, SendOptions, TargetChoice, lock, plan, words};
use crate::connections::{LOOK_MESSAGES_MAX, Live};
use crate::store::JobRecord;
use crate::{AppEvent, CaptureId, Error, JobId, ProfileId, Result, Workbench};

/// How often the depth of a queue is read while it is watched.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// Longer than this nobody watches one job.
const WATCH_S_MAX: u32 = 24 * 60 * 60;
const DEPTH_WAIT: Duration = Duration::from_secs(10);
/// Queues in which one job's messages are looked for.
const PLACES_MAX: usize = 8;

/// What came back of a job.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Bounces {
    /// Messages of the job that were found again so far, by this look or an earlier one.
    #[specta(type = u32)]
    pub bounced: u64,
    /// One for each queue in which they would be.
    pub looks: Vec<BounceLook>,
}

/// A look for messages that came back, into one queue.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct BounceLook {
    pub profile: ProfileId,
    pub queue: QueueName,
    /// Messages of the job that are there.
    #[specta(type = u32)]
    pub found: u64,
    /// Messages that were looked at, of those that were ready.
    #[specta(type = u32)]
    pub scanned: u64,
    #[specta(type = u32)]
    pub of: u64,
    /// Messages of the job that nobody would recognise: without a mark, and without a message id of their own.
    #[specta(type = u32)]
    pub nameless: u64,
    /// Why it was not looked at.
    pub not_looked: Option<String>,
    /// What looking would cost, where that is why.
    pub cost: Option<LookCost>,
}

/// A queue in which messages would come back.
#[derive(Debug, Clone)]
struct Place {
    live: Live,
    queue: QueueName,
    /// With no more than so many none came back.
    left: u64,
}

/// A watch that is to begin when its job has ended.
#[derive(Debug)]
pub(super) struct Watch {
    record: JobRecord,
    seconds: u32,
    places: Vec<Place>,
    /// Why nothing can be seen.
    blind: Option<String>,
    done_before: u64,
}

/// The watches of this program.
#[derive(Debug, Default)]
pub(super) struct Watches(Mutex<HashMap<JobId, (Timestamp, CancellationToken)>>);

impl Watches {
    fn begin(&self, job: JobId, seconds: u32) -> CancellationToken {
        let (until, stop) = (Timestamp::now() + SignedDuration::from_secs(seconds.into()), CancellationToken::new());
        lock(&self.0).insert(job, (until, stop.clone()));
        stop
    }

    fn end(&self, job: JobId) {
        lock(&self.0).remove(&job);
    }

    /// Until when each job is watched.
    pub(super) fn all(&self) -> HashMap<JobId, Timestamp> {
        lock(&self.0).iter().map(|(job, (until, _))| (*job, *until)).collect()
    }

    /// Whether there was one to stop.
    pub(super) fn stop(&self, job: JobId) -> bool {
        lock(&self.0).get(&job).map(|(_, stop)| stop.cancel()).is_some()
    }

    pub(super) fn stop_all(&self) {
        lock(&self.0).values().for_each(|(_, stop)| stop.cancel());
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }
}

/// Not longer than anybody watches.
pub(super) fn check(options: &SendOptions) -> Result<()> {
    if options.watch_s.is_some_and(|seconds| seconds > WATCH_S_MAX) {
        return Err(Error::Invalid { why: format!("bounces are watched for {WATCH_S_MAX} seconds at most") });
    }
    Ok(())
}

impl Workbench {
    /// Looks once for messages of a job that came back, in the queues in which they would be, where that is harmless: a
    /// look that is free, or one that only marks where nobody consumes. What it finds is noted with the job.
    ///
    /// Marks messages as redelivered, as any look does there. [`Error::Invalid`] where they could not be recognised, or
    /// where it is not known where they would be.
    pub async fn look_for_bounces(&self, job: JobId) -> Result<Bounces> {
        let record = self.job_record(job).await?;
        if record.state == JobState::Running {
            return Err(busy("the job"));
        }
        let mut looks = Vec::new();
        for place in self.places_of(&record).await? {
            looks.push(self.look_at(&record, &place, &CancellationToken::new()).await?);
        }
        self.tell(AppEvent::JobChanged { job });
        Ok(Bounces { bounced: self.inner.store.job_counts(job).await?.bounced, looks })
    }

    /// The same in a capture, where a look was too dear to be made for this alone: how many of the job's messages are in it.
    pub async fn find_bounces(&self, job: JobId, capture: CaptureId) -> Result<u64> {
        let record = self.job_record(job).await?;
        let recognising = self.recognising(&record).await?;
        let ours = self.inner.captures.find(capture, move |message| recognising.number(job, &message)).await?;
        let ours: BTreeSet<_> = ours.into_iter().collect();
        let found = self.inner.store.note_bounced(job, ours.into_iter().collect()).await?;
        self.tell(AppEvent::JobChanged { job });
        Ok(found)
    }

    /// Where messages of a job would come back: where they were read, and where their target's dead letters go.
    async fn places_of(&self, record: &JobRecord) -> Result<Vec<Place>> {
        let invalid = |why: &str| Error::Invalid { why: format!("job {}: {why}", record.number) };
        let Some(DeedAsk::Send { to: choice, options, .. }) = &record.ask else {
            return Err(invalid("it sent nothing that could come back"));
        };
        let live = self.live(record.profile)?;
        let to = options.to_profile.map_or_else(|| Ok(live.clone()), |profile| self.live(profile))?;
        let mut queues = BTreeSet::new();
        if options.to_profile.is_none() {
            queues.extend(self.read_from(record).await);
        }
        if let TargetChoice::Place { target: Target::Queue { queue } } = choice {
            let facts = self.facts(&to).await?;
            let routes = facts.topology.value.dead_letter_routes.iter().filter(|route| route.queue == *queue);
            queues.extend(routes.flat_map(|route| route.reaches.iter().cloned()));
        }
        if queues.is_empty() {
            return Err(invalid("it is not known in which queue its messages would be if they came back"));
        }
        let place = |queue| Place { live: to.clone(), queue, left: 0 };
        Ok(queues.into_iter().take(PLACES_MAX).map(place).collect())
    }

    /// The queue that the messages were read from, by the job or before it.
    async fn read_from(&self, record: &JobRecord) -> Option<QueueName> {
        if record.queue.is_some() {
            return record.queue.clone();
        }
        let capture = self.inner.captures.record(record.of?).await.ok()?;
        (capture.profile == record.profile).then_some(capture.queue)
    }

    async fn look_at(&self, record: &JobRecord, place: &Place, stop: &CancellationToken) -> Result<BounceLook> {
        let Place { live, queue, .. } = place;
        let (facts, depth) = self.facts_of(live, queue).await?;
        let n = depth.ready.clamp(1, LOOK_MESSAGES_MAX);
        let cost = live.rules.look(&facts, &reading(queue, Purpose::Look { n }));
        let blank = BounceLook {
            profile: live.profile.id,
            queue: queue.clone(),
            found: 0,
            scanned: 0,
            of: depth.ready,
            nameless: 0,
            not_looked: None,
            cost: None,
        };
        if depth.ready == 0 {
            return Ok(blank);
        }
        if let Some(why) = harm(&cost, &depth) {
            return Ok(BounceLook { not_looked: Some(why), cost: Some(cost), ..blank });
        }
        let there = JobRecord { broker: live.identity.broker.clone(), queue: Some(queue.clone()), ..record.clone() };
        if self.inner.store.is_at_work(&there).await? {
            // What one lease holds another cannot see.
            return Ok(BounceLook { not_looked: Some("another job works on it".to_owned()), ..blank });
        }
        let recognising = self.recognising(record).await?;
        let nameless = recognising.nameless;
        let machine = self.count(record, live, Sought { queue, n, cost, recognising }, stop).await?;
        let found = self.inner.store.note_bounced(record.id, machine.ours().iter().copied().collect()).await?;
        Ok(BounceLook { found, scanned: machine.read(), nameless, ..blank })
    }

    /// What has to be known before a job runs, to see after it what came back. `None`: nobody wants to.
    pub(super) async fn prepare_watch(&self, record: &JobRecord) -> Option<Watch> {
        let seconds = record.ask.as_ref()?.options().watch_s.filter(|seconds| *seconds > 0)?;
        let (places, blind) = match self.depths_before(record).await {
            Ok(places) => (places, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let done_before = self.inner.store.job_counts(record.id).await.unwrap_or_default().done;
        Some(Watch { record: record.clone(), seconds, places, blind, done_before })
    }

    async fn depths_before(&self, record: &JobRecord) -> Result<Vec<Place>> {
        let mut places = self.places_of(record).await?;
        for place in &mut places {
            place.left = place.live.broker.depth(&place.queue).await?.ready;
        }
        Ok(places)
    }

    /// Shown with the job from now on: called before the job is said to have ended.
    pub(super) fn announce_watch(&self, watch: &Watch) -> CancellationToken {
        self.inner.jobs.watches().begin(watch.record.id, watch.seconds)
    }

    /// Watches in a task of its own, if the job finished. It keeps nobody from anything: only looks are made, between jobs.
    pub(super) fn begin_watch(&self, watch: Watch, state: Option<JobState>, stop: CancellationToken) {
        let job = watch.record.id;
        if state != Some(JobState::Finished) {
            self.inner.jobs.watches().end(job);
            return;
        }
        let workbench = self.clone();
        tokio::spawn(async move {
            if let Err(error) = Box::pin(workbench.watch_to_the_end(watch, &stop)).await {
                tracing::warn!(%error, %job, "what came back could not be written down");
            }
            workbench.inner.jobs.watches().end(job);
            workbench.tell(AppEvent::JobChanged { job });
        });
    }

    async fn watch_to_the_end(&self, mut watch: Watch, stop: &CancellationToken) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(watch.seconds.into());
        let job = watch.record.id;
        let done = self.inner.store.job_counts(job).await?.done - watch.done_before;
        for place in &mut watch.places {
            if plan::removes(watch.record.deed) && watch.record.queue.as_ref() == Some(&place.queue) {
                place.left = place.left.saturating_sub(done);
            }
        }
        while !watch.places.is_empty() && !stop.is_cancelled() {
            let next = until.min(Instant::now() + WATCH_EVERY);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = stop.cancelled() => break,
            }
            watch.blind = None;
            for place in &mut watch.places {
                match self.glance(&watch.record, place, stop).await {
                    Ok(None) => {}
                    Ok(Some(why)) => watch.blind = Some(format!("`{}`: {why}", place.queue)),
                    Err(error) => watch.blind = Some(error.to_string()),
                }
            }
            if next == until {
                break;
            }
        }
        let counts = self.counts_of(&self.job_record(job).await?).await?;
        let mut outcome = words::outcome(watch.record.deed, &counts);
        if let Some(why) = watch.blind {
            outcome.push_str(&format!("; whether all that came back was seen is not known: {why}"));
        } else if stop.is_cancelled() {
            outcome.push_str("; bounces were not watched to the end");
        }
        self.inner.store.reword_finished_job(job, outcome).await
    }

    /// Reads the depth, and looks only where it has grown. Why a queue that has grown was not looked at.
    async fn glance(&self, record: &JobRecord, place: &mut Place, stop: &CancellationToken) -> Result<Option<String>> {
        // A connection that was closed meanwhile is not used any more.
        self.live(place.live.profile.id)?;
        let depth = match timeout(DEPTH_WAIT, place.live.broker.depth(&place.queue)).await {
            Ok(depth) => depth?,
            Err(_) => return Ok(Some("its depth was not told in time".to_owned())),
        };
        if depth.ready <= place.left {
            place.left = depth.ready;
            return Ok(None);
        }
        let look = self.look_at(record, place, stop).await?;
        match look.not_looked {
            None => {
                place.left = look.of;
                self.tell(AppEvent::JobChanged { job: record.id });
                Ok(unseen(&look))
            }
            why => Ok(why),
        }
    }
}

/// What a look did not see.
fn unseen(look: &BounceLook) -> Option<String> {
    match (look.scanned < look.of, look.nameless) {
        (true, _) => Some(format!("{} of {} were looked at", look.scanned, look.of)),
        (false, 0) => None,
        (false, nameless) => Some(format!("{nameless} carry neither a mark nor a message id of their own")),
    }
}

/// What harm a look would do, if any.
fn harm(cost: &LookCost, depth: &Depth) -> Option<String> {
    if let Some(refusal) = &cost.refusal {
        return Some(refusal.why.clone());
    }
    match (&cost.returning, depth.consumers.or(cost.consumers)) {
        (Returning::Free, _) | (Returning::Marks, Some(0)) => None,
        (Returning::Marks, None) => Some("it is not known whether somebody consumes it".to_owned()),
        (Returning::Marks, Some(_)) => {
            Some("it has consumers, which would get its messages in another order".to_owned())
        }
        _ => Some(cost.words.clone()),
    }
}
