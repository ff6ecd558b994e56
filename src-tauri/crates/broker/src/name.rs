use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The short name of a kind of broker: `rabbitmq`, `sandbox`. Profiles are stored with it, so it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub &'static str);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, specta::Type)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as the broker knows it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a queue, unique within one connection (RabbitMQ: within the virtual host).
    QueueName
}
name! {
    /// The name of an exchange, unique within one connection. The empty name is RabbitMQ's default exchange.
    ExchangeName
}
name! {
    /// Messages with an equal order key keep their order: a FIFO group, a partition key.
    OrderKey
}

/// What identifies a message in its queue. Equal keys in one queue are *twins*: equal messages, told apart by counting only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKey {
    /// 128 bits of a hash over everything that the broker does not change while the message waits.
    Fingerprint([u8; 16]),
    /// The broker's own id.
    Id(String),
    /// A place in a log.
    Position { partition: u32, offset: u64 },
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(bits) => {
                // Every message of a job is written so: not byte by byte.
                let mut text = *b"fp:00000000000000000000000000000000";
                for (n, byte) in bits.iter().enumerate() {
                    text[3 + 2 * n] = HEX[usize::from(byte >> 4)];
                    text[4 + 2 * n] = HEX[usize::from(byte & 15)];
                }
                f.write_str(std::str::from_utf8(&text).expect("hexadecimal digits are text"))
            }
            Self::Id(id) => write!(f, "id:{id}"),
            Self::Position { partition, offset } => write!(f, "at:{partition}/{offset}"),
        }
    }
}

/// The text is not a message key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a message key")]
pub struct NotAKey(String);

impl FromStr for MessageKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bad = || NotAKey(text.to_owned());
        let (tag, rest) = text.split_once(':').ok_or_else(bad)?;
        match tag {
            "fp" if rest.len() == 32 && rest.is_ascii() => {
                let mut bits = [0; 16];
                for (n, byte) in bits.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&rest[2 * n..2 * n + 2], 16).map_err(|_| bad())?;
                }
                Ok(Self::Fingerprint(bits))
            }
            "id" => Ok(Self::Id(rest.to_owned())),
            "at" => {
                let (partition, offset) = rest.split_once('/').ok_or_else(bad)?;
                Ok(Self::Position {
                    partition: partition.parse().map_err(|_| bad())?,
                    offset: offset.parse().map_err(|_| bad())?,
                })
            }
            _ => Err(bad()),
        }
    }
}

impl Serialize for MessageKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a lease calls one message that it holds. Means nothing outside that lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseKey(pub u64);

/// Names one sending of one message: the job and the message's number in it. Written `<uuid>/<n>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedriveId {
    pub job: Uuid,
    pub n: u64,
}

impl fmt::Display for RedriveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.job, self.n)
    }
}

impl FromStr for RedriveId {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bad = || NotAKey(text.to_owned());
        let (job, n) = text.split_once('/').ok_or_else(bad)?;
        Ok(Self { job: job.parse().map_err(|_| bad())?, n: n.parse().map_err(|_| bad())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_key_survives_being_written_down() {
        for key in [
            MessageKey::Fingerprint([0xab; 16]),
            MessageKey::Id("a:b/c".into()),
            MessageKey::Position { partition: 3, offset: u64::MAX },
        ] {
            assert_eq!(key.to_string().parse(), Ok(key.clone()), "{key}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "fp:12", "fp:zz000000000000000000000000000000", "at:1", "at:x/1", "what:1"] {
            assert!(text.parse::<MessageKey>().is_err(), "{text}");
        }
    }
}
