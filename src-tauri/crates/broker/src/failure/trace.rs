//! The first lines of stack traces: what was thrown, and where.

use super::{message, name};

/// Lines of one trace that are looked at.
const LINES_MAX: usize = 500;
/// Exceptions that only wrap the one that a listener threw.
const WRAPPERS: [&str; 3] = ["ListenerExecutionFailedException", "MessageHandlingException", "MessagingException"];

/// One exception of a trace that has causes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Thrown {
    pub(super) exception: Option<String>,
    pub(super) message: Option<String>,
    pub(super) at: Option<String>,
}

/// Of a Java trace: the exception with that message, where it names one, else the first that wraps no other.
pub(super) fn java(trace: &str, said: Option<&str>) -> Thrown {
    let mut chain: Vec<Thrown> = Vec::new();
    for line in trace.lines().take(LINES_MAX) {
        if let Some(frame) = line.trim_start().strip_prefix("at ").filter(|_| line.starts_with(char::is_whitespace)) {
            if let Some(last) = chain.last_mut().filter(|last| last.at.is_none()) {
                last.at = java_frame(frame);
            }
            continue;
        }
        let head = match line.strip_prefix("Caused by: ") {
            Some(head) => head,
            // A message may have several lines; only the first line of all begins an exception without those words.
            None if chain.is_empty() => line,
            None => continue,
        };
        let (exception, text) = head.split_once(": ").unwrap_or((head, ""));
        chain.push(Thrown { exception: name(exception), message: message(text), at: None });
    }
    let is_said = |thrown: &&Thrown| {
        let first_line = said.and_then(|said| said.lines().next()).and_then(message);
        first_line.is_some() && thrown.message == first_line
    };
    let wraps = |thrown: &Thrown| {
        let exception = thrown.exception.as_deref().unwrap_or_default();
        WRAPPERS.iter().any(|wrapper| last_segment(exception) == *wrapper)
    };
    let found = chain.iter().find(is_said).or_else(|| chain.iter().find(|thrown| !wraps(thrown)));
    found.or(chain.first()).cloned().unwrap_or_default()
}

/// `com.example.AdyenClient.capture(AdyenClient.java:214)` -> `AdyenClient.capture:214`.
fn java_frame(frame: &str) -> Option<String> {
    let (method, place) = frame.split_once('(').unwrap_or((frame, ""));
    let line = place.trim_end_matches(')').rsplit_once(':').map(|(_, line)| line).filter(|line| is_number(line));
    // A module or class loader stands before a slash.
    placed(method.rsplit('/').next().unwrap_or(method), line)
}

/// Of a .NET trace: `at Shop.AdyenClient.Capture(Order order) in /src/AdyenClient.cs:line 214`.
pub(super) fn dotnet(trace: &str) -> Option<String> {
    let frame = trace.lines().take(LINES_MAX).find_map(|line| line.trim_start().strip_prefix("at "))?;
    let method = frame.split('(').next().unwrap_or(frame);
    let line = frame.rsplit_once(":line ").map(|(_, line)| line.trim()).filter(|line| is_number(line));
    placed(method, line)
}

/// Class, method and line: the last two names are enough to find it.
fn placed(method: &str, line: Option<&str>) -> Option<String> {
    let mut names: Vec<&str> = method.trim().rsplit('.').take(2).collect();
    names.reverse();
    let short = name(&names.join("."))?;
    Some(match line {
        Some(line) => format!("{short}:{line}"),
        None => short,
    })
}

/// Of a Python trace: the last `File` line is the place, and the next line at the margin names exception and message.
pub(super) fn python(trace: &str) -> Thrown {
    let lines: Vec<&str> = trace.lines().rev().take(LINES_MAX).collect();
    let place = lines.iter().position(|line| line.trim_start().starts_with("File \""));
    let behind = &lines[..place.unwrap_or(lines.len())];
    let Some(head) = behind.iter().rev().find(|line| !line.starts_with(char::is_whitespace) && !line.is_empty()) else {
        return Thrown::default();
    };
    let (exception, first) = head.split_once(": ").unwrap_or((head, ""));
    let at = place.and_then(|place| python_frame(lines[place].trim_start()));
    Thrown { exception: name(exception), message: message(first), at }
}

/// `File "/app/shop/gateway.py", line 10, in capture` -> `gateway.py:10 capture`.
fn python_frame(line: &str) -> Option<String> {
    let (path, rest) = line.strip_prefix("File \"")?.split_once('"')?;
    let rest = rest.strip_prefix(", line ")?;
    let (line, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name(&format!("{file}:{line} {function}"))
}

/// `/app/src/Gateway.php` and `42` -> `Gateway.php:42`.
pub(super) fn php(file: &str, line: Option<&str>) -> Option<String> {
    let file = name(file.rsplit(['/', '\\']).next().unwrap_or(file))?;
    Some(match line.map(str::trim).filter(|line| is_number(line)) {
        Some(line) => format!("{file}:{line}"),
        None => file,
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The part of a type's name behind its packages or namespaces.
pub(super) fn last_segment(exception: &str) -> &str {
    exception.rsplit(['.', '\\', '/', '+']).find(|segment| !segment.is_empty()).unwrap_or(exception)
}
