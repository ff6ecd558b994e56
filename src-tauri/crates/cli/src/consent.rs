//! The user's consent: what must be said on the command line, or at the terminal, before a broker is changed.

use std::io::BufRead;

use clap::Args;
use workbench::{Deed, FaultCode, PlanView, Profile};

use crate::failure::Failure;
use crate::out::clean;
use crate::session::Session;

/// Consent to a look that costs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CostConsent {
    /// Look although it may remove messages: repeat the queue's name
    #[arg(long, value_name = "QUEUE")]
    pub(crate) accept_cost: Option<String>,
}

/// Consent to changes where a profile is protected.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WriteConsent {
    /// Allow changes on a profile that is read-only, or of production or staging
    #[arg(long)]
    pub(crate) allow_writes: bool,
    /// Repeat the name of such a profile
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
}

/// Consent to a plan.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Consent {
    /// Carry the plan out without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) writes: WriteConsent,
    #[command(flatten)]
    pub(crate) cost: CostConsent,
}

impl CostConsent {
    /// Whether the queue's name was repeated. [`crate::failure::Exit::Refused`] where another one was.
    pub(crate) fn covers(&self, queue: &str) -> Result<bool, Failure> {
        match self.accept_cost.as_deref() {
            None => Ok(false),
            Some(named) if named == queue => Ok(true),
            Some(named) => {
                let error = format!("--accept-cost names `{named}`, and the queue is `{queue}`");
                Err(Failure::refused(FaultCode::ConfirmationMissing, error))
            }
        }
    }
}

impl WriteConsent {
    /// Turns writes on where the profile is protected, if that was confirmed. Whether its name was repeated.
    pub(crate) async fn obtain(&self, session: &Session, profile: &Profile) -> Result<bool, Failure> {
        let name = &profile.name;
        if self.confirm.as_ref().is_some_and(|confirm| confirm != name) {
            let error = format!("--confirm does not name the profile `{name}`");
            return Err(Failure::refused(FaultCode::ConfirmationMissing, error));
        }
        if !is_protected(profile) {
            return Ok(self.confirm.is_some());
        }
        let remedy = format!("add --allow-writes --confirm '{name}'");
        if !self.allow_writes {
            let error = format!("`{name}` is protected: nothing is changed there without --allow-writes");
            return Err(Failure::refused(FaultCode::ReadOnly, error).remedy(remedy));
        }
        if self.confirm.is_none() {
            let typed = session.ask(&format!("Type the profile's name ({}) to allow changes: ", clean(name))).await?;
            if typed.as_deref() != Some(name.as_str()) {
                let error = format!("changes on `{name}` are not confirmed");
                return Err(Failure::refused(FaultCode::ConfirmationMissing, error).remedy(remedy));
            }
        }
        session.workbench.set_writes(profile.id, true).await?;
        Ok(true)
    }
}

impl Consent {
    /// What has to be typed to start the plan, once everything that it needs was confirmed.
    pub(crate) async fn obtain(
        &self,
        session: &Session,
        profile: &Profile,
        plan: &PlanView,
        is_opened: bool,
    ) -> Result<Option<String>, Failure> {
        if let Some(why) = &plan.blocked {
            return Err(Failure::new(format!("it cannot be done: {why}")));
        }
        if let (Some(cost), Some(queue)) = (&plan.cost, &plan.queue)
            && let Some(refusal) = &cost.refusal
            && !self.cost.covers(queue.as_str())?
        {
            let remedy = format!("--accept-cost '{queue}' does it all the same");
            return Err(Failure::refused(FaultCode::CostRefused, refusal.why.clone()).remedy(remedy));
        }
        self.covers_what_is_lost(session, plan).await?;
        // Writes of a connection that is only sent to were confirmed when it was opened.
        let named = if is_opened { false } else { self.writes.obtain(session, profile).await? };
        if !named && !self.yes && !session.agrees(&format!("{}?", plan.title)).await? {
            let failure = Failure::refused(FaultCode::ConfirmationMissing, "nobody confirmed the plan");
            return Err(if session.out.can_ask() { failure } else { failure.remedy("add --yes to carry it out") });
        }
        Ok(plan.typed.clone())
    }
}

impl Consent {
    /// Where nothing can be put back, or something is doubled on purpose, the queue's name is repeated.
    async fn covers_what_is_lost(&self, session: &Session, plan: &PlanView) -> Result<(), Failure> {
        let (Deed::Purge | Deed::Undo, Some(name)) = (plan.deed, &plan.typed) else { return Ok(()) };
        if self.cost.covers(name)? {
            return Ok(());
        }
        let typed = session.ask(&format!("Type the queue's name ({}) to go on: ", clean(name))).await?;
        if typed.as_deref() == Some(name.as_str()) {
            return Ok(());
        }
        let error = format!("`{name}` was not repeated");
        let remedy = format!("add --accept-cost '{name}'");
        Err(Failure::refused(FaultCode::ConfirmationMissing, error).remedy(remedy))
    }
}

/// Whether changes need more than a yes.
pub(crate) fn is_protected(profile: &Profile) -> bool {
    profile.read_only || profile.environment.opens_read_only()
}

impl Session {
    /// Asks for a yes. Nobody there to ask means no.
    pub(crate) async fn agrees(&self, question: &str) -> Result<bool, Failure> {
        let answer = self.ask(&format!("{} [y/N] ", clean(question))).await?;
        Ok(answer.is_some_and(|answer| matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")))
    }

    /// A line from the person at the terminal; `None` where nobody sits there.
    async fn ask(&self, question: &str) -> Result<Option<String>, Failure> {
        if !self.out.can_ask() {
            return Ok(None);
        }
        self.out.prompt(question);
        let read = || {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map(|_| line)
        };
        let asked = async {
            match tokio::task::spawn_blocking(read).await {
                Ok(Ok(line)) => Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned())),
                _ => Ok(None),
            }
        };
        self.unless_stopped(asked).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_name_accepts_a_cost() {
        let consent = |named: Option<&str>| CostConsent { accept_cost: named.map(str::to_owned) };
        assert!(!consent(None).covers("orders.dead").expect("nothing was said"));
        assert!(consent(Some("orders.dead")).covers("orders.dead").expect("it was said"));
        let other = consent(Some("orders")).covers("orders.dead").expect_err("another queue");
        assert_eq!(other.exit, crate::failure::Exit::Refused);
    }
}
