use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use broker::{
    Arrivals, Ask, Broker, CheckStep, Choice, Driver, ErrorKind, Facts, FailedIn, Hazard, Kind, LookCost, Message,
    MessageKey, OrderKey, Outgoing, Prepared, Routing, Rules, Secret, Target,
};
use tokio::sync::{broadcast, mpsc};

use super::*;
use crate::store::{Keychain, MemorySecrets, SecretKeeper};
use crate::{ConnectionState, Options};

/// A kind of broker that never answers.
const SILENT: &str = "silent";

/// A kind of broker that has a form and cannot be opened.
#[derive(Debug)]
struct Unreachable(&'static str);

fn field(name: &str, required: bool) -> Field {
    Field { name: name.into(), label: name.to_uppercase(), required, ..Field::default() }
}

#[async_trait]
impl Driver for Unreachable {
    fn kind(&self) -> Kind {
        Kind(self.0)
    }

    fn form(&self) -> Form {
        let choices = ["yes", "no"].map(|value| Choice { value: value.into(), label: value.into() });
        let tls = Field { kind: FieldKind::Choice { choices: choices.into() }, ..field("tls", true) };
        let ca = Field { shown_when: Some(("tls".into(), "yes".into())), ..field("ca", true) };
        Form {
            title: "Sandbox".into(),
            subtitle: String::new(),
            tag: "SB".into(),
            secret_label: Some("Password".into()),
            fields: vec![field("host", true), tls, ca, field("vhost", false)],
        }
    }

    fn read_url(&self, _: &str) -> broker::Result<(Settings, Secret)> {
        Err(unreachable_broker())
    }

    fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(Self(self.0))
    }

    async fn check(&self, _: &Settings, _: &Secret, _: mpsc::Sender<CheckStep>) -> broker::Result<()> {
        Err(unreachable_broker())
    }

    async fn open(&self, _: &Settings, _: &Secret) -> broker::Result<Arc<dyn Broker>> {
        if self.0 == SILENT {
            return std::future::pending().await;
        }
        Err(unreachable_broker())
    }
}

fn unreachable_broker() -> broker::Error {
    broker::Error::new(ErrorKind::Unreachable, "reach it", "it is not there")
}

impl Rules for Unreachable {
    fn arrivals(&self, _: &Facts, _: &Outgoing) -> Arrivals {
        unreachable!("no test plans with it")
    }

    fn hazards(&self, _: &Facts, _: &Target, _: &Arrivals) -> Vec<Hazard> {
        Vec::new()
    }

    fn look(&self, _: &Facts, _: &Ask) -> LookCost {
        unreachable!("no test looks with it")
    }

    fn prepare(&self, _: &Message, _: &Target) -> Prepared {
        unreachable!("no test sends with it")
    }

    fn key(&self, message: &Message) -> MessageKey {
        broker::fingerprint(message, &[])
    }

    fn order_key(&self, _: &Message) -> Option<OrderKey> {
        None
    }

    fn failed_in(&self, message: &Message) -> FailedIn {
        message.deaths.first().map_or(FailedIn::Unknown, |death| FailedIn::Queue {
            queue: death.queue.clone(),
            evidence: "newest death".into(),
        })
    }

    fn origin(&self, _: &Message) -> Option<Routing> {
        None
    }
}

/// A workbench on that folder with kinds of broker that cannot be reached.
pub(crate) async fn workbench(data_dir: &Path, secrets: Arc<MemorySecrets>) -> Workbench {
    let drivers: Vec<Arc<dyn Driver>> =
        ["test", SILENT, SANDBOX].map(|kind| Arc::new(Unreachable(kind)) as Arc<dyn Driver>).into();
    Workbench::open(Options { data_dir: data_dir.to_owned(), drivers, secrets }).await.unwrap()
}

pub(crate) fn draft(name: &str) -> ProfileDraft {
    ProfileDraft {
        id: None,
        name: name.into(),
        kind: "test".into(),
        environment: Environment::Production,
        read_only: true,
        settings: Settings::from_iter([("host", "rabbit.example"), ("tls", "no"), ("vhost", " / "), ("odd", "x")]),
    }
}

async fn why_invalid(workbench: &Workbench, draft: ProfileDraft) -> String {
    match workbench.save_profile(draft, None).await {
        Err(Error::Invalid { why }) => why,
        other => panic!("expected it to be invalid, not {other:?}"),
    }
}

#[tokio::test]
async fn a_profile_is_kept_with_the_settings_that_its_form_knows() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::default()).await;
    let saved = workbench.save_profile(draft(" orders "), None).await.unwrap();
    assert_eq!(saved.profile.name, "orders");
    assert_eq!(
        saved.profile.settings,
        Settings::from_iter([("host", "rabbit.example"), ("tls", "no"), ("vhost", "/")])
    );
    let listed = workbench.list_profiles().await.unwrap();
    assert!(listed.contains(&saved.profile), "{listed:?}");

    let changed = ProfileDraft { id: Some(saved.profile.id), name: "Orders".into(), ..draft("") };
    let changed = workbench.save_profile(changed, None).await.unwrap().profile;
    assert_eq!((changed.id, changed.created_at), (saved.profile.id, saved.profile.created_at));
    assert_eq!(workbench.profile(changed.id).await.unwrap().name, "Orders", "its own name in other letters is free");
}

#[tokio::test]
async fn a_draft_that_makes_no_sense_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::default()).await;
    let saved = workbench.save_profile(draft("Orders"), None).await.unwrap().profile;
    assert!(why_invalid(&workbench, draft(" ")).await.contains("needs a name"));
    assert!(why_invalid(&workbench, draft("ORDERS")).await.contains("named `ORDERS` already"));
    assert!(why_invalid(&workbench, draft("a\nb")).await.contains("one line"));
    let without = |name: &str| {
        let mut draft = draft("new");
        draft.settings.set(name, " ");
        draft
    };
    assert_eq!(why_invalid(&workbench, without("host")).await, "HOST: this must be filled in");
    let mut with_tls = draft("new");
    with_tls.settings.set("tls", "yes");
    assert_eq!(why_invalid(&workbench, with_tls).await, "CA: this must be filled in");
    let mut odd = draft("new");
    odd.settings.set("tls", "perhaps");
    assert!(why_invalid(&workbench, odd).await.contains("`perhaps` is none of the choices"));
    let other_kind = ProfileDraft { id: Some(saved.id), kind: SANDBOX.into(), ..draft("Orders") };
    assert!(why_invalid(&workbench, other_kind).await.contains("stays with its kind"));
    let unknown = workbench.save_profile(ProfileDraft { kind: "fax".into(), ..draft("new") }, None).await;
    assert!(matches!(unknown, Err(Error::NoSuch { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_secret_goes_to_the_keychain_and_nowhere_else() {
    const SECRET: &str = "correct-horse-battery-staple";
    let dir = tempfile::tempdir().unwrap();
    let secrets = Arc::new(MemorySecrets::default());
    let workbench = workbench(dir.path(), Arc::clone(&secrets)).await;
    let saved = workbench.save_profile(draft("orders"), Some(SECRET.into())).await.unwrap();
    assert_eq!((saved.profile.secret, &saved.secret_not_kept), (SecretState::Kept, &None));
    assert!(!format!("{saved:?} {workbench:?} {secrets:?} {:?}", Keychain::new()).contains(SECRET));

    let id = saved.profile.id;
    let again = workbench.save_profile(ProfileDraft { id: Some(id), ..draft("renamed") }, None).await.unwrap();
    assert_eq!(again.profile.secret, SecretState::Kept, "it stays unless a new one comes");
    assert_eq!(secrets.get(id).await.unwrap().unwrap().reveal(), Some(SECRET));
    for entry in std::fs::read_dir(dir.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{} holds the secret", entry.path().display());
    }

    workbench.remove_profile(id).await.unwrap();
    assert!(secrets.get(id).await.unwrap().is_none(), "it goes with its profile");
    assert!(matches!(workbench.profile(id).await, Err(Error::NoSuch { .. })));
}

#[tokio::test]
async fn without_a_keychain_the_secret_is_asked_for_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = Arc::new(MemorySecrets::default());
    secrets.refuses.store(true, Ordering::SeqCst);
    let workbench = workbench(dir.path(), secrets).await;
    let saved = workbench.save_profile(draft("orders"), Some("hunter2".into())).await.unwrap();
    assert_eq!(saved.profile.secret, SecretState::AskEachTime);
    assert_eq!(saved.secret_not_kept.as_deref(), Some("this computer has no keychain running"));
    assert_eq!(workbench.profile(saved.profile.id).await.unwrap().secret, SecretState::AskEachTime);

    let emptied = ProfileDraft { id: Some(saved.profile.id), ..draft("orders") };
    let emptied = workbench.save_profile(emptied, Some(String::new())).await.unwrap();
    assert_eq!((emptied.profile.secret, emptied.secret_not_kept), (SecretState::None, None));
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_told_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::default()).await;
    let id = workbench.save_profile(draft("orders"), None).await.unwrap().profile.id;
    let mut events = workbench.events();
    workbench.open_connection(id, None).await.unwrap_err();
    assert_eq!(next_state(&mut events).await, ConnectionState::Connecting);
    let ConnectionState::Failed { fault, retry_at } = next_state(&mut events).await else { panic!("it failed") };
    assert_eq!((fault.code, retry_at), (crate::FaultCode::Unreachable, None));
}

#[tokio::test]
async fn opening_a_connection_can_be_called_off() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path(), Arc::default()).await;
    let silent = ProfileDraft { kind: SILENT.into(), ..draft("orders") };
    let id = workbench.save_profile(silent, None).await.unwrap().profile.id;
    let mut events = workbench.events();
    let opening = tokio::spawn({
        let workbench = workbench.clone();
        async move { workbench.open_connection(id, None).await }
    });
    assert_eq!(next_state(&mut events).await, ConnectionState::Connecting);
    workbench.close_connection(id).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(5), opening).await.expect("it ends at once").unwrap();
    assert_eq!(end.unwrap().state, ConnectionState::Closed);
    assert_eq!(next_state(&mut events).await, ConnectionState::Closed);
}

async fn next_state(events: &mut broadcast::Receiver<AppEvent>) -> ConnectionState {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap().unwrap();
        if let AppEvent::ConnectionChanged { connection } = event {
            return connection.state;
        }
    }
}

#[tokio::test]
async fn the_sandbox_profile_is_made_once_and_stays_removed() {
    let dir = tempfile::tempdir().unwrap();
    let first = workbench(dir.path(), Arc::default()).await;
    let listed = first.list_profiles().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].environment, listed[0].kind.as_str()), (Environment::Sandbox, SANDBOX));
    first.remove_profile(listed[0].id).await.unwrap();
    let second = workbench(dir.path(), Arc::default()).await;
    assert_eq!(second.list_profiles().await.unwrap(), []);
}

#[tokio::test]
async fn two_workbenches_on_one_folder_see_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let one = workbench(dir.path(), Arc::default()).await;
    let two = workbench(dir.path(), Arc::default()).await;
    let saved = one.save_profile(draft("orders"), None).await.unwrap().profile;
    assert_eq!(two.profile(saved.id).await.unwrap(), saved);
    assert!(why_invalid(&two, draft("Orders")).await.contains("already"));
}
