//! Connection profiles: how to reach one broker. Kept in the small database; their secrets in the keychain.

use broker::{Field, FieldKind, Form, Settings};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::store::{Transaction, first_time, now};
use crate::{AppEvent, Error, ProfileId, Result, StoreTrouble, Workbench};

/// The kind of the embedded broker, whose profile we make ourselves.
const SANDBOX: &str = "sandbox";
/// The same on every computer, so that it is never made twice.
const SANDBOX_PROFILE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_5a4d_b0c5_0001);
/// In characters.
const NAME_MAX: usize = 120;

/// Where a broker stands in its owner's life. Decides the colour and the protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum Environment {
    Production,
    Staging,
    Development,
    Local,
    Sandbox,
}

impl Environment {
    /// Whether connections open read-only and writes are turned on for a while.
    pub fn opens_read_only(self) -> bool {
        matches!(self, Self::Production | Self::Staging)
    }
}

/// A profile as it is shown. Whether it has a secret is said; the secret never is.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub id: ProfileId,
    pub name: String,
    /// The driver's kind.
    pub kind: String,
    pub environment: Environment,
    /// Opens read-only, whatever the environment says by default.
    pub read_only: bool,
    pub settings: Settings,
    pub secret: SecretState,
    #[specta(type = String)]
    pub created_at: Timestamp,
}

/// Where a profile's secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub enum SecretState {
    /// This kind of broker needs none, or the user gave none.
    None,
    /// In the system keychain.
    Kept,
    /// There is no keychain, or it refused: asked for at each opening, held in memory only.
    AskEachTime,
}

/// A profile as the user writes it down.
#[derive(Debug, Clone, PartialEq, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct ProfileDraft {
    /// `None`: a new one.
    pub id: Option<ProfileId>,
    pub name: String,
    pub kind: String,
    pub environment: Environment,
    pub read_only: bool,
    pub settings: Settings,
}

/// A saved profile, and why its secret was not kept, if it was not.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct SavedProfile {
    pub profile: Profile,
    pub secret_not_kept: Option<String>,
}

impl Workbench {
    /// All profiles, by name.
    pub async fn list_profiles(&self) -> Result<Vec<Profile>> {
        self.inner.store.read(Profile::all).await
    }

    /// Makes a profile, or changes one. `secret` `None` keeps the one that is there, an empty one takes it away. Where it
    /// cannot be kept the profile is saved all the same, and the reason comes back. Its open connection is closed where
    /// the settings or the secret are others now, and goes on otherwise.
    ///
    /// Fails with [`Error::Invalid`] where the name is empty or taken or a setting is missing or impossible, with
    /// [`Error::NoSuch`] where the profile or the kind of broker does not exist, and with [`crate::RefusedCode::Busy`]
    /// where a job runs on the connection that would be closed.
    pub async fn save_profile(&self, draft: ProfileDraft, secret: Option<String>) -> Result<SavedProfile> {
        let secret = secret.map(Zeroizing::new);
        let form = self.driver(&draft.kind)?.form();
        let secret = secret.filter(|_| form.secret_label.is_some());
        let before = match draft.id {
            Some(id) => Some(self.profile(id).await?),
            None => None,
        };
        let mut profile = drafted(draft, before.as_ref(), &form)?;
        let reaches_otherwise = secret.is_some() || before.is_some_and(|before| before.settings != profile.settings);
        if reaches_otherwise {
            self.may_close(profile.id)?;
        }
        let saved = profile.clone();
        let taken = self.inner.store.write(move |transaction| {
            let taken = Profile::name_taken(transaction, saved.id, &saved.name)?;
            if !taken {
                saved.put(transaction)?;
            }
            Ok(taken)
        });
        if taken.await? {
            return Err(invalid(format!("there is a profile named `{}` already", profile.name)));
        }
        if reaches_otherwise {
            self.shut_connection(profile.id).await;
            self.forget_secret(profile.id);
        } else {
            self.adopt_profile(&profile);
        }
        let secret_not_kept = match secret {
            Some(secret) => self.keep_secret(&mut profile, &secret).await?,
            None => None,
        };
        self.tell(AppEvent::ProfilesChanged);
        Ok(SavedProfile { profile, secret_not_kept })
    }

    /// Removes a profile and its secret. Its captures stay.
    ///
    /// Fails with [`Error::Store`], and removes nothing, where the keychain holds its secret and will not let go of it:
    /// save the profile without a secret first. Refused with [`crate::RefusedCode::Busy`] while a job runs on its
    /// connection.
    pub async fn remove_profile(&self, id: ProfileId) -> Result<()> {
        let profile = self.profile(id).await?;
        self.close_connection(id).await?;
        self.forget_secret(id);
        match (self.inner.secrets.remove(id).await, profile.secret) {
            (Err(why), SecretState::Kept) => {
                let doing = format!("remove the password of `{}`", profile.name);
                return Err(Error::Store { doing, why, kind: StoreTrouble::Other });
            }
            (Err(why), _) => tracing::info!(why, "there is no keychain to remove a password from"),
            (Ok(()), _) => {}
        }
        self.inner.store.write(move |transaction| Profile::delete(transaction, id)).await?;
        self.tell(AppEvent::ProfilesChanged);
        Ok(())
    }

    /// [`Error::NoSuch`] where it does not exist.
    pub(crate) async fn profile(&self, id: ProfileId) -> Result<Profile> {
        let found = self.inner.store.read(move |connection| Profile::find(connection, id)).await?;
        found.ok_or_else(|| Error::NoSuch { what: "profile", name: id.to_string() })
    }

    /// Adds the profile of the embedded broker, once: a user who removed it does not see it again.
    pub(crate) async fn add_sandbox_profile(&self) -> Result<()> {
        let Ok(driver) = self.driver(SANDBOX) else { return Ok(()) };
        let form = driver.form();
        let profile = Profile {
            id: SANDBOX_PROFILE.into(),
            name: form.title.clone(),
            kind: SANDBOX.to_owned(),
            environment: Environment::Sandbox,
            read_only: false,
            settings: form.fields.iter().map(|field| (field.name.as_str(), field.initial.as_str())).collect(),
            secret: SecretState::None,
            created_at: now(),
        };
        let add = move |transaction: &Transaction<'_>| {
            if first_time(transaction, "sandbox profile")?
                && !Profile::name_taken(transaction, profile.id, &profile.name)?
            {
                profile.put(transaction)?;
            }
            Ok(())
        };
        self.inner.store.write(add).await
    }

    /// Keeps the secret, or takes it away where it is empty. Why it was not kept, if it was not.
    async fn keep_secret(&self, profile: &mut Profile, secret: &str) -> Result<Option<String>> {
        let secrets = &self.inner.secrets;
        let (state, why) = if secret.is_empty() {
            let left = secrets.remove(profile.id).await.err();
            (SecretState::None, left.filter(|_| profile.secret == SecretState::Kept))
        } else {
            match secrets.put(profile.id, secret).await {
                Ok(()) => (SecretState::Kept, None),
                Err(why) => (SecretState::AskEachTime, Some(why)),
            }
        };
        profile.secret = state;
        let id = profile.id;
        self.inner.store.write(move |transaction| Profile::set_secret_state(transaction, id, state)).await?;
        Ok(why)
    }
}

fn invalid(why: impl Into<String>) -> Error {
    Error::Invalid { why: why.into() }
}

/// The draft as the profile that it becomes, checked. `before`: the one that it changes.
fn drafted(draft: ProfileDraft, before: Option<&Profile>, form: &Form) -> Result<Profile> {
    let name = draft.name.trim().to_owned();
    if name.is_empty() {
        return Err(invalid("a profile needs a name"));
    }
    if name.chars().count() > NAME_MAX || name.contains(char::is_control) {
        return Err(invalid(format!("a profile's name is one line of at most {NAME_MAX} characters")));
    }
    let settings = checked(&draft.settings, form)?;
    let (id, secret, created_at) = match before {
        None => (ProfileId::new(), SecretState::None, now()),
        Some(before) if before.kind != draft.kind => {
            return Err(invalid("a profile stays with its kind of broker: make a new one"));
        }
        Some(before) => (before.id, before.secret, before.created_at),
    };
    let ProfileDraft { kind, environment, read_only, .. } = draft;
    Ok(Profile { id, name, kind, environment, read_only, settings, secret, created_at })
}

/// The settings that the form knows, without what is empty.
pub(crate) fn checked(settings: &Settings, form: &Form) -> Result<Settings> {
    let mut kept = Vec::new();
    for field in &form.fields {
        match settings.get(&field.name) {
            Some(value) => {
                check_choice(field, value)?;
                kept.push((field.name.as_str(), value));
            }
            None if field.required && is_shown(field, settings) => {
                return Err(invalid(format!("{}: this must be filled in", field.label)));
            }
            None => {}
        }
    }
    Ok(kept.into_iter().collect())
}

fn check_choice(field: &Field, value: &str) -> Result<()> {
    match &field.kind {
        FieldKind::Choice { choices } if choices.iter().all(|choice| choice.value != value) => {
            Err(invalid(format!("{}: `{value}` is none of the choices", field.label)))
        }
        _ => Ok(()),
    }
}

fn is_shown(field: &Field, settings: &Settings) -> bool {
    match &field.shown_when {
        Some((other, value)) => settings.get(other) == Some(value),
        None => true,
    }
}

#[cfg(test)]
pub(crate) mod tests;
