//! A plain look: read into a capture, and given back. Becomes a job only where it meets a message that may not go back.

use std::sync::Arc;
use std::time::Instant;

use broker::{Error as BrokerError, ErrorKind, LookCost, QueueName, Returning};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::ending::RunEnd;
use super::machine::{Halt, Limits, Machine, Quest, ReadOut, Work};
use super::running::desk_of;
use super::starting::busy;
use super::{Deed, JobState, driver};
use crate::activity::NewActivity;
use crate::captures::{CaptureSource, NewCapture};
use crate::connections::{LOOK_MESSAGES_MAX, Live, look_ask};
use crate::store::JobRecord;
use crate::{Act, AppEvent, CaptureId, JobId, Outcome, PeekEnd, PeekProgress, ProfileId, Result, Workbench};

impl Workbench {
    /// Reads the first `n` messages of a queue into a capture and gives them back. `accepted` is the cost that was shown;
    /// what it costs now may not be worse. Stops, and gives back, when `cancel` is cancelled.
    ///
    /// Fails with [`ErrorKind::CostRefused`], and reads nothing, where the look is refused or costs more than accepted.
    pub async fn peek_queue(
        &self,
        profile: ProfileId,
        queue: QueueName,
        n: u64,
        accepted: Option<LookCost>,
        cancel: CancellationToken,
        progress: impl Fn(PeekProgress) + Send + Sync,
    ) -> Result<PeekEnd> {
        let live = self.live(profile)?;
        let n = n.clamp(1, LOOK_MESSAGES_MAX);
        let (facts, depth) = self.facts_of(&live, &queue).await?;
        let cost = live.rules.look(&facts, &look_ask(&queue, n));
        if cost.refusal.is_some() || cost.is_worse_than(accepted.as_ref()) {
            return Err(self.refuse_look(&live, &queue, &cost).await?);
        }
        let began = Instant::now();
        let of = depth.ready;
        let new = NewCapture {
            source: CaptureSource::Peek,
            profile,
            profile_name: live.profile.name.clone(),
            queue: queue.clone(),
            of: Some(of),
        };
        let writer = self.inner.captures.create(new).await?;
        let capture = writer.id();
        let record = record_of_look(&live, &queue, capture, &cost);
        let mut desk = desk_of(self, &record, Some(live.clone()), Some(writer));
        let job = record.id;
        let owner = self.inner.jobs.own(job)?.ok_or_else(|| busy("the look"))?;
        desk.unlisted = Some(record);
        let desk = Arc::new(desk);
        let (limits, wary) = match cost.returning {
            // A kill can cost at most the last batch that is not yet copied.
            Returning::Counts { limit: Some(_) } => (Limits { batch_messages_max: 250, ..Limits::look(n) }, true),
            _ => (Limits::look(n), false),
        };
        let (rows, leave) = Default::default();
        let machine = Machine::new(Work {
            quest: Quest::Look { n },
            rows,
            next_n: 1,
            leave,
            taken: Default::default(),
            wary,
            limits,
        });
        let tell = |machine: &Machine| progress(PeekProgress { read: machine.copies(), of: n.min(of) });
        let ran = Box::pin(driver::run(&desk, machine, &cancel, &tell)).await;
        let listed = desk.listed.initialized();
        let fault = super::lock(&desk.fault).take();
        let end = ran.as_ref().ok().map(|machine| ended(machine, &queue, capture, of, began, &cost));
        if let Ok(mut desk) = Arc::try_unwrap(desk)
            && let Some(writer) = desk.writer.take()
        {
            writer.finish(end.as_ref().map_or("cut short", |end| end.words.as_str())).await?;
        }
        if listed {
            let ended = ran.as_ref().ok().map(RunEnd::of);
            let state = self.finish_job(job, ended, fault).await?;
            self.tell(AppEvent::JobChanged { job });
            owner.give_up(Some(state));
        } else {
            owner.never_mind();
        }
        self.tell(AppEvent::CapturesChanged);
        let (machine, end) = match (ran, end) {
            (Ok(machine), Some(end)) => (machine, end),
            (Err(error), _) => return Err(error),
            (Ok(_), None) => unreachable!("a run that ended has an end"),
        };
        self.note_look(&live, &queue, capture, &machine, &end).await?;
        match machine.halt() {
            // Nothing was read: there is nothing to show but what went wrong.
            Some(Halt::Trouble(trouble)) if end.read == 0 => {
                let kind = if trouble.lost { ErrorKind::Lost } else { ErrorKind::Refused };
                Err(BrokerError::new(kind, format!("look into queue `{queue}`"), trouble.words.clone()).into())
            }
            _ => Ok(end),
        }
    }

    async fn refuse_look(&self, live: &Live, queue: &QueueName, cost: &LookCost) -> Result<crate::Error> {
        let why = cost.refusal.as_ref().map_or(cost.words.clone(), |refusal| refusal.why.clone());
        let note = NewActivity::new(Act::LookRefused, &live.profile, &live.identity.user)
            .place(queue.to_string())
            .outcome(Outcome::Refused, why.clone());
        self.note(note).await?;
        Ok(BrokerError::new(ErrorKind::CostRefused, format!("look into queue `{queue}`"), why).into())
    }

    async fn note_look(
        &self,
        live: &Live,
        queue: &QueueName,
        capture: CaptureId,
        machine: &Machine,
        end: &PeekEnd,
    ) -> Result<()> {
        let outcome = match machine.halt() {
            Some(Halt::Trouble(_)) if end.read == 0 => Outcome::Failed,
            Some(_) => Outcome::Partly,
            None if end.stopped.is_some() => Outcome::Partly,
            None => Outcome::Done,
        };
        let of = end.of.map_or_else(String::new, |of| format!(" of {of}"));
        let held = end.held_ms as f64 / 1000.0;
        let words = format!("{}{of} peeked, {}, held {held:.1} s", end.read, end.words);
        let note = NewActivity::new(Act::Peek, &live.profile, &live.identity.user)
            .place(queue.to_string())
            .messages(end.read)
            .capture(capture)
            .outcome(outcome, words);
        self.note(note).await?;
        Ok(())
    }
}

/// What a look is written down as if it has to write.
fn record_of_look(live: &Live, queue: &QueueName, capture: CaptureId, cost: &LookCost) -> JobRecord {
    JobRecord {
        id: JobId::new(),
        number: 0,
        deed: Deed::CarefulLook,
        state: JobState::Running,
        profile: live.profile.id,
        profile_name: live.profile.name.clone(),
        broker: live.identity.broker.clone(),
        queue: Some(queue.clone()),
        target: queue.to_string(),
        started_at: Timestamp::now(),
        ended_at: None,
        outcome: String::new(),
        fault: None,
        capture: Some(capture),
        of: None,
        // The copies of what went back are no business of the journal.
        besides: None,
        keep_origin: true,
        cost: Some(cost.clone()),
        activity: None,
        ask: None,
        unlisted: 0,
        several_leases: false,
        canary_seen: false,
    }
}

fn ended(
    machine: &Machine,
    queue: &QueueName,
    capture: CaptureId,
    of: u64,
    began: Instant,
    cost: &LookCost,
) -> PeekEnd {
    let put_back =
        machine.returned().iter().all(|returned| returned.as_ref().is_some_and(|returned| returned.confirmed));
    let each = match (&cost.returning, machine.copies()) {
        (_, 0) => "",
        (Returning::Free, _) => "; nothing about them changed",
        (Returning::Marks, _) => "; each is marked redelivered",
        _ => "; each used one delivery",
    };
    let words = match (machine.copies(), put_back) {
        (0, _) => "nothing was there".to_owned(),
        (_, true) => format!("put back, in order{each}"),
        (_, false) => "given back; the broker was not seen to have them again".to_owned(),
    };
    let stopped = match (machine.halt(), machine.read_out()) {
        (Some(Halt::Stopped), _) => Some("stopped".to_owned()),
        (Some(Halt::Trouble(trouble)), _) => Some(trouble.words.clone()),
        (None, Some(ReadOut::MayNotReturn)) => {
            Some("it met a message that may not go back: that one was put at the end of the queue".to_owned())
        }
        (None, Some(ReadOut::Withheld)) => {
            Some("the broker counts more messages as ready, and did not hand them out in time".to_owned())
        }
        (None, _) => None,
    };
    PeekEnd {
        capture,
        read: machine.copies(),
        of: Some(of),
        queue: queue.clone(),
        held_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        put_back,
        words,
        stopped,
    }
}
