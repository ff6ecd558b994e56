use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, CheckStep, Driver, ErrorKind, Field, Form, Kind, Rules, Secret};
use tokio::sync::mpsc;

use super::*;
use crate::store::MemorySecrets;
use crate::{Options, ProfileDraft};

/// A kind of broker that reads `test://[user[:password]@]host[/place]` and cannot be opened.
#[derive(Debug)]
struct ByAddress;

fn field(name: &str, required: bool) -> Field {
    Field { name: name.into(), label: name.into(), required, ..Field::default() }
}

fn not_here() -> broker::Error {
    broker::Error::new(ErrorKind::Unreachable, "reach it", "it is not there")
}

#[async_trait]
impl Driver for ByAddress {
    fn kind(&self) -> Kind {
        Kind("test")
    }

    fn form(&self) -> Form {
        Form {
            title: "Test".into(),
            subtitle: String::new(),
            tag: "T".into(),
            secret_label: Some("Password".into()),
            fields: vec![field("host", true), field("place", false), field("user", false), field("beside", false)],
        }
    }

    fn read_url(&self, url: &str) -> broker::Result<(Settings, Secret)> {
        let bad = || broker::Error::new(ErrorKind::Invalid, "read the URL", "it does not begin with test://");
        let rest = url.strip_prefix("test://").ok_or_else(bad)?;
        let (user, rest) = rest.split_once('@').unwrap_or(("", rest));
        let (user, password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
        let (rest, beside) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, place) = rest.split_once('/').unwrap_or((rest, ""));
        let settings = Settings::from_iter([("host", host), ("place", place), ("user", user), ("beside", beside)]);
        Ok((settings, password.map_or_else(Secret::none, |password| Secret::new(password.into()))))
    }

    fn rules(&self) -> Arc<dyn Rules> {
        unreachable!("no test asks for rules")
    }

    async fn check(&self, _: &Settings, _: &Secret, _: mpsc::Sender<CheckStep>) -> broker::Result<()> {
        Err(not_here())
    }

    async fn open(&self, _: &Settings, _: &Secret) -> broker::Result<Arc<dyn Broker>> {
        Err(not_here())
    }
}

async fn workbench(data_dir: &Path) -> Workbench {
    let (drivers, secrets) = (vec![Arc::new(ByAddress) as Arc<dyn Driver>], Arc::new(MemorySecrets::default()));
    Workbench::open(Options { data_dir: data_dir.to_owned(), drivers, secrets }).await.unwrap()
}

#[tokio::test]
async fn an_address_is_a_profile_that_no_list_shows() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path()).await;
    let profile = workbench.profile_of_address(" test://support@mq/orders ").await.unwrap();
    assert_eq!((profile.name.as_str(), profile.kind.as_str()), ("test://support@mq/orders", "test"));
    assert_eq!((profile.secret, profile.read_only), (SecretState::AskEachTime, false));
    assert!(workbench.list_profiles().await.unwrap().is_empty());
    assert_eq!(workbench.show_profile(profile.id).await.unwrap(), profile, "a job that names it finds it again");
    let again = workbench.profile_of_address("test://support@mq/orders").await.unwrap();
    assert_eq!(again.id, profile.id, "the same address is the same profile");
    let other = workbench.profile_of_address("test://support@mq/ORDERS").await.unwrap();
    assert_ne!(other.id, profile.id, "another place is another one, though it differs in letters only");
    assert!(workbench.list_profiles().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_address_takes_no_name_from_a_profile() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path()).await;
    let by_address = workbench.profile_of_address("test://mq").await.unwrap();
    let draft = ProfileDraft {
        id: None,
        name: "test://mq".into(),
        kind: "test".into(),
        environment: Environment::Local,
        read_only: false,
        settings: Settings::from_iter([("host", "elsewhere")]),
    };
    let named = workbench.save_profile(draft, None).await.unwrap().profile;
    assert_ne!(named.id, by_address.id);
    assert_eq!(workbench.profile_of_address("test://mq").await.unwrap().id, by_address.id);
}

#[tokio::test]
async fn an_address_is_protected_like_the_profiles_at_the_same_place() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path()).await;
    let draft = |name: &str, environment, read_only, host: &str| ProfileDraft {
        id: None,
        name: name.into(),
        kind: "test".into(),
        environment,
        read_only,
        settings: Settings::from_iter([("host", host), ("user", "support")]),
    };
    let prod = workbench.save_profile(draft("prod", Environment::Production, true, "mq"), None).await.unwrap().profile;
    workbench.save_profile(draft("dev", Environment::Development, false, "other"), None).await.unwrap();

    let same = workbench.profile_of_address("test://support@mq").await.unwrap();
    assert_eq!((same.id, same.name.as_str()), (prod.id, "prod"), "what says the same is that profile");
    let beside = workbench.profile_of_address("test://root@mq/x").await.unwrap();
    assert_eq!((beside.environment, beside.read_only), (Environment::Production, true), "the same host");
    let elsewhere = workbench.profile_of_address("test://root@other").await.unwrap();
    assert_eq!((elsewhere.environment, elsewhere.read_only), (Environment::Development, false));
}

#[tokio::test]
async fn a_password_in_an_address_is_refused_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let workbench = workbench(dir.path()).await;
    for url in ["test://support:hunter2@mq", "test://support@mq?http://support:hunter2@mq:15672", "fax://a:hunter2@b"] {
        match workbench.profile_of_address(url).await {
            Err(Error::Invalid { why }) => assert!(!why.contains("hunter2"), "{why}"),
            other => panic!("{url}: expected it to be refused, not {other:?}"),
        }
    }
    assert!(workbench.profile_of_address("test://u@mq?http://mq:15672/a:b@c").await.is_ok(), "a port is no password");
}
