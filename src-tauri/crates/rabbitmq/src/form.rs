//! The connection form as data, and the URL that fills it. The names of the fields are stored with profiles: they never
//! change.

use broker::{Choice, Error, ErrorKind, Field, FieldKind, Form, Result, Secret, Settings};
use url::Url;

pub(crate) const ADDRESS: &str = "address";
pub(crate) const VHOST: &str = "vhost";
pub(crate) const USER: &str = "user";
pub(crate) const MANAGEMENT: &str = "management";
pub(crate) const TLS: &str = "tls";
pub(crate) const CA_FILE: &str = "ca_file";

/// The value of [`TLS`] that trusts the file in [`CA_FILE`] besides the system's authorities.
pub(crate) const TLS_CA: &str = "ca";
pub(crate) const TLS_SYSTEM: &str = "system";

pub(crate) fn form() -> Form {
    Form {
        title: "RabbitMQ".into(),
        subtitle: "3.10 and later, AMQP 0-9-1 and the management API".into(),
        tag: "RMQ".into(),
        secret_label: Some("Password".into()),
        fields: vec![
            Field {
                name: ADDRESS.into(),
                label: "Broker address".into(),
                initial: "amqp://localhost:5672".into(),
                placeholder: "amqps://mq.example.com:5671".into(),
                hint: "amqps:// is encrypted with TLS, amqp:// is not".into(),
                required: true,
                ..Field::default()
            },
            Field {
                name: VHOST.into(),
                label: "Virtual host".into(),
                initial: "/".into(),
                placeholder: "/".into(),
                ..Field::default()
            },
            Field {
                name: USER.into(),
                label: "User".into(),
                initial: "guest".into(),
                placeholder: "guest".into(),
                ..Field::default()
            },
            Field {
                name: MANAGEMENT.into(),
                label: "Management API".into(),
                placeholder: "https://mq.example.com:15671".into(),
                hint: "Empty: the same host, port 15672, or 15671 with TLS. The same user and password".into(),
                ..Field::default()
            },
            Field {
                name: TLS.into(),
                label: "TLS".into(),
                kind: FieldKind::Choice {
                    choices: vec![
                        Choice { value: TLS_SYSTEM.into(), label: "Verify with system certificates".into() },
                        Choice { value: TLS_CA.into(), label: "Verify with an own CA file as well".into() },
                    ],
                },
                initial: TLS_SYSTEM.into(),
                ..Field::default()
            },
            Field {
                name: CA_FILE.into(),
                label: "CA file".into(),
                kind: FieldKind::File,
                placeholder: "ca.pem".into(),
                hint: "Certificates in PEM form".into(),
                required: true,
                shown_when: Some((TLS.into(), TLS_CA.into())),
                ..Field::default()
            },
        ],
    }
}

/// Reads `amqp(s)://user:password@host:port/vhost?management=...`; what is left out keeps its default.
pub(crate) fn read_url(text: &str) -> Result<(Settings, Secret)> {
    let bad = |why: &str| {
        Error::new(ErrorKind::Invalid, "read the URL", why).remedy("write it as amqp://user:password@host:5672/vhost")
    };
    // The parser's own words may repeat parts of the URL, its password included.
    let url = Url::parse(text.trim()).map_err(|_| bad("it is not a URL"))?;
    if !matches!(url.scheme(), "amqp" | "amqps") {
        return Err(bad("it does not begin with amqp:// or amqps://"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("the host is missing"))?;
    let decode = |text: &str| percent_decode(text).ok_or_else(|| bad("a part of it is not UTF-8 when decoded"));
    let mut settings = Settings::default();
    let port = url.port().unwrap_or(if url.scheme() == "amqps" { 5671 } else { 5672 });
    settings.set(ADDRESS, format!("{}://{host}:{port}", url.scheme()));
    settings.set(
        VHOST,
        match url.path() {
            "" | "/" => "/".to_owned(),
            path => decode(path.strip_prefix('/').unwrap_or(path))?,
        },
    );
    settings.set(
        USER,
        match url.username() {
            "" => "guest".to_owned(),
            user => decode(user)?,
        },
    );
    settings.set(TLS, TLS_SYSTEM);
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "management" => settings.set(MANAGEMENT, value),
            "cacertfile" => {
                settings.set(TLS, TLS_CA);
                settings.set(CA_FILE, value);
            }
            _ => {}
        }
    }
    let secret = match url.password() {
        Some(password) => Secret::new(decode(password)?),
        None => Secret::none(),
    };
    Ok((settings, secret))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escaped {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_url_fills_the_form_and_its_password_stays_out_of_it() {
        let (settings, secret) =
            read_url("amqps://sup%40port:p%2Fw%3Ad@mq.example.com/%2Forders?management=https%3A%2F%2Fmq.example.com")
                .unwrap();
        assert_eq!(settings.get(ADDRESS), Some("amqps://mq.example.com:5671"));
        assert_eq!(settings.get(VHOST), Some("/orders"));
        assert_eq!(settings.get(USER), Some("sup@port"));
        assert_eq!(settings.get(MANAGEMENT), Some("https://mq.example.com"));
        assert_eq!(secret.reveal(), Some("p/w:d"));
        assert!(!format!("{settings:?}").contains("p/w:d"), "the password is in the settings");
    }

    #[test]
    fn what_a_url_leaves_out_keeps_its_default() {
        let (settings, secret) = read_url("amqp://localhost").unwrap();
        assert_eq!(settings.get(ADDRESS), Some("amqp://localhost:5672"));
        assert_eq!((settings.get(VHOST), settings.get(USER)), (Some("/"), Some("guest")));
        assert_eq!(secret.reveal(), None);
        assert_eq!(read_url("amqp://[::1]:1/%2f").unwrap().0.get(ADDRESS), Some("amqp://[::1]:1"));
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_its_password() {
        for url in [
            "http://guest:hunter2@localhost",
            "amqp://guest:hunter2@",
            "guest:hunter2@localhost",
            "amqp://u:hunter2@h:99999/",
        ] {
            let error = read_url(url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(!format!("{error:?} {:?}", error.what_to_do()).contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn every_field_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = form().fields.into_iter().map(|field| field.name).collect();
        assert_eq!(names.len(), 6);
    }
}
