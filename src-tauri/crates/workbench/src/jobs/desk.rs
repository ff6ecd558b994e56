//! What one run of the machine works with: the broker's handles, the capture, the journal, and the bodies in between.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use broker::{
    Error as BrokerError, ErrorKind, Lease, LeaseKey, Leased, LookCost, Message, MessageKey, Name, ORIGIN_HEADER,
    Order, Outgoing, Publisher, QueueName, RedriveId, Table, Target, Value,
};
use tokio::sync::OnceCell;

use super::machine::{LeaseNo, Seen, ToPublish, Trouble, Way};
use super::recognising::Recognising;
use super::{SendOptions, TargetChoice, drafting, lock};
use crate::captures::{CaptureWriter, Captures};
use crate::connections::Live;
use crate::drafts::Instead;
use crate::edits::Editor;
use crate::store::{JobRecord, Store};
use crate::{CaptureId, Error, Fault, JobId, Result};

/// The row of the one message that a plan names; others are held on the way to it.
const CHOSEN: u64 = 1;

/// A held message, as long as it is needed.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) key: MessageKey,
    pub(super) message: Arc<Message>,
}

/// A lease of the run.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) lease: Arc<dyn Lease>,
    /// How many messages were ready before it was opened.
    pub(super) were_ready: u64,
    /// How many it has brought.
    pub(super) came: AtomicU64,
}

/// What one run works with.
#[derive(Debug)]
pub(super) struct Desk {
    /// `None`: a deed that touches no broker.
    pub(super) live: Option<Live>,
    pub(super) store: Store,
    pub(super) captures: Captures,
    pub(super) job: JobId,
    /// A look becomes a job only when it has to write: then this is what it is written down as.
    pub(super) unlisted: Option<JobRecord>,
    pub(super) listed: OnceCell<()>,
    pub(super) source: Option<QueueName>,
    pub(super) accepted: Option<LookCost>,
    /// Where messages are sent; `None`: where they came from.
    pub(super) to: Option<Live>,
    /// How messages that were sent before are recognised.
    pub(super) recognising: Recognising,
    /// Where each message goes, for rows that do not say.
    pub(super) choice: Option<TargetChoice>,
    pub(super) options: SendOptions,
    /// What is sent is edited by it.
    pub(super) editor: tokio::sync::Mutex<Option<Editor>>,
    /// What is sent goes back into the queue that it was removed from.
    pub(super) restores: bool,
    /// What is sent instead of the message that was chosen.
    pub(super) instead: Option<Instead>,
    /// What is put back says what was left out of it.
    pub(super) keep_origin: bool,
    /// Where copies are written.
    pub(super) writer: Option<CaptureWriter>,
    /// Where copies are read again.
    pub(super) capture: Option<CaptureId>,
    pub(super) leases: Mutex<HashMap<LeaseNo, Arc<Holding>>>,
    pub(super) bodies: Mutex<HashMap<(LeaseNo, LeaseKey), Body>>,
    /// To where messages are sent.
    pub(super) publisher: OnceCell<Arc<dyn Publisher>>,
    /// To where they came from, if that is another connection.
    pub(super) home: OnceCell<Arc<dyn Publisher>>,
    /// The first thing that went wrong.
    pub(super) fault: Mutex<Option<Fault>>,
}

impl Desk {
    pub(super) fn live(&self) -> Result<&Live> {
        self.live.as_ref().ok_or_else(|| Error::Invalid { why: "this deed touches no broker".to_owned() })
    }

    pub(super) fn to(&self) -> Result<&Live> {
        self.to.as_ref().map_or_else(|| self.live(), Ok)
    }

    pub(super) fn source(&self) -> Result<&QueueName> {
        self.source.as_ref().ok_or_else(|| Error::Invalid { why: "this deed reads no queue".to_owned() })
    }

    /// Remembers the error for whoever asks what went wrong, and tells the machine what it needs to know.
    pub(super) fn trouble(&self, error: &Error) -> Trouble {
        lock(&self.fault).get_or_insert_with(|| Fault::from(error));
        let lost = match error {
            Error::Broker(error) => {
                matches!(error.kind(), ErrorKind::Lost | ErrorKind::Unreachable | ErrorKind::TimedOut)
            }
            _ => false,
        };
        Trouble { words: error.to_string(), lost }
    }

    pub(super) fn holding(&self, no: LeaseNo) -> Result<Arc<Holding>> {
        let found = lock(&self.leases).get(&no).cloned();
        found.ok_or_else(|| BrokerError::new(ErrorKind::Lost, "use the hold", "it is gone").into())
    }

    /// What is put back goes another way than what is sent.
    pub(super) fn has_two_ways(&self) -> bool {
        self.to.is_some()
    }

    /// The way to the target, or back to the source.
    pub(super) async fn publisher(&self, back: bool) -> Result<&Arc<dyn Publisher>> {
        let (live, publisher) = match (&self.to, back) {
            (Some(_), true) => (self.live()?, &self.home),
            _ => (self.to()?, &self.publisher),
        };
        Ok(publisher.get_or_try_init(|| live.broker.publisher(Order::Strict)).await?)
    }

    /// Keeps the body and tells the machine the rest.
    pub(super) fn seen(&self, lease: LeaseNo, leased: Leased) -> Seen {
        let seen = Seen {
            lease_key: leased.lease_key,
            key: leased.key.clone(),
            may_return: leased.may_return,
            body_bytes: leased.message.body.len() as u64,
            ours: self.recognising.number(self.job, &leased.message),
            way: self.way(&leased.message),
        };
        let body = Body { key: leased.key, message: leased.message.into() };
        lock(&self.bodies).insert((lease, leased.lease_key), body);
        seen
    }

    fn way(&self, message: &Message) -> Option<Way> {
        let choice = self.choice.as_ref()?;
        let rules = &self.live.as_ref()?.rules;
        Some(match drafting::target_of(choice, rules.as_ref(), message) {
            Ok(target) => Way::To(target),
            Err(why) => Way::Stays(why),
        })
    }

    /// The message as it is sent, with what was left out of it kept where that is wanted. The inner error: why it cannot be
    /// edited.
    pub(super) async fn outgoing(&self, ask: &ToPublish) -> Result<Result<Outgoing, String>> {
        let mut message = self.message(ask).await?;
        // It goes back into its own queue, and not to another connection.
        let puts_back = ask.target.is_none();
        let target = match &ask.target {
            Some(target) => target.clone(),
            None => Target::Queue { queue: self.source()?.clone() },
        };
        if let Some(editor) = self.editor.lock().await.as_mut().filter(|_| !puts_back) {
            message = match editor.apply(Arc::unwrap_or_clone(message)).await {
                Ok(edited) => edited.into(),
                Err(why) => return Ok(Err(format!("not sent: {why}"))),
            };
        }
        let to = if puts_back { self.live()? } else { self.to()? };
        if let Some(instead) = self.instead.as_ref().filter(|_| !puts_back && ask.n == CHOSEN) {
            message = match instead.over(&message, to.rules.as_ref()) {
                Ok(edited) => edited.into(),
                Err(why) => return Ok(Err(format!("not sent: {why}"))),
            };
        }
        let prepared = match self.restores {
            true => to.rules.put_back(&message, &target),
            false => to.rules.prepare(&message, &target),
        };
        let mut outgoing = prepared.outgoing;
        if (self.keep_origin || puts_back) && !prepared.stripped.is_empty() {
            let kept: Table =
                prepared.stripped.into_iter().map(|part| (Name::from(part.name.as_str()), part.value)).collect();
            outgoing.headers.set(ORIGIN_HEADER, Value::Table(kept));
        }
        if puts_back || !self.options.unmarked {
            outgoing.redrive = Some(RedriveId { job: self.job.uuid(), n: ask.n });
        }
        Ok(Ok(outgoing))
    }

    async fn message(&self, ask: &ToPublish) -> Result<Arc<Message>> {
        if let Some(place) = &ask.held {
            let mut bodies = lock(&self.bodies);
            // What has a copy can be read again; what has none must stay here until it is safe.
            let found = match ask.stored {
                Some(_) => bodies.remove(place).map(|body| body.message),
                None => bodies.get(place).map(|body| body.message.clone()),
            };
            if let Some(message) = found {
                return Ok(message);
            }
        }
        let missing = || Error::Invalid { why: "the message has no copy".to_owned() };
        let (capture, number) = self.capture.zip(ask.stored).ok_or_else(missing)?;
        Ok(self.captures.load(capture, number).await?.message.into())
    }
}
