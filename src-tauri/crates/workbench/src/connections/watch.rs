use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use broker::{
    Depth, Facts, Health, Measures, Missing, Partial, QueueMeasure, QueueName, Scope, Topology, TopologyScope,
};
use jiff::Timestamp;
use tokio::time::Instant;

use super::dead_letters::dead_letter_queues;
use super::queues::is_parking;
use super::{Connection, Freshness, Live, Writes};
use crate::{AppEvent, ProfileId, Result, Workbench};

/// The broker renews its own statistics every five seconds: asking more often shows nothing new.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// A slow broker is asked less often, so that we never take more than a tenth of its time.
const POLL_SHARE: u32 = 10;
const TOPOLOGY_EVERY: Duration = Duration::from_secs(30);
/// The first counts are waited for so long: two seconds in all.
const FIRST_COUNTS_LOOKS_MAX: u32 = 40;
const FIRST_COUNTS_LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Samples kept of each queue for its trend: five minutes at the fastest pace.
pub(super) const HISTORY_MAX: usize = 60;

/// What was last seen of a connection.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(super) health: Health,
    pub(super) lock: Writes,
    pub(super) freshness: Freshness,
    pub(super) topology: Option<Arc<Partial<Topology>>>,
    /// Of that topology.
    pub(super) dead_letter_queues: HashSet<QueueName>,
    pub(super) measures: Option<Arc<Partial<Measures>>>,
    pub(super) history: HashMap<QueueName, VecDeque<Sample>>,
    pub(super) generation: u32,
}

/// One queue's numbers at one poll; a gap where it was not measured.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) ready: Option<u64>,
    pub(super) in_flight: Option<u64>,
    pub(super) rate_in: Option<f64>,
    pub(super) rate_out: Option<f64>,
}

impl Watched {
    pub(super) fn queue_count(&self) -> Option<u32> {
        Some(count(self.topology.as_ref()?.value.queues.len()))
    }

    pub(super) fn exchange_count(&self) -> Option<u32> {
        Some(count(self.topology.as_ref()?.value.exchanges.len()))
    }

    /// Ready in all dead-letter queues; `None` as soon as one of them is not known.
    pub(super) fn dead_letters(&self) -> Option<u64> {
        let (_, measures) = (self.topology.as_ref()?, self.measures.as_ref()?);
        let measured: HashMap<_, _> = measures.value.queues.iter().map(|queue| (&queue.name, queue)).collect();
        let measures = self.dead_letter_queues.iter().map(|queue| measured.get(queue).copied());
        measures.filter(|measure| is_parking(true, *measure)).map(|measure| measure?.ready).sum()
    }

    pub(super) fn missing(&self) -> Vec<Missing> {
        let topology = self.topology.iter().flat_map(|part| &part.missing);
        topology.chain(self.measures.iter().flat_map(|part| &part.missing)).cloned().collect()
    }

    /// Nothing was counted yet, and nothing says that it cannot be.
    fn expects_first_counts(&self) -> bool {
        let Freshness { failing, paused, .. } = &self.freshness;
        self.measures.is_none() && failing.is_none() && !paused && self.health == Health::Live
    }

    fn has_counts(&self) -> bool {
        self.measures.as_ref().is_some_and(|measures| has_counts(measures))
    }

    fn keep(&mut self, measures: Partial<Measures>) {
        let mut old = std::mem::take(&mut self.history);
        for queue in &measures.value.queues {
            let mut samples = old.remove(&queue.name).unwrap_or_default();
            if samples.len() == HISTORY_MAX {
                samples.pop_front();
            }
            samples.push_back(Sample {
                ready: queue.ready,
                in_flight: queue.in_flight,
                rate_in: queue.rate_in,
                rate_out: queue.rate_out,
            });
            self.history.insert(queue.name.clone(), samples);
        }
        self.measures = Some(Arc::new(measures));
    }
}

/// Whether there are no queues, or the count of some is known.
fn has_counts(measures: &Partial<Measures>) -> bool {
    let queues = &measures.value.queues;
    queues.is_empty() || queues.iter().any(|queue| queue.ready.is_some())
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Workbench {
    /// Asks the broker again and again until the connection is closed.
    pub(super) async fn watch(self, connection: Arc<Connection>) {
        let mut health = connection.live().broker.health();
        let mut topology_due = Instant::now();
        loop {
            let (paused, lost) = {
                let watched = connection.watched();
                (watched.freshness.paused, matches!(watched.health, Health::Lost { .. }))
            };
            let mut pause = POLL_EVERY;
            if !paused && !lost {
                if Instant::now() >= topology_due {
                    self.read_topology(&connection).await;
                    topology_due = Instant::now() + TOPOLOGY_EVERY;
                }
                pause = self.read_measures(&connection).await;
            }
            if connection.closed.is_cancelled() {
                return;
            }
            self.tell_connection(&connection);
            tokio::select! {
                () = connection.closed.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = connection.wake.notified() => topology_due = Instant::now(),
                changed = health.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = health.borrow_and_update().clone();
                    topology_due = Instant::now();
                    connection.watched().health = now;
                }
            }
        }
    }

    fn tell_connection(&self, connection: &Connection) {
        let view = self.view_of(connection);
        self.tell(AppEvent::ConnectionChanged { connection: Box::new(view) });
    }

    async fn read_topology(&self, connection: &Connection) {
        match connection.live().broker.topology(TopologyScope::All).await {
            Ok(topology) => {
                let mut watched = connection.watched();
                watched.dead_letter_queues = dead_letter_queues(&topology.value);
                watched.topology = Some(Arc::new(topology));
                watched.generation = watched.generation.wrapping_add(1);
            }
            Err(error) => connection.watched().freshness.failing = Some(error.to_string()),
        }
    }

    /// Reads the counts; returns how long to wait before the next time.
    async fn read_measures(&self, connection: &Connection) -> Duration {
        let began = Instant::now();
        let measured = connection.live().broker.measure(Scope::All).await;
        let took = began.elapsed();
        let mut watched = connection.watched();
        match measured {
            // A node that is going down still lists its queues: the last counts are worth more than none.
            Ok(measures) if watched.has_counts() && !has_counts(&measures) => {
                watched.freshness.failing = Some("the broker lists its queues without their counts".to_owned());
            }
            Ok(measures) => {
                watched.freshness = Freshness {
                    measured_at: Some(measures.value.taken_at),
                    age_ms_max: measures.value.age_ms_max,
                    took_ms: u64::try_from(took.as_millis()).ok(),
                    failing: None,
                    paused: watched.freshness.paused,
                };
                watched.keep(measures);
                watched.generation = watched.generation.wrapping_add(1);
            }
            Err(error) => watched.freshness.failing = Some(error.to_string()),
        }
        POLL_EVERY.max(took * POLL_SHARE)
    }

    /// Stops asking, or starts again.
    pub fn set_paused(&self, profile: ProfileId, paused: bool) -> Result<()> {
        let connection = self.open_one(profile)?;
        connection.watched().freshness.paused = paused;
        connection.wake.notify_one();
        Ok(())
    }

    /// Asks now, topology included.
    pub fn refresh_connection(&self, profile: ProfileId) -> Result<()> {
        self.open_one(profile)?.wake.notify_one();
        Ok(())
    }

    /// What the rules need to know of everything: the topology is read anew, counts are the last ones. Of a connection that
    /// has just opened the first ones are waited for a little.
    pub(crate) async fn facts(&self, live: &Live) -> Result<Facts> {
        let connection = self.open_one(live.profile.id)?;
        for _ in 0..FIRST_COUNTS_LOOKS_MAX {
            if !connection.watched().expects_first_counts() {
                break;
            }
            tokio::time::sleep(FIRST_COUNTS_LOOK_AGAIN).await;
        }
        self.facts_within(live, TopologyScope::All).await
    }

    /// What the rules need to know of one queue, and how many messages are in it: both read anew.
    pub(crate) async fn facts_of(&self, live: &Live, queue: &QueueName) -> Result<(Facts, Depth)> {
        let scope = TopologyScope::Queue(queue.clone());
        let (facts, depth) = tokio::join!(self.facts_within(live, scope), live.broker.depth(queue));
        let (mut facts, depth) = (facts?, depth?);
        let measures = &mut facts.measures.get_or_insert_default().value.queues;
        let at = measures.iter().position(|measure| measure.name == *queue).unwrap_or_else(|| {
            measures.push(QueueMeasure { name: queue.clone(), ..QueueMeasure::default() });
            measures.len() - 1
        });
        let measure = &mut measures[at];
        measure.ready = Some(depth.ready);
        measure.consumers = depth.consumers.or(measure.consumers);
        Ok((facts, depth))
    }

    async fn facts_within(&self, live: &Live, scope: TopologyScope) -> Result<Facts> {
        let topology = live.broker.topology(scope).await?;
        let measures = self.open_one(live.profile.id)?.watched().measures.clone();
        Ok(Facts {
            version: live.identity.version.clone(),
            topology,
            measures: measures.map(|measures| Partial::clone(&measures)),
            may_publish_to_queues: None,
            stated: Vec::new(),
        })
    }
}

impl Watched {
    /// The lock as it is now: a time that has passed locks again.
    pub(super) fn writes(&self) -> Writes {
        match self.lock {
            Writes::Until { at } if at <= Timestamp::now() => Writes::Locked,
            ref lock => lock.clone(),
        }
    }
}
