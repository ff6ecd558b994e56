//! The driver, the journal and the recovery against the sandbox.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bounces;
mod deeds;
mod ends;
mod faults;
mod ground;
mod instead;
mod saved;
mod sealed;
mod sets;
mod upkeep;
mod whole;
