use std::sync::Arc;

use broker::Driver;

/// The brokers we ship: one line each.
pub(crate) fn drivers() -> Vec<Arc<dyn Driver>> {
    vec![Arc::new(rabbitmq::RabbitDriver), Arc::new(sandbox::SandboxDriver::new())]
}
