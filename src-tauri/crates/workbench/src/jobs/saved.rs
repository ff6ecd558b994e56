//! Plans that are kept: listed, reopened against the broker as it is now, forgotten.

use std::collections::{BTreeMap, BTreeSet};

use broker::ErrorKind;
use serde::Serialize;

use super::changes::{self, PlanChange};
use super::plan::{self, Plan};
use super::{Deed, DeedAsk, PlanView, words};
use crate::{Error, JobId, PlanId, ProfileId, RefusedCode, Result, Workbench};

/// A plan as it was made. The 200 newest are kept for 30 days.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// Counts up from 1 on this computer.
    #[specta(type = u32)]
    pub number: u64,
    pub view: PlanView,
    /// What it is about, frozen: message numbers of a capture, or so many as were ready.
    pub ask: DeedAsk,
    /// Ready in the queue when it was made, where a queue is read.
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    /// The job that it was started as. A plan is started once.
    pub started: Option<Started>,
}

/// The job that a plan became.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    pub job: JobId,
    #[specta(type = u32)]
    pub number: u64,
}

/// A saved plan beside what it would be today. What it is about stays as it was frozen.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ReopenedPlan {
    pub saved: SavedPlan,
    /// The same messages as they would go now, under the same id; `None`: it cannot be computed any more.
    pub now: Option<PlanView>,
    /// What is no longer as it was planned.
    pub changes: Vec<PlanChange>,
}

impl SavedPlan {
    /// The other connection that it sends to, where it does.
    pub fn to_profile(&self) -> Option<ProfileId> {
        self.ask.options().to_profile
    }

    /// Whether it may be started as far as this computer knows. [`RefusedCode::AlreadyOutstanding`] where it was already.
    pub fn check(&self) -> Result<()> {
        match self.started {
            Some(started) => Err(started_already(started.number)),
            None => Ok(()),
        }
    }
}

impl ReopenedPlan {
    /// Whether it can be started as it was planned. The error is the one that starting it would end with.
    pub fn check(&self) -> Result<()> {
        self.saved.check()?;
        refuse_outdated(&self.changes)
    }
}

pub(super) fn started_already(number: u64) -> Error {
    let why = format!("the plan was started as job {number}: make it again to do it once more");
    // Not outdated: whoever makes an outdated plan again would do this one twice.
    Error::Refused { code: RefusedCode::AlreadyOutstanding, why }
}

fn refuse_outdated(changes: &[PlanChange]) -> Result<()> {
    let why: Vec<_> = changes.iter().filter(|change| change.prevents).map(|change| change.words.as_str()).collect();
    if why.is_empty() {
        return Ok(());
    }
    let why = format!("the plan does not fit any more: {}; make it again", why.join("; "));
    Err(Error::Refused { code: RefusedCode::PlanOutdated, why })
}

impl Workbench {
    /// Plans that were made on one profile, or on all, newest first. Asks no broker.
    pub async fn list_plans(&self, profile: Option<ProfileId>) -> Result<Vec<SavedPlan>> {
        self.inner.store.plans(profile).await
    }

    /// A plan as it was made. Asks no broker.
    pub async fn saved_plan(&self, plan: PlanId) -> Result<SavedPlan> {
        let found = self.inner.store.find_plan(plan).await?;
        found.ok_or_else(|| forgotten(plan))
    }

    /// Computes a saved plan again for the messages that it was frozen with, and says what differs now. Reads the topology
    /// and the depths of queues; nothing is sent and no message is touched.
    pub async fn reopen_plan(&self, plan: PlanId) -> Result<ReopenedPlan> {
        let saved = self.saved_plan(plan).await?;
        let (now, changes) = self.compare(&saved).await?;
        Ok(ReopenedPlan { saved, now: now.map(|plan| plan.view), changes })
    }

    /// Forgets a plan. One that is not there is forgotten already; its job, if it has one, is not touched.
    pub async fn discard_plan(&self, plan: PlanId) -> Result<()> {
        self.inner.store.forget_plan(plan).await.map(drop)
    }

    /// What is to be done now to carry a saved plan out.
    ///
    /// [`RefusedCode::AlreadyOutstanding`] where it was started already, [`RefusedCode::PlanOutdated`] where it no longer
    /// fits, [`RefusedCode::ConfirmationMissing`] where `typed` is not what has to be typed, [`RefusedCode::ReadOnly`] where
    /// writes are locked.
    pub(super) async fn plan_to_start(&self, plan: PlanId, typed: Option<&str>) -> Result<Plan> {
        let saved = self.saved_plan(plan).await?;
        saved.check()?;
        confirm(&saved.view, typed)?;
        let now = self.still_fits(&saved).await?;
        confirm(&now.view, typed)?;
        Ok(now)
    }

    /// The plan as it is to be carried out now, confirmed or not.
    pub(super) async fn still_fits(&self, saved: &SavedPlan) -> Result<Plan> {
        saved.check()?;
        let profile = saved.view.profile;
        for changed in plan::changes(saved.view.deed, profile, saved.to_profile().unwrap_or(profile)) {
            self.may_write(changed)?;
        }
        let (now, changes) = self.compare(saved).await?;
        refuse_outdated(&changes)?;
        now.ok_or_else(|| forgotten(saved.view.id))
    }

    /// The plan as it would be now, and how that differs.
    async fn compare(&self, saved: &SavedPlan) -> Result<(Option<Plan>, Vec<PlanChange>)> {
        let mut now = match Box::pin(self.compute(saved.view.profile, saved.ask.clone())).await {
            Ok(now) => now,
            Err(error) => return Ok((None, vec![PlanChange::prevents(why_impossible(error)?)])),
        };
        now.view.id = saved.view.id;
        let mut changes = changes::differences(&saved.view, &now.view);
        changes.extend(changes::of_depth(saved, now.ready));
        changes.extend(self.done_since(saved, &now).await?);
        Ok((Some(now), changes))
    }

    /// What other jobs did with messages of the plan since it was made.
    async fn done_since(&self, saved: &SavedPlan, now: &Plan) -> Result<Vec<PlanChange>> {
        let Some(capture) = now.of else { return Ok(Vec::new()) };
        let planned: BTreeSet<_> = now.entries.iter().filter_map(|entry| entry.origin).collect();
        let mut by_job: BTreeMap<u64, (Deed, u64)> = BTreeMap::new();
        for done in self.inner.store.done_since(capture, saved.view.made_at).await? {
            if planned.contains(&done.origin) {
                by_job.entry(done.number).or_insert((done.deed, 0)).1 += 1;
            }
        }
        let words = |(number, (deed, n)): (u64, (Deed, u64))| {
            let were = if n == 1 { "was" } else { "were" };
            PlanChange::notes(format!("{n} of them {were} {} by job {number} since", words::done_to(deed)))
        };
        Ok(by_job.into_iter().map(words).collect())
    }
}

pub(super) fn forgotten(plan: PlanId) -> Error {
    Error::NoSuch { what: "plan", name: plan.to_string() }
}

pub(super) fn confirm(view: &PlanView, typed: Option<&str>) -> Result<()> {
    match &view.typed {
        Some(asked) if typed != Some(asked.as_str()) => {
            let why = format!("type `{asked}` to confirm");
            Err(Error::Refused { code: RefusedCode::ConfirmationMissing, why })
        }
        _ => Ok(()),
    }
}

/// Why a plan that could be made once cannot be computed any more. Other errors say nothing about the plan.
fn why_impossible(error: Error) -> Result<String> {
    match error {
        Error::NoSuch { what, .. } if what.contains("capture") => {
            Ok("the copies that it names are not kept any more".to_owned())
        }
        Error::Invalid { why } | Error::Refused { why, .. } => Ok(why),
        Error::Broker(error) if error.kind() == ErrorKind::NotFound => Ok(error.to_string()),
        Error::NoSuch { .. } => Ok(error.to_string()),
        error => Err(error),
    }
}
