use broker::{Measures, Partial, Scope, Topology, TopologyScope};

use super::dead_letters::dead_letter_queues;
use crate::{ProfileId, Result, Workbench};

impl Workbench {
    /// Queues, exchanges and every way between them, asked of the broker now. Only those queues count as dead-letter
    /// queues that no others feed. Reads no message.
    pub async fn topology(&self, profile: ProfileId) -> Result<Partial<Topology>> {
        let mut topology = self.live(profile)?.broker.topology(TopologyScope::All).await?;
        let parking = dead_letter_queues(&topology.value);
        for queue in &mut topology.value.queues {
            queue.is_dead_letter_queue = parking.contains(&queue.name);
        }
        Ok(topology)
    }

    /// Counts and rates, asked of the broker now. Reads no message.
    pub async fn measures(&self, profile: ProfileId) -> Result<Partial<Measures>> {
        Ok(self.live(profile)?.broker.measure(Scope::All).await?)
    }
}
