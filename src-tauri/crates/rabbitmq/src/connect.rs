//! Reaching a broker: where it is, and the AMQP connections (one for watching, one for publishing, one for each lease)
//! that are kept apart so that what ends one of them leaves the others alone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker::{Error, ErrorKind, QueueName, Result, Secret, Settings};
use futures::StreamExt;
use lapin::tcp::OwnedTLSConfig;
use lapin::types::ShortString;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionBuilder, ConnectionProperties, Event};
use tokio::sync::Mutex;
use url::Url;

use crate::error::{of_handshake, of_io, of_lapin, reply, reply_code, silent, timed_out};
use crate::form;
use crate::greet;
use crate::pulse::Pulse;
use crate::vhost;

/// How long connecting may take: name, TCP, TLS, login.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long one call over AMQP may take.
pub(crate) const CALL_WAIT: Duration = Duration::from_secs(10);
/// How long closing may take before the connection is simply dropped.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// How often the state of a connection is looked at.
const STATE_CHECK: Duration = Duration::from_millis(500);
const HEARTBEAT_SECONDS: u16 = 30;
/// No message passes a connection that only watches, and the client keeps room for 64 frames of each connection.
const WATCHING_FRAME_BYTES_MAX: u32 = 16 << 10;
const CA_FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a broker is and how it is reached. Holds no secret.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
    pub(crate) user: String,
    pub(crate) management: Url,
    /// Certificates in PEM form that are trusted besides the system's.
    pub(crate) ca: Option<Arc<str>>,
}

impl Endpoint {
    /// Reads the settings, and the CA file if they name one.
    pub(crate) async fn read(settings: &Settings) -> Result<Self> {
        let address = settings.get(form::ADDRESS).ok_or_else(|| invalid("the broker address is missing"))?;
        let (tls, host, port) = read_address(address)?;
        let management = match settings.get(form::MANAGEMENT) {
            Some(url) => read_management(url)?,
            None => derive_management(tls, &host)?,
        };
        let vhost = settings.get(form::VHOST).unwrap_or("/").to_owned();
        let user = settings.get(form::USER).unwrap_or("guest").to_owned();
        short(&vhost, "the virtual host")?;
        short(&user, "the user")?;
        let ca = match settings.get(form::TLS) {
            Some(form::TLS_CA) => {
                let path = settings.get(form::CA_FILE).ok_or_else(|| invalid("the CA file is not chosen"))?;
                Some(read_ca(path).await?)
            }
            _ => None,
        };
        Ok(Self { tls, host, port, vhost, user, management, ca })
    }

    /// "mq.example.com:5671", for sentences.
    pub(crate) fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(crate) fn tls_config(&self) -> OwnedTLSConfig {
        OwnedTLSConfig { identity: None, cert_chain: self.ca.as_deref().map(str::to_owned) }
    }

    fn uri(&self, secret: &Secret, role: &Role) -> AMQPUri {
        let frame_max = (*role == Role::Watching).then_some(WATCHING_FRAME_BYTES_MAX);
        AMQPUri {
            scheme: if self.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: self.user.clone(),
                    password: secret.reveal().unwrap_or_default().to_owned(),
                },
                host: self.host.clone(),
                port: self.port,
            },
            vhost: self.vhost.clone(),
            query: AMQPQueryString { heartbeat: Some(HEARTBEAT_SECONDS), frame_max, ..AMQPQueryString::default() },
        }
    }
}

/// A name as AMQP carries it: at most 255 bytes.
pub(crate) fn short(name: &str, what: &str) -> Result<ShortString> {
    ShortString::try_new(name).map_err(|_| invalid(format!("{what} is longer than the 255 bytes that AMQP can say")))
}

fn invalid(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "read the connection settings", why)
}

fn read_address(address: &str) -> Result<(bool, String, u16)> {
    let with_scheme = if address.contains("://") { address.to_owned() } else { format!("amqp://{address}") };
    // The parser's own words may repeat the text, and somebody may have put a password into it.
    let url = Url::parse(&with_scheme).map_err(|_| invalid("the broker address is not a URL"))?;
    let tls = match url.scheme() {
        "amqp" => false,
        "amqps" => true,
        "http" | "https" => {
            return Err(invalid("the broker address is one of HTTP")
                .remedy("write amqp:// or amqps:// there, and this URL into the field of the management API"));
        }
        _ => return Err(invalid("the broker address does not begin with amqp:// or amqps://")),
    };
    if url.password().is_some() {
        return Err(invalid("the broker address holds a password").remedy("write it into the field for it"));
    }
    let host = match url.host() {
        Some(url::Host::Domain(host)) if !host.is_empty() => host.to_owned(),
        Some(url::Host::Ipv4(address)) => address.to_string(),
        Some(url::Host::Ipv6(address)) => address.to_string(),
        _ => return Err(invalid("the broker address has no host")),
    };
    Ok((tls, host, url.port().unwrap_or(if tls { 5671 } else { 5672 })))
}

fn read_management(text: &str) -> Result<Url> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&text).map_err(|_| invalid("the address of the management API is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("the address of the management API does not begin with http:// or https://"));
    }
    if url.password().is_some() || !url.username().is_empty() {
        return Err(invalid("the address of the management API holds a user or password")
            .remedy("leave them out: the same user and password are used for both"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').trim_end_matches("/api").to_owned();
    url.set_path(&path);
    Ok(url)
}

fn derive_management(tls: bool, host: &str) -> Result<Url> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let text = if tls { format!("https://{host}:15671") } else { format!("http://{host}:15672") };
    Url::parse(&text).map_err(|_| invalid("no address of the management API follows from the broker address"))
}

async fn read_ca(path: &str) -> Result<Arc<str>> {
    let doing = || format!("read the CA file `{path}`");
    let unreadable = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "it does not exist",
            std::io::ErrorKind::PermissionDenied => "this user may not read it",
            _ => "it cannot be read as text",
        };
        Error::new(ErrorKind::Invalid, doing(), why).source(error)
    };
    let bytes = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
    if bytes > CA_FILE_BYTES_MAX {
        return Err(Error::new(ErrorKind::Invalid, doing(), "it is larger than any list of certificates"));
    }
    let pem = tokio::fs::read_to_string(path).await.map_err(unreadable)?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Error::new(ErrorKind::Invalid, doing(), "it holds no certificate in PEM form")
            .remedy("convert it: openssl x509 -inform der -in FILE -out ca.pem"));
    }
    Ok(pem.into())
}

/// What a connection is for. The broker's own screens show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Watching,
    Leasing(QueueName),
    Publishing,
    Checking,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watching => f.write_str("watching"),
            Self::Leasing(queue) => write!(f, "leasing {queue}"),
            Self::Publishing => f.write_str("publishing"),
            Self::Checking => f.write_str("checking"),
        }
    }
}

/// Opens one AMQP connection, within [`CONNECT_WAIT`].
pub(crate) async fn connect(endpoint: &Endpoint, secret: &Secret, role: &Role) -> Result<Connection> {
    let doing = format!("connect to {}", endpoint.place());
    resolve(endpoint).await?;
    let properties = ConnectionProperties::default()
        .with_connection_name(format!("Queuescope {role}").into())
        .with_client_property("product".into(), "Queuescope".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
    let builder = ConnectionBuilder::new()
        .map_err(|error| of_lapin(doing.clone(), error))?
        .with_uri(endpoint.uri(secret, role))
        .with_properties(properties)
        .with_tls_config(endpoint.tls_config());
    // Boxed: the future of a whole handshake is large.
    match tokio::time::timeout(CONNECT_WAIT, Box::pin(builder.connect())).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(explain(endpoint, doing, error).await),
        Err(_) => Err(greet::explain_silence(endpoint, silent(doing, CONNECT_WAIT)).await),
    }
}

/// Looks the host up. A failure of that has no kind of its own further down.
pub(crate) async fn resolve(endpoint: &Endpoint) -> Result<Vec<std::net::SocketAddr>> {
    let doing = format!("connect to {}", endpoint.place());
    let lookup = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port));
    match tokio::time::timeout(CONNECT_WAIT, lookup).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => {
            Err(Error::new(ErrorKind::Unreachable, doing, format!("the host `{}` is not known", endpoint.host))
                .remedy("check the name, and whether this computer is on the network or VPN that knows it")
                .source(error))
        }
        Err(_) => {
            let why = format!("the name `{}` could not be looked up in {} s", endpoint.host, CONNECT_WAIT.as_secs());
            Err(Error::new(ErrorKind::TimedOut, doing, why).remedy("check the name, the network and the VPN"))
        }
    }
}

/// The broker says 403 for a refused login and 530 for a virtual host that is missing or forbidden.
async fn explain(endpoint: &Endpoint, doing: String, error: lapin::Error) -> Error {
    match reply_code(&error) {
        Some(reply::ACCESS_REFUSED) => Error::new(
            ErrorKind::LoginRefused,
            doing,
            format!("user name or password refused for user `{}`", endpoint.user),
        )
        .remedy(if endpoint.user == "guest" {
            "check both; by default the user guest may log in from the broker's own machine only"
        } else {
            "check both"
        })
        .source(error),
        Some(reply::NOT_ALLOWED) => vhost::in_words(vhost::closed(endpoint, None)).source(error),
        Some(_) => of_lapin(doing, error),
        None => {
            let known = of_handshake(doing, error);
            let explained = greet::explain_silence(endpoint, known).await;
            match explained.kind() {
                ErrorKind::Unreachable => {
                    explained.remedy("check the address and the port, and whether the broker runs")
                }
                _ => explained,
            }
        }
    }
}

/// One connection of a role: opened when first needed, and again after it was lost. What hung on the lost one stays
/// lost.
pub(crate) struct Link {
    role: Role,
    endpoint: Endpoint,
    secret: Secret,
    pulse: Arc<Pulse>,
    slot: Mutex<Slot>,
    /// Counts the connections, so that the end of an old one is not taken for the end of its successor.
    opened: Arc<AtomicU64>,
}

enum Slot {
    Closed,
    Empty,
    Open(Arc<Connection>),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(role: Role, endpoint: Endpoint, secret: Secret, pulse: Arc<Pulse>) -> Self {
        Self { role, endpoint, secret, pulse, slot: Mutex::new(Slot::Empty), opened: Arc::default() }
    }

    /// The connection that is up, or a new one.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>> {
        let mut slot = self.slot.lock().await;
        match &*slot {
            Slot::Open(connection) if connection.status().connected() => return Ok(connection.clone()),
            Slot::Closed => {
                return Err(Error::new(ErrorKind::Lost, format!("open the {} connection", self.role), "it was closed"));
            }
            _ => {}
        }
        let connection = Arc::new(connect(&self.endpoint, &self.secret, &self.role).await?);
        self.listen(&connection);
        *slot = Slot::Open(connection.clone());
        Ok(connection)
    }

    /// A new channel, with the connection that it lives on.
    pub(crate) async fn channel(&self) -> Result<(Arc<Connection>, Channel)> {
        let connection = self.connection().await?;
        let doing = || format!("open a channel on the {} connection", self.role);
        let channel = within(CALL_WAIT, doing, connection.create_channel()).await?;
        Ok((connection, channel))
    }

    pub(crate) async fn is_up(&self) -> bool {
        matches!(&*self.slot.lock().await, Slot::Open(connection) if connection.status().connected())
    }

    /// Whether the broker has told this connection to stop publishing.
    pub(crate) async fn is_blocked(&self) -> bool {
        matches!(&*self.slot.lock().await, Slot::Open(connection) if connection.status().blocked())
    }

    /// Tells the pulse when the broker blocks this connection, until it ends.
    fn listen(&self, connection: &Arc<Connection>) {
        let mut events = Box::pin(connection.events_listener());
        let connection = Arc::downgrade(connection);
        let (watches, pulse, opened) = (self.role == Role::Watching, self.pulse.clone(), self.opened.clone());
        let number = opened.fetch_add(1, Ordering::Relaxed) + 1;
        if watches {
            pulse.live();
        }
        tokio::spawn(async move {
            // The end of a connection is an event only if an error ended it, so its state is looked at as well.
            while connection.upgrade().is_some_and(|connection| connection.status().connected()) {
                match tokio::time::timeout(STATE_CHECK, events.next()).await {
                    Ok(Some(Event::ConnectionBlocked(why))) => pulse.blocked(why),
                    Ok(Some(Event::ConnectionUnblocked)) => pulse.unblocked(),
                    Ok(None) => break,
                    Ok(Some(_)) | Err(_) => {}
                }
            }
            if opened.load(Ordering::Relaxed) != number {
                return;
            }
            if watches {
                pulse.lost("the connection to the broker is gone");
            } else {
                pulse.unblocked();
            }
        });
    }

    /// Closes it for good.
    pub(crate) async fn close(&self) {
        let slot = std::mem::replace(&mut *self.slot.lock().await, Slot::Closed);
        if let Slot::Open(connection) = slot {
            close(&connection).await;
        }
    }
}

/// Closes a connection politely; lapin's close can fail or hang, and then it is dropped.
pub(crate) async fn close(connection: &Connection) {
    if let Ok(Err(error)) = tokio::time::timeout(CLOSE_WAIT, connection.close(200, "closing".into())).await {
        tracing::debug!(%error, "the connection did not close politely");
    }
}

/// Waits for a call over AMQP, with a bound.
pub(crate) async fn within<T>(
    wait: Duration,
    doing: impl Fn() -> String,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(wait, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(of_lapin(doing(), error)),
        Err(_) => Err(timed_out(doing(), wait)),
    }
}

/// Opens a TCP connection to the first address that answers.
pub(crate) async fn tcp(endpoint: &Endpoint) -> Result<tokio::net::TcpStream> {
    let doing = format!("connect to {}", endpoint.place());
    let addresses = resolve(endpoint).await?;
    match tokio::time::timeout(CONNECT_WAIT, tokio::net::TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            let known = of_io(doing, &error);
            Err(match error.kind() {
                std::io::ErrorKind::ConnectionRefused => {
                    known.remedy("check the port, and whether the broker runs and listens there")
                }
                _ => known.remedy("check the address, firewalls and the VPN"),
            }
            .source(error))
        }
        Err(_) => Err(timed_out(doing, CONNECT_WAIT).remedy("check the address, firewalls and the VPN")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    async fn endpoint(pairs: &[(&str, &str)]) -> Result<Endpoint> {
        Endpoint::read(&pairs.iter().copied().collect()).await
    }

    #[tokio::test]
    async fn the_scheme_decides_tls_and_ports() {
        let plain = endpoint(&[("address", "amqp://mq")]).await.unwrap();
        assert_eq!((plain.tls, plain.port, plain.management.as_str()), (false, 5672, "http://mq:15672/"));
        let tls = endpoint(&[("address", "amqps://mq")]).await.unwrap();
        assert_eq!((tls.tls, tls.port, tls.management.as_str()), (true, 5671, "https://mq:15671/"));
    }

    #[tokio::test]
    async fn an_address_may_be_a_number() {
        let six = endpoint(&[("address", "amqp://[::1]:7")]).await.unwrap();
        assert_eq!((six.host.as_str(), six.port, six.place().as_str()), ("::1", 7, "[::1]:7"));
        assert_eq!(six.management.as_str(), "http://[::1]:15672/");
        assert_eq!(endpoint(&[("address", "127.0.0.1:7")]).await.unwrap().place(), "127.0.0.1:7");
    }

    #[tokio::test]
    async fn the_management_api_may_live_under_a_path() {
        let found = endpoint(&[("address", "amqp://mq"), ("management", "https://mq/rabbit/api/")]).await.unwrap();
        assert_eq!(found.management.as_str(), "https://mq/rabbit");
    }

    #[tokio::test]
    async fn a_password_in_an_address_is_refused_and_not_repeated() {
        for pairs in [
            [("address", "amqp://u:hunter2@mq"), ("management", "")],
            [("address", "amqp://mq"), ("management", "http://u:hunter2@mq")],
            [("address", "http://u:hunter2@mq"), ("management", "")],
        ] {
            let error = endpoint(&pairs).await.expect_err("accepted");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(!format!("{error:?}{:?}", error.what_to_do()).contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_ca_file_is_named() {
        let pairs = [("address", "amqps://mq"), ("tls", "ca"), ("ca_file", "/nowhere/ca.pem")];
        let error = endpoint(&pairs).await.expect_err("accepted");
        assert_eq!(error.to_string(), "could not read the CA file `/nowhere/ca.pem`: it does not exist");
    }
}
