//! The built program against the sandbox, in a data folder of its own: what it prints, what it refuses, how it ends.

mod acting;
mod keeping;
mod program;
mod reading;
mod usage;
