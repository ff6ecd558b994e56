//! How many messages are ready this instant: a passive declare, which counts nothing and marks nothing.

use std::sync::Arc;
use std::time::Duration;

use broker::{Depth, QueueName, Result};
use lapin::options::{QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::connect::{CALL_WAIT, Link, short, within};

const PASSIVE: QueueDeclareOptions =
    QueueDeclareOptions { passive: true, durable: false, exclusive: false, auto_delete: false, nowait: false };

/// Asks on a channel of the watching connection, which no lease and no publisher shares.
#[derive(Debug)]
pub(crate) struct Depths {
    link: Arc<Link>,
    /// Kept between calls; an error closes it on the broker's side.
    channel: Mutex<Option<(Arc<Connection>, Channel)>>,
}

impl Depths {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, channel: Mutex::new(None) }
    }

    /// Before 4.3 needs no permission at all, from then on any of the three.
    pub(crate) async fn depth(&self, queue: &QueueName) -> Result<Depth> {
        let name = short(queue.as_str(), "the queue's name")?;
        let mut kept = self.channel.lock().await;
        let (connection, channel) = match kept.take() {
            Some((connection, channel)) if channel.status().connected() => (connection, channel),
            _ => self.link.channel().await?,
        };
        let doing = || format!("count the messages of queue `{queue}`");
        let declared = within(CALL_WAIT, doing, channel.queue_declare(name, PASSIVE, FieldTable::default())).await?;
        *kept = Some((connection, channel));
        Ok(Depth { ready: declared.message_count().into(), consumers: Some(declared.consumer_count().into()) })
    }

    /// Destroys what is ready; how many they were. Needs read permission.
    pub(crate) async fn purge(&self, queue: &QueueName) -> Result<u64> {
        let name = short(queue.as_str(), "the queue's name")?;
        let (_connection, channel) = self.link.channel().await?;
        let doing = || format!("purge queue `{queue}`");
        let purged = within(CALL_WAIT, doing, channel.queue_purge(name, QueuePurgeOptions { nowait: false })).await?;
        crate::lease::close_channel(&channel, CALL_WAIT).await;
        Ok(purged.into())
    }

    /// Waits until at least `ready` messages are ready. `false`: not within `wait`, or it cannot be counted.
    pub(crate) async fn wait_until(&self, queue: &QueueName, ready: u64, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        let mut pause = Duration::from_millis(5);
        loop {
            match self.depth(queue).await {
                Ok(depth) if depth.ready >= ready => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
            if Instant::now() + pause >= deadline {
                return false;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }
}
