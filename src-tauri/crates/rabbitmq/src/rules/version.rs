/// The broker's version, as far as its behaviour depends on it. What is not known behaves like the version that is
/// harder on messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(Option<(u32, u32)>);

impl Version {
    /// Reads "4.3.6", "3.10.8" or "4.0.5+1"; anything else is an unknown version.
    pub(crate) fn read(text: &str) -> Self {
        let mut parts = text.trim().split(|c: char| !c.is_ascii_digit());
        let mut part = || parts.next()?.parse().ok();
        Self(part().and_then(|major| Some((major, part()?))))
    }

    fn is_at_least(self, major: u32, minor: u32) -> Option<bool> {
        self.0.map(|version| version >= (major, minor))
    }

    /// Quorum queues have a delivery limit of 20 where nothing else is set.
    pub(crate) fn limits_by_default(self) -> bool {
        self.is_at_least(4, 0).unwrap_or(true)
    }

    /// A dead letter brings its delivery count along into a quorum queue, so that it may be above the limit there.
    pub(crate) fn carries_counts(self) -> bool {
        self.is_at_least(4, 3).unwrap_or(true)
    }

    /// `basic.nack` with requeue gives back to a quorum queue in order and without counting.
    pub(crate) fn nack_is_free(self) -> bool {
        self.is_at_least(4, 3).unwrap_or(false)
    }

    /// The management API answers for a virtual host that is closed to the user as for one that does not exist.
    pub(crate) fn calls_closed_vhosts_missing(self) -> bool {
        self.is_at_least(4, 3).unwrap_or(true)
    }

    /// A headers exchange compares as `=:=` does and reads a header's timestamp in milliseconds. `None`: not known.
    pub(crate) fn compares_headers_exactly(self) -> Option<bool> {
        self.is_at_least(3, 13)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_whatever_follows_them() {
        for (text, version) in [
            ("4.3.6", Some((4, 3))),
            ("3.10.8", Some((3, 10))),
            ("4.0.5+1.gabc", Some((4, 0))),
            (" 4.1.0-rc.1", Some((4, 1))),
            ("", None),
            ("4", None),
            ("unknown", None),
        ] {
            assert_eq!(Version::read(text), Version(version), "{text}");
        }
    }

    #[test]
    fn an_unknown_version_is_taken_for_the_harder_one() {
        let version = Version::read("");
        assert!(version.limits_by_default() && version.carries_counts() && !version.nack_is_free());
    }

    #[test]
    fn versions_are_compared_by_number_and_not_by_text() {
        assert!(!Version::read("3.9.1").limits_by_default());
        assert!(!Version::read("3.13.7").limits_by_default());
        assert!(Version::read("4.10.0").nack_is_free(), "4.10 comes after 4.3");
        assert!(!Version::read("4.2.9").nack_is_free());
    }
}
