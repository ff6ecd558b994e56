use std::cmp::Ordering;
use std::collections::HashMap;

use broker::{Destination, Exchange, ExchangeMeasure, ExchangeName, Partial, QueueName, Topology};

use super::queues::{PAGE_MAX, binding_view, policy_view};
use super::watch::{Watched, count};
use super::{ExchangeAsk, ExchangeColumn, ExchangePage, ExchangeRow, ExchangeView};
use crate::captures::fields;
use crate::{Error, ProfileId, Result, Workbench};

/// What a topology reader calls the bindings where it could not read them.
const BINDINGS: &str = "bindings";

impl Workbench {
    /// A part of the table of exchanges, filtered and sorted, from what was last read. Asks the broker nothing.
    pub fn list_exchanges(&self, profile: ProfileId, ask: &ExchangeAsk) -> Result<ExchangePage> {
        let connection = self.open_one(profile)?;
        let watched = connection.watched();
        Ok(page(&watched, ask))
    }

    /// Everything that was last read about one exchange.
    pub fn show_exchange(&self, profile: ProfileId, exchange: &ExchangeName) -> Result<ExchangeView> {
        let connection = self.open_one(profile)?;
        let watched = connection.watched();
        let missing = || Error::NoSuch { what: "exchange", name: exchange.to_string() };
        let topology = watched.topology.clone().ok_or_else(missing)?;
        let found = topology.value.exchange(exchange).ok_or_else(missing)?;
        let row = Rows::of(&watched, &topology).row(found);
        let consumers: HashMap<&QueueName, Option<u64>> = watched
            .measures
            .iter()
            .flat_map(|measures| &measures.value.queues)
            .map(|queue| (&queue.name, queue.consumers))
            .collect();
        let bindings = topology.value.bindings.iter().filter(|binding| binding.source == *exchange);
        let bindings = bindings.map(|binding| match &binding.destination {
            Destination::Queue(queue) => binding_view(binding, consumers.get(queue).copied().flatten()),
            Destination::Exchange(_) => binding_view(binding, None),
        });
        Ok(ExchangeView {
            row,
            arguments: fields(&found.arguments),
            policies: found.policies.iter().map(policy_view).collect(),
            bindings: bindings.collect(),
        })
    }
}

fn page(watched: &Watched, ask: &ExchangeAsk) -> ExchangePage {
    let Some(topology) = &watched.topology else { return ExchangePage::default() };
    let rows = Rows::of(watched, topology);
    let needle = ask.filter.to_lowercase();
    let found = found_by_binding(&topology.value, &needle);
    let matches = |exchange: &Exchange| {
        needle.is_empty() || exchange.name.as_str().to_lowercase().contains(&needle) || found.contains(&&exchange.name)
    };
    let mut shown: Vec<ExchangeRow> = topology
        .value
        .exchanges
        .iter()
        .filter(|exchange| (ask.built_in || !exchange.built_in) && matches(exchange))
        .map(|exchange| rows.row(exchange))
        .filter(|row| !ask.only_unbound || row.bindings == Some(0))
        .collect();
    shown.sort_by(|a, b| compare(a, b, ask));
    let total = count(topology.value.exchanges.len());
    let in_all = count(shown.len());
    let rows = shown.into_iter().skip(ask.from as usize).take(ask.n.min(PAGE_MAX) as usize).collect();
    ExchangePage { total, shown: in_all, from: ask.from, rows }
}

/// The exchanges with a binding whose key or destination holds the text.
fn found_by_binding<'a>(topology: &'a Topology, needle: &str) -> Vec<&'a ExchangeName> {
    let holds = |text: &str| text.to_lowercase().contains(needle);
    let bindings = topology.bindings.iter().filter(|binding| {
        holds(&binding.key)
            || match &binding.destination {
                Destination::Queue(queue) => holds(queue.as_str()),
                Destination::Exchange(exchange) => holds(exchange.as_str()),
            }
    });
    let mut names: Vec<_> = bindings.map(|binding| &binding.source).collect();
    names.dedup();
    names
}

fn compare(a: &ExchangeRow, b: &ExchangeRow, ask: &ExchangeAsk) -> Ordering {
    let (low, high) = if ask.descending { (b, a) } else { (a, b) };
    let rate = |low: Option<f64>, high: Option<f64>| match (low, high) {
        (Some(low), Some(high)) => low.total_cmp(&high),
        // Not known comes last in both directions.
        (Some(_), None) if ask.descending => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) if ask.descending => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    let ordering = match ask.sort {
        ExchangeColumn::Name => low.name.cmp(&high.name),
        ExchangeColumn::Label => low.label.cmp(&high.label),
        ExchangeColumn::RateIn => rate(low.rate_in, high.rate_in),
        ExchangeColumn::RateOut => rate(low.rate_out, high.rate_out),
        ExchangeColumn::Unroutable => rate(low.rate_unroutable, high.rate_unroutable),
        ExchangeColumn::Bindings => low.bindings.cmp(&high.bindings),
    };
    ordering.then_with(|| a.name.cmp(&b.name))
}

/// Exchanges joined with their numbers and bindings.
struct Rows<'a> {
    measured: HashMap<&'a ExchangeName, &'a ExchangeMeasure>,
    /// `None`: bindings could not be read.
    bindings: Option<HashMap<&'a ExchangeName, u32>>,
}

impl<'a> Rows<'a> {
    fn of(watched: &'a Watched, topology: &'a Partial<Topology>) -> Self {
        let measures = watched.measures.iter().flat_map(|measures| &measures.value.exchanges);
        let readable = !topology.missing.iter().any(|missing| missing.what == BINDINGS);
        let bindings = readable.then(|| {
            let mut bindings = HashMap::new();
            for binding in &topology.value.bindings {
                *bindings.entry(&binding.source).or_insert(0) += 1;
            }
            bindings
        });
        Self { measured: measures.map(|exchange| (&exchange.name, exchange)).collect(), bindings }
    }

    fn row(&self, exchange: &Exchange) -> ExchangeRow {
        let measure = self.measured.get(&exchange.name).copied();
        ExchangeRow {
            name: exchange.name.clone(),
            label: exchange.label.clone(),
            built_in: exchange.built_in,
            internal: exchange.internal,
            durable: exchange.durable,
            rate_in: measure.and_then(|measure| measure.rate_in),
            rate_out: measure.and_then(|measure| measure.rate_out),
            rate_unroutable: measure.and_then(|measure| measure.rate_unroutable),
            bindings: self.bindings.as_ref().map(|bindings| bindings.get(&exchange.name).copied().unwrap_or(0)),
            alternate: exchange.alternate.clone(),
        }
    }
}
