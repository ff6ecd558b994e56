use clap::Args;
use jiff::{Timestamp, Zoned};
use workbench::{ActivityAsk, ActivityRow};

use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Side, Table};
use crate::times;

/// Lines that are asked for at once.
const PAGE: u32 = 500;

/// List what was done from this computer, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope activity --since 1d
  qscope --json activity --since 2026-11-20 | jq 'select(.act == \"redrive\")'")]
pub(crate) struct Activity {
    /// Only since then: an age (`1d`, `2h 30m`) or a time (`2026-11-20T08:00`)
    #[arg(long, value_name = "AGE|TIME")]
    since: Option<String>,
    /// Only lines that hold this text
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
}

impl Activity {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let since = match &self.since {
            Some(text) => times::since(text, &Zoned::now())?,
            None => Timestamp::MIN,
        };
        let mut table = Table::new(&[
            ("when", Side::Left),
            ("act", Side::Left),
            ("profile", Side::Left),
            ("place", Side::Left),
            ("outcome", Side::Left),
            ("by", Side::Left),
            ("what", Side::Whole),
        ]);
        let mut from = 0;
        loop {
            let ask = ActivityAsk { filter: self.filter.clone(), profile: None, only_open: false, from, n: PAGE };
            let rows = session.workbench.list_activity(ask).await?.rows;
            let count = rows.len();
            let mut reached = count < PAGE as usize;
            for row in rows {
                if row.at < since {
                    reached = true;
                    break;
                }
                if session.out.json { session.out.object(&row)? } else { table.row(cells(&row)) }
            }
            if reached {
                break;
            }
            from += PAGE;
        }
        if !session.out.json {
            table.print(&session.out)?;
        }
        Ok(Exit::Done)
    }
}

fn cells(row: &ActivityRow) -> [String; 7] {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    [
        times::shown(row.at),
        word(serde_json::to_value(row.act).unwrap_or_default()),
        row.profile_name.clone(),
        row.place.clone(),
        word(serde_json::to_value(row.outcome).unwrap_or_default()),
        row.by.clone(),
        row.words.clone(),
    ]
}
