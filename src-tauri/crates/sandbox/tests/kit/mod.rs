//! What the tests of the port share.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(unreachable_pub, reason = "shared between test programs")]

use std::future::Future;
use std::sync::Arc;

use broker::{
    Ask, Broker, Hold, Lease, LeaseKey, Leased, Message, Outgoing, Publisher, Purpose, QueueName, Table, Target,
};
use sandbox::Sandbox;

/// Runs to the end without any runtime: what a bare sandbox must allow.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match work.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a bare sandbox answers at once"),
    }
}

pub fn to(queue: &str) -> Target {
    Target::Queue { queue: queue.into() }
}

pub fn text(body: &str) -> Message {
    Message { body: body.as_bytes().to_vec(), ..Message::default() }
}

pub fn outgoing(target: Target, body: &str) -> Outgoing {
    let (properties, headers) = (Table::new(), Table::new());
    Outgoing { target, body: body.as_bytes().to_vec(), properties, headers, redrive: None }
}

pub fn fill(sandbox: &Sandbox, queue: &str, texts: &[&str]) {
    for body in texts {
        let reached = sandbox.publish_raw(&to(queue), text(body));
        assert_eq!(reached, [QueueName::from(queue)], "it must arrive");
    }
}

pub fn ask(queue: &str, purpose: Purpose) -> Ask {
    let hold = Hold { messages_max: 1_000, bytes_max: 1 << 30, wait_ms: 2_000 };
    Ask { queue: queue.into(), purpose, hold, accepted: None, stated_label: None }
}

pub fn look(sandbox: &Sandbox, queue: &str, n: u64) -> Arc<dyn Lease> {
    run(sandbox.lease(ask(queue, Purpose::Look { n }))).expect("the look is accepted")
}

pub fn drain(sandbox: &Sandbox, queue: &str) -> Arc<dyn Lease> {
    run(sandbox.lease(ask(queue, Purpose::Drain))).expect("the lease is accepted")
}

pub fn next(lease: &Arc<dyn Lease>, max: usize) -> Vec<Leased> {
    run(lease.next(max)).expect("the hold lives")
}

pub fn publisher(sandbox: &Sandbox) -> Arc<dyn Publisher> {
    run(sandbox.publisher(broker::Order::Strict)).expect("a publisher opens")
}

pub fn body(message: &Message) -> String {
    String::from_utf8(message.body.clone()).expect("the tests send text")
}

pub fn bodies(leased: &[Leased]) -> Vec<String> {
    leased.iter().map(|leased| body(&leased.message)).collect()
}

pub fn keys(leased: &[Leased]) -> Vec<LeaseKey> {
    leased.iter().map(|leased| leased.lease_key).collect()
}

pub fn ready(sandbox: &Sandbox, queue: &str) -> Vec<String> {
    sandbox.ready(queue).iter().map(body).collect()
}
