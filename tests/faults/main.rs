//! Redrives of whole queues by the real program on real brokers, killed, cut, bereft of their broker or of their target:
//! nothing is lost, and what is doubled is named. A failure prints its seed and leaves the program's data.
//!
//! `QUEUESCOPE_FAULTS=long` tests as much as a release needs; `QUEUESCOPE_SEED` chooses the same instants again.

mod chance;
mod cuts;
mod ground;
mod journal;
mod kills;
mod laws;
mod qscope;
mod redrive;
mod upheavals;

use support::{say, within};
use tokio::sync::Semaphore;

use chance::{Chance, Form};

/// Much of a test is waiting. More at a time would only make every redrive slower.
static TURN: Semaphore = Semaphore::const_new(2);

/// Two tests at a time, and not for ever. Says how to repeat it where it fails.
async fn tested(what: impl Future<Output = ()>) {
    struct Repeat;
    impl Drop for Repeat {
        fn drop(&mut self) {
            if std::thread::panicking() {
                say(&format!("to choose the same instants again: {}", Chance::seed()));
            }
        }
    }
    let _turn = TURN.acquire().await.expect("it is never closed");
    let _repeat = Repeat;
    within(Form::chosen().test_wait, "the test", Box::pin(what)).await;
}

macro_rules! faults {
    ($module:ident, $version:ident) => {
        mod $module {
            use support::Version;

            use crate::ground::Kind;
            use crate::{cuts, kills, tested, upheavals};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_killed_redrive_of_a_classic_queue_loses_nothing() {
                tested(kills::kills(Version::$version, Kind::Classic)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_killed_redrive_of_a_quorum_queue_loses_nothing() {
                tested(kills::kills(Version::$version, Kind::Quorum)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_cut_redrive_of_a_classic_queue_loses_nothing() {
                tested(cuts::cuts(Version::$version, Kind::Classic)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_cut_redrive_of_a_quorum_queue_loses_nothing() {
                tested(cuts::cuts(Version::$version, Kind::Quorum)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_redrive_whose_broker_restarts_loses_nothing() {
                tested(upheavals::restarts(Version::$version)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_was_not_sent_before_its_classic_target_was_deleted_is_put_back() {
                tested(upheavals::deletions(Version::$version, Kind::Classic)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_was_not_sent_before_its_quorum_target_was_deleted_is_put_back() {
                tested(upheavals::deletions(Version::$version, Kind::Quorum)).await;
            }
        }
    };
}

#[cfg(debian)]
faults!(v3_10, V3_10);
#[cfg(debian)]
faults!(v4_3, V4_3);
#[cfg(not(debian))]
faults!(own, Own);
