//! A few messages chosen by a filter out of a deep queue, and redriven.

use super::ground::{CHOSEN, Ground, SOURCE, TARGET};
use crate::machine::{Cpu, memory_of_broker_mib};
use crate::report::Measured;

const MESSAGES: usize = 100_000;
const RUNS: usize = 2;

pub(crate) const WORDS: &str = "`qscope redrive --filter header.chosen=yes`: every 200th of 100,000 dead letters of \
     1 KiB. All are looked at once (copied, given back), then all up to the last that was \
     chosen are held again, 500 are sent and removed, and the rest is given back. So each \
     of the others is delivered twice. The memory of the broker is measured before, and \
     right after the command.";

pub(crate) async fn few_of_many(ground: &Ground<'_>) -> Vec<Measured> {
    let (mut took, mut cpu, mut broker_cpu) = (Vec::new(), Vec::new(), Vec::new());
    let (mut before, mut after, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let url = ground.url();
    let arguments = ["redrive", "-c", &url, SOURCE, "--filter", "header.chosen=yes", "--yes"];
    for _ in 0..RUNS {
        ground.fill(MESSAGES).await;
        before.push(memory_of_broker_mib(ground.rabbit));
        let broker = Cpu::of_broker(ground.rabbit);
        let ran = ground.program().run(&arguments).await;
        broker_cpu.push((Cpu::of_broker(ground.rabbit) - broker).as_secs_f64());
        after.push(memory_of_broker_mib(ground.rabbit));
        took.push(ran.took);
        cpu.push(ran.cpu.as_secs_f64());
        memory.push(ran.memory_peak_mib);
        let chosen = MESSAGES / CHOSEN;
        assert_eq!(ground.witness.count(TARGET).await as usize, chosen, "exactly those are sent: {}", ran.said);
        ground.witness.reaches(SOURCE, u32::try_from(MESSAGES - chosen).expect("a few")).await;
    }
    ground.empty().await;
    let of = |what: &str| format!("{}: {what}", ground.words());
    vec![
        Measured::times(&of("the whole command"), &took),
        Measured { what: of("CPU of Queuescope"), values: cpu, unit: "s" },
        Measured { what: of("most memory of Queuescope"), values: memory, unit: "MiB" },
        Measured { what: of("CPU of the broker"), values: broker_cpu, unit: "s" },
        Measured { what: of("memory of the broker before"), values: before, unit: "MiB" },
        Measured { what: of("memory of the broker after"), values: after, unit: "MiB" },
    ]
}
