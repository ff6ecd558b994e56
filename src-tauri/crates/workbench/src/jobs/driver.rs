//! Runs the machine: its commands as tasks beside each other, their answers as events. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::machine::{BatchNo, Command, CommitNo, Event, Machine, ToPublish};
use super::row::Lines;
use super::{carrying, lanes};
use crate::{Error, Result, StoreTrouble};

/// What may wait in one lane; the machine has fewer batches than this in flight.
const LANE_MAX: usize = 64;
/// Whoever watches is told this often at most.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Runs the machine to its end. `stop` stops it after the batch it is at. `tell` hears how far it has come.
///
/// Fails only where a step broke off; then the journal says what is open, as after a crash.
pub(super) async fn run(
    desk: &Arc<Desk>,
    machine: Machine,
    stop: &CancellationToken,
    tell: &(dyn Fn(&Machine) + Send + Sync),
) -> Result<Machine> {
    let mut steps = Steps::new(desk.clone());
    let ended = run_with(&mut steps, machine, stop, tell).await;
    steps.close().await;
    desk.clear().await;
    ended
}

async fn run_with(
    steps: &mut Steps,
    mut machine: Machine,
    stop: &CancellationToken,
    tell: &(dyn Fn(&Machine) + Send + Sync),
) -> Result<Machine> {
    let mut stopped = false;
    let mut told_at = Instant::now();
    let mut commands = machine.on(Event::Start);
    loop {
        for command in commands.drain(..) {
            if matches!(command, Command::End) {
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

/// The steps under way. Copies, commits and publishes keep the order in which the machine asked for them, each in a lane
/// of its own; everything else runs beside.
struct Steps {
    desk: Arc<Desk>,
    tasks: JoinSet<Option<Event>>,
    copies: mpsc::Sender<Command>,
    commits: mpsc::Sender<(CommitNo, Lines)>,
    publishes: mpsc::Sender<(BatchNo, Vec<ToPublish>)>,
    answers: mpsc::Receiver<Event>,
}

impl Steps {
    fn new(desk: Arc<Desk>) -> Self {
        let (answer, answers) = mpsc::channel(LANE_MAX);
        let (copies, to_copy) = mpsc::channel(LANE_MAX);
        let (commits, to_commit) = mpsc::channel(LANE_MAX);
        let (publishes, to_publish) = mpsc::channel(LANE_MAX);
        let mut tasks = JoinSet::new();
        tasks.spawn(lanes::copy(desk.clone(), to_copy, answer.clone()));
        tasks.spawn(lanes::commit(desk.clone(), to_commit, answer.clone()));
        tasks.spawn(lanes::publish(desk.clone(), to_publish, answer));
        Self { desk, tasks, copies, commits, publishes, answers }
    }

    async fn begin(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Journal { commit, lines } => self.commits.send((commit, lines)).await.map_err(|_| broke_off()),
            Command::Publish { batch, messages } => {
                self.publishes.send((batch, messages)).await.map_err(|_| broke_off())
            }
            command @ Command::Copy { .. } => self.copies.send(command).await.map_err(|_| broke_off()),
            command => {
                self.tasks.spawn(carrying::carry_out(self.desk.clone(), command));
                Ok(())
            }
        }
    }

    async fn next(&mut self) -> Result<Event> {
        loop {
            tokio::select! {
                Some(event) = self.answers.recv() => return Ok(event),
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

    /// Lets every step that is under way come to its end: none is dropped half way.
    async fn close(self) {
        let Self { desk: _, mut tasks, copies, commits, publishes, mut answers } = self;
        drop((copies, commits, publishes));
        answers.close();
        while tasks.join_next().await.is_some() {}
    }
}

fn broke_off() -> Error {
    let why = "a step broke off; the log says more".to_owned();
    Error::Store { doing: "run the job".to_owned(), why, kind: StoreTrouble::Other }
}
