//! What bad input gets: a kind that says what a caller can do, words that name the cause and the remedy, an answer in
//! time, and nothing lost.

#[path = "bad_input/contents.rs"]
mod contents;
#[path = "bad_input/midway.rs"]
mod midway;
#[path = "bad_input/names.rs"]
mod names;
#[path = "bad_input/permissions.rs"]
mod permissions;
#[path = "bad_input/reaching.rs"]
mod reaching;
#[path = "bad_input/unreadable.rs"]
mod unreadable;

use std::sync::Arc;
use std::time::Duration;

use broker::{
    Ask, Broker, CheckOutcome, CheckStep, Driver, ErrorKind, Lease, Outgoing, PublishOutcome, Secret, Settings,
};
use rabbitmq::RabbitDriver;
use support::contract::scene::accepting;
use support::{Vhost, within};
use tokio::sync::mpsc;

/// The port promises 15 seconds for opening; a busy machine gets a little more.
const OPEN_WAIT: Duration = Duration::from_secs(18);
const CALL_WAIT: Duration = Duration::from_secs(20);
const STEPS_MAX: usize = 64;

async fn open(vhost: &Vhost) -> Arc<dyn Broker> {
    open_with(&vhost.settings(), &vhost.secret()).await
}

async fn open_with(settings: &Settings, secret: &Secret) -> Arc<dyn Broker> {
    within(OPEN_WAIT, "opening", RabbitDriver.open(settings, secret)).await.expect("the broker is there")
}

/// A lease with its cost accepted.
async fn lease(broker: &dyn Broker, ask: Ask) -> broker::Result<Arc<dyn Lease>> {
    let ask = accepting(broker, RabbitDriver.rules().as_ref(), ask).await;
    within(CALL_WAIT, "leasing", broker.lease(ask)).await
}

async fn publish(broker: &dyn Broker, batch: Vec<Outgoing>) -> Vec<PublishOutcome> {
    let publisher = broker.publisher(broker::Order::Strict).await.expect("the publisher opens");
    let count = batch.len();
    let outcomes = within(Duration::from_secs(60), "publishing", publisher.publish(batch)).await;
    assert_eq!(outcomes.len(), count, "one outcome each, always");
    outcomes
}

/// Runs the connection test. Its answer, and how each step ended.
async fn check(settings: &Settings, secret: &Secret) -> (broker::Result<()>, Vec<CheckStep>) {
    let (sender, mut steps) = mpsc::channel(STEPS_MAX);
    let checked = within(CALL_WAIT * 2, "testing the connection", RabbitDriver.check(settings, secret, sender)).await;
    let mut ended: Vec<CheckStep> = Vec::new();
    while let Some(step) = steps.recv().await {
        ended.retain(|earlier| earlier.name != step.name);
        ended.push(step);
    }
    assert!(ended.iter().all(|step| step.outcome != CheckOutcome::Running), "every step ends: {ended:?}");
    (checked, ended)
}

/// Neither opening nor the connection test gets through: both say the same, with the cause in these words and a remedy,
/// in time, and without the password.
async fn cannot_be_opened(settings: &Settings, secret: &Secret, kind: ErrorKind, words: &[&str]) {
    let opened = within(OPEN_WAIT, "opening", RabbitDriver.open(settings, secret)).await;
    let error = opened.expect_err("it should not open");
    let (checked, steps) = check(settings, secret).await;
    let checked = checked.expect_err("the connection test should not pass");
    for error in [&error, &checked] {
        assert_eq!(error.kind(), kind, "{error}");
        let text = format!("{error}; {}", error.what_to_do().unwrap_or_default());
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
        assert!(error.what_to_do().is_some_and(|remedy| !remedy.is_empty()), "no remedy: {text}");
        let chain = format!("{text} {error:?} {:?}", std::error::Error::source(error));
        assert!(secret.reveal().is_none_or(|password| !chain.contains(password)), "the password is in: {chain}");
    }
    let failed: Vec<_> = steps.iter().filter(|step| step.outcome == CheckOutcome::Failed).collect();
    assert!(!failed.is_empty(), "a step failed: {steps:?}");
    assert!(failed.iter().all(|step| !step.detail.is_empty()), "and says why: {failed:?}");
    assert!(failed.iter().any(|step| step.remedy.is_some()), "and what to do: {failed:?}");
}
