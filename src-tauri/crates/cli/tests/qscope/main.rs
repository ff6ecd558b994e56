//! The built program against the sandbox, in a data folder of its own: what it prints, what it refuses, how it ends.

mod acting;
mod bounces;
mod deeds;
mod keeping;
mod plans;
mod program;
mod reading;
mod usage;
