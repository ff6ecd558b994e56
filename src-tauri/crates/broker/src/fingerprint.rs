use crate::{Message, MessageKey, Table, Value};

/// The key of a message that has no id: 128 bits of BLAKE3 over routing, properties, headers and body, in an order that
/// does not depend on how a client sorted them. `unstable` names the headers that the broker changes while the message
/// waits; everything else counts, deaths included, so that a bounce is never taken for its original.
pub fn fingerprint(message: &Message, unstable: &[&str]) -> MessageKey {
    let mut hasher = Canonical(blake3::Hasher::new());
    hasher.bytes(message.routing.exchange.as_str().as_bytes());
    hasher.bytes(message.routing.key.as_bytes());
    hasher.table(&message.properties, &[]);
    hasher.table(&message.headers, unstable);
    hasher.bytes(&message.body);
    let mut bits = [0; 16];
    bits.copy_from_slice(&hasher.0.finalize().as_bytes()[..16]);
    MessageKey::Fingerprint(bits)
}

/// Writes every part with its length and type, so that no two different messages give the same bytes.
struct Canonical(blake3::Hasher);

impl Canonical {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn table(&mut self, table: &Table, left_out: &[&str]) {
        let mut fields: Vec<_> =
            table.iter().filter(|(name, _)| !left_out.iter().any(|out| out.as_bytes() == name.as_bytes())).collect();
        // Stable, so that repeated names keep their order among themselves.
        fields.sort_by(|a, b| a.0.cmp(b.0));
        self.0.update(&(fields.len() as u64).to_le_bytes());
        for (name, value) in fields {
            self.bytes(name.as_bytes());
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        self.bytes(value.type_name().as_bytes());
        match value {
            Value::Void => {}
            Value::Bool(value) => self.bytes(&[u8::from(*value)]),
            Value::I8(n) => self.bytes(&n.to_le_bytes()),
            Value::U8(n) => self.bytes(&n.to_le_bytes()),
            Value::I16(n) => self.bytes(&n.to_le_bytes()),
            Value::U16(n) => self.bytes(&n.to_le_bytes()),
            Value::I32(n) => self.bytes(&n.to_le_bytes()),
            Value::U32(n) | Value::F32(n) => self.bytes(&n.to_le_bytes()),
            Value::I64(n) => self.bytes(&n.to_le_bytes()),
            Value::F64(n) | Value::Timestamp(n) => self.bytes(&n.to_le_bytes()),
            Value::Decimal { scale, value } => {
                self.bytes(&[*scale]);
                self.bytes(&value.to_le_bytes());
            }
            Value::Text(bytes) | Value::Bytes(bytes) => self.bytes(bytes),
            Value::Array(values) => {
                self.0.update(&(values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Table(table) => self.table(table, &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &[(&str, Value)]) -> Message {
        let headers = headers.iter().map(|(name, value)| (*name, value.clone())).collect();
        Message { body: b"{}".to_vec(), headers, ..Message::default() }
    }

    #[test]
    fn what_the_broker_changes_while_a_message_waits_does_not_count() {
        let once = message(&[("tenant", "eu".into()), ("x-delivery-count", Value::I64(1))]);
        let twice = message(&[("x-delivery-count", Value::I64(2)), ("tenant", "eu".into())]);
        assert_ne!(fingerprint(&once, &[]), fingerprint(&twice, &[]), "it counts unless it is left out");
        assert_eq!(fingerprint(&once, &["x-delivery-count"]), fingerprint(&twice, &["x-delivery-count"]));
    }

    #[test]
    fn a_value_of_another_type_is_another_message() {
        let (number, text) = (message(&[("n", Value::I64(1))]), message(&[("n", "1".into())]));
        assert_ne!(fingerprint(&number, &[]), fingerprint(&text, &[]));
    }

    #[test]
    fn bytes_cannot_move_from_one_field_to_the_next() {
        let mut a = Message::default();
        (a.routing.key, a.body) = ("ab".into(), b"c".to_vec());
        let mut b = Message::default();
        (b.routing.key, b.body) = ("a".into(), b"bc".to_vec());
        assert_ne!(fingerprint(&a, &[]), fingerprint(&b, &[]));
    }
}
