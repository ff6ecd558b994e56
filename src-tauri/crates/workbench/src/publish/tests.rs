use std::sync::Arc;

use broker::{Driver, ExchangeName, Kind, QueueName, Settings};
use sandbox::SandboxDriver;

use super::*;
use crate::store::MemorySecrets;
use crate::{ActivityAsk, ActivityRow, Environment, Error, Options, ProfileDraft, RefusedCode};

struct Shop {
    workbench: Workbench,
    profile: ProfileId,
    _dir: tempfile::TempDir,
}

impl Shop {
    async fn open(read_only: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let driver = Arc::new(SandboxDriver::new());
        assert_eq!(driver.kind(), Kind("sandbox"));
        let options = Options {
            data_dir: dir.path().to_owned(),
            drivers: vec![driver],
            secrets: Arc::new(MemorySecrets::default()),
        };
        let workbench = Workbench::open(options).await.unwrap();
        let draft = ProfileDraft {
            id: None,
            name: "shop".into(),
            kind: "sandbox".into(),
            environment: Environment::Staging,
            read_only,
            settings: Settings::default(),
        };
        let profile = workbench.save_profile(draft, None).await.unwrap().profile.id;
        workbench.open_connection(profile, None).await.unwrap();
        Self { workbench, profile, _dir: dir }
    }

    async fn last_act(&self) -> ActivityRow {
        let ask = ActivityAsk { filter: String::new(), profile: None, only_open: false, from: 0, n: 1 };
        self.workbench.list_activity(ask).await.unwrap().rows.remove(0)
    }

    async fn ready(&self, queue: &str) -> Option<u64> {
        self.workbench.offer_look(self.profile, queue.into(), 1).await.unwrap().ready
    }
}

fn ask(target: Target) -> PublishAsk {
    PublishAsk {
        target,
        body: b"{\"order\": 4711}".to_vec(),
        properties: Table::new(),
        headers: [("tenant", "eu")].into_iter().collect(),
    }
}

fn to_queue(queue: &str) -> PublishAsk {
    ask(Target::Queue { queue: queue.into() })
}

#[tokio::test]
async fn a_published_message_is_confirmed_and_waits_where_it_was_said_to_arrive() {
    let shop = Shop::open(false).await;
    let before = shop.ready("workshop.reminders").await.unwrap();
    let target = Target::Exchange { exchange: "workshop".into(), key: "job.reminder".into() };
    let offer = shop.workbench.offer_publish(shop.profile, &ask(target.clone())).await.unwrap();
    assert_eq!(offer.arrivals.queues, [QueueName::from("workshop.reminders")]);
    let published = shop.workbench.publish(shop.profile, ask(target)).await.unwrap();
    assert_eq!((published.state, published.why), (PublishedAs::Confirmed, None));
    assert_eq!(published.arrivals.queues, [QueueName::from("workshop.reminders")]);
    assert_eq!(shop.ready("workshop.reminders").await, Some(before + 1));
    let act = shop.last_act().await;
    assert_eq!((act.act, act.outcome, act.messages), (Act::Publish, Outcome::Done, Some(1)));
    assert!(act.words.contains("workshop.reminders"), "{}", act.words);
    assert!(!format!("{act:?} {:?}", to_queue("a")).contains("4711"), "no payload is noted");
}

#[tokio::test]
async fn what_nothing_takes_is_said_to_be_nowhere() {
    let shop = Shop::open(false).await;
    let nobody = Target::Exchange { exchange: ExchangeName::from("orders"), key: "no.such.key".into() };
    for ask in [to_queue("no.such.queue"), ask(nobody)] {
        assert!(shop.workbench.offer_publish(shop.profile, &ask).await.unwrap().arrivals.is_unroutable());
        let published = shop.workbench.publish(shop.profile, ask).await.unwrap();
        assert_eq!(published.state, PublishedAs::Unroutable);
        assert!(published.arrivals.queues.is_empty() && published.why.is_some(), "{published:?}");
        assert_eq!(shop.last_act().await.outcome, Outcome::Failed);
    }
}

#[tokio::test]
async fn nothing_is_published_while_writes_are_locked() {
    let shop = Shop::open(true).await;
    let before = shop.ready("workshop.reminders").await;
    let refused = shop.workbench.publish(shop.profile, to_queue("workshop.reminders")).await;
    assert!(matches!(refused, Err(Error::Refused { code: RefusedCode::ReadOnly, .. })), "{refused:?}");
    assert_eq!(shop.ready("workshop.reminders").await, before);
    shop.workbench.set_writes(shop.profile, true).await.unwrap();
    shop.workbench.publish(shop.profile, to_queue("workshop.reminders")).await.unwrap();
}

#[tokio::test]
async fn an_act_is_noted_with_the_door_it_came_by() {
    let shop = Shop::open(false).await;
    shop.workbench.enter_by(crate::Door::CommandLine);
    shop.workbench.publish(shop.profile, to_queue("workshop.reminders")).await.unwrap();
    let act = shop.last_act().await;
    assert!(act.by.ends_with(", by qscope"), "{}", act.by);
    assert_eq!(act.confirmed, "by a command");
}
