//! Publishing a draft: where it would arrive, and what became of it.

use broker::{Arrivals, Facts, Hazard, QueueName, Target};
use serde::Serialize;

use super::{Draft, DraftPurpose, DraftRevision};
use crate::publish::offer_by;
use crate::{AppEvent, Error, ProfileId, PublishAsk, Published, PublishedAs, Result, TargetChoice, Workbench};

/// Where a draft would arrive if it were published now, and what endangers it there.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct DraftOffer {
    pub reached: Vec<Reached>,
    /// Parts of the way that cannot be computed, in words.
    pub unsure: Vec<String>,
    pub hazards: Vec<Hazard>,
    /// Writes are locked on this connection: turn them on first.
    pub writes_locked: bool,
}

/// A queue that a message would arrive in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    pub queue: QueueName,
    #[specta(type = Option<u32>)]
    pub ready: Option<u64>,
    #[specta(type = Option<u32>)]
    pub consumers: Option<u64>,
}

impl Workbench {
    /// Where a draft would arrive. Reads the topology anew; sends nothing. What is wrong with the draft is not told here.
    pub async fn offer_draft(&self, draft: Draft) -> Result<DraftOffer> {
        let ask = self.ask_of(&draft).await?.0;
        let live = self.live(draft.profile)?;
        let facts = self.facts(&live).await?;
        let offer = offer_by(&live, &facts, &ask);
        let Arrivals { queues, unsure } = offer.arrivals;
        Ok(DraftOffer {
            reached: queues.into_iter().map(|queue| reached(&facts, queue)).collect(),
            unsure: unsure.into_iter().map(|part| part.why).collect(),
            hazards: offer.hazards,
            writes_locked: self.may_write(draft.profile).is_err(),
        })
    }

    /// Publishes that revision of a draft and waits for the broker's answer. Confirmed, the draft is given up; otherwise it
    /// is kept as it is.
    ///
    /// [`Error::Invalid`] where something is wrong with it: then nothing was sent.
    pub async fn publish_draft(&self, profile: ProfileId, revision: DraftRevision) -> Result<Published> {
        let draft = self.newest(revision).await?;
        if draft.purpose != DraftPurpose::Publish || draft.profile != profile {
            return Err(Error::Invalid { why: "this draft is not to be published here".to_owned() });
        }
        let (ask, wrong) = self.ask_of(&draft).await?;
        if let Some(why) = wrong {
            return Err(Error::Invalid { why });
        }
        let published = self.publish(profile, ask).await?;
        if published.state == PublishedAs::Confirmed && self.inner.store.give_up_draft(draft.id).await? {
            self.tell(AppEvent::DraftsChanged);
        }
        Ok(published)
    }

    /// What would be published, and the first thing that is wrong with it.
    async fn ask_of(&self, draft: &Draft) -> Result<(PublishAsk, Option<String>)> {
        let TargetChoice::Place { target } = draft.content.to.clone() else {
            return Err(Error::Invalid { why: "name the queue or the exchange to publish to".to_owned() });
        };
        if matches!(&target, Target::Queue { queue } if queue.as_str().is_empty()) {
            return Err(Error::Invalid { why: "name the queue to publish to".to_owned() });
        }
        let (original, rules) = (self.original(draft).await?, self.rules_of(draft.profile).await?);
        let (written, check) = draft.content.check(original.as_ref(), rules.as_ref());
        let wrong = check.troubles.into_iter().next().map(|trouble| trouble.words);
        let (properties, headers) = (written.properties, written.headers);
        Ok((PublishAsk { target, body: written.body, properties, headers }, wrong))
    }
}

fn reached(facts: &Facts, queue: QueueName) -> Reached {
    let mut measures = facts.measures.iter().flat_map(|part| &part.value.queues);
    let measure = measures.find(|measure| measure.name == queue);
    let (ready, consumers) = (measure.and_then(|m| m.ready), measure.and_then(|m| m.consumers));
    Reached { queue, ready, consumers }
}
