//! What is random in a test of faults, so that the same seed chooses the same again; and how much is tested.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Chooses everything that is random. Unset: the clock does.
const SEED_VARIABLE: &str = "QUEUESCOPE_SEED";
/// `long`, or the short form.
const FORM_VARIABLE: &str = "QUEUESCOPE_FAULTS";

static SEED: LazyLock<u64> = LazyLock::new(|| match std::env::var(SEED_VARIABLE) {
    Ok(text) => text.trim().parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} is `{text}`: a whole number")),
    Err(_) => {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
        u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20)
    }
});

/// How much is tested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) messages: usize,
    pub(crate) kills: usize,
    pub(crate) cuts: usize,
    /// Restarts of the broker, deletions of the target, and whatever else takes long.
    pub(crate) upheavals: usize,
    /// How many kinds of queues such a test has.
    pub(crate) kinds: usize,
    /// How long all of one test may take.
    pub(crate) test_wait: Duration,
}

impl Form {
    const SHORT: Self =
        Self { messages: 1_500, kills: 2, cuts: 2, upheavals: 1, kinds: 1, test_wait: Duration::from_secs(400) };
    const LONG: Self = Self {
        messages: 20_000,
        kills: 50,
        cuts: 50,
        upheavals: 5,
        kinds: 2,
        test_wait: Duration::from_secs(3 * 60 * 60),
    };

    /// The one that the environment asks for.
    pub(crate) fn chosen() -> Self {
        match std::env::var(FORM_VARIABLE).as_deref() {
            Ok("long") => Self::LONG,
            Ok("short") | Err(_) => Self::SHORT,
            Ok(other) => panic!("{FORM_VARIABLE} is `{other}`: short or long"),
        }
    }
}

/// Random numbers of a seed: `SplitMix64`.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// For one test, whichever tests run beside it.
    pub(crate) fn of(test: &str) -> Self {
        let mixed = test.bytes().fold(*SEED, |mixed, byte| (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(mixed)
    }

    /// How to choose the same again.
    pub(crate) fn seed() -> String {
        format!("{SEED_VARIABLE}={}", *SEED)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0, and less than `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from(to.saturating_sub(from).as_micros()).expect("a test takes less");
        from + Duration::from_micros(self.below(span))
    }
}
