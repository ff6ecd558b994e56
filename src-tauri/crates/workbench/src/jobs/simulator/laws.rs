//! What must hold, whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use broker::MessageKey;

use super::scenario::Scenario;
use super::world::{Letter, Return, World};
use crate::jobs::row::{Errand, Row};
use crate::jobs::{JobCounts, MessageState};

/// Whether the journal may say `to` after `from`.
pub(super) fn may_follow(from: &Row, to: &Row) -> bool {
    use MessageState as S;
    if from.state == to.state {
        return true;
    }
    match from.state {
        S::Planned => to.state != S::Published,
        S::Copied => !matches!(to.state, S::Planned | S::Published),
        S::Publishing => !matches!(to.state, S::Planned | S::Removing),
        S::Published => matches!(
            to.state,
            S::Done | S::LeftBehind | S::Gone | S::Unroutable | S::Refused | S::Skipped | S::NotStarted | S::InDoubt
        ),
        S::Removing => matches!(to.state, S::Done | S::LeftBehind | S::Gone | S::NotStarted | S::InDoubt),
        // The job is gone on with.
        S::NotStarted => to.state != S::Published,
        // By an answer, or by a look.
        S::InDoubt | S::LeftBehind | S::OnlyOurCopy => !matches!(to.state, S::Planned | S::Published),
        _ => false,
    }
}

/// Of equal messages that bind the job each has a number of its own: the store takes no others.
pub(super) fn check_twins(world: &World) {
    let mut seen = BTreeSet::new();
    let is_outstanding = |row: &&Row| {
        let unanswered = matches!(row.state, MessageState::LeftBehind | MessageState::InDoubt);
        row.binds() && !row.closed && (row.state.is_under_way() || unanswered)
    };
    for row in world.journal.values().filter(is_outstanding) {
        assert!(seen.insert((row.key.to_string(), row.twin)), "two of {} have number {}", row.key, row.twin);
    }
}

/// Before anything is published: its copy and its intention are written down.
pub(super) fn check_before_publish(world: &World, n: u64, stored: Option<u64>, unwritten: bool) {
    let row = world.journal.get(&n);
    let rescue = row.is_some_and(|row| matches!(row.errand, Errand::PutBack(_)));
    if stored.is_none() && (unwritten || rescue) {
        return;
    }
    let stored = stored.unwrap_or_else(|| panic!("message {n} is published without a copy"));
    assert!(stored <= world.capture.len() as u64, "message {n} is published before its copy is committed");
    let state = row.map(|row| row.state);
    assert_eq!(state, Some(MessageState::Publishing), "message {n} is published before the journal says so");
}

/// Before anything is removed: what was sent is written down as sent, what was taken is copied.
pub(super) fn check_before_remove(world: &World, letter: &Letter, unwritten: bool) {
    let row = world
        .journal
        .values()
        .find(|row| row.key == letter.key && matches!(row.state, MessageState::Published | MessageState::Removing));
    let Some(row) = row else {
        assert!(unwritten, "message {} is removed before the journal says that it may be", letter.id);
        return;
    };
    let right = match row.errand {
        Errand::Send | Errand::PutBack(_) => row.state == MessageState::Published,
        _ => row.state == MessageState::Removing,
    };
    assert!(right, "message {} is removed in state {:?}", letter.id, row.state);
    if matches!(row.errand, Errand::Take | Errand::Discard) {
        assert!(row.stored.is_some_and(|n| n <= world.capture.len() as u64), "it is taken without a copy");
    }
}

/// At the end, after every recommended answer was carried out.
pub(super) fn check_end(world: &World, scenario: &Scenario) {
    let rows: Vec<_> = world.journal.values().cloned().collect();
    let counts = JobCounts::of(rows.iter());
    assert_eq!(counts.planned, counts.sum(), "planned is the sum of its parts");
    assert_eq!(counts.under_way, 0, "nothing is under way at the end: {rows:#?}");
    check_nothing_lost(world, scenario);
    check_nothing_doubled(world, scenario);
    check_only_our_copy_is_named(world, scenario);
    check_gone_is_gone(world, scenario);
}

/// How many of each kind of message there are. Equal ones may stand for each other, so they are counted together.
#[derive(Debug, Default)]
struct Count {
    were: usize,
    /// In the source, at the target, or with another consumer.
    there: usize,
    copied: usize,
    destroyed: usize,
}

fn counts(world: &World, scenario: &Scenario) -> BTreeMap<MessageKey, Count> {
    let kind: BTreeMap<_, _> = scenario.letters.iter().map(|letter| (letter.id, letter.key.clone())).collect();
    let mut counts: BTreeMap<MessageKey, Count> = BTreeMap::new();
    let mut each = |letters: &mut dyn Iterator<Item = &Letter>, part: fn(&mut Count) -> &mut usize| {
        for letter in letters {
            *part(counts.entry(kind[&letter.id].clone()).or_default()) += 1;
        }
    };
    each(&mut scenario.letters.iter(), |count| &mut count.were);
    each(&mut world.source.iter().chain(&world.target).chain(&world.consumed), |count| &mut count.there);
    each(&mut world.capture.iter(), |count| &mut count.copied);
    each(&mut world.destroyed.iter(), |count| &mut count.destroyed);
    counts
}

fn check_nothing_lost(world: &World, scenario: &Scenario) {
    let bound = match scenario.returns {
        Return::Free => 0,
        _ => scenario.limits.batch_messages_max * world.dangers,
    };
    let mut lost = 0;
    for (key, count) in counts(world, scenario) {
        let missing = count.were.saturating_sub(count.there + count.copied);
        assert!(missing <= count.destroyed, "{missing} of {key} are lost without the broker's help: {count:?}");
        lost += missing;
    }
    assert!(lost <= bound, "{lost} are lost for good");
}

fn check_nothing_doubled(world: &World, scenario: &Scenario) {
    for (key, count) in counts(world, scenario) {
        let extra = count.there.saturating_sub(count.were);
        let named = world.named.iter().filter(|n| world.journal[n].key == key).count();
        // A second one of each is what a copy is.
        let done = |row: &&Row| row.chosen && row.key == key && row.state == MessageState::Done;
        let copied = if scenario.copies() { world.journal.values().filter(done).count() } else { 0 };
        assert!(extra <= named + copied, "{extra} of {key} too many, {named} named in doubt: {:#?}", world.journal);
    }
}

/// What is said to be gone, and was never read, is not in its queue. Where giving back destroys an equal one may be.
fn check_gone_is_gone(world: &World, scenario: &Scenario) {
    let nobody_takes = !scenario.consumers && scenario.returns == Return::Free;
    let gone = |row: &&Row| nobody_takes && row.state == MessageState::Gone && row.stored.is_none();
    for row in world.journal.values().filter(gone) {
        assert!(world.source.iter().all(|letter| letter.key != row.key), "{row:?} is there: {:#?}", world.source);
    }
}

/// What is nowhere but in our capture is said to be.
fn check_only_our_copy_is_named(world: &World, scenario: &Scenario) {
    for (key, count) in counts(world, scenario) {
        let missing = count.were.saturating_sub(count.there);
        let said = world.journal.values().filter(|row| row.key == key && says_missing(row)).count();
        let marked = (1u64..).zip(&world.capture).filter(|(n, copy)| copy.key == key && world.only_here.contains(n));
        let said = said.max(marked.count());
        let is_copied = |letter: &&Letter| !world.resumed && world.capture.iter().any(|copy| copy.id == letter.id);
        let uncopied = world.destroyed.iter().filter(|letter| letter.key == key && !is_copied(letter)).count();
        assert!(
            said + uncopied >= missing.min(count.copied),
            "{missing} of {key} are nowhere but here, {said} said so: {:#?}",
            world
        );
    }
}

fn says_missing(row: &Row) -> bool {
    let taken = matches!(row.errand, Errand::Take | Errand::Discard) && row.state == MessageState::Done;
    taken || row.errand == Errand::SendCopy || row.state.needs_answer() || row.state == MessageState::Gone
}
