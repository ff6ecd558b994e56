//! Captures of a whole queue, in turns with a loop that only receives.

use std::time::{Duration, Instant};

use futures::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use support::client::close;

use super::ground::{Ground, SOURCE};
use crate::report::Measured;

const MESSAGES: usize = 100_000;
const PAIRS: usize = 3;
/// The most that AMQP can say; more consumers on the same channel take more.
const PREFETCH: u16 = u16::MAX;
const CONSUMERS: usize = 2;
const COUNT_EVERY: Duration = Duration::from_millis(20);
const BACK_WAIT: Duration = Duration::from_secs(120);

pub(crate) const WORDS: &str = "100,000 dead letters of 1 KiB. The bare loop receives them all on one channel and \
     closes it; it keeps nothing. `qscope capture` copies and syncs each, and gives all \
     back in order. Both until the broker counts them all ready again.";

pub(crate) async fn beside_bare_loop(ground: &Ground<'_>) -> Vec<Measured> {
    let (mut bare, mut ours, mut cpu, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let url = ground.url();
    for _ in 0..PAIRS {
        ground.fill(MESSAGES).await;
        bare.push(rate(receive_all(ground).await));
        ground.fill(MESSAGES).await;
        let program = ground.program();
        let began = Instant::now();
        let ran = program.run(&["capture", "-c", &url, SOURCE, "--all"]).await;
        all_back(ground).await;
        ours.push(rate(began.elapsed()));
        cpu.push(ran.cpu.as_secs_f64());
        memory.push(ran.memory_peak_mib);
    }
    ground.empty().await;
    let of = |what: &str| format!("{}: {what}", ground.words());
    let ratio = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
    vec![
        Measured { what: of("bare loop"), values: bare, unit: "messages/s" },
        Measured { what: of("Queuescope, the whole command"), values: ours, unit: "messages/s" },
        Measured { what: of("Queuescope / bare loop"), values: ratio, unit: "" },
        Measured { what: of("CPU of Queuescope"), values: cpu, unit: "s" },
        Measured { what: of("most memory of Queuescope"), values: memory, unit: "MiB" },
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a hundred thousand")]
fn rate(took: Duration) -> f64 {
    MESSAGES as f64 / took.as_secs_f64()
}

async fn receive_all(ground: &Ground<'_>) -> Duration {
    let began = Instant::now();
    let channel = ground.witness.channel().await;
    let mut left = MESSAGES;
    let mut consumers = Vec::new();
    for _ in 0..CONSUMERS {
        let per_consumer = BasicQosOptions { global: false };
        channel.basic_qos(PREFETCH, per_consumer).await.expect("the prefetch can be set");
        let (options, with) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(SOURCE.into(), "".into(), options, with).await;
        consumers.push(consumer.expect("the queue can be consumed"));
    }
    let tags: Vec<_> = consumers.iter().map(lapin::Consumer::tag).collect();
    let mut all = futures::stream::select_all(consumers);
    while left > 0 {
        all.next().await.expect("the consumer lives").expect("the consumer lives");
        left -= 1;
    }
    for tag in tags {
        channel.basic_cancel(tag, BasicCancelOptions::default()).await.expect("a consumer can be cancelled");
    }
    close(&channel).await;
    all_back(ground).await;
    began.elapsed()
}

async fn all_back(ground: &Ground<'_>) {
    let all = u32::try_from(MESSAGES).expect("a broker counts in 32 bits");
    let back = async {
        while ground.witness.count(SOURCE).await < all {
            tokio::time::sleep(COUNT_EVERY).await;
        }
    };
    support::within(BACK_WAIT, "all messages are back", back).await;
}
