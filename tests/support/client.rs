//! An AMQP client that is not ours: lapin straight. It sets the scene, and it is the witness of what is in a queue.

use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::protocol::basic::AMQPProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Confirmation, Connection, ConnectionProperties, Consumer, ExchangeKind};

use crate::{install_crypto, within};

/// How long one call may take.
const CALL_WAIT: Duration = Duration::from_secs(30);
/// Nothing new for so long means that there is no more.
const QUIET: Duration = Duration::from_millis(700);
/// Unanswered publishes at a time.
const PUBLISHES_AT_ONCE: usize = 500;
/// In seconds since 1970.
const DIED_AT: u64 = 1_760_000_000;

/// A connection and its channel, which confirms.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    channel: Channel,
}

/// A message that was taken out of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub body: Vec<u8>,
    pub properties: AMQPProperties,
    pub exchange: String,
    pub key: String,
    pub redelivered: bool,
}

impl Taken {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        Self {
            body: delivery.data.clone(),
            properties: delivery.properties.clone(),
            exchange: delivery.exchange.to_string(),
            key: delivery.routing_key.to_string(),
            redelivered: delivery.redelivered,
        }
    }

    /// Its message id, empty where it has none.
    pub fn id(&self) -> String {
        self.properties.message_id().as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&AMQPValue> {
        self.properties.headers().as_ref()?.inner().get(name)
    }

    /// The value of a header that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?.as_long_string()?.as_bytes()).ok()
    }
}

/// The arguments of a queue, an exchange or a binding.
pub fn arguments(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert(short(name), value.clone());
    }
    table
}

pub fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

pub fn number(number: i64) -> AMQPValue {
    AMQPValue::LongLongInt(number)
}

/// The `x-death` of a message that was rejected in that queue. Written here, all at the same second: real deaths would
/// leave two equal messages unequal.
pub fn dead_letter(queue: &str) -> AMQPValue {
    let keys = FieldArray::from(vec![text(queue)]);
    let death = arguments(&[
        ("count", number(1)),
        ("reason", text("rejected")),
        ("queue", text(queue)),
        ("time", AMQPValue::Timestamp(DIED_AT)),
        ("exchange", text("")),
        ("routing-keys", AMQPValue::FieldArray(keys)),
    ]);
    AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(death)]))
}

fn short(text: &str) -> ShortString {
    ShortString::try_new(text).expect("AMQP names have 255 bytes at most")
}

impl Client {
    pub(crate) async fn connect(port: u16, vhost: &str) -> Self {
        install_crypto();
        let userinfo = AMQPUserInfo { username: "guest".into(), password: "guest".into() };
        let uri = AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority { userinfo, host: "127.0.0.1".into(), port },
            vhost: vhost.to_owned(),
            query: AMQPQueryString::default(),
        };
        let properties = ConnectionProperties::default().with_connection_name("witness".into());
        let connection = call("connect", Connection::connect_uri(uri, properties)).await;
        let channel = call("open a channel", connection.create_channel()).await;
        call("turn confirms on", channel.confirm_select(ConfirmSelectOptions::default())).await;
        Self { connection, channel }
    }

    /// A channel of its own, without confirms.
    pub async fn channel(&self) -> Channel {
        call("open a channel", self.connection.create_channel()).await
    }

    pub async fn classic(&self, queue: &str) {
        self.declare(queue, &[("x-queue-type", text("classic"))]).await;
    }

    pub async fn quorum(&self, queue: &str) {
        self.declare(queue, &[("x-queue-type", text("quorum"))]).await;
    }

    /// Declares a durable queue with these arguments.
    pub async fn declare(&self, queue: &str, with: &[(&str, AMQPValue)]) {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        call(&format!("declare queue `{queue}`"), self.channel.queue_declare(short(queue), options, arguments(with)))
            .await;
    }

    /// Declares a durable exchange: `direct`, `topic`, `fanout`, `headers`, or a plugin's type.
    pub async fn exchange(&self, exchange: &str, kind: &str, with: &[(&str, AMQPValue)]) {
        let kind = match kind {
            "direct" => ExchangeKind::Direct,
            "topic" => ExchangeKind::Topic,
            "fanout" => ExchangeKind::Fanout,
            "headers" => ExchangeKind::Headers,
            other => ExchangeKind::Custom(other.into()),
        };
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = self.channel.exchange_declare(short(exchange), kind, options, arguments(with));
        call(&format!("declare exchange `{exchange}`"), declared).await;
    }

    pub async fn bind(&self, queue: &str, exchange: &str, key: &str, with: &[(&str, AMQPValue)]) {
        let options = QueueBindOptions::default();
        let bound = self.channel.queue_bind(short(queue), short(exchange), short(key), options, arguments(with));
        call(&format!("bind `{queue}` to `{exchange}`"), bound).await;
    }

    pub async fn unbind(&self, queue: &str, exchange: &str, key: &str) {
        let unbound = self.channel.queue_unbind(short(queue), short(exchange), short(key), FieldTable::default());
        call(&format!("unbind `{queue}` from `{exchange}`"), unbound).await;
    }

    /// Deletes a queue with all that is in it. How many were ready.
    pub async fn delete(&self, queue: &str) -> u32 {
        let options = QueueDeleteOptions::default();
        call(&format!("delete queue `{queue}`"), self.channel.queue_delete(short(queue), options)).await
    }

    /// From one exchange to another.
    pub async fn bind_exchange(&self, to: &str, from: &str, key: &str, with: &[(&str, AMQPValue)]) {
        let options = ExchangeBindOptions::default();
        let bound = self.channel.exchange_bind(short(to), short(from), short(key), options, arguments(with));
        call(&format!("bind `{to}` to `{from}`"), bound).await;
    }

    /// Declares a quorum queue `NAME` with that delivery limit, whose dead letters go by the fanout exchange `NAME.dlx` to
    /// the quorum queue `NAME.dlq`, which has the broker's default limit.
    pub async fn dead_letter_pair(&self, name: &str, limit: i64) {
        let (exchange, letters) = (format!("{name}.dlx"), format!("{name}.dlq"));
        self.exchange(&exchange, "fanout", &[]).await;
        self.quorum(&letters).await;
        self.bind(&letters, &exchange, "", &[]).await;
        let with = [
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", number(limit)),
            ("x-dead-letter-exchange", text(&exchange)),
        ];
        self.declare(name, &with).await;
    }

    /// Publishes one message to an exchange and waits for the confirm. It may be unroutable.
    pub async fn publish(&self, exchange: &str, key: &str, body: &[u8], properties: AMQPProperties) {
        self.publish_all(exchange, key, vec![(body.to_vec(), properties)]).await;
    }

    /// Publishes persistent messages in that order and waits for all confirms.
    pub async fn publish_all(&self, exchange: &str, key: &str, messages: Vec<(Vec<u8>, AMQPProperties)>) {
        for batch in messages.chunks(PUBLISHES_AT_ONCE) {
            let mut confirms = Vec::new();
            for (body, properties) in batch {
                let mode = properties.delivery_mode().unwrap_or(2);
                let properties = properties.clone().with_delivery_mode(mode);
                let options = BasicPublishOptions::default();
                let sent = self.channel.basic_publish(short(exchange), short(key), options, body, properties);
                confirms.push(call("publish", sent).await);
            }
            for confirm in confirms {
                let confirmation = call("be confirmed", confirm).await;
                assert!(matches!(confirmation, Confirmation::Ack(_)), "the broker refused a message: {confirmation:?}");
            }
        }
    }

    /// Puts bodies into a queue, in that order.
    pub fn fill<'a>(
        &'a self,
        queue: &'a str,
        bodies: impl IntoIterator<Item = impl Into<Vec<u8>>>,
    ) -> BoxFuture<'a, ()> {
        let messages = bodies.into_iter().map(|body| (body.into(), AMQPProperties::default())).collect();
        Box::pin(self.publish_all("", queue, messages))
    }

    /// How many messages are ready, as the broker counts them this instant.
    pub async fn count(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(short(queue), options, FieldTable::default());
        call(&format!("count queue `{queue}`"), declared).await.message_count()
    }

    /// Waits until so many messages are ready.
    pub async fn reaches(&self, queue: &str, count: u32) {
        let deadline = Instant::now() + crate::SOON;
        loop {
            let seen = self.count(queue).await;
            if seen == count {
                return;
            }
            assert!(Instant::now() < deadline, "queue `{queue}` has {seen} ready, not {count}");
            tokio::time::sleep(crate::LOOK_AGAIN).await;
        }
    }

    /// Takes everything that is ready out of a queue, for good, in its order.
    pub async fn take_all(&self, queue: &str) -> Vec<Taken> {
        let mut taken = Vec::new();
        while let Some(one) = self.take(queue).await {
            taken.push(one);
        }
        taken
    }

    /// Takes the first message out of a queue, for good.
    pub async fn take(&self, queue: &str) -> Option<Taken> {
        let got = self.channel.basic_get(short(queue), BasicGetOptions { no_ack: false });
        let delivery = call(&format!("get from `{queue}`"), got).await?.delivery;
        let handled = call("ack", delivery.acker.ack(BasicAckOptions::default())).await;
        assert!(handled, "the witness lost its channel");
        Some(Taken::of(&delivery))
    }

    /// The bodies of everything that is ready, as text, taken out for good.
    pub async fn take_bodies(&self, queue: &str) -> Vec<String> {
        let texts =
            self.take_all(queue).await.into_iter().map(|taken| String::from_utf8_lossy(&taken.body).into_owned());
        texts.collect()
    }

    /// Consumes with that prefetch, on a channel of its own. The messages come back when the channel is closed.
    pub async fn consume(&self, queue: &str, prefetch: u16) -> (Channel, Consumer) {
        let channel = self.channel().await;
        call("set the prefetch", channel.basic_qos(prefetch, BasicQosOptions::default())).await;
        let options = BasicConsumeOptions::default();
        let consumed = channel.basic_consume(short(queue), short(""), options, FieldTable::default());
        let consumer = call(&format!("consume `{queue}`"), consumed).await;
        (channel, consumer)
    }

    /// Rejects the first `n` messages, so that they become dead letters with the reason `rejected`.
    pub async fn reject(&self, queue: &str, n: usize) {
        let prefetch = u16::try_from(n).expect("a prefetch has 16 bits");
        let (channel, mut consumer) = self.consume(queue, prefetch).await;
        for _ in 0..n {
            let delivery = within(CALL_WAIT, "a message to reject", consumer.next()).await.expect("the consumer lives");
            let delivery = delivery.expect("the consumer lives");
            call("reject", delivery.nack(BasicNackOptions { multiple: false, requeue: false })).await;
        }
        close(&channel).await;
    }

    /// Fails every message of a quorum queue, again and again, until all have died of their delivery limit.
    pub async fn exhaust(&self, queue: &str) {
        let (channel, mut consumer) = self.consume(queue, 100).await;
        while let Ok(next) = tokio::time::timeout(QUIET, consumer.next()).await {
            let delivery = next.expect("the consumer lives").expect("the consumer lives");
            // Not a nack: from 4.3 on that is no failure.
            let options = lapin::options::BasicRejectOptions { requeue: true };
            call("reject", channel.basic_reject(delivery.delivery_tag, options)).await;
        }
        close(&channel).await;
        assert_eq!(self.count(queue).await, 0, "every message of `{queue}` died of its limit");
    }

    /// Hands every message out and takes it back so often, so that it counts as failed so often.
    pub async fn fail(&self, queue: &str, messages: usize, times: usize) {
        for _ in 0..times {
            let prefetch = u16::try_from(messages).expect("a prefetch has 16 bits");
            let (channel, mut consumer) = self.consume(queue, prefetch).await;
            for _ in 0..messages {
                within(CALL_WAIT, "a message to fail", consumer.next()).await;
            }
            let cancelled = channel.basic_cancel(consumer.tag(), lapin::options::BasicCancelOptions::default());
            call("cancel", cancelled).await;
            close(&channel).await;
            self.reaches(queue, u32::try_from(messages).expect("it was a prefetch")).await;
        }
    }

    /// Ends politely, so that the broker does not log a client that vanished.
    pub async fn close(self) {
        let closed = self.connection.close(200, short("done"));
        tokio::time::timeout(CALL_WAIT, closed).await.ok();
    }
}

/// Closes a channel: what it held comes back.
pub async fn close(channel: &Channel) {
    // It may be closed already, with what it held given back all the same.
    tokio::time::timeout(CALL_WAIT, channel.close(200, short("done"))).await.ok();
}

async fn call<T>(what: &str, work: impl Future<Output = lapin::Result<T>>) -> T {
    within(CALL_WAIT, what, work).await.unwrap_or_else(|error| panic!("could not {what}: {error}"))
}
