//! Looking for messages of a job that came back after they were sent.

use clap::Args;
use serde::Serialize;
use workbench::{BounceLook, FaultCode, JobId};

use super::jobs::{self as job_commands, Job};
use crate::connection::Password;
use crate::consent::CostConsent;
use crate::failure::{Exit, Failure};
use crate::look::{self, ALL};
use crate::out::clean;
use crate::session::Session;

/// Look once for messages of a job that came back
///
/// Looks where they would be, if that is harmless: into the queue that they were read from, and where the dead letters of
/// the queue go that they were sent to. With --accept-cost a queue is looked at although it costs something.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope jobs bounces 7
  qscope jobs bounces 7 --accept-cost orders.dead")]
pub(crate) struct Bounces {
    #[command(flatten)]
    job: Job,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    cost: CostConsent,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    job: JobId,
    number: u64,
    done: u64,
    /// Of those, found again so far.
    bounced: u64,
    looks: Vec<BounceLook>,
}

impl Bounces {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let job = self.job.find(session).await?;
        job_commands::open(session, job, &self.password).await?;
        let looking = async { Ok(Box::pin(session.workbench.look_for_bounces(job)).await?) };
        let mut looks = session.unless_stopped(looking).await?.looks;
        for look in &mut looks {
            if look.cost.is_some() && self.covers(look)? {
                self.look_all_the_same(session, job, look).await?;
            }
        }
        let unseen: Vec<_> = looks.iter().filter(|look| look.not_looked.is_some()).collect();
        if let [first, ..] = unseen[..]
            && unseen.len() == looks.len()
        {
            return Err(refused(first));
        }
        let exit = if unseen.is_empty() { Exit::Done } else { Exit::Partly };
        let now = session.workbench.show_job(job).await?;
        let shown = Shown { job, number: now.number, done: now.counts.done, bounced: now.counts.bounced, looks };
        if session.out.json {
            session.out.object(&shown)?;
            return Ok(exit);
        }
        session.out.line(&format!("job {}: {} of {} came back", shown.number, shown.bounced, shown.done))?;
        shown.looks.iter().try_for_each(|look| session.out.line(&clean(&words(look))))?;
        Ok(exit)
    }

    /// Whether the cost of looking there was accepted. Another queue's name accepts nothing.
    fn covers(&self, look: &BounceLook) -> Result<bool, Failure> {
        match &self.cost.accept_cost {
            Some(named) if named == look.queue.as_str() => self.cost.covers(named),
            _ => Ok(false),
        }
    }

    /// Into a capture, as every look that costs something.
    async fn look_all_the_same(&self, session: &Session, job: JobId, look: &mut BounceLook) -> Result<(), Failure> {
        let profile = session.workbench.show_profile(look.profile).await?;
        let looked = look::look(session, &profile, &look.queue, ALL, &self.cost).await?;
        look.found = session.workbench.find_bounces(job, looked.capture).await?;
        (look.scanned, look.of) = (looked.read, looked.of.unwrap_or(looked.read));
        look.not_looked = None;
        Ok(())
    }
}

fn refused(look: &BounceLook) -> Failure {
    let why = look.not_looked.as_deref().unwrap_or_default();
    let error = format!("queue `{}` was not looked at: {why}", look.queue);
    match look.cost {
        Some(_) => Failure::refused(FaultCode::CostRefused, error)
            .remedy(format!("--accept-cost '{}' looks all the same", look.queue)),
        None => Failure::new(error),
    }
}

fn words(look: &BounceLook) -> String {
    match &look.not_looked {
        Some(why) => format!("  {}: not looked at: {why}", look.queue),
        None if look.nameless > 0 => format!(
            "  {}: {} there, scanned {} of {}; {} of the job carry neither a mark nor a message id of their own",
            look.queue, look.found, look.scanned, look.of, look.nameless
        ),
        None => format!("  {}: {} there, scanned {} of {}", look.queue, look.found, look.scanned, look.of),
    }
}
