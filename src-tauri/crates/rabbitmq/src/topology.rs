//! Reads what is there: queues, exchanges, bindings, and the policies that apply to them. The broker's own summary of
//! policies is seconds old, so they are put together here from names and definitions, which are not.

use std::collections::{HashMap, HashSet};

use broker::{
    Binding, DeadLetterRoute, Destination, Exchange, ExchangeName, Missing, Partial, Policy, Queue, QueueName, Result,
    RouteSource, Topology,
};
use serde_json::Value as Json;

use crate::api::{Api, BindingInfo, ExchangeInfo, PolicyInfo, QueueInfo};
use crate::badges::badges;
use crate::rules::routing::Ways;
use crate::rules::settings::{dead_letter_exchange, dead_letter_routing_key};
use crate::translate::json_table;

/// The parts, as [`Missing::what`] calls them. Rules know them by these names.
pub(crate) mod part {
    pub(crate) const QUEUES: &str = "queues";
    pub(crate) const EXCHANGES: &str = "exchanges";
    pub(crate) const BINDINGS: &str = "bindings";
    pub(crate) const POLICIES: &str = "policies";
    pub(crate) const OPERATOR_POLICIES: &str = "operator policies";
    pub(crate) const ALL: [&str; 5] = [QUEUES, EXCHANGES, BINDINGS, POLICIES, OPERATOR_POLICIES];
}

const QUEUE_COLUMNS: &str = "name,type,durable,auto_delete,exclusive,arguments,policy";
const EXCHANGE_COLUMNS: &str = "name,type,durable,auto_delete,internal,arguments,policy";

/// Everything, as it is this instant. An error only if nothing at all could be read: the first one.
pub(crate) async fn read(api: &Api, version: &str) -> Result<Partial<Topology>> {
    let (queues, exchanges, bindings, policies, operator_policies) = tokio::join!(
        api.queues(QUEUE_COLUMNS, true),
        api.exchanges(EXCHANGE_COLUMNS, true),
        api.bindings(),
        api.policies(),
        api.operator_policies(),
    );
    let mut missing = Vec::new();
    let mut first_error = None;
    let queues = part_of(part::QUEUES, queues, &mut missing, &mut first_error);
    let exchanges = part_of(part::EXCHANGES, exchanges, &mut missing, &mut first_error);
    let bindings = part_of(part::BINDINGS, bindings, &mut missing, &mut first_error);
    let policies = part_of(part::POLICIES, policies, &mut missing, &mut first_error);
    let operators = part_of(part::OPERATOR_POLICIES, operator_policies, &mut missing, &mut first_error);
    if missing.len() == part::ALL.len()
        && let Some(error) = first_error
    {
        return Err(error);
    }
    let has_exchanges = exchanges.is_some();
    let mut resolver = Resolver::new(policies.as_deref());
    if policies.is_none() || operators.is_none() {
        resolver.read_effective(api).await;
    }
    if let Err(error) = resolver.read_operators(api, operators.unwrap_or_default()).await {
        missing.push(missing_part(part::OPERATOR_POLICIES, &error));
    }
    let topology = Topology {
        queues: queues.unwrap_or_default().into_iter().map(|info| resolver.queue(info)).collect(),
        exchanges: exchanges.unwrap_or_default().into_iter().map(|info| resolver.exchange(info)).collect(),
        bindings: bindings.unwrap_or_default().into_iter().map(binding).collect(),
        dead_letter_routes: Vec::new(),
    };
    let mut partial = Partial { value: topology, missing };
    lead(&mut partial, version, has_exchanges);
    Ok(partial)
}

/// What is known where there is no management API: nothing, and why.
pub(crate) fn unread(error: &broker::Error) -> Partial<Topology> {
    Partial { value: Topology::default(), missing: part::ALL.map(|what| missing_part(what, error)).into() }
}

/// That this part could not be read, and what would show it.
pub(crate) fn missing_part(what: &str, error: &broker::Error) -> Missing {
    let why = match error.what_to_do() {
        Some(remedy) => format!("{}; {remedy}", error.why()),
        None => error.why().to_owned(),
    };
    Missing { what: what.to_owned(), kind: error.kind(), why }
}

fn part_of<T>(
    what: &str,
    read: Result<T>,
    missing: &mut Vec<Missing>,
    first_error: &mut Option<broker::Error>,
) -> Option<T> {
    match read {
        Ok(part) => Some(part),
        Err(error) => {
            missing.push(missing_part(what, &error));
            first_error.get_or_insert(error);
            None
        }
    }
}

/// Finds the policies that apply.
#[derive(Debug, Default)]
struct Resolver {
    /// By name; `None`: they could not be read.
    policies: Option<HashMap<String, PolicyInfo>>,
    /// By queue. There may be several of the same priority: which of them the broker took cannot be told.
    operators: HashMap<String, Vec<PolicyInfo>>,
    /// By queue, where policies could not be read: the broker's own summary, seconds old.
    effective: HashMap<String, (String, Json)>,
}

impl Resolver {
    fn new(policies: Option<&[PolicyInfo]>) -> Self {
        let by_name =
            |policies: &[PolicyInfo]| policies.iter().map(|policy| (policy.name.clone(), policy.clone())).collect();
        Self { policies: policies.map(by_name), ..Self::default() }
    }

    async fn read_effective(&mut self, api: &Api) {
        let Ok(queues) = api.queues("name,policy,effective_policy_definition", false).await else { return };
        for queue in queues {
            if queue.effective_policy_definition.as_object().is_some_and(|definition| !definition.is_empty()) {
                let name = queue.policy.unwrap_or_default();
                self.effective.insert(queue.name, (name, queue.effective_policy_definition));
            }
        }
    }

    /// Which queues an operator policy applies to is asked of the broker, whose regular expressions are its own; before
    /// 4.3 it tells the resolved name only seconds later.
    async fn read_operators(&mut self, api: &Api, operators: Vec<PolicyInfo>) -> Result<()> {
        let mut best: HashMap<String, Vec<PolicyInfo>> = HashMap::new();
        for policy in operators {
            // The API compares names without regard to case, policies do not.
            let pattern = format!("(?-i){}", policy.pattern);
            for queue in api.queues_matching(&pattern, "name,type", true).await? {
                if !applies_to(&policy.apply_to, queue.kind.as_deref()) {
                    continue;
                }
                let found = best.entry(queue.name).or_default();
                match found.first().map(|first| first.priority) {
                    Some(priority) if priority > policy.priority => {}
                    Some(priority) if priority == policy.priority => found.push(policy.clone()),
                    _ => *found = vec![policy.clone()],
                }
            }
        }
        self.operators = best;
        Ok(())
    }

    fn queue(&self, info: QueueInfo) -> Queue {
        Queue {
            policies: self.policies_of_queue(&info),
            name: info.name.into(),
            label: info.kind.unwrap_or_default(),
            durable: info.durable,
            auto_delete: info.auto_delete,
            exclusive: info.exclusive,
            arguments: json_table(&info.arguments),
            badges: Vec::new(),
            is_dead_letter_queue: false,
        }
    }

    fn policies_of_queue(&self, info: &QueueInfo) -> Vec<Policy> {
        let mut found: Vec<_> = self.named(info.policy.as_deref()).into_iter().collect();
        if let Some(operators) = self.operators.get(&info.name) {
            found.extend(operators.iter().map(|policy| policy_of(policy, true)));
        }
        if let Some((name, definition)) = self.effective.get(&info.name) {
            found.push(Policy { name: name.clone(), operator: false, definition: json_table(definition) });
        }
        found
    }

    fn named(&self, name: Option<&str>) -> Option<Policy> {
        let policy = self.policies.as_ref()?.get(name?)?;
        Some(policy_of(policy, false))
    }

    fn exchange(&self, info: ExchangeInfo) -> Exchange {
        let arguments = json_table(&info.arguments);
        let policies: Vec<_> = self.named(info.policy.as_deref()).into_iter().collect();
        let by_policy = || policies.iter().find_map(|policy| policy.definition.text("alternate-exchange"));
        let alternate = arguments.text("alternate-exchange").or_else(by_policy).map(ExchangeName::from);
        Exchange {
            built_in: info.name.is_empty() || info.name.starts_with("amq."),
            name: info.name.into(),
            label: info.kind.unwrap_or_default(),
            durable: info.durable,
            auto_delete: info.auto_delete,
            internal: info.internal.unwrap_or(false),
            arguments,
            policies,
            alternate,
        }
    }
}

fn policy_of(policy: &PolicyInfo, operator: bool) -> Policy {
    Policy { name: policy.name.clone(), operator, definition: json_table(&Json::Object(policy.definition.clone())) }
}

/// Whether a policy with that `apply-to` concerns queues of that type.
pub(crate) fn applies_to(apply_to: &str, kind: Option<&str>) -> bool {
    match apply_to {
        "classic_queues" => kind == Some("classic"),
        "quorum_queues" => kind == Some("quorum"),
        "streams" => kind == Some("stream"),
        "exchanges" => false,
        _ => true,
    }
}

fn binding(info: BindingInfo) -> Binding {
    Binding {
        source: info.source.into(),
        destination: match info.destination_type.as_str() {
            "exchange" => Destination::Exchange(info.destination.into()),
            _ => Destination::Queue(info.destination.into()),
        },
        key: info.routing_key,
        arguments: json_table(&info.arguments),
    }
}

/// Follows dead letters: routes, the queues that they reach, and what queues are called because of it.
fn lead(partial: &mut Partial<Topology>, version: &str, has_exchanges: bool) {
    let known: HashSet<_> = partial.value.exchanges.iter().map(|exchange| exchange.name.clone()).collect();
    let is_broken =
        |exchange: &ExchangeName| has_exchanges && !exchange.as_str().is_empty() && !known.contains(exchange);
    let mut routes: Vec<_> = partial.value.queues.iter().filter_map(route).collect();
    let mut targets: HashSet<QueueName> = HashSet::new();
    let ways = Ways::of(partial, version);
    for route in &mut routes {
        route.broken = is_broken(&route.exchange);
        let reach = ways.dead_letters(route);
        // By the default exchange and its own key a dead letter may reach any queue: that makes none of them a place
        // for dead letters.
        let possible =
            if route.exchange.as_str().is_empty() && route.routing_key.is_none() { Vec::new() } else { reach.possible };
        for queue in reach.certain.iter().chain(&possible) {
            targets.insert(queue.clone());
        }
        route.reaches = reach.certain;
    }
    for queue in &mut partial.value.queues {
        queue.is_dead_letter_queue = targets.contains(&queue.name);
        queue.badges = badges(queue, version);
    }
    partial.value.dead_letter_routes = routes;
}

fn route(queue: &Queue) -> Option<DeadLetterRoute> {
    let exchange = dead_letter_exchange(queue)?.into();
    let by_policy = || queue.policies.iter().find(|policy| policy.definition.get("dead-letter-exchange").is_some());
    let source = match queue.arguments.get("x-dead-letter-exchange") {
        Some(_) => RouteSource::Argument,
        None => RouteSource::Policy(by_policy().map(|policy| policy.name.clone()).unwrap_or_default()),
    };
    Some(DeadLetterRoute {
        queue: queue.name.clone(),
        exchange,
        routing_key: dead_letter_routing_key(queue).map(str::to_owned),
        source,
        reaches: Vec::new(),
        broken: false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    fn read_queue(resolver: &Resolver, json: Json) -> Queue {
        resolver.queue(serde_json::from_value(json).unwrap())
    }

    fn policy(name: &str, definition: Json) -> PolicyInfo {
        PolicyInfo { name: name.into(), definition: definition.as_object().unwrap().clone(), ..PolicyInfo::default() }
    }

    fn topology(queues: Vec<Queue>, exchanges: &[&str], bindings: &[(&str, &str)]) -> Partial<Topology> {
        let exchange = |name: &&str| Exchange { name: (*name).into(), label: "fanout".into(), ..Exchange::default() };
        let bind = |(source, queue): &(&str, &str)| Binding {
            source: (*source).into(),
            destination: Destination::Queue((*queue).into()),
            key: String::new(),
            arguments: broker::Table::new(),
        };
        Partial::whole(Topology {
            queues,
            exchanges: exchanges.iter().map(exchange).collect(),
            bindings: bindings.iter().map(bind).collect(),
            dead_letter_routes: Vec::new(),
        })
    }

    #[test]
    fn a_route_by_policy_leads_to_the_queue_that_it_makes_a_dead_letter_queue() {
        let resolver = Resolver::new(Some(&[policy("dead", json!({"dead-letter-exchange": "dlx"}))]));
        let queues = vec![
            read_queue(&resolver, json!({"name": "a", "type": "classic", "policy": "dead"})),
            read_queue(
                &resolver,
                json!({"name": "b", "type": "classic", "arguments": {"x-dead-letter-exchange": "dlx"}}),
            ),
            read_queue(&resolver, json!({"name": "d", "type": "classic"})),
        ];
        let mut partial = topology(queues, &["", "dlx"], &[("dlx", "d")]);
        lead(&mut partial, "4.3.6", true);
        let routes = &partial.value.dead_letter_routes;
        assert_eq!(routes[0].source, RouteSource::Policy("dead".into()));
        assert_eq!(routes[1].source, RouteSource::Argument);
        assert_eq!(routes[0].reaches, vec![QueueName::from("d")]);
        let dead = partial.value.queue(&"d".into()).unwrap();
        assert!(dead.is_dead_letter_queue);
    }

    #[test]
    fn a_route_to_an_exchange_that_does_not_exist_is_broken_unless_exchanges_are_unknown() {
        let queue =
            || read_queue(&Resolver::default(), json!({"name": "a", "arguments": {"x-dead-letter-exchange": "gone"}}));
        for (has_exchanges, broken) in [(true, true), (false, false)] {
            let mut partial = topology(vec![queue()], &[], &[]);
            lead(&mut partial, "4.3.6", has_exchanges);
            assert_eq!(partial.value.dead_letter_routes[0].broken, broken);
        }
    }

    #[test]
    fn a_route_back_by_the_messages_own_key_does_not_make_every_queue_a_dead_letter_queue() {
        let resolver = Resolver::default();
        let retry = json!({"name": "retry", "type": "classic", "arguments": {"x-dead-letter-exchange": ""}});
        let mut partial = topology(
            vec![read_queue(&resolver, retry), read_queue(&resolver, json!({"name": "other", "type": "classic"}))],
            &[""],
            &[],
        );
        lead(&mut partial, "4.3.6", true);
        assert!(partial.value.queues.iter().all(|queue| !queue.is_dead_letter_queue));
        assert!(!partial.value.dead_letter_routes[0].broken);
    }

    #[test]
    fn an_alternate_exchange_comes_from_arguments_before_policies() {
        let resolver = Resolver::new(Some(&[policy("alt", json!({"alternate-exchange": "p"}))]));
        let read = |json: Json| resolver.exchange(serde_json::from_value(json).unwrap()).alternate;
        assert_eq!(
            read(json!({"name": "x", "policy": "alt", "arguments": {"alternate-exchange": "a"}})),
            Some("a".into())
        );
        assert_eq!(read(json!({"name": "x", "policy": "alt"})), Some("p".into()));
        assert_eq!(read(json!({"name": "x"})), None);
    }

    #[test]
    fn a_policy_for_quorum_queues_leaves_classic_ones_alone() {
        assert!(applies_to("queues", Some("classic")) && applies_to("all", Some("quorum")));
        assert!(applies_to("quorum_queues", Some("quorum")) && !applies_to("quorum_queues", Some("classic")));
        assert!(!applies_to("exchanges", Some("classic")));
    }
}
