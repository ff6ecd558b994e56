use super::*;

const OWNER: u64 = 1;

fn engine(setups: impl IntoIterator<Item = QueueSetup>) -> Engine {
    let mut engine = Engine::new(Timestamp::from_second(1_000_000).expect("it is a time"));
    for setup in setups {
        engine.declare_queue(setup);
    }
    engine
}

fn text(body: &str) -> Message {
    Message { body: body.as_bytes().to_vec(), ..Message::default() }
}

fn to(queue: &str) -> Target {
    Target::Queue { queue: queue.into() }
}

fn send(engine: &mut Engine, queue: &str, bodies: &[&str]) {
    for body in bodies {
        let reached = engine.publish(&to(queue), text(body)).expect("the default exchange is always there");
        assert_eq!(reached, [queue.into()], "it must arrive");
    }
}

fn bodies(engine: &Engine, queue: &str) -> Vec<String> {
    let entries = engine.queues[&queue.into()].ready.values();
    entries.map(|entry| String::from_utf8_lossy(&entry.content.body).into_owned()).collect()
}

fn head(engine: &Engine, queue: &str) -> Message {
    let queue = &engine.queues[&queue.into()];
    let (_, entry) = queue.ready.first_key_value().expect("something is ready");
    entry.message(queue.setup.returns)
}

fn hold(engine: &mut Engine, queue: &str, n: usize) -> (ChannelId, Vec<Delivery>) {
    let channel = engine.open_channel(OWNER, &queue.into());
    let delivery = |_| engine.deliver(channel).expect("the channel lives").expect("something is ready");
    let deliveries = (0..n).map(delivery).collect();
    (channel, deliveries)
}

fn look(engine: &mut Engine, queue: &str, n: usize, back: Back) -> (u64, u64) {
    let (channel, _) = hold(engine, queue, n);
    engine.close_channel(channel, back).expect("the channel lives")
}

fn pass(engine: &mut Engine, ms: i64) {
    let later = engine.now() + jiff::SignedDuration::from_millis(ms);
    engine.advance(later);
}

#[test]
fn what_is_given_back_is_where_it_was() {
    let mut engine = engine([QueueSetup::new("q")]);
    send(&mut engine, "q", &["a", "b", "c", "d", "e"]);
    let (first, _) = hold(&mut engine, "q", 2);
    let (second, held) = hold(&mut engine, "q", 2);
    send(&mut engine, "q", &["f"]);
    assert_eq!(engine.ack(second, held[0].tag), Ok(true));
    assert_eq!(engine.ack(second, held[0].tag), Ok(false), "it is not held any more");
    engine.close_channel(second, Back::Kindly).expect("the channel lives");
    assert_eq!(bodies(&engine, "q"), ["d", "e", "f"], "before what came later");
    engine.close_channel(first, Back::Failed).expect("the channel lives");
    assert_eq!(bodies(&engine, "q"), ["a", "b", "d", "e", "f"], "before what was held after it");
    let in_flight = engine.queues[&"q".into()].in_flight;
    assert_eq!(in_flight, 0, "nothing is held");
}

#[test]
fn returning_marks_counts_or_does_nothing_as_the_queue_says() {
    for (returns, back, redelivered, count) in [
        (Returns::Free, Back::Failed, false, None),
        (Returns::Marks, Back::Kindly, true, None),
        (Returns::Counts { limit: None }, Back::Kindly, true, Some(1)),
        (Returns::Counts { limit: Some(9) }, Back::Failed, true, Some(1)),
        (Returns::Destroys { limit: 9 }, Back::Kindly, true, Some(0)),
        (Returns::Destroys { limit: 9 }, Back::Failed, true, Some(1)),
    ] {
        let mut engine = engine([QueueSetup::new("q").returning(returns)]);
        send(&mut engine, "q", &["a"]);
        look(&mut engine, "q", 1, back);
        let message = head(&engine, "q");
        assert_eq!(message.redelivered, Some(redelivered), "{returns:?}, {back:?}");
        assert_eq!(message.delivery_count, count, "{returns:?}, {back:?}");
    }
}

#[test]
fn the_return_above_the_limit_kills() {
    let counted = QueueSetup::new("q").returning(Returns::Counts { limit: Some(2) }).dead_letters_to_key("", "dead");
    let mut engine = engine([counted, QueueSetup::new("dead")]);
    send(&mut engine, "q", &["a"]);
    for _ in 0..2 {
        assert_eq!(look(&mut engine, "q", 1, Back::Kindly), (1, 1), "within its limit");
    }
    let (channel, held) = hold(&mut engine, "q", 1);
    assert!(held[0].dies, "the third return is foretold");
    assert_eq!(engine.close_channel(channel, Back::Kindly), Ok((1, 0)), "it is not in the queue again");
    assert!(bodies(&engine, "q").is_empty());
    let dead = head(&engine, "dead");
    assert_eq!(dead.deaths[0].reason, DeathReason::DeliveryLimit);
    assert_eq!((dead.routing.exchange.as_str(), dead.routing.key.as_str()), ("", "dead"));
    assert_eq!(dead.deaths[0].routing_keys, ["q"], "the death tells how it had come");
    assert_eq!(engine.dropped, 0);
}

/// A queue whose messages die of a limit of 2, and a dead-letter queue with a limit of its own.
fn two_limits(dead: QueueSetup) -> Engine {
    let work = QueueSetup::new("work").returning(Returns::Destroys { limit: 2 }).dead_letters_to_key("", "dead");
    let mut engine = engine([work, dead]);
    send(&mut engine, "work", &["a"]);
    for _ in 0..3 {
        look(&mut engine, "work", 1, Back::Failed);
    }
    assert_eq!(bodies(&engine, "dead"), ["a"], "it died of its limit");
    engine
}

#[test]
fn what_died_of_its_limit_is_destroyed_by_the_first_return_where_counts_are_kept() {
    let mut engine = two_limits(QueueSetup::new("dead").returning(Returns::Destroys { limit: 2 }).keeps_counts());
    assert_eq!(head(&engine, "dead").delivery_count, Some(3), "the count came with it");
    assert_eq!(look(&mut engine, "dead", 1, Back::Kindly), (1, 0), "even the kind way destroys");
    assert_eq!(engine.dropped, 1);
}

#[test]
fn a_guard_keeps_what_is_above_its_limit() {
    let mut engine = two_limits(QueueSetup::new("dead").returning(Returns::Destroys { limit: 2 }).keeps_counts());
    engine.queues.get_mut(&"dead".into()).expect("it is declared").guarded = true;
    assert_eq!(look(&mut engine, "dead", 1, Back::Kindly), (1, 1), "no limit, no death");
    assert_eq!(look(&mut engine, "dead", 1, Back::Failed), (1, 1), "nor by a lost channel");
    engine.queues.get_mut(&"dead".into()).expect("it is declared").guarded = false;
    assert_eq!(look(&mut engine, "dead", 1, Back::Kindly), (1, 0), "in danger again");
}

#[test]
fn a_queue_that_keeps_no_counts_begins_anew() {
    let mut engine = two_limits(QueueSetup::new("dead").returning(Returns::Destroys { limit: 2 }));
    assert_eq!(head(&engine, "dead").delivery_count, Some(0));
    assert_eq!(look(&mut engine, "dead", 1, Back::Kindly), (1, 1));
}

#[test]
fn what_is_published_anew_begins_anew() {
    let mut engine = two_limits(QueueSetup::new("dead").returning(Returns::Destroys { limit: 2 }).keeps_counts());
    let (channel, held) = hold(&mut engine, "dead", 1);
    let body = held[0].message.body.clone();
    engine.publish(&to("dead"), Message { body, ..Message::default() }).expect("the default exchange is there");
    assert_eq!(engine.ack(channel, held[0].tag), Ok(true));
    assert_eq!(look(&mut engine, "dead", 1, Back::Kindly), (1, 1), "a fresh count");
}

#[test]
fn what_waits_too_long_becomes_a_dead_letter() {
    let mut engine =
        engine([QueueSetup::new("q").ttl_ms(1_000).dead_letters_to_key("", "dead"), QueueSetup::new("dead")]);
    send(&mut engine, "q", &["a"]);
    pass(&mut engine, 600);
    send(&mut engine, "q", &["b"]);
    pass(&mut engine, 399);
    assert_eq!(bodies(&engine, "q"), ["a", "b"]);
    pass(&mut engine, 1);
    assert_eq!((bodies(&engine, "q"), bodies(&engine, "dead")), (vec!["b".to_owned()], vec!["a".to_owned()]));
    let death = &head(&engine, "dead").deaths[0];
    assert_eq!((death.queue.as_str(), &death.reason, death.at), ("q", &DeathReason::Expired, Some(engine.now())));
}

#[test]
fn what_is_held_past_its_time_expires_when_it_comes_back() {
    let mut engine = engine([QueueSetup::new("q").ttl_ms(1_000)]);
    send(&mut engine, "q", &["a"]);
    let (channel, _) = hold(&mut engine, "q", 1);
    pass(&mut engine, 5_000);
    assert_eq!(engine.dropped, 0, "nothing expires in a hand");
    engine.close_channel(channel, Back::Kindly).expect("the channel lives");
    assert!(bodies(&engine, "q").is_empty());
    assert_eq!(engine.dropped, 1, "no dead-letter exchange takes it");
}

#[test]
fn a_ttl_of_zero_keeps_nothing() {
    let mut engine = engine([QueueSetup::new("q").ttl_ms(0)]);
    let reached = engine.publish(&to("q"), text("a"));
    assert_eq!(reached, Ok(vec!["q".into()]), "it was routed");
    assert_eq!(engine.dropped, 1, "and is gone");
}

#[test]
fn dead_letters_do_not_go_round_by_themselves() {
    let mut engine = engine([
        QueueSetup::new("a").ttl_ms(0).dead_letters_to_key("", "b"),
        QueueSetup::new("b").ttl_ms(0).dead_letters_to_key("", "a"),
    ]);
    engine.publish(&to("a"), text("x")).expect("the default exchange is there");
    assert_eq!(engine.dropped, 1, "dropped where the circle closes");
}

#[test]
fn a_missing_dead_letter_exchange_drops() {
    let mut engine = engine([QueueSetup::new("q").ttl_ms(10).dead_letters_to("nowhere")]);
    send(&mut engine, "q", &["a"]);
    pass(&mut engine, 10);
    assert_eq!(engine.dropped, 1);
}

#[test]
fn a_refused_message_carries_the_consumers_note() {
    let mut engine = engine([QueueSetup::new("q").dead_letters_to_key("", "dead"), QueueSetup::new("dead")]);
    engine
        .consumers
        .push(Consumer::new("q", 1, 50, |_| Verdict::Reject(broker::Table::from_iter([("x-exception-type", "Boom")]))));
    send(&mut engine, "q", &["a", "b"]);
    pass(&mut engine, 0);
    assert_eq!(engine.queues[&"q".into()].in_flight, 1, "it holds one at a time");
    pass(&mut engine, 50);
    pass(&mut engine, 50);
    assert_eq!(bodies(&engine, "dead"), ["a", "b"]);
    let dead = head(&engine, "dead");
    assert_eq!(dead.headers.text("x-exception-type"), Some("Boom"));
    assert_eq!(dead.deaths[0].reason, DeathReason::Rejected);
}

#[test]
fn a_poison_message_goes_round_until_its_limit() {
    let setup = QueueSetup::new("q").returning(Returns::Counts { limit: Some(3) }).dead_letters_to_key("", "dead");
    let mut engine = engine([setup, QueueSetup::new("dead").returning(Returns::Destroys { limit: 3 }).keeps_counts()]);
    engine.consumers.push(Consumer::new("q", 1, 10, |_| Verdict::Requeue));
    send(&mut engine, "q", &["a"]);
    for _ in 0..10 {
        pass(&mut engine, 10);
    }
    let dead = head(&engine, "dead");
    assert_eq!((dead.deaths[0].reason.clone(), dead.delivery_count), (DeathReason::DeliveryLimit, Some(4)));
}

#[test]
fn a_message_reaches_each_bound_queue_once() {
    let mut engine = engine([QueueSetup::new("one"), QueueSetup::new("two"), QueueSetup::new("three")]);
    engine.declare_exchange("t".into(), ExchangeKind::Topic);
    for (key, queue) in [("a.*", "one"), ("#", "one"), ("a.b", "two"), ("c", "three")] {
        engine.bindings.insert(Bound { exchange: "t".into(), key: key.to_owned(), queue: queue.into() });
    }
    let target = |key: &str| Target::Exchange { exchange: "t".into(), key: key.to_owned() };
    assert_eq!(engine.publish(&target("a.b"), text("x")), Ok(vec!["one".into(), "two".into()]));
    assert_eq!(bodies(&engine, "one"), ["x"], "two bindings, one copy");
    engine.delete_queue(&"one".into());
    assert_eq!(engine.publish(&target("z"), text("y")), Ok(vec![]), "nothing matches");
    let nowhere = Target::Exchange { exchange: "nowhere".into(), key: String::new() };
    assert_eq!(engine.publish(&nowhere, text("z")), Err(NoExchange));
}

#[test]
fn deleting_a_queue_takes_the_channels_of_its_readers() {
    let mut engine = engine([QueueSetup::new("q"), QueueSetup::new("other")]);
    send(&mut engine, "q", &["a"]);
    send(&mut engine, "other", &["b"]);
    let (gone, _) = hold(&mut engine, "q", 1);
    let (alive, _) = hold(&mut engine, "other", 1);
    assert!(engine.delete_queue(&"q".into()));
    assert_eq!(engine.channel(gone).map(Channel::held), Err(ChannelGone));
    assert_eq!(engine.channel(alive).map(Channel::held), Ok(1));
}

#[test]
fn killing_a_connections_channels_leaves_those_of_others() {
    let mut engine = engine([QueueSetup::new("q").returning(Returns::Counts { limit: None })]);
    send(&mut engine, "q", &["a", "b", "c"]);
    let (mine, _) = hold(&mut engine, "q", 1);
    let others = engine.open_channel(OWNER + 1, &"q".into());
    engine.deliver(others).expect("the channel lives");
    engine.kill_channels(Some(OWNER));
    assert_eq!(engine.channel(mine).map(Channel::held), Err(ChannelGone));
    assert_eq!(engine.channel(others).map(Channel::held), Ok(1));
    assert_eq!(bodies(&engine, "q"), ["a", "c"]);
    assert_eq!(head(&engine, "q").delivery_count, Some(1), "a lost channel counts");
}

#[test]
fn time_never_runs_back() {
    let mut engine = engine([]);
    let now = engine.now();
    engine.advance(now - jiff::SignedDuration::from_secs(5));
    assert_eq!(engine.now(), now);
}
