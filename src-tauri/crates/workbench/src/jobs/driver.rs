//! Runs the machine: its commands as tasks beside each other, their answers as events. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::carrying;
use super::desk::Desk;
use super::machine::{Command, CommitNo, Event, Machine};
use super::row::Row;
use crate::{Error, Result, StoreTrouble};

/// Commits and their answers that may wait; the machine has fewer batches than this in flight.
const COMMITS_MAX: usize = 64;
/// Whoever watches is told this often at most.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Runs the machine to its end. `stop` stops it after the batch it is at. `tell` hears how far it has come.
///
/// Fails only where a step broke off; then the journal says what is open, as after a crash.
pub(super) async fn run(
    desk: &Arc<Desk>,
    mut machine: Machine,
    stop: &CancellationToken,
    tell: &(dyn Fn(&Machine) + Send + Sync),
) -> Result<Machine> {
    let mut steps = Steps::new(desk.clone());
    let mut stopped = false;
    let mut told_at = Instant::now();
    let mut commands = machine.on(Event::Start);
    loop {
        for command in commands.drain(..) {
            if matches!(command, Command::End) {
                desk.clear().await;
                return Ok(machine);
            }
            steps.begin(command).await?;
        }
        let event = tokio::select! {
            event = steps.next() => event?,
            () = stop.cancelled(), if !stopped => {
                stopped = true;
                Event::Stop
            }
        };
        commands = machine.on(event);
        if told_at.elapsed() >= TELL_EVERY {
            told_at = Instant::now();
            tell(&machine);
        }
    }
}

struct Steps {
    desk: Arc<Desk>,
    tasks: JoinSet<Option<Event>>,
    commits: mpsc::Sender<(CommitNo, Vec<Row>)>,
    committed: mpsc::Receiver<Event>,
}

impl Steps {
    fn new(desk: Arc<Desk>) -> Self {
        let (commits, mut waiting) = mpsc::channel::<(CommitNo, Vec<Row>)>(COMMITS_MAX);
        let (answers, committed) = mpsc::channel(COMMITS_MAX);
        let journal = desk.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some((commit, rows)) = waiting.recv().await {
                let event = carrying::journal(&journal, commit, rows).await;
                if answers.send(event).await.is_err() {
                    break;
                }
            }
            None
        });
        Self { desk, tasks, commits, committed }
    }

    async fn begin(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Journal { commit, rows } => self.commits.send((commit, rows)).await.map_err(|_| broke_off()),
            command => {
                self.tasks.spawn(carrying::carry_out(self.desk.clone(), command));
                Ok(())
            }
        }
    }

    async fn next(&mut self) -> Result<Event> {
        loop {
            tokio::select! {
                Some(event) = self.committed.recv() => return Ok(event),
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(Some(event)) => return Ok(event),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(%error, "a step of a job broke off");
                        return Err(broke_off());
                    }
                },
                else => return Err(broke_off()),
            }
        }
    }
}

fn broke_off() -> Error {
    let why = "a step broke off; the log says more".to_owned();
    Error::Store { doing: "run the job".to_owned(), why, kind: StoreTrouble::Other }
}
