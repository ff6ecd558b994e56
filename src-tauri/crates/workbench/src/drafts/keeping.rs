//! Beginning, keeping, finding and giving up drafts.

use std::sync::Arc;

use broker::{Message, MessageKey, Rules};

use super::{
    Draft, DraftBody, DraftCheck, DraftContent, DraftFrom, DraftOriginal, DraftPurpose, DraftRevision, DraftRow,
    DraftSource, Instead, KeptDraft, OpenDraft,
};
use crate::store::{Keeping, in_background, now};
use crate::{AppEvent, CaptureId, DraftId, Error, ProfileId, RefusedCode, Result, TargetChoice, Workbench};

/// Drafts that are kept.
const DRAFTS_MAX: u64 = 500;
/// Of a draft as it is written down.
const DRAFT_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Workbench {
    /// Opens a draft: the one that there is of that message already, or a new one, which is kept with its first change.
    ///
    /// Fails with [`Error::NoSuch`] where there is no such message or template.
    pub async fn begin_draft(&self, profile: ProfileId, from: DraftFrom) -> Result<OpenDraft> {
        let new = |purpose, source, content| {
            let (id, changed_at) = (DraftId::new(), None);
            Draft { id, profile, purpose, source, revision: 0, changed_at, content }
        };
        let blank = |to| {
            let (properties, headers) = (super::templates::usual_properties(), Vec::new());
            let body = DraftBody::Text { text: String::new(), compact: false };
            DraftContent { to, body, as_text: false, properties, headers }
        };
        match from {
            DraftFrom::Blank { to } => self.opened(new(DraftPurpose::Publish, None, blank(to))).await,
            DraftFrom::Template { name } => {
                let template = self.template(&name).await?;
                self.opened(new(DraftPurpose::Publish, None, template.content)).await
            }
            DraftFrom::Message { purpose, capture, n } => {
                let (source, message) = self.source(capture, n).await?;
                if purpose == DraftPurpose::Edit
                    && let Some(kept) = self.inner.store.draft_of(profile, &source).await?
                {
                    return self.opened(self.of_newest_copy(kept, source).await?).await;
                }
                let rules = self.rules_of(profile).await?;
                let original = DraftOriginal::of(&message, rules.as_ref());
                let to = match (purpose, &original.failed_in) {
                    (DraftPurpose::Edit, _) => TargetChoice::FailedIn,
                    (DraftPurpose::Publish, queue) => {
                        super::templates::to_queue(queue.as_ref().unwrap_or(&source.queue))
                    }
                };
                self.opened(new(purpose, Some(source), original.unchanged(to))).await
            }
        }
    }

    /// Its message may have been read again meanwhile: the newest copy is the one to act on.
    async fn of_newest_copy(&self, draft: Draft, source: DraftSource) -> Result<Draft> {
        if draft.source.as_ref() == Some(&source) {
            return Ok(draft);
        }
        let draft = Draft { source: Some(source), ..draft };
        let KeptDraft { revision, changed_at, .. } = self.keep_draft(draft.clone()).await?;
        Ok(Draft { revision, changed_at: Some(changed_at), ..draft })
    }

    /// A draft as it was last kept, also where its message or its queue is gone.
    pub async fn open_draft(&self, draft: DraftId) -> Result<OpenDraft> {
        let found = self.inner.store.find_draft(draft).await?;
        self.opened(found.ok_or_else(|| gone(draft))?).await
    }

    /// Keeps a draft as its next revision, whatever is wrong with it, and says what is.
    ///
    /// [`RefusedCode::DraftChanged`] where another window kept it since; nothing is overwritten then.
    pub async fn keep_draft(&self, draft: Draft) -> Result<KeptDraft> {
        let check = self.checked(&draft).await?.1;
        let kept = Draft { revision: draft.revision + 1, changed_at: Some(now()), ..draft };
        let written = serde_json::to_string(&kept).map_err(|error| Error::Invalid { why: error.to_string() })?;
        if written.len() > DRAFT_BYTES_MAX {
            let why = format!("a draft takes at most {} MiB", DRAFT_BYTES_MAX / 1024 / 1024);
            return Err(Error::Invalid { why });
        }
        let (id, revision, changed_at) = (kept.id, kept.revision, kept.changed_at.unwrap_or_else(now));
        match self.inner.store.keep_draft(kept, written, DRAFTS_MAX).await? {
            Keeping::Kept => {
                self.tell(AppEvent::DraftsChanged);
                Ok(KeptDraft { revision, changed_at, check })
            }
            Keeping::Changed => Err(changed()),
            Keeping::Gone => Err(gone(id)),
            Keeping::Full => {
                let why = format!("{DRAFTS_MAX} drafts are kept already: give some up");
                Err(Error::Invalid { why })
            }
        }
    }

    /// All drafts of a profile, the newest first.
    pub async fn drafts(&self, profile: ProfileId) -> Result<Vec<DraftRow>> {
        self.inner.store.drafts(profile).await
    }

    /// Gives a draft up. One that is not there is given up already. What a plan or job took from it stays with that.
    pub async fn give_up_draft(&self, draft: DraftId) -> Result<()> {
        if self.inner.store.give_up_draft(draft).await? {
            self.tell(AppEvent::DraftsChanged);
        }
        Ok(())
    }

    /// What that revision sends instead of the one message that is named. It is kept for as long as a plan or a job
    /// needs it.
    pub(crate) async fn instead_of(
        &self,
        revision: DraftRevision,
        capture: CaptureId,
        numbers: &[u64],
    ) -> Result<Instead> {
        let draft = self.inner.store.planned_draft(revision).await?.ok_or_else(|| {
            let why = "the draft was changed since this was planned: plan it again".to_owned();
            Error::Refused { code: RefusedCode::PlanOutdated, why }
        })?;
        let is_of = |source: &DraftSource| source.capture == capture && numbers == [source.n];
        if draft.purpose != DraftPurpose::Edit || !draft.source.as_ref().is_some_and(is_of) {
            return Err(Error::Invalid {
                why: "an edited message takes the place of the one it was made of".to_owned(),
            });
        }
        Ok(Instead(draft.content))
    }

    /// What that revision sends, for a job that was planned with it.
    pub(crate) async fn frozen_draft(&self, revision: DraftRevision) -> Result<Instead> {
        let draft = self.inner.store.planned_draft(revision).await?.ok_or_else(|| gone(revision.draft))?;
        Ok(Instead(draft.content))
    }

    /// A draft, as long as that revision is its newest.
    pub(super) async fn newest(&self, revision: DraftRevision) -> Result<Draft> {
        let draft = self.inner.store.find_draft(revision.draft).await?.ok_or_else(|| gone(revision.draft))?;
        if draft.revision == revision.revision { Ok(draft) } else { Err(changed()) }
    }

    pub(super) async fn rules_of(&self, profile: ProfileId) -> Result<Arc<dyn Rules>> {
        let profile = self.profile(profile).await?;
        Ok(self.driver(&profile.kind)?.rules())
    }

    async fn source(&self, capture: CaptureId, n: u64) -> Result<(DraftSource, Message)> {
        let queue = self.inner.captures.record(capture).await?.queue;
        let stored = self.inner.captures.load(capture, n).await?;
        let key: MessageKey = stored.key;
        Ok((DraftSource { capture, n, queue, key: key.to_string() }, stored.message))
    }

    /// The message that a draft was made of, as long as its copy is kept.
    pub(super) async fn original(&self, draft: &Draft) -> Result<Option<Message>> {
        let Some(source) = &draft.source else { return Ok(None) };
        match self.inner.captures.load(source.capture, source.n).await {
            Ok(stored) => Ok(Some(stored.message)),
            Err(Error::NoSuch { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn checked(&self, draft: &Draft) -> Result<(Option<DraftOriginal>, DraftCheck)> {
        let (original, rules) = (self.original(draft).await?, self.rules_of(draft.profile).await?);
        let content = draft.content.clone();
        let check = move || {
            let shown = original.as_ref().map(|message| DraftOriginal::of(message, rules.as_ref()));
            Ok((shown, content.check(original.as_ref(), rules.as_ref()).1))
        };
        in_background("check the draft", check).await
    }

    async fn opened(&self, draft: Draft) -> Result<OpenDraft> {
        let (original, check) = self.checked(&draft).await?;
        Ok(OpenDraft { draft, original, check })
    }
}

fn changed() -> Error {
    let why = "this draft was changed in another window meanwhile; nothing was overwritten".to_owned();
    Error::Refused { code: RefusedCode::DraftChanged, why }
}

fn gone(draft: DraftId) -> Error {
    Error::NoSuch { what: "draft", name: draft.to_string() }
}
