//! Where secrets are kept: the system's keychain, or nowhere.

use std::fmt::Debug;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use broker::Secret;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::ProfileId;

const SERVICE: &str = "Queuescope";
/// A keychain that asks its user to unlock it takes longer than this: then the secret counts as not kept.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Calls that hang at once before no more are made.
const CALLS_MAX: usize = 4;

/// Keeps the secrets of profiles. Every failure is said in plain words and holds no secret.
#[async_trait]
pub trait SecretKeeper: Debug + Send + Sync {
    /// Keeps it, in place of an older one. Only a success here says that there is a keeper at all: reading from a
    /// locked keychain looks like reading from an empty one.
    async fn put(&self, profile: ProfileId, secret: &str) -> Result<(), String>;

    /// The secret; `None` where none is kept, or the keeper will not say.
    async fn get(&self, profile: ProfileId) -> Result<Option<Secret>, String>;

    /// Forgets it. Nothing to forget is no error.
    async fn remove(&self, profile: ProfileId) -> Result<(), String>;
}

/// The keychain of the operating system: Keychain, Credential Manager, Secret Service.
#[derive(Debug, Clone)]
pub struct Keychain {
    calls: Arc<Semaphore>,
}

impl Default for Keychain {
    fn default() -> Self {
        Self::new()
    }
}

impl Keychain {
    pub fn new() -> Self {
        Self { calls: Arc::new(Semaphore::new(CALLS_MAX)) }
    }

    /// Calls the keychain on a thread of its own: one that never answers must not hold up the end of the program, as a
    /// blocking task of the runtime would.
    async fn call<T, F>(&self, profile: ProfileId, call: F) -> Result<T, String>
    where
        T: Send + 'static,
        F: FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
    {
        let silent = || format!("the system's keychain gave no answer within {} seconds", ANSWER_WAIT_MAX.as_secs());
        let turn = Arc::clone(&self.calls).try_acquire_owned().map_err(|_| silent())?;
        let (sender, answer) = oneshot::channel();
        let started = thread::Builder::new().name("keychain".to_owned()).spawn(move || {
            let _turn = turn;
            let called = keyring::Entry::new(SERVICE, &profile.to_string()).and_then(|entry| call(&entry));
            if sender.send(called).is_err() {
                tracing::warn!("the keychain answered too late");
            }
        });
        started.map_err(|error| error.to_string())?;
        match timeout(ANSWER_WAIT_MAX, answer).await {
            Ok(Ok(called)) => called.map_err(|error| in_words(&error)),
            Ok(Err(_)) => Err("the call to the system's keychain broke off".to_owned()),
            Err(_) => Err(silent()),
        }
    }
}

#[async_trait]
impl SecretKeeper for Keychain {
    async fn put(&self, profile: ProfileId, secret: &str) -> Result<(), String> {
        let secret = Zeroizing::new(secret.to_owned());
        self.call(profile, move |entry| entry.set_password(&secret)).await
    }

    async fn get(&self, profile: ProfileId) -> Result<Option<Secret>, String> {
        self.call(profile, |entry| match entry.get_password() {
            Ok(secret) => Ok(Some(Secret::new(secret))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn remove(&self, profile: ProfileId) -> Result<(), String> {
        self.call(profile, |entry| match entry.delete_credential() {
            Err(keyring::Error::NoEntry) => Ok(()),
            other => other,
        })
        .await
    }
}

/// Never the error's own data: some of its kinds carry what they could not read.
fn in_words(error: &keyring::Error) -> String {
    match error {
        keyring::Error::NoDefaultStore => "this computer has no keychain running".to_owned(),
        keyring::Error::NoStorageAccess(why) => format!("the system's keychain is locked or refused: {why}"),
        keyring::Error::PlatformFailure(why) => format!("the system's keychain failed: {why}"),
        keyring::Error::TooLong(_, most) => format!("the system's keychain takes at most {most} characters"),
        keyring::Error::NoEntry => "the system's keychain holds nothing for this profile".to_owned(),
        _ => "the system's keychain could not use it".to_owned(),
    }
}

#[cfg(test)]
pub(crate) use memory::MemorySecrets;

#[cfg(test)]
mod memory {
    use std::collections::HashMap;
    use std::fmt::{self, Debug};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use broker::Secret;

    use super::SecretKeeper;
    use crate::ProfileId;

    /// Keeps secrets in memory, or refuses to.
    #[derive(Default)]
    pub(crate) struct MemorySecrets {
        kept: Mutex<HashMap<ProfileId, String>>,
        pub(crate) refuses: AtomicBool,
    }

    impl Debug for MemorySecrets {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("MemorySecrets")
        }
    }

    #[async_trait]
    impl SecretKeeper for MemorySecrets {
        async fn put(&self, profile: ProfileId, secret: &str) -> Result<(), String> {
            if self.refuses.load(Ordering::SeqCst) {
                return Err("this computer has no keychain running".to_owned());
            }
            self.kept.lock().unwrap().insert(profile, secret.to_owned());
            Ok(())
        }

        async fn get(&self, profile: ProfileId) -> Result<Option<Secret>, String> {
            Ok(self.kept.lock().unwrap().get(&profile).cloned().map(Secret::new))
        }

        async fn remove(&self, profile: ProfileId) -> Result<(), String> {
            self.kept.lock().unwrap().remove(&profile);
            Ok(())
        }
    }
}
