//! Publishing one message that the user wrote: mandatory, confirmed, and noted. Nothing is removed anywhere, so there is
//! no job: the outcome is the whole story.

use broker::{Arrivals, Facts, Hazard, Order, Outgoing, PublishOutcome, Table, Target};
use serde::Serialize;

use crate::activity::NewActivity;
use crate::connections::Live;
use crate::{Act, Outcome, ProfileId, Result, Workbench};

/// A message to be published. Nothing is added to it and nothing is left out of it.
#[derive(Clone, PartialEq)]
pub struct PublishAsk {
    pub target: Target,
    pub body: Vec<u8>,
    pub properties: Table,
    pub headers: Table,
}

impl std::fmt::Debug for PublishAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublishAsk")
            .field("target", &self.target)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Where a message would arrive, and what endangers it there, computed from what is known now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishOffer {
    pub arrivals: Arrivals,
    pub hazards: Vec<Hazard>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    pub state: PublishedAs,
    /// Where it arrived, as far as the rules can say; empty where it did not.
    pub arrivals: Arrivals,
    /// Why, where it was not simply confirmed.
    pub why: Option<String>,
}

/// How a publish ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum PublishedAs {
    /// The broker took responsibility and did not return it.
    Confirmed,
    /// No queue takes it there: the broker returned it, and it is nowhere.
    Unroutable,
    /// The broker said no, and it is nowhere.
    Refused,
    /// No answer: it may or may not be there.
    InDoubt,
}

impl Workbench {
    /// Where a message would arrive and what endangers it there. Reads the topology anew; sends nothing.
    pub async fn offer_publish(&self, profile: ProfileId, ask: &PublishAsk) -> Result<PublishOffer> {
        let live = self.live(profile)?;
        let facts = self.facts(&live).await?;
        Ok(offer_by(&live, &facts, ask))
    }

    /// Publishes one message and waits for the broker's answer. Noted in the activity log, whatever comes of it.
    ///
    /// Refused with [`crate::RefusedCode::ReadOnly`] where writes are locked. Whether it arrived is not an error but the
    /// answer: [`Published::state`].
    pub async fn publish(&self, profile: ProfileId, ask: PublishAsk) -> Result<Published> {
        self.may_write(profile)?;
        let live = self.live(profile)?;
        let facts = self.facts(&live).await?;
        let expected = live.rules.arrivals(&facts, &outgoing(&ask));
        let publisher = live.broker.publisher(Order::Strict).await?;
        let outcome = publisher.publish(vec![outgoing(&ask)]).await.into_iter().next();
        if let Err(error) = publisher.close().await {
            tracing::debug!(%error, "the publisher is left to the connection");
        }
        let published = said(outcome, expected);
        self.note_publish(&live, &ask.target, &published).await?;
        Ok(published)
    }

    async fn note_publish(&self, live: &Live, target: &Target, published: &Published) -> Result<()> {
        let outcome = match published.state {
            PublishedAs::Confirmed => Outcome::Done,
            PublishedAs::Unroutable | PublishedAs::Refused => Outcome::Failed,
            // Nobody can answer it later: there is no copy to send again. The words say it.
            PublishedAs::InDoubt => Outcome::Partly,
        };
        let words = match (published.state, &published.why) {
            (PublishedAs::Confirmed, _) => {
                let queues: Vec<_> = published.arrivals.queues.iter().map(ToString::to_string).collect();
                format!("published and confirmed; arrives in {}", or_unknown(&queues))
            }
            (_, why) => why.clone().unwrap_or_default(),
        };
        let place = match target {
            Target::Queue { queue } => queue.to_string(),
            Target::Exchange { exchange, key } => format!("exchange {exchange}, key {key}"),
        };
        let note = NewActivity::new(Act::Publish, &live.profile, &live.identity.user)
            .place(place)
            .messages(1)
            .outcome(outcome, words);
        self.note(note).await?;
        Ok(())
    }
}

/// The same by facts that are known already.
pub(crate) fn offer_by(live: &Live, facts: &Facts, ask: &PublishAsk) -> PublishOffer {
    let arrivals = live.rules.arrivals(facts, &outgoing(ask));
    let hazards = live.rules.hazards(facts, &ask.target, &arrivals);
    PublishOffer { arrivals, hazards }
}

fn or_unknown(queues: &[String]) -> String {
    if queues.is_empty() { "a place that is not known".to_owned() } else { queues.join(", ") }
}

fn outgoing(ask: &PublishAsk) -> Outgoing {
    let PublishAsk { target, body, properties, headers } = ask.clone();
    Outgoing { target, body, properties, headers, redrive: None }
}

fn said(outcome: Option<PublishOutcome>, expected: Arrivals) -> Published {
    let (state, why) = match outcome {
        Some(PublishOutcome::Confirmed) => (PublishedAs::Confirmed, None),
        Some(PublishOutcome::Unroutable) => {
            (PublishedAs::Unroutable, Some("no queue takes it there: the broker returned it".to_owned()))
        }
        Some(PublishOutcome::Refused(why)) => (PublishedAs::Refused, Some(why)),
        Some(PublishOutcome::NotSent(why)) => (PublishedAs::Refused, Some(format!("not sent: {why}"))),
        Some(PublishOutcome::Unknown(why)) => {
            (PublishedAs::InDoubt, Some(format!("in doubt, the broker did not answer: {why}")))
        }
        None => (PublishedAs::InDoubt, Some("in doubt, the broker did not answer".to_owned())),
    };
    let arrivals = if state == PublishedAs::Confirmed { expected } else { Arrivals::default() };
    Published { state, arrivals, why }
}

#[cfg(test)]
mod tests;
