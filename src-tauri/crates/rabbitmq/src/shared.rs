//! What everything on one open connection shares.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use broker::{Ask, Error, ErrorKind, Facts, Identity, Partial, QueueName, Result, Secret, Topology};
use lapin::Connection;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, Overview};
use crate::connect::{Endpoint, Link, Role, connect};
use crate::depth::Depths;
use crate::greet;
use crate::lease::facts_of;
use crate::pulse::Pulse;
use crate::topology;

/// Between two looks at the watching connection.
const WATCH_EVERY: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// How long leases get to give back when everything is closed.
const CLOSE_WAIT: Duration = Duration::from_millis(2_500);
/// How long their connections get to close after that.
const CUT_WAIT: Duration = Duration::from_millis(2_100);

/// The connections that last, the management API, and what was found out.
pub(crate) struct Shared {
    pub(crate) endpoint: Endpoint,
    secret: Secret,
    pub(crate) api: Api,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) watching: Arc<Link>,
    pub(crate) publishing: Link,
    pub(crate) depths: Arc<Depths>,
    pub(crate) closing: CancellationToken,
    /// Giving back took too long: what is still held is left to the broker.
    pub(crate) cutting: CancellationToken,
    identity: RwLock<Identity>,
    may_publish: AtomicU8,
    /// Cloned into every task that holds or sends messages; when all are gone, nothing is under way.
    alive: Mutex<Option<mpsc::Sender<()>>>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Whether the user may write to the default exchange, as far as it is known.
mod may {
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const NOT: u8 = 1;
    pub(super) const YES: u8 = 2;
}

impl Shared {
    pub(crate) fn new(endpoint: Endpoint, secret: &Secret) -> Result<Self> {
        let pulse = Arc::new(Pulse::new());
        let link = |role| Link::new(role, endpoint.clone(), secret.clone(), pulse.clone());
        let watching = Arc::new(link(Role::Watching));
        let (alive, ended) = mpsc::channel(1);
        Ok(Self {
            api: Api::new(&endpoint, secret)?,
            depths: Arc::new(Depths::new(watching.clone())),
            publishing: link(Role::Publishing),
            watching,
            pulse,
            closing: CancellationToken::new(),
            cutting: CancellationToken::new(),
            identity: RwLock::default(),
            may_publish: AtomicU8::new(may::UNKNOWN),
            alive: Mutex::new(Some(alive)),
            ended: tokio::sync::Mutex::new(ended),
            endpoint,
            secret: secret.clone(),
        })
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn version(&self) -> String {
        self.identity().version
    }

    /// Who is there now: a broker may come back as another version. The management API says it; without that, the
    /// broker's greeting does.
    pub(crate) async fn identify(&self) -> Result<()> {
        let (product, version, cluster) = match self.api.overview().await {
            Ok(Overview { product_name, rabbitmq_version: Some(version), cluster_name, .. }) => {
                (product_name.unwrap_or_default(), version, cluster_name.unwrap_or_default())
            }
            _ => {
                let greeting = greet::greet(&self.endpoint).await?;
                (greeting.product, greeting.version, greeting.cluster)
            }
        };
        let Endpoint { tls, host, port, vhost, user, management, .. } = &self.endpoint;
        let cluster = if cluster.is_empty() { format!("{host}:{port}") } else { cluster };
        let management_port = management.port_or_known_default().unwrap_or_default();
        let identity = Identity {
            broker: format!("{cluster} {vhost}"),
            product: if product.is_empty() { "RabbitMQ".into() } else { product },
            version,
            user: user.clone(),
            endpoints: vec![
                format!("{} {port}", if *tls { "amqps" } else { "amqp" }),
                format!("management {management_port}"),
            ],
            place: format!("vhost {vhost}"),
        };
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
        self.learn_permissions().await;
        Ok(())
    }

    /// Only administrators can read them; the others find out when they publish.
    async fn learn_permissions(&self) {
        let Ok(permissions) = self.api.permissions().await else { return };
        match permissions.write.as_deref() {
            Some(".*") => self.note_may_publish(true),
            Some("" | "^$") => self.note_may_publish(false),
            _ => {}
        }
    }

    pub(crate) fn note_may_publish(&self, may: bool) {
        self.may_publish.store(if may { may::YES } else { may::NOT }, Ordering::Relaxed);
    }

    fn may_publish(&self) -> Option<bool> {
        match self.may_publish.load(Ordering::Relaxed) {
            may::NOT => Some(false),
            may::YES => Some(true),
            _ => None,
        }
    }

    /// The whole topology, fresh. Without a management API everything is missing, which is no error while the broker
    /// itself is there.
    pub(crate) async fn topology(&self) -> Result<Partial<Topology>> {
        match topology::read(&self.api, &self.version()).await {
            Ok(topology) => Ok(topology),
            Err(error) => match self.watching.connection().await {
                Ok(_) => Ok(topology::unread(&error)),
                Err(lost) => Err(lost),
            },
        }
    }

    /// What decides the cost of a lease, as it is this instant.
    pub(crate) async fn facts(&self, ask: &Ask) -> Result<Facts> {
        let (depth, topology) = tokio::join!(self.depths.depth(&ask.queue), self.topology());
        let (depth, topology) = (depth?, topology?);
        Ok(facts_of(self.version(), topology, &ask.queue, depth, ask.stated_label.as_ref(), self.may_publish()))
    }

    /// A connection that nothing else shares, for one lease: what ends it, a message that our client cannot read among
    /// them, ends no other.
    pub(crate) async fn connect_for(&self, queue: &QueueName) -> Result<Connection> {
        let role = Role::Leasing(queue.clone());
        tokio::select! {
            connected = connect(&self.endpoint, &self.secret, &role) => connected,
            () = self.closing.cancelled() => {
                Err(Error::new(ErrorKind::Lost, format!("take messages from queue `{queue}`"), "the connection was closed"))
            }
        }
    }

    /// The mean size of a body in that queue, where the broker tells it.
    pub(crate) async fn body_bytes(&self, queue: &QueueName) -> Option<u64> {
        let info = self.api.queue(queue.as_str()).await.ok()?;
        info.message_bytes?.checked_div(info.messages?)
    }

    /// Kept by a task for as long as it holds or sends messages.
    pub(crate) fn alive(&self) -> mpsc::Sender<()> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner).clone();
        alive.unwrap_or_else(|| mpsc::channel(1).0)
    }

    /// Brings the watching connection back when it is lost, until everything is closed.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut back_off = WATCH_EVERY;
        loop {
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = tokio::time::sleep(back_off) => {}
            }
            let was_up = self.watching.is_up().await;
            match self.watching.connection().await {
                Ok(_) => {
                    back_off = WATCH_EVERY;
                    self.pulse.live();
                    if !was_up && let Err(error) = self.identify().await {
                        tracing::debug!(%error, "the broker came back and could not be identified");
                    }
                }
                Err(error) => {
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                    self.pulse.lost(error.why());
                }
            }
        }
    }

    /// Lets leases give back and publishers finish, then closes every connection.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        drop(self.alive.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut ended = self.ended.lock().await;
        // What is still under way then loses its connection, and the broker takes back what it holds.
        let all_ended = tokio::time::timeout(CLOSE_WAIT, ended.recv()).await.is_ok();
        tracing::debug!(all_ended, "closing the connections");
        self.cutting.cancel();
        let leases = tokio::time::timeout(CUT_WAIT, ended.recv());
        tokio::join!(leases, self.publishing.close(), self.watching.close()).0.ok();
        self.pulse.lost("it was closed");
    }

    pub(crate) fn ensure_open(&self, doing: &str) -> Result<()> {
        if self.closing.is_cancelled() {
            return Err(Error::new(ErrorKind::Lost, doing, "the connection was closed"));
        }
        Ok(())
    }
}
