//! Whole stories in the real window, on real brokers, as a user lives them. Each leaves a picture of every screen that it
//! passes under `target/screens/`.

mod canary;
mod closing;
mod crash;
mod edit;
mod first_dead_letter;
mod hostile;
mod inbox;
mod keyboard;
mod lost_connection;
mod production;
// What is refused here is refused by RabbitMQ 4.3 and later alone.
#[cfg(debian)]
mod refused_look;
mod sandbox;
mod snapshots;
mod steps;
mod together;
mod undo;
mod unroutable;
