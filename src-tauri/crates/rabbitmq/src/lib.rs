//! RabbitMQ behind the port: messages over AMQP 0-9-1, everything else over the management API.

mod acks;
mod api;
mod badges;
mod check;
mod connect;
mod depth;
mod end;
mod error;
mod form;
mod greet;
mod guard;
mod hold;
mod lease;
mod measure;
mod publish;
mod pulse;
mod rules;
mod shared;
mod terms;
mod topology;
mod translate;
mod verdict;
mod vhost;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::{
    Ask, Broker, CheckStep, Depth, Driver, Error, ErrorKind, Form, Guard, Health, Identity, Kind, Lease, Measures,
    Order, Partial, Publisher, QueueMeasure, QueueName, Result, Rules, Scope, Secret, Settings, Topology,
    TopologyScope,
};
use tokio::sync::{mpsc, watch};

use crate::connect::Endpoint;
use crate::guard::RabbitGuard;
use crate::rules::RabbitRules;
use crate::shared::Shared;

const OPEN_WAIT: Duration = Duration::from_millis(14_500);

/// RabbitMQ, 3.10 and later.
#[derive(Debug, Clone, Copy, Default)]
pub struct RabbitDriver;

#[async_trait]
impl Driver for RabbitDriver {
    fn kind(&self) -> Kind {
        Kind("rabbitmq")
    }

    fn form(&self) -> Form {
        form::form()
    }

    fn read_url(&self, url: &str) -> Result<(Settings, Secret)> {
        form::read_url(url)
    }

    fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(RabbitRules)
    }

    async fn check(&self, settings: &Settings, secret: &Secret, steps: mpsc::Sender<CheckStep>) -> Result<()> {
        check::check(settings, secret, steps).await
    }

    async fn open(&self, settings: &Settings, secret: &Secret) -> Result<Arc<dyn Broker>> {
        let endpoint = Endpoint::read(settings).await?;
        let doing = format!("connect to {}", endpoint.place());
        let shared = Arc::new(Shared::new(endpoint, secret)?);
        let connected = async {
            match shared.watching.connection().await {
                Ok(_) => shared.identify().await,
                Err(error) if error.kind() == ErrorKind::Forbidden => {
                    Err(vhost::explain(&shared.endpoint, &shared.api, error).await)
                }
                Err(error) => Err(error),
            }
        };
        // Boxed: the future of a whole handshake is large.
        match tokio::time::timeout(OPEN_WAIT, Box::pin(connected)).await {
            Ok(connected) => connected?,
            Err(_) => return Err(error::silent(doing, OPEN_WAIT)),
        }
        tokio::spawn(shared.clone().watch());
        let guard = RabbitGuard::new(shared.clone());
        Ok(Arc::new(RabbitBroker { shared, guard }))
    }
}

/// An open connection to a RabbitMQ broker.
#[derive(Debug)]
struct RabbitBroker {
    shared: Arc<Shared>,
    guard: RabbitGuard,
}

impl RabbitBroker {
    /// Where only AMQP is there, queues that are named can still be counted.
    async fn count(&self, names: &[QueueName], error: Error) -> Result<Partial<Measures>> {
        let mut queues = Vec::with_capacity(names.len());
        for name in names {
            match self.shared.depths.depth(name).await {
                Ok(depth) => queues.push(QueueMeasure {
                    name: name.clone(),
                    ready: Some(depth.ready),
                    consumers: depth.consumers,
                    ..QueueMeasure::default()
                }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let missing = vec![topology::missing_part("rates", &error)];
        let value = Measures { taken_at: jiff::Timestamp::now(), queues, ..Measures::default() };
        Ok(Partial { value, missing })
    }
}

#[async_trait]
impl Broker for RabbitBroker {
    fn identity(&self) -> Identity {
        self.shared.identity()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.pulse.watch()
    }

    /// Both scopes read everything anew: whether dead letters reach a queue is known only from all the others.
    async fn topology(&self, _scope: TopologyScope) -> Result<Partial<Topology>> {
        self.shared.topology().await
    }

    async fn measure(&self, scope: Scope) -> Result<Partial<Measures>> {
        match (measure::measure(&self.shared.api, &scope).await, &scope) {
            (Err(error), Scope::Queues(names)) => self.count(names, error).await,
            (measured, _) => measured,
        }
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth> {
        self.shared.depths.depth(queue).await
    }

    async fn lease(&self, ask: Ask) -> Result<Arc<dyn Lease>> {
        Box::pin(lease::open(&self.shared, ask)).await
    }

    async fn purge(&self, queue: &QueueName) -> Result<u64> {
        self.shared.depths.purge(queue).await
    }

    async fn publisher(&self, order: Order) -> Result<Arc<dyn Publisher>> {
        Box::pin(publish::open(&self.shared, order)).await
    }

    fn guard(&self) -> Option<&dyn Guard> {
        Some(&self.guard)
    }

    async fn close(&self) {
        Box::pin(self.shared.close()).await;
    }
}

impl Drop for RabbitBroker {
    /// Whoever forgets to close it leaves no task behind.
    fn drop(&mut self) {
        self.shared.closing.cancel();
    }
}
