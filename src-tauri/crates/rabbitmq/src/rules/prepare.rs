//! What is sent again, and what is left out because it would mislead the broker.

use broker::{Message, Outgoing, Prepared, REDRIVE_HEADER, Stripped, Table, Target};

/// Everything goes along as it is, `expiration` and delivery mode too, except what [`why_stripped`] names.
pub(super) fn prepare(message: &Message, target: &Target) -> Prepared {
    without(message, target, why_stripped)
}

/// The history goes along: in its queue the message had it, and without it nobody knows any more where it failed.
pub(super) fn put_back(message: &Message, target: &Target) -> Prepared {
    without(message, target, |header| why_stripped(header).filter(|_| !tells_of_deaths(header)))
}

fn without(message: &Message, target: &Target, why_stripped: fn(&str) -> Option<&'static str>) -> Prepared {
    let mut outgoing = Outgoing {
        target: target.clone(),
        body: message.body.clone(),
        properties: message.properties.clone(),
        headers: Table::new(),
        redrive: None,
    };
    let mut stripped = Vec::new();
    for (name, value) in message.headers.iter() {
        match name.as_str().and_then(|name| Some((name, why_stripped(name)?))) {
            Some((name, why)) => stripped.push(Stripped { name: name.to_owned(), value: value.clone(), why }),
            None => outgoing.headers.push(name.clone(), value.clone()),
        }
    }
    if let Some(value) = outgoing.properties.remove("user-id") {
        let why = "the broker refuses a message that names another user, and closes the channel";
        stripped.push(Stripped { name: "user-id".into(), value, why });
    }
    Prepared { outgoing, stripped }
}

fn tells_of_deaths(header: &str) -> bool {
    header == "x-death" || header.starts_with("x-first-death-") || header.starts_with("x-last-death-")
}

fn why_stripped(header: &str) -> Option<&'static str> {
    Some(match header {
        "x-death" => {
            "RabbitMQ 3 may take it for a message that goes in circles and drop it silently; RabbitMQ 4 starts the \
                list anew"
        }
        "x-delivery-count" | "x-acquired-count" => {
            "it counts the deliveries in the queue it leaves, and would be shown as a count of the next one"
        }
        "CC" | "BCC" => "it would send further copies to the keys it lists",
        REDRIVE_HEADER => "it names an earlier redrive",
        name if tells_of_deaths(name) => "it tells of the death that this redrive mends, and would hide the next one",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use broker::{Table, Value};

    use super::*;

    const STRIPPED: [&str; 13] = [
        "x-death",
        "x-first-death-exchange",
        "x-first-death-queue",
        "x-first-death-reason",
        "x-last-death-exchange",
        "x-last-death-queue",
        "x-last-death-reason",
        "x-delivery-count",
        "x-acquired-count",
        "CC",
        "BCC",
        "x-queuescope-redrive",
        "user-id",
    ];

    fn target() -> Target {
        Target::Queue { queue: "orders".into() }
    }

    #[test]
    fn exactly_what_would_mislead_the_broker_is_stripped_and_said() {
        let mut message = Message { body: vec![0, 255], ..Message::default() };
        for name in &STRIPPED[..12] {
            message.headers.push(*name, "x");
        }
        message.properties.push("user-id", "someone");
        let prepared = prepare(&message, &target());
        let names: Vec<_> = prepared.stripped.iter().map(|stripped| stripped.name.as_str()).collect();
        assert_eq!(names, STRIPPED);
        assert!(prepared.stripped.iter().all(|stripped| !stripped.why.is_empty()));
        assert!(prepared.outgoing.headers.is_empty() && prepared.outgoing.properties.is_empty());
        assert_eq!((prepared.outgoing.body, prepared.outgoing.target), (message.body, target()));
    }

    #[test]
    fn what_is_put_back_keeps_its_history_and_goes_nowhere_else() {
        let mut message = Message::default();
        for name in &STRIPPED[..12] {
            message.headers.push(*name, "x");
        }
        message.properties.push("user-id", "someone");
        let prepared = put_back(&message, &target());
        let names: Vec<_> = prepared.stripped.iter().map(|stripped| stripped.name.as_str()).collect();
        assert_eq!(names, STRIPPED[7..]);
        let kept: Vec<_> = prepared.outgoing.headers.iter().filter_map(|(name, _)| name.as_str()).collect();
        assert_eq!(kept, STRIPPED[..7]);
    }

    #[test]
    fn everything_else_goes_along_as_it_is() {
        let mut message = Message::default();
        for name in
            ["trace", "x-deaths", "x-retry", "cc", "bcc", "x-original-exchange", "x-queuescope-origin", "X-Death"]
        {
            message.headers.push(name, Value::I64(7));
        }
        message.headers.push(vec![0xff], Value::Void);
        for (name, value) in [
            ("expiration", Value::from("60000")),
            ("delivery-mode", Value::U8(1)),
            ("priority", Value::U8(9)),
            ("message-id", "m".into()),
        ] {
            message.properties.push(name, value);
        }
        let prepared = prepare(&message, &target());
        assert_eq!(prepared.stripped, []);
        assert_eq!((prepared.outgoing.headers, prepared.outgoing.properties), (message.headers, message.properties));
    }

    #[test]
    fn a_repeated_name_is_stripped_as_often_as_it_stands_there() {
        let headers: Table = [("CC", Value::from("a")), ("CC", Value::from("b"))].into_iter().collect();
        let prepared = prepare(&Message { headers, ..Message::default() }, &target());
        assert_eq!(prepared.stripped.len(), 2);
        assert!(prepared.outgoing.headers.is_empty());
    }
}
