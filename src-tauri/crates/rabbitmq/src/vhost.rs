//! A virtual host that does not open. AMQP says the same of one that is missing and of one that is closed to the user;
//! the management API tells more to some.

use std::time::Duration;

use broker::{Error, ErrorKind};

use crate::api::{Api, WhoAmI};
use crate::connect::Endpoint;
use crate::guard::shell_quote;
use crate::rules::version::Version;

/// How long asking the management API may take: without it there is an answer as well, only a vaguer one.
const ASK_WAIT: Duration = Duration::from_secs(3);

/// What AMQP could not tell, said as exactly as this user can know it. `refused` is AMQP's own error.
pub(crate) async fn explain(endpoint: &Endpoint, api: &Api, refused: Error) -> Error {
    let asked = async {
        let user = api.whoami().await.ok()?;
        let version = api.overview().await.ok()?.rabbitmq_version.unwrap_or_default();
        exists(api, &user, &endpoint.vhost, &version).await
    };
    match tokio::time::timeout(ASK_WAIT, asked).await {
        Ok(Some(exists)) => in_words(closed(endpoint, Some(exists))).source(refused),
        Ok(None) | Err(_) => refused,
    }
}

/// Whether that virtual host exists. `None`: this user cannot know.
pub(crate) async fn exists(api: &Api, user: &WhoAmI, vhost: &str, version: &str) -> Option<bool> {
    let seen = api.vhosts().await.ok()?.iter().any(|found| found.name == vhost);
    if seen || user.has("administrator") || user.has("monitoring") {
        return Some(seen);
    }
    match api.vhost_status().await.ok()?.as_u16() {
        401 | 403 => Some(true),
        404 if !Version::read(version).calls_closed_vhosts_missing() => Some(false),
        _ => None,
    }
}

/// The error for a virtual host that exists, does not, or may do either; and the command that helps.
pub(crate) fn closed(endpoint: &Endpoint, exists: Option<bool>) -> (Error, String) {
    let Endpoint { vhost, user, .. } = endpoint;
    let (quoted, quoted_user) = (shell_quote(vhost), shell_quote(user));
    let grant = format!("rabbitmqctl set_permissions -p {quoted} {quoted_user} '^$' '.*' '.*'");
    let (kind, why, remedy, command) = match exists {
        Some(false) => (
            ErrorKind::NotFound,
            format!("virtual host `{vhost}` does not exist"),
            "check the name, or ask an administrator to create it",
            format!("rabbitmqctl add_vhost {quoted}"),
        ),
        Some(true) => (
            ErrorKind::Forbidden,
            format!("user `{user}` has no permission in virtual host `{vhost}`"),
            "ask an administrator for it",
            grant,
        ),
        None => (
            ErrorKind::Forbidden,
            format!("virtual host `{vhost}` does not exist, or user `{user}` has no permission in it"),
            "check the name, or ask an administrator, since both look the same from here",
            grant,
        ),
    };
    (Error::new(kind, format!("open virtual host `{vhost}`"), why).remedy(remedy), command)
}

/// The command as part of the remedy, where only the error is shown.
pub(crate) fn in_words((error, command): (Error, String)) -> Error {
    let remedy = error.what_to_do().map_or_else(|| command.clone(), |remedy| format!("{remedy}: {command}"));
    error.remedy(remedy)
}
