//! Sending messages out of a queue: back where they failed, to another place, or as copies.

use clap::Args;
use workbench::{DeedAsk, SendOptions, Sending, TargetChoice};

use super::deed::{self, Carry, From, To};
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Send dead letters back to where they failed
///
/// Each is copied to this computer, published, confirmed, and only then removed. Without --filter the messages are taken
/// as they come, and each goes to the queue it failed in: what does not say which stays, and is named. The job's id is
/// printed first, and a summary last.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope redrive -c shop orders.dead --dry-run
  qscope redrive -c shop orders.dead --limit 1 --yes
  qscope redrive -c shop orders.dead --canary 20 --rate 50 --yes
  qscope redrive -c shop orders.dead --filter 'header.reason=timeout' --to-queue orders.payment --yes
  qscope redrive -c prod orders.dead --yes --allow-writes --confirm prod")]
pub(crate) struct Redrive {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    carry: Carry,
}

/// Move messages to another queue or exchange
///
/// Each is copied to this computer, published, confirmed, and only then removed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope move -c shop orders.dead --to-queue orders.parked --yes
  qscope move -c shop orders.dead --to-connection test --to-queue orders.dead --limit 100 --yes")]
pub(crate) struct Move {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    carry: Carry,
}

/// Copy messages to another queue or exchange; the originals stay
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope copy -c shop orders.dead --to-queue orders.trial --limit 10 --yes
  qscope copy -c prod orders.dead --to-connection test --to-queue orders.dead --yes")]
pub(crate) struct Copy {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    carry: Carry,
}

impl Redrive {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        send(session, Sending::Redrive, self.from, self.to, self.carry).await
    }
}

impl Move {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        send(session, Sending::Move, self.from, self.to, self.carry).await
    }
}

impl Copy {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        send(session, Sending::Copy, self.from, self.to, self.carry).await
    }
}

async fn send(session: &Session, sending: Sending, from: From, to: To, carry: Carry) -> Result<Exit, Failure> {
    let place = to.place();
    if sending != Sending::Redrive && place.is_none() {
        return Err(Failure::usage("where to is missing: add --to-queue or --to-exchange"));
    }
    let profile = from.connect.open(session).await?;
    let target = to.open(session).await?;
    let options = SendOptions { to_profile: target.as_ref().map(|target| target.id), ..to.options() };
    let (selection, looked) = from.selection(session, &profile, &carry.consent.cost).await?;
    let Some(selection) = selection else {
        return deed::nothing(session, &from.queue, &profile, deed::deed_of(sending), looked.as_ref()).await;
    };
    let to = place.unwrap_or(TargetChoice::FailedIn);
    let ask = DeedAsk::Send { deed: sending, from: selection, to, options };
    carry.carry_out(session, &profile, target.as_ref(), ask, looked).await
}
