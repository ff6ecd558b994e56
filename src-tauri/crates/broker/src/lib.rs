//! The words and the port: what a message, a queue and a route are, and what every broker can be asked to do.
//! Nothing here opens a socket and nothing here names a vendor.

mod error;
mod failure;
mod fingerprint;
mod form;
mod look;
mod measure;
mod message;
mod name;
mod outgoing;
mod port;
mod rules;
mod topology;
mod value;

pub use error::{Error, ErrorKind, Result};
pub use failure::{Failure, Part, Pattern, short_exception};
pub use fingerprint::fingerprint;
pub use form::{CheckOutcome, CheckStep, Choice, Field, FieldKind, Form, Remedy, Secret, Settings};
pub use look::{Ask, Evidence, Hold, LookCost, MayReturn, Picked, Purpose, Refusal, Returned, Returning, WayOut};
pub use measure::{Depth, ExchangeMeasure, Measures, NodeMeasure, QueueMeasure, Totals};
pub use message::{Death, DeathReason, Message, Routing, property};
pub use name::{ExchangeName, Kind, LeaseKey, MessageKey, OrderKey, QueueName, RedriveId};
pub use outgoing::{
    Arrivals, FailedIn, Harm, Hazard, Order, Outgoing, Prepared, PublishOutcome, RemoveOutcome, Stripped, Target,
    Unsure,
};
pub use port::{Broker, Driver, Guard, GuardPlan, Health, Identity, Lease, Leased, Publisher, Scope, TopologyScope};
pub use rules::{Facts, Rules};
pub use topology::{
    Binding, DeadLetterRoute, Destination, Exchange, Missing, Partial, Policy, Queue, RouteSource, Topology,
};
pub use value::{Name, Table, Value};

/// The header by which a redriven message is recognised, on every broker: `<job uuid>/<n>`.
pub const REDRIVE_HEADER: &str = "x-queuescope-redrive";
/// The header that keeps what a redrive stripped, if the user wants it, on every broker.
pub const ORIGIN_HEADER: &str = "x-queuescope-origin";
