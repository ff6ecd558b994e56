//! Times as people say and read them.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use crate::failure::Failure;

/// A time in the zone of this computer.
pub(crate) fn shown(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The day of a time, in the zone of this computer.
pub(crate) fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d").to_string()
}

/// A beginning: `1d`, `90m`, `2h 30m` before `now`, or a date or time.
pub(crate) fn since(text: &str, now: &Zoned) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(date) = text.parse::<jiff::civil::DateTime>()
        && let Ok(at) = date.to_zoned(now.time_zone().clone())
    {
        return Ok(at.timestamp());
    }
    let before = text.parse::<Span>().ok().and_then(|span| now.checked_sub(span.abs()).ok());
    before.map(|at| at.timestamp()).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no time: write `1d`, `90m`, `2026-11-20` or `2026-11-20T08:00`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_an_age_or_a_time() {
        let now: Zoned = "2026-11-21T12:00:00+00:00[UTC]".parse().expect("a time");
        let of = |text: &str| since(text, &now).expect(text).to_string();
        assert_eq!(of("1d"), "2026-11-20T12:00:00Z");
        assert_eq!(of("90m"), "2026-11-21T10:30:00Z");
        assert_eq!(of("2h 30m"), "2026-11-21T09:30:00Z");
        assert_eq!(of("2026-11-20"), "2026-11-20T00:00:00Z");
        assert_eq!(of("2026-11-20T08:00"), "2026-11-20T08:00:00Z");
        assert_eq!(of("2026-11-20T08:00:00+01:00"), "2026-11-20T07:00:00Z");
        assert_eq!(since("soon", &now).expect_err("no time").exit, crate::failure::Exit::Usage);
    }
}
