//! What the deeds have in common: which messages, where to, how fast, and the way from the plan to the summary.

use broker::{ExchangeName, QueueName, Target};
use clap::Args;
use workbench::{
    Canary, CaptureId, Deed, DeedAsk, Edit, EditStep, FaultCode, HeaderValue, JobState, MessageColumn, Profile,
    Selection, SendOptions, Sending, TargetChoice, ViewAsk,
};

use crate::connection::{self, Connect};
use crate::consent::{Consent, CostConsent, WriteConsent};
use crate::failure::{Exit, Failure};
use crate::look::{self, ALL, Looked};
use crate::session::Session;
use crate::summary::Summary;
use crate::{jobs, plan, secret};

/// Numbers of messages that are asked for at once.
const PAGE: u32 = 500;

/// Messages of a queue.
#[derive(Debug, Args)]
pub(crate) struct From {
    #[command(flatten)]
    pub(crate) connect: Connect,
    /// The queue that they are in
    pub(crate) queue: QueueName,
    /// Only messages that match: TEXT, header.NAME=VALUE, body.PATH=VALUE; several joined by a space mean and
    ///
    /// The queue is looked at first, which may cost something, and the exact messages that match are planned.
    #[arg(long, value_name = "EXPR", default_value = "", hide_default_value = true)]
    filter: String,
    /// At most so many messages, from the head of the queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Where messages are sent, and how fast.
#[derive(Debug, Args)]
pub(crate) struct To {
    /// All to this queue
    #[arg(long, value_name = "QUEUE", conflicts_with = "to_exchange")]
    to_queue: Option<QueueName>,
    /// All to this exchange
    #[arg(long, value_name = "EXCHANGE")]
    to_exchange: Option<ExchangeName>,
    /// With this routing key
    #[arg(long, value_name = "KEY", requires = "to_exchange", default_value = "", hide_default_value = true)]
    routing_key: String,
    /// Another connection to send to: a profile's name, or a URL without a password
    #[arg(long, value_name = "NAME|URL")]
    to_connection: Option<String>,
    /// Repeat the name of that profile, where it is protected
    #[arg(long, value_name = "NAME", requires = "to_connection")]
    confirm_to: Option<String>,
    /// At most so many messages a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Send so many first, wait, and go on only if they do not come back
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    canary: Option<u32>,
    /// How long to wait for them, in seconds
    #[arg(long, value_name = "S", requires = "canary", default_value_t = 10)]
    canary_wait: u32,
    /// So many may come back
    #[arg(long, value_name = "N", requires = "canary", default_value_t = 0)]
    canary_bounces: u32,
    /// Set a header of each, as text; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = header)]
    set_header: Vec<(String, String)>,
    /// Change the JSON body of each by a jq program
    #[arg(long, value_name = "JQ")]
    edit: Option<String>,
    /// Keep what is left out of them in a header of its own
    #[arg(long)]
    keep_origin: bool,
    /// Stay so many seconds after the end and watch which of them come back
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    watch_bounces: Option<u32>,
    /// Leave out the header by which a message that comes back is recognised
    #[arg(long, conflicts_with_all = ["canary", "watch_bounces"])]
    unmarked: bool,
}

/// Whether and how a plan is carried out.
#[derive(Debug, Args)]
pub(crate) struct Carry {
    /// Print the plan, keep it for `qscope plans start`, and do nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// `NAME=VALUE`.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl From {
    /// The first messages as they come, or those that match of what can be looked at; `None` where there are none.
    pub(crate) async fn selection(
        &self,
        session: &Session,
        profile: &Profile,
        cost: &CostConsent,
    ) -> Result<(Option<Selection>, Option<Looked>), Failure> {
        if self.filter.is_empty() {
            let offer = session.workbench.offer_look(profile.id, self.queue.clone(), 1).await?;
            let first = Selection::First { queue: self.queue.clone(), n: self.limit };
            return Ok((Some(first).filter(|_| offer.ready != Some(0)), None));
        }
        let looked = look::look(session, profile, &self.queue, ALL, cost).await?;
        if session.stop.is_cancelled() {
            return Err(Failure::interrupted().messages("what was read is back in its queue"));
        }
        let messages = self.matching(session, looked.capture).await?;
        let chosen = (!messages.is_empty()).then_some(Selection::Chosen { capture: looked.capture, messages });
        Ok((chosen, Some(looked)))
    }

    /// The numbers of the messages that match, in their order.
    async fn matching(&self, session: &Session, capture: CaptureId) -> Result<Vec<u64>, Failure> {
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
}

impl To {
    /// The place that was named, if one was.
    pub(crate) fn place(&self) -> Option<TargetChoice> {
        let target = match (&self.to_queue, &self.to_exchange) {
            (Some(queue), _) => Target::Queue { queue: queue.clone() },
            (None, Some(exchange)) => Target::Exchange { exchange: exchange.clone(), key: self.routing_key.clone() },
            (None, None) => return None,
        };
        Some(TargetChoice::Place { target })
    }

    pub(crate) fn options(&self) -> SendOptions {
        let canary =
            self.canary.map(|messages| Canary { messages, wait_s: self.canary_wait, bounces_max: self.canary_bounces });
        SendOptions {
            keep_origin: self.keep_origin,
            unmarked: self.unmarked,
            to_profile: None,
            per_second: self.rate,
            canary,
            watch_s: self.watch_bounces,
            edit: self.edit(),
            instead: None,
        }
    }

    fn edit(&self) -> Option<Edit> {
        let set = |(name, value): &(String, String)| EditStep::SetHeader {
            name: name.clone(),
            value: HeaderValue::Text { value: value.clone() },
        };
        let program = self.edit.iter().map(|program| EditStep::Jq { program: program.clone() });
        let steps: Vec<_> = self.set_header.iter().map(set).chain(program).collect();
        (!steps.is_empty()).then_some(Edit { steps })
    }

    /// Opens the other connection, if one is named, and turns its writes on if they were confirmed.
    pub(crate) async fn open(&self, session: &Session) -> Result<Option<Profile>, Failure> {
        let Some(named) = &self.to_connection else { return Ok(None) };
        let profile = connection::find(session, named).await?;
        connection::open_with(session, &profile, secret::given_for_target()?).await?;
        confirm_target(session, &profile, self.confirm_to.as_deref()).await?;
        Ok(Some(profile))
    }
}

/// Turns writes on where messages are sent to, if that was confirmed.
pub(crate) async fn confirm_target(session: &Session, to: &Profile, confirm: Option<&str>) -> Result<(), Failure> {
    let consent = WriteConsent { allow_writes: confirm.is_some(), confirm: confirm.map(str::to_owned) };
    let obtained = consent.obtain(session, to).await;
    obtained.map(drop).map_err(|failure| failure.remedy("add --confirm-to with its name"))
}

impl Carry {
    /// Plans, says the plan, asks, runs, and says how it ended.
    pub(crate) async fn carry_out(
        &self,
        session: &Session,
        profile: &Profile,
        to: Option<&Profile>,
        ask: DeedAsk,
        looked: Option<Looked>,
    ) -> Result<Exit, Failure> {
        let planning = async { Ok(Box::pin(session.workbench.make_plan(profile.id, ask)).await?) };
        let looked_at = |failure: Failure| match &looked {
            Some(_) => failure.messages("they were looked at and put back; nothing was sent"),
            None => failure,
        };
        let planned = session.unless_stopped(planning).await.map_err(looked_at)?;
        if self.dry_run {
            let number = session.workbench.saved_plan(planned.id).await?.number;
            plan::answer(&session.out, &planned, number)?;
            return Ok(Exit::Done);
        }
        plan::say(&session.out, &planned);
        // What is only copied elsewhere changes nothing where it is.
        let changed = if planned.deed == Deed::Copy { to.unwrap_or(profile) } else { profile };
        let is_opened = to.is_some_and(|to| to.id == changed.id);
        let typed = self.consent.obtain(session, changed, &planned, is_opened).await.map_err(looked_at)?;
        let job = jobs::carry_out(session, &planned, typed, true).await.map_err(looked_at)?;
        let exit = jobs::conclude(session, &job);
        Ok(short_of(session, looked.as_ref(), exit))
    }
}

pub(crate) fn deed_of(sending: Sending) -> Deed {
    match sending {
        Sending::Redrive => Deed::Redrive,
        Sending::Move => Deed::Move,
        Sending::Copy => Deed::Copy,
        Sending::Replay => Deed::Replay,
    }
}

/// There is nothing to be done: that is done, not failed. Unless a job that runs holds what is there.
pub(crate) async fn nothing(
    session: &Session,
    queue: &QueueName,
    profile: &Profile,
    deed: Deed,
    looked: Option<&Looked>,
) -> Result<Exit, Failure> {
    let jobs = session.workbench.list_jobs(Some(profile.id)).await?;
    if let Some(job) = jobs.iter().find(|job| job.state == JobState::Running && job.queue.as_ref() == Some(queue)) {
        let why = format!("job {} is at queue `{queue}` and holds what is there: let it end, or stop it", job.number);
        return Err(Failure::refused(FaultCode::AlreadyOutstanding, why));
    }
    let read = looked.map_or(0, |looked| looked.read);
    session.out.note(&format!("none of {read} messages is meant"));
    if session.out.json {
        session.out.object(&Summary::of_nothing(queue, &profile.name, deed))?;
    }
    Ok(short_of(session, looked, Exit::Done))
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
