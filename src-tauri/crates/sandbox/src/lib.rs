//! A broker inside the program, behind the port of every other: the profile that works with nothing installed, the
//! reference for the port's contract, and the ground on which the engine of jobs is simulated.

mod engine;
mod fault;
mod guard;
mod hand;
mod lease;
mod measure;
mod publish;
mod rules;
mod setup;
mod shared;
mod story;
mod topology;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use broker::{
    Ask, Broker, CheckOutcome, CheckStep, Depth, Driver, Error, ErrorKind, Form, Guard, Health, Identity, Kind, Lease,
    Measures, Order, Partial, Publisher, QueueName, Result, Rules, Scope, Secret, Settings, Topology, TopologyScope,
};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

pub use fault::Fault;
pub use rules::SandboxRules;
pub use setup::{ExchangeKind, QueueSetup, Returns};

use shared::{Connection, Shared};

/// How long a step of a connection test may wait for whoever reads it.
const STEP_WAIT: Duration = Duration::from_secs(5);

/// The sandbox as a kind of broker. All connections that one driver opens reach the same broker, which begins with the
/// first of them and lives as long as the driver.
#[derive(Debug, Default)]
pub struct SandboxDriver {
    broker: OnceLock<Arc<Shared>>,
}

impl SandboxDriver {
    pub fn new() -> Self {
        Self::default()
    }

    fn broker(&self) -> &Arc<Shared> {
        self.broker.get_or_init(|| Shared::with_story(format!("sandbox/{}", Uuid::now_v7()), Timestamp::now()))
    }
}

#[async_trait]
impl Driver for SandboxDriver {
    fn kind(&self) -> Kind {
        Kind("sandbox")
    }

    fn form(&self) -> Form {
        Form {
            title: "Sandbox".to_owned(),
            subtitle: "A demo broker inside this app, nothing to install".to_owned(),
            tag: "SBX".to_owned(),
            secret_label: None,
            fields: Vec::new(),
        }
    }

    fn read_url(&self, url: &str) -> Result<(Settings, Secret)> {
        match url.trim() {
            "sandbox:" | "sandbox://" => Ok((Settings::default(), Secret::none())),
            _ => Err(Error::new(ErrorKind::Invalid, "read the URL", "a sandbox has no address")
                .remedy("write `sandbox:` and nothing after it")),
        }
    }

    fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(SandboxRules)
    }

    async fn check(&self, _settings: &Settings, _secret: &Secret, steps: mpsc::Sender<CheckStep>) -> Result<()> {
        let began = Instant::now();
        let mut step = CheckStep {
            name: "Embedded broker".to_owned(),
            outcome: CheckOutcome::Running,
            detail: String::new(),
            took_ms: None,
            remedy: None,
        };
        // Whoever asked may have stopped listening: the broker is there all the same.
        steps.send_timeout(step.clone(), STEP_WAIT).await.ok();
        let queues = self.broker().act(|state| state.engine.queues.len());
        step.outcome = CheckOutcome::Passed;
        step.detail = format!("runs inside this app, {queues} queues");
        step.took_ms = u64::try_from(began.elapsed().as_millis()).ok();
        steps.send_timeout(step, STEP_WAIT).await.ok();
        Ok(())
    }

    async fn open(&self, _settings: &Settings, _secret: &Secret) -> Result<Arc<dyn Broker>> {
        let shared = self.broker();
        let sandbox = Sandbox::connect_to(shared);
        shared.run();
        Ok(Arc::new(sandbox))
    }
}

/// A connection to a sandbox. Clones share it; it closes when told to, or with the last of its clones, leases and
/// publishers.
#[derive(Debug, Clone)]
pub struct Sandbox {
    connection: Arc<Connection>,
}

impl Sandbox {
    fn connect_to(shared: &Arc<Shared>) -> Self {
        Self { connection: Connection::open(shared) }
    }
}

#[async_trait]
impl Broker for Sandbox {
    fn identity(&self) -> Identity {
        Identity {
            broker: self.connection.shared.name.clone(),
            product: "Sandbox".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            user: "you".to_owned(),
            endpoints: vec!["in memory".to_owned()],
            place: "in this app".to_owned(),
        }
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.connection.health.clone()
    }

    async fn topology(&self, scope: TopologyScope) -> Result<Partial<Topology>> {
        self.connection.shared.act(|state| {
            state.reach(self.connection.id, || "read the topology".to_owned())?;
            Ok(topology::read(&state.engine, &scope))
        })
    }

    async fn measure(&self, scope: Scope) -> Result<Partial<Measures>> {
        self.connection.shared.act(|state| {
            state.reach(self.connection.id, || "measure".to_owned())?;
            Ok(measure::read(&state.engine, &scope, state.alarm.is_some()))
        })
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth> {
        let doing = || format!("count what is in queue `{queue}`");
        self.connection.shared.act(|state| {
            state.reach(self.connection.id, doing)?;
            state.queue_exists(queue, doing)?;
            Ok(measure::depth(&state.engine, queue))
        })
    }

    async fn lease(&self, ask: Ask) -> Result<Arc<dyn Lease>> {
        Ok(Arc::new(lease::SandboxLease::open(&self.connection, ask)?))
    }

    async fn purge(&self, queue: &QueueName) -> Result<u64> {
        let doing = || format!("purge queue `{queue}`");
        self.connection.shared.act(|state| {
            state.reach(self.connection.id, doing)?;
            state.queue_exists(queue, doing)?;
            Ok(std::iter::from_fn(|| state.engine.consume(queue)).count() as u64)
        })
    }

    async fn publisher(&self, _order: Order) -> Result<Arc<dyn Publisher>> {
        // One lock for all keeps every batch in order: nothing is gained by giving order up.
        Ok(Arc::new(publish::SandboxPublisher::open(&self.connection)?))
    }

    fn guard(&self) -> Option<&dyn Guard> {
        Some(self)
    }

    async fn close(&self) {
        self.connection.close();
    }
}
