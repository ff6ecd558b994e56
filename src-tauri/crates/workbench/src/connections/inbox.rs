//! The dead-letter queues of a connection, and what was read of each.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use broker::{Facts, LookCost, Measures, Missing, Partial, QueueMeasure, QueueName, Rules, Topology};
use serde::Serialize;

use super::look_ask;
use crate::captures::CaptureSource;
use crate::store::{CaptureRecord, in_background};
use crate::{CaptureView, ProfileId, Result, Workbench};

/// Messages of a look at one dead-letter queue.
const LOOK_AT: u64 = 200;
/// Queues of which the cost of a look is computed at once, those with the most messages: each takes the whole topology.
const LOOKS_MAX: usize = 50;

/// All dead-letter queues of a connection, from what was last read of it.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterInbox {
    /// Most messages first, unknown counts last. `None`: not read yet.
    pub queues: Option<Vec<DeadLetterQueue>>,
    /// Ready in those that nobody consumes; `None` as soon as one of them is not known.
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    /// What could not be read, and why: there may be more queues than these.
    pub missing: Vec<Missing>,
}

/// One dead-letter queue.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterQueue {
    pub name: QueueName,
    /// The vendor's word for its type; empty where it is not known.
    pub label: String,
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    /// Where somebody consumes, dead letters are part of a retry loop, and none waits for a person.
    #[specta(type = Option<u32>)]
    pub consumers: Option<u64>,
    /// The queues whose dead letters arrive here for certain.
    pub fed_by: Vec<QueueName>,
    /// The newest capture that a look or a take made of it.
    pub capture: Option<CaptureView>,
    /// What a look at its first 200 messages does, from what was last read: it is asked anew before one is made. `None`:
    /// one of very many queues, to be asked for by itself.
    pub look: Option<LookCost>,
}

impl Workbench {
    /// Every dead-letter queue of a connection, what was last read of it, and what a look would cost. Asks the broker
    /// nothing.
    pub async fn list_dead_letters(&self, profile: ProfileId) -> Result<DeadLetterInbox> {
        let connection = self.open_one(profile)?;
        let live = connection.live();
        let (topology, measures, parking, ready, missing) = {
            let watched = connection.watched();
            let parts = (watched.topology.clone(), watched.measures.clone(), watched.dead_letter_queues.clone());
            (parts.0, parts.1, parts.2, watched.dead_letters(), watched.missing())
        };
        let Some(topology) = topology else { return Ok(DeadLetterInbox { queues: None, ready, missing }) };
        let version = live.identity.version.clone();
        let listed = in_background("list the dead letters", move || {
            Ok(list(&*live.rules, version, &topology, measures.as_deref(), &parking))
        });
        let mut queues = listed.await?;
        let mut newest = self.newest_looks(profile, &queues).await?;
        for queue in &mut queues {
            queue.capture = newest.remove(&queue.name);
        }
        Ok(DeadLetterInbox { queues: Some(queues), ready, missing })
    }

    /// By queue: the newest capture of messages as they lie in it.
    async fn newest_looks(
        &self,
        profile: ProfileId,
        queues: &[DeadLetterQueue],
    ) -> Result<HashMap<QueueName, CaptureView>> {
        let wanted: HashSet<&QueueName> = queues.iter().map(|queue| &queue.name).collect();
        let mut newest: HashMap<QueueName, CaptureRecord> = HashMap::new();
        for record in self.inner.store.read(CaptureRecord::all).await? {
            let is_look =
                matches!(record.source, CaptureSource::Peek | CaptureSource::CarefulLook | CaptureSource::Take);
            if is_look && record.profile == profile && wanted.contains(&record.queue) {
                newest.entry(record.queue.clone()).or_insert(record);
            }
        }
        let views = self.inner.captures.views_of(newest.into_values().collect()).await?;
        Ok(views.into_iter().map(|view| (view.queue.clone(), view)).collect())
    }
}

fn list(
    rules: &dyn Rules,
    version: String,
    topology: &Arc<Partial<Topology>>,
    measures: Option<&Partial<Measures>>,
    parking: &HashSet<QueueName>,
) -> Vec<DeadLetterQueue> {
    let measured: HashMap<&QueueName, &QueueMeasure> =
        measures.iter().flat_map(|measures| &measures.value.queues).map(|queue| (&queue.name, queue)).collect();
    let mut fed_by: HashMap<&QueueName, Vec<QueueName>> = HashMap::new();
    for route in &topology.value.dead_letter_routes {
        for queue in route.reaches.iter().filter(|queue| parking.contains(queue)) {
            fed_by.entry(queue).or_default().push(route.queue.clone());
        }
    }
    let found = topology.value.queues.iter().filter(|queue| parking.contains(&queue.name));
    let mut queues: Vec<_> = found
        .map(|queue| DeadLetterQueue {
            name: queue.name.clone(),
            label: queue.label.clone(),
            ready: measured.get(&queue.name).and_then(|measure| measure.ready),
            consumers: measured.get(&queue.name).and_then(|measure| measure.consumers),
            fed_by: fed_by.remove(&queue.name).unwrap_or_default(),
            capture: None,
            look: None,
        })
        .collect();
    queues.sort_by(|a, b| Reverse(a.ready).cmp(&Reverse(b.ready)).then_with(|| a.name.cmp(&b.name)));
    let facts = Facts {
        version,
        topology: Partial::clone(topology),
        measures: measures.cloned(),
        may_publish_to_queues: None,
        stated: Vec::new(),
    };
    for queue in queues.iter_mut().take(LOOKS_MAX) {
        queue.look = Some(rules.look(&facts, &look_ask(&queue.name, LOOK_AT)));
    }
    queues
}
