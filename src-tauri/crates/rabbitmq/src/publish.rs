//! Publishing: mandatory and confirmed, one batch at a time on a channel, judged only when all its answers are in.
//!
//! The client hands a returned message to whichever confirm completes next, so returns are matched by what is in them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use broker::{Error, ErrorKind, Order, Outgoing, PublishOutcome, Publisher, Result};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Connection, PublisherConfirm};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::connect::{CALL_WAIT, within};
use crate::error::{of_lapin, reply, reply_code, reply_text};
use crate::lease::close_channel;
use crate::shared::Shared;
use crate::verdict::{Answer, Parcel, Returned, judge};

/// Channels of a publisher whose messages may overtake each other: more gain nothing.
const LANES: usize = 2;
/// Batches that wait for a channel: more wait for their turn.
const BATCHES_MAX: usize = 8;
/// Publishes that the client has not yet written out: awaiting each would cost a trip to its own thread.
const WINDOW: usize = 64;
/// Messages that go out before their confirms are awaited.
const GROUP_MAX: usize = 1_000;
const GROUP_BYTES_MAX: usize = 32 << 20;
/// A body from this size on goes alone: if it is too large for the broker, it takes no other message into doubt.
const ALONE_BYTES: usize = 256 << 10;
/// No answer for so long means none.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// And so much longer for each of these that is under way.
const BYTES_PER_SECOND_MIN: usize = 1 << 20;
const BLOCKED: &str = "the broker takes no messages for now, because of a memory or disk alarm";
/// How long an alarm is waited out before the rest of a batch is called off.
const BLOCKED_WAIT: Duration = Duration::from_secs(10);
const BLOCKED_CHECK: Duration = Duration::from_millis(100);
const CLOSE_WAIT: Duration = Duration::from_secs(4);
const CHANNEL_CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Opens a publisher. The connection is made here, so that a refused login shows at once.
pub(crate) async fn open(shared: &Arc<Shared>, order: Order) -> Result<Arc<dyn Publisher>> {
    shared.ensure_open("publish")?;
    shared.publishing.connection().await?;
    let count = match order {
        Order::Strict => 1,
        Order::Any => LANES,
    };
    let lane = |_| {
        let (jobs, inbox) = mpsc::channel(BATCHES_MAX);
        let lane = Lane { shared: shared.clone(), open: None };
        tokio::spawn(lane.run(inbox, shared.alive()));
        jobs
    };
    Ok(Arc::new(RabbitPublisher { lanes: (0..count).map(lane).collect(), turn: AtomicUsize::new(0) }))
}

#[derive(Debug)]
struct RabbitPublisher {
    lanes: Vec<mpsc::Sender<Job>>,
    turn: AtomicUsize,
}

enum Job {
    Publish { batch: Vec<Outgoing>, answer: oneshot::Sender<Vec<PublishOutcome>> },
    Close { answer: oneshot::Sender<()> },
}

#[async_trait]
impl Publisher for RabbitPublisher {
    async fn publish(&self, batch: Vec<Outgoing>) -> Vec<PublishOutcome> {
        let count = batch.len();
        let lane = &self.lanes[self.turn.fetch_add(1, Ordering::Relaxed) % self.lanes.len()];
        let (answer, answered) = oneshot::channel();
        if lane.send(Job::Publish { batch, answer }).await.is_err() {
            return vec![PublishOutcome::NotSent("the publisher is closed".into()); count];
        }
        // The task answers always; without it nothing is known.
        answered.await.unwrap_or_else(|_| vec![PublishOutcome::Unknown("the publisher ended".into()); count])
    }

    async fn close(&self) -> Result<()> {
        let deadline = Instant::now() + CLOSE_WAIT;
        for lane in &self.lanes {
            let (answer, answered) = oneshot::channel();
            let closed = async {
                // One that is gone was closed before.
                if lane.send(Job::Close { answer }).await.is_ok() {
                    drop(answered.await);
                }
            };
            if timeout_at(deadline, closed).await.is_err() {
                return Err(Error::new(ErrorKind::TimedOut, "close the publisher", "messages are still under way"));
            }
        }
        Ok(())
    }
}

/// One channel and the task that owns it.
struct Lane {
    shared: Arc<Shared>,
    open: Option<Open>,
}

struct Open {
    connection: Arc<Connection>,
    channel: Channel,
    /// Exchanges that have taken a message on this channel: they exist, and the user may write to them.
    proven: HashSet<String>,
}

/// How sending a group ended.
enum Sent {
    /// Every message has its answer.
    Answered,
    /// The broker closed the channel.
    Closed(lapin::Error),
    /// No answer in time, or no connection any more.
    Silent,
}

impl Lane {
    /// `_alive` tells whoever closes the broker that something is still under way.
    async fn run(mut self, mut inbox: mpsc::Receiver<Job>, _alive: mpsc::Sender<()>) {
        let closing = self.shared.closing.clone();
        loop {
            let job = tokio::select! {
                biased;
                job = inbox.recv() => job,
                () = closing.cancelled() => None,
            };
            let Some(job) = job else { break };
            match job {
                Job::Publish { batch, answer } => {
                    // Boxed: it holds everything that is under way.
                    let outcomes = Box::pin(self.publish(batch)).await;
                    // A caller that is gone asked for the messages to be sent all the same.
                    drop(answer.send(outcomes));
                }
                Job::Close { answer } => {
                    self.hang_up().await;
                    // Whoever asked may have stopped waiting.
                    return answer.send(()).unwrap_or_default();
                }
            }
        }
        self.hang_up().await;
    }

    async fn hang_up(&mut self) {
        if let Some(open) = self.open.take() {
            close_channel(&open.channel, CHANNEL_CLOSE_WAIT).await;
        }
    }

    async fn publish(&mut self, batch: Vec<Outgoing>) -> Vec<PublishOutcome> {
        let mut outcomes: Vec<Option<PublishOutcome>> = batch.iter().map(|_| None).collect();
        let mut waiting: VecDeque<Parcel> = VecDeque::new();
        for (n, outgoing) in batch.into_iter().enumerate() {
            match Parcel::pack(n, outgoing) {
                Ok(parcel) => waiting.push_back(parcel),
                Err(error) => outcomes[n] = Some(PublishOutcome::Refused(format!("not sent: {}", error.why()))),
            }
        }
        // Exchanges that refused a message of this batch would refuse the rest, each at the price of a channel.
        let mut refusing: HashMap<String, String> = HashMap::new();
        while !waiting.is_empty() {
            if let Err(why) = self.ready().await {
                for parcel in waiting.drain(..) {
                    outcomes[parcel.n] = Some(PublishOutcome::NotSent(why.clone()));
                }
                break;
            }
            let group = self.next_group(&mut waiting, &refusing, &mut outcomes);
            if !group.is_empty() {
                self.publish_group(group, &mut refusing, &mut outcomes).await;
            }
        }
        let unsettled = || PublishOutcome::Unknown("it has no outcome".into());
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unsettled)).collect()
    }

    /// A channel that is up, on a connection that takes messages.
    async fn ready(&mut self) -> Result<(), String> {
        // A blocked connection is not read by the broker, so that opening a channel on it hangs as well.
        let deadline = Instant::now() + BLOCKED_WAIT;
        while self.shared.publishing.is_blocked().await {
            if Instant::now() >= deadline {
                return Err(BLOCKED.into());
            }
            tokio::time::sleep(BLOCKED_CHECK).await;
        }
        if self.open.as_ref().is_some_and(|open| !open.channel.status().connected()) {
            self.open = None;
        }
        if self.open.is_none() {
            match open_channel(&self.shared).await {
                Ok(opened) => self.open = Some(opened),
                // The alarm came while the channel was being opened.
                Err(_) if self.shared.publishing.is_blocked().await => return Err(BLOCKED.into()),
                Err(error) => return Err(error.why().to_owned()),
            }
        }
        Ok(())
    }

    /// The next messages that may go out together, in order: one alone where it could end the channel.
    fn next_group(
        &self,
        waiting: &mut VecDeque<Parcel>,
        refusing: &HashMap<String, String>,
        outcomes: &mut [Option<PublishOutcome>],
    ) -> Vec<Parcel> {
        let Some(open) = &self.open else { return Vec::new() };
        let frame_bytes_max = open.connection.configuration().frame_max() as usize;
        let mut group: Vec<Parcel> = Vec::new();
        let mut bytes = 0;
        while let Some(parcel) = waiting.front() {
            let refused = refusing.get(parcel.exchange.as_str()).cloned().or_else(|| parcel.unfit_for(frame_bytes_max));
            let alone = parcel.body.len() >= ALONE_BYTES || !open.proven.contains(parcel.exchange.as_str());
            if refused.is_none() && !group.is_empty() && (alone || group.len() >= GROUP_MAX || bytes >= GROUP_BYTES_MAX)
            {
                break;
            }
            let Some(parcel) = waiting.pop_front() else { break };
            match refused {
                Some(why) => outcomes[parcel.n] = Some(PublishOutcome::Refused(why)),
                None => {
                    bytes += parcel.body.len();
                    group.push(parcel);
                    if alone {
                        break;
                    }
                }
            }
        }
        group
    }

    async fn publish_group(
        &mut self,
        group: Vec<Parcel>,
        refusing: &mut HashMap<String, String>,
        outcomes: &mut [Option<PublishOutcome>],
    ) {
        let Some(open) = &mut self.open else { return };
        let (answers, returned, sent) = send(&open.channel, &group).await;
        let mut is_blocked = false;
        match sent {
            Sent::Answered => {
                open.proven.extend(group.iter().map(|parcel| parcel.exchange.to_string()));
                if group.iter().any(|parcel| parcel.exchange.as_str().is_empty()) {
                    self.shared.note_may_publish(true);
                }
            }
            Sent::Closed(error) => {
                self.open = None;
                // Alone on its channel, the message is the one that was refused, and nothing else is in doubt.
                if let [parcel] = group.as_slice()
                    && let Some(why) = refusal(parcel, &error)
                {
                    self.note_refusal(parcel, &error, &why, refusing);
                    outcomes[parcel.n] = Some(PublishOutcome::Refused(why));
                    return;
                }
            }
            Sent::Silent => {
                is_blocked = self.shared.publishing.is_blocked().await;
                self.hang_up().await;
            }
        }
        for (parcel, mut outcome) in group.iter().zip(judge(&group, answers, returned)) {
            if let (PublishOutcome::Unknown(why), true) = (&mut outcome, is_blocked) {
                *why = format!("{why}: {BLOCKED}");
            }
            outcomes[parcel.n] = Some(outcome);
        }
    }

    fn note_refusal(&self, parcel: &Parcel, error: &lapin::Error, why: &str, refusing: &mut HashMap<String, String>) {
        if matches!(reply_code(error), Some(reply::NOT_FOUND | reply::ACCESS_REFUSED)) {
            refusing.insert(parcel.exchange.to_string(), why.to_owned());
        }
        if parcel.exchange.as_str().is_empty() && reply_code(error) == Some(reply::ACCESS_REFUSED) {
            self.shared.note_may_publish(false);
        }
    }
}

async fn open_channel(shared: &Shared) -> Result<Open> {
    let (connection, channel) = shared.publishing.channel().await?;
    let doing = || "ask for publisher confirms".to_owned();
    within(CALL_WAIT, doing, channel.confirm_select(ConfirmSelectOptions { nowait: false })).await?;
    Ok(Open { connection, channel, proven: HashSet::new() })
}

/// Sends a group and waits for every answer. What was not handed to the client has [`Answer::NotSent`].
async fn send(channel: &Channel, group: &[Parcel]) -> (Vec<Answer>, Vec<Returned>, Sent) {
    let bytes: usize = group.iter().map(|parcel| parcel.body.len()).sum();
    let wait = ANSWER_WAIT + Duration::from_secs((bytes / BYTES_PER_SECOND_MIN) as u64);
    let mut answers: Vec<Answer> = group.iter().map(|_| Answer::NotSent).collect();
    let mut returned = Vec::new();
    let mut end = None;
    let confirms = hand_over(channel, group, wait, &mut answers, &mut end).await;
    let mut deadline = Instant::now() + wait;
    for (n, confirm) in confirms {
        answers[n] = match timeout_at(deadline, confirm).await {
            Ok(Ok(confirmation)) => {
                deadline = Instant::now() + wait;
                let is_ack = confirmation.is_ack();
                let is_nack = confirmation.is_nack();
                returned.extend(confirmation.take_message().map(Returned::read));
                match (is_ack, is_nack) {
                    (true, _) => Answer::Ack,
                    (_, true) => Answer::Nack,
                    _ => Answer::None("the broker was not asked to confirm".into()),
                }
            }
            Ok(Err(error)) => {
                let why = no_answer(&error);
                end.get_or_insert(Sent::Closed(error));
                Answer::None(why)
            }
            Err(_) => {
                let why = format!("the broker gave no answer in {} s", wait.as_secs());
                end.get_or_insert(Sent::Silent);
                Answer::None(why)
            }
        };
    }
    (answers, returned, end.unwrap_or(Sent::Answered))
}

/// Hands the messages to the client in order, without waiting for each.
async fn hand_over(
    channel: &Channel,
    group: &[Parcel],
    wait: Duration,
    answers: &mut [Answer],
    end: &mut Option<Sent>,
) -> Vec<(usize, PublisherConfirm)> {
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let mut confirms = Vec::with_capacity(group.len());
    let mut writing = VecDeque::with_capacity(WINDOW);
    let mut parcels = group.iter().enumerate();
    loop {
        if writing.len() < WINDOW
            && end.is_none()
            && let Some((n, parcel)) = parcels.next()
        {
            let (exchange, key) = (parcel.exchange.clone(), parcel.key.clone());
            let mut publish =
                Box::pin(channel.basic_publish(exchange, key, options, &parcel.body, parcel.properties.clone()));
            // The first poll queues the frames: that is what keeps the order.
            let first = futures::poll!(publish.as_mut());
            answers[n] = Answer::None("it was cut short".into());
            writing.push_back((n, publish, first));
            continue;
        }
        let Some((n, publish, first)) = writing.pop_front() else { break };
        let written = match first {
            std::task::Poll::Ready(written) => Ok(written),
            std::task::Poll::Pending => tokio::time::timeout(wait, publish).await,
        };
        match written {
            Ok(Ok(confirm)) => confirms.push((n, confirm)),
            Ok(Err(error)) => {
                answers[n] = Answer::None(no_answer(&error));
                end.get_or_insert(Sent::Closed(error));
            }
            Err(_) => {
                let why = format!("it could not be written out in {} s", wait.as_secs());
                answers[n] = Answer::None(why);
                end.get_or_insert(Sent::Silent);
            }
        }
    }
    confirms
}

fn no_answer(error: &lapin::Error) -> String {
    format!("no answer came: {}", of_lapin("publish", error.clone()).why())
}

/// Why the broker refused this one message with the channel, where the reply code says that it did not take it.
fn refusal(parcel: &Parcel, error: &lapin::Error) -> Option<String> {
    let exchange = match parcel.exchange.as_str() {
        "" => "the default exchange".to_owned(),
        name => format!("exchange `{name}`"),
    };
    let own_words = reply_text(error).map(|text| format!(" (the broker: {text})")).unwrap_or_default();
    let why = match reply_code(error)? {
        reply::NOT_FOUND => format!("{exchange} does not exist"),
        reply::ACCESS_REFUSED => format!("this user may not write to {exchange}"),
        reply::CONTENT_TOO_LARGE | reply::PRECONDITION_FAILED if parcel.body.len() >= ALONE_BYTES => format!(
            "the message is larger than the broker takes: it has {:.1} MiB, and the limit is max_message_size, 16 MiB by default since 4.0 and 128 MiB before{own_words}",
            parcel.body.len() as f64 / f64::from(1 << 20),
        ),
        reply::CONTENT_TOO_LARGE | reply::PRECONDITION_FAILED => {
            format!(
                "the broker does not take the message as it stands: see its properties, user id and expiration above all{own_words}"
            )
        }
        _ => return None,
    };
    Some(why)
}
