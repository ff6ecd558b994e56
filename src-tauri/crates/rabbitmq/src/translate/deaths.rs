use broker::{Death, DeathReason, Table, Value};
use jiff::Timestamp;

/// The header in which RabbitMQ keeps why a message was moved aside, newest first. Publishers can write anything into
/// it: what is no entry is skipped, what is half an entry is read as far as it goes.
pub(crate) fn deaths_from(headers: &Table) -> Vec<Death> {
    let Some(Value::Array(entries)) = headers.get("x-death") else { return Vec::new() };
    entries
        .iter()
        .filter_map(|entry| match entry {
            Value::Table(entry) => death_from(entry),
            _ => None,
        })
        .collect()
}

fn death_from(entry: &Table) -> Option<Death> {
    let queue = entry.text("queue").filter(|queue| !queue.is_empty())?;
    let reason = match entry.text("reason")? {
        "rejected" => DeathReason::Rejected,
        "expired" => DeathReason::Expired,
        "maxlen" => DeathReason::MaxLength,
        "delivery_limit" => DeathReason::DeliveryLimit,
        other => DeathReason::Other(other.to_owned()),
    };
    let routing_keys = match entry.get("routing-keys") {
        Some(Value::Array(keys)) => keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    Some(Death {
        queue: queue.into(),
        reason,
        count: entry.get("count").and_then(Value::as_u64).unwrap_or(1),
        at: entry.get("time").and_then(at),
        exchange: entry.text("exchange").map(Into::into),
        routing_keys,
    })
}

fn at(value: &Value) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(value.as_u64()?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::tests::any_table;
    use super::*;

    fn table(fields: &[(&str, Value)]) -> Table {
        fields.iter().map(|(name, value)| (*name, value.clone())).collect()
    }

    fn entry(queue: &str, reason: &str) -> Table {
        table(&[
            ("count", Value::I64(3)),
            ("exchange", "shop".into()),
            ("queue", queue.into()),
            ("reason", reason.into()),
            ("routing-keys", Value::Array(vec!["order.new".into(), Value::I64(1), "copy".into()])),
            ("time", Value::Timestamp(1_700_000_000)),
        ])
    }

    fn deaths(entries: Vec<Value>) -> Vec<Death> {
        deaths_from(&table(&[("x-death", Value::Array(entries))]))
    }

    #[test]
    fn a_death_is_read_whole() {
        let expected = Death {
            queue: "orders".into(),
            reason: DeathReason::Rejected,
            count: 3,
            at: Timestamp::from_second(1_700_000_000).ok(),
            exchange: Some("shop".into()),
            routing_keys: vec!["order.new".into(), "copy".into()],
        };
        assert_eq!(deaths(vec![Value::Table(entry("orders", "rejected"))]), [expected]);
    }

    #[test]
    fn the_newest_death_stays_first_and_every_reason_has_its_word() {
        let words = ["rejected", "expired", "maxlen", "delivery_limit", "something new"];
        let read = deaths(words.iter().map(|word| Value::Table(entry(word, word))).collect());
        let reasons: Vec<_> = read.iter().map(|death| death.reason.clone()).collect();
        let other = DeathReason::Other("something new".into());
        assert_eq!(
            reasons,
            [DeathReason::Rejected, DeathReason::Expired, DeathReason::MaxLength, DeathReason::DeliveryLimit, other]
        );
        assert_eq!(read[0].queue.as_str(), "rejected");
    }

    #[test]
    fn junk_is_skipped_and_half_an_entry_is_read_as_far_as_it_goes() {
        assert_eq!(deaths_from(&table(&[("x-death", "junk".into())])), []);
        assert_eq!(deaths_from(&table(&[("x-death", Value::Table(entry("q", "rejected")))])), []);
        let half = table(&[
            ("queue", "q".into()),
            ("reason", "rejected".into()),
            ("count", "many".into()),
            ("time", Value::Timestamp(u64::MAX)),
            ("routing-keys", "k".into()),
        ]);
        let read = deaths(vec![
            Value::I64(1),
            Value::Table(Table::new()),
            Value::Table(table(&[("queue", "q".into())])),
            Value::Table(half),
        ]);
        let expected = Death {
            queue: "q".into(),
            reason: DeathReason::Rejected,
            count: 1,
            at: None,
            exchange: None,
            routing_keys: vec![],
        };
        assert_eq!(read, [expected]);
    }

    proptest! {
        #[test]
        fn no_header_makes_reading_deaths_panic(
            entries in proptest::collection::vec((any_table(), any_table()), 0..4),
        ) {
            let names = ["queue", "reason", "count", "time", "exchange", "routing-keys"];
            let entries = entries.into_iter().map(|(entry, junk)| {
                let named = names.iter().zip(junk.iter()).map(|(name, (_, value))| (*name, value.clone()));
                let mut whole: Table = named.collect();
                entry.iter().for_each(|(name, value)| whole.push(name.as_bytes().to_vec(), value.clone()));
                Value::Table(whole)
            });
            let count = deaths(entries.collect()).len();
            prop_assert!(count <= 4);
        }
    }
}
