//! Foreign errors become ours here, by kind, reply code and status: never by text, which differs between versions.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use broker::{Error, ErrorKind};
use lapin::ErrorKind as Lapin;
use reqwest::StatusCode;
use rustls::CertificateError;

const NO_AMQP: &str = "what answers there does not speak AMQP 0-9-1";

/// The reply codes of AMQP 0-9-1 that we tell apart.
pub(crate) mod reply {
    pub(crate) const CONTENT_TOO_LARGE: u16 = 311;
    pub(crate) const CONNECTION_FORCED: u16 = 320;
    pub(crate) const ACCESS_REFUSED: u16 = 403;
    pub(crate) const NOT_FOUND: u16 = 404;
    pub(crate) const RESOURCE_LOCKED: u16 = 405;
    pub(crate) const PRECONDITION_FAILED: u16 = 406;
    pub(crate) const FRAME_ERRORS: std::ops::RangeInclusive<u16> = 501..=505;
    pub(crate) const NOT_ALLOWED: u16 = 530;
    pub(crate) const NOT_IMPLEMENTED: u16 = 540;
}

/// The reply code with which the broker closed the channel or the connection, where it did.
pub(crate) fn reply_code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        Lapin::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// The broker's own words beside a reply code. For the eye only.
pub(crate) fn reply_text(error: &lapin::Error) -> Option<String> {
    match error.kind() {
        Lapin::ProtocolError(error) => Some(error.get_message().to_string()),
        _ => None,
    }
}

/// An error of the AMQP client on a connection that was up.
pub(crate) fn of_lapin(doing: impl Into<String>, error: lapin::Error) -> Error {
    let doing = doing.into();
    if let Some(code) = reply_code(&error) {
        let (kind, why, remedy) = of_reply(code);
        let error = Error::new(kind, doing, why).source(error);
        return match remedy {
            Some(remedy) => error.remedy(remedy),
            None => error,
        };
    }
    if let Lapin::IOError(io) = error.kind() {
        return of_io(doing, io).source(error);
    }
    let (kind, why) = match error.kind() {
        Lapin::ChannelsLimitReached => (ErrorKind::Refused, "the connection has as many channels as the broker allows"),
        Lapin::ParsingError(_) => (ErrorKind::Unsupported, "the broker sent text that is not UTF-8"),
        Lapin::InvalidProtocolVersion(_) => (ErrorKind::WrongProtocol, NO_AMQP),
        Lapin::SerialisationError(_) => (ErrorKind::Invalid, "it cannot be written as AMQP"),
        Lapin::AuthProviderError(_) => (ErrorKind::LoginRefused, "the login could not be made"),
        Lapin::MissingHeartbeatError => {
            (ErrorKind::Lost, "the broker stopped answering, and the connection was given up")
        }
        _ => (ErrorKind::Lost, "the connection to the broker is gone"),
    };
    Error::new(kind, doing, why).source(error)
}

/// An error of the AMQP client before a connection was up: what cannot be read then is no broker's.
pub(crate) fn of_handshake(doing: impl Into<String>, error: lapin::Error) -> Error {
    match error.kind() {
        Lapin::ParsingError(_) => Error::new(ErrorKind::WrongProtocol, doing, NO_AMQP).source(error),
        _ => of_lapin(doing, error),
    }
}

/// Whether the client gave the connection up over a frame that it cannot read. On a connection that was up, that is
/// text which is not UTF-8: the client holds names and short properties as text, the broker as bytes.
pub(crate) fn is_unreadable(error: &Error) -> bool {
    find::<lapin::Error>(error).is_some_and(|error| matches!(error.kind(), Lapin::ParsingError(_)))
}

fn of_reply(code: u16) -> (ErrorKind, String, Option<&'static str>) {
    let plain = |kind, why: &str, remedy| (kind, format!("{why} ({code})"), remedy);
    match code {
        reply::CONTENT_TOO_LARGE => plain(ErrorKind::TooLarge, "the message is larger than the broker takes", None),
        reply::CONNECTION_FORCED => {
            plain(ErrorKind::Lost, "the broker is shutting down, or an administrator closed the connection", None)
        }
        reply::ACCESS_REFUSED => plain(
            ErrorKind::Forbidden,
            "access refused for this user",
            Some("ask an administrator for the permission, see `rabbitmqctl set_permissions`"),
        ),
        reply::NOT_FOUND => plain(ErrorKind::NotFound, "it does not exist", None),
        reply::RESOURCE_LOCKED => plain(
            ErrorKind::Locked,
            "another connection holds it exclusively",
            Some("it becomes free when that connection closes"),
        ),
        reply::PRECONDITION_FAILED => plain(ErrorKind::Refused, "the broker refused what was asked as it stands", None),
        reply::NOT_ALLOWED => plain(ErrorKind::Forbidden, "the broker does not allow it", None),
        reply::NOT_IMPLEMENTED => {
            plain(ErrorKind::Unsupported, "the broker cannot do this with that kind of queue", None)
        }
        code if reply::FRAME_ERRORS.contains(&code) => {
            plain(ErrorKind::WrongProtocol, "the broker and this program misunderstood each other", None)
        }
        _ => plain(ErrorKind::Refused, "the broker closed with an error of its own", None),
    }
}

/// An error of a socket. TLS errors travel inside of it.
pub(crate) fn of_io(doing: impl Into<String>, error: &io::Error) -> Error {
    if let Some(tls) = find::<rustls::Error>(error) {
        return of_tls(doing, tls);
    }
    let (kind, why) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (ErrorKind::Unreachable, "nothing listens on that port"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            (ErrorKind::Unreachable, "there is no way to that host")
        }
        io::ErrorKind::AddrNotAvailable => (ErrorKind::Unreachable, "the host has no address that can be reached"),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => (ErrorKind::TimedOut, "no answer in time"),
        io::ErrorKind::InvalidData => (ErrorKind::WrongProtocol, "what answers there does not speak the protocol"),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected => (ErrorKind::Lost, "the other side closed the connection"),
        _ => (ErrorKind::Lost, "the connection failed"),
    };
    Error::new(kind, doing, why)
}

/// A TLS error, by its kind.
pub(crate) fn of_tls(doing: impl Into<String>, error: &rustls::Error) -> Error {
    let (why, remedy): (String, &str) = match error {
        rustls::Error::InvalidCertificate(certificate) => of_certificate(certificate),
        rustls::Error::InvalidMessage(_) => (
            "the port does not speak TLS".into(),
            "use amqp:// (usually port 5672) instead of amqps://, or the broker's TLS port (usually 5671)",
        ),
        rustls::Error::AlertReceived(alert) => (
            format!("the broker refused the TLS handshake ({alert:?})"),
            "it may ask for a client certificate, which is not supported yet",
        ),
        rustls::Error::PeerIncompatible(_) => (
            "the broker offers no TLS version or cipher that is safe enough".into(),
            "turn on TLS 1.2 or 1.3 on the broker",
        ),
        _ => ("the TLS handshake failed".into(), "see the details, and the broker's log"),
    };
    Error::new(ErrorKind::Tls, doing, why).remedy(remedy).source(error.clone())
}

fn of_certificate(error: &CertificateError) -> (String, &'static str) {
    match error {
        CertificateError::UnknownIssuer => (
            "the certificate comes from an authority that is not trusted here".into(),
            "choose the authority's certificate as own CA file",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            match error {
                CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    let names: Vec<_> = presented.iter().map(|name| plain_name(name)).collect();
                    format!("the certificate is for another name: {}", names.join(", "))
                }
                _ => "the certificate is for another name".into(),
            },
            "use the name that is in the certificate as the host",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the certificate has expired".into(), "renew it on the broker, or check this computer's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the certificate is not valid yet".into(), "check this computer's clock")
        }
        CertificateError::Revoked => ("the certificate was revoked".into(), "renew it on the broker"),
        _ => ("the certificate is not acceptable".into(), "see the details"),
    }
}

/// `localhost` of `DnsName("localhost")`.
fn plain_name(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

/// An error of the HTTP client, before there was an answer or while it came.
pub(crate) fn of_reqwest(doing: impl Into<String>, error: reqwest::Error) -> Error {
    // The URL may hold names of queues, never a password: ours carry no user info. It is left out all the same.
    let error = error.without_url();
    let doing = doing.into();
    if error.is_timeout() {
        return Error::new(ErrorKind::TimedOut, doing, "the management API gave no answer in time").source(error);
    }
    if let Some(tls) = find::<rustls::Error>(&error) {
        return of_tls(doing, tls);
    }
    if error.is_connect() {
        let Some(io) = find::<io::Error>(&error) else {
            return Error::new(ErrorKind::Unreachable, doing, "the management API cannot be reached").source(error);
        };
        let known = of_io(doing.clone(), io);
        // A name that cannot be resolved has no kind of its own.
        return match known.kind() {
            ErrorKind::Lost => {
                Error::new(ErrorKind::Unreachable, doing, "the management API cannot be reached").source(error)
            }
            _ => known.source(error),
        };
    }
    if error.is_redirect() {
        return Error::new(ErrorKind::WrongProtocol, doing, "it sends us to another place").source(error);
    }
    if error.is_decode() || error.is_body() {
        return Error::new(ErrorKind::WrongProtocol, doing, "the answer is not what the management API says")
            .source(error);
    }
    Error::new(ErrorKind::WrongProtocol, doing, "what answers there is not the management API").source(error)
}

/// An answer of the management API that is not a success.
pub(crate) fn of_status(doing: impl Into<String>, status: StatusCode) -> Error {
    let code = status.as_u16();
    let (kind, why) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            (ErrorKind::Forbidden, "the management API does not allow it")
        }
        StatusCode::NOT_FOUND => (ErrorKind::NotFound, "it does not exist"),
        StatusCode::BAD_REQUEST => (ErrorKind::Invalid, "the management API does not understand the request"),
        StatusCode::METHOD_NOT_ALLOWED => (ErrorKind::Unsupported, "the management API does not allow it"),
        _ if status.is_redirection() => (ErrorKind::WrongProtocol, "it sends us to another place"),
        _ if status.is_server_error() => (ErrorKind::Refused, "the management API failed"),
        _ => (ErrorKind::WrongProtocol, "the management API answers something unknown"),
    };
    Error::new(kind, doing, format!("{why} ({code})"))
}

/// What to do about a port that accepts and then says nothing.
pub(crate) const SILENT: &str =
    "check that a broker listens on that port, and that no firewall, VPN or proxy in between swallows what it says";

/// A port that accepts, and says nothing for so long.
pub(crate) fn silent(doing: impl Into<String>, waited: Duration) -> Error {
    timed_out(doing, waited).remedy(SILENT)
}

/// No answer within `waited`.
pub(crate) fn timed_out(doing: impl Into<String>, waited: Duration) -> Error {
    Error::new(ErrorKind::TimedOut, doing, format!("the broker gave no answer in {} s", waited.as_secs()))
}

/// The first error of that type in the chain. [`io::Error`] hides what it carries, so it is looked into.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_error_is_found_inside_a_socket_error() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = of_io("connect", &io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(error.why().contains("authority"), "{}", error.why());
    }

    #[test]
    fn a_certificate_for_another_name_says_for_which() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("127.0.0.1").expect("a name"),
            presented: vec!["DnsName(\"localhost\")".into()],
        });
        assert_eq!(of_tls("connect", &tls).why(), "the certificate is for another name: localhost");
    }

    #[test]
    fn a_port_without_tls_is_named() {
        let tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let error = of_io("connect", &io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!((error.kind(), error.why()), (ErrorKind::Tls, "the port does not speak TLS"));
    }

    #[test]
    fn a_status_is_told_apart_by_number() {
        for (status, kind) in [
            (StatusCode::UNAUTHORIZED, ErrorKind::Forbidden),
            (StatusCode::NOT_FOUND, ErrorKind::NotFound),
            (StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Refused),
            (StatusCode::FOUND, ErrorKind::WrongProtocol),
        ] {
            assert_eq!(of_status("read queues", status).kind(), kind, "{status}");
        }
    }
}
