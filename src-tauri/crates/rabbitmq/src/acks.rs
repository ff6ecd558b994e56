//! Which acknowledgements remove some of the messages that are held, in as few words as is safe. Pure.

use std::collections::BTreeSet;

/// Acknowledgements for `tags`, ascending: one for all of them up to the first that stays, then one each. Many at once
/// also takes whatever lies before, so it must not reach beyond one that stays.
pub(crate) fn acks(held: impl Iterator<Item = u64>, tags: &BTreeSet<u64>) -> Vec<(u64, bool)> {
    let prefix = held.take_while(|tag| tags.contains(tag)).last();
    let first = prefix.map(|tag| (tag, true));
    let rest = tags.iter().filter(|tag| prefix.is_none_or(|prefix| **tag > prefix)).map(|tag| (*tag, false));
    first.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acked(held: &[u64], tags: &[u64]) -> Vec<(u64, bool)> {
        acks(held.iter().copied(), &tags.iter().copied().collect())
    }

    #[test]
    fn many_are_acknowledged_at_once_only_up_to_the_first_that_stays() {
        assert_eq!(acked(&[1, 2, 3, 4], &[1, 2, 3, 4]), [(4, true)]);
        assert_eq!(acked(&[1, 2, 3, 4], &[1, 2, 4]), [(2, true), (4, false)]);
        assert_eq!(acked(&[1, 2, 3, 4], &[2, 4]), [(2, false), (4, false)]);
        assert_eq!(acked(&[5, 9], &[5, 9]), [(9, true)], "tags settled before leave no hole");
        assert_eq!(acked(&[5, 9], &[]), []);
    }
}
