//! lapin's words and ours, both ways. Pure: nothing here talks to a broker.

mod deaths;
mod json;
mod properties;
mod table;

pub(crate) use json::json_table;
pub(crate) use properties::{message_from, properties_to, redrive_id};
pub(crate) use table::bytes_max;
