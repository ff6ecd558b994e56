//! Which queues are places for dead letters, and which are working queues that get some back.

use std::collections::{HashMap, HashSet};

use broker::{Destination, ExchangeName, QueueName, Topology};

/// The queues that dead letters are the only feed of, as far as it can be told. Publishers are not in a topology, so two
/// signs stand for them: an exchange that no dead letter passes; and one that some pass but that also leads to queues
/// which none reach, where this queue sends on what dies in it, as working queues do. Whoever names the queue itself, by
/// the default exchange, does not count.
pub(super) fn dead_letter_queues(topology: &Topology) -> HashSet<QueueName> {
    let reached: HashSet<_> =
        topology.queues.iter().filter(|queue| queue.is_dead_letter_queue).map(|queue| &queue.name).collect();
    let passed = passed(topology);
    let sends_on: HashSet<_> = topology
        .dead_letter_routes
        .iter()
        .filter(|route| route.reaches.iter().any(|queue| *queue != route.queue))
        .map(|route| &route.queue)
        .collect();
    let leads_to_work: HashSet<_> = ways(topology)
        .filter(|(_, to)| matches!(to, Destination::Queue(queue) if !reached.contains(queue)))
        .map(|(from, _)| from)
        .collect();
    let mut only = reached.clone();
    for (from, to) in ways(topology) {
        if let Destination::Queue(queue) = to
            && (!passed.contains(from) || sends_on.contains(queue) && leads_to_work.contains(from))
        {
            only.remove(queue);
        }
    }
    only.into_iter().cloned().collect()
}

/// Every binding but those of the default exchange, which binds each queue by its name.
fn ways(topology: &Topology) -> impl Iterator<Item = (&ExchangeName, &Destination)> {
    let named = topology.bindings.iter().filter(|binding| !binding.source.as_str().is_empty());
    named.map(|binding| (&binding.source, &binding.destination))
}

/// The exchanges that dead letters are sent to, and those behind them.
fn passed(topology: &Topology) -> HashSet<&ExchangeName> {
    let mut behind: HashMap<&ExchangeName, Vec<&ExchangeName>> = HashMap::new();
    for (from, to) in ways(topology) {
        if let Destination::Exchange(to) = to {
            behind.entry(from).or_default().push(to);
        }
    }
    for exchange in &topology.exchanges {
        behind.entry(&exchange.name).or_default().extend(&exchange.alternate);
    }
    let mut passed = HashSet::new();
    let mut next: Vec<_> = topology.dead_letter_routes.iter().map(|route| &route.exchange).collect();
    while let Some(exchange) = next.pop() {
        if passed.insert(exchange) {
            next.extend(behind.get(exchange).into_iter().flatten());
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use broker::{Binding, DeadLetterRoute, Queue, RouteSource, Table};

    use super::*;

    fn route(queue: &str, exchange: &str, reaches: &[&str]) -> DeadLetterRoute {
        DeadLetterRoute {
            queue: queue.into(),
            exchange: exchange.into(),
            routing_key: None,
            source: RouteSource::Argument,
            reaches: reaches.iter().map(|queue| (*queue).into()).collect(),
            broken: false,
        }
    }

    fn topology(queues: &[&str], bindings: &[(&str, &str)], routes: Vec<DeadLetterRoute>) -> Topology {
        let reached = |name: &str| routes.iter().any(|route| route.reaches.contains(&name.into()));
        let queue =
            |name: &&str| Queue { name: (*name).into(), is_dead_letter_queue: reached(name), ..Queue::default() };
        let binding = |(source, queue): &(&str, &str)| Binding {
            source: (*source).into(),
            destination: Destination::Queue((*queue).into()),
            key: String::new(),
            arguments: Table::new(),
        };
        Topology {
            queues: queues.iter().map(queue).collect(),
            bindings: bindings.iter().map(binding).collect(),
            exchanges: Vec::new(),
            dead_letter_routes: routes,
        }
    }

    fn names(topology: &Topology) -> Vec<String> {
        let mut names: Vec<_> = dead_letter_queues(topology).iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn a_working_queue_that_gets_its_own_letters_back_is_no_dead_letter_queue() {
        let routes = vec![
            route("payment", "dlx", &["dead"]),
            route("new", "dlx", &["dead"]),
            route("retry", "orders", &["payment"]),
        ];
        let bindings = [("orders", "payment"), ("orders", "new"), ("dlx", "dead"), ("dlx", "retry")];
        assert_eq!(names(&topology(&["payment", "new", "retry", "dead"], &bindings, routes)), ["dead"]);
    }

    #[test]
    fn a_queue_that_another_exchange_feeds_is_no_dead_letter_queue() {
        let routes = || vec![route("work", "dlx", &["dead"])];
        let both = [("orders", "work"), ("dlx", "dead"), ("alerts", "dead")];
        assert_eq!(names(&topology(&["work", "dead"], &both, routes())), Vec::<String>::new());
        let one = [("orders", "work"), ("dlx", "dead"), ("", "dead")];
        assert_eq!(names(&topology(&["work", "dead"], &one, routes())), ["dead"], "its own name feeds every queue");
    }

    #[test]
    fn dead_letters_may_come_through_more_than_one_exchange() {
        let routes = vec![route("work", "dlx", &["dead"])];
        let mut topology = topology(&["work", "dead"], &[("behind", "dead")], routes);
        topology.bindings.push(Binding {
            source: "dlx".into(),
            destination: Destination::Exchange("behind".into()),
            key: String::new(),
            arguments: Table::new(),
        });
        assert_eq!(names(&topology), ["dead"]);
    }

    #[test]
    fn a_policy_that_gives_the_dead_letter_queue_its_own_exchange_changes_nothing() {
        let routes = vec![route("work", "dlx", &["dead"]), route("dead", "dlx", &["dead"])];
        assert_eq!(names(&topology(&["work", "dead"], &[("dlx", "dead"), ("dlx", "idle")], routes)), ["dead"]);
    }
}
