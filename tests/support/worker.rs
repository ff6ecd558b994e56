//! A consumer as users have them: it works on what it understands and rejects the rest.

use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::task::JoinHandle;

use crate::client::{Client, Taken, close};

/// Messages that it holds at a time.
const PREFETCH: u16 = 20;

/// What came to it.
#[derive(Debug, Default)]
struct Work {
    done: Vec<Taken>,
    rejected: Vec<Taken>,
}

/// Consumes one queue until it is sent home. What it rejects becomes a dead letter.
#[derive(Debug)]
pub struct Worker {
    channel: Channel,
    work: Arc<Mutex<Work>>,
    working: JoinHandle<()>,
}

impl Worker {
    /// Begins to work; `understands` says what it can do.
    pub async fn start(client: &Client, queue: &str, understands: fn(&Taken) -> bool) -> Self {
        let (channel, mut consumer) = client.consume(queue, PREFETCH).await;
        let work = Arc::<Mutex<Work>>::default();
        let seen = work.clone();
        let working = tokio::spawn(async move {
            while let Some(Ok(delivery)) = consumer.next().await {
                let Delivery { acker, .. } = &delivery;
                let taken = Taken::of(&delivery);
                let understood = understands(&taken);
                let settled = match understood {
                    true => acker.ack(BasicAckOptions::default()).await,
                    false => acker.nack(BasicNackOptions { multiple: false, requeue: false }).await,
                };
                assert!(settled.is_ok_and(|settled| settled), "the worker lost its channel");
                let mut work = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if understood { work.done.push(taken) } else { work.rejected.push(taken) }
            }
        });
        Self { channel, work, working }
    }

    /// The ids of what it has worked on so far, in that order.
    pub fn done(&self) -> Vec<String> {
        self.read(|work| work.done.iter().map(Taken::id).collect())
    }

    /// The ids of what it has rejected so far, in that order.
    pub fn rejected(&self) -> Vec<String> {
        self.read(|work| work.rejected.iter().map(Taken::id).collect())
    }

    /// Stops, and gives everything that it has worked on.
    pub async fn goes_home(self) -> Vec<Taken> {
        close(&self.channel).await;
        self.working.await.expect("it works to its end");
        std::mem::take(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner).done)
    }

    fn read<T>(&self, what: impl FnOnce(&Work) -> T) -> T {
        what(&self.work.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
