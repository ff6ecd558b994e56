//! Counting messages into groups as they are read.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Failure, QueueName, Rules};
use jiff::{SignedDuration, Timestamp};

use super::cause::{Cause, Question, source};
use super::{FailureGroup, Read, Sample, TOLD_EVERY, micros};
use crate::captures::Scanned;

/// Groups that are listed one by one. The smallest ones share the last.
const GROUPS_MAX: usize = 1_000;
/// Hours of a trend.
const HOURS: usize = 24;
/// Queues and reasons named of one group.
const NAMES_MAX: usize = 100;

/// One message of a group, and what it may be sorted by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Which of the captures that were read.
    pub(super) capture: u32,
    pub(super) n: u32,
    pub(super) deaths: u32,
    pub(super) size: u32,
    pub(super) died_at: Option<Timestamp>,
}

/// Groups as far as they were counted.
#[derive(Debug, Default)]
pub(super) struct Gathered(HashMap<String, Group>);

#[derive(Debug)]
struct Group {
    cause: Cause,
    exception: Option<String>,
    by: Option<&'static str>,
    note: Option<&'static str>,
    sources: HashMap<QueueName, u64>,
    reasons: HashMap<String, u64>,
    members: Vec<Member>,
}

impl Gathered {
    pub(super) fn add(
        &mut self,
        question: &Question,
        rules: Option<&dyn Rules>,
        capture: u32,
        since: Option<Timestamp>,
        scanned: Scanned,
    ) {
        let failure = Failure::of(&scanned.message);
        let died_at = scanned.died_at.or_else(|| failure.as_ref().and_then(|failure| failure.at));
        if died_at.zip(since).is_some_and(|(died, since)| died < since) {
            return;
        }
        let source = source(rules, &scanned.message, failure.as_ref());
        let cause = question.cause(&scanned, failure.as_ref(), source.as_ref());
        let deaths = scanned.message.deaths.iter().fold(0u64, |all, death| all.saturating_add(death.count));
        let group = match self.0.get_mut(&cause.key) {
            Some(group) => {
                group.cause.detail.join(&cause.detail);
                group
            }
            None => self.0.entry(cause.key.clone()).or_insert(Group {
                cause,
                exception: failure.as_ref().and_then(|failure| failure.exception.clone()),
                by: failure.as_ref().map(|failure| failure.by),
                note: failure.as_ref().and_then(|failure| failure.note),
                sources: HashMap::new(),
                reasons: HashMap::new(),
                members: Vec::new(),
            }),
        };
        if let Some(source) = source {
            *group.sources.entry(source).or_default() += 1;
        }
        if let Some(reason) = scanned.reason {
            *group.reasons.entry(reason).or_default() += 1;
        }
        group.members.push(Member {
            capture,
            n: scanned.n,
            deaths: u32::try_from(deaths).unwrap_or(u32::MAX),
            size: u32::try_from(scanned.size).unwrap_or(u32::MAX),
            died_at,
        });
    }

    pub(super) fn absorb(&mut self, other: Self) {
        for (key, group) in other.0 {
            match self.0.get_mut(&key) {
                Some(known) => known.absorb(group),
                None => drop(self.0.insert(key, group)),
            }
        }
    }

    /// The groups, largest first, and their members in the order in which they died.
    pub(super) fn into_groups(self, captures: &[Read], now: Timestamp) -> (Vec<FailureGroup>, Vec<Vec<Member>>) {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        for group in &mut groups {
            group.members.sort_by_key(|member| (micros(member.died_at), member.capture, member.n));
        }
        groups.sort_by(|a, b| {
            let size = |group: &Group| (Reverse(group.members.len()), Reverse(group.last_seen()));
            size(a).cmp(&size(b)).then_with(|| a.cause.key.cmp(&b.cause.key))
        });
        if groups.len() > GROUPS_MAX {
            let rest = groups.split_off(GROUPS_MAX - 1);
            groups.push(together(rest));
        }
        let (mut views, mut members) = (Vec::new(), Vec::new());
        for (mut group, at) in groups.into_iter().zip(0u32..) {
            let own = std::mem::take(&mut group.members);
            views.push(group.view(at, &own, captures, now));
            members.push(own);
        }
        (views, members)
    }
}

/// Groups too many to be listed, as one.
fn together(groups: Vec<Group>) -> Group {
    let title = format!("{} smaller groups", groups.len());
    let mut all = Group {
        cause: Cause { key: String::new(), title, detail: broker::Pattern::default() },
        exception: None,
        by: None,
        note: None,
        sources: HashMap::new(),
        reasons: HashMap::new(),
        members: Vec::new(),
    };
    groups.into_iter().for_each(|group| all.absorb(group));
    all.members.sort_by_key(|member| (micros(member.died_at), member.capture, member.n));
    all
}

impl Group {
    fn absorb(&mut self, other: Self) {
        self.cause.detail.join(&other.cause.detail);
        for (source, n) in other.sources {
            *self.sources.entry(source).or_default() += n;
        }
        for (reason, n) in other.reasons {
            *self.reasons.entry(reason).or_default() += n;
        }
        self.members.extend(other.members);
    }

    fn last_seen(&self) -> Option<Timestamp> {
        self.members.iter().filter_map(|member| member.died_at).max()
    }

    fn view(self, at: u32, members: &[Member], captures: &[Read], now: Timestamp) -> FailureGroup {
        let first = &members[0];
        FailureGroup {
            group: at,
            title: self.cause.title,
            exception: self.exception,
            by: self.by.map(str::to_owned),
            detail: self.cause.detail.parts,
            sources: most_first(self.sources),
            reasons: most_first(self.reasons),
            count: members.len() as u64,
            first_seen: members.iter().filter_map(|member| member.died_at).min(),
            last_seen: members.iter().filter_map(|member| member.died_at).max(),
            trend: trend(members, now),
            note: self.note.map(str::to_owned),
            sample: Sample { capture: captures[first.capture as usize].id, n: first.n },
        }
    }
}

fn most_first<T: Ord>(counted: HashMap<T, u64>) -> Vec<T> {
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted.into_iter().take(NAMES_MAX).map(|(name, _)| name).collect()
}

/// By the hours before now. A clock that is ahead of ours counts as now.
fn trend(members: &[Member], now: Timestamp) -> Vec<u32> {
    let mut trend = vec![0u32; HOURS];
    for died_at in members.iter().filter_map(|member| member.died_at) {
        let ago = now.duration_since(died_at).max(SignedDuration::ZERO).as_hours();
        if let Some(hour) = usize::try_from(ago).ok().and_then(|ago| HOURS.checked_sub(ago + 1)) {
            trend[hour] += 1;
        }
    }
    trend
}

/// How far a grouping has come.
#[derive(Clone)]
pub(super) struct Progress {
    read: Arc<AtomicU64>,
    of: u64,
    tell: Arc<dyn Fn(u64, u64) + Send + Sync>,
}

impl Progress {
    pub(super) fn new(of: u64, tell: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        Self { read: Arc::default(), of, tell: Arc::new(tell) }
    }

    pub(super) fn one(&self) {
        let read = self.read.fetch_add(1, Ordering::Relaxed) + 1;
        if read.is_multiple_of(TOLD_EVERY) {
            (self.tell)(read, self.of.max(read));
        }
    }
}
