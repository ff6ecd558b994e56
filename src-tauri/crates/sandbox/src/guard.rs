use async_trait::async_trait;
use broker::{Guard, GuardPlan, QueueName, Result};

use crate::Sandbox;
use crate::setup::GUARD_POLICY;

#[async_trait]
impl Guard for Sandbox {
    async fn propose(&self, queue: &QueueName) -> Result<GuardPlan> {
        let doing = || format!("see how to make looking into queue `{queue}` safe");
        self.connection.shared.act(|state| {
            state.reach(self.connection.id, doing)?;
            state.queue_exists(queue, doing)?;
            let limit = state.engine.queues.get(queue).and_then(|known| known.setup.returns.limit());
            let now = limit.map_or_else(|| "has none".to_owned(), |limit| format!("has {limit}"));
            Ok(GuardPlan {
                queue: queue.clone(),
                words: format!(
                    "Sets the policy `{GUARD_POLICY}` on queue `{queue}`: no delivery limit (now it {now}). \
                     Messages above the old limit are safe until it is taken back."
                ),
                command: String::new(),
                allowed: Some(true),
                useless: limit.is_none().then(|| "this queue has no delivery limit".to_owned()),
                note: GUARD_POLICY.to_owned(),
            })
        })
    }

    async fn apply(&self, plan: &GuardPlan) -> Result<()> {
        self.set_guarded(plan, true)
    }

    async fn take_back(&self, plan: &GuardPlan) -> Result<()> {
        self.set_guarded(plan, false)
    }
}

impl Sandbox {
    fn set_guarded(&self, plan: &GuardPlan, is_guarded: bool) -> Result<()> {
        let queue = &plan.queue;
        let doing = || format!("change the delivery limit of queue `{queue}`");
        self.connection.shared.act(|state| {
            state.reach(self.connection.id, doing)?;
            state.queue_exists(queue, doing)?;
            if let Some(queue) = state.engine.queues.get_mut(queue) {
                queue.guarded = is_guarded;
            }
            Ok(())
        })
    }
}
