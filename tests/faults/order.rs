//! More messages than one window holds, looked at and given back.

use support::{Rabbit, Version};

use crate::ground::{Ground, Kind, SOURCE};

/// Two full windows of a hold and a part of a third.
const MESSAGES: usize = 11_000;

/// What was captured lies in its queue as it lay before.
pub(crate) async fn order(version: Version, kind: Kind) {
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    ground.fill_in_order(MESSAGES).await;
    let qscope = ground.qscope();
    let ended = ground.capture(&qscope).await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    ground.stands_still().await;
    let lie = ground.drain_in_order(SOURCE).await;
    assert_eq!(lie.len(), MESSAGES, "all went back");
    let breaks = lie.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert_eq!(breaks, 0, "they lie in their order");
}
