//! Reading from a sandbox through the port.

mod kit;

use std::time::Duration;

use broker::{
    Broker, ErrorKind, Facts, Hold, LeaseKey, MayReturn, Picked, Purpose, RemoveOutcome, Returned, Returning, Rules,
    TopologyScope, WayOut,
};
use kit::{ask, bodies, drain, fill, keys, look, next, ready, run, to};
use sandbox::{ExchangeKind, Fault, QueueSetup, Returns, Sandbox, SandboxRules};

fn plain(texts: &[&str]) -> Sandbox {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue("q");
    fill(&sandbox, "q", texts);
    sandbox
}

/// A dead-letter queue with a limit of 2: `a` failed three times, `b` never.
fn dangerous() -> Sandbox {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue(QueueSetup::new("dead").returning(Returns::Destroys { limit: 2 }).keeps_counts());
    let above = broker::Message { delivery_count: Some(3), ..kit::text("a") };
    sandbox.publish_raw(&to("dead"), above);
    fill(&sandbox, "dead", &["b"]);
    sandbox
}

fn cost_of(sandbox: &Sandbox, ask: &broker::Ask) -> broker::LookCost {
    let topology = run(sandbox.topology(TopologyScope::All)).expect("it can be read");
    SandboxRules.look(&Facts { topology, ..Facts::default() }, ask)
}

#[test]
fn a_look_leaves_messages_where_they_are() {
    let sandbox = plain(&["a", "b", "c"]);
    let lease = look(&sandbox, "q", 2);
    let seen = next(&lease, 10);
    assert_eq!(bodies(&seen), ["a", "b"], "in the queue's order, and no more than was asked for");
    assert!(next(&lease, 10).is_empty(), "the look has seen enough");
    assert_eq!((ready(&sandbox, "q"), sandbox.held("q")), (vec!["c".to_owned()], 2));
    let returned = run(lease.close()).expect("closing works");
    assert_eq!(returned, Returned { messages: 2, confirmed: true, counted: Some(0) });
    assert_eq!(ready(&sandbox, "q"), ["a", "b", "c"]);
    assert_eq!(sandbox.held("q"), 0);
}

#[test]
fn closing_twice_gives_the_first_answer_and_ends_the_hold() {
    let sandbox = plain(&["a"]);
    let lease = look(&sandbox, "q", 1);
    let seen = next(&lease, 1);
    let first = run(lease.close()).expect("closing works");
    assert_eq!(run(lease.close()).expect("closing again works"), first);
    assert_eq!(run(lease.next(1)).expect_err("it is closed").kind(), ErrorKind::Lost);
    assert!(matches!(run(lease.remove(&keys(&seen)))[..], [RemoveOutcome::Unknown(_)]), "it was given back");
    assert_eq!(ready(&sandbox, "q"), ["a"]);
}

#[test]
fn dropping_the_handle_gives_back() {
    let sandbox = plain(&["a", "b"]);
    let lease = drain(&sandbox, "q");
    assert_eq!(next(&lease, 1).len(), 1);
    drop(lease);
    assert_eq!(ready(&sandbox, "q"), ["a", "b"]);
}

#[test]
fn removing_answers_for_each_key_in_order() {
    let sandbox = plain(&["a", "b", "c"]);
    let lease = drain(&sandbox, "q");
    let held = keys(&next(&lease, 10));
    let outcomes = run(lease.remove(&[held[1], LeaseKey(u64::MAX), held[1], held[0]]));
    let gone = RemoveOutcome::Gone;
    assert_eq!(outcomes, [RemoveOutcome::Removed, gone.clone(), gone, RemoveOutcome::Removed]);
    assert_eq!(run(lease.close()).expect("closing works").messages, 1);
    assert_eq!(ready(&sandbox, "q"), ["c"]);
}

#[test]
fn a_hold_is_bounded_in_messages_and_bytes() {
    let sandbox = plain(&["aaaa", "bbbb", "cccc", "dddd"]);
    let two = Hold { messages_max: 2, bytes_max: 1_000, wait_ms: 0 };
    let lease = run(sandbox.lease(broker::Ask { hold: two, ..ask("q", Purpose::Drain) })).expect("accepted");
    let held = next(&lease, 10);
    assert_eq!(bodies(&held), ["aaaa", "bbbb"]);
    assert!(next(&lease, 10).is_empty(), "the hold is full");
    run(lease.remove(&keys(&held)[..1]));
    assert_eq!(bodies(&next(&lease, 10)), ["cccc"], "room for one more");
    drop(lease);

    let six_bytes = Hold { messages_max: 10, bytes_max: 6, wait_ms: 0 };
    let lease = run(sandbox.lease(broker::Ask { hold: six_bytes, ..ask("q", Purpose::Drain) })).expect("accepted");
    assert_eq!(bodies(&next(&lease, 10)), ["bbbb", "cccc"], "one may exceed the bytes");

    let none = Hold { messages_max: 0, bytes_max: 6, wait_ms: 0 };
    let error = run(sandbox.lease(broker::Ask { hold: none, ..ask("q", Purpose::Drain) })).expect_err("no hold at all");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_pick_holds_until_all_were_seen_twins_counted() {
    let sandbox = plain(&["x", "twin", "y", "twin", "z", "twin"]);
    let key = SandboxRules.key(&sandbox.ready("q")[1]);
    let pick = Purpose::Pick { keys: vec![Picked { key: key.clone(), twins: 2 }] };
    let lease = run(sandbox.lease(ask("q", pick))).expect("accepted");
    let held = next(&lease, 100);
    assert_eq!(bodies(&held), ["x", "twin", "y", "twin"], "no further than the last of them");
    assert_eq!((&held[1].key, &held[3].key), (&key, &key));
    assert!(next(&lease, 100).is_empty());
    run(lease.remove(&[held[1].lease_key, held[3].lease_key]));
    run(lease.close()).expect("closing works");
    assert_eq!(ready(&sandbox, "q"), ["x", "y", "z", "twin"]);
}

#[test]
fn a_missing_queue_is_said_to_be_missing() {
    let sandbox = Sandbox::bare();
    let error = run(sandbox.lease(ask("nowhere", Purpose::Drain))).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(run(sandbox.depth(&"nowhere".into())).expect_err("there is none").kind(), ErrorKind::NotFound);
    let scope = TopologyScope::Queue("nowhere".into());
    let topology = run(sandbox.topology(scope)).expect("the broker answers");
    assert_eq!(topology.missing[0].kind, ErrorKind::NotFound, "and says what is missing");
}

#[test]
fn a_cut_gives_everything_back_and_the_lease_says_so() {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue(QueueSetup::new("q").returning(Returns::Destroys { limit: 5 }));
    fill(&sandbox, "q", &["a", "b", "c"]);
    let lease = drain(&sandbox, "q");
    let held = next(&lease, 2);
    sandbox.cut();
    assert_eq!(ready(&sandbox, "q"), ["a", "b", "c"]);
    assert_eq!(sandbox.ready("q")[0].delivery_count, Some(1), "a lost channel is a failure");
    assert_eq!(sandbox.ready("q")[2].delivery_count, Some(0), "this one was not held");
    assert!(matches!(run(lease.remove(&keys(&held)))[..], [RemoveOutcome::Unknown(_), RemoveOutcome::Unknown(_)]));
    assert_eq!(run(lease.next(1)).expect_err("the hold is gone").kind(), ErrorKind::Lost);
    let returned = run(lease.close()).expect("closing works");
    assert_eq!(returned, Returned { messages: 2, confirmed: false, counted: None });
    assert_eq!(next(&drain(&sandbox, "q"), 1).len(), 1, "a new lease works");
}

#[test]
fn deleting_the_queue_ends_the_hold() {
    let sandbox = plain(&["a"]);
    let lease = drain(&sandbox, "q");
    next(&lease, 1);
    assert!(sandbox.delete_queue("q"));
    assert_eq!(run(lease.next(1)).expect_err("the hold is gone").kind(), ErrorKind::Lost);
}

#[test]
fn closing_the_connection_takes_its_holds_and_no_others() {
    let sandbox = plain(&["a", "b"]);
    let other = sandbox.connect();
    let (mine, theirs) = (drain(&sandbox, "q"), drain(&other, "q"));
    assert_eq!((next(&mine, 1).len(), next(&theirs, 1).len()), (1, 1));
    run(sandbox.close());
    assert_eq!(ready(&sandbox, "q"), ["a"], "what this connection held");
    assert_eq!(run(mine.next(1)).expect_err("closed").kind(), ErrorKind::Lost);
    assert_eq!(bodies(&next(&theirs, 1)), ["a"], "the other connection lives");
    assert_eq!(run(sandbox.depth(&"q".into())).expect_err("closed").kind(), ErrorKind::Lost);
}

#[test]
fn faults_of_a_lease_hit_once() {
    let sandbox = plain(&["a", "b", "c"]);
    let lease = drain(&sandbox, "q");
    let held = keys(&next(&lease, 3));
    sandbox.fail_next(Fault::RemoveUnanswered);
    sandbox.fail_next(Fault::RemoveLost);
    let outcomes = run(lease.remove(&held));
    assert!(matches!(outcomes[0], RemoveOutcome::Unknown(_)), "removed, but not answered");
    assert!(matches!(outcomes[1], RemoveOutcome::Unknown(_)), "neither removed nor answered");
    assert_eq!(outcomes[2], RemoveOutcome::Removed);
    assert_eq!(run(lease.remove(&held[..2])), [RemoveOutcome::Gone, RemoveOutcome::Removed]);

    let sandbox = plain(&["a", "b"]);
    let lease = drain(&sandbox, "q");
    next(&lease, 1);
    sandbox.fail_next(Fault::LeaseLost);
    assert_eq!(run(lease.next(1)).expect_err("lost").kind(), ErrorKind::Lost);
    assert_eq!(ready(&sandbox, "q"), ["a", "b"]);
    let (one, two) = (drain(&sandbox, "q"), drain(&sandbox, "q"));
    sandbox.fail_next(Fault::ConnectionLost);
    assert_eq!(run(one.next(1)).expect_err("lost").kind(), ErrorKind::Lost);
    assert_eq!(run(two.next(1)).expect_err("lost too").kind(), ErrorKind::Lost);
}

#[test]
fn what_giving_back_would_do_is_told_of_each_message() {
    for (returns, expected) in [
        (Returns::Free, MayReturn::Free),
        (Returns::Marks, MayReturn::Counts),
        (Returns::Counts { limit: Some(0) }, MayReturn::Destroys),
        (Returns::Counts { limit: Some(1) }, MayReturn::Counts),
        (Returns::Destroys { limit: 0 }, MayReturn::Counts),
    ] {
        let sandbox = Sandbox::bare();
        sandbox.declare_queue(QueueSetup::new("q").returning(returns));
        fill(&sandbox, "q", &["a"]);
        let mut ask = ask("q", Purpose::Drain);
        ask.accepted = Some(cost_of(&sandbox, &ask));
        let lease = run(sandbox.lease(ask)).expect("the cost is accepted");
        assert_eq!(next(&lease, 1)[0].may_return, expected, "{returns:?}");
    }
}

#[test]
fn a_look_stops_at_a_message_that_has_no_delivery_left() {
    let sandbox = Sandbox::bare();
    sandbox.declare_queue(QueueSetup::new("q").returning(Returns::Counts { limit: Some(2) }));
    for (body, count) in [("a", 0), ("b", 2), ("c", 0)] {
        let message = broker::Message { delivery_count: Some(count), ..kit::text(body) };
        sandbox.publish_raw(&to("q"), message);
    }
    let mut ask = ask("q", Purpose::Look { n: 3 });
    assert_eq!(run(sandbox.lease(ask.clone())).expect_err("it counts").kind(), ErrorKind::CostRefused);
    ask.accepted = Some(cost_of(&sandbox, &ask));
    let lease = run(sandbox.lease(ask)).expect("the cost is accepted");
    let held = next(&lease, 10);
    assert_eq!(bodies(&held), ["a", "b"]);
    assert_eq!(held[1].may_return, MayReturn::Destroys);
    assert!(next(&lease, 10).is_empty(), "first settle the one that may not go back");
    assert_eq!(run(lease.remove(&[held[1].lease_key])), [RemoveOutcome::Removed]);
    assert_eq!(bodies(&next(&lease, 10)), ["c"]);
    let returned = run(lease.close()).expect("closing works");
    assert_eq!(returned, Returned { messages: 2, confirmed: true, counted: Some(2) });
    assert_eq!(sandbox.dropped(), 0);
}

#[test]
fn a_look_that_destroys_is_refused_unless_just_that_was_accepted() {
    let sandbox = dangerous();
    let mut ask = ask("dead", Purpose::Look { n: 10 });
    let cost = cost_of(&sandbox, &ask);
    let refusal = cost.refusal.clone().expect("it is refused");
    assert_eq!(refusal.code, "destroys");
    assert_eq!(refusal.ways, [WayOut::MakeSafe, WayOut::Take, WayOut::Careful]);
    assert_eq!(run(sandbox.lease(ask.clone())).expect_err("refused").kind(), ErrorKind::CostRefused);
    ask.accepted = Some(cost);
    let lease = run(sandbox.lease(ask)).expect("the override");
    let held = next(&lease, 10);
    let may_return: Vec<_> = held.iter().map(|leased| leased.may_return).collect();
    assert_eq!(may_return, [MayReturn::Destroys, MayReturn::Counts]);
    let returned = run(lease.close()).expect("closing works");
    assert_eq!(returned, Returned { messages: 2, confirmed: false, counted: Some(0) });
    assert_eq!(
        (ready(&sandbox, "dead"), sandbox.dropped()),
        (vec!["b".to_owned()], 1),
        "it was destroyed, as foretold"
    );
}

#[test]
fn a_take_gives_nothing_back_and_is_not_refused_for_it() {
    let sandbox = dangerous();
    let cost = cost_of(&sandbox, &ask("dead", Purpose::Take { n: 10 }));
    assert_eq!(cost.refusal, None);
    assert!(cost.words.contains("Nothing is put back"), "{}", cost.words);
    assert!(matches!(cost.returning, Returning::Destroys { .. }), "a dead connection gives back all the same");
}

#[test]
fn at_most_sixteen_are_held_where_returning_destroys() {
    let sandbox = dangerous();
    let many: Vec<_> = (0..40).map(|n| n.to_string()).collect();
    fill(&sandbox, "dead", &many.iter().map(String::as_str).collect::<Vec<_>>());
    let mut ask = ask("dead", Purpose::Take { n: 42 });
    ask.accepted = Some(cost_of(&sandbox, &ask));
    let lease = run(sandbox.lease(ask)).expect("the override");
    let mut taken = 0;
    loop {
        let held = next(&lease, 100);
        if held.is_empty() {
            break;
        }
        assert!(held.len() <= 16, "{} held", held.len());
        assert!(next(&lease, 1).is_empty() || held.len() < 16, "the hold is full");
        taken += run(lease.remove(&keys(&held))).len();
    }
    assert_eq!((taken, sandbox.dropped()), (42, 0));
}

#[test]
fn a_guard_makes_looking_safe_until_it_is_taken_back() {
    let sandbox = dangerous();
    let guard = sandbox.guard().expect("a sandbox has one");
    let plan = run(guard.propose(&"dead".into())).expect("it can be proposed");
    assert_eq!((plan.allowed, plan.useless.clone()), (Some(true), None));
    run(guard.apply(&plan)).expect("it is allowed");
    let lease = look(&sandbox, "dead", 10);
    assert_eq!(next(&lease, 10)[0].may_return, MayReturn::Counts);
    sandbox.cut();
    assert_eq!(ready(&sandbox, "dead"), ["a", "b"], "not even a cut destroys");
    run(guard.take_back(&plan)).expect("it is allowed");
    let error = run(sandbox.lease(ask("dead", Purpose::Look { n: 1 }))).expect_err("in danger again");
    assert_eq!(error.kind(), ErrorKind::CostRefused);
    sandbox.declare_queue("harmless");
    let plan = run(guard.propose(&"harmless".into())).expect("it can be asked");
    assert!(plan.useless.is_some(), "there is no limit to lift");
}

#[test]
fn a_dead_letter_queue_with_a_limit_is_refused_by_its_place_alone() {
    let sandbox = Sandbox::bare();
    let limited = |name: &str| QueueSetup::new(name).returning(Returns::Destroys { limit: 20 });
    sandbox.declare_exchange("dlx", ExchangeKind::Topic);
    sandbox.declare_queue(limited("work").dead_letters_to("dlx"));
    sandbox.declare_queue(limited("dead"));
    let is_refused = |queue| cost_of(&sandbox, &ask(queue, Purpose::Look { n: 1 })).refusal.is_some();
    assert!(!is_refused("dead"), "nothing leads there");
    sandbox.bind("dlx", "some.key", "dead").expect("both exist");
    assert!(is_refused("dead"), "a dead letter may");
    assert!(!is_refused("work"));
}

#[tokio::test]
async fn a_reader_waits_for_what_comes_and_no_longer() {
    let sandbox = plain(&[]);
    sandbox.set_waits(true);
    let lease = sandbox.lease(ask("q", Purpose::Drain)).await.expect("accepted");
    let began = std::time::Instant::now();
    let (held, ()) = tokio::join!(lease.next(5), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        fill(&sandbox, "q", &["late"]);
    });
    assert_eq!(bodies(&held.expect("the hold lives")), ["late"]);
    assert!(began.elapsed() < Duration::from_millis(1_500), "it does not wait on: {:?}", began.elapsed());

    let short = Hold { wait_ms: 20, ..ask("q", Purpose::Drain).hold };
    let lease = sandbox.lease(broker::Ask { hold: short, ..ask("q", Purpose::Drain) }).await.expect("accepted");
    assert!(lease.next(5).await.expect("the hold lives").is_empty(), "nothing came");
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_loses_nothing() {
    let sandbox = plain(&[]);
    sandbox.set_waits(true);
    let lease = sandbox.lease(ask("q", Purpose::Drain)).await.expect("accepted");
    for _ in 0..3 {
        let waited = tokio::time::timeout(Duration::from_millis(5), lease.next(5)).await;
        assert!(waited.is_err(), "it was still waiting");
    }
    fill(&sandbox, "q", &["a", "b"]);
    assert_eq!(bodies(&lease.next(5).await.expect("the hold lives")), ["a", "b"]);
}
