//! The deeds: what a user wants done with brokers, in what order, until when, and what to remember. Names no vendor.

mod activity;
mod captures;
mod connections;
mod error;
mod id;
mod jobs;
mod profiles;
mod store;
mod workbench;

pub use activity::{Act, ActivityAsk, ActivityPage, ActivityRow, Outcome};
pub use captures::{
    BodyFormat, BodyView, CaptureSource, CaptureView, Exported, Fate, MessageColumn, MessagePage, MessageRow,
    MessageView, ViewAsk, ViewOpened,
};
pub use connections::{
    BindingView, ConnectionState, ConnectionView, Drain, ExchangeAsk, ExchangeColumn, ExchangePage, ExchangeRow,
    ExchangeView, FieldView, Freshness, GuardView, LookOffer, PolicyView, QueueAsk, QueueColumn, QueueFilter,
    QueuePage, QueueRow, QueueView, Writes,
};
pub use error::{Error, Fault, FaultCode, RefusedCode, Result, StoreTrouble};
pub use id::{ActivityId, CaptureId, JobId, PlanId, ProfileId, ViewId};
pub use jobs::{
    Answer, AnswerFor, Deed, DeedAsk, End, JobCounts, JobRow, JobState, JobView, MessageState, PlanLine, PlanView,
    StrippedLine, TargetChoice,
};
pub use profiles::{Environment, Profile, ProfileDraft, SavedProfile, SecretState};
pub use store::{Keychain, SecretKeeper};
pub use workbench::{AppEvent, Options, PeekEnd, PeekProgress, Workbench};
