//! Plans that were made and kept: what they are about, what has changed since, and carrying one out.

use broker::QueueName;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use workbench::{Deed, Error, PlanChange, PlanId, PlanView, Profile, ReopenedPlan, SavedPlan, Started};

use super::deed::confirm_target;
use crate::connection::{self, Password};
use crate::consent::Consent;
use crate::failure::{Exit, Failure};
use crate::out::clean;
use crate::session::Session;
use crate::table::{Side, Table};
use crate::{jobs, plan, secret, times};

/// Plans that were made: every deed is planned before it is done, and the plan is kept for 30 days
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Start(Start),
    Remove(Remove),
}

/// List the plans, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this profile: its name, or a URL without a password
    #[arg(short, long, value_name = "NAME|URL")]
    connection: Option<String>,
}

/// Say what a plan is about, and what has changed at the broker since it was made
///
/// It is computed again for the very messages that it was made for: what came since is no part of it.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    plan: Plan,
    /// As it was made, without asking the broker
    #[arg(long)]
    as_made: bool,
    #[command(flatten)]
    password: Password,
}

/// Carry a plan out, once
///
/// Refused where it no longer fits the broker; `qscope plans show` says what changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope redrive -c shop orders.dead --filter header.reason=timeout --dry-run
  qscope plans show 7
  qscope plans start 7 --yes")]
pub(crate) struct Start {
    #[command(flatten)]
    plan: Plan,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    consent: Consent,
    /// Repeat the name of the profile that it sends to, where that is another one and protected
    #[arg(long, value_name = "NAME")]
    confirm_to: Option<String>,
}

/// Forget a plan; the job that it was started as stays
#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    plan: Plan,
}

#[derive(Debug, Clone, Args)]
struct Plan {
    /// Its number
    #[arg(value_name = "ID")]
    number: u64,
}

/// A plan as machines read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    plan: u64,
    id: PlanId,
    made_at: Timestamp,
    deed: Deed,
    title: &'a str,
    profile: &'a str,
    queue: Option<&'a QueueName>,
    messages: u64,
    will_act: u64,
    started: Option<Started>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(flatten)]
    listed: Listed<'a>,
    as_made: &'a PlanView,
    /// `None`: the broker was not asked.
    fits: Option<bool>,
    changes: Option<&'a [PlanChange]>,
    now: Option<&'a PlanView>,
}

impl<'a> Listed<'a> {
    fn of(plan: &'a SavedPlan) -> Self {
        let view = &plan.view;
        Self {
            plan: plan.number,
            id: view.id,
            made_at: view.made_at,
            deed: view.deed,
            title: &view.title,
            profile: &view.profile_name,
            queue: view.queue.as_ref(),
            messages: view.messages,
            will_act: view.will_act,
            started: plan.started,
        }
    }
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(list) => list.run(session).await,
        Command::Show(show) => show.run(session).await,
        Command::Start(start) => start.run(session).await,
        Command::Remove(remove) => {
            let plan = remove.plan.find(session).await?;
            session.workbench.discard_plan(plan.view.id).await?;
            session.out.note(&clean(&format!("forgot plan {}: {}", plan.number, plan.view.title)));
            Ok(Exit::Done)
        }
    }
}

impl Plan {
    async fn find(&self, session: &Session) -> Result<SavedPlan, Failure> {
        let plans = session.workbench.list_plans(None).await?;
        let found = plans.into_iter().find(|plan| plan.number == self.number);
        found.ok_or_else(|| Error::NoSuch { what: "plan", name: self.number.to_string() }.into())
    }
}

impl List {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = match &self.connection {
            Some(named) => Some(connection::find(session, named).await?.id),
            None => None,
        };
        let plans = session.workbench.list_plans(profile).await?;
        if session.out.json {
            plans.iter().try_for_each(|plan| session.out.object(&Listed::of(plan)))?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(&[
            ("plan", Side::Right),
            ("made", Side::Left),
            ("profile", Side::Left),
            ("queue", Side::Left),
            ("state", Side::Left),
            ("what", Side::Whole),
        ]);
        for SavedPlan { number, view, started, .. } in plans {
            table.row([
                number.to_string(),
                times::shown(view.made_at),
                view.profile_name,
                view.queue.map(|queue| queue.to_string()).unwrap_or_default(),
                started.map_or_else(|| "not started".to_owned(), |started| format!("job {}", started.number)),
                view.title,
            ]);
        }
        table.print(&session.out)?;
        Ok(Exit::Done)
    }
}

impl Show {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let saved = self.plan.find(session).await?;
        let again = match self.as_made {
            true => None,
            false => {
                let offline = |failure: Failure| match failure.exit {
                    Exit::Failed => failure.remedy("--as-made shows it without asking the broker"),
                    _ => failure,
                };
                open(session, &saved, &self.password).await.map_err(offline)?;
                Some(reopen(session, &saved).await?)
            }
        };
        print(session, &saved, again.as_ref())?;
        Ok(Exit::Done)
    }
}

impl Start {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let saved = self.plan.find(session).await?;
        let remedy = format!("`qscope plans show {}` says more", saved.number);
        saved.check().map_err(|error| Failure::from(error).remedy(remedy.clone()))?;
        let (profile, to) = open(session, &saved, &self.password).await?;
        if let Some(to) = &to {
            confirm_target(session, to, self.confirm_to.as_deref()).await?;
        }
        let again = reopen(session, &saved).await?;
        again.check().map_err(|error| Failure::from(error).remedy(remedy))?;
        again.changes.iter().for_each(|change| session.out.say(&clean(&changed(change))));
        let Some(now) = &again.now else { return Err(Failure::new("the plan cannot be computed")) };
        plan::say(&session.out, now);
        // What is only copied elsewhere changes nothing where it is.
        let changes = if now.deed == Deed::Copy { to.as_ref().unwrap_or(&profile) } else { &profile };
        let is_opened = to.as_ref().is_some_and(|to| to.id == changes.id);
        let typed = self.consent.obtain(session, changes, now, is_opened).await?;
        let job = jobs::carry_out(session, now, typed, true).await?;
        Ok(jobs::conclude(session, &job))
    }
}

/// Opens the connections that a plan is about: where its messages are, and where they go if that is another one.
async fn open(
    session: &Session,
    saved: &SavedPlan,
    password: &Password,
) -> Result<(Profile, Option<Profile>), Failure> {
    let to = match saved.to_profile() {
        Some(to) => {
            let to = session.workbench.show_profile(to).await?;
            connection::open_with(session, &to, secret::given_for_target()?).await?;
            Some(to)
        }
        None => None,
    };
    let profile = session.workbench.show_profile(saved.view.profile).await?;
    password.open(session, &profile).await?;
    Ok((profile, to))
}

async fn reopen(session: &Session, saved: &SavedPlan) -> Result<ReopenedPlan, Failure> {
    let reopening = async { Ok(Box::pin(session.workbench.reopen_plan(saved.view.id)).await?) };
    session.unless_stopped(reopening).await
}

fn print(session: &Session, saved: &SavedPlan, again: Option<&ReopenedPlan>) -> Result<(), Failure> {
    let out = &session.out;
    if out.json {
        return out.object(&Shown {
            listed: Listed::of(saved),
            as_made: &saved.view,
            fits: again.map(|again| again.check().is_ok()),
            changes: again.map(|again| again.changes.as_slice()),
            now: again.and_then(|again| again.now.as_ref()),
        });
    }
    let state = match saved.started {
        Some(started) => format!("started as job {}", started.number),
        None => "not started".to_owned(),
    };
    out.line(&format!("plan {}, made {}, {state}", saved.number, times::shown(saved.view.made_at)))?;
    plan::lines(&saved.view).iter().try_for_each(|line| out.line(line))?;
    match again {
        None => Ok(()),
        Some(again) if again.changes.is_empty() => out.line("nothing has changed since"),
        Some(again) => {
            out.line("changed since:")?;
            again.changes.iter().try_for_each(|change| out.line(&clean(&changed(change))))
        }
    }
}

fn changed(change: &PlanChange) -> String {
    let word = if change.prevents { "DOES NOT FIT" } else { "changed" };
    format!("  {word}: {}", change.words)
}
