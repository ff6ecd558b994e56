//! The messages of a job as a table shows them: one page, and how many there are.

use rusqlite::params;

use super::Store;
use super::rows::{Entry, number_of};
use crate::{JobId, JobRowAsk, Result, RowFilter};

/// Rows in one page.
const PAGE_MAX: u32 = 500;

impl RowFilter {
    /// The index holds what ended otherwise than done; left to itself SQLite reads all the others too.
    fn sql(self) -> (&'static str, String) {
        match self {
            Self::All => ("", "TRUE".to_owned()),
            Self::CameBack => ("", "chosen = 1 AND bounced = 1".to_owned()),
            Self::In { state } => {
                let astray = state != crate::MessageState::Done && !state.is_under_way();
                let (by, and) = if astray { ("INDEXED BY job_row_astray", "astray = 1 AND ") } else { ("", "") };
                (by, format!("{and}chosen = 1 AND state = '{}'", state.word()))
            }
        }
    }
}

impl Store {
    /// How many of a job's messages are such, and a page of them.
    pub(crate) async fn job_entries_shown(&self, job: JobId, ask: JobRowAsk) -> Result<(u32, Vec<Entry>)> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let (by, which) = ask.only.sql();
            let of = format!("FROM job_row {by} WHERE job = ?1 AND {which}");
            let count = format!("SELECT count(*) {of}");
            let total = connection.prepare_cached(&count)?.query_row([number], |row| row.get(0))?;
            let order = if ask.newest_first { "DESC" } else { "ASC" };
            let page = format!("SELECT * {of} ORDER BY n {order} LIMIT ?2 OFFSET ?3");
            let mut statement = connection.prepare_cached(&page)?;
            let rows = statement.query_map(params![number, ask.n.min(PAGE_MAX), ask.from], Entry::from_row)?;
            Ok((total, rows.collect::<rusqlite::Result<_>>()?))
        })
        .await
    }
}
