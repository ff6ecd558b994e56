//! Where a message goes, and where dead letters go: bindings from exchange to exchange to queue, alternate exchanges,
//! and what of it cannot be told.

use std::collections::{BTreeSet, HashMap, HashSet};

use broker::{
    Arrivals, Binding, DeadLetterRoute, Destination, Exchange, Outgoing, Partial, QueueName, Routing, Table, Target,
    Topology, Unsure, Value,
};

use super::matching::{Fit, headers_fit, takes_every_key, topic_fits};
use super::settings::unread;
use super::version::Version;

/// The queues that a dead letter reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Whatever the message is.
    pub certain: Vec<QueueName>,
    /// Depending on its key or headers, or on an exchange that only the broker can compute; none of the certain ones.
    pub possible: Vec<QueueName>,
}

/// A topology, indexed for following messages through it.
#[derive(Debug)]
pub(crate) struct Ways<'a> {
    topology: &'a Partial<Topology>,
    queues: HashSet<&'a [u8]>,
    exchanges: HashMap<&'a str, &'a Exchange>,
    bindings: HashMap<&'a str, Vec<&'a Binding>>,
    /// By exchange and key: a direct exchange may have ten thousand.
    by_key: HashMap<(&'a str, &'a [u8]), Vec<&'a Binding>>,
    exactly: Option<bool>,
}

/// What is known of the message on its way.
#[derive(Debug, Clone, Copy)]
struct Known<'m> {
    /// Its routing key and what CC and BCC add; `None`: not known.
    keys: Option<&'m [&'m [u8]]>,
    headers: Option<&'m Table>,
}

/// Where one exchange sends a message.
#[derive(Debug, Default)]
struct Step<'a> {
    certain: Vec<&'a Destination>,
    perhaps: Vec<&'a Destination>,
    alternate: Option<(&'a str, Fit)>,
    /// Why that is not all, or not sure.
    why: Option<String>,
}

#[derive(Debug, Default)]
struct Walk<'a> {
    certain: BTreeSet<&'a QueueName>,
    possible: BTreeSet<&'a QueueName>,
    /// The exchange, and why.
    unsure: Vec<(String, String)>,
}

impl<'a> Ways<'a> {
    pub(crate) fn of(topology: &'a Partial<Topology>, version: &str) -> Self {
        let Topology { queues, exchanges, bindings, .. } = &topology.value;
        let mut by_source: HashMap<&str, Vec<&Binding>> = HashMap::new();
        let mut by_key: HashMap<(&str, &[u8]), Vec<&Binding>> = HashMap::new();
        for binding in bindings {
            let source = binding.source.as_str();
            by_source.entry(source).or_default().push(binding);
            by_key.entry((source, binding.key.as_bytes())).or_default().push(binding);
        }
        Self {
            topology,
            queues: queues.iter().map(|queue| queue.name.as_str().as_bytes()).collect(),
            exchanges: exchanges.iter().map(|exchange| (exchange.name.as_str(), exchange)).collect(),
            bindings: by_source,
            by_key,
            exactly: Version::read(version).compares_headers_exactly(),
        }
    }

    /// Where the message would arrive.
    pub(crate) fn arrivals(&self, message: &Outgoing) -> Arrivals {
        let (exchange, key) = match &message.target {
            Target::Queue { queue } => ("", queue.as_str()),
            Target::Exchange { exchange, key } => (exchange.as_str(), key.as_str()),
        };
        let at = |exchange: &str| Routing { exchange: exchange.into(), key: key.to_owned() };
        let keys = match all_keys(key, &message.headers) {
            Ok(keys) => keys,
            Err(why) => return Arrivals { queues: Vec::new(), unsure: vec![Unsure { at: at(exchange), why }] },
        };
        if exchange.is_empty() {
            return self.by_default_exchange(&keys, &at);
        }
        let walk = self.walk(exchange, Known { keys: Some(&keys), headers: Some(&message.headers) });
        Arrivals {
            queues: walk.certain.into_iter().cloned().collect(),
            unsure: walk.unsure.into_iter().map(|(exchange, why)| Unsure { at: at(&exchange), why }).collect(),
        }
    }

    fn by_default_exchange(&self, keys: &[&[u8]], at: &impl Fn(&str) -> Routing) -> Arrivals {
        let mut queues = BTreeSet::new();
        let mut unsure = Vec::new();
        for key in keys {
            let name = String::from_utf8_lossy(key);
            let why = if self.queues.contains(key) {
                queues.insert(QueueName::from(&*name));
                continue;
            } else if key.starts_with(b"amq.rabbitmq.reply-to.") {
                format!("`{name}` is not a queue but the direct reply to a waiting client")
            } else if unread(self.topology, &["queues"]).is_some() {
                format!("the queues could not be read, so it is not known whether `{name}` exists")
            } else {
                continue;
            };
            unsure.push(Unsure { at: at(""), why });
        }
        Arrivals { queues: queues.into_iter().collect(), unsure }
    }

    /// Which queues the dead letters of that route reach. A route without a key of its own keeps the message's keys, so
    /// whatever its exchange may lead to is possible. Where parts of the topology could not be read, the answer covers
    /// what was read.
    pub(crate) fn dead_letters(&self, route: &DeadLetterRoute) -> Reach {
        let key = route.routing_key.as_deref().map(str::as_bytes);
        if route.exchange.as_str().is_empty() {
            return self.dead_letters_by_default_exchange(route.routing_key.as_deref());
        }
        let keys = key.map(|key| [key]);
        let known = Known { keys: keys.as_ref().map(<[_; 1]>::as_slice), headers: None };
        let walk = self.walk(route.exchange.as_str(), known);
        Reach {
            certain: walk.certain.iter().copied().cloned().collect(),
            possible: walk.possible.difference(&walk.certain).copied().cloned().collect(),
        }
    }

    fn dead_letters_by_default_exchange(&self, key: Option<&str>) -> Reach {
        match key {
            Some(key) if self.queues.contains(key.as_bytes()) => {
                Reach { certain: vec![key.into()], ..Reach::default() }
            }
            Some(key) if unread(self.topology, &["queues"]).is_some() => {
                Reach { possible: vec![key.into()], ..Reach::default() }
            }
            Some(_) => Reach::default(),
            None => {
                let all: BTreeSet<_> = self.topology.value.queues.iter().map(|queue| &queue.name).collect();
                Reach { possible: all.into_iter().cloned().collect(), ..Reach::default() }
            }
        }
    }

    /// Follows a message from an exchange: first all that is certain, then what is possible beyond it. Each exchange is
    /// asked once, as the broker does it, so circles end.
    fn walk(&self, start: &str, known: Known<'_>) -> Walk<'a> {
        let mut walk = Walk::default();
        let Some((&start, _)) = self.exchanges.get_key_value(start) else {
            if let Some(why) = self.unknown_exchange(start) {
                walk.unsure.push((start.to_owned(), why));
            }
            return walk;
        };
        let mut seen = HashSet::from([start]);
        let mut certain = vec![start];
        let mut perhaps = Vec::new();
        while let Some(exchange) = certain.pop() {
            let step = self.step(exchange, known);
            if let Some(why) = step.why {
                walk.unsure.push((exchange.to_owned(), why));
            }
            for to in step.certain {
                Self::follow(to, &mut walk.certain, &mut seen, &mut certain);
            }
            match step.alternate {
                Some((alternate, Fit::Yes)) if seen.insert(alternate) => certain.push(alternate),
                Some((alternate, Fit::Perhaps)) => perhaps.push(alternate),
                _ => {}
            }
            for to in step.perhaps {
                match to {
                    Destination::Queue(queue) => drop(walk.possible.insert(queue)),
                    Destination::Exchange(exchange) => perhaps.push(exchange.as_str()),
                }
            }
        }
        perhaps.retain(|exchange| seen.insert(exchange));
        while let Some(exchange) = perhaps.pop() {
            let step = self.step(exchange, known);
            for to in step.certain.into_iter().chain(step.perhaps) {
                Self::follow(to, &mut walk.possible, &mut seen, &mut perhaps);
            }
            if let Some((alternate, _)) = step.alternate
                && seen.insert(alternate)
            {
                perhaps.push(alternate);
            }
        }
        walk.unsure.sort();
        walk
    }

    fn follow(
        to: &'a Destination,
        queues: &mut BTreeSet<&'a QueueName>,
        seen: &mut HashSet<&'a str>,
        exchanges: &mut Vec<&'a str>,
    ) {
        match to {
            Destination::Queue(queue) => drop(queues.insert(queue)),
            Destination::Exchange(exchange) => {
                if seen.insert(exchange.as_str()) {
                    exchanges.push(exchange.as_str());
                }
            }
        }
    }

    fn unknown_exchange(&self, name: &str) -> Option<String> {
        unread(self.topology, &["exchanges"])?;
        Some(format!("the exchanges could not be read, so it is not known what `{name}` is"))
    }

    fn step(&self, name: &'a str, known: Known<'_>) -> Step<'a> {
        // As an alternate or at the end of a binding the default exchange leads nowhere: its bindings are not stored.
        if name.is_empty() {
            return Step::default();
        }
        let Some(exchange) = self.exchanges.get(name) else {
            return Step { why: self.unknown_exchange(name), ..Step::default() };
        };
        let mut step = Step::default();
        let is_plugin = !matches!(exchange.label.as_str(), "direct" | "fanout" | "topic" | "headers");
        for binding in self.bindings_of(exchange, known) {
            match if is_plugin { Fit::Perhaps } else { self.fit(&exchange.label, binding, known) } {
                Fit::Yes => step.certain.push(&binding.destination),
                Fit::Perhaps => step.perhaps.push(&binding.destination),
                Fit::No => {}
            }
        }
        step.why = self.why_unsure(exchange, &step, is_plugin);
        if step.certain.is_empty() {
            let sure = if step.perhaps.is_empty() && step.why.is_none() { Fit::Yes } else { Fit::Perhaps };
            step.alternate = exchange.alternate.as_ref().map(|alternate| (alternate.as_str(), sure));
            if step.alternate.is_none() && step.why.is_none() && unread(self.topology, &["policies"]).is_some() {
                step.why =
                    Some(format!("the policies could not be read: one may send on what no binding of `{name}` takes"));
            }
        }
        step
    }

    /// Its bindings; of a direct exchange only those that can match, where the keys are known.
    fn bindings_of(&self, exchange: &Exchange, known: Known<'_>) -> Vec<&'a Binding> {
        let name = exchange.name.as_str();
        match (exchange.label.as_str(), known.keys) {
            ("direct", Some(keys)) => {
                keys.iter().filter_map(|key| self.by_key.get(&(name, *key))).flatten().copied().collect()
            }
            _ => self.bindings.get(name).cloned().unwrap_or_default(),
        }
    }

    fn fit(&self, label: &str, binding: &Binding, known: Known<'_>) -> Fit {
        let pattern = binding.key.as_bytes();
        match (label, known.keys) {
            ("fanout", _) => Fit::Yes,
            ("direct", Some(keys)) => keys.contains(&pattern).into(),
            ("topic", Some(keys)) => keys.iter().any(|key| topic_fits(pattern, key)).into(),
            ("topic", None) if takes_every_key(&binding.key) => Fit::Yes,
            ("headers", _) => headers_fit(&binding.arguments, known.headers, self.exactly),
            _ => Fit::Perhaps,
        }
    }

    fn why_unsure(&self, exchange: &Exchange, step: &Step<'_>, is_plugin: bool) -> Option<String> {
        let (name, label) = (&exchange.name, &exchange.label);
        if label.is_empty() {
            Some(format!("the type of `{name}` is not known"))
        } else if is_plugin {
            Some(format!(
                "`{name}` has the type `{label}` of a plugin: only the broker can tell where it sends a message"
            ))
        } else if unread(self.topology, &["bindings"]).is_some() {
            Some(format!("the bindings of `{name}` could not be read"))
        } else if !step.perhaps.is_empty() {
            Some(format!("bindings of `{name}` compare a header with a value whose type the broker does not show"))
        } else {
            None
        }
    }
}

/// The routing key, and what the CC and BCC headers add to it. A list may hold other things than texts; they are
/// left out, as the broker does it.
fn all_keys<'m>(key: &'m str, headers: &'m Table) -> Result<Vec<&'m [u8]>, String> {
    let mut keys = vec![key.as_bytes()];
    for name in ["CC", "BCC"] {
        match headers.get(name) {
            None => {}
            Some(Value::Array(more)) => keys.extend(more.iter().filter_map(|value| match value {
                Value::Text(bytes) => Some(bytes.as_slice()),
                _ => None,
            })),
            Some(_) => return Err(format!("the broker refuses a message whose header {name} is not a list")),
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
