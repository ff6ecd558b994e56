//! A loop that keeps no law, in turns with the broker's own shovel: no client of this protocol on this machine is faster.

use futures::StreamExt;
use futures::future::join_all;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Consumer, PublisherConfirm};
use support::client::close;
use tokio::sync::mpsc;

use super::ground::{Ground, Moved, SOURCE, TARGET};
use super::redriving::{MESSAGES, PAIRS, by_shovel, rate};
use crate::report::Measured;

const BATCH: usize = 1_000;
const BATCHES_IN_FLIGHT: usize = 4;
const PREFETCH: u16 = 6_000;

pub(crate) const WORDS: &str = "The same 100,000 dead letters, in turns: the shovel, and a loop on two connections that \
     receives them in batches of 1,000, publishes each batch confirmed while others are under way, and acknowledges it in \
     one word. It copies nothing, writes nothing down and checks nothing: what it takes longer than the shovel is the price \
     of a client on the broker's own cores, and no law that we keep.";

pub(crate) async fn beside_shovel(ground: &Ground<'_>) -> Vec<Measured> {
    let (mut shovel, mut bare, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ground.fill(MESSAGES).await;
        shovel.push(rate(by_shovel(ground, false).await));
        ground.fill(MESSAGES).await;
        let moved = by_loop(ground).await;
        cpu.push(moved.broker_cpu.as_secs_f64());
        bare.push(rate(moved));
    }
    ground.empty().await;
    let of = |what: &str| format!("{}: {what}", ground.words());
    let ratio = bare.iter().zip(&shovel).map(|(bare, shovel)| bare / shovel).collect();
    vec![
        Measured { what: of("shovel"), values: shovel, unit: "messages/s" },
        Measured { what: of("bare loop"), values: bare, unit: "messages/s" },
        Measured { what: of("bare loop / shovel"), values: ratio, unit: "" },
        Measured { what: of("CPU of the broker for the bare loop"), values: cpu, unit: "s" },
    ]
}

async fn by_loop(ground: &Ground<'_>) -> Moved {
    let (reader, writer) = (ground.vhost.client().await, ground.vhost.client().await);
    let (held, consumer) = reader.consume(SOURCE, PREFETCH).await;
    let channel = writer.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("the broker confirms");
    let (received, to_publish) = mpsc::channel(BATCHES_IN_FLIGHT);
    let (published, to_acknowledge) = mpsc::channel(BATCHES_IN_FLIGHT);
    tokio::spawn(receive(consumer, received));
    tokio::spawn(publish(channel.clone(), to_publish, published));
    tokio::spawn(acknowledge(held.clone(), to_acknowledge));
    let moved = ground.moved(MESSAGES).await;
    close(&held).await;
    close(&channel).await;
    reader.close().await;
    writer.close().await;
    moved
}

async fn receive(consumer: Consumer, received: mpsc::Sender<Vec<Delivery>>) {
    let mut batches = consumer.take(MESSAGES).chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let batch = batch.into_iter().map(|delivery| delivery.expect("the consumer lives")).collect();
        received.send(batch).await.expect("it is published");
    }
}

async fn publish(
    channel: Channel,
    mut batches: mpsc::Receiver<Vec<Delivery>>,
    published: mpsc::Sender<(u64, Vec<PublisherConfirm>)>,
) {
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    while let Some(batch) = batches.recv().await {
        let each = batch.iter().map(|delivery| {
            let properties = delivery.properties.clone();
            channel.basic_publish("".into(), TARGET.into(), options, &delivery.data, properties)
        });
        let confirms = join_all(each).await.into_iter().map(|sent| sent.expect("the channel lives")).collect();
        let last = batch.last().expect("a batch has messages").delivery_tag;
        published.send((last, confirms)).await.expect("it is acknowledged");
    }
}

async fn acknowledge(channel: Channel, mut published: mpsc::Receiver<(u64, Vec<PublisherConfirm>)>) {
    while let Some((last, confirms)) = published.recv().await {
        for confirm in confirms {
            let confirmed = confirm.await.expect("the channel lives");
            assert!(matches!(confirmed, Confirmation::Ack(None)), "it arrives");
        }
        channel.basic_ack(last, BasicAckOptions { multiple: true }).await.expect("the channel lives");
    }
}
