//! What holds for a queue when arguments, a policy and an operator policy all say something: as the broker resolves it.

use broker::{Facts, Partial, Queue, Topology, Value};

use super::version::Version;

/// The delivery limit that a quorum queue has on 4.x where nobody set one.
const DEFAULT_DELIVERY_LIMIT: u64 = 20;

/// The three places where a setting of a queue can stand.
#[derive(Debug, Clone, Copy)]
struct Places<'a> {
    argument: Option<&'a Value>,
    policy: Option<&'a Value>,
    operator_policy: Option<&'a Value>,
}

impl<'a> Places<'a> {
    /// `name` as policies call it; the argument has `x-` before it.
    fn of(queue: &'a Queue, name: &str) -> Self {
        let policy = |operator| {
            queue
                .policies
                .iter()
                .filter(|policy| policy.operator == operator)
                .find_map(|policy| policy.definition.get(name))
        };
        Self {
            argument: queue.arguments.get(&format!("x-{name}")),
            policy: policy(false),
            operator_policy: policy(true),
        }
    }

    fn smallest(self) -> Option<u64> {
        [self.argument, self.policy, self.operator_policy]
            .into_iter()
            .filter_map(|value| u64::try_from(whole(value?)?).ok())
            .min()
    }

    fn argument_first(self) -> Option<&'a str> {
        self.argument.or(self.operator_policy).or(self.policy).and_then(Value::as_str)
    }

    fn policy_first(self) -> Option<&'a str> {
        self.operator_policy.or(self.policy).or(self.argument).and_then(Value::as_str)
    }
}

/// A whole number, also where the management API writes it as a float.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::F64(bits) => {
            let float = f64::from_bits(*bits);
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }
        other => other.as_i64(),
    }
}

/// How often a message may be handed out and come back, and who says so. A negative number means "no limit" there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DeliveryLimit {
    /// What holds; `None`: unlimited.
    pub effective: Option<u64>,
    pub argument: Option<i64>,
    pub policy: Option<i64>,
    pub operator_policy: Option<i64>,
    /// What the broker takes where nothing is set; `None`: it takes none.
    pub default: Option<u64>,
}

/// The limit of a quorum queue; other queues have none. As true as its policies are known: see [`policies_unread`].
pub(crate) fn delivery_limit(facts: &Facts, queue: &Queue) -> DeliveryLimit {
    delivery_limit_of(&facts.version, queue)
}

/// The same where there are no facts yet.
pub(crate) fn delivery_limit_of(version: &str, queue: &Queue) -> DeliveryLimit {
    if queue.label != "quorum" {
        return DeliveryLimit::default();
    }
    let places = Places::of(queue, "delivery-limit");
    let [argument, policy, operator_policy] =
        [places.argument, places.policy, places.operator_policy].map(|value| value.and_then(whole));
    let default = Version::read(version).limits_by_default().then_some(DEFAULT_DELIVERY_LIMIT);
    let is_set = [argument, policy, operator_policy].iter().any(Option::is_some);
    let effective = if is_set { places.smallest() } else { default };
    DeliveryLimit { effective, argument, policy, operator_policy, default }
}

/// How long a queue may get, and what it does then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LengthLimit {
    pub messages: Option<u64>,
    pub bytes: Option<u64>,
    pub overflow: Overflow,
}

impl LengthLimit {
    pub(crate) fn is_set(self) -> bool {
        self.messages.is_some() || self.bytes.is_some()
    }

    /// A full queue lets its oldest messages go.
    pub(crate) fn drops_head(self) -> bool {
        self.is_set() && self.overflow == Overflow::DropHead
    }
}

/// What a full queue does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Overflow {
    #[default]
    DropHead,
    RejectPublish,
    /// Rejects, and sends what it rejected to its dead-letter exchange.
    RejectPublishDlx,
}

/// The smallest of all lengths counts. The overflow of a classic queue is its argument's before its policy's, of a
/// quorum queue the reverse; a quorum queue does not know `reject-publish-dlx` and drops instead.
pub(crate) fn length_limit(queue: &Queue) -> LengthLimit {
    let places = Places::of(queue, "overflow");
    let quorum = queue.label == "quorum";
    let word = if quorum { places.policy_first() } else { places.argument_first() };
    let overflow = match word {
        Some("reject-publish") => Overflow::RejectPublish,
        Some("reject-publish-dlx") if !quorum => Overflow::RejectPublishDlx,
        _ => Overflow::DropHead,
    };
    LengthLimit {
        messages: Places::of(queue, "max-length").smallest(),
        bytes: Places::of(queue, "max-length-bytes").smallest(),
        overflow,
    }
}

/// How long a message may wait, in milliseconds; a message's own `expiration` may be shorter.
pub(crate) fn message_ttl_ms(queue: &Queue) -> Option<u64> {
    Places::of(queue, "message-ttl").smallest()
}

/// After how many unused milliseconds the queue itself is deleted.
pub(crate) fn expires_ms(queue: &Queue) -> Option<u64> {
    Places::of(queue, "expires").smallest()
}

/// Where its dead letters go; `None`: they are dropped. Operators cannot set it.
pub(crate) fn dead_letter_exchange(queue: &Queue) -> Option<&str> {
    let places = Places::of(queue, "dead-letter-exchange");
    places.argument.or(places.policy).and_then(Value::as_str)
}

/// The key they get; `None`: the one they had.
pub(crate) fn dead_letter_routing_key(queue: &Queue) -> Option<&str> {
    let places = Places::of(queue, "dead-letter-routing-key");
    places.argument.or(places.policy).and_then(Value::as_str)
}

/// Only one of its consumers gets messages at a time. Only an argument can say so.
pub(crate) fn single_active_consumer(queue: &Queue) -> bool {
    queue.arguments.get("x-single-active-consumer") == Some(&Value::Bool(true))
}

/// Which returns a quorum queue (4.3 and later) hides for a while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DelayedRetry {
    #[default]
    Off,
    All,
    /// What was given back by close, kill or reject.
    Failed,
    /// What was given back by nack.
    Returned,
}

/// A word this program does not know counts as `All`.
pub(crate) fn delayed_retry(queue: &Queue) -> DelayedRetry {
    match Places::of(queue, "delayed-retry-type").argument_first() {
        None | Some("disabled") => DelayedRetry::Off,
        Some("failed") => DelayedRetry::Failed,
        Some("returned") => DelayedRetry::Returned,
        Some(_) => DelayedRetry::All,
    }
}

/// The first of these parts of the topology that could not be read.
pub(crate) fn unread<'a>(topology: &Partial<Topology>, parts: &[&'a str]) -> Option<&'a str> {
    parts.iter().copied().find(|part| topology.missing.iter().any(|missing| missing.what == *part))
}

/// Policies may set what is not known here.
pub(crate) fn policies_unread(facts: &Facts) -> Option<&'static str> {
    unread(&facts.topology, &["policies", "operator policies"])
}

#[cfg(test)]
pub(crate) mod tests {
    use broker::{Policy, Table};

    use super::*;

    /// A queue with an argument, a policy and an operator policy of one name.
    pub(crate) fn queue_with(
        label: &str,
        name: &str,
        argument: Option<Value>,
        policy: Option<Value>,
        operator_policy: Option<Value>,
    ) -> Queue {
        let mut queue = Queue { name: "q".into(), label: label.into(), ..Queue::default() };
        if let Some(value) = argument {
            queue.arguments.push(format!("x-{name}").as_str(), value);
        }
        for (operator, value) in [(false, policy), (true, operator_policy)] {
            if let Some(value) = value {
                let definition: Table = [(name, value)].into_iter().collect();
                queue.policies.push(Policy { name: "p".into(), operator, definition });
            }
        }
        queue
    }

    fn limit(version: &str, argument: Option<i64>, policy: Option<i64>, operator: Option<i64>) -> Option<u64> {
        let [argument, policy, operator] = [argument, policy, operator].map(|n| n.map(Value::I64));
        delivery_limit_of(version, &queue_with("quorum", "delivery-limit", argument, policy, operator)).effective
    }

    #[test]
    fn the_effective_delivery_limit_is_the_smallest_that_is_set() {
        // The fourteen combinations that were measured, alike on 4.0.5 and 4.3.6.
        for (argument, policy, operator, effective) in [
            (None, None, None, Some(20)),
            (Some(3), None, None, Some(3)),
            (Some(-1), None, None, None),
            (None, Some(3), None, Some(3)),
            (None, Some(30), None, Some(30)),
            (None, Some(-1), None, None),
            (None, None, Some(3), Some(3)),
            (None, None, Some(-1), None),
            (Some(-1), Some(3), None, Some(3)),
            (Some(3), Some(-1), None, Some(3)),
            (Some(5), Some(2), None, Some(2)),
            (Some(2), Some(5), None, Some(2)),
            (None, Some(3), Some(2), Some(2)),
            (Some(-1), Some(-1), Some(-1), None),
        ] {
            for version in ["4.0.5", "4.3.6", ""] {
                assert_eq!(
                    limit(version, argument, policy, operator),
                    effective,
                    "{version} {argument:?} {policy:?} {operator:?}"
                );
            }
            let on_3 = if (argument, policy, operator) == (None, None, None) { None } else { effective };
            assert_eq!(
                limit("3.10.8", argument, policy, operator),
                on_3,
                "3.10.8 {argument:?} {policy:?} {operator:?}"
            );
        }
    }

    #[test]
    fn a_limit_of_none_returns_at_all_is_a_limit() {
        assert_eq!(limit("4.3.6", Some(0), None, None), Some(0));
    }

    #[test]
    fn only_quorum_queues_have_a_delivery_limit() {
        let queue = queue_with("classic", "delivery-limit", Some(Value::I64(3)), None, None);
        assert_eq!(delivery_limit_of("4.3.6", &queue), DeliveryLimit::default());
    }

    #[test]
    fn lengths_and_times_take_the_smallest_of_argument_and_policies() {
        let n = |n| Some(Value::I64(n));
        assert_eq!(message_ttl_ms(&queue_with("classic", "message-ttl", n(500), n(300), n(400))), Some(300));
        assert_eq!(message_ttl_ms(&queue_with("classic", "message-ttl", n(0), None, None)), Some(0));
        assert_eq!(expires_ms(&queue_with("classic", "expires", None, n(9), n(4))), Some(4));
        assert_eq!(length_limit(&queue_with("classic", "max-length", n(10), n(3), None)).messages, Some(3));
        assert_eq!(length_limit(&queue_with("classic", "max-length-bytes", None, None, n(7))).bytes, Some(7));
        assert_eq!(
            message_ttl_ms(&queue_with("classic", "message-ttl", Some(Value::F64(2e3_f64.to_bits())), None, None)),
            Some(2000)
        );
    }

    #[test]
    fn overflow_is_the_arguments_on_classic_and_the_policys_on_quorum_queues() {
        let text = |text: &str| Some(Value::from(text));
        let of = |label| {
            length_limit(&queue_with(label, "overflow", text("reject-publish"), text("drop-head"), None)).overflow
        };
        assert_eq!(of("classic"), Overflow::RejectPublish);
        assert_eq!(of("quorum"), Overflow::DropHead);
        let dlx = |label| length_limit(&queue_with(label, "overflow", text("reject-publish-dlx"), None, None)).overflow;
        assert_eq!((dlx("classic"), dlx("quorum")), (Overflow::RejectPublishDlx, Overflow::DropHead));
        assert!(
            !length_limit(&queue_with("classic", "overflow", None, None, None)).drops_head(),
            "without a length nothing is dropped"
        );
    }

    #[test]
    fn a_dead_letter_exchange_is_the_arguments_before_the_policys_and_never_an_operators() {
        let text = |text: &str| Some(Value::from(text));
        let queue = queue_with("classic", "dead-letter-exchange", text("a"), text("p"), None);
        assert_eq!(dead_letter_exchange(&queue), Some("a"));
        let queue = queue_with("classic", "dead-letter-exchange", None, text("p"), text("o"));
        assert_eq!(dead_letter_exchange(&queue), Some("p"));
        let queue = queue_with("classic", "dead-letter-exchange", None, None, text("o"));
        assert_eq!(dead_letter_exchange(&queue), None);
    }

    #[test]
    fn a_delayed_retry_that_has_no_name_here_counts_as_all() {
        let of = |word: &str| delayed_retry(&queue_with("quorum", "delayed-retry-type", None, Some(word.into()), None));
        assert_eq!(of("all"), DelayedRetry::All);
        assert_eq!(of("failed"), DelayedRetry::Failed);
        assert_eq!(of("returned"), DelayedRetry::Returned);
        assert_eq!(of("disabled"), DelayedRetry::Off);
        assert_eq!(of("something new"), DelayedRetry::All);
        assert_eq!(delayed_retry(&Queue::default()), DelayedRetry::Off);
    }
}
