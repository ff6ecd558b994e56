//! The messages of a job as a table shows them: one page, and how many there are.

use rusqlite::{Connection, params};

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

/// A message's id, its key, and why it ended so, where that text is in one of them.
const HOLDS_TEXT: &str =
    "(?2 = '' OR instr(lower(coalesce(message_id, '') || char(10) || key || char(10) || why), lower(?2)))";

impl Store {
    /// How many of a job's messages are such, and a page of them.
    pub(crate) async fn job_entries_shown(&self, job: JobId, ask: JobRowAsk) -> Result<(u32, Vec<Entry>)> {
        self.read(move |connection| {
            let number = number_of(connection, job)?.job;
            let (by, which) = ask.only.sql();
            let of = format!("FROM job_row {by} WHERE job = ?1 AND {which} AND {HOLDS_TEXT}");
            let count = format!("SELECT count(*) {of}");
            let total = connection.prepare_cached(&count)?.query_row(params![number, ask.text], |row| row.get(0))?;
            let order = if ask.newest_first { "DESC" } else { "ASC" };
            let page = format!("SELECT * {of} ORDER BY n {order} LIMIT ?3 OFFSET ?4");
            let mut statement = connection.prepare_cached(&page)?;
            let asked = params![number, ask.text, ask.n.min(PAGE_MAX), ask.from];
            let rows = statement.query_map(asked, Entry::from_row)?;
            Ok((total, rows.collect::<rusqlite::Result<_>>()?))
        })
        .await
    }

    /// Gives every one of a job's messages that is such to `each`, in order, as they are at one time; ends with its first
    /// error. `with` is given back.
    pub(crate) async fn each_job_entry<T: Send + 'static>(
        &self,
        job: JobId,
        only: RowFilter,
        text: String,
        mut with: T,
        each: fn(&mut T, Entry) -> Result<()>,
    ) -> Result<T> {
        // The inner result is the caller's, the outer one SQLite's.
        let read = move |connection: &Connection| {
            let number = number_of(connection, job)?.job;
            let (by, which) = only.sql();
            let sql = format!("SELECT * FROM job_row {by} WHERE job = ?1 AND {which} AND {HOLDS_TEXT} ORDER BY n");
            let mut statement = connection.prepare_cached(&sql)?;
            for entry in statement.query_map(params![number, text], Entry::from_row)? {
                if let Err(error) = each(&mut with, entry?) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(with))
        };
        self.read(read).await?
    }
}
