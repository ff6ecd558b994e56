//! Where a password may come from: standard input, a file, the keychain, a person. Never the command line, which others
//! on this computer can read.

use std::ffi::OsString;
use std::io::BufRead;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::brokers::drivers;
use crate::failure::Failure;

/// Names a file that holds the password.
const FILE_VARIABLE: &str = "QUEUESCOPE_PASSWORD_FILE";
/// The same for the connection that is sent to.
const TARGET_FILE_VARIABLE: &str = "QUEUESCOPE_TO_PASSWORD_FILE";
/// Of a password, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A password among the arguments, as a part of a URL. What it is is not repeated.
pub(crate) fn in_arguments(arguments: &[OsString]) -> Option<Failure> {
    let drivers = drivers();
    let has_password = |text: &str| {
        let read = drivers.iter().find_map(|driver| driver.read_url(text).ok());
        read.is_some_and(|(_, secret)| secret.reveal().is_some())
    };
    let found = arguments.iter().skip(1).filter_map(|argument| argument.to_str()).any(|argument| {
        let value = argument.split_once('=').map_or("", |(_, value)| value);
        [argument, value, argument.strip_prefix("-c").unwrap_or("")].into_iter().any(has_password)
    });
    found.then(|| {
        let remedy = format!(
            "leave it out of the URL and give it with --password-stdin or in a file named by {FILE_VARIABLE}; change it if \
             others may have seen it"
        );
        Failure::usage("there is a password on the command line: others can read it there").remedy(remedy)
    })
}

/// The password that was given with the command: on standard input, or in a file.
pub(crate) fn given(on_stdin: bool) -> Result<Option<Zeroizing<String>>, Failure> {
    if on_stdin {
        return first_line(std::io::stdin().lock(), "standard input").map(Some);
    }
    from_file(FILE_VARIABLE)
}

/// The password of the connection that is sent to, where it was given in a file.
pub(crate) fn given_for_target() -> Result<Option<Zeroizing<String>>, Failure> {
    from_file(TARGET_FILE_VARIABLE)
}

fn from_file(variable: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    let file = std::fs::File::open(&path).map_err(|error| {
        Failure::usage(format!("could not read the password from `{}` ({variable}): {error}", path.display()))
    })?;
    first_line(std::io::BufReader::new(file), &path.display().to_string()).map(Some)
}

fn first_line(from: impl BufRead, name: &str) -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::new());
    let read = from.take(SECRET_BYTES_MAX).read_line(&mut line);
    // The reader's own words may hold what it read.
    read.map_err(|_| Failure::usage(format!("could not read a password from {name}: it is not a line of text")))?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    if line.is_empty() {
        return Err(Failure::usage(format!("there is no password on the first line of {name}")));
    }
    Ok(line)
}

/// Asks the person at the terminal. Nothing of it is shown.
pub(crate) async fn ask(for_whom: &str) -> Result<Zeroizing<String>, Failure> {
    let prompt = format!("Password of {}: ", crate::out::clean(for_whom));
    let asked = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt)).await;
    match asked {
        Ok(Ok(secret)) => Ok(Zeroizing::new(secret)),
        Ok(Err(error)) => Err(Failure::new(format!("could not ask for the password: {error}"))),
        Err(_) => Err(Failure::interrupted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    fn arguments(last: &str) -> Vec<OsString> {
        ["qscope", "queues", last].map(OsString::from).into()
    }

    #[test]
    fn a_password_among_the_arguments_is_found_and_not_repeated() {
        for argument in [
            "amqp://support:hunter2@mq.example.com/orders",
            "--connection=amqps://support:hunter2@mq.example.com",
            "-camqp://support:hunter2@localhost",
        ] {
            let failure = in_arguments(&arguments(argument)).expect(argument);
            assert_eq!(failure.exit, Exit::Usage, "{argument}");
            assert!(!format!("{failure:?}").contains("hunter2"), "{argument}");
        }
        for argument in ["amqp://support@mq.example.com/orders", "sandbox:", "orders", "a=b"] {
            assert!(in_arguments(&arguments(argument)).is_none(), "{argument}");
        }
    }

    #[test]
    fn the_first_line_is_the_password() {
        let read = |text: &str| first_line(text.as_bytes(), "here").map(|line| line.to_string()).ok();
        assert_eq!(read("correct horse \r\nmore"), Some("correct horse ".to_owned()), "spaces belong to it");
        assert_eq!(read("\nhunter2"), None, "an empty line is none");
        assert_eq!(read(""), None);
    }
}
