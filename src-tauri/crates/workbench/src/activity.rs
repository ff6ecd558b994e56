//! The activity log: every act of this computer, append-only.

mod account;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::door::{BY_A_CLICK, Door};
use crate::store::{Transaction, now};
use crate::{ActivityId, AppEvent, CaptureId, Error, JobId, Profile, ProfileId, Result, Workbench};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    OpenConnection,
    TurnWritesOn,
    TurnWritesOff,
    Peek,
    LookRefused,
    CarefulLook,
    Take,
    Redrive,
    Move,
    Copy,
    Replay,
    Discard,
    Purge,
    Undo,
    SendCopy,
    DiscardCopies,
    KeepSnapshot,
    RemoveCapture,
    Export,
    /// A snapshot from a file.
    Import,
    Publish,
    MakeLookSafe,
    TakeBackLookSafe,
    Answer,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ActivityRow {
    pub id: ActivityId,
    #[specta(type = String)]
    pub at: Timestamp,
    pub act: Act,
    pub profile: Option<ProfileId>,
    pub profile_name: String,
    /// Queue, exchange, file.
    pub place: String,
    #[specta(type = Option<u32>)]
    pub messages: Option<u64>,
    pub outcome: Outcome,
    pub words: String,
    /// The account on this computer, and as whom it was logged in at the broker.
    pub by: String,
    pub broker_user: String,
    /// How it was confirmed: "by a click", "by typing the queue's name".
    pub confirmed: String,
    pub job: Option<JobId>,
    pub capture: Option<CaptureId>,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Running,
    Done,
    /// Partly, or with something to read.
    Partly,
    Refused,
    Failed,
    /// Somebody has to answer.
    InDoubt,
}

/// Which lines to show.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ActivityAsk {
    /// Part of the place, the words or the act.
    pub filter: String,
    pub profile: Option<ProfileId>,
    pub only_open: bool,
    pub from: u32,
    pub n: u32,
}

/// A part of the log, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ActivityPage {
    pub total: u32,
    pub from: u32,
    pub rows: Vec<ActivityRow>,
}

/// A line to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewActivity {
    pub(crate) act: Act,
    pub(crate) profile: Option<ProfileId>,
    pub(crate) profile_name: String,
    pub(crate) place: String,
    pub(crate) messages: Option<u64>,
    pub(crate) outcome: Outcome,
    pub(crate) words: String,
    pub(crate) broker_user: String,
    pub(crate) confirmed: String,
    pub(crate) job: Option<JobId>,
    pub(crate) capture: Option<CaptureId>,
}

impl NewActivity {
    /// An act on that profile's broker, done, by a click.
    pub(crate) fn new(act: Act, profile: &Profile, broker_user: &str) -> Self {
        Self { broker_user: broker_user.to_owned(), ..Self::local(act, profile.id, &profile.name) }
    }

    /// An act on this computer alone.
    pub(crate) fn local(act: Act, profile: ProfileId, profile_name: &str) -> Self {
        Self {
            act,
            profile: Some(profile),
            profile_name: profile_name.to_owned(),
            place: String::new(),
            messages: None,
            outcome: Outcome::Done,
            words: String::new(),
            broker_user: String::new(),
            confirmed: BY_A_CLICK.to_owned(),
            job: None,
            capture: None,
        }
    }

    /// Queue, exchange, file.
    #[must_use]
    pub(crate) fn place(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    #[must_use]
    pub(crate) fn messages(mut self, messages: u64) -> Self {
        self.messages = Some(messages);
        self
    }

    #[must_use]
    pub(crate) fn outcome(mut self, outcome: Outcome, words: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.words = words.into();
        self
    }

    #[must_use]
    pub(crate) fn confirmed(mut self, confirmed: impl Into<String>) -> Self {
        self.confirmed = confirmed.into();
        self
    }

    #[must_use]
    pub(crate) fn job(mut self, job: JobId) -> Self {
        self.job = Some(job);
        self
    }

    #[must_use]
    pub(crate) fn capture(mut self, capture: CaptureId) -> Self {
        self.capture = Some(capture);
        self
    }

    fn into_row(self, door: Door) -> ActivityRow {
        ActivityRow {
            id: ActivityId::new(),
            at: now(),
            act: self.act,
            profile: self.profile,
            profile_name: self.profile_name,
            place: self.place,
            messages: self.messages,
            outcome: self.outcome,
            words: self.words,
            by: format!("{}, {}", account::name(), door.place()),
            broker_user: self.broker_user,
            confirmed: door.confirmed(self.confirmed),
            job: self.job,
            capture: self.capture,
        }
    }
}

impl Workbench {
    /// A page of the log, newest first; at most 500 lines.
    pub async fn list_activity(&self, ask: ActivityAsk) -> Result<ActivityPage> {
        self.inner.store.read(move |connection| ActivityPage::read(connection, &ask)).await
    }

    /// Writes a line.
    pub(crate) async fn note(&self, activity: NewActivity) -> Result<ActivityId> {
        let row = activity.into_row(self.inner.door.get());
        let id = row.id;
        self.inner.store.write(move |transaction| row.add(transaction)).await?;
        self.tell(AppEvent::ActivityChanged);
        Ok(id)
    }

    /// Completes a line that says [`Outcome::Running`] or [`Outcome::InDoubt`]; every other line stays as it was written, and
    /// [`Error::NoSuch`] says so.
    pub(crate) async fn amend(
        &self,
        id: ActivityId,
        outcome: Outcome,
        words: impl Into<String>,
        messages: Option<u64>,
    ) -> Result<()> {
        let words = words.into();
        let complete =
            move |transaction: &Transaction<'_>| ActivityRow::complete(transaction, id, outcome, &words, messages);
        if !self.inner.store.write(complete).await? {
            return Err(Error::NoSuch { what: "running act", name: id.to_string() });
        }
        self.tell(AppEvent::ActivityChanged);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
