//! Connections by address: a URL names a broker as a profile's name does, and a job that was begun with one can be taken
//! up again without it.

use broker::Settings;
use serde_json::json;
use uuid::Builder;

use crate::profiles::checked;
use crate::store::now;
use crate::{Environment, Error, Profile, ProfileId, Result, SecretState, Workbench};

/// Of a URL, in characters.
const URL_MAX: usize = 2_000;

impl Workbench {
    /// One profile, those that no list shows among them. [`Error::NoSuch`] where it does not exist.
    pub async fn show_profile(&self, id: ProfileId) -> Result<Profile> {
        self.profile(id).await
    }

    /// The kind of broker and the settings that a URL says. Never its password: a URL that has one is refused, and no part
    /// of it is repeated.
    ///
    /// Fails with [`Error::Invalid`], and what each kind of broker says of it.
    pub fn read_address(&self, url: &str) -> Result<(String, Settings)> {
        let mut refused = Vec::new();
        for driver in self.drivers() {
            match driver.read_url(url) {
                Ok((settings, secret)) => {
                    let form = driver.form();
                    if secret.reveal().is_some() || holds_a_password(&settings) {
                        return Err(invalid("a password does not belong into a URL: others can read it"));
                    }
                    return Ok((driver.kind().to_string(), checked(&settings, &form)?));
                }
                Err(error) => refused.push(format!("{}: {}", driver.form().title, error.why())),
            }
        }
        Err(invalid(format!("no kind of broker can be reached by this URL ({})", refused.join("; "))))
    }

    /// The profile that a URL stands for. One that says exactly the same, or else one that is kept for this URL alone and
    /// shown in no list. Where profiles with the same required settings are protected, it is protected like them.
    ///
    /// Fails as [`Workbench::read_address`].
    pub async fn profile_of_address(&self, url: &str) -> Result<Profile> {
        if url.chars().count() > URL_MAX || url.contains(char::is_control) {
            return Err(invalid(format!("a URL is one line of at most {URL_MAX} characters")));
        }
        let (kind, settings) = self.read_address(url.trim())?;
        let profiles: Vec<_> = self.list_profiles().await?.into_iter().filter(|profile| profile.kind == kind).collect();
        if let Some(same) = profiles.iter().find(|profile| profile.settings == settings) {
            return Ok(same.clone());
        }
        let form = self.driver(&kind)?.form();
        let required: Vec<_> =
            form.fields.iter().filter(|field| field.required && field.shown_when.is_none()).collect();
        let is_there = |profile: &&Profile| {
            required.iter().all(|field| profile.settings.get(&field.name) == settings.get(&field.name))
        };
        let there: Vec<_> = profiles.iter().filter(is_there).collect();
        let environment = there.iter().map(|profile| profile.environment).min_by_key(|environment| *environment as u8);
        let profile = Profile {
            id: id_of(&kind, &settings),
            name: url.trim().to_owned(),
            kind,
            environment: environment.unwrap_or(Environment::Development),
            read_only: there.iter().any(|profile| profile.read_only),
            settings,
            secret: if form.secret_label.is_some() { SecretState::AskEachTime } else { SecretState::None },
            created_at: now(),
        };
        let kept = profile.clone();
        self.inner.store.write(move |transaction| kept.put_unlisted(transaction)).await?;
        Ok(profile)
    }
}

/// The same for the same settings, on every computer.
fn id_of(kind: &str, settings: &Settings) -> ProfileId {
    let hash = blake3::hash(json!([kind, settings]).to_string().as_bytes());
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash.as_bytes()[..16]);
    Builder::from_custom_bytes(bits).into_uuid().into()
}

/// Whether a setting is itself an address with a password: `http://user:password@host`.
fn holds_a_password(settings: &Settings) -> bool {
    let values = serde_json::to_value(settings).unwrap_or_default();
    let mut texts = values.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    texts.any(|text| {
        let authority = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', '?', '#']).next();
        let user = authority.and_then(|authority| authority.rsplit_once('@'));
        user.is_some_and(|(user, _)| user.contains(':'))
    })
}

fn invalid(why: impl Into<String>) -> Error {
    Error::Invalid { why: why.into() }
}

#[cfg(test)]
mod tests;
