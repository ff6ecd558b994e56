//! Many messages: redrives beside the broker's own shovel, captures beside a bare loop, and a few chosen out of many.

mod capturing;
mod ground;
mod picking;
mod program;
mod redriving;

use support::{Rabbit, Version, say};

use crate::report::Section;
use ground::{Ground, Kind};

/// The brokers with which everything is measured.
#[cfg(debian)]
const VERSIONS: [Version; 2] = [Version::V3_10, Version::V4_3];
#[cfg(not(debian))]
const VERSIONS: [Version; 1] = [Version::Own];
/// More than the tests' brokers may have: full queues are to be what slows a broker, and not its alarm.
const BROKER_MEMORY: &str = "vm_memory_high_watermark.absolute = 6GB";

/// Everything that is measured of many messages, broker by broker; `words` choose some: "4.3 quorum".
pub(crate) async fn sections(words: &[String]) -> Vec<Section> {
    let (mut redrives, mut captures, mut picks, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for version in VERSIONS {
        for kind in [Kind::Classic, Kind::Quorum] {
            let rabbit = Rabbit::start_with(version, &[BROKER_MEMORY]).await;
            let ground = Ground::lay(&rabbit, kind).await;
            if !words.iter().all(|word| ground.words().contains(word.as_str())) {
                continue;
            }
            say(&format!("bench: RabbitMQ {}", ground.words()));
            redrives.extend(redriving::beside_shovel(&ground).await);
            captures.extend(capturing::beside_bare_loop(&ground).await);
            picks.extend(picking::few_of_many(&ground).await);
            if version == VERSIONS[VERSIONS.len() - 1] {
                memory.extend(redriving::ever_more(&ground).await);
            }
        }
    }
    let section = |title: &str, words: &str, lines| Section { title: title.into(), words: words.into(), lines };
    let sections = vec![
        section("Redrive beside the shovel", redriving::WORDS, redrives),
        section("Memory of a redrive", redriving::MEMORY_WORDS, memory),
        section("Capture beside a bare loop", capturing::WORDS, captures),
        section("500 chosen out of 100,000", picking::WORDS, picks),
    ];
    sections.into_iter().filter(|section| !section.lines.is_empty()).collect()
}
