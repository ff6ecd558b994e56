//! What became of each message of a batch, once the answers are in. Pure.

use broker::{MessageKey, Outgoing, PublishOutcome, RedriveId, Result, Rules, Target};
use lapin::BasicProperties;
use lapin::message::BasicReturnMessage;
use lapin::protocol::basic::gen_properties;
use lapin::types::ShortString;

use crate::connect::short;
use crate::rules::RabbitRules;
use crate::translate::{bytes_max, message_from, properties_to, redrive_id};

/// What a frame and a content header need besides the properties, and some room.
const FRAME_OVERHEAD: usize = 64;

/// What the header of a redrive takes at most.
const REDRIVE_BYTES_MAX: usize = 100;

/// One message, ready to be sent.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// Its place in the batch.
    pub(crate) n: usize,
    pub(crate) exchange: ShortString,
    pub(crate) key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
    redrive: Option<RedriveId>,
    to_one_queue: bool,
    /// A bound of what its properties and headers take on the wire.
    bytes_max: usize,
}

impl Parcel {
    /// Fails where AMQP cannot say it.
    pub(crate) fn pack(n: usize, outgoing: Outgoing) -> Result<Self> {
        let Outgoing { target, body, properties, headers, redrive } = outgoing;
        let is_copied = headers.get("CC").or(headers.get("BCC")).is_some();
        let bytes_max = bytes_max(&properties) + bytes_max(&headers) + REDRIVE_BYTES_MAX;
        let properties = properties_to(&properties, headers, redrive)?;
        let (exchange, key) = match &target {
            Target::Queue { queue } => ("", queue.as_str()),
            Target::Exchange { exchange, key } => (exchange.as_str(), key.as_str()),
        };
        Ok(Self {
            n,
            exchange: short(exchange, "the exchange's name")?,
            key: short(key, "the routing key")?,
            redrive: redrive.or_else(|| redrive_id(&properties)),
            to_one_queue: exchange.is_empty() && !is_copied,
            bytes_max,
            properties,
            body,
        })
    }

    /// Properties and headers must fit into one frame: a larger one ends the whole connection.
    pub(crate) fn unfit_for(&self, frame_bytes_max: usize) -> Option<String> {
        if self.bytes_max <= frame_bytes_max.saturating_sub(FRAME_OVERHEAD) {
            return None;
        }
        let written = gen_properties::<Vec<u8>>(&self.properties)(Vec::new().into()).ok()?.write.len();
        let room = frame_bytes_max.saturating_sub(FRAME_OVERHEAD);
        (written > room).then(|| {
            format!(
                "not sent: its properties and headers take {written} bytes, and this broker takes {room} (frame_max)"
            )
        })
    }

    fn key_as_seen(&self) -> MessageKey {
        key_of(self.exchange.as_str(), self.key.as_str(), &self.properties, self.body.clone())
    }
}

fn key_of(exchange: &str, key: &str, properties: &BasicProperties, body: Vec<u8>) -> MessageKey {
    RabbitRules.key(&message_from(exchange, key, false, properties, body, false))
}

/// What the broker said to one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Ack,
    Nack,
    /// It was sent, perhaps only in part, and nothing came back.
    None(String),
    /// It never left.
    NotSent,
}

/// A message that came back.
#[derive(Debug)]
pub(crate) struct Returned {
    redrive: Option<RedriveId>,
    key: MessageKey,
}

impl Returned {
    pub(crate) fn read(message: BasicReturnMessage) -> Self {
        let delivery = message.delivery;
        Self {
            redrive: redrive_id(&delivery.properties),
            key: key_of(delivery.exchange.as_str(), delivery.routing_key.as_str(), &delivery.properties, delivery.data),
        }
    }
}

/// One outcome for each parcel.
///
/// Where every parcel has its answer, every return has come as well: it comes before its own confirm. Where some have
/// none, a return may be missing, but only if another one belongs to a parcel without an answer; then none of the
/// confirmed is certain.
pub(crate) fn judge(parcels: &[Parcel], answers: Vec<Answer>, returned: Vec<Returned>) -> Vec<PublishOutcome> {
    let Some(came_back) = matched(parcels, &returned) else {
        let why = "the broker returned a message that cannot be told from others";
        return parcels.iter().map(|_| PublishOutcome::Unknown(why.into())).collect();
    };
    let is_answered = |answer: &Answer| matches!(answer, Answer::Ack | Answer::Nack);
    let is_uncertain = came_back.iter().zip(&answers).any(|(back, answer)| *back && !is_answered(answer));
    let outcome = |((parcel, answer), back): ((&Parcel, Answer), bool)| match answer {
        _ if back => PublishOutcome::Unroutable,
        Answer::Ack if is_uncertain => {
            PublishOutcome::Unknown("the connection ended before all returned messages had come".into())
        }
        Answer::Ack => PublishOutcome::Confirmed,
        Answer::Nack if parcel.to_one_queue => {
            PublishOutcome::Refused("the queue did not take it: it is full, or it failed".into())
        }
        Answer::Nack => PublishOutcome::Unknown(
            "one of the queues did not take it: it is full, or it failed; others may have it".into(),
        ),
        Answer::None(why) => PublishOutcome::Unknown(why),
        Answer::NotSent => PublishOutcome::NotSent("the channel ended before it".into()),
    };
    parcels.iter().zip(answers).zip(came_back).map(outcome).collect()
}

/// Which parcels came back; `None` if a returned message is none of them.
fn matched(parcels: &[Parcel], returned: &[Returned]) -> Option<Vec<bool>> {
    let mut back = vec![false; parcels.len()];
    for message in returned {
        let by_id =
            |(parcel, back): (&Parcel, &bool)| !back && parcel.redrive.is_some() && parcel.redrive == message.redrive;
        let by_key =
            |(parcel, back): (&Parcel, &bool)| !back && parcel.redrive.is_none() && parcel.key_as_seen() == message.key;
        let found = match message.redrive {
            Some(_) => parcels.iter().zip(&back).position(by_id),
            None => parcels.iter().zip(&back).position(by_key),
        }?;
        back[found] = true;
    }
    Some(back)
}

/// For [`Parcel::pack`] in tests of others.
#[cfg(test)]
pub(crate) fn outgoing(body: &str, redrive: Option<u64>) -> Outgoing {
    Outgoing {
        target: Target::Queue { queue: "q".into() },
        body: body.as_bytes().to_vec(),
        properties: broker::Table::new(),
        headers: broker::Table::new(),
        redrive: redrive.map(|n| RedriveId { job: "018f3a6e-0000-7000-8000-000000000001".parse().expect("a uuid"), n }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use PublishOutcome::{Confirmed, Unroutable};

    use super::*;

    fn parcels(sent: &[(&str, Option<u64>)]) -> Vec<Parcel> {
        sent.iter().enumerate().map(|(n, (body, id))| Parcel::pack(n, outgoing(body, *id)).unwrap()).collect()
    }

    fn back(parcel: &Parcel) -> Returned {
        Returned { redrive: parcel.redrive, key: parcel.key_as_seen() }
    }

    #[test]
    fn a_return_belongs_to_the_message_whose_id_it_carries() {
        let sent = parcels(&[("same", Some(1)), ("same", Some(2)), ("same", Some(3))]);
        let returned = vec![back(&sent[1])];
        assert_eq!(judge(&sent, vec![Answer::Ack; 3], returned), [Confirmed, Unroutable, Confirmed]);
    }

    #[test]
    fn without_an_id_a_return_belongs_to_one_of_its_twins() {
        let sent = parcels(&[("a", None), ("twin", None), ("twin", None)]);
        let returned = vec![back(&sent[1]), back(&sent[2])];
        assert_eq!(judge(&sent, vec![Answer::Ack; 3], returned), [Confirmed, Unroutable, Unroutable]);
    }

    #[test]
    fn a_return_that_matches_nothing_puts_the_whole_batch_in_doubt() {
        let sent = parcels(&[("a", Some(1)), ("b", None)]);
        let strangers = parcels(&[("a", Some(9)), ("c", None)]);
        for stranger in &strangers {
            let outcomes = judge(&sent, vec![Answer::Ack; 2], vec![back(stranger)]);
            assert!(outcomes.iter().all(|outcome| matches!(outcome, PublishOutcome::Unknown(_))), "{outcomes:?}");
        }
    }

    #[test]
    fn the_same_message_returned_twice_puts_the_whole_batch_in_doubt() {
        let sent = parcels(&[("a", Some(1)), ("b", Some(2))]);
        let outcomes = judge(&sent, vec![Answer::Ack; 2], vec![back(&sent[0]), back(&sent[0])]);
        assert!(matches!(outcomes[1], PublishOutcome::Unknown(_)), "{outcomes:?}");
    }

    #[test]
    fn a_cut_leaves_the_confirmed_certain_unless_a_return_is_ahead_of_its_confirm() {
        let sent = parcels(&[("a", Some(1)), ("b", Some(2)), ("c", Some(3))]);
        let cut = || vec![Answer::Ack, Answer::None("cut".into()), Answer::NotSent];
        let outcomes = judge(&sent, cut(), Vec::new());
        assert_eq!(outcomes[0], Confirmed);
        assert_eq!(outcomes[1], PublishOutcome::Unknown("cut".into()));
        assert!(matches!(outcomes[2], PublishOutcome::NotSent(_)));
        let outcomes = judge(&sent, cut(), vec![back(&sent[1])]);
        assert!(matches!(outcomes[0], PublishOutcome::Unknown(_)), "its own return may be stuck: {outcomes:?}");
        assert_eq!(outcomes[1], Unroutable);
    }

    #[test]
    fn a_nack_is_a_refusal_only_where_one_queue_alone_was_asked() {
        let to_queue = parcels(&[("a", None)]);
        assert!(matches!(judge(&to_queue, vec![Answer::Nack], Vec::new())[0], PublishOutcome::Refused(_)));
        let mut fanned = outgoing("a", None);
        fanned.target = Target::Exchange { exchange: "x".into(), key: String::new() };
        let fanned = [Parcel::pack(0, fanned).unwrap()];
        assert!(matches!(judge(&fanned, vec![Answer::Nack], Vec::new())[0], PublishOutcome::Unknown(_)));
    }

    #[test]
    fn headers_that_do_not_fit_into_a_frame_are_not_sent() {
        let mut many = outgoing("a", None);
        for n in 0..10_000 {
            many.headers.push(format!("header-{n}").as_str(), "value");
        }
        let parcel = Parcel::pack(0, many).unwrap();
        assert!(parcel.unfit_for(131_072).is_some_and(|why| why.contains("frame_max")));
        assert_eq!(parcels(&[("a", None)])[0].unfit_for(131_072), None);
    }
}
