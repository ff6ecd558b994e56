//! The part of a peek that is no window: held, copied to this computer, synced, given back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::Secret;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use workbench::{Environment, Options, ProfileDraft, ProfileId, SecretKeeper, Workbench};

use crate::scene::{FULL, MESSAGES, Scene};

/// The program without its window, connected.
pub(crate) struct Deeds {
    workbench: Workbench,
    profile: ProfileId,
    _folder: TempDir,
}

impl Deeds {
    pub(crate) async fn open(scene: &Scene) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let options = Options {
            data_dir: folder.path().to_owned(),
            drivers: vec![Arc::new(rabbitmq::RabbitDriver)],
            secrets: Arc::new(NoKeychain),
        };
        let workbench = Workbench::open(options).await.expect("the store can be made");
        let draft = ProfileDraft {
            id: None,
            name: "bench".into(),
            kind: "rabbitmq".into(),
            environment: Environment::Local,
            read_only: false,
            settings: scene.deep.settings(),
        };
        let profile = workbench.save_profile(draft, None).await.expect("the profile can be saved").profile.id;
        let password = Some(scene.deep.password.clone());
        workbench.open_connection(profile, password).await.expect("the broker is there");
        Self { workbench, profile, _folder: folder }
    }

    pub(crate) async fn peek(&self) -> Duration {
        let n = u64::try_from(MESSAGES).expect("a few thousand");
        let offer = self.workbench.offer_look(self.profile, FULL.into(), n).await.expect("a look is offered");
        let began = Instant::now();
        let accepted = Some(offer.cost);
        let look = self.workbench.peek_queue(self.profile, FULL.into(), n, accepted, CancellationToken::new(), |_| {});
        let end = Box::pin(look).await.expect("the look succeeds");
        let took = began.elapsed();
        assert_eq!(end.read, n, "all were read");
        took
    }

    pub(crate) async fn close(self) {
        self.workbench.close().await;
    }
}

/// Nothing of a bench belongs into anybody's keychain.
#[derive(Debug)]
struct NoKeychain;

#[async_trait::async_trait]
impl SecretKeeper for NoKeychain {
    async fn put(&self, _: ProfileId, _: &str) -> Result<(), String> {
        Err("there is none".into())
    }

    async fn get(&self, _: ProfileId) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    async fn remove(&self, _: ProfileId) -> Result<(), String> {
        Ok(())
    }
}
