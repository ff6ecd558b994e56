//! By what a message of a job is recognised when it comes back: the header that marks it or, where that was left out, its
//! message id.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker::{Message, REDRIVE_HEADER, RedriveId};

use crate::store::JobRecord;
use crate::{CaptureId, Error, JobId, Result, Workbench};

/// How the messages of one job are recognised; by their marks alone where nothing else is known.
#[derive(Debug, Default)]
pub(super) struct Recognising {
    /// Numbers of unmarked messages, by ids that no other message had.
    by_id: HashMap<String, u64>,
    /// Unmarked messages without such an id.
    pub(super) nameless: u64,
}

impl Recognising {
    /// The number of that message in the job.
    pub(super) fn number(&self, job: JobId, message: &Message) -> Option<u64> {
        marked(job, message).or_else(|| self.by_id.get(message.message_id()?).copied())
    }
}

fn marked(job: JobId, message: &Message) -> Option<u64> {
    let id: RedriveId = message.headers.text(REDRIVE_HEADER)?.parse().ok()?;
    (id.job == job.uuid()).then_some(id.n)
}

impl Workbench {
    /// How the messages that a job has sent so far are recognised. [`Error::Invalid`] where none of them could be.
    pub(super) async fn recognising(&self, record: &JobRecord) -> Result<Recognising> {
        let unmarked = record.ask.as_ref().is_some_and(|ask| ask.options().unmarked);
        let (true, Some(copies)) = (unmarked, record.capture) else { return Ok(Recognising::default()) };
        let sent = self.inner.store.sent_and_stored(record.id).await?;
        let ids = self.inner.captures.message_ids(copies).await?;
        let read = match record.of {
            Some(of) => self.ids_of(of).await?,
            None => None,
        };
        let shared = shared(read.as_ref().unwrap_or(&ids));
        let mut found = Recognising::default();
        for (n, stored) in sent {
            match ids.get(&stored).filter(|id| !shared.contains(*id)) {
                Some(id) => drop(found.by_id.insert(id.clone(), n)),
                None => found.nameless += 1,
            }
        }
        if found.by_id.is_empty() && found.nameless > 0 {
            let why = "its messages carry no mark, and no message id of their own, by which they could be recognised";
            return Err(Error::Invalid { why: format!("job {}: {why}", record.number) });
        }
        Ok(found)
    }

    /// `None`: the capture was dropped since.
    async fn ids_of(&self, capture: CaptureId) -> Result<Option<BTreeMap<u64, String>>> {
        match self.inner.captures.message_ids(capture).await {
            Err(Error::NoSuch { .. }) => Ok(None),
            ids => ids.map(Some),
        }
    }
}

/// Ids that more than one message has.
fn shared(ids: &BTreeMap<u64, String>) -> BTreeSet<&String> {
    let mut seen = BTreeSet::new();
    ids.values().filter(|id| !seen.insert(*id)).collect()
}
