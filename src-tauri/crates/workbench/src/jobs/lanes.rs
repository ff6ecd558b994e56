//! The lanes in which order is kept: copies as they were read, commits as they were asked for, publishes as committed.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::carrying;
use super::desk::Desk;
use super::machine::{BatchNo, Command, CommitNo, Event, ToPublish};
use super::row::Lines;

/// One copy after the other, so that numbers in the capture are places in the queue.
pub(super) async fn copy(
    desk: Arc<Desk>,
    mut waiting: mpsc::Receiver<Command>,
    answer: mpsc::Sender<Event>,
) -> Option<Event> {
    while let Some(command) = waiting.recv().await {
        if let Some(event) = carrying::carry_out(desk.clone(), command).await {
            // Nobody listens any more: the run broke off, and what was begun is brought to its end.
            answer.send(event).await.ok();
        }
    }
    None
}

/// Everything that waits is one commit.
pub(super) async fn commit(
    desk: Arc<Desk>,
    mut waiting: mpsc::Receiver<(CommitNo, Lines)>,
    answer: mpsc::Sender<Event>,
) -> Option<Event> {
    while let Some((commit, first)) = waiting.recv().await {
        let (mut commits, mut lines) = (vec![commit], vec![first]);
        while let Ok((commit, more)) = waiting.try_recv() {
            commits.push(commit);
            lines.push(more);
        }
        for event in carrying::journal(&desk, commits, lines).await {
            answer.send(event).await.ok();
        }
    }
    None
}

/// Spreads messages over time.
struct Pace {
    per_second: Option<u32>,
    next: Instant,
}

impl Pace {
    /// Waits until so many more may go out.
    async fn wait(&mut self, messages: usize) {
        let Some(rate) = self.per_second else { return };
        tokio::time::sleep_until(self.next).await;
        let takes = Duration::from_secs(1) * u32::try_from(messages).unwrap_or(u32::MAX) / rate.max(1);
        self.next = Instant::now().max(self.next) + takes;
    }
}

/// Batches are begun in order and answered in any.
pub(super) async fn publish(
    desk: Arc<Desk>,
    mut waiting: mpsc::Receiver<(BatchNo, Vec<ToPublish>)>,
    answer: mpsc::Sender<Event>,
) -> Option<Event> {
    let mut under_way: FuturesUnordered<BoxFuture<'static, Event>> = FuturesUnordered::new();
    let mut pace = Pace { per_second: desk.options.per_second, next: Instant::now() };
    loop {
        tokio::select! {
            next = waiting.recv() => {
                let Some((batch, messages)) = next else { break };
                // Where there is a pace, one batch is under way at a time.
                pace.wait(messages.len()).await;
                match carrying::prepare(&desk, batch, &messages).await {
                    Ok(mut publishing) => match futures::poll!(&mut publishing) {
                        std::task::Poll::Ready(event) => drop(answer.send(event).await),
                        std::task::Poll::Pending => under_way.push(publishing),
                    },
                    Err(event) => drop(answer.send(event).await),
                }
            }
            Some(event) = under_way.next() => drop(answer.send(event).await),
        }
    }
    while let Some(event) = under_way.next().await {
        answer.send(event).await.ok();
    }
    None
}
