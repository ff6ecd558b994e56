use broker::QueueName;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use workbench::{CaptureId, CaptureView, DeedAsk, Profile};

use super::peek::exit_of;
use crate::connection::Connect;
use crate::consent::Consent;
use crate::failure::{Exit, Failure};
use crate::look::{self, ALL};
use crate::session::Session;
use crate::summary;
use crate::{jobs, plan, times};

/// Copy messages of a queue into a snapshot on this computer; print its id
///
/// The messages are given back, unless --take says to remove what was captured: each is removed after its copy is safe on
/// disk, and the snapshot keeps it until it is sent or given up.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope capture -c shop orders.dead --all --name 'before the fix'
  qscope capture -c shop orders.dead -n 100 --take --yes
  qscope snapshots export $(qscope -q capture -c shop orders.dead) orders.jsonl")]
pub(crate) struct Capture {
    #[command(flatten)]
    connect: Connect,
    /// The queue
    queue: QueueName,
    /// How many messages, from the head of the queue
    #[arg(short, value_name = "N", conflicts_with = "all", value_parser = clap::value_parser!(u64).range(1..))]
    n: Option<u64>,
    /// All messages that are ready; so it is without -n
    #[arg(long)]
    all: bool,
    /// Remove what was captured from the queue
    #[arg(long)]
    take: bool,
    /// What to call the snapshot; by default the queue and the time
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    consent: Consent,
}

/// What was captured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Captured {
    snapshot: CaptureId,
    name: Option<String>,
    queue: QueueName,
    messages: u64,
    /// Ready in the queue, where that was known.
    of: Option<u64>,
    taken: bool,
    outcome: String,
}

impl Capture {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = self.connect.open(session).await?;
        if self.take { self.take(session, &profile).await } else { self.copy(session, &profile).await }
    }

    async fn copy(&self, session: &Session, profile: &Profile) -> Result<Exit, Failure> {
        let n = self.n.unwrap_or(ALL);
        let looked = look::look(session, profile, &self.queue, n, &self.consent.cost).await?;
        self.conclude(session, looked.capture).await?;
        let wanted = looked.of.map_or(n, |of| of.min(n));
        let exit = exit_of(session, looked.stopped.as_deref());
        if exit == Exit::Done && looked.read < wanted && wanted != ALL {
            session.out.warn(&format!(
                "{} of {wanted} were captured: no more are held at once, or somebody else took the others",
                looked.read
            ));
            return Ok(Exit::Partly);
        }
        Ok(exit)
    }

    async fn take(&self, session: &Session, profile: &Profile) -> Result<Exit, Failure> {
        let offer = session.workbench.offer_look(profile.id, self.queue.clone(), 1).await?;
        let ready = offer.ready.unwrap_or(ALL);
        if ready == 0 {
            return Err(Failure::new(format!("queue `{}` has no message that is ready", self.queue)));
        }
        let n = self.n.unwrap_or(ready).min(ready);
        let ask = DeedAsk::Take { queue: self.queue.clone(), n };
        let planned = Box::pin(session.workbench.make_plan(profile.id, ask)).await?;
        plan::say(&session.out, &planned);
        let typed = self.consent.obtain(session, profile, &planned, false).await?;
        let job = jobs::carry_out(session, &planned, typed, false).await?;
        let Some(capture) = job.capture else {
            return Err(Failure::new(format!("nothing was taken: {}", job.outcome)));
        };
        self.conclude(session, capture).await?;
        session.out.note(&jobs::in_words(&job));
        jobs::advise(&session.out, &job);
        if session.stop.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
        Ok(summary::exit_of(job.state, &job.counts))
    }

    /// Keeps what was captured under its name, and says so.
    async fn conclude(&self, session: &Session, capture: CaptureId) -> Result<(), Failure> {
        let default = || format!("{}, {}", self.queue, times::shown(Timestamp::now()));
        let name = self.name.clone().unwrap_or_else(default);
        let kept = session.workbench.keep_snapshot(capture, name, String::new()).await;
        let kept = kept.map_err(|error| {
            Failure::from(error).messages(format!("they are captured, in {capture}, which has no name"))
        })?;
        if !session.out.json {
            session.out.note(&format!("{} messages: {}", kept.messages, kept.outcome));
            return session.out.line(&kept.id.to_string());
        }
        let CaptureView { id, name, queue, messages, of, outcome, .. } = kept;
        session.out.object(&Captured { snapshot: id, name, queue, messages, of, taken: self.take, outcome })
    }
}
