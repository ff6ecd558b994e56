use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use broker::{Outgoing, PublishOutcome, Publisher, Result};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::shared::{Answer, CONNECTION_LOST, Connection};

/// How long a publish waits for the end of an alarm.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// A way to publish into a sandbox. A batch is taken whole, in one step, so dropping its future undoes nothing.
#[derive(Debug)]
pub(crate) struct SandboxPublisher {
    connection: Arc<Connection>,
    /// How often everything had been cut when this was opened.
    cuts: u64,
    is_closed: AtomicBool,
}

impl SandboxPublisher {
    pub(crate) fn open(connection: &Arc<Connection>) -> Result<Self> {
        let cuts = connection.shared.act(|state| {
            state.use_connection(connection.id, || "open a publisher".to_owned())?;
            Ok(state.cuts)
        })?;
        Ok(Self { connection: Arc::clone(connection), cuts, is_closed: AtomicBool::new(false) })
    }
}

#[async_trait]
impl Publisher for SandboxPublisher {
    async fn publish(&self, batch: Vec<Outgoing>) -> Vec<PublishOutcome> {
        if self.is_closed.load(Ordering::SeqCst) {
            return batch.iter().map(|_| PublishOutcome::NotSent("the publisher was closed".to_owned())).collect();
        }
        let (answers, waits) = self.connection.shared.act(|state| {
            let publish = |outgoing| state.publish(self.connection.id, self.cuts, outgoing);
            let answers: Vec<_> = batch.into_iter().map(publish).collect();
            (answers, state.waits)
        });
        let mut outcomes = Vec::with_capacity(answers.len());
        let until = waits.then(|| Instant::now() + ANSWER_WAIT);
        for answer in answers {
            outcomes.push(match answer {
                Answer::Now(outcome) => outcome,
                Answer::Later(later) => wait_for(later, until).await,
            });
        }
        outcomes
    }

    /// Nothing is under way by itself here: whoever publishes waits for the outcomes.
    async fn close(&self) -> Result<()> {
        self.is_closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

async fn wait_for(mut later: oneshot::Receiver<PublishOutcome>, until: Option<Instant>) -> PublishOutcome {
    let blocked = || PublishOutcome::Unknown("the broker is blocking publishers".to_owned());
    let lost = || PublishOutcome::Unknown(CONNECTION_LOST.to_owned());
    let Some(until) = until else {
        return match later.try_recv() {
            Ok(outcome) => outcome,
            Err(oneshot::error::TryRecvError::Empty) => blocked(),
            Err(oneshot::error::TryRecvError::Closed) => lost(),
        };
    };
    match tokio::time::timeout_at(until, later).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => lost(),
        Err(_) => blocked(),
    }
}
