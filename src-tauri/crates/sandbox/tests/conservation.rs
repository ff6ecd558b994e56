//! Whatever is done in whatever order: no message is lost that the broker did not drop itself, and none is invented.

mod kit;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use broker::{Ask, Broker, Facts, Lease, LeaseKey, Purpose, RemoveOutcome, Rules, TopologyScope};
use kit::{ask, outgoing, run, to};
use proptest::prelude::{Just, Strategy, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::{Config, TestCaseError};
use sandbox::{Fault, QueueSetup, Returns, Sandbox, SandboxRules};

const QUEUES: [&str; 4] = ["counted", "dead", "timed", "marked"];

#[derive(Debug, Clone)]
enum Deed {
    Publish { queue: usize },
    Lease { queue: usize, n: u64 },
    Remove { lease: usize, n: usize },
    GiveBack { lease: usize },
    Drop { lease: usize },
    Consume { queue: usize },
    Fail(Fault),
    Cut,
    Block,
    Unblock,
    Pass { ms: u64 },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let fault = prop_oneof![
        Just(Fault::PublishLost),
        Just(Fault::PublishUnanswered),
        Just(Fault::RemoveUnanswered),
        Just(Fault::RemoveLost),
        Just(Fault::LeaseLost),
        Just(Fault::ConnectionLost),
    ];
    let deed = prop_oneof![
        6 => (0..4_usize).prop_map(|queue| Deed::Publish { queue }),
        4 => (0..4_usize, 1..5_u64).prop_map(|(queue, n)| Deed::Lease { queue, n }),
        3 => (0..4_usize, 1..4_usize).prop_map(|(lease, n)| Deed::Remove { lease, n }),
        2 => (0..4_usize).prop_map(|lease| Deed::GiveBack { lease }),
        1 => (0..4_usize).prop_map(|lease| Deed::Drop { lease }),
        1 => (0..4_usize).prop_map(|queue| Deed::Consume { queue }),
        1 => fault.prop_map(Deed::Fail),
        1 => Just(Deed::Cut),
        1 => Just(Deed::Block),
        1 => Just(Deed::Unblock),
        2 => (0..700_u64).prop_map(|ms| Deed::Pass { ms }),
    ];
    prop::collection::vec(deed, 1..80)
}

/// What a lease handed out and was not asked to remove: its key and its body.
type Held = Vec<(LeaseKey, String)>;

/// A broker, and what is known of every message that was ever sent to it.
struct World {
    sandbox: Sandbox,
    leases: Vec<(Arc<dyn Lease>, Held)>,
    sent: u64,
    /// Confirmed: it must be somewhere.
    arrived: BTreeSet<String>,
    /// Unknown: it may be somewhere.
    may_have_arrived: BTreeSet<String>,
    removed: BTreeSet<String>,
    may_be_removed: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let sandbox = Sandbox::bare();
        let counts = Returns::Counts { limit: Some(2) };
        sandbox.declare_queue(QueueSetup::new("counted").returning(counts).dead_letters_to_key("", "dead"));
        sandbox.declare_queue(QueueSetup::new("dead").returning(Returns::Destroys { limit: 3 }).keeps_counts());
        sandbox.declare_queue(QueueSetup::new("timed").ttl_ms(1_000).dead_letters_to_key("", "marked"));
        sandbox.declare_queue("marked");
        Self {
            sandbox,
            leases: Vec::new(),
            sent: 0,
            arrived: BTreeSet::new(),
            may_have_arrived: BTreeSet::new(),
            removed: BTreeSet::new(),
            may_be_removed: BTreeSet::new(),
        }
    }

    fn publish(&mut self, queue: &str) {
        self.sent += 1;
        let body = self.sent.to_string();
        let Ok(publisher) = run(self.sandbox.publisher(broker::Order::Any)) else { return };
        match &run(publisher.publish(vec![outgoing(to(queue), &body)]))[0] {
            broker::PublishOutcome::Confirmed => self.arrived.insert(body),
            broker::PublishOutcome::Unknown(_) => self.may_have_arrived.insert(body),
            outcome => panic!("{outcome:?} of a small message for a queue that exists"),
        };
    }

    fn lease(&mut self, queue: &str, n: u64) {
        let topology = run(self.sandbox.topology(TopologyScope::All)).expect("it can be read");
        let mut ask: Ask = ask(queue, Purpose::Look { n });
        ask.accepted = Some(SandboxRules.look(&Facts { topology, ..Facts::default() }, &ask));
        let Ok(lease) = run(self.sandbox.lease(ask)) else { return };
        let held = run(lease.next(3)).unwrap_or_default();
        let held = held.iter().map(|leased| (leased.lease_key, kit::body(&leased.message))).collect();
        self.leases.push((lease, held));
    }

    fn remove(&mut self, lease: usize, n: usize) {
        let Some((lease, held)) = self.leases.get_mut(lease) else { return };
        let some: Vec<_> = held.drain(..n.min(held.len())).collect();
        let keys: Vec<_> = some.iter().map(|(key, _)| *key).collect();
        for ((_, body), outcome) in some.into_iter().zip(run(lease.remove(&keys))) {
            match outcome {
                RemoveOutcome::Removed => assert!(self.removed.insert(body), "removed once only"),
                RemoveOutcome::Gone => panic!("nobody else can have removed {body}"),
                RemoveOutcome::Unknown(_) => {
                    self.may_be_removed.insert(body);
                }
            }
        }
    }

    fn take_lease(&mut self, lease: usize) -> Option<Arc<dyn Lease>> {
        (lease < self.leases.len()).then(|| self.leases.remove(lease).0)
    }

    fn do_it(&mut self, deed: &Deed) {
        match *deed {
            Deed::Publish { queue } => self.publish(QUEUES[queue]),
            Deed::Lease { queue, n } => self.lease(QUEUES[queue], n),
            Deed::Remove { lease, n } => self.remove(lease, n),
            Deed::GiveBack { lease } => {
                if let Some(lease) = self.take_lease(lease) {
                    run(lease.close()).expect("closing always works");
                }
            }
            Deed::Drop { lease } => drop(self.take_lease(lease)),
            Deed::Consume { queue } => {
                if let Some(message) = self.sandbox.consume(QUEUES[queue]) {
                    assert!(self.removed.insert(kit::body(&message)), "consumed once only");
                }
            }
            Deed::Fail(fault) => self.sandbox.fail_next(fault),
            Deed::Cut => self.sandbox.cut(),
            Deed::Block => self.sandbox.block("memory"),
            Deed::Unblock => self.sandbox.unblock(),
            Deed::Pass { ms } => self.sandbox.advance(Duration::from_millis(ms)),
        }
    }

    /// After all leases are closed: every message is in one queue, or removed, or dropped by the broker.
    fn check(mut self) -> Result<(), TestCaseError> {
        self.leases.clear();
        let mut there = BTreeSet::new();
        for queue in QUEUES {
            prop_assert_eq!(self.sandbox.held(queue), 0, "nothing of {} is held", queue);
            for message in self.sandbox.ready(queue) {
                let body = kit::body(&message);
                prop_assert!(there.insert(body.clone()), "{} is there twice", body);
            }
        }
        let known: BTreeSet<_> = self.arrived.union(&self.may_have_arrived).cloned().collect();
        prop_assert!(there.is_subset(&known), "nothing is invented");
        prop_assert!(there.is_disjoint(&self.removed), "what was removed is gone");
        let lost = self.arrived.iter().filter(|body| !there.contains(*body) && !self.removed.contains(*body));
        let unexplained = lost.filter(|body| !self.may_be_removed.contains(*body)).count() as u64;
        prop_assert!(unexplained <= self.sandbox.dropped(), "{} lost, {} dropped", unexplained, self.sandbox.dropped());
        if self.may_have_arrived.is_empty() && self.may_be_removed.is_empty() {
            prop_assert_eq!(unexplained, self.sandbox.dropped(), "dropped is what is missing");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(Config::with_cases(500))]

    #[test]
    fn no_message_is_lost_or_invented(deeds in deeds()) {
        let mut world = World::new();
        deeds.iter().for_each(|deed| world.do_it(deed));
        world.check()?;
    }

    #[test]
    fn the_same_deeds_give_the_same_broker(deeds in deeds()) {
        let [one, two] = [(); 2].map(|()| {
            let mut world = World::new();
            deeds.iter().for_each(|deed| world.do_it(deed));
            world
        });
        for queue in QUEUES {
            prop_assert_eq!(one.sandbox.ready(queue), two.sandbox.ready(queue));
        }
        let keys = |world: &World| world.leases.iter().map(|(_, held)| held.clone()).collect::<Vec<_>>();
        prop_assert_eq!(keys(&one), keys(&two));
    }
}
