//! One file a command: its arguments, and what it does with the workbench.

pub(crate) mod activity;
mod bounces;
pub(crate) mod capture;
mod deed;
pub(crate) mod jobs;
mod limits;
pub(crate) mod manual;
pub(crate) mod peek;
pub(crate) mod plans;
pub(crate) mod profiles;
pub(crate) mod publish;
pub(crate) mod queues;
pub(crate) mod removing;
pub(crate) mod sending;
pub(crate) mod snapshots;
pub(crate) mod topology;

use crate::args::Command;
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Runs a command on an open workbench.
pub(crate) async fn run(session: &Session, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Profiles(command) => profiles::run(session, command).await,
        Command::Queues(command) => session.unless_stopped(command.run(session)).await,
        Command::Topology(command) => session.unless_stopped(command.run(session)).await,
        Command::Peek(command) => command.run(session).await,
        Command::Capture(command) => command.run(session).await,
        Command::Snapshots(command) => snapshots::run(session, command).await,
        Command::Publish(command) => command.run(session).await,
        Command::Redrive(command) => command.run(session).await,
        Command::Move(command) => command.run(session).await,
        Command::Copy(command) => command.run(session).await,
        Command::Discard(command) => command.run(session).await,
        Command::Purge(command) => command.run(session).await,
        Command::Replay(command) => command.run(session).await,
        Command::Undo(command) => command.run(session).await,
        Command::Plans(command) => plans::run(session, command).await,
        Command::Jobs(command) => jobs::run(session, command).await,
        Command::Activity(command) => session.unless_stopped(command.run(session)).await,
        Command::Completions(command) => manual::completions(command, &session.out),
        Command::Man(command) => manual::man(command, &session.out),
    }
}
