//! Redrives of a whole queue, in turns with the broker's own shovel.

use serde_json::json;
use support::say;

use super::ground::{Ground, Moved, SOURCE, TARGET};
use super::program::Program;
use crate::report::Measured;

pub(crate) const MESSAGES: usize = 100_000;
pub(crate) const PAIRS: usize = 3;
/// The sizes whose memory is compared.
const EVER_MORE: [usize; 3] = [10_000, 100_000, 1_000_000];
const SHOVEL: &str = "bench";

pub(crate) const WORDS: &str = "100,000 dead letters of 1 KiB from one queue to another, in turns: the shovel \
     (`ack-mode` on-confirm, prefetch 1,000, deleted after the queue's length), `qscope redrive` with every law kept (each \
     message copied and synced, its journal synced before and after it is published, removed behind a barrier), and the \
     same with 10 ms added to each sync. Rates are from the first message that the broker counts in the target to the last \
     that it counts in the source; the start of either is left out and is in the line of the whole command. CPU is of both \
     programs, for all messages. \"The shovel\" is what the management page sets up to move messages: it runs inside the \
     broker and uses no socket. \"By TCP\" is the same shovel with an address, as between two brokers.";
pub(crate) const MEMORY_WORDS: &str =
    "The most memory that `qscope redrive` of a whole queue ever had (VmHWM), by the number of messages of 1 KiB.";

pub(crate) async fn beside_shovel(ground: &Ground<'_>) -> Vec<Measured> {
    let (mut shovel, mut engine, mut slow) = (Side::default(), Side::default(), Side::default());
    let mut by_tcp = Side::default();
    for pair in 1..=PAIRS {
        for (side, tcp) in [(&mut shovel, false), (&mut by_tcp, true)] {
            ground.fill(MESSAGES).await;
            side.add(by_shovel(ground, tcp).await, 0.0, 0.0);
        }
        for (program, side) in [(ground.program(), &mut engine), (ground.program().on_slow_disk(), &mut slow)] {
            ground.fill(MESSAGES).await;
            by_program(ground, &program, MESSAGES, side).await;
        }
        for (what, side) in [("shovel", &shovel), ("by TCP", &by_tcp), ("qscope", &engine), ("10 ms more", &slow)] {
            say(&format!("bench: pair {pair}: {what} {}", side.last()));
        }
    }
    ground.empty().await;
    let of = |what: &str| format!("{}: {what}", ground.words());
    let ratio =
        |ours: &Side, theirs: &Side| ours.rates.iter().zip(&theirs.rates).map(|(one, other)| one / other).collect();
    vec![
        Measured { what: of("shovel"), values: shovel.rates.clone(), unit: "messages/s" },
        Measured { what: of("shovel by TCP"), values: by_tcp.rates.clone(), unit: "messages/s" },
        Measured { what: of("Queuescope"), values: engine.rates.clone(), unit: "messages/s" },
        Measured { what: of("Queuescope / shovel"), values: ratio(&engine, &shovel), unit: "" },
        Measured { what: of("Queuescope / shovel by TCP"), values: ratio(&engine, &by_tcp), unit: "" },
        Measured { what: of("with 10 ms more in each sync / shovel"), values: ratio(&slow, &shovel), unit: "" },
        Measured { what: of("with 10 ms more in each sync / shovel by TCP"), values: ratio(&slow, &by_tcp), unit: "" },
        Measured { what: of("the whole command"), values: engine.commands_s.clone(), unit: "s" },
        Measured { what: of("CPU of the broker for the shovel"), values: shovel.broker_cpu_s, unit: "s" },
        Measured { what: of("CPU of the broker for the shovel by TCP"), values: by_tcp.broker_cpu_s, unit: "s" },
        Measured { what: of("CPU of the broker for Queuescope"), values: engine.broker_cpu_s, unit: "s" },
        Measured { what: of("CPU of Queuescope"), values: engine.cpu_s, unit: "s" },
    ]
}

pub(crate) async fn ever_more(ground: &Ground<'_>) -> Vec<Measured> {
    let mut lines = Vec::new();
    for messages in EVER_MORE {
        ground.fill(messages).await;
        let ran = by_program(ground, &ground.program(), messages, &mut Side::default()).await;
        let what = format!("{}: {messages} messages", ground.words());
        lines.push(Measured { what, values: vec![ran], unit: "MiB" });
    }
    ground.empty().await;
    lines
}

#[derive(Debug, Default)]
struct Side {
    rates: Vec<f64>,
    broker_cpu_s: Vec<f64>,
    cpu_s: Vec<f64>,
    commands_s: Vec<f64>,
}

impl Side {
    fn add(&mut self, moved: Moved, command_s: f64, cpu_s: f64) {
        self.rates.push(rate(moved));
        self.broker_cpu_s.push(moved.broker_cpu.as_secs_f64());
        self.cpu_s.push(cpu_s);
        self.commands_s.push(command_s);
    }

    fn last(&self) -> String {
        let last = |of: &[f64]| of.last().copied().unwrap_or_default();
        format!(
            "{:.0} messages/s, CPU of the broker {:.1} s, of qscope {:.1} s",
            last(&self.rates),
            last(&self.broker_cpu_s),
            last(&self.cpu_s)
        )
    }
}

/// In messages a second.
#[expect(clippy::cast_precision_loss, reason = "a hundred thousand")]
pub(crate) fn rate(moved: Moved) -> f64 {
    MESSAGES as f64 / moved.took.as_secs_f64()
}

/// The most memory that it had, in MiB.
async fn by_program(ground: &Ground<'_>, program: &Program, messages: usize, side: &mut Side) -> f64 {
    let url = ground.url();
    let arguments = ["redrive", "-c", &url, SOURCE, "--yes"];
    let (ran, moved) = tokio::join!(program.run(&arguments), ground.moved(messages));
    side.add(moved, ran.took.as_secs_f64(), ran.cpu.as_secs_f64());
    ran.memory_peak_mib
}

pub(crate) async fn by_shovel(ground: &Ground<'_>, tcp: bool) -> Moved {
    let vhost = &ground.vhost;
    let place = if tcp { format!("guest:guest@127.0.0.1:{}", vhost.amqp_port) } else { String::new() };
    let here = format!("amqp://{place}/{}", vhost.name.replace('/', "%2F"));
    let definition = json!({ "value": {
        "src-protocol": "amqp091", "src-uri": here, "src-queue": SOURCE, "src-prefetch-count": 1_000,
        "src-delete-after": "queue-length", "dest-protocol": "amqp091", "dest-uri": here, "dest-queue": TARGET,
        "ack-mode": "on-confirm",
    }});
    let parameter = ["parameters", "shovel", &vhost.name, SHOVEL];
    vhost.api().put(&parameter, definition).await;
    ground.moved(MESSAGES).await
}
