//! The messages of one group.

use std::collections::HashMap;

use broker::QueueName;

use super::gather::Member;
use super::{GroupColumn, GroupMembers, GroupPage, GroupPageAsk, GroupRow, Grouping, micros};
use crate::{Error, GroupingId, MessageRow, Result, Workbench};

/// Messages in one page.
const PAGE_MAX: usize = 500;

impl Workbench {
    /// Messages of a group, at most 500, from that place on. What is not known when it died comes last, either way.
    ///
    /// Fails with [`Error::NoSuch`] where the grouping was closed: for another, or because one of its captures was removed.
    pub async fn page_group(&self, ask: GroupPageAsk) -> Result<GroupPage> {
        let grouping = self.inner.captures.groupings().get(ask.grouping)?;
        let members = grouping.sorted(&ask)?;
        let from = (ask.from as usize).min(members.len());
        let shown: Vec<&Member> = members[from..].iter().take(PAGE_MAX.min(ask.n as usize)).collect();
        let mut rows = self.rows_of(&grouping, &shown).await?;
        let row = |member: &Member| {
            let read = &grouping.captures[member.capture as usize];
            Some(GroupRow {
                capture: read.id,
                queue: read.queue.clone(),
                deaths: member.deaths,
                died_at: member.died_at,
                row: rows.remove(&(member.capture, u64::from(member.n)))?,
            })
        };
        let rows = shown.into_iter().filter_map(row).collect();
        Ok(GroupPage { total: members.len() as u64, from: from as u64, rows })
    }

    /// By capture and number; each capture is opened once.
    async fn rows_of(&self, grouping: &Grouping, shown: &[&Member]) -> Result<HashMap<(u32, u64), MessageRow>> {
        let mut numbers: HashMap<u32, Vec<u32>> = HashMap::new();
        for member in shown {
            numbers.entry(member.capture).or_default().push(member.n);
        }
        let mut rows = HashMap::with_capacity(shown.len());
        for (capture, numbers) in numbers {
            let found = self.inner.captures.rows(grouping.captures[capture as usize].id, numbers).await?;
            rows.extend(found.into_iter().map(|row| ((capture, row.n), row)));
        }
        Ok(rows)
    }

    /// The messages of a group, by capture: for plans, which are about messages by their numbers.
    pub fn group_members(&self, grouping: GroupingId, group: u32) -> Result<Vec<GroupMembers>> {
        let grouping = self.inner.captures.groupings().get(grouping)?;
        let mut by_capture: Vec<GroupMembers> = grouping
            .captures
            .iter()
            .map(|read| GroupMembers {
                capture: read.id,
                profile: read.profile,
                queue: read.queue.clone(),
                messages: Vec::new(),
            })
            .collect();
        for member in grouping.members(group)? {
            by_capture[member.capture as usize].messages.push(member.n.into());
        }
        by_capture.retain(|members| !members.messages.is_empty());
        Ok(by_capture)
    }
}

impl Grouping {
    fn members(&self, group: u32) -> Result<&[Member]> {
        let found = self.groups.get(group as usize).map(Vec::as_slice);
        found.ok_or_else(|| Error::NoSuch { what: "group", name: group.to_string() })
    }

    fn sorted(&self, ask: &GroupPageAsk) -> Result<Vec<Member>> {
        let mut members = self.members(ask.group)?.to_vec();
        let queue = |member: &Member| -> &QueueName { &self.captures[member.capture as usize].queue };
        match ask.sort {
            GroupColumn::Died => {}
            GroupColumn::LiesIn => members.sort_by(|a, b| queue(a).cmp(queue(b))),
            GroupColumn::Deaths => members.sort_by_key(|member| member.deaths),
            GroupColumn::Size => members.sort_by_key(|member| member.size),
        }
        if ask.descending {
            members.reverse();
            if ask.sort == GroupColumn::Died {
                members.sort_by_key(|member| micros(member.died_at) == i64::MAX);
            }
        }
        Ok(members)
    }
}
