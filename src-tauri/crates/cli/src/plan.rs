//! A plan as people and machines read it.

use broker::{Harm, Target};
use serde::Serialize;
use workbench::{PlanLine, PlanView};

use crate::failure::Failure;
use crate::out::{Out, clean};
use crate::summary::Summary;

/// Lines of a plan that people are shown; machines get all.
const LINES_MAX: usize = 20;

/// A plan that is not carried out: the summary that its job would have, and everything that is known.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    summary: Summary,
    plan: &'a PlanView,
    /// Under which it is kept.
    #[serde(rename = "planNumber")]
    number: u64,
}

/// The plan as the command's answer, for `--dry-run`, and how to carry it out later.
pub(crate) fn answer(out: &Out, plan: &PlanView, number: u64) -> Result<(), Failure> {
    if out.json {
        return out.object(&Shown { summary: Summary::of_plan(plan), plan, number });
    }
    lines(plan).iter().try_for_each(|line| out.line(line))?;
    out.line(&format!("kept as plan {number}: `qscope plans start {number}` carries it out"))
}

/// The plan before it is carried out.
pub(crate) fn say(out: &Out, plan: &PlanView) {
    lines(plan).iter().for_each(|line| out.note(line));
}

pub(crate) fn lines(plan: &PlanView) -> Vec<String> {
    let mut lines = vec![format!("{}, on `{}`", clean(&plan.title), clean(&plan.profile_name))];
    lines.extend(plan.lines.iter().take(LINES_MAX).map(way));
    if let Some(more) = plan.lines.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        lines.push(format!("  and {more} ways more; --dry-run --json shows all"));
    }
    if let Some(cost) = &plan.cost {
        lines.push(format!("  cost: {}", clean(&cost.words)));
    }
    let stripped = plan.stripped.iter();
    lines.extend(
        stripped.map(|line| format!("  not sent: {} ({}x), {}", clean(&line.name), line.messages, clean(&line.why))),
    );
    lines.extend(plan.hazards.iter().map(|hazard| {
        let word = if hazard.harm == Harm::Loses { "DANGER" } else { "note" };
        format!("  {word}: {}", clean(&hazard.words))
    }));
    lines.extend(plan.warnings.iter().map(|warning| format!("  warning: {}", clean(warning))));
    if let Some(why) = &plan.blocked {
        lines.push(format!("  cannot be done: {}", clean(why)));
    }
    lines
}

fn way(line: &PlanLine) -> String {
    let from = line.from.as_ref().map(|queue| format!(" of {queue}")).unwrap_or_default();
    let to = match (&line.target, line.stays) {
        (Some(target), false) => format!(" to {}", place(target, line)),
        (_, true) => " stay".to_owned(),
        (None, false) => String::new(),
    };
    let note = if line.note.is_empty() { String::new() } else { format!(": {}", line.note) };
    clean(&format!("  {}{from}{to}{note}", line.messages))
}

fn place(target: &Target, line: &PlanLine) -> String {
    match target {
        Target::Queue { queue } => queue.to_string(),
        Target::Exchange { exchange, key } => {
            let queues: Vec<_> = line.arrives_in.iter().map(ToString::to_string).collect();
            format!("exchange {exchange} by key {key}, arriving in {}", queues.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_says_how_many_go_where_and_who_waits_there() {
        let line = PlanLine {
            from: Some("orders.dead".into()),
            key: "payment".into(),
            target: Some(Target::Queue { queue: "orders.payment".into() }),
            arrives_in: vec!["orders.payment".into()],
            messages: 12,
            note: "2 consumers".into(),
            stays: false,
        };
        assert_eq!(way(&line), "  12 of orders.dead to orders.payment: 2 consumers");
        let exchange = Target::Exchange { exchange: "orders".into(), key: "a.b".into() };
        let fanned = PlanLine {
            target: Some(exchange),
            arrives_in: vec!["x".into(), "y".into()],
            note: String::new(),
            ..line.clone()
        };
        assert_eq!(way(&fanned), "  12 of orders.dead to exchange orders by key a.b, arriving in x, y");
        let stays = PlanLine { target: None, note: "it only ever expired".into(), stays: true, ..line };
        assert_eq!(way(&stays), "  12 of orders.dead stay: it only ever expired");
    }
}
