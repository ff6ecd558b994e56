//! How a hold ends: given back in the way that costs this queue least, or lost.

use std::time::Duration;

use broker::{Error, ErrorKind, MayReturn, Result, Returned};
use futures::FutureExt;
use lapin::options::BasicNackOptions;

use super::{Holding, next_of};
use crate::connect::{CALL_WAIT, within};
use crate::end::{End, Loss};
use crate::error::is_unreadable;
use crate::lease::close_channel;
use crate::rules::GiveBack;

/// How long the broker may take until it has everything back.
const BACK_WAIT: Duration = Duration::from_secs(8);
/// The same where others consume: they may take what comes back before it can be counted.
const BACK_WAIT_SHARED: Duration = Duration::from_secs(2);
/// The same where it cannot be counted at all.
const BACK_WAIT_BLIND: Duration = Duration::from_secs(1);
const CLOSE_WAIT: Duration = Duration::from_secs(2);

impl Holding {
    pub(super) async fn give_back_unasked(&mut self, why: &str) -> End {
        match self.give_back().await {
            End::Returned(returned) => End::Lost { loss: Loss::new(why), held: returned.messages },
            lost => lost,
        }
    }

    /// Gives back everything that is held, in the way that costs least, and waits until the broker has it.
    pub(super) async fn give_back(&mut self) -> End {
        if let Err(error) = self.cancel().await {
            return self.lose(&error).await;
        }
        let messages = self.held.len() as u64;
        let Some(last) = self.held.keys().next_back().copied() else {
            close_channel(&self.channel, CLOSE_WAIT).await;
            return End::Returned(Returned { messages: 0, confirmed: true, counted: Some(0) });
        };
        let before = self.depths.depth(&self.terms.queue).await.ok();
        if self.terms.way == GiveBack::Nack
            && let Err(error) = self.nack(last).await
        {
            return self.lose(&error).await;
        }
        if self.terms.way == GiveBack::Close {
            close_channel(&self.channel, CLOSE_WAIT).await;
        }
        let confirmed = self.wait_until_back(before).await;
        // Closing earlier would charge what was nacked with a delivery.
        if self.terms.way == GiveBack::Nack {
            close_channel(&self.channel, CLOSE_WAIT).await;
        }
        let counted = match (self.terms.label.as_str(), self.terms.way) {
            ("classic", _) => Some(0),
            ("quorum", GiveBack::Nack) if confirmed => Some(0),
            ("quorum", _) => Some(messages),
            _ => None,
        };
        End::Returned(Returned { messages, confirmed, counted })
    }

    pub(super) fn gone(&self) -> Error {
        let doing = format!("hold messages of queue `{}`", self.terms.queue);
        Error::new(ErrorKind::Lost, doing, "the connection to the broker is gone")
    }

    async fn nack(&self, last: u64) -> Result<()> {
        let doing = || format!("give messages back to queue `{}`", self.terms.queue);
        let options = BasicNackOptions { multiple: true, requeue: true };
        within(CALL_WAIT, doing, self.channel.basic_nack(last, options)).await?;
        self.qos(1).await
    }

    async fn wait_until_back(&self, before: Option<broker::Depth>) -> bool {
        let Some(before) = before else {
            tokio::time::sleep(BACK_WAIT_BLIND).await;
            return false;
        };
        // What the return destroys does not come back.
        let back = self.held.values().filter(|held| held.may_return != MayReturn::Destroys).count() as u64;
        let wait = if before.consumers == Some(0) { BACK_WAIT } else { BACK_WAIT_SHARED };
        self.depths.wait_until(&self.terms.queue, before.ready + back, wait).await
    }

    /// The hold is gone. The broker has everything back that was not removed; closing the channel makes sure of it.
    pub(super) async fn lose(&mut self, error: &Error) -> End {
        let last = if error.kind() == ErrorKind::Lost { self.last_words() } else { None };
        let error = last.as_ref().unwrap_or(error);
        let loss = if is_unreadable(error) { Loss::from(&self.unreadable()) } else { Loss::from(error) };
        close_channel(&self.channel, CLOSE_WAIT).await;
        End::Lost { loss, held: self.held.len() as u64 }
    }

    /// Why the connection ended, if the window still has to say it: another call that failed first knows only that it
    /// did.
    fn last_words(&mut self) -> Option<Error> {
        while let Some(Some(delivery)) = next_of(&mut self.window).now_or_never() {
            if let Err(error) = self.take_in(Some(delivery)) {
                return Some(error);
            }
        }
        None
    }

    /// The client cannot pass over such a message. Asking again would charge all that were held with a delivery.
    fn unreadable(&self) -> Error {
        let why = format!(
            "one of the first {} messages has a header name or a property that is not UTF-8, which this program cannot read; the messages held are back in their queue",
            self.delivered + 1
        );
        Error::new(ErrorKind::Unsupported, format!("hold messages of queue `{}`", self.terms.queue), why)
            .remedy("look at fewer messages, or take that one out with another program; on a quorum queue each further try counts as a delivery")
    }
}
