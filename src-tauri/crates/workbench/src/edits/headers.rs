//! The steps that change headers.

use std::mem;

use broker::{Table, Value};

use super::{Edit, EditStep, HeaderValue};

/// The headers after the edit, or why they cannot be edited. The order and the types of all others stay.
pub(super) fn edited(edit: &Edit, headers: &Table) -> Result<Table, String> {
    let mut headers = headers.clone();
    for (step_name, step) in edit.named_steps() {
        match step {
            EditStep::SetHeader { name, value } => headers = set(&headers, name, value),
            EditStep::RemoveHeader { name } => drop(headers.remove(name)),
            EditStep::RenameHeader { name, to } => {
                headers = renamed(&headers, name, to).map_err(|why| format!("{step_name}: {why}"))?;
            }
            EditStep::ReplaceText { .. } | EditStep::Jq { .. } => {}
        }
    }
    Ok(headers)
}

fn set(headers: &Table, name: &str, value: &HeaderValue) -> Table {
    let mut is_set = false;
    let others = headers.iter().filter_map(|(other, old)| {
        if other.as_bytes() != name.as_bytes() {
            return Some((other.clone(), old.clone()));
        }
        (!mem::replace(&mut is_set, true)).then(|| (other.clone(), value.instead_of(Some(old))))
    });
    let mut headers: Table = others.collect();
    if !is_set {
        headers.push(name, value.instead_of(None));
    }
    headers
}

fn renamed(headers: &Table, name: &str, to: &str) -> Result<Table, String> {
    if headers.get(name).is_none() {
        return Ok(headers.clone());
    }
    if headers.get(to).is_some() {
        return Err(format!("it has a header `{to}` already"));
    }
    let rename = |(other, value): (&broker::Name, &Value)| {
        let other = if other.as_bytes() == name.as_bytes() { to.into() } else { other.clone() };
        (other, value.clone())
    };
    Ok(headers.iter().map(rename).collect())
}

impl HeaderValue {
    fn instead_of(&self, old: Option<&Value>) -> Value {
        match self {
            Self::Text { value } => Value::from(value.as_str()),
            Self::Boolean { value } => Value::Bool(*value),
            Self::Integer { value } => whole(*value, old),
        }
    }
}

/// As wide as what it replaces: a consumer that reads 32 bits may not take 64.
fn whole(n: i64, old: Option<&Value>) -> Value {
    let as_wide = match old {
        Some(Value::I8(_)) => n.try_into().ok().map(Value::I8),
        Some(Value::U8(_)) => n.try_into().ok().map(Value::U8),
        Some(Value::I16(_)) => n.try_into().ok().map(Value::I16),
        Some(Value::U16(_)) => n.try_into().ok().map(Value::U16),
        Some(Value::I32(_)) => n.try_into().ok().map(Value::I32),
        Some(Value::U32(_)) => n.try_into().ok().map(Value::U32),
        _ => None,
    };
    as_wide.unwrap_or(Value::I64(n))
}
