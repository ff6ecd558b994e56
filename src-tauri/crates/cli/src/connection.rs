//! The connection that a command names: a profile, or an address.

use clap::Args;
use workbench::{ConnectionState, Error, FaultCode, Profile, SecretState};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::secret;
use crate::session::Session;

/// Which broker.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connect {
    /// A profile's name, or a URL without a password
    #[arg(short, long, value_name = "NAME|URL")]
    pub(crate) connection: String,
    #[command(flatten)]
    pub(crate) password: Password,
}

/// How the password is given, where the keychain does not have it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Password {
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// The profile of that name, in upper or lower case, or the one that a URL stands for.
pub(crate) async fn find(session: &Session, named: &str) -> Result<Profile, Failure> {
    let profiles = session.workbench.list_profiles().await?;
    let same = |profile: &&Profile| profile.name.to_lowercase() == named.trim().to_lowercase();
    if let Some(profile) = profiles.iter().find(same) {
        return Ok(profile.clone());
    }
    if is_address(named) {
        return Ok(session.workbench.profile_of_address(named).await?);
    }
    Err(Error::NoSuch { what: "profile", name: named.to_owned() }.into())
}

/// Whether it begins as a URL does: `scheme:`.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((scheme, _)) = text.trim().split_once(':') else { return false };
    scheme.starts_with(|sign: char| sign.is_ascii_alphabetic())
        && scheme.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '+' | '-' | '.'))
}

impl Connect {
    /// Opens it.
    pub(crate) async fn open(&self, session: &Session) -> Result<Profile, Failure> {
        let profile = find(session, &self.connection).await?;
        self.password.open(session, &profile).await?;
        Ok(profile)
    }
}

impl Password {
    /// Opens that profile's connection. The password is the one that is given, else the one that is kept, else a person
    /// is asked for it.
    pub(crate) async fn open(&self, session: &Session, profile: &Profile) -> Result<(), Failure> {
        open_with(session, profile, secret::given(self.password_stdin)?).await
    }
}

/// The same with a password that may have been given.
pub(crate) async fn open_with(
    session: &Session,
    profile: &Profile,
    mut given: Option<Zeroizing<String>>,
) -> Result<(), Failure> {
    let mut asked = !session.out.can_ask();
    loop {
        let opening = async {
            let secret = given.as_ref().map(|secret| secret.to_string());
            Ok(session.workbench.open_connection(profile.id, secret).await)
        };
        match session.unless_stopped(opening).await? {
            Ok(view) if matches!(view.state, ConnectionState::Open { .. }) => return Ok(()),
            Ok(_) => return Err(Failure::new(format!("the connection `{}` was closed again", profile.name))),
            Err(error) if !asked && given.is_none() && needs_asking(&error, profile) => {
                asked = true;
                given = Some(session.unless_stopped(secret::ask(&profile.name)).await?);
            }
            Err(error) => return Err(refused(error, profile)),
        }
    }
}

fn needs_asking(error: &Error, profile: &Profile) -> bool {
    match FaultCode::from(error) {
        FaultCode::SecretNeeded => true,
        FaultCode::LoginRefused => profile.secret == SecretState::None,
        _ => false,
    }
}

fn refused(error: Error, profile: &Profile) -> Failure {
    let without = FaultCode::from(&error) == FaultCode::LoginRefused && profile.secret == SecretState::None;
    let failure = Failure::from(error);
    if without {
        return failure.remedy("no password is kept for it: give one with --password-stdin");
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_begins_with_a_scheme() {
        for address in ["sandbox:", "amqp://localhost", "a+b://x"] {
            assert!(is_address(address), "{address}");
        }
        for name in ["orders", "Orders (eu)", "1: old", "über: alles", ""] {
            assert!(!is_address(name), "{name}");
        }
    }
}
