//! Through which door an act comes: the activity log says it of every act.

use std::sync::OnceLock;

use crate::Workbench;

/// A way for a user to reach the workbench.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Door {
    #[default]
    Window,
    CommandLine,
}

/// How an act is confirmed where nothing more than one is asked for, in the window's words.
pub(crate) const BY_A_CLICK: &str = "by a click";

impl Door {
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::Window => "in the window",
            Self::CommandLine => "by qscope",
        }
    }

    /// How an act was confirmed, in the words of this door.
    pub(crate) fn confirmed(self, words: String) -> String {
        match self {
            Self::CommandLine if words == BY_A_CLICK => "by a command".to_owned(),
            _ => words,
        }
    }
}

/// The door of one program; the window where it never said.
#[derive(Debug, Default)]
pub(crate) struct OwnDoor(OnceLock<Door>);

impl OwnDoor {
    pub(crate) fn get(&self) -> Door {
        self.0.get().copied().unwrap_or_default()
    }
}

impl Workbench {
    /// Says through which door this program's acts come. Once, before the first act: later calls change nothing.
    pub fn enter_by(&self, door: Door) {
        self.inner.door.0.get_or_init(|| door);
    }
}
