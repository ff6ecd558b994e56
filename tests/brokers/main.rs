//! Every adapter against the contract of the port, on real brokers; and what bad input gets.

#![recursion_limit = "256"]

mod bad_input;
mod fields;
mod rabbitmq;
mod routing;
mod sandbox;
mod scene;
