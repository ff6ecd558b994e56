//! How long copies are kept that nobody named.

use clap::Args;
use serde::Serialize;
use workbench::{Dropped, FaultCode, KeepLimits, Room};

use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Units of room, in the order in which they are tried.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Say, or set, how long copies are kept that nobody named
///
/// Copies of jobs, from which they can be undone, are kept for so many days after the job ended. All copies without a
/// name together take at most so many bytes; over it the oldest are dropped first. Snapshots, copies that a job needs, and
/// copies of messages that exist nowhere else are never dropped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope snapshots limits
  qscope snapshots limits --days 14 --bytes 500MB")]
pub(crate) struct Limits {
    /// Keep the copies of jobs for so many days
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Keep at most so many bytes, like 500MB or 2GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    bytes: Option<u64>,
    /// Set them although copies are dropped by it at once
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    limits: KeepLimits,
    #[serde(rename = "bytesUsed")]
    bytes_used: u64,
    dropped: Dropped,
}

impl Limits {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let Room { limits: before, .. } = session.workbench.keep_limits().await?;
        let limits = KeepLimits { days: self.days.unwrap_or(before.days), bytes: self.bytes.unwrap_or(before.bytes) };
        let mut dropped = Dropped::default();
        if limits != before {
            self.confirm(session, session.workbench.would_drop(limits).await?).await?;
            dropped = session.workbench.set_keep_limits(limits).await?;
        }
        let Room { limits, bytes_used } = session.workbench.keep_limits().await?;
        if session.out.json {
            session.out.object(&Shown { limits, bytes_used, dropped })?;
            return Ok(Exit::Done);
        }
        let days = if limits.days == 1 { "1 day".to_owned() } else { format!("{} days", limits.days) };
        let (used, of) = (shown(bytes_used), shown(limits.bytes));
        session.out.line(&format!("copies of jobs are kept for {days}; without a name {used} of {of} are used"))?;
        if dropped.captures > 0 {
            session.out.note(&format!("dropped {}", words(&dropped)));
        }
        Ok(Exit::Done)
    }

    /// What is dropped cannot be had again.
    async fn confirm(&self, session: &Session, would: Dropped) -> Result<(), Failure> {
        if would.captures == 0 || self.yes {
            return Ok(());
        }
        let question = format!("This drops {} at once, for good. Go on?", words(&would));
        if session.agrees(&question).await? {
            return Ok(());
        }
        let error = format!("these limits would drop {} at once", words(&would));
        Err(Failure::refused(FaultCode::ConfirmationMissing, error).remedy("add --yes to set them all the same"))
    }
}

fn words(dropped: &Dropped) -> String {
    let copies = if dropped.captures == 1 { "1 capture" } else { &format!("{} captures", dropped.captures) };
    let messages = if dropped.messages == 1 { "1 message" } else { &format!("{} messages", dropped.messages) };
    format!("{copies} with {messages}, {}", shown(dropped.bytes))
}

/// `500MB`, `2GiB`, `1.5 GB`, or a number of bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB");
    let text = text.trim();
    let end = |unit: &str| text.len().checked_sub(unit.len()).filter(|at| text.is_char_boundary(*at));
    let unit = UNITS.iter().find(|(unit, _)| end(unit).is_some_and(|at| text[at..].eq_ignore_ascii_case(unit)));
    let (number, unit) = unit.map_or((text, 1), |(unit, each)| (&text[..text.len() - unit.len()], *each));
    let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), "0"));
    let (whole, digits): (u64, u64) = (whole.parse().map_err(|_| wrong())?, part.parse().map_err(|_| wrong())?);
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).unwrap_or(u32::MAX)).ok_or_else(wrong)?;
    let of_part = digits.checked_mul(unit).ok_or_else(wrong)? / scale;
    whole.checked_mul(unit).and_then(|bytes| bytes.checked_add(of_part)).ok_or_else(wrong)
}

/// To one place after the point.
fn shown(bytes: u64) -> String {
    let (unit, each) = UNITS[..4].iter().rev().find(|(_, each)| bytes >= *each).copied().unwrap_or(("B", 1));
    let (whole, tenths) = (bytes / each, bytes % each * 10 / each);
    if tenths == 0 { format!("{whole} {unit}") } else { format!("{whole}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_with_its_unit() {
        for (text, expected) in [
            ("2GiB", 2 << 30),
            ("2GB", 2_000_000_000),
            ("1.5 gb", 1_500_000_000),
            ("0.25MiB", 256 << 10),
            ("500kb", 500_000),
            ("17", 17),
            ("17B", 17),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GB", "-1GB", "1.GB", "2 sacks", "99999999999TB", "1.00000000000000000000000001GB", "☃B"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_is_said_with_its_unit() {
        for (bytes, expected) in [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (2 << 30, "2 GiB")] {
            assert_eq!(shown(bytes), expected);
        }
    }
}
