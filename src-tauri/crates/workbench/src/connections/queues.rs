use std::cmp::Ordering;
use std::collections::HashMap;

use broker::{Binding, Destination, Measures, Partial, Policy, Queue, QueueMeasure, QueueName, Topology};

use super::watch::{Sample, Watched, count};
use super::{BindingView, Drain, PolicyView, QueueAsk, QueueColumn, QueueFilter, QueuePage, QueueRow, QueueView};
use crate::captures::fields;
use crate::{Error, ProfileId, Result, Workbench};

/// Rows of one page at most.
pub(super) const PAGE_MAX: u32 = 500;
/// Below so many messages a second, in and out count as equal: rates are means of a few seconds.
const STEADY_BELOW: f64 = 0.05;

const FILTERS: [QueueFilter; 4] =
    [QueueFilter::NotEmpty, QueueFilter::DeadLetterQueues, QueueFilter::NoConsumers, QueueFilter::Growing];

impl Workbench {
    /// A part of the table of queues, filtered and sorted, from what was last read. Asks the broker nothing.
    pub fn list_queues(&self, profile: ProfileId, ask: &QueueAsk) -> Result<QueuePage> {
        let connection = self.open_one(profile)?;
        let watched = connection.watched();
        Ok(page(&watched, ask))
    }

    /// Everything that was last read about one queue.
    pub fn show_queue(&self, profile: ProfileId, queue: &QueueName) -> Result<QueueView> {
        let connection = self.open_one(profile)?;
        let watched = connection.watched();
        let missing = || Error::NoSuch { what: "queue", name: queue.to_string() };
        let topology = watched.topology.clone().ok_or_else(missing)?;
        let found = topology.value.queue(queue).ok_or_else(missing)?;
        Ok(view(&watched, &topology, found))
    }
}

fn page(watched: &Watched, ask: &QueueAsk) -> QueuePage {
    let Some(topology) = &watched.topology else { return QueuePage::default() };
    let measured = by_name(watched.measures.as_deref());
    let needle = ask.filter.to_lowercase();
    let named: Vec<Candidate<'_>> = topology
        .value
        .queues
        .iter()
        .filter(|queue| needle.is_empty() || queue.name.as_str().to_lowercase().contains(&needle))
        .map(|queue| Candidate::new(watched, queue, measured.get(&queue.name).copied()))
        .collect();
    let counts = FILTERS.map(|filter| (filter, count(named.iter().filter(|queue| queue.passes(filter)).count())));
    let mut shown: Vec<_> =
        named.into_iter().filter(|queue| ask.only.iter().all(|filter| queue.passes(*filter))).collect();
    shown.sort_by(|a, b| a.compare(b, ask));
    let rows = shown.iter().skip(ask.from as usize).take(ask.n.min(PAGE_MAX) as usize);
    QueuePage {
        total: count(topology.value.queues.len()),
        shown: count(shown.len()),
        from: ask.from,
        rows: rows.map(|queue| queue.row(watched)).collect(),
        counts: counts.to_vec(),
    }
}

fn by_name(measures: Option<&Partial<Measures>>) -> HashMap<&QueueName, &QueueMeasure> {
    let queues = measures.iter().flat_map(|measures| &measures.value.queues);
    queues.map(|queue| (&queue.name, queue)).collect()
}

/// A queue with its numbers, where it has any.
struct Candidate<'a> {
    queue: &'a Queue,
    measure: Option<&'a QueueMeasure>,
    is_dead_letter_queue: bool,
    drain: Drain,
}

impl<'a> Candidate<'a> {
    fn new(watched: &Watched, queue: &'a Queue, measure: Option<&'a QueueMeasure>) -> Self {
        let is_dead_letter_queue = watched.dead_letter_queues.contains(&queue.name);
        Self { queue, measure, is_dead_letter_queue, drain: drain(is_dead_letter_queue, measure) }
    }

    fn passes(&self, filter: QueueFilter) -> bool {
        match filter {
            QueueFilter::DeadLetterQueues => is_parking(self.is_dead_letter_queue, self.measure),
            QueueFilter::NoConsumers => self.measure.is_some_and(|measure| measure.consumers == Some(0)),
            QueueFilter::Growing => self.drain == Drain::Growing,
            QueueFilter::NotEmpty => self.measure.is_some_and(|measure| measure.ready.is_some_and(|ready| ready > 0)),
        }
    }

    /// Known before unknown whatever the direction, then by name.
    fn compare(&self, other: &Self, ask: &QueueAsk) -> Ordering {
        let whole = |get: fn(&QueueMeasure) -> Option<u64>| {
            known_first(self.measure.and_then(get), other.measure.and_then(get), ask.descending, Ord::cmp)
        };
        let rate = |get: fn(&QueueMeasure) -> Option<f64>| {
            known_first(self.measure.and_then(get), other.measure.and_then(get), ask.descending, f64::total_cmp)
        };
        let text = |a: &str, b: &str| if ask.descending { b.cmp(a) } else { a.cmp(b) };
        let ordering = match ask.sort {
            QueueColumn::Name => text(self.queue.name.as_str(), other.queue.name.as_str()),
            QueueColumn::Label => text(&self.queue.label, &other.queue.label),
            QueueColumn::Ready => whole(|measure| measure.ready),
            QueueColumn::InFlight => whole(|measure| measure.in_flight),
            QueueColumn::Delayed => whole(|measure| measure.delayed),
            QueueColumn::Consumers => whole(|measure| measure.consumers),
            QueueColumn::Bytes => whole(|measure| measure.bytes),
            QueueColumn::RateIn => rate(|measure| measure.rate_in),
            QueueColumn::RateOut => rate(|measure| measure.rate_out),
            QueueColumn::Redelivered => rate(|measure| measure.rate_redeliver),
            QueueColumn::Drain => {
                known_first(drain_rank(self.drain), drain_rank(other.drain), ask.descending, Ord::cmp)
            }
            QueueColumn::Oldest => {
                let at = |queue: &Self| queue.measure.and_then(|measure| measure.oldest_at);
                known_first(at(self), at(other), !ask.descending, Ord::cmp)
            }
        };
        ordering.then_with(|| self.queue.name.cmp(&other.queue.name))
    }

    fn row(&self, watched: &Watched) -> QueueRow {
        let measure = self.measure.cloned().unwrap_or_default();
        QueueRow {
            name: self.queue.name.clone(),
            label: self.queue.label.clone(),
            ready: measure.ready,
            in_flight: measure.in_flight,
            delayed: measure.delayed,
            consumers: measure.consumers,
            rate_in: measure.rate_in,
            rate_out: measure.rate_out,
            rate_redeliver: measure.rate_redeliver,
            bytes: measure.bytes,
            oldest_at: measure.oldest_at,
            approximate: measure.approximate,
            is_dead_letter_queue: self.is_dead_letter_queue,
            drain: self.drain,
            trend: trend(watched, &self.queue.name, |sample| sample.ready),
            state: measure.state.filter(|state| state != "running"),
        }
    }
}

fn known_first<T>(a: Option<T>, b: Option<T>, descending: bool, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => compare(&b, &a),
        (Some(a), Some(b)) => compare(&a, &b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// Worse is more: seconds first, then what has no end.
fn drain_rank(drain: Drain) -> Option<u64> {
    match drain {
        Drain::Empty => Some(0),
        Drain::Seconds { seconds } => Some(seconds.min(u64::MAX - 10) + 1),
        Drain::Steady => Some(u64::MAX - 4),
        Drain::Growing => Some(u64::MAX - 3),
        Drain::NoConsumers => Some(u64::MAX - 2),
        Drain::Stuck => Some(u64::MAX - 1),
        Drain::DeadLetterQueue | Drain::Unknown => None,
    }
}

/// Dead letters wait here for a person. Where a consumer reads, they are part of a retry loop.
pub(super) fn is_parking(is_dead_letter_queue: bool, measure: Option<&QueueMeasure>) -> bool {
    let is_read = measure.and_then(|measure| measure.consumers).is_some_and(|consumers| consumers > 0);
    is_dead_letter_queue && !is_read
}

fn drain(is_dead_letter_queue: bool, measure: Option<&QueueMeasure>) -> Drain {
    if is_parking(is_dead_letter_queue, measure) {
        return Drain::DeadLetterQueue;
    }
    let Some(measure) = measure else { return Drain::Unknown };
    match (measure.ready, measure.consumers) {
        (None, _) => return Drain::Unknown,
        (Some(0), _) => return Drain::Empty,
        (_, Some(0)) => return Drain::NoConsumers,
        _ => {}
    }
    let (Some(ready), Some(rate_in), Some(rate_out)) = (measure.ready, measure.rate_in, measure.rate_out) else {
        return Drain::Unknown;
    };
    let net = rate_out - rate_in;
    if net > STEADY_BELOW {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        return Drain::Seconds { seconds: (ready as f64 / net) as u64 };
    }
    if -net > STEADY_BELOW {
        return Drain::Growing;
    }
    // Consumers are there, messages wait, and nothing moves.
    if rate_out < STEADY_BELOW { Drain::Stuck } else { Drain::Steady }
}

fn trend<T>(watched: &Watched, queue: &QueueName, get: impl Fn(&Sample) -> Option<T>) -> Vec<Option<T>> {
    watched.history.get(queue).map(|samples| samples.iter().map(get).collect()).unwrap_or_default()
}

fn view(watched: &Watched, topology: &Partial<Topology>, queue: &Queue) -> QueueView {
    let measured = by_name(watched.measures.as_deref());
    let row = Candidate::new(watched, queue, measured.get(&queue.name).copied()).row(watched);
    let routes = &topology.value.dead_letter_routes;
    let here = Destination::Queue(queue.name.clone());
    let bindings = topology.value.bindings.iter().filter(|binding| binding.destination == here);
    QueueView {
        badges: queue.badges.clone(),
        durable: queue.durable,
        auto_delete: queue.auto_delete,
        exclusive: queue.exclusive,
        arguments: fields(&queue.arguments),
        policies: queue.policies.iter().map(policy_view).collect(),
        bindings: bindings.map(|binding| binding_view(binding, row.consumers)).collect(),
        dead_letters_to: routes.iter().filter(|route| route.queue == queue.name).cloned().collect(),
        dead_letters_from: routes
            .iter()
            .filter(|route| route.reaches.contains(&queue.name))
            .map(|route| route.queue.clone())
            .collect(),
        trend_in_flight: trend(watched, &queue.name, |sample| sample.in_flight),
        trend_in: trend(watched, &queue.name, |sample| sample.rate_in),
        trend_out: trend(watched, &queue.name, |sample| sample.rate_out),
        missing: watched.missing(),
        row,
    }
}

pub(super) fn policy_view(policy: &Policy) -> PolicyView {
    PolicyView { name: policy.name.clone(), operator: policy.operator, definition: fields(&policy.definition) }
}

pub(super) fn binding_view(binding: &Binding, consumers: Option<u64>) -> BindingView {
    BindingView {
        source: binding.source.clone(),
        destination: binding.destination.clone(),
        key: binding.key.clone(),
        arguments: fields(&binding.arguments),
        consumers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(ready: u64, consumers: u64, rate_in: f64, rate_out: f64) -> QueueMeasure {
        QueueMeasure {
            ready: Some(ready),
            consumers: Some(consumers),
            rate_in: Some(rate_in),
            rate_out: Some(rate_out),
            ..QueueMeasure::default()
        }
    }

    #[test]
    fn the_time_to_drain_is_a_word_where_it_is_no_time() {
        let of = |measure: QueueMeasure| drain(false, Some(&measure));
        assert_eq!(of(measure(0, 0, 0.0, 0.0)), Drain::Empty, "nothing waits");
        assert_eq!(of(measure(9, 0, 0.0, 0.0)), Drain::NoConsumers, "nobody reads");
        assert_eq!(of(measure(9, 1, 0.0, 0.0)), Drain::Stuck, "somebody reads and nothing moves");
        assert_eq!(of(measure(9, 1, 5.0, 5.0)), Drain::Steady, "in equals out");
        assert_eq!(of(measure(9, 1, 5.0, 2.0)), Drain::Growing, "more in than out");
        assert_eq!(of(measure(90, 1, 1.0, 4.0)), Drain::Seconds { seconds: 30 }, "90 at 3 a second");
        assert_eq!(of(QueueMeasure::default()), Drain::Unknown, "nothing is known");
        let first = QueueMeasure { rate_in: None, rate_out: None, ..measure(9, 1, 0.0, 0.0) };
        assert_eq!(of(first), Drain::Unknown, "the rates are not known yet");
    }

    #[test]
    fn dead_letters_that_somebody_reads_are_part_of_a_loop() {
        assert_eq!(drain(true, Some(&measure(9, 0, 0.0, 0.0))), Drain::DeadLetterQueue);
        assert_eq!(drain(true, None), Drain::DeadLetterQueue, "not known to be read");
        assert_eq!(drain(true, Some(&measure(9, 1, 5.0, 2.0))), Drain::Growing);
    }

    #[test]
    fn what_is_not_known_sorts_last_in_both_directions() {
        for descending in [false, true] {
            assert_eq!(known_first(Some(1), None, descending, Ord::cmp), Ordering::Less, "descending {descending}");
            assert_eq!(known_first(None, Some(1), descending, Ord::cmp), Ordering::Greater, "descending {descending}");
        }
    }
}
