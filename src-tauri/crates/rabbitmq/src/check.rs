//! The connection test: each step of connecting, what it found, and what to do about it. Reads only.

use std::time::Duration;

use broker::{CheckOutcome, CheckStep, Error, ErrorKind, Remedy, Result, Secret, Settings};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::api::{Api, Overview, WhoAmI};
use crate::connect::{CALL_WAIT, Endpoint, Role, close, connect, tcp, within};
use crate::greet::{Answers, Greeting, explain_silence, greet, who};
use crate::guard::shell_quote;
use crate::vhost::{closed, exists};

const TCP: &str = "DNS and TCP";
const TLS: &str = "TLS";
const LOGIN: &str = "Login";
const VHOST: &str = "Virtual host";
const MANAGEMENT: &str = "Management API";
const VERSION: &str = "Broker version";
const PERMISSIONS: &str = "Permissions";
const CLOCK: &str = "Clock";

const OLDEST: (u32, u32) = (3, 10);
/// The broker's clock is read to the second, so that less than this is no difference.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// Tries everything and says what it found. The error is that of the first step that failed.
pub(crate) async fn check(settings: &Settings, secret: &Secret, steps: mpsc::Sender<CheckStep>) -> Result<()> {
    let mut report = Report { steps, failed: None };
    let endpoint = match Endpoint::read(settings).await {
        Ok(endpoint) => endpoint,
        Err(error) => {
            report.fail(TCP, Instant::now(), error, None).await;
            return report.end();
        }
    };
    // Boxed: the futures of whole handshakes are large.
    let amqp = Box::pin(amqp(&mut report, &endpoint, secret)).await;
    Box::pin(management(&mut report, &endpoint, secret, &amqp)).await;
    report.end()
}

/// What was found over AMQP.
#[derive(Debug, Default)]
struct Found {
    greeting: Option<Greeting>,
    /// `None`: it was not tried.
    logged_in: Option<bool>,
    /// The broker closed with 530: the virtual host is missing, or the user may not enter it.
    vhost_closed: bool,
}

async fn amqp(report: &mut Report, endpoint: &Endpoint, secret: &Secret) -> Found {
    let mut found = Found::default();
    let started = report.begin(TCP).await;
    let skipped: &[&str] = if endpoint.tls { &[TLS, LOGIN, VHOST] } else { &[LOGIN, VHOST] };
    let address = match tcp(endpoint).await {
        Ok(stream) => stream.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default(),
        Err(error) => {
            report.fail(TCP, started, error, None).await;
            report.skip(skipped, "not tried: the broker cannot be reached").await;
            return found;
        }
    };
    report.pass(TCP, started, format!("{}, {address} port {}", endpoint.host, endpoint.port)).await;
    let started = report.begin(if endpoint.tls { TLS } else { LOGIN }).await;
    let greeted = greet(endpoint).await;
    if endpoint.tls {
        if !tls(report, endpoint, &mut found, greeted, started).await {
            report.skip(&[LOGIN, VHOST], "not tried: the connection is not encrypted").await;
            return found;
        }
    } else {
        match greeted {
            Ok(greeting) => found.greeting = Some(greeting),
            Err(error) => {
                report.fail(LOGIN, started, explain_silence(endpoint, error).await, None).await;
                report.skip(&[VHOST], "not tried: the login failed").await;
                return found;
            }
        }
    }
    login(report, endpoint, secret, &mut found).await;
    found
}

async fn tls(
    report: &mut Report,
    endpoint: &Endpoint,
    found: &mut Found,
    greeted: Result<Greeting>,
    started: Instant,
) -> bool {
    match greeted {
        Ok(greeting) => {
            let by = if endpoint.ca.is_some() {
                "the system's authorities and the own CA file"
            } else {
                "the system's authorities"
            };
            report
                .pass(TLS, started, format!("{}, certificate verified with {by}", greeting.tls.unwrap_or("TLS")))
                .await;
            found.greeting = Some(greeting);
            true
        }
        Err(error) if error.kind() == ErrorKind::Tls => {
            report.fail(TLS, started, error, None).await;
            false
        }
        // It is encrypted, and what speaks inside is no AMQP: the login says so.
        Err(_) => {
            report.pass(TLS, started, "encrypted".into()).await;
            true
        }
    }
}

async fn login(report: &mut Report, endpoint: &Endpoint, secret: &Secret, found: &mut Found) {
    let started = report.begin(LOGIN).await;
    let words = format!("as {}, PLAIN {}", endpoint.user, if endpoint.tls { "over TLS" } else { "without encryption" });
    match connect(endpoint, secret, &Role::Checking).await {
        Ok(connection) => {
            found.logged_in = Some(true);
            report.pass(LOGIN, started, words).await;
            let started = report.begin(VHOST).await;
            let doing = || format!("open virtual host `{}`", endpoint.vhost);
            match within(CALL_WAIT, doing, connection.create_channel()).await {
                Ok(_) => report.pass(VHOST, started, format!("{}, open", endpoint.vhost)).await,
                Err(error) => report.fail(VHOST, started, error, None).await,
            }
            close(&connection).await;
        }
        // The broker looks at the virtual host only after it has taken the login.
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            found.logged_in = Some(true);
            report.pass(LOGIN, started, words).await;
            report.begin(VHOST).await;
            found.vhost_closed = true;
        }
        Err(error) => {
            found.logged_in = (error.kind() == ErrorKind::LoginRefused).then_some(false);
            let command =
                found.logged_in.map(|_| format!("rabbitmqctl authenticate_user {}", shell_quote(&endpoint.user)));
            report.fail(LOGIN, started, error, command).await;
            report.skip(&[VHOST], "not tried: the login failed").await;
        }
    }
}

async fn management(report: &mut Report, endpoint: &Endpoint, secret: &Secret, amqp: &Found) {
    let started = report.begin(MANAGEMENT).await;
    let api = match Api::new(endpoint, secret) {
        Ok(api) => api,
        Err(error) => {
            report.fail(MANAGEMENT, started, error, None).await;
            vhost(report, endpoint, None, amqp, "").await;
            return version(report, None, amqp).await;
        }
    };
    let at = place(&api);
    let (overview, date) = match api.overview_and_date().await {
        Ok((overview, date)) => (overview, date),
        Err(error) => {
            let (error, command) = explain_api(endpoint, &api, error, amqp).await;
            report.fail(MANAGEMENT, started, error, command).await;
            vhost(report, endpoint, None, amqp, "").await;
            version(report, None, amqp).await;
            report.skip(&[PERMISSIONS], "found out when used: the management API is not there").await;
            return report.skip(&[CLOCK], "not known: the management API is not there").await;
        }
    };
    let took = started.elapsed();
    let user = api.whoami().await.ok();
    let tags = user.as_ref().map(|user| user.tags.join(", ")).unwrap_or_default();
    report.pass(MANAGEMENT, started, format!("{at}, tags: {tags}")).await;
    vhost(
        report,
        endpoint,
        user.as_ref().map(|user| (&api, user)),
        amqp,
        overview.rabbitmq_version.as_deref().unwrap_or(""),
    )
    .await;
    version(report, Some(&overview), amqp).await;
    if amqp.vhost_closed {
        report.skip(&[PERMISSIONS], "not known: the virtual host cannot be opened").await;
    } else {
        permissions(report, &api).await;
    }
    clock(report, date, took).await;
}

fn place(api: &Api) -> String {
    let base = api.base();
    format!("{}:{}", base.host_str().unwrap_or_default(), base.port_or_known_default().unwrap_or_default())
}

/// Says more than that the management API failed: who answers there instead, or which right is missing.
async fn explain_api(endpoint: &Endpoint, api: &Api, error: Error, amqp: &Found) -> (Error, Option<String>) {
    let at = place(api);
    let base = api.base();
    let anew = |kind, why: String, remedy: &str| Error::new(kind, "use the management API", why).remedy(remedy);
    match error.kind() {
        ErrorKind::Forbidden if amqp.logged_in == Some(true) => {
            let why =
                format!("the user can log in but may not use the management API at {at}: it has no tag `monitoring`");
            let remedy = "ask an administrator to run the command; without it: counts of queues that you name, and publishing; a look needs the queue's type stated and its name typed, because what it costs cannot be known";
            let command = format!("rabbitmqctl set_user_tags {} monitoring", shell_quote(&endpoint.user));
            (anew(ErrorKind::Forbidden, why, remedy), Some(command))
        }
        ErrorKind::Forbidden => {
            let why = format!("user name or password refused at {at}, or the user has no tag `monitoring`");
            (anew(ErrorKind::LoginRefused, why, "check both, and the user's tags"), None)
        }
        ErrorKind::Unreachable | ErrorKind::TimedOut if error.what_to_do().is_none() => {
            let remedy = "check the address; the plugin rabbitmq_management must be on";
            (error.remedy(remedy), Some("rabbitmq-plugins enable rabbitmq_management".into()))
        }
        ErrorKind::WrongProtocol | ErrorKind::Lost | ErrorKind::Unreachable | ErrorKind::Tls => {
            let host = base.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let answers = who(host, base.port_or_known_default().unwrap_or_default(), endpoint.ca.as_deref()).await;
            let usual = "the management API usually listens on port 15672, or 15671 with TLS";
            let explained = match (answers, base.scheme()) {
                (Answers::Amqp, _) => anew(
                    ErrorKind::WrongProtocol,
                    format!("an AMQP broker answers at {at}, not the management API"),
                    usual,
                ),
                (Answers::Tls | Answers::Https, "http") => anew(
                    ErrorKind::Tls,
                    format!("{at} speaks TLS, and the address says http://"),
                    "write https:// in the address of the management API",
                ),
                (Answers::Http, "https") => anew(
                    ErrorKind::Tls,
                    format!("{at} does not speak TLS, and the address says https://"),
                    "write http:// in the address of the management API",
                ),
                _ if error.what_to_do().is_some() => error,
                _ => error.remedy(usual),
            };
            (explained, None)
        }
        _ => (error, None),
    }
}

async fn vhost(report: &mut Report, endpoint: &Endpoint, api: Option<(&Api, &WhoAmI)>, amqp: &Found, version: &str) {
    if !amqp.vhost_closed {
        return;
    }
    let exists = match api {
        Some((api, user)) => exists(api, user, &endpoint.vhost, version).await,
        None => None,
    };
    let (error, command) = closed(endpoint, exists);
    report.fail(VHOST, Instant::now(), error, Some(command)).await;
}

async fn version(report: &mut Report, overview: Option<&Overview>, amqp: &Found) {
    let started = report.begin(VERSION).await;
    let by_api = overview.and_then(|overview| overview.rabbitmq_version.clone());
    let product = overview.and_then(|overview| overview.product_name.clone());
    let found = match (by_api, &amqp.greeting) {
        (Some(version), _) => Some((product.unwrap_or_else(|| "RabbitMQ".into()), version)),
        (None, Some(greeting)) => Some((greeting.product.clone(), greeting.version.clone())),
        (None, None) => None,
    };
    let Some((product, text)) = found else {
        return report.skip(&[VERSION], "not known").await;
    };
    match read_version(&text) {
        Some(version) if version < OLDEST => {
            let error = Error::new(
                ErrorKind::Unsupported,
                "use this broker",
                format!("{product} {text} is too old: 3.10 and later are supported"),
            );
            report.fail(VERSION, started, error, None).await;
        }
        Some(_) => report.pass(VERSION, started, format!("{product} {text}; 3.10 and later are supported")).await,
        None => {
            report
                .say(
                    VERSION,
                    CheckOutcome::Limited,
                    started,
                    format!(
                        "{product} `{text}`: a version that is not understood is treated as the one hardest on messages"
                    ),
                )
                .await
        }
    }
}

fn read_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

async fn permissions(report: &mut Report, api: &Api) {
    let started = report.begin(PERMISSIONS).await;
    match api.permissions().await {
        Ok(found) => {
            let shown = |text: Option<String>| match text.as_deref() {
                None => "unknown".to_owned(),
                Some("" | "^$") => "nothing".to_owned(),
                Some(".*") => "everything".to_owned(),
                Some(pattern) => format!("`{pattern}`"),
            };
            let words = format!(
                "read {}, write {}, configure {}",
                shown(found.read),
                shown(found.write),
                shown(found.configure)
            );
            report.pass(PERMISSIONS, started, words).await;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            report.say(PERMISSIONS, CheckOutcome::Limited, started, "none in this virtual host".into()).await;
        }
        Err(_) => {
            let words = "Found out when used: only administrators can read them".to_owned();
            report.say(PERMISSIONS, CheckOutcome::Unknown, started, words).await;
        }
    }
}

async fn clock(report: &mut Report, date: Option<String>, took: Duration) {
    let started = report.begin(CLOCK).await;
    let read = date.and_then(|date| jiff::fmt::rfc2822::parse(&date).ok());
    let Some(read) = read else {
        return report.skip(&[CLOCK], "the management API does not say the time").await;
    };
    // The header is cut to the second and was written somewhere within the request.
    let theirs = read.timestamp().as_millisecond() + 500;
    let ours = Timestamp::now().as_millisecond() - i64::try_from(took.as_millis() / 2).unwrap_or(0);
    let ahead_ms = theirs - ours;
    let (outcome, words) = clock_words(ahead_ms);
    report.say(CLOCK, outcome, started, words).await;
}

fn clock_words(ahead_ms: i64) -> (CheckOutcome, String) {
    let seconds = (ahead_ms.unsigned_abs() + 500) / 1000;
    if u128::from(ahead_ms.unsigned_abs()) <= CLOCK_TOLERANCE.as_millis() {
        return (CheckOutcome::Passed, "the broker's and this computer's agree to the second".into());
    }
    let way = if ahead_ms > 0 { "ahead of" } else { "behind" };
    (CheckOutcome::Limited, format!("the broker is about {seconds} s {way} this computer; ages are off by as much"))
}

/// Sends the steps. Whoever does not listen any more is not told.
struct Report {
    steps: mpsc::Sender<CheckStep>,
    failed: Option<Error>,
}

impl Report {
    async fn begin(&self, name: &str) -> Instant {
        self.send(name, CheckOutcome::Running, String::new(), None, None).await;
        Instant::now()
    }

    async fn pass(&self, name: &str, started: Instant, detail: String) {
        self.say(name, CheckOutcome::Passed, started, detail).await;
    }

    async fn say(&self, name: &str, outcome: CheckOutcome, started: Instant, detail: String) {
        self.send(name, outcome, detail, Some(started), None).await;
    }

    async fn skip(&self, names: &[&str], detail: &str) {
        for name in names {
            self.send(name, CheckOutcome::Unknown, detail.to_owned(), None, None).await;
        }
    }

    async fn fail(&mut self, name: &str, started: Instant, error: Error, command: Option<String>) {
        let remedy = error.what_to_do().map(|words| Remedy { words: words.to_owned(), command });
        self.send(name, CheckOutcome::Failed, error.why().to_owned(), Some(started), remedy).await;
        self.failed.get_or_insert(error);
    }

    async fn send(
        &self,
        name: &str,
        outcome: CheckOutcome,
        detail: String,
        started: Option<Instant>,
        remedy: Option<Remedy>,
    ) {
        let took_ms = started.map(|started| u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        drop(self.steps.send(CheckStep { name: name.to_owned(), outcome, detail, took_ms, remedy }).await);
    }

    fn end(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(read_version("3.9.27").is_some_and(|version| version < OLDEST));
        assert!(read_version("3.10.8").is_some_and(|version| version >= OLDEST));
        assert!(read_version("4.3.6+rc.1").is_some_and(|version| version >= OLDEST));
        assert_eq!(read_version("unknown"), None);
    }

    #[test]
    fn a_clock_is_called_off_only_beyond_what_can_be_read() {
        assert_eq!(clock_words(1_400).0, CheckOutcome::Passed);
        assert_eq!(
            clock_words(-12_000),
            (CheckOutcome::Limited, "the broker is about 12 s behind this computer; ages are off by as much".into())
        );
    }
}
