use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, specta::Type)]
        #[serde(transparent)]
        pub struct $name(#[specta(type = String)] Uuid);

        impl $name {
            /// A new one; later ones sort after earlier ones.
            #[allow(clippy::new_without_default, reason = "every call gives another one")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One connection profile.
    ProfileId
}
id! {
    /// One capture, which is one file.
    CaptureId
}
id! {
    /// A plan that was made and not yet carried out.
    PlanId
}
id! {
    /// One job. Its redrive ids carry it.
    JobId
}
id! {
    /// A sorted and filtered list of one capture's messages, kept while the window shows it.
    ViewId
}
id! {
    /// Groups of messages of several captures, kept while the window shows them.
    GroupingId
}
id! {
    /// One line of the activity log.
    ActivityId
}
id! {
    /// One draft of a message.
    DraftId
}
