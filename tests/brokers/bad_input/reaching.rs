//! Addresses, ports, TLS and logins that are wrong.

use broker::{CheckOutcome, Driver, ErrorKind, Secret, TopologyScope};
use rabbitmq::RabbitDriver;
use support::{Authority, Proxy, Rabbit, Version};
use tokio::net::TcpListener;

use super::{cannot_be_opened, check, open_with};

support::on_every_version!(
    a_wrong_password_is_said_to_be_refused,
    an_unknown_virtual_host_is_named,
    a_virtual_host_of_others_is_said_to_be_closed,
    tls_on_a_plain_port_is_said,
    a_plain_address_on_a_tls_port_is_said,
    an_http_port_is_no_amqp_port,
    an_amqp_port_is_no_management_api,
    an_unknown_authority_is_said,
    an_own_authority_is_enough,
);

async fn a_wrong_password_is_said_to_be_refused(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let wrong = Secret::new("wrong-secret-4711".to_owned());
    cannot_be_opened(&vhost.settings(), &wrong, ErrorKind::LoginRefused, &["password"]).await;
    cannot_be_opened(&vhost.settings(), &Secret::none(), ErrorKind::LoginRefused, &["password"]).await;
    let mut nobody = vhost.settings();
    nobody.set("user", "nobody");
    cannot_be_opened(&nobody, &vhost.secret(), ErrorKind::LoginRefused, &["nobody"]).await;
}

async fn an_unknown_virtual_host_is_named(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let mut settings = vhost.settings();
    settings.set("vhost", "/no/such place");
    // Over AMQP it cannot be told from one that is closed to the user; an administrator can ask the management API.
    let words = ["/no/such place", "does not exist"];
    cannot_be_opened(&settings, &vhost.secret(), ErrorKind::NotFound, &words).await;
}

async fn a_virtual_host_of_others_is_said_to_be_closed(version: Version) {
    let rabbit = Rabbit::shared(version).await;
    let (ours, others) = (rabbit.vhost().await, rabbit.vhost().await);
    let mut settings = ours.settings();
    settings.set("vhost", others.name.as_str());
    cannot_be_opened(&settings, &ours.secret(), ErrorKind::Forbidden, &[&others.name, "permission"]).await;
}

async fn tls_on_a_plain_port_is_said(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let mut settings = vhost.settings_tls();
    settings.set("address", format!("amqps://localhost:{}", vhost.amqp_port));
    cannot_be_opened(&settings, &vhost.secret(), ErrorKind::Tls, &["amqp://"]).await;
}

async fn a_plain_address_on_a_tls_port_is_said(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let settings = vhost.settings_at(vhost.amqps_port);
    cannot_be_opened(&settings, &vhost.secret(), ErrorKind::Tls, &["TLS", "amqps://"]).await;
}

async fn an_http_port_is_no_amqp_port(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let settings = vhost.settings_at(vhost.management_port);
    cannot_be_opened(&settings, &vhost.secret(), ErrorKind::WrongProtocol, &["HTTP", "5672"]).await;
}

/// Messages can still be read and sent, so that it is no reason not to open.
async fn an_amqp_port_is_no_management_api(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let mut settings = vhost.settings();
    settings.set("management", format!("http://127.0.0.1:{}", vhost.amqp_port));
    let broker = open_with(&settings, &vhost.secret()).await;
    let topology = broker.topology(TopologyScope::All).await.expect("the broker itself is there");
    assert!(topology.value.queues.is_empty() && !topology.missing.is_empty(), "{topology:?}");
    for part in &topology.missing {
        assert_eq!(part.kind, ErrorKind::WrongProtocol, "{part:?}");
    }
    let (_, steps) = check(&settings, &vhost.secret()).await;
    let step = steps.iter().find(|step| step.name == "Management API").expect("it is a step of its own");
    assert!(matches!(step.outcome, CheckOutcome::Failed | CheckOutcome::Limited), "{step:?}");
    assert!(step.remedy.as_ref().is_some_and(|remedy| remedy.words.contains("15672")), "the usual port: {step:?}");
    assert!(steps.iter().any(|step| step.name == "Login" && step.outcome == CheckOutcome::Passed), "{steps:?}");
}

async fn an_unknown_authority_is_said(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let mut settings = vhost.settings_tls();
    settings.set("tls", "system");
    cannot_be_opened(&settings, &vhost.secret(), ErrorKind::Tls, &["authority", "CA"]).await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let other = folder.path().join("other.pem");
    std::fs::write(&other, Authority::new("Somebody else").pem()).expect("a certificate can be written");
    settings.set("tls", "ca");
    settings.set("ca_file", other.to_string_lossy());
    cannot_be_opened(&settings, &vhost.secret(), ErrorKind::Tls, &["authority"]).await;
}

async fn an_own_authority_is_enough(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let broker = open_with(&vhost.settings_tls(), &vhost.secret()).await;
    vhost.client().await.classic("here").await;
    assert_eq!(broker.depth(&"here".into()).await.map(|depth| depth.ready).ok(), Some(0));
    let (checked, steps) = check(&vhost.settings_tls(), &vhost.secret()).await;
    checked.expect("every step passes");
    let tls = steps.iter().find(|step| step.name == "TLS").expect("it is a step of its own");
    assert_eq!(tls.outcome, CheckOutcome::Passed, "{tls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_name_is_said() {
    let rabbit = Rabbit::start_certified(Version::NEWEST, &["wrong.example"]).await;
    let vhost = rabbit.vhost().await;
    cannot_be_opened(&vhost.settings_tls(), &vhost.secret(), ErrorKind::Tls, &["another name", "wrong.example"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_port_an_unknown_host_and_a_silent_one_are_told_apart() {
    let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
    let held = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = held.local_addr().expect("the port is known").port();
    drop(held);
    let closed = vhost.settings_at(port);
    cannot_be_opened(&closed, &vhost.secret(), ErrorKind::Unreachable, &["port", &port.to_string()]).await;
    let mut unknown = vhost.settings();
    unknown.set("address", "amqp://no-such-host.invalid:5672");
    cannot_be_opened(&unknown, &vhost.secret(), ErrorKind::Unreachable, &["no-such-host.invalid"]).await;
    let proxy = Proxy::start(vhost.amqp_port).await;
    proxy.freeze();
    let silent = vhost.settings_at(proxy.port());
    cannot_be_opened(&silent, &vhost.secret(), ErrorKind::TimedOut, &[&proxy.port().to_string()]).await;
}

#[tokio::test]
async fn settings_that_make_no_sense_are_said_to_be_invalid() {
    let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let no_certificate = folder.path().join("ca.pem");
    std::fs::write(&no_certificate, "-----BEGIN NOTHING-----").expect("a file can be written");
    let long = "v".repeat(256);
    let cases = [
        ("address", "", "address"),
        ("address", "http://localhost:5672", "HTTP"),
        ("address", "amqp://localhost:99999", "address"),
        ("address", "amqp://guest:hunter2@localhost", "password"),
        ("management", "ftp://localhost", "management"),
        ("vhost", long.as_str(), "255"),
        ("ca_file", "/nowhere/at/all.pem", "/nowhere/at/all.pem"),
        ("ca_file", no_certificate.to_str().expect("the path is text"), "certificate"),
    ];
    for (field, value, word) in cases {
        let mut settings = vhost.settings_tls();
        settings.set(field, value);
        let error = RabbitDriver.open(&settings, &vhost.secret()).await.expect_err("it makes no sense");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{field} `{value}`: {error}");
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let (checked, steps) = check(&settings, &vhost.secret()).await;
        assert_eq!(checked.expect_err("it makes no sense").kind(), ErrorKind::Invalid, "{steps:?}");
    }
}
