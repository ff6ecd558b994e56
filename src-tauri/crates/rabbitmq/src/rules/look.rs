//! What a look costs, and when it is not made: the table of the ways to hold messages, one arm for each kind of queue.

use std::collections::HashSet;

use broker::{Ask, Evidence, Facts, LookCost, Purpose, Queue, QueueName, Refusal, Returning, Topology, WayOut};

use super::give_back::{GiveBack, give_back};
use super::routing::Ways;
use super::settings::{
    DelayedRetry, DeliveryLimit, delayed_retry, delivery_limit, length_limit, message_ttl_ms, policies_unread,
    single_active_consumer, unread,
};
use super::version::Version;
use super::words::{count, counted, duration, named};

/// No hold lasts longer than this. A queue whose messages live shorter could lose every one of them to a look; where
/// they live longer, only those in their last minute expire when they are put back, as they would have by waiting.
const HELD_MS_MAX: u64 = 60_000;

pub(super) fn look(facts: &Facts, ask: &Ask) -> LookCost {
    let known = facts.topology.value.queue(&ask.queue);
    let consumers = consumers(facts, &ask.queue);
    let of = Look { facts, ask, consumers };
    match known {
        Some(queue) if queue.label == "classic" => of.classic(queue),
        Some(queue) if queue.label == "quorum" => of.quorum(queue),
        Some(queue) if queue.label == "stream" => of.stream(),
        _ => of.unknown_type(known),
    }
}

fn consumers(facts: &Facts, name: &QueueName) -> Option<u64> {
    let measures = &facts.measures.as_ref()?.value;
    measures.queues.iter().find(|queue| queue.name == *name)?.consumers
}

/// One reason why a look is refused.
struct Concern {
    code: &'static str,
    why: String,
    ways: Vec<WayOut>,
}

struct Look<'a> {
    facts: &'a Facts,
    ask: &'a Ask,
    consumers: Option<u64>,
}

impl Look<'_> {
    fn classic(&self, queue: &Queue) -> LookCost {
        let mut concerns = self.single_active(queue);
        concerns.extend(self.drops(queue));
        if let Some(part) = policies_unread(self.facts) {
            let why = format!(
                "The {part} could not be read: one may limit how long this queue gets or how long its messages live, \
                    and then what is held could be dropped when it is put back."
            );
            concerns.push(Concern { code: "dropHead", why, ways: vec![WayOut::Take, WayOut::Careful] });
        }
        let words = format!("{}: each is marked redelivered.", self.act());
        self.cost(Returning::Marks, concerns, words, self.evidence(queue))
    }

    fn quorum(&self, queue: &Queue) -> LookCost {
        let limit = delivery_limit(self.facts, queue);
        let mut concerns = self.single_active(queue);
        let mut returning = match give_back(self.facts, queue) {
            GiveBack::Nack => Returning::Marks,
            GiveBack::Close => Returning::Counts { limit: limit.effective },
        };
        let mut words = format!("{}: {}", self.act(), counting(&returning, limit));
        if let Some((worse, concern)) = self.destroys(queue, limit) {
            words = match worse {
                Returning::Destroys { .. } => {
                    "A message that died of its delivery limit is destroyed the first time it is put back.".to_owned()
                }
                _ => "What putting messages back does here is not known.".to_owned(),
            };
            returning = worse;
            concerns.push(concern);
        }
        concerns.extend(self.drops(queue));
        if delayed_retry(queue) == DelayedRetry::All {
            let why = "This queue delays every message that is put back: consumers would not get those that were \
                looked at until the delay is over."
                .to_owned();
            concerns.push(Concern { code: "delayedRetry", why, ways: vec![WayOut::Take, WayOut::Careful] });
        }
        if let (Returning::Counts { limit: Some(limit) }, Some(false)) = (&returning, self.facts.may_publish_to_queues)
        {
            let why = format!(
                "A message that has used its {} cannot be put back, only published to the queue again, and this user \
                    may not publish to it.",
                deliveries(*limit)
            );
            concerns.push(Concern { code: "noWrite", why, ways: vec![WayOut::Take] });
        }
        let mut evidence = self.evidence(queue);
        evidence.extend(limit_evidence(limit, queue));
        self.cost(returning, concerns, words, evidence)
    }

    fn stream(&self) -> LookCost {
        let words = "Reading a stream takes nothing out of it and changes nothing.".to_owned();
        let mut cost = self.cost(Returning::Free, Vec::new(), words, vec![self.broker(), line("Queue type", "stream")]);
        cost.consumers = Some(0);
        cost
    }

    /// The user may say what it is, but its settings stay unknown, so that only the override opens it.
    fn unknown_type(&self, known: Option<&Queue>) -> LookCost {
        let facts_stated =
            self.facts.stated.iter().find(|(name, _)| *name == self.ask.queue).map(|(_, label)| label.as_str());
        let stated = self.ask.stated_label.as_deref().or(facts_stated).filter(|label| !label.is_empty());
        let label = known.map_or("", |queue| queue.label.as_str());
        if label.is_empty() && stated == Some("stream") {
            return self.stream();
        }
        let (why, ways) = match (label, stated) {
            ("", None) => (
                "The broker does not tell what type of queue this is. What putting messages back does depends on it: \
                    it may mark them, use up their deliveries, or destroy them."
                    .to_owned(),
                vec![WayOut::Careful],
            ),
            ("", Some(stated)) => (
                format!(
                    "You say that this is a {stated} queue, but its limits and policies cannot be read: what is \
                    held may be dropped when it is put back."
                ),
                vec![WayOut::Take, WayOut::Careful],
            ),
            (label, _) => (
                format!("This queue has the type `{label}`, and what a look does to it was never tried."),
                vec![WayOut::Careful],
            ),
        };
        let mut shown = vec![self.broker(), line("Queue type", if label.is_empty() { "not known" } else { label })];
        shown.extend(stated.map(|stated| line("Queue type, as you say", stated)));
        let concern = Concern { code: "typeUnknown", why, ways };
        let words = "What putting messages back does here is not known.".to_owned();
        let mut cost = self.cost(Returning::Unknown, Vec::new(), words, shown);
        // Also a take: what happens to a message on an unknown queue is not known either.
        cost.refusal = refusal(vec![concern]);
        cost
    }

    fn cost(
        &self,
        returning: Returning,
        mut concerns: Vec<Concern>,
        mut words: String,
        evidence: Vec<Evidence>,
    ) -> LookCost {
        let stream = returning == Returning::Free;
        if let (Purpose::Take { .. }, false) = (&self.ask.purpose, stream) {
            concerns.retain(|concern| concern.code == "singleActive");
            words = "Each message is copied here, then removed from the queue. Nothing is put back.".to_owned();
            if matches!(returning, Returning::Destroys { .. }) {
                words.push_str(
                    " One moment stays: between its delivery and our copy, a crash or a cut makes the \
                    broker destroy a message that died of its delivery limit.",
                );
            }
        }
        if !stream && self.consumers != Some(0) {
            words.push_str(" While held, consumers get later ones first.");
        }
        LookCost {
            returning,
            reach: self.reach(),
            consumers: self.consumers,
            refusal: refusal(concerns),
            words,
            evidence,
        }
    }

    /// How many are held at most.
    fn reach(&self) -> Option<u64> {
        let asked = match self.ask.purpose {
            Purpose::Look { n } | Purpose::Take { n } => n,
            Purpose::Pick { .. } | Purpose::Drain => u64::MAX,
        };
        let held = asked.min(self.ask.hold.messages_max);
        (held < u64::MAX).then_some(held)
    }

    fn act(&self) -> &'static str {
        match self.ask.purpose {
            Purpose::Look { .. } | Purpose::Take { .. } => "Messages are taken and put back",
            Purpose::Pick { .. } => "Messages are held until the chosen ones are found, and the rest is put back",
            Purpose::Drain => "Messages are held while they are worked on, and what is not removed is put back",
        }
    }

    fn single_active(&self, queue: &Queue) -> Vec<Concern> {
        if !single_active_consumer(queue) || self.consumers == Some(0) {
            return Vec::new();
        }
        let (why, ways) = match self.consumers {
            Some(n) => (
                format!(
                    "Only one consumer at a time gets messages here, and there {}. Reading would get nothing, or \
                    would stop the one at work. Stop its consumers first.",
                    if n == 1 { "is 1".to_owned() } else { format!("are {}", count(n)) }
                ),
                Vec::new(),
            ),
            None => (
                "Only one consumer at a time gets messages here, and whether there is one is not known: reading could \
                    stop it."
                    .to_owned(),
                vec![WayOut::Careful],
            ),
        };
        vec![Concern { code: "singleActive", why, ways }]
    }

    /// What the queue itself could drop while we hold: by length as soon as newer ones arrive, by time.
    fn drops(&self, queue: &Queue) -> Vec<Concern> {
        let ways = || vec![WayOut::Take, WayOut::Careful];
        let mut concerns = Vec::new();
        let length = length_limit(queue);
        if length.drops_head() {
            let why = format!(
                "This queue keeps at most {} and drops its oldest messages beyond that: if newer ones arrive while we \
                    hold, those that we put back are dropped.",
                length_words(length.messages, length.bytes)
            );
            concerns.push(Concern { code: "dropHead", why, ways: ways() });
        }
        if let Some(ttl) = message_ttl_ms(queue).filter(|ttl| *ttl < HELD_MS_MAX) {
            let why = format!(
                "Messages live for {} here: those that outlive it while we hold them expire when they are put back.",
                duration(ttl)
            );
            concerns.push(Concern { code: "expires", why, ways: ways() });
        }
        concerns
    }

    /// Whether giving back may destroy, and how we know. From 4.3 on, where dead letters may arrive; before, where the
    /// limit itself is not known.
    fn destroys(&self, queue: &Queue, limit: DeliveryLimit) -> Option<(Returning, Concern)> {
        let careful = (self.facts.may_publish_to_queues != Some(false)).then_some(WayOut::Careful);
        let without_policy = || [Some(WayOut::Take), careful].into_iter().flatten().collect();
        if let Some(part) = policies_unread(self.facts) {
            let why = format!(
                "The {part} could not be read: one may set a delivery limit here or send dead letters here, and a \
                    message above its limit is destroyed when it is put back."
            );
            let returning = limit.effective.map_or(Returning::Unknown, |limit| Returning::Destroys { limit });
            return Some((returning, Concern { code: "destroys", why, ways: without_policy() }));
        }
        if !Version::read(&self.facts.version).carries_counts() {
            return None;
        }
        let effective = limit.effective?;
        let whence = self.dead_letters_arrive(queue)?;
        let why = format!(
            "{} carries a message's delivery count into this quorum queue. {whence} One that died of its delivery \
                limit is over the limit already: the first time it is put back, by a peek or by anything else, the \
                broker drops it. Which{} those are cannot be known before they are taken.",
            self.broker().value,
            self.ready(queue)
                .filter(|ready| *ready > 1)
                .map(|ready| format!(" of the {}", count(ready)))
                .unwrap_or_default(),
        );
        let by_policy = [limit.argument, limit.operator_policy].iter().flatten().all(|limit| *limit < 0);
        let mut ways: Vec<_> = by_policy.then_some(WayOut::MakeSafe).into_iter().collect();
        ways.extend::<Vec<_>>(without_policy());
        Some((Returning::Destroys { limit: effective }, Concern { code: "destroys", why, ways }))
    }

    /// Says whence, where dead letters arrive in the queue or may.
    fn dead_letters_arrive(&self, queue: &Queue) -> Option<String> {
        const PARTS: [&str; 3] = ["queues", "exchanges", "bindings"];
        let sources = sources(self.facts, &queue.name);
        if !sources.certain.is_empty() {
            return Some(format!("Dead letters of {} arrive here.", named(&sources.certain, 3)));
        } else if !sources.possible.is_empty() {
            return Some(format!("Dead letters of {} may arrive here.", named(&sources.possible, 3)));
        } else if queue.is_dead_letter_queue {
            return Some("Dead letters arrive here.".to_owned());
        }
        let part = unread(&self.facts.topology, &PARTS)?;
        Some(format!("The {part} could not be read, so dead letters may arrive here."))
    }

    fn ready(&self, queue: &Queue) -> Option<u64> {
        let measures = &self.facts.measures.as_ref()?.value;
        measures.queues.iter().find(|measure| measure.name == queue.name)?.ready
    }

    fn broker(&self) -> Evidence {
        let version = self.facts.version.trim();
        line(
            "Broker",
            if version.is_empty() { "RabbitMQ, version not known".to_owned() } else { format!("RabbitMQ {version}") },
        )
    }

    fn evidence(&self, queue: &Queue) -> Vec<Evidence> {
        let mut lines = vec![self.broker(), line("Queue type", &*queue.label)];
        let length = length_limit(queue);
        if length.is_set() {
            let then = if length.drops_head() { "then the oldest are dropped" } else { "then publishing is refused" };
            lines.push(line("Length limit", format!("{}, {then}", length_words(length.messages, length.bytes))));
        }
        lines.extend(message_ttl_ms(queue).map(|ttl| line("Time to live", duration(ttl))));
        if single_active_consumer(queue) {
            lines.push(line("Single active consumer", "yes"));
        }
        lines
    }
}

/// The queues whose dead letters reach this one.
#[derive(Debug, Default)]
struct Sources {
    certain: Vec<QueueName>,
    possible: Vec<QueueName>,
}

fn sources(facts: &Facts, name: &QueueName) -> Sources {
    let Topology { dead_letter_routes, .. } = &facts.topology.value;
    let ways = Ways::of(&facts.topology, &facts.version);
    let mut sources = Sources::default();
    let (mut certain, mut possible, mut never) = (HashSet::new(), HashSet::new(), HashSet::new());
    for route in dead_letter_routes {
        let to = (route.exchange.as_str(), route.routing_key.as_deref());
        if !certain.contains(&to) && !possible.contains(&to) && !never.contains(&to) {
            let reach = ways.dead_letters(route);
            let kept = if reach.certain.contains(name) {
                &mut certain
            } else if reach.possible.contains(name) {
                &mut possible
            } else {
                &mut never
            };
            kept.insert(to);
        }
        if certain.contains(&to) || route.reaches.contains(name) {
            sources.certain.push(route.queue.clone());
        } else if possible.contains(&to) {
            sources.possible.push(route.queue.clone());
        }
    }
    sources
}

/// The first concern gives code and ways; all of them say why.
fn refusal(concerns: Vec<Concern>) -> Option<Refusal> {
    let why = concerns.iter().map(|concern| concern.why.as_str()).collect::<Vec<_>>().join(" ");
    let first = concerns.into_iter().next()?;
    Some(Refusal { code: first.code.to_owned(), why, ways: first.ways })
}

fn counting(returning: &Returning, limit: DeliveryLimit) -> String {
    match (returning, limit.effective) {
        (Returning::Marks, Some(limit)) => format!(
            "each is marked redelivered and uses none of its {}, unless the connection breaks meanwhile: then it uses \
                one.",
            deliveries(limit)
        ),
        (Returning::Marks, None) => "each is marked redelivered.".to_owned(),
        (_, Some(limit)) => format!("each is marked redelivered and uses 1 of its {}.", deliveries(limit)),
        (_, None) => "each is marked redelivered and its delivery count rises; no limit is set.".to_owned(),
    }
}

fn deliveries(limit: u64) -> String {
    if limit == 1 { "1 delivery".to_owned() } else { format!("{} deliveries", count(limit)) }
}

fn length_words(messages: Option<u64>, bytes: Option<u64>) -> String {
    let messages = messages.map(|n| counted(n, "message"));
    let bytes = bytes.map(|n| counted(n, "byte"));
    [messages, bytes].into_iter().flatten().collect::<Vec<_>>().join(" or ")
}

fn limit_evidence(limit: DeliveryLimit, queue: &Queue) -> Vec<Evidence> {
    let set = |limit: Option<i64>| match limit {
        None => "none".to_owned(),
        Some(limit) => u64::try_from(limit).map_or_else(|_| "unlimited".to_owned(), count),
    };
    let effective = limit.effective.map_or_else(|| "unlimited".to_owned(), count);
    let mut lines = vec![
        line("Effective limit", effective),
        line("argument", set(limit.argument)),
        line("policy", set(limit.policy)),
        line("operator policy", set(limit.operator_policy)),
    ];
    lines.extend(limit.default.map(|default| line("default of 4.x", count(default))));
    let retry = match delayed_retry(queue) {
        DelayedRetry::Off => "off",
        DelayedRetry::All => "all",
        DelayedRetry::Failed => "failed",
        DelayedRetry::Returned => "returned",
    };
    lines.push(line("Delayed retry", retry));
    lines
}

fn line(name: &str, value: impl Into<String>) -> Evidence {
    Evidence { name: name.to_owned(), value: value.into() }
}

#[cfg(test)]
mod tests;
