//! What every adapter must do, whatever its broker: one suite, run against each of them by [`crate::contract!`].

pub mod knowing;
pub mod limits;
pub mod looking;
pub mod losing;
pub mod publishing;
pub mod removing;
pub mod scene;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Rules};

/// One broker under test: its connection, and everything that must be done or seen past the port.
#[async_trait]
pub trait Fixture: Debug + Send + Sync {
    fn rules(&self) -> Arc<dyn Rules>;

    /// The connection under test.
    fn broker(&self) -> Arc<dyn Broker>;

    /// The kinds of queue that this broker has: how giving back behaves differs between them.
    fn kinds(&self) -> &'static [&'static str];

    /// Whether putting back what died of its delivery limit destroys it in [`Self::dead_of_limit`].
    fn destroys(&self) -> bool;

    /// Declares a queue of that kind.
    async fn declare(&self, queue: &str, kind: &str);

    /// Declares a queue in which a message may fail so often, by returns of any kind or by failed ones only.
    async fn declare_limited(&self, queue: &str, limit: u64);

    /// Declares a direct exchange and binds the queue to it by that key.
    async fn route(&self, exchange: &str, key: &str, queue: &str);

    /// Puts messages into a queue, in that order.
    async fn fill(&self, queue: &str, bodies: &[String]);

    /// Puts a message into a queue of [`Self::declare_limited`] and lets it fail so often, within its limit.
    async fn fill_failed(&self, queue: &str, body: &str, times: u64);

    /// Lays out a dead-letter queue with messages that died of their delivery limit. Its name.
    async fn dead_of_limit(&self, bodies: &[String]) -> String;

    /// How many are ready, as somebody else sees it.
    async fn ready(&self, queue: &str) -> u64;

    /// Takes everything that is ready out of a queue, in its order, as somebody else.
    async fn take_all(&self, queue: &str) -> Vec<String>;

    /// Deletes a queue, as somebody else.
    async fn delete(&self, queue: &str);

    /// Kills the connections under test on the way. New ones pass.
    async fn cut(&self);
}

/// Makes one test of every sentence of the contract, each with a fixture of its own and a bound.
#[macro_export]
macro_rules! contract {
    ($fixture:expr) => {
        $crate::contract!($fixture; looking:
            peek_leaves_messages_where_they_are,
            a_look_sees_what_was_asked_for_and_then_no_more,
            thirty_looks_lose_nothing,
            a_look_while_another_holds_sees_the_rest,
            an_empty_queue_has_nothing_to_show,
            a_dropped_lease_gives_back,
            closing_twice_repeats_the_first_answer,
            next_may_be_dropped_half_way,
            bodies_come_out_as_they_went_in,
        );
        $crate::contract!($fixture; limits:
            a_hold_has_no_more_messages_than_it_may,
            a_hold_stops_asking_at_its_bytes,
            one_message_may_be_larger_than_the_hold,
            a_hold_of_nothing_is_refused,
            may_return_tells_what_giving_back_does,
            a_look_that_would_destroy_is_refused_below_the_front_door,
            what_died_of_its_limit_can_be_taken_without_loss,
            what_nobody_was_handed_is_not_held_where_returning_destroys,
            what_died_of_its_limit_can_be_looked_at_carefully,
            a_guard_makes_looking_safe_and_can_be_taken_back,
        );
        $crate::contract!($fixture; removing:
            removing_removes_exactly_those,
            the_rest_of_a_pick_keeps_its_order,
            what_is_not_held_cannot_be_removed,
            a_drain_goes_on_when_it_gets_room,
            a_pick_goes_on_when_it_gets_room,
            a_pick_takes_nothing_more_unasked,
            take_all_leaves_nothing,
            taking_some_leaves_the_rest_untouched,
        );
        $crate::contract!($fixture; publishing:
            a_confirmed_message_is_in_the_queue,
            strict_order_is_kept_over_several_batches,
            an_unroutable_message_is_said_to_be_unroutable_and_only_that_one,
            the_same_holds_for_twins,
            a_missing_exchange_refuses_and_the_next_batch_goes_on,
            an_empty_batch_has_no_outcomes,
            several_batches_may_be_under_way,
            a_redrive_id_travels_with_its_message,
            a_closed_publisher_sends_nothing,
        );
        $crate::contract!($fixture; losing:
            a_cut_connection_gives_everything_back_and_says_lost,
            after_a_cut_the_same_connection_works_again,
            a_cut_publisher_says_unknown_rather_than_guess,
            a_deleted_queue_ends_its_lease,
            a_closed_connection_gives_back_and_answers_no_more,
        );
        $crate::contract!($fixture; knowing:
            a_missing_queue_is_said_to_be_missing,
            a_depth_is_exact,
            what_was_not_asked_for_is_not_measured,
            a_measure_knows_or_says_none,
            the_topology_has_what_was_declared,
            arrivals_are_where_messages_arrive,
            the_identity_says_who_is_there,
        );
    };
    ($fixture:expr; $room:ident: $($sentence:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let fixture = $fixture;
                let work = $crate::contract::$room::$sentence(&fixture);
                $crate::within($crate::contract::scene::TEST_WAIT, stringify!($sentence), work).await;
            }
        )*
    };
}
