//! A plan of messages that are named one by one, and the ways that messages go.

use std::collections::{BTreeSet, HashMap};

use broker::{Facts, FailedIn, Hazard, Message, MessageKey, Outgoing, QueueName, Rules, Table, Target};

use super::plan::Gathered;
use super::row::{Errand, Row};
use super::{Deed, MessageState, PlanLine, TargetChoice, words};
use crate::captures::{CaptureSource, Stored};
use crate::connections::Live;
use crate::store::{CaptureRecord, CaptureState, Entry};
use crate::{CaptureId, Error, Result};

/// Where a choice sends a message, by what the message itself says. An error: why it stays.
pub(super) fn target_of(choice: &TargetChoice, rules: &dyn Rules, message: &Message) -> Result<Target, String> {
    match choice {
        TargetChoice::Place { target } => Ok(target.clone()),
        TargetChoice::Origin => match rules.origin(message) {
            Some(routing) => Ok(Target::Exchange { exchange: routing.exchange, key: routing.key }),
            None => Err("it does not say by which exchange it first came: choose a place".to_owned()),
        },
        TargetChoice::FailedIn => match rules.failed_in(message) {
            FailedIn::Queue { queue, .. } => Ok(Target::Queue { queue }),
            FailedIn::OnlyExpired { queues } => {
                let queues: Vec<_> = queues.iter().map(|queue| format!("`{queue}`")).collect();
                Err(format!("it only ever expired, in {}: choose a place", queues.join(", ")))
            }
            FailedIn::Unknown => Err("it does not say in which queue it failed: choose a place".to_owned()),
        },
    }
}

/// The ways to one connection.
pub(super) struct Ways<'a> {
    from: &'a Live,
    to: &'a Live,
    facts: &'a Facts,
    choice: Option<&'a TargetChoice>,
    source: QueueName,
    /// It goes back into the queue that it was removed from.
    puts_back: bool,
    gathered: Gathered,
}

impl<'a> Ways<'a> {
    pub(super) fn new(
        from: &'a Live,
        to: &'a Live,
        facts: &'a Facts,
        choice: Option<&'a TargetChoice>,
        source: QueueName,
    ) -> Self {
        Self { from, to, facts, choice, source, puts_back: false, gathered: Gathered::default() }
    }

    pub(super) fn putting_back(self, puts_back: bool) -> Self {
        Self { puts_back, ..self }
    }

    pub(super) fn hazards(self) -> Vec<Hazard> {
        self.gathered.hazards
    }

    /// Where it goes, by what it says of itself, or why it stays; `sent`: as it is sent. Either way the plan gets a line.
    fn add(&mut self, message: &Message, sent: &Message) -> Result<Target, String> {
        let death_key = message.deaths.first().and_then(|death| death.routing_keys.first());
        let mut line = PlanLine {
            from: Some(self.source.clone()),
            key: death_key.unwrap_or(&message.routing.key).clone(),
            target: None,
            arrives_in: Vec::new(),
            messages: 1,
            note: String::new(),
            stays: true,
        };
        let choice = self.choice.ok_or_else(|| "it is not sent".to_owned());
        let target = choice.and_then(|choice| target_of(choice, self.from.rules.as_ref(), message));
        let way = target.and_then(|target| {
            let prepared = match self.puts_back {
                true => self.to.rules.put_back(sent, &target),
                false => self.to.rules.prepare(sent, &target),
            };
            self.arrive(&prepared.outgoing, &mut line)?;
            prepared.stripped.iter().for_each(|part| self.gathered.add_stripped(&part.name, part.why));
            Ok(target)
        });
        if let Err(why) = &way {
            line.note.clone_from(why);
        }
        self.gathered.add_line(line);
        way
    }

    fn arrive(&mut self, outgoing: &Outgoing, line: &mut PlanLine) -> Result<(), String> {
        let target = &outgoing.target;
        let arrivals = self.to.rules.arrivals(self.facts, outgoing);
        line.arrives_in.clone_from(&arrivals.queues);
        if arrivals.is_unroutable() {
            return Err(match target {
                Target::Queue { queue } => format!("there is no queue `{queue}`: the broker would return it"),
                Target::Exchange { .. } => {
                    format!("nothing takes it at {}: the broker would return it", words::target(target))
                }
            });
        }
        if let (true, Some(unsure)) = (arrivals.queues.is_empty(), arrivals.unsure.first()) {
            return Err(format!("where it would arrive is not known: {}", unsure.why));
        }
        line.target = Some(target.clone());
        line.stays = false;
        line.note = self.consumers(&arrivals.queues);
        self.gathered.add_hazards(self.to.rules.hazards(self.facts, target, &arrivals));
        Ok(())
    }

    fn consumers(&self, queues: &[QueueName]) -> String {
        let [queue] = queues else { return String::new() };
        let measured = self.facts.measures.iter().flat_map(|part| &part.value.queues);
        match measured.filter(|measure| measure.name == *queue).find_map(|measure| measure.consumers) {
            Some(0) => "no consumers".to_owned(),
            Some(1) => "1 consumer".to_owned(),
            Some(n) => format!("{n} consumers"),
            None => String::new(),
        }
    }

    /// What the rule does with messages that nobody has read yet. `source`: what is known where they are. An error: why
    /// nothing can be sent.
    pub(super) fn lines_of_rule(&mut self, source: &Facts, queue: &QueueName, n: u64) -> Result<Vec<PlanLine>, String> {
        let mut line = line_of(queue, n, "");
        match self.choice {
            Some(TargetChoice::Place { target }) => {
                if self.from.profile.id == self.to.profile.id && *target == (Target::Queue { queue: queue.clone() }) {
                    return Err("they are in that queue already".to_owned());
                }
                let blank = Outgoing {
                    target: target.clone(),
                    body: Vec::new(),
                    properties: Table::new(),
                    headers: Table::new(),
                    redrive: None,
                };
                self.arrive(&blank, &mut line)?;
            }
            Some(TargetChoice::FailedIn) => {
                let routes = &source.topology.value.dead_letter_routes;
                let dying = routes.iter().filter(|route| route.reaches.contains(queue)).map(|route| &route.queue);
                let dying: BTreeSet<_> = dying.cloned().collect();
                for queue in &dying {
                    let target = Target::Queue { queue: queue.clone() };
                    let arrivals = broker::Arrivals { queues: vec![queue.clone()], unsure: Vec::new() };
                    self.gathered.add_hazards(self.to.rules.hazards(self.facts, &target, &arrivals));
                }
                line.arrives_in = dying.into_iter().collect();
                line.note = "each to the queue it failed in, decided as it is read; what does not say stays".to_owned();
            }
            _ => {
                line.note = "each to the exchange and key it first came by, decided as it is read; what does not say \
                             stays"
                    .to_owned();
            }
        }
        Ok(vec![line])
    }
}

/// One line for messages of a queue that are not sent one by one.
pub(super) fn line_of(queue: &QueueName, messages: u64, note: &str) -> PlanLine {
    PlanLine {
        from: Some(queue.clone()),
        key: String::new(),
        target: None,
        arrives_in: Vec::new(),
        messages,
        note: note.to_owned(),
        stays: false,
    }
}

/// A copy has a place of its own: no two jobs send it.
pub(super) fn place_of_copy(capture: CaptureId, n: u64) -> (String, String) {
    (format!("copy {n}"), capture.to_string())
}

pub(super) fn entry(stored: &Stored, n: u64, errand: Errand, target: Option<Target>) -> Entry {
    let row = Row {
        n,
        key: stored.key.clone(),
        twin: 0,
        twins_there: None,
        chosen: true,
        errand,
        state: MessageState::Planned,
        stored: None,
        target,
        why: String::new(),
        closed: false,
    };
    let message_id = stored.message.message_id().map(str::to_owned);
    Entry { origin: Some(stored.n), message_id, ..Entry::new(row) }
}

/// A plan, message by message.
pub(super) struct Drafting<'a> {
    deed: Deed,
    live: &'a Live,
    ways: Ways<'a>,
    record: &'a CaptureRecord,
    /// How often each key is in the capture.
    there: HashMap<&'a MessageKey, u64>,
    planned: HashMap<MessageKey, u64>,
    entries: Vec<Entry>,
    /// Messages that exist only here.
    only_here: u64,
}

impl<'a> Drafting<'a> {
    pub(super) fn new(
        deed: Deed,
        live: &'a Live,
        ways: Ways<'a>,
        record: &'a CaptureRecord,
        keys: &'a [(u64, MessageKey)],
    ) -> Self {
        let mut there: HashMap<_, u64> = HashMap::new();
        keys.iter().for_each(|(_, key)| *there.entry(key).or_default() += 1);
        let (planned, entries) = Default::default();
        Self { deed, live, ways, record, there, planned, entries, only_here: 0 }
    }

    /// What it turned out to be: of what exists only here, no original is removed.
    pub(super) fn deed(&self) -> Deed {
        match self.deed {
            Deed::Redrive | Deed::Move if self.only_here > 0 => Deed::SendCopy,
            deed => deed,
        }
    }

    pub(super) fn takes_from_queue(&self) -> bool {
        self.entries.iter().any(|entry| entry.row.errand.starts_in_queue())
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn finish(self) -> (Gathered, Vec<Entry>) {
        (self.ways.gathered, self.entries)
    }

    /// The queue had no other messages than those of the capture when it was read.
    fn is_whole(&self) -> bool {
        let looked = matches!(self.record.source, CaptureSource::Peek | CaptureSource::CarefulLook);
        looked && self.record.state == CaptureState::Whole && self.record.of == Some(self.record.counted.messages)
    }

    fn errand_of(&self, stored: &Stored) -> Errand {
        match self.deed {
            Deed::Discard => Errand::Discard,
            Deed::Redrive | Deed::Move if !stored.only_here => Errand::Send,
            _ => Errand::SendCopy,
        }
    }

    /// `sent`: the message that is sent instead of it.
    pub(super) fn add(&mut self, stored: &Stored, sent: Option<&Message>) -> Result<()> {
        self.only_here += u64::from(stored.only_here);
        let n = self.entries.len() as u64 + 1;
        let removes = matches!(self.deed, Deed::Redrive | Deed::Move | Deed::Discard);
        if removes && self.only_here != n && self.only_here != 0 {
            let why = "some of these messages exist only here and some still wait in their queue: choose them apart";
            return Err(Error::Invalid { why: why.to_owned() });
        }
        if self.deed == Deed::Discard && stored.only_here {
            return Err(Error::Invalid { why: "they exist only here: give up the copies instead".to_owned() });
        }
        let errand = self.errand_of(stored);
        let way = match errand {
            Errand::Discard => {
                let note = "removed; the copies are kept for a while";
                self.ways.gathered.add_line(line_of(&self.record.queue, 1, note));
                Ok(None)
            }
            _ => self.ways.add(&stored.message, sent.unwrap_or(&stored.message)).map(Some),
        };
        let mut entry = entry(stored, n, errand, way.clone().ok().flatten());
        match way {
            Ok(_) if errand == Errand::SendCopy => {
                entry.row.stored = Some(stored.n);
                entry.place = stored.only_here.then(|| place_of_copy(self.record.id, stored.n));
            }
            Ok(_) => {
                let twin = self.planned.entry(stored.key.clone()).or_default();
                entry.row.twin = *twin;
                *twin += 1;
                entry.row.twins_there = self.is_whole().then(|| self.there[&stored.key]);
                entry.place = Some((self.live.identity.broker.clone(), self.record.queue.as_str().to_owned()));
            }
            Err(why) => {
                entry.row.state = MessageState::Skipped;
                entry.row.why = why;
            }
        }
        self.entries.push(entry);
        Ok(())
    }
}
