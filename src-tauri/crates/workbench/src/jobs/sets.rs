//! Several plans as one: messages that lie in several queues, seen together, confirmed once, and started together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::plan::Plan;
use super::saved::confirm;
use super::{Deed, DeedAsk, PlanView, SavedPlan, StrippedLine, words};
use crate::{Environment, Error, JobId, PlanId, ProfileId, RefusedCode, Result, Workbench};

/// Queues that are acted on at once: each is a job of its own.
const PLANS_MAX: usize = 50;

/// Plans that are seen, confirmed and started together. Each works on a queue of its own and becomes a job of its own.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct PlanSet {
    /// All of them as one. Where there is one, that one.
    pub whole: PlanView,
    /// One for each queue. Those that are blocked are left out when the others are started.
    pub parts: Vec<PlanView>,
}

impl PlanSet {
    fn of(mut parts: Vec<PlanView>, is_production: bool) -> Result<Self> {
        let whole = match &mut parts[..] {
            [] => return Err(Error::Invalid { why: "no message is chosen".to_owned() }),
            [alone] => alone.clone(),
            several => {
                several.iter_mut().for_each(keep_alone);
                whole(several, is_production)
            }
        };
        Ok(Self { whole, parts })
    }
}

/// What has to be confirmed by its queue's name is no part of a set.
fn keep_alone(part: &mut PlanView) {
    let refused = part.cost.as_ref().and_then(|cost| cost.refusal.as_ref()).map(|refusal| refusal.why.as_str());
    let why = match part.deed {
        Deed::Purge | Deed::DiscardCopies => Some("nothing is kept of it"),
        _ => refused,
    };
    if let Some(why) = why {
        part.blocked.get_or_insert_with(|| format!("it needs a plan of its own: {why}"));
    }
}

fn whole(parts: &[PlanView], is_production: bool) -> PlanView {
    let starts: Vec<_> = parts.iter().filter(|part| part.blocked.is_none()).collect();
    let sum = |of: fn(&PlanView) -> u64| starts.iter().map(|part| of(part)).sum::<u64>();
    let will_act = sum(|part| part.will_act);
    let first = starts.first().copied().unwrap_or(&parts[0]);
    let left_out = parts.iter().filter_map(|part| Some((part, part.blocked.as_ref()?)));
    let why: Vec<_> = left_out.map(|(part, why)| format!("`{}`: {why}", place(part))).collect();
    PlanView {
        // It is no plan of its own.
        id: PlanId::new(),
        title: format!("{} from {} queues", words::title(first.deed, will_act), starts.len()),
        queue: None,
        made_at: parts.iter().map(|part| part.made_at).max().unwrap_or_else(Timestamp::now),
        took_ms: parts.iter().map(|part| part.took_ms).sum(),
        lines: starts.iter().flat_map(|part| part.lines.clone()).collect(),
        messages: sum(|part| part.messages),
        will_act,
        duplicates: sum(|part| part.duplicates),
        // They run side by side.
        takes_s: starts.iter().filter_map(|part| part.takes_s).max(),
        removes_original: starts.iter().any(|part| part.removes_original),
        hazards: distinct(starts.iter().flat_map(|part| part.hazards.clone())),
        stripped: stripped(&starts),
        cost: None,
        warnings: match starts.is_empty() {
            true => Vec::new(),
            false => why.iter().map(|why| format!("Left out, and not touched: {why}")).collect(),
        },
        typed: (is_production && will_act > 1).then(|| first.profile_name.clone()),
        writes_locked: starts.iter().any(|part| part.writes_locked),
        blocked: starts.is_empty().then(|| why.join("; ")),
        ..first.clone()
    }
}

fn place(part: &PlanView) -> &str {
    part.queue.as_ref().map_or("copies here", |queue| queue.as_str())
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

fn stripped(parts: &[&PlanView]) -> Vec<StrippedLine> {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for line in parts.iter().flat_map(|part| &part.stripped) {
        *sums.entry((&line.name, &line.why)).or_default() += line.messages;
    }
    let line = |((name, why), messages): ((&str, &str), u64)| StrippedLine {
        name: name.to_owned(),
        why: why.to_owned(),
        messages,
    };
    sums.into_iter().map(line).collect()
}

impl Workbench {
    /// Makes a plan for each ask, each about a queue of its own, and shows them as one: [`Workbench::make_plan`]. Where one
    /// cannot be made none is kept.
    pub async fn make_plans(&self, profile: ProfileId, asks: Vec<DeedAsk>) -> Result<PlanSet> {
        if asks.len() > PLANS_MAX {
            return Err(Error::Invalid { why: format!("at most {PLANS_MAX} queues can be planned at once") });
        }
        let to: Vec<_> = asks.iter().filter_map(|ask| ask.options().to_profile).collect();
        let mut parts = Vec::new();
        for ask in asks {
            match Box::pin(self.make_plan(profile, ask)).await {
                Ok(part) => parts.push(part),
                Err(error) => {
                    self.forget_plans(&parts).await;
                    return Err(error);
                }
            }
        }
        PlanSet::of(parts, self.is_production(std::iter::once(profile).chain(to)).await?)
    }

    /// Carries plans out together: all of them or none. `typed` is what the user typed: for one plan what it asks for, for
    /// several the profile's name where one of their brokers is in production and they are about more than one message.
    ///
    /// Refused as [`Workbench::start_plan`] is; the error says which of them does not fit any more.
    pub async fn start_plans(&self, plans: Vec<PlanId>, typed: Option<String>) -> Result<Vec<JobId>> {
        if let [plan] = plans[..] {
            return Ok(vec![self.start_plan(plan, typed).await?]);
        }
        let mut saved = Vec::new();
        for plan in plans {
            saved.push(self.saved_plan(plan).await?);
        }
        one_queue_each(&saved)?;
        let profiles = saved.iter().flat_map(|one| std::iter::once(one.view.profile).chain(one.to_profile()));
        let is_production = self.is_production(profiles).await?;
        let set = |views: Vec<PlanView>| PlanSet::of(views, is_production);
        confirm(&set(saved.iter().map(|one| one.view.clone()).collect())?.whole, typed.as_deref())?;
        let mut now: Vec<Plan> = Vec::new();
        for one in &saved {
            now.push(Box::pin(self.still_fits(one)).await.map_err(|error| of_part(error, &one.view))?);
        }
        let whole = set(now.iter().map(|plan| plan.view.clone()).collect())?;
        confirm(&whole.whole, typed.as_deref())?;
        if let Some((part, why)) = whole.parts.iter().find_map(|part| Some((part, part.blocked.as_ref()?))) {
            let why = format!("`{}`: {why}", place(part));
            return Err(Error::Refused { code: RefusedCode::PlanOutdated, why });
        }
        let confirmed = if typed.is_some() { "by typing the profile's name" } else { "by a click" };
        // A program that died a moment ago is not in the way.
        self.inner.jobs.settle().await?;
        let undertakings = self.write_down(&now, confirmed).await?;
        let jobs = undertakings.iter().map(|one| one.record.id).collect();
        undertakings.into_iter().for_each(|one| drop(self.undertake(one)));
        Ok(jobs)
    }

    async fn forget_plans(&self, plans: &[PlanView]) {
        for plan in plans {
            if let Err(error) = self.discard_plan(plan.id).await {
                tracing::debug!(%error, "a plan that nobody will start stays");
            }
        }
    }

    pub(super) async fn is_production(&self, profiles: impl Iterator<Item = ProfileId>) -> Result<bool> {
        for profile in profiles.collect::<BTreeSet<_>>() {
            if self.profile(profile).await?.environment == Environment::Production {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Two jobs at one queue would be in each other's way.
fn one_queue_each(saved: &[SavedPlan]) -> Result<()> {
    let mut queues = BTreeSet::new();
    let twice = saved.iter().filter_map(|one| one.view.queue.as_ref()).find(|queue| !queues.insert(*queue));
    match twice {
        Some(queue) => Err(Error::Invalid { why: format!("two of the plans are about queue `{queue}`") }),
        None => Ok(()),
    }
}

fn of_part(error: Error, part: &PlanView) -> Error {
    match error {
        Error::Refused { code, why } => Error::Refused { code, why: format!("`{}`: {why}", place(part)) },
        other => other,
    }
}
