use broker::{ExchangeName, QueueName, Target};
use clap::Args;
use workbench::{
    CaptureId, Deed, DeedAsk, MessageColumn, Profile, Selection, SendOptions, Sending, TargetChoice, ViewAsk,
};

use crate::connection::Connect;
use crate::consent::Consent;
use crate::failure::{Exit, Failure};
use crate::look::{self, ALL, Looked};
use crate::session::Session;
use crate::summary::Summary;
use crate::{jobs, plan};

/// Numbers of messages that are asked for at once.
const PAGE: u32 = 500;

/// Send dead letters back to where they failed
///
/// They are read and copied first, then planned: where each arrives, what is left out of it, what endangers it. Each is
/// published, confirmed, and only then removed. The job's id is printed first, and a summary last.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope redrive -c shop orders.dead --dry-run
  qscope redrive -c shop orders.dead --limit 1 --yes
  qscope redrive -c shop orders.dead --filter 'header.reason=timeout' --to-queue orders.payment --yes
  qscope redrive -c prod orders.dead --yes --allow-writes --confirm prod")]
pub(crate) struct Redrive {
    #[command(flatten)]
    connect: Connect,
    /// The queue with the dead letters
    queue: QueueName,
    /// Only messages that match: TEXT, header.NAME=VALUE, body.PATH=VALUE; several joined by a space mean and
    #[arg(long, value_name = "EXPR", default_value = "", hide_default_value = true)]
    filter: String,
    /// At most so many messages, from the head of the queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// All to this queue, instead of the one each failed in
    #[arg(long, value_name = "QUEUE", conflicts_with = "to_exchange")]
    to_queue: Option<QueueName>,
    /// All to this exchange
    #[arg(long, value_name = "EXCHANGE")]
    to_exchange: Option<ExchangeName>,
    /// With this routing key
    #[arg(long, value_name = "KEY", requires = "to_exchange", default_value = "", hide_default_value = true)]
    routing_key: String,
    /// Keep what is left out of them in a header of its own
    #[arg(long)]
    keep_origin: bool,
    /// Print the plan and do nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    consent: Consent,
}

impl Redrive {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = self.connect.open(session).await?;
        let (from, looked) = self.selection(session, &profile).await?;
        let Some(from) = from else { return self.nothing(session, &profile, looked.as_ref()) };
        let options = SendOptions { keep_origin: self.keep_origin, ..SendOptions::default() };
        let ask = DeedAsk::Send { deed: Sending::Redrive, from, to: self.target(), options };
        let planning = async { Ok(Box::pin(session.workbench.make_plan(profile.id, ask)).await?) };
        let looked_at = |failure: Failure| match &looked {
            Some(_) => failure.messages("they were looked at and put back; nothing was sent"),
            None => failure,
        };
        let planned = session.unless_stopped(planning).await.map_err(looked_at)?;
        if self.dry_run {
            plan::answer(&session.out, &planned)?;
            return Ok(Exit::Done);
        }
        plan::say(&session.out, &planned);
        let typed = self.consent.obtain(session, &profile, &planned).await.map_err(looked_at)?;
        let job = jobs::carry_out(session, &planned, typed, true).await.map_err(looked_at)?;
        let exit = jobs::conclude(session, &job);
        Ok(short_of(session, looked.as_ref(), exit))
    }

    /// What is to be sent: the first messages as they come, or those that match of what can be looked at; `None` where
    /// there are none.
    async fn selection(
        &self,
        session: &Session,
        profile: &Profile,
    ) -> Result<(Option<Selection>, Option<Looked>), Failure> {
        if self.filter.is_empty() {
            let offer = session.workbench.offer_look(profile.id, self.queue.clone(), 1).await?;
            let first = Selection::First { queue: self.queue.clone(), n: self.limit };
            return Ok((Some(first).filter(|_| offer.ready != Some(0)), None));
        }
        let looked = look::look(session, profile, &self.queue, ALL, &self.consent.cost).await?;
        if session.stop.is_cancelled() {
            return Err(Failure::interrupted().messages("what was read is back in its queue"));
        }
        let messages = self.chosen(session, looked.capture).await?;
        let chosen = Selection::Chosen { capture: looked.capture, messages };
        let is_empty = matches!(&chosen, Selection::Chosen { messages, .. } if messages.is_empty());
        Ok((Some(chosen).filter(|_| !is_empty), Some(looked)))
    }

    /// The numbers of the messages that match, in their order.
    async fn chosen(&self, session: &Session, capture: CaptureId) -> Result<Vec<u64>, Failure> {
        let filter = self.filter.clone();
        let ask = ViewAsk { capture, filter, sort: MessageColumn::Position, descending: false };
        let view = session.workbench.open_view(ask).await?;
        let wanted = self.limit.unwrap_or(ALL).min(view.shown);
        let mut numbers = Vec::new();
        while (numbers.len() as u64) < wanted {
            let rows = session.workbench.page_view(view.view, numbers.len() as u64, PAGE).await?.rows;
            if rows.is_empty() {
                break;
            }
            numbers.extend(rows.iter().map(|row| row.n));
        }
        session.workbench.close_view(view.view);
        numbers.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        Ok(numbers)
    }

    fn target(&self) -> TargetChoice {
        let target = match (&self.to_queue, &self.to_exchange) {
            (Some(queue), _) => Target::Queue { queue: queue.clone() },
            (None, Some(exchange)) => Target::Exchange { exchange: exchange.clone(), key: self.routing_key.clone() },
            (None, None) => return TargetChoice::FailedIn,
        };
        TargetChoice::Place { target }
    }

    /// There is nothing to send: that is done, not failed.
    fn nothing(&self, session: &Session, profile: &Profile, looked: Option<&Looked>) -> Result<Exit, Failure> {
        let read = looked.map_or(0, |looked| looked.read);
        session.out.note(&format!("none of {read} messages is to be sent"));
        if session.out.json {
            session.out.object(&Summary::of_nothing(&self.queue, &profile.name, Deed::Redrive))?;
        }
        Ok(short_of(session, looked, Exit::Done))
    }
}

/// Says where a queue is deeper than what was looked at.
fn short_of(session: &Session, looked: Option<&Looked>, exit: Exit) -> Exit {
    let Some((read, of)) = looked.and_then(|looked| Some((looked.read, looked.of?))).filter(|(read, of)| read < of)
    else {
        return exit;
    };
    session.out.warn(&format!("only the first {read} of {of} messages were looked at: run it again for more"));
    if exit == Exit::Done { Exit::Partly } else { exit }
}
