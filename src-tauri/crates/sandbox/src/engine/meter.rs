use jiff::Timestamp;

/// Over how many whole seconds a rate is the mean.
const WINDOW_S: i64 = 10;

/// Counts events in a sliding window of whole seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    /// One second more than the window: the running one is counted but not yet told.
    buckets: [(i64, u64); WINDOW_S as usize + 1],
}

impl Meter {
    pub(crate) fn add(&mut self, now: Timestamp) {
        let second = now.as_second();
        let slot = second.rem_euclid(WINDOW_S + 1) as usize;
        let bucket = &mut self.buckets[slot];
        if bucket.0 != second {
            *bucket = (second, 0);
        }
        bucket.1 += 1;
    }

    /// The mean over the last whole seconds, or over those since `since` if they are fewer. `None` before there is one.
    pub(crate) fn per_second(&self, since: Timestamp, now: Timestamp) -> Option<f64> {
        let second = now.as_second();
        let seconds = (second - since.as_second()).min(WINDOW_S);
        if seconds < 1 {
            return None;
        }
        let told = second - seconds..second;
        let count: u64 = self.buckets.iter().filter(|(at, _)| told.contains(at)).map(|(_, count)| count).sum();
        Some(count as f64 / seconds as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000 + second).expect("a small number of seconds is a time")
    }

    #[test]
    fn a_rate_is_the_mean_of_the_last_ten_seconds() {
        let mut meter = Meter::default();
        for second in 0..30 {
            meter.add(at(second));
            meter.add(at(second));
        }
        assert_eq!(meter.per_second(at(0), at(30)), Some(2.0), "two a second");
        assert_eq!(meter.per_second(at(0), at(35)), Some(1.0), "half of the window was still");
        assert_eq!(meter.per_second(at(0), at(60)), Some(0.0), "nothing happened any more");
    }

    #[test]
    fn a_young_meter_does_not_count_the_time_before_it() {
        let mut meter = Meter::default();
        (0..8).for_each(|_| meter.add(at(0)));
        assert_eq!(meter.per_second(at(0), at(0)), None, "no second has passed");
        assert_eq!(meter.per_second(at(0), at(2)), Some(4.0), "eight in two seconds");
    }
}
