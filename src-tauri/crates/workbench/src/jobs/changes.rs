//! How a plan differs from the same plan made now, in sentences.

use std::collections::BTreeMap;

use broker::{Harm, Hazard, QueueName, Target};

use super::{PlanLine, PlanView, SavedPlan, words};

/// Sentences about one plan; more than these are counted.
const CHANGES_MAX: usize = 100;

/// Something that is no longer as it was planned.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct PlanChange {
    /// A sentence without a full stop.
    pub words: String,
    /// The plan cannot be started as it was made: what was confirmed is not what would happen.
    pub prevents: bool,
}

impl PlanChange {
    pub(super) fn prevents(words: impl Into<String>) -> Self {
        Self { words: words.into(), prevents: true }
    }

    pub(super) fn notes(words: impl Into<String>) -> Self {
        Self { words: words.into(), prevents: false }
    }
}

/// Everything that differs, what prevents a start first.
pub(super) fn differences(planned: &PlanView, now: &PlanView) -> Vec<PlanChange> {
    let mut changes = Vec::new();
    if let Some(why) = &now.blocked {
        let any_more = if planned.blocked.is_none() { " any more" } else { "" };
        changes.push(PlanChange::prevents(format!("it cannot be done{any_more}: {why}")));
    }
    if planned.deed != now.deed {
        changes.push(PlanChange::prevents(format!("it would now be another deed: {}", now.title)));
    }
    changes.extend(of_ways(planned, now));
    changes.extend(of_cost(planned, now));
    changes.extend(of_hazards(planned, now));
    changes.extend(of_confirmation(planned, now));
    changes.extend(of_stripped(planned, now));
    changes.sort_by_key(|change| !change.prevents);
    if let Some(more) = changes.len().checked_sub(CHANGES_MAX).filter(|more| *more > 0) {
        let prevents = changes[CHANGES_MAX..].iter().any(|change| change.prevents);
        changes.truncate(CHANGES_MAX);
        changes.push(PlanChange { words: format!("and {more} differences more"), prevents });
    }
    changes
}

/// A way that messages go, as it is compared: key, target, arrivals, and whether they stay.
type Way<'a> = (&'a str, String, &'a [QueueName], bool);

/// How many go that way, and one line that says how.
fn ways(view: &PlanView) -> BTreeMap<Way<'_>, (u64, &PlanLine)> {
    let mut ways: BTreeMap<Way<'_>, (u64, &PlanLine)> = BTreeMap::new();
    for line in &view.lines {
        let way = (line.key.as_str(), format!("{:?}", line.target), line.arrives_in.as_slice(), line.stays);
        ways.entry(way).or_insert((0, line)).0 += line.messages;
    }
    ways
}

fn of_ways(planned: &PlanView, now: &PlanView) -> Vec<PlanChange> {
    let (then, now) = (ways(planned), ways(now));
    let mut changes = Vec::new();
    for (way, (n, line)) in &now {
        let what = some(*n, line);
        match then.get(way) {
            None => changes.push(PlanChange::prevents(format!("{what} would now {}", way_words(line)))),
            Some((before, _)) if before != n => {
                let words = format!("{what} would {}, {before} when it was planned", way_words(line));
                changes.push(PlanChange::prevents(words));
            }
            Some((_, before)) => changes.extend(of_note(before, line)),
        }
    }
    for (_, (n, line)) in then.iter().filter(|(way, _)| !now.contains_key(*way)) {
        let words = format!("{} would not {} any more", some(*n, line), way_without_why(line));
        changes.push(PlanChange::prevents(words));
    }
    changes
}

/// Who waits where they arrive: "2 consumers".
fn of_note(before: &PlanLine, now: &PlanLine) -> Option<PlanChange> {
    let told = !before.note.is_empty() && !now.note.is_empty() && !now.stays;
    let queue = now.arrives_in.first().filter(|_| told && before.note != now.note)?;
    Some(PlanChange::notes(format!("`{queue}` has {} now, {} when it was planned", now.note, before.note)))
}

/// "3 messages of key `payment`".
fn some(n: u64, line: &PlanLine) -> String {
    let key = if line.key.is_empty() { String::new() } else { format!(" of key `{}`", line.key) };
    format!("{}{key}", words::messages(n))
}

fn way_words(line: &PlanLine) -> String {
    match line.stays {
        true => format!("stay: {}", line.note),
        false => way_without_why(line),
    }
}

fn way_without_why(line: &PlanLine) -> String {
    if line.stays {
        return "stay".to_owned();
    }
    let arrivals: Vec<_> = line.arrives_in.iter().map(|queue| format!("`{queue}`")).collect();
    let arrivals = if arrivals.is_empty() { "nowhere known".to_owned() } else { arrivals.join(", ") };
    match &line.target {
        Some(Target::Queue { queue }) if line.arrives_in == [queue.clone()] => format!("arrive in {arrivals}"),
        Some(target) => format!("go to {} and arrive in {arrivals}", words::target(target)),
        None if line.arrives_in.is_empty() => format!("be {}", line.note),
        None => format!("go each where it failed, out of {arrivals}"),
    }
}

fn of_cost(planned: &PlanView, now: &PlanView) -> Option<PlanChange> {
    let cost = now.cost.as_ref()?;
    if cost.is_worse_than(planned.cost.as_ref()) {
        return Some(PlanChange::prevents(format!("holding messages costs more now: {}", cost.words)));
    }
    let then = planned.cost.as_ref()?;
    if then.is_worse_than(Some(cost)) {
        return Some(PlanChange::notes(format!("holding messages costs less now: {}", cost.words)));
    }
    (then.returning != cost.returning || then.consumers != cost.consumers).then(|| {
        PlanChange::notes(format!("what holding messages does has changed: {}; planned: {}", cost.words, then.words))
    })
}

/// The sentences name numbers, which change.
fn without_numbers(hazard: &Hazard) -> (Option<&QueueName>, Harm, String) {
    let words = hazard.words.replace(|sign: char| sign.is_ascii_digit(), "");
    (hazard.queue.as_ref(), hazard.harm, words)
}

fn of_hazards(planned: &PlanView, now: &PlanView) -> Vec<PlanChange> {
    let of = |view: &PlanView, other: &PlanView| -> Vec<Hazard> {
        let known: Vec<_> = other.hazards.iter().map(without_numbers).collect();
        view.hazards.iter().filter(|hazard| !known.contains(&without_numbers(hazard))).cloned().collect()
    };
    let came = of(now, planned).into_iter().map(|hazard| match hazard.harm {
        Harm::Loses => PlanChange::prevents(format!("a danger that the plan did not name: {}", hazard.words)),
        _ => PlanChange::notes(format!("the plan did not name: {}", hazard.words)),
    });
    let went = of(planned, now).into_iter().map(|hazard| PlanChange::notes(format!("no longer so: {}", hazard.words)));
    came.chain(went).collect()
}

fn of_confirmation(planned: &PlanView, now: &PlanView) -> Option<PlanChange> {
    match (&planned.typed, &now.typed) {
        (None, Some(name)) => Some(PlanChange::notes(format!("to start it `{name}` has to be typed now"))),
        _ => None,
    }
}

fn of_stripped(planned: &PlanView, now: &PlanView) -> Vec<PlanChange> {
    let is_new = |name: &str| planned.stripped.iter().all(|line| line.name != name);
    let new = now.stripped.iter().filter(|line| is_new(&line.name));
    new.map(|line| PlanChange::notes(format!("`{}` would not be sent along: {}", line.name, line.why))).collect()
}

/// How many are ready now, where the plan knows how many were.
pub(super) fn of_depth(saved: &SavedPlan, now: Option<u64>) -> Option<PlanChange> {
    let (then, now) = (saved.ready?, now?);
    let (view, queue) = (&saved.view, saved.view.queue.as_ref()?);
    if then == now {
        return None;
    }
    let ready = if now == 1 { "1 message is".to_owned() } else { format!("{now} messages are") };
    let mut words = format!("{ready} ready in `{queue}`, {then} when it was planned");
    if now < view.will_act {
        words.push_str(&format!(": at least {} of the {} are not there any more", view.will_act - now, view.will_act));
    } else if now > then {
        words.push_str(": what came since is no part of the plan");
    }
    Some(PlanChange::notes(words))
}

#[cfg(test)]
mod tests;
