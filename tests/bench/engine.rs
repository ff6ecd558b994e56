//! Many messages: redrives beside the broker's own shovel, captures beside a bare loop, and a few chosen out of many.

mod bare;
mod capturing;
mod ground;
mod picking;
mod program;
mod redriving;

use support::{Rabbit, Version, say};

use crate::report::{Measured, Report, Section};
use ground::{Ground, Kind};

/// The brokers with which everything is measured.
#[cfg(debian)]
const VERSIONS: [Version; 2] = [Version::V3_10, Version::V4_3];
#[cfg(not(debian))]
const VERSIONS: [Version; 1] = [Version::Own];
/// More than the tests' brokers may have: full queues are to be what slows a broker, and not its alarm.
const BROKER_MEMORY: &str = "vm_memory_high_watermark.absolute = 6GB";

/// Measures part by part, each on every broker, and writes each down at once; `words` choose some: "redrive 4.3 quorum".
pub(crate) async fn measure(report: &mut Report, words: &[String]) {
    for part in [Part::Redrive, Part::Bare, Part::Capture, Part::Pick, Part::Memory] {
        let mut lines = Vec::new();
        for (version, kind) in
            VERSIONS.into_iter().flat_map(|version| [Kind::Classic, Kind::Quorum].map(|kind| (version, kind)))
        {
            if part == Part::Memory && version != VERSIONS[VERSIONS.len() - 1] {
                continue;
            }
            let about = format!("{part:?} {version:?} {kind:?}").to_lowercase().replace('_', ".");
            if !words.iter().all(|word| about.contains(word.as_str())) {
                continue;
            }
            let rabbit = Rabbit::start_with(version, &[BROKER_MEMORY]).await;
            let ground = Ground::lay(&rabbit, kind).await;
            say(&format!("bench: {part:?}, RabbitMQ {}", ground.words()));
            lines.extend(Box::pin(part.measure(&ground)).await);
        }
        if !lines.is_empty() {
            let (title, words) = part.words();
            let section = Section { title: title.into(), words: words.into(), lines };
            say(&section.to_string());
            report.add(&section);
            report.write();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Redrive,
    Bare,
    Capture,
    Pick,
    Memory,
}

impl Part {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Redrive => ("Redrive beside the shovel", redriving::WORDS),
            Self::Bare => ("A client that keeps no law beside the shovel", bare::WORDS),
            Self::Capture => ("Capture beside a bare loop", capturing::WORDS),
            Self::Pick => ("500 chosen out of 100,000", picking::WORDS),
            Self::Memory => ("Memory of a redrive", redriving::MEMORY_WORDS),
        }
    }

    async fn measure(self, ground: &Ground<'_>) -> Vec<Measured> {
        match self {
            Self::Redrive => redriving::beside_shovel(ground).await,
            Self::Bare => bare::beside_shovel(ground).await,
            Self::Capture => capturing::beside_bare_loop(ground).await,
            Self::Pick => picking::few_of_many(ground).await,
            Self::Memory => redriving::ever_more(ground).await,
        }
    }
}
