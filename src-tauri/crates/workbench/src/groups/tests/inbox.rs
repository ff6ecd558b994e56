//! Two dead-letter queues of one broker, looked at and grouped as the window does it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::{
    Broker, CheckStep, Death, DeathReason, Driver, Form, Kind, Message, Routing, Rules, Secret, Settings, Table, Target,
};
use sandbox::{ExchangeKind, QueueSetup, Returns, Sandbox, SandboxRules};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{by, said, titles};
use crate::store::MemorySecrets;
use crate::{
    DeadLetterInbox, Environment, GroupBy, GroupColumn, GroupPageAsk, Options, ProfileDraft, ProfileId, Workbench,
};

/// Opens the one sandbox that a test lays out.
#[derive(Debug)]
struct Laid(Sandbox);

#[async_trait]
impl Driver for Laid {
    fn kind(&self) -> Kind {
        Kind("laid")
    }

    fn form(&self) -> Form {
        Form {
            title: String::new(),
            subtitle: String::new(),
            tag: String::new(),
            secret_label: None,
            fields: Vec::new(),
        }
    }

    fn read_url(&self, _: &str) -> broker::Result<(Settings, Secret)> {
        Ok((Settings::default(), Secret::none()))
    }

    fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(SandboxRules)
    }

    async fn check(&self, _: &Settings, _: &Secret, _: mpsc::Sender<CheckStep>) -> broker::Result<()> {
        Ok(())
    }

    async fn open(&self, _: &Settings, _: &Secret) -> broker::Result<Arc<dyn Broker>> {
        Ok(Arc::new(self.0.connect()))
    }
}

async fn connected(sandbox: &Sandbox, dir: &std::path::Path) -> (Workbench, ProfileId) {
    let drivers: Vec<Arc<dyn Driver>> = vec![Arc::new(Laid(sandbox.clone()))];
    let options = Options { data_dir: dir.to_owned(), drivers, secrets: Arc::new(MemorySecrets::default()) };
    let workbench = Workbench::open(options).await.unwrap();
    let draft = ProfileDraft {
        id: None,
        name: "laid out".into(),
        kind: "laid".into(),
        environment: Environment::Local,
        read_only: false,
        settings: Settings::default(),
    };
    let profile = workbench.save_profile(draft, None).await.unwrap().profile.id;
    workbench.open_connection(profile, None).await.unwrap();
    (workbench, profile)
}

/// The inbox once the queues were counted.
async fn inbox(workbench: &Workbench, profile: ProfileId) -> DeadLetterInbox {
    for _ in 0..200 {
        let inbox = workbench.list_dead_letters(profile).await.unwrap();
        if inbox.ready.is_some() {
            return inbox;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing is counted");
}

/// `work` and `mail` send what dies in them to two dead-letter queues, of which one destroys what is given back.
fn laid_out() -> Sandbox {
    let sandbox = Sandbox::bare();
    sandbox.declare_exchange("dlx", ExchangeKind::Direct);
    sandbox.declare_queue("work.dead");
    sandbox.declare_queue("mail.dead");
    sandbox.declare_queue(QueueSetup::new("parts.dead").returning(Returns::Destroys { limit: 2 }).keeps_counts());
    for name in ["work", "mail", "parts"] {
        sandbox.declare_queue(QueueSetup::new(name).dead_letters_to_key("dlx", name));
        sandbox.bind("dlx", name, &format!("{name}.dead")).unwrap();
    }
    sandbox
}

/// A letter that died in that queue, with what its framework left on it.
fn lay(sandbox: &Sandbox, queue: &str, headers: &[(&str, &str)], body: &str) {
    let death = Death {
        queue: queue.into(),
        reason: DeathReason::Rejected,
        count: 1,
        at: Some(sandbox.now()),
        exchange: None,
        routing_keys: vec![queue.to_owned()],
    };
    let message = Message {
        body: body.into(),
        headers: headers.iter().copied().collect::<Table>(),
        routing: Routing::default(),
        deaths: vec![death],
        ..Message::default()
    };
    sandbox.advance(Duration::from_secs(1));
    let target = Target::Queue { queue: format!("{queue}.dead").as_str().into() };
    assert_eq!(sandbox.publish_raw(&target, message).len(), 1, "it is laid out");
}

fn lay_out_letters(sandbox: &Sandbox) {
    for n in 0..30 {
        let said = format!("Gateway did not answer within 5000 ms for order {n}");
        let trace = format!("shop.GatewayTimeout: {said}\n\tat shop.Gateway.ask(Gateway.java:7)");
        let spring = [("x-exception-message", said.as_str()), ("x-exception-stacktrace", &trace), ("tenant", "eu")];
        lay(sandbox, if n % 3 == 0 { "mail" } else { "work" }, &spring, &format!("{{\"n\":{n}}}"));
    }
    for _ in 0..7 {
        let masstransit = [("MT-Fault-ExceptionType", "System.FormatException"), ("MT-Fault-Message", "no number")];
        lay(sandbox, "work", &masstransit, "{}");
    }
    let traceback = "Traceback:\\n  File \\\"a.py\\\", line 1, in f\\nValueError: 4 is odd\\n";
    let dramatiq = format!("{{\"actor_name\":\"ship\",\"options\":{{\"traceback\":\"{traceback}\"}}}}");
    (0..4).for_each(|_| lay(sandbox, "mail", &[], &dramatiq));
    (0..2).for_each(|_| lay(sandbox, "work", &[], "nobody wrote on it"));
}

#[tokio::test]
async fn the_inbox_tells_each_queue_and_what_a_look_at_it_would_cost() {
    let (sandbox, dir) = (laid_out(), tempfile::tempdir().unwrap());
    lay_out_letters(&sandbox);
    let (workbench, profile) = connected(&sandbox, dir.path()).await;
    let found = inbox(&workbench, profile).await;
    let queues = found.queues.unwrap();
    let told: Vec<_> = queues.iter().map(|queue| (queue.name.as_str(), queue.ready, queue.consumers)).collect();
    let wanted = [("work.dead", Some(29), Some(0)), ("mail.dead", Some(14), Some(0)), ("parts.dead", Some(0), Some(0))];
    assert_eq!(told, wanted, "most first");
    assert_eq!((found.ready, found.missing.len()), (Some(43), 0));
    assert_eq!(queues[0].fed_by, ["work".into()]);
    let refusals: Vec<_> =
        queues.iter().map(|queue| queue.look.as_ref().unwrap().refusal.as_ref().map(|no| no.code.as_str())).collect();
    assert_eq!(refusals, [None, None, Some("destroys")]);
    assert!(queues.iter().all(|queue| queue.capture.is_none()), "none was looked at");

    let stop = CancellationToken::new();
    let peeked = Box::pin(workbench.peek_queue(profile, "work.dead".into(), 5, None, stop.clone(), |_| {})).await;
    let again = Box::pin(workbench.peek_queue(profile, "work.dead".into(), 6, None, stop, |_| {})).await.unwrap();
    assert_ne!(peeked.unwrap().capture, again.capture);
    let queues = inbox(&workbench, profile).await.queues.unwrap();
    let seen: Vec<_> = queues.iter().map(|queue| queue.capture.as_ref().map(|view| (view.id, view.messages))).collect();
    assert_eq!(seen, [Some((again.capture, 6)), None, None], "the newest look");
}

#[tokio::test]
async fn dead_letters_of_two_queues_are_grouped_paged_and_named_for_a_plan() {
    let (sandbox, dir) = (laid_out(), tempfile::tempdir().unwrap());
    lay_out_letters(&sandbox);
    let (workbench, profile) = connected(&sandbox, dir.path()).await;
    let mut captures = Vec::new();
    for queue in ["work.dead", "mail.dead"] {
        let stop = CancellationToken::new();
        let peek = Box::pin(workbench.peek_queue(profile, queue.into(), 200, None, stop, |_| {}));
        captures.push(peek.await.unwrap().capture);
    }
    let ask = by(&captures, GroupBy::ExceptionAndMessage);
    let groups = workbench.group_failures(ask.clone(), CancellationToken::new(), |_, _| {}).await.unwrap();
    let wanted = [("GatewayTimeout", 30), ("FormatException", 7), ("ValueError", 4), ("No exception header", 2)];
    assert_eq!(titles(&groups), wanted);
    let timeout = &groups.groups[0];
    assert_eq!(said(timeout), "Gateway did not answer within <5000> ms for order <n>");
    assert_eq!(timeout.sources, ["work".into(), "mail".into()], "most first");
    assert_eq!(said(&groups.groups[3]), "A consumer refused it");
    assert!(groups.groups[2].note.as_ref().is_some_and(|note| note.contains("7 days")));

    let page =
        |from| GroupPageAsk { grouping: groups.id, group: 0, sort: GroupColumn::Died, descending: false, from, n: 20 };
    let first = workbench.page_group(page(0)).await.unwrap();
    let second = workbench.page_group(page(20)).await.unwrap();
    assert_eq!((first.total, first.rows.len(), second.rows.len()), (30, 20, 10));
    let mut bodies: Vec<_> = first.rows.iter().chain(&second.rows).map(|row| row.row.preview.clone()).collect();
    assert!(first.rows.iter().any(|row| row.queue.as_str() == "mail.dead"), "both queues are in it");
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 30, "each once");

    let members = workbench.group_members(groups.id, 0).unwrap();
    let counts: Vec<_> =
        members.iter().map(|of| (of.queue.as_str(), of.profile == profile, of.messages.len())).collect();
    assert_eq!(counts, [("work.dead", true, 20), ("mail.dead", true, 10)]);

    let shown = workbench.show_message(members[0].capture, members[0].messages[0]).await.unwrap();
    assert_eq!(shown.failure.unwrap().thrown_at.as_deref(), Some("Gateway.ask:7"));

    let filtered = crate::GroupAsk { filter: "header.tenant=eu body.n=4".into(), ..ask };
    let one = workbench.group_failures(filtered, CancellationToken::new(), |_, _| {}).await.unwrap();
    assert_eq!(titles(&one), [("GatewayTimeout", 1)]);
    assert_eq!(said(&one.groups[0]), "Gateway did not answer within <5000> ms for order <4>");
}
