//! A table of typed values as a flat list for the screen: nothing is recursive, everything has a bound.

use broker::{Table, Value};
use jiff::Timestamp;

use crate::connections::FieldView;

/// Fields in one list; a last one then says how many are left out.
const FIELDS_MAX: usize = 20_000;
/// Of one value, in characters.
const VALUE_MAX: usize = 4096;
/// A decimal with more places is written with its power of ten.
const PLACES_MAX: usize = 40;

/// The fields of a table, those inside tables and lists after the one that holds them.
pub(crate) fn fields(table: &Table) -> Vec<FieldView> {
    let mut views = Vec::new();
    let mut left_out = 0u64;
    let mut open: Vec<Box<dyn Iterator<Item = Field<'_>> + '_>> = vec![of_table(table)];
    while let Some(innermost) = open.last_mut() {
        let Some(field) = innermost.next() else {
            open.pop();
            continue;
        };
        let depth = open.len() - 1;
        if views.len() < FIELDS_MAX {
            views.push(view(&field, depth));
        } else {
            left_out += 1;
        }
        match field.value {
            Value::Table(inner) => open.push(of_table(inner)),
            Value::Array(values) => open.push(of_list(values)),
            _ => {}
        }
    }
    if left_out > 0 {
        views.push(FieldView {
            name: "…".to_owned(),
            name_is_bytes: false,
            type_name: "more".to_owned(),
            value: format!("{left_out} more are not shown"),
            truncated: true,
            depth: 0,
        });
    }
    views
}

struct Field<'a> {
    name: String,
    name_is_bytes: bool,
    value: &'a Value,
}

fn of_table(table: &Table) -> Box<dyn Iterator<Item = Field<'_>> + '_> {
    Box::new(table.iter().map(|(name, value)| Field {
        name: String::from_utf8_lossy(name.as_bytes()).into_owned(),
        name_is_bytes: name.as_str().is_none(),
        value,
    }))
}

fn of_list(values: &[Value]) -> Box<dyn Iterator<Item = Field<'_>> + '_> {
    let numbered = values.iter().zip(0u64..);
    Box::new(numbered.map(|(value, n)| Field { name: n.to_string(), name_is_bytes: false, value }))
}

fn view(field: &Field<'_>, depth: usize) -> FieldView {
    let (value, truncated) = shortened(words(field.value), is_longer(field.value));
    FieldView {
        name: shortened(field.name.clone(), false).0,
        name_is_bytes: field.name_is_bytes,
        type_name: field.value.type_name().to_owned(),
        value,
        truncated,
        depth: u32::try_from(depth).unwrap_or(u32::MAX),
    }
}

fn shortened(mut text: String, is_longer: bool) -> (String, bool) {
    match text.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => {
            text.truncate(end);
            (text, true)
        }
        None => (text, is_longer),
    }
}

/// Whether [`words`] left something out by itself.
fn is_longer(value: &Value) -> bool {
    match value {
        Value::Bytes(bytes) => bytes.len() > VALUE_MAX / 2,
        Value::Text(bytes) if std::str::from_utf8(bytes).is_err() => bytes.len() > VALUE_MAX / 2,
        _ => false,
    }
}

/// A value as it is shown.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Void => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::I8(n) => n.to_string(),
        Value::U8(n) => n.to_string(),
        Value::I16(n) => n.to_string(),
        Value::U16(n) => n.to_string(),
        Value::I32(n) => n.to_string(),
        Value::U32(n) => n.to_string(),
        Value::I64(n) => n.to_string(),
        Value::F32(bits) => match f32::from_bits(*bits) {
            value if value.is_nan() => format!("NaN (bits {bits:08x})"),
            value => format!("{value:?}"),
        },
        Value::F64(bits) => match f64::from_bits(*bits) {
            value if value.is_nan() => format!("NaN (bits {bits:016x})"),
            value => format!("{value:?}"),
        },
        Value::Decimal { scale, value } => decimal(usize::from(*scale), *value),
        Value::Text(bytes) => std::str::from_utf8(bytes).map_or_else(|_| hex(bytes), |text| start_of(text).to_owned()),
        Value::Bytes(bytes) => hex(bytes),
        Value::Timestamp(seconds) => match i64::try_from(*seconds).ok().and_then(|s| Timestamp::from_second(s).ok()) {
            Some(at) => format!("{at} ({seconds})"),
            None => seconds.to_string(),
        },
        Value::Array(values) => counted(values.len(), "value"),
        Value::Table(table) => counted(table.len(), "field"),
    }
}

/// Enough of a text to be shortened from, so that a long one is not copied whole.
fn start_of(text: &str) -> &str {
    text.char_indices().nth(VALUE_MAX + 1).map_or(text, |(end, _)| &text[..end])
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn decimal(scale: usize, value: u32) -> String {
    if scale > PLACES_MAX {
        return format!("{value}e-{scale}");
    }
    if scale == 0 {
        return value.to_string();
    }
    let digits = format!("{value:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    format!("{whole}.{part}")
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().take(VALUE_MAX / 2).flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Value) -> String {
        fields(&Table::from_iter([("x", value)])).remove(0).value
    }

    #[test]
    fn every_kind_of_value_is_said_exactly() {
        assert_eq!(shown(Value::I64(i64::MIN)), "-9223372036854775808");
        assert_eq!(shown(Value::Decimal { scale: 2, value: 1234 }), "12.34");
        assert_eq!(shown(Value::Decimal { scale: 4, value: 5 }), "0.0005");
        assert_eq!(shown(Value::Decimal { scale: 255, value: 5 }), "5e-255");
        assert_eq!(shown(Value::Timestamp(0)), "1970-01-01T00:00:00Z (0)");
        assert_eq!(shown(Value::Timestamp(u64::MAX)), "18446744073709551615");
        assert_eq!(shown(Value::F64(f64::NAN.to_bits())), "NaN (bits 7ff8000000000000)");
        assert_eq!(shown(Value::F64(0.1f64.to_bits())), "0.1");
        assert_eq!(shown(Value::F32(f32::NEG_INFINITY.to_bits())), "-inf");
        assert_eq!(shown(Value::Bytes(vec![0, 255])), "00ff");
        assert_eq!(shown(Value::Text(vec![0xff])), "ff");
        assert_eq!(shown(Value::Void), "");
    }

    #[test]
    fn what_is_inside_follows_with_its_depth() {
        let inner = Table::from_iter([("b", Value::Array(vec![Value::Bool(true), Value::Void])), ("c", Value::I8(1))]);
        let mut table = Table::from_iter([("a", Value::Table(inner))]);
        table.push(vec![0xff, 0xfe], "last");
        let flat: Vec<_> = fields(&table).into_iter().map(|f| (f.name, f.type_name, f.value, f.depth)).collect();
        let wanted = [
            ("a", "table", "2 fields", 0),
            ("b", "array", "2 values", 1),
            ("0", "bool", "true", 2),
            ("1", "void", "", 2),
            ("c", "int8", "1", 1),
            ("\u{fffd}\u{fffd}", "text", "last", 0),
        ];
        assert_eq!(flat, wanted.map(|(n, t, v, d)| (n.to_owned(), t.to_owned(), v.to_owned(), d)));
        assert!(fields(&table)[5].name_is_bytes);
    }

    #[test]
    fn ten_thousand_headers_are_all_shown_and_more_are_counted() {
        let many = |n: u32| -> Table {
            (0..n)
                .map(|n| (format!("h{n}").as_str().into(), Value::U32(n)))
                .collect::<Vec<(broker::Name, Value)>>()
                .into_iter()
                .collect()
        };
        assert_eq!(fields(&many(10_000)).len(), 10_000);
        let views = fields(&many(20_005));
        assert_eq!(views.len(), FIELDS_MAX + 1);
        assert_eq!(views[FIELDS_MAX].value, "5 more are not shown");
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        let views = fields(&Table::from_iter([
            ("text", Value::from("é".repeat(5000))),
            ("bytes", Value::Bytes(vec![7; 5000])),
            ("fits", Value::from("x".repeat(VALUE_MAX))),
        ]));
        assert!(views[0].truncated && views[1].truncated && !views[2].truncated);
        assert!(views.iter().all(|view| view.value.chars().count() == VALUE_MAX));
    }
}
