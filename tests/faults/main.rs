//! Redrives of whole queues by the real program on real brokers, killed, cut, bereft of their broker, of their queues, of
//! their permission or of room, beside one another: nothing is lost, and what is doubled is named. A failure prints its
//! seed and leaves the program's data.
//!
//! `QUEUESCOPE_FAULTS=long` tests as much as a release needs; `QUEUESCOPE_SEED` chooses the same instants again.

mod alarms;
mod chance;
mod company;
mod cuts;
mod denials;
mod ground;
mod journal;
mod kills;
mod laws;
mod order;
mod qscope;
mod redrive;
mod silences;
mod stores;
mod trickles;
mod upheavals;
#[cfg(debian)]
mod wary;

use support::{say, within};
use tokio::sync::Semaphore;

use chance::{Chance, Form};
use ground::Kind;

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

/// The first kind of queue in the short form, both in the long one.
fn some(kinds: [Kind; 2]) -> impl Iterator<Item = Kind> {
    kinds.into_iter().take(Form::chosen().kinds)
}

macro_rules! faults {
    ($module:ident, $version:ident, $one:ident, $other:ident) => {
        mod $module {
            use support::Version;

            use crate::ground::Kind;
            use crate::{alarms, cuts, denials, kills, order, silences, some, tested, upheavals};

            const ONE: [Kind; 2] = [Kind::$one, Kind::$other];
            const OTHER: [Kind; 2] = [Kind::$other, Kind::$one];

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

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_redrive_whose_broker_takes_nothing_or_says_nothing_gives_up_and_loses_nothing() {
                // Both wait most of their time.
                tested(async {
                    let alarms = Box::pin(async {
                        for kind in some(ONE) {
                            alarms::alarms(Version::$version, kind).await;
                        }
                    });
                    let silences = Box::pin(async {
                        for kind in some(OTHER) {
                            silences::silences(Version::$version, kind).await;
                        }
                    });
                    tokio::join!(alarms, silences);
                })
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_captured_queue_keeps_its_order() {
                tested(async {
                    for kind in ONE {
                        order::order(Version::$version, kind).await;
                    }
                })
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_refused_for_lack_of_permission_stays() {
                tested(async {
                    for kind in some(ONE) {
                        denials::permissions(Version::$version, kind).await;
                    }
                })
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_cannot_be_routed_any_more_stays() {
                tested(async {
                    for kind in some(OTHER) {
                        denials::unbindings(Version::$version, kind).await;
                    }
                })
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_was_deleted_with_its_queue_is_gone_and_not_done() {
                tested(async {
                    for kind in some(ONE) {
                        denials::deleted_sources(Version::$version, kind).await;
                    }
                })
                .await;
            }
        }
    };
}

#[cfg(debian)]
faults!(v3_10, V3_10, Classic, Quorum);
#[cfg(debian)]
faults!(v4_3, V4_3, Quorum, Classic);
#[cfg(not(debian))]
faults!(own, Own, Classic, Quorum);

/// What is of our own making, and the same on every broker.
mod newest {
    use support::Version;

    use crate::ground::Kind;
    use crate::{company, some, stores, tested};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_second_redrive_of_a_queue_is_refused() {
        tested(async {
            for kind in some([Kind::Classic, Kind::Quorum]) {
                company::on_one_queue(Version::NEWEST, kind).await;
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_programs_redrive_two_queues_at_once() {
        tested(async {
            for kind in some([Kind::Quorum, Kind::Classic]) {
                company::on_two_queues(Version::NEWEST, kind).await;
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_redrive_is_paused_and_stopped_by_another_program() {
        tested(async {
            for kind in some([Kind::Classic, Kind::Quorum]) {
                company::told_by_another(Version::NEWEST, kind).await;
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_store_ends_a_redrive_before_anything_is_lost() {
        tested(async {
            for kind in some([Kind::Quorum, Kind::Classic]) {
                stores::full(Version::NEWEST, kind).await;
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_damaged_store_is_refused_and_the_broker_not_touched() {
        tested(async {
            for kind in some([Kind::Classic, Kind::Quorum]) {
                stores::damaged(Version::NEWEST, kind).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_only_trickles_is_captured_whole() {
    tested(trickles::trickles(support::Version::NEWEST, ground::Kind::Quorum)).await;
}

/// Only this one carries the count of failures from one queue into another.
#[cfg(debian)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_where_giving_back_destroys_costs_at_most_what_the_plan_named() {
    tested(wary::kills(support::Version::V4_3)).await;
}
