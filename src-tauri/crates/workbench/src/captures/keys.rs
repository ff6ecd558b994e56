//! What is kept of the messages of each connection, and the key of those that are sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use broker::Secret;
use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::seal::Key;
use crate::store::{CaptureRecord, SecretKeeper, Store, put_setting, setting};
use crate::{AppEvent, Error, ProfileId, RefusedCode, Result, Workbench};

/// What each profile keeps, where it is not the usual.
const AT_REST: &str = "atRest";
/// By what name the key is known that was made on this computer.
const KEY_NAME: &str = "dataKey";
/// Under which the keychain has it, beside the secrets of profiles.
const KEY_ENTRY: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_5a4d_b0c5_0002);

/// How messages of a connection are kept on this computer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum AtRest {
    /// As they were read, readable by whoever may read the data folder.
    #[default]
    Plain,
    /// Headers, properties and bodies encrypted, with a key in the system's keychain.
    Encrypted,
}

/// What one profile keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ProfileAtRest {
    pub profile: ProfileId,
    pub at_rest: AtRest,
}

/// The one key of this computer, asked for when it is first needed.
#[derive(Debug)]
pub(super) struct Keys {
    store: Store,
    secrets: Arc<dyn SecretKeeper>,
    known: Mutex<Option<Key>>,
}

impl Keys {
    pub(super) fn new(store: Store, secrets: Arc<dyn SecretKeeper>) -> Self {
        Self { store, secrets, known: Mutex::default() }
    }

    /// The key; why there is none, in words.
    pub(super) async fn get(&self) -> std::result::Result<Key, String> {
        let mut known = self.known.lock().await;
        if let Some(key) = known.as_ref() {
            return Ok(key.clone());
        }
        let name = self.name().await.map_err(|error| error.to_string())?;
        let name = name.ok_or_else(|| "no key was made on this computer".to_owned())?;
        let kept = self.secrets.get(KEY_ENTRY.into()).await?;
        let key = kept.and_then(|kept| read(&kept));
        match key.filter(|key| key.name == name) {
            Some(key) => Ok(known.insert(key).clone()),
            None => Err("the key is gone: the system's keychain does not have it, or is locked".to_owned()),
        }
    }

    /// Makes sure that there is a key, and that the keychain gives it back. Never puts another one in the place of one that
    /// sealed captures need: a locked keychain looks like an empty one.
    async fn make(&self) -> Result<()> {
        let Err(why) = self.get().await else { return Ok(()) };
        let needed = self.store.read(CaptureRecord::any_sealed).await?;
        if needed && self.name().await?.is_some() {
            return Err(refused(format!("{why}; there are encrypted copies that need it")));
        }
        let bytes = Key::random().ok_or_else(|| refused("this computer has no randomness".to_owned()))?;
        let key = Key::new(bytes.as_slice()).ok_or_else(|| refused("no key could be made".to_owned()))?;
        let text = Zeroizing::new(BASE64.encode(bytes.as_slice()));
        self.secrets.put(KEY_ENTRY.into(), &text).await.map_err(refused)?;
        let back = self.secrets.get(KEY_ENTRY.into()).await.map_err(refused)?;
        if back.and_then(|kept| read(&kept)).is_none_or(|back| back.name != key.name) {
            return Err(refused("the system's keychain did not give the key back".to_owned()));
        }
        let name = key.name.clone();
        self.store.write(move |transaction| put_setting(transaction, KEY_NAME, &name)).await?;
        *self.known.lock().await = Some(key);
        Ok(())
    }

    async fn name(&self) -> Result<Option<String>> {
        self.store.read(|connection| setting(connection, KEY_NAME)).await
    }

    pub(super) async fn at_rest(&self, profile: ProfileId) -> Result<AtRest> {
        Ok(self.store.read(all).await?.get(&profile).copied().unwrap_or_default())
    }
}

fn read(kept: &Secret) -> Option<Key> {
    let bytes = Zeroizing::new(BASE64.decode(kept.reveal()?).ok()?);
    Key::new(&bytes)
}

fn refused(why: String) -> Error {
    Error::Refused { code: RefusedCode::NoKey, why: format!("copies cannot be encrypted: {why}") }
}

fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<ProfileId, AtRest>> {
    Ok(setting(connection, AT_REST)?.unwrap_or_default())
}

impl Workbench {
    /// What every profile keeps of its messages.
    pub async fn list_at_rest(&self) -> Result<Vec<ProfileAtRest>> {
        let kept = self.inner.store.read(all).await?;
        let profiles = self.list_profiles().await?;
        let of = |profile| kept.get(&profile).copied().unwrap_or_default();
        Ok(profiles.iter().map(|profile| ProfileAtRest { profile: profile.id, at_rest: of(profile.id) }).collect())
    }

    /// Says how copies are kept that this profile makes from now on; what is there stays as it is.
    ///
    /// Refused where they are to be encrypted and no keychain keeps the key.
    pub async fn set_at_rest(&self, profile: ProfileId, at_rest: AtRest) -> Result<()> {
        let known = self.profile(profile).await?;
        if at_rest == AtRest::Encrypted {
            self.inner.captures.inner.keys.make().await?;
        }
        let put = move |transaction: &Transaction<'_>| {
            let mut kept = all(transaction)?;
            kept.insert(profile, at_rest);
            put_setting(transaction, AT_REST, &kept)
        };
        self.inner.store.write(put).await?;
        self.tell(AppEvent::CapturesChanged);
        tracing::info!(profile = %known.name, ?at_rest, "copies are kept so from now on");
        Ok(())
    }
}
