//! A connection so slow that a lease gives up waiting between one message and the next.

use std::time::Duration;

use support::{Rabbit, Version};

use crate::ground::{Ground, Kind};

const MESSAGES: usize = 10;
const BODY_BYTES: usize = 128 * 1024;
/// Every piece of 64 KiB: a message takes at least twice as long.
const LATE: Duration = Duration::from_millis(350);

/// While messages are on their way the broker counts none as ready; still they are there.
pub(crate) async fn trickles(version: Version, kind: Kind) {
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    ground.fill_large(MESSAGES, BODY_BYTES).await;
    let qscope = ground.qscope();
    let ended = ground.capture_late(&qscope, LATE).await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    ground.stands_still().await;
    assert_eq!(ground.depths().await.0, MESSAGES as u64, "all went back");
}
