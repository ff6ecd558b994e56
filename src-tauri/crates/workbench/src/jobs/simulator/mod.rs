//! Runs the engine in a world that is broken on purpose: at every step and after every commit the program dies, and is
//! recovered from its journal alone. A failure prints the seed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod laws;
mod run;
mod scenario;
mod world;

use super::row::Errand;
use scenario::{Chance, Scenario};

/// Seeds of one test; more by `QUEUESCOPE_SEEDS`.
const SEEDS: u64 = 400;
/// Found something once, and are always played.
const FOUND: [u64; 7] = [434, 479, 520, 640, 689, 849, 987];

fn seeds() -> Vec<u64> {
    let count = std::env::var("QUEUESCOPE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    match std::env::var("QUEUESCOPE_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => vec![seed],
        None => FOUND.into_iter().chain(1..1 + count).collect(),
    }
}

/// Runs every seed without a crash, then with one at every step.
fn simulate(scenario: impl Fn(&mut Chance) -> Scenario) {
    for seed in seeds() {
        let scenario = scenario(&mut Chance::new(seed));
        let steps = run::run(seed, &scenario, None);
        for step in 0..steps {
            run::run(seed, &scenario, Some(step));
        }
    }
}

#[test]
fn a_redrive_loses_and_doubles_nothing_wherever_it_dies() {
    simulate(Scenario::redrive);
}

#[test]
fn a_redrive_loses_and_doubles_nothing_when_the_broker_misbehaves() {
    simulate(|chance| Scenario::redrive(chance).with_faults());
}

#[test]
fn a_redrive_out_of_a_queue_that_destroys_loses_at_most_what_was_not_yet_copied() {
    simulate(|chance| Scenario::redrive(chance).destroying(chance));
}

#[test]
fn a_redrive_out_of_a_queue_that_destroys_survives_a_broker_that_misbehaves() {
    simulate(|chance| Scenario::redrive(chance).destroying(chance).with_faults());
}

#[test]
fn a_redrive_beside_other_consumers_loses_and_doubles_nothing() {
    simulate(|chance| Scenario::redrive(chance).with_consumers());
}

#[test]
fn a_whole_queue_is_redriven_without_loss_wherever_it_dies_and_goes_on() {
    simulate(|chance| Scenario::each(chance, Errand::Send).with_faults());
}

#[test]
fn a_whole_queue_that_destroys_is_redriven_without_loss() {
    simulate(|chance| Scenario::each(chance, Errand::Send).destroying(chance).with_faults());
}

#[test]
fn a_whole_queue_is_redriven_beside_other_consumers() {
    simulate(|chance| Scenario::each(chance, Errand::Send).with_consumers());
}

#[test]
fn a_whole_queue_is_copied_and_nothing_leaves_it() {
    simulate(|chance| Scenario::each(chance, Errand::Copy).with_faults());
}

#[test]
fn a_whole_queue_that_destroys_is_copied_and_nothing_leaves_it() {
    simulate(|chance| Scenario::each(chance, Errand::Copy).destroying(chance).with_faults());
}

#[test]
fn a_discard_keeps_a_copy_of_everything() {
    simulate(|chance| Scenario::each(chance, Errand::Discard).with_faults());
}

#[test]
fn a_take_loses_nothing_wherever_it_dies() {
    simulate(|chance| Scenario::take(chance).with_faults());
}

#[test]
fn a_take_out_of_a_queue_that_destroys_loses_at_most_what_was_not_yet_copied() {
    simulate(|chance| Scenario::take(chance).destroying(chance).with_faults());
}

#[test]
fn a_careful_look_loses_nothing_of_what_it_copied() {
    simulate(|chance| Scenario::careful(chance).destroying(chance).with_faults());
}

#[test]
fn a_plain_look_loses_nothing_where_returning_counts() {
    simulate(|chance| Scenario::look(chance).counting(chance).with_faults());
}

#[test]
fn a_copy_that_is_sent_is_not_doubled() {
    simulate(|chance| Scenario::send_copy(chance).with_faults());
}
