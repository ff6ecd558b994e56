//! Messages of jobs that were found again after they were sent.

use rusqlite::params;

use super::Store;
use super::rows::number_of;
use crate::store::worded;
use crate::{JobId, JobState, Result};

impl Store {
    /// Notes that these were found again; how many of them are messages that the job was about and had done with. What it
    /// put back itself is none of them.
    pub(crate) async fn note_bounced(&self, job: JobId, numbers: Vec<u64>) -> Result<u64> {
        self.write(move |transaction| {
            let job = number_of(transaction, job)?.job;
            let sql = "UPDATE job_row SET bounced = 1 WHERE job = ?1 AND n = ?2 AND state = 'done' AND chosen = 1";
            let mut statement = transaction.prepare_cached(sql)?;
            let mut found = 0;
            for n in numbers {
                found += statement.execute(params![job, n])? as u64;
            }
            Ok(found)
        })
        .await
    }

    /// Says anew what a finished job came to. One that is not finished any more is left as it is.
    pub(crate) async fn reword_finished_job(&self, id: JobId, outcome: String) -> Result<()> {
        self.write(move |transaction| {
            let sql = "UPDATE job SET outcome = ?2 WHERE id = ?1 AND state = ?3";
            transaction.execute(sql, [id.to_string(), outcome, worded(&JobState::Finished)])?;
            Ok(())
        })
        .await
    }
}
