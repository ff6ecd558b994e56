//! Removing messages, and putting back what was removed.

use clap::Args;
use workbench::{Deed, DeedAsk, Selection, Sending};

use super::deed::{self, Carry, From, To};
use super::jobs::{self as job_commands, Job};
use super::snapshots::Snapshot;
use crate::connection::{Connect, Password};
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Remove messages from a queue; their copies are kept, and can be put back with `undo`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope discard -c shop orders.dead --filter 'header.tenant=test' --yes
  qscope discard -c shop orders.dead --limit 10 --dry-run")]
pub(crate) struct Discard {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    carry: Carry,
}

/// Empty a queue
///
/// Every message is copied to this computer before it is removed, and can be put back with `undo`. With
/// --without-copies the broker destroys them instead: that is for ever, and the queue's name has to be repeated.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope purge -c shop orders.dead --yes
  qscope purge -c shop orders.dead --without-copies --accept-cost orders.dead --yes")]
pub(crate) struct Purge {
    #[command(flatten)]
    connect: Connect,
    /// The queue
    queue: broker::QueueName,
    /// Copy nothing: what was there is gone for ever
    #[arg(long)]
    without_copies: bool,
    #[command(flatten)]
    carry: Carry,
}

/// Send the copies of a snapshot, in its order; nothing is removed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope replay -c test 'before the fix' --to-queue orders.payment --rate 20 --yes")]
pub(crate) struct Replay {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    snapshot: Snapshot,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    carry: Carry,
}

/// Put back what a job removed, from its copies
///
/// A discard and a purge with copies can be undone. Of a move or a redrive the copies are put back as well, and what was
/// sent stays where it arrived: the plan says so, and the queue's name has to be repeated with --accept-cost.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope undo 12 --dry-run
  qscope undo 12 --yes")]
pub(crate) struct Undo {
    #[command(flatten)]
    job: Job,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    carry: Carry,
}

impl Discard {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = self.from.connect.open(session).await?;
        let (from, looked) = self.from.selection(session, &profile, &self.carry.consent.cost).await?;
        let Some(from) = from else {
            return deed::nothing(session, &self.from.queue, &profile, Deed::Discard, looked.as_ref()).await;
        };
        self.carry.carry_out(session, &profile, None, DeedAsk::Discard { from }, looked).await
    }
}

impl Purge {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = self.connect.open(session).await?;
        let queue = self.queue;
        if session.workbench.offer_look(profile.id, queue.clone(), 1).await?.ready == Some(0) {
            return deed::nothing(session, &queue, &profile, Deed::Purge, None).await;
        }
        let ask = match self.without_copies {
            true => DeedAsk::Purge { queue },
            false => DeedAsk::Discard { from: Selection::First { queue, n: None } },
        };
        self.carry.carry_out(session, &profile, None, ask, None).await
    }
}

impl Replay {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let Some(to) = self.to.place() else {
            return Err(Failure::usage("where to is missing: add --to-queue or --to-exchange"));
        };
        let capture = self.snapshot.find(session).await?.id;
        let profile = self.connect.open(session).await?;
        let target = self.to.open(session).await?;
        let options =
            workbench::SendOptions { to_profile: target.as_ref().map(|target| target.id), ..self.to.options() };
        let ask = DeedAsk::Send { deed: Sending::Replay, from: Selection::Whole { capture }, to, options };
        self.carry.carry_out(session, &profile, target.as_ref(), ask, None).await
    }
}

impl Undo {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let job = self.job.find(session).await?;
        let profile = job_commands::open(session, job, &self.password).await?;
        self.carry.carry_out(session, &profile, None, DeedAsk::Undo { job }, None).await
    }
}
