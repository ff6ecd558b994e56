//! Whole stories in the real window, on real brokers, as a user lives them. Each leaves a picture of every screen that it
//! passes under `target/screens/`.

mod sandbox;
mod steps;
