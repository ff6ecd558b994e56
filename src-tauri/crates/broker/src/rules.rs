use std::fmt::Debug;

use crate::{
    Arrivals, Ask, FailedIn, Hazard, LookCost, Measures, Message, MessageKey, OrderKey, Outgoing, Partial, Prepared,
    QueueName, Routing, Target, Topology,
};

/// Everything that is known of a broker when a question is asked. Missing means unknown, never absent.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The broker's version, as it says it: `4.3.6`. Empty where it does not.
    pub version: String,
    pub topology: Partial<Topology>,
    pub measures: Option<Partial<Measures>>,
    /// Whether the user may write to a queue directly, where that is known or was found out.
    pub may_publish_to_queues: Option<bool>,
    /// The type of queues as the user states it, where the broker does not tell.
    pub stated: Vec<(QueueName, String)>,
}

/// What can be decided about one kind of broker without asking it: pure, and tested by properties without one.
pub trait Rules: Debug + Send + Sync {
    /// Where the message would arrive.
    fn arrivals(&self, facts: &Facts, message: &Outgoing) -> Arrivals;

    /// What endangers a message there although the broker confirms it. Empty: nothing that is known.
    fn hazards(&self, facts: &Facts, target: &Target, arrivals: &Arrivals) -> Vec<Hazard>;

    /// What holding and giving back does, how far it reaches, whether it is refused, and the ways out.
    fn look(&self, facts: &Facts, ask: &Ask) -> LookCost;

    /// What is sent, and what is left out because it would mislead the broker there.
    fn prepare(&self, message: &Message, target: &Target) -> Prepared;

    /// The same for a message that goes back into the queue it was removed from: what tells of its deaths stays with it,
    /// where the broker can take that from us.
    fn put_back(&self, message: &Message, target: &Target) -> Prepared {
        self.prepare(message, target)
    }

    /// Why the message cannot be sent as it is, where that is known without asking: a value that has no place in the
    /// protocol. Names the header or property between backticks. `None`: nothing speaks against it.
    fn unfit(&self, _message: &Outgoing) -> Option<String> {
        None
    }

    /// What identifies the message in its queue.
    fn key(&self, message: &Message) -> MessageKey;

    /// Messages with an equal order key must keep their order. `None`: this one need not.
    fn order_key(&self, message: &Message) -> Option<OrderKey>;

    /// In which queue it failed.
    fn failed_in(&self, message: &Message) -> FailedIn;

    /// The exchange and key by which it first came, where the message still says so.
    fn origin(&self, message: &Message) -> Option<Routing>;
}
