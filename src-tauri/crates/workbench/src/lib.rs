//! The deeds: what a user wants done with brokers, in what order, until when, and what to remember. Names no vendor.

mod activity;
mod addresses;
mod captures;
mod closing;
mod connections;
mod door;
mod drafts;
mod edits;
mod error;
mod groups;
mod id;
mod jobs;
mod profiles;
mod publish;
mod store;
mod workbench;

pub use activity::{Act, ActivityAsk, ActivityPage, ActivityRow, Outcome};
pub use captures::{
    AtRest, BodyFormat, BodyView, CaptureSource, CaptureView, Dropped, ExportFormat, Exported, Fate, ImportProgress,
    KeepLimits, Kept, MessageColumn, MessagePage, MessageRow, MessageView, ProfileAtRest, Room, SearchAsk, SearchEnd,
    SearchHit, SearchStep, ViewAsk, ViewOpened,
};
pub use connections::{
    BindingView, ConnectionState, ConnectionView, DeadLetterInbox, DeadLetterQueue, Drain, ExchangeAsk, ExchangeColumn,
    ExchangePage, ExchangeRow, ExchangeView, FieldView, Freshness, GuardView, LookOffer, PolicyView, QueueAsk,
    QueueColumn, QueueFilter, QueuePage, QueueRow, QueueView, Writes,
};
pub use door::Door;
pub use drafts::{
    Draft, DraftBody, DraftCheck, DraftContent, DraftField, DraftFrom, DraftOffer, DraftOriginal, DraftPurpose,
    DraftRevision, DraftRow, DraftSource, DraftTrouble, KeptDraft, LockedField, OpenDraft, Reached, Template,
    TroubleAt,
};
pub use edits::{Edit, EditPreview, EditRule, EditSide, EditStep, HeaderValue, run_as_edit_worker};
pub use error::{Error, Fault, FaultCode, RefusedCode, Result, StoreTrouble};
pub use groups::{
    FailureGroup, FailureGroups, GroupAsk, GroupBy, GroupColumn, GroupMembers, GroupPage, GroupPageAsk, GroupRow,
    Sample, Unread,
};
pub use id::{ActivityId, CaptureId, DraftId, GroupingId, JobId, PlanId, ProfileId, ViewId};
pub use jobs::{
    Answer, AnswerFor, BounceLook, Bounces, Canary, Deed, DeedAsk, End, JobCounts, JobNotice, JobRow, JobRowAsk,
    JobRowPage, JobState, JobView, MessageState, PlanChange, PlanLine, PlanSet, PlanView, ReopenedPlan, ResultFormat,
    Resume, RowFilter, SavedPlan, Selection, SendOptions, Sending, Started, StrippedLine, TargetChoice,
};
pub use profiles::{Environment, Profile, ProfileDraft, SavedProfile, SecretState};
pub use publish::{PublishAsk, PublishOffer, Published, PublishedAs};
pub use store::{Keychain, SecretKeeper};
pub use workbench::{AppEvent, Options, PeekEnd, PeekProgress, Workbench};
