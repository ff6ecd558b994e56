//! Who is at this computer, as the system says it.

/// Where the environment names the account; the last one is that of Windows.
const VARIABLES: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

/// The name of the account that this program runs as.
pub(super) fn name() -> String {
    named_in(|variable| std::env::var(variable).ok())
        .or_else(of_process)
        .unwrap_or_else(|| "unknown account".to_owned())
}

fn named_in(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    VARIABLES.into_iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))
}

/// A program that a service manager starts may have no environment: the owner of its process then has a name, or at least
/// a number.
#[cfg(unix)]
fn of_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(name_of(uid, &accounts).unwrap_or_else(|| format!("uid {uid}")))
}

#[cfg(not(unix))]
fn of_process() -> Option<String> {
    None
}

/// The name of that account in a table of accounts as `/etc/passwd` is one.
#[cfg(unix)]
fn name_of(uid: u32, accounts: &str) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_named_by_the_first_variable_that_says_something() {
        let only = |set: &'static str| move |name: &str| (name == set).then(|| format!("by {set}"));
        assert_eq!(named_in(only("LOGNAME")).as_deref(), Some("by LOGNAME"));
        assert_eq!(named_in(|name| Some(if name == "USER" { "" } else { "ada" }.to_owned())).as_deref(), Some("ada"));
        assert_eq!(named_in(only("HOME")), None);
    }

    #[cfg(unix)]
    #[test]
    fn without_variables_the_owner_of_the_process_is_looked_up() {
        let accounts = "root:x:0:0::/:/bin/sh\n# a comment\nada:x:1000:1000:Ada:/nowhere:/bin/sh\n";
        assert_eq!(name_of(1000, accounts).as_deref(), Some("ada"));
        assert_eq!(name_of(0, accounts).as_deref(), Some("root"));
        assert_eq!(name_of(7, accounts), None, "a container may have no names");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_process_here_has_an_owner() {
        assert!(of_process().is_some_and(|owner| !owner.is_empty()));
    }
}
