//! What every test needs: real brokers, an AMQP client that is not ours, a proxy that cuts, and the contract that every
//! adapter obeys. Nothing here is in the program.
//!
//! Setting up panics where it fails: a broker that cannot be started is a failed test, never a skipped one.

pub mod api;
pub mod client;
pub mod contract;
pub mod ports;
pub mod proxy;
pub mod rabbit;
pub mod tls;
pub mod vhost;
pub mod window;
pub mod worker;

use std::io::Write;
use std::time::Duration;

pub use api::Api;
pub use client::{Client, Taken};
pub use contract::Fixture;
pub use proxy::{Direction, Proxy};
pub use rabbit::{Rabbit, Version};
pub use tls::Authority;
pub use vhost::Vhost;
pub use worker::Worker;

/// How long a test waits for what should come soon.
pub const SOON: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Waits until it is so, and panics with `what` where it never becomes so.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looked = tokio::time::timeout(SOON, async {
        while !is_so().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    });
    looked.await.unwrap_or_else(|_| panic!("never became so: {what}"));
}

/// Fails instead of hanging.
pub async fn within<T>(wait: Duration, what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(wait, work).await.unwrap_or_else(|_| panic!("hangs for {wait:?}: {what}"))
}

/// Says something past the test harness, which shows only the output of failed tests.
pub fn say(line: &str) {
    // Nobody is left to be told where standard error is closed.
    writeln!(std::io::stderr(), "{line}").ok();
}

/// Installs the crypto that the program uses, once: two are linked into the tests, and rustls does not choose.
pub fn install_crypto() {
    // An error means that it is installed already.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
}
