//! Makes looking safe: a policy for one queue that lifts its delivery limit, and takes along what the policy said that
//! it masks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::{Error, ErrorKind, Guard, GuardPlan, Queue, QueueName, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::time::Instant;

use crate::api::PolicyInfo;
use crate::rules::settings::delivery_limit_of;
use crate::shared::Shared;
use crate::topology;

/// Policies for one type of queue came with this version.
const QUORUM_POLICIES: (u32, u32) = (3, 12);
const LIMIT: &str = "delivery-limit";
/// Before 4.0 a policy cannot say "none", only so many that none is ever reached.
const NEVER_REACHED: i64 = 1_000_000;
const WAIT: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(100);
/// Between the broker saying that a policy applies and the queue acting on it.
const SETTLE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct RabbitGuard {
    shared: Arc<Shared>,
}

impl RabbitGuard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

/// What is kept of a plan to carry it out and to take it back.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    name: String,
    vhost: String,
    policy: Json,
}

#[async_trait]
impl Guard for RabbitGuard {
    async fn propose(&self, queue: &QueueName) -> Result<GuardPlan> {
        let doing = || format!("make looking into queue `{queue}` safe");
        let version = self.shared.version();
        let read = topology::read(&self.shared.api, &version).await?;
        let found =
            read.value.queue(queue).ok_or_else(|| Error::new(ErrorKind::NotFound, doing(), "it does not exist"))?;
        let policies = self.shared.api.policies().await?;
        let allowed =
            self.shared.api.whoami().await.ok().map(|user| user.has("administrator") || user.has("policymaker"));
        let masked = found.policies.iter().find(|policy| !policy.operator);
        let masked = masked.and_then(|masked| policies.iter().find(|policy| policy.name == masked.name));
        let note = Note {
            name: name_of(queue),
            vhost: self.shared.endpoint.vhost.clone(),
            policy: policy(queue, masked, &version),
        };
        Ok(GuardPlan {
            queue: queue.clone(),
            words: words(&note, masked),
            command: command(&note),
            allowed,
            useless: useless(found, &version),
            note: serde_json::to_string(&note)
                .map_err(|error| Error::new(ErrorKind::Invalid, doing(), "it cannot be noted").source(error))?,
        })
    }

    async fn apply(&self, plan: &GuardPlan) -> Result<()> {
        let note = self.note(plan)?;
        self.shared.api.put_policy(&note.name, &note.policy).await.map_err(name_right)?;
        self.wait(&plan.queue, |policy| policy == Some(note.name.as_str())).await
    }

    async fn take_back(&self, plan: &GuardPlan) -> Result<()> {
        let note = self.note(plan)?;
        self.shared.api.delete_policy(&note.name).await.map_err(name_right)?;
        self.wait(&plan.queue, |policy| policy != Some(note.name.as_str())).await
    }
}

impl RabbitGuard {
    fn note(&self, plan: &GuardPlan) -> Result<Note> {
        let bad =
            |why: &str| Error::new(ErrorKind::Invalid, format!("change the policy of queue `{}`", plan.queue), why);
        let note: Note = serde_json::from_str(&plan.note).map_err(|_| bad("the plan's note cannot be read"))?;
        if note.vhost != self.shared.endpoint.vhost || note.name != name_of(&plan.queue) {
            return Err(bad("the plan was made for another place"));
        }
        Ok(note)
    }

    /// Waits until the broker shows the queue under the policy that is expected. A queue that is gone waits for
    /// nothing.
    async fn wait(&self, queue: &QueueName, expected: impl Fn(Option<&str>) -> bool) -> Result<()> {
        let pattern = format!("(?-i)^{}$", escape(queue.as_str()));
        let deadline = Instant::now() + WAIT;
        loop {
            let found = self.shared.api.queues_matching(&pattern, "name,policy", true).await?;
            let found = found.iter().find(|found| found.name == queue.as_str());
            if found.is_none_or(|found| expected(found.policy.as_deref())) {
                tokio::time::sleep(SETTLE).await;
                return Ok(());
            }
            if Instant::now() >= deadline {
                let why = "the broker took the policy, but the queue does not follow it";
                return Err(Error::new(ErrorKind::TimedOut, format!("change the policy of queue `{queue}`"), why)
                    .remedy("see which policy applies to the queue: another of a higher priority may hide this one"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Names the right without which the broker refuses to change a policy.
fn name_right(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Forbidden => error.remedy(
            "it needs the tag `policymaker` or `administrator`: ask for it, or let somebody who has it run the command",
        ),
        _ => error,
    }
}

fn name_of(queue: &QueueName) -> String {
    format!("queuescope-look-{queue}")
}

/// The definition of the policy that will be masked, without its limit; its priority, exceeded.
fn policy(queue: &QueueName, masked: Option<&PolicyInfo>, version: &str) -> Json {
    let mut definition: Map<String, Json> = masked.map(|policy| policy.definition.clone()).unwrap_or_default();
    definition.insert(LIMIT.into(), json!(if is_at_least(version, (4, 0)) { -1 } else { NEVER_REACHED }));
    let priority = match masked {
        // Ours already: it stays where it is.
        Some(policy) if policy.name == name_of(queue) => policy.priority,
        Some(policy) => policy.priority.saturating_add(1),
        None => 1,
    };
    json!({
        "pattern": format!("^{}$", escape(queue.as_str())),
        "apply-to": if is_at_least(version, QUORUM_POLICIES) { "quorum_queues" } else { "queues" },
        "priority": priority,
        "definition": definition,
    })
}

/// What cannot be read is taken for an old one: it knows least.
fn is_at_least(version: &str, least: (u32, u32)) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= least
}

fn useless(queue: &Queue, version: &str) -> Option<String> {
    if queue.label != "quorum" {
        return Some("only quorum queues have a delivery limit".into());
    }
    let limit = delivery_limit_of(version, queue);
    if let Some(argument) = limit.argument.filter(|limit| *limit >= 0) {
        return Some(format!(
            "the limit of {argument} is an argument of the queue (x-delivery-limit), and no policy can lift that"
        ));
    }
    if let Some(operator) = limit.operator_policy.filter(|limit| *limit >= 0) {
        return Some(format!("an operator policy sets the limit of {operator}, and no other policy can lift that"));
    }
    limit.effective.is_none().then(|| "the queue has no delivery limit".into())
}

fn words(note: &Note, masked: Option<&PolicyInfo>) -> String {
    let first = format!(
        "Policy `{}` lifts the delivery limit of this queue, so that nothing is destroyed by being put back. It must stay until these messages have left the queue.",
        note.name
    );
    match masked {
        Some(masked) if masked.name != note.name => format!(
            "{first} It takes the place of policy `{}` here and carries over what that one says now; a later change of it would not reach this queue.",
            masked.name
        ),
        _ => first,
    }
}

fn command(note: &Note) -> String {
    let text = |name: &str| note.policy.get(name).and_then(Json::as_str).unwrap_or_default();
    let json = |name: &str| note.policy.get(name).map(Json::to_string).unwrap_or_default();
    format!(
        "rabbitmqctl set_policy -p {} --apply-to {} --priority {} {} {} {}",
        shell_quote(&note.vhost),
        text("apply-to"),
        json("priority"),
        shell_quote(&note.name),
        shell_quote(text("pattern")),
        shell_quote(&json("definition")),
    )
}

/// For a shell: in single quotes unless it is plain.
pub(crate) fn shell_quote(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// For a regular expression of the broker's (PCRE): matches exactly this text.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len() * 2), |mut escaped, c| {
        if c.is_ascii_punctuation() && c != '_' {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use broker::Value;

    use super::*;

    fn masked() -> PolicyInfo {
        PolicyInfo {
            name: "payments-ha".into(),
            priority: 7,
            definition: json!({"dead-letter-exchange": "dlx", "delivery-limit": 3}).as_object().unwrap().clone(),
            ..PolicyInfo::default()
        }
    }

    #[test]
    fn a_policy_carries_over_what_it_masks_and_lies_above_it() {
        let made = policy(&"orders.dlq".into(), Some(&masked()), "4.3.6");
        assert_eq!(made["definition"], json!({"dead-letter-exchange": "dlx", "delivery-limit": -1}));
        assert_eq!((made["priority"].as_i64(), made["pattern"].as_str()), (Some(8), Some(r"^orders\.dlq$")));
        assert_eq!(made["apply-to"], "quorum_queues");
        let old = policy(&"q".into(), None, "3.10.8");
        assert_eq!((&old["apply-to"], &old["definition"]), (&json!("queues"), &json!({"delivery-limit": 1_000_000})));
    }

    #[test]
    fn proposing_again_does_not_climb_over_our_own_policy() {
        let own = PolicyInfo { name: "queuescope-look-q".into(), priority: 8, ..masked() };
        assert_eq!(policy(&"q".into(), Some(&own), "4.3.6")["priority"], 8);
    }

    #[test]
    fn a_limit_that_no_policy_can_lift_is_named() {
        let mut queue = Queue { label: "quorum".into(), ..Queue::default() };
        assert_eq!(useless(&queue, "4.3.6"), None);
        queue.arguments.push("x-delivery-limit", Value::I64(5));
        assert!(useless(&queue, "4.3.6").is_some_and(|why| why.contains("x-delivery-limit")));
        assert!(useless(&Queue { label: "classic".into(), ..Queue::default() }, "4.3.6").is_some());
    }

    #[test]
    fn the_command_survives_a_shell() {
        let queue = "it's $HOME `x`".into();
        let note = Note { name: name_of(&queue), vhost: "/a b".into(), policy: policy(&queue, None, "4.3.6") };
        let command = command(&note);
        assert!(command.contains(r"'queuescope-look-it'\''s $HOME `x`'"), "{command}");
        assert!(
            command.starts_with("rabbitmqctl set_policy -p '/a b' --apply-to quorum_queues --priority 1 "),
            "{command}"
        );
        assert!(command.ends_with(r#"'{"delivery-limit":-1}'"#), "{command}");
    }
}
