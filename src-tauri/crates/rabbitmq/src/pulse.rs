//! How the connection is, put together from what several connections notice.

use std::sync::Mutex;

use broker::Health;
use tokio::sync::watch;

/// Says [`Health`] to whoever watches: lost outweighs blocked outweighs live.
#[derive(Debug)]
pub(crate) struct Pulse {
    seen: Mutex<Seen>,
    health: watch::Sender<Health>,
}

#[derive(Debug, Default)]
struct Seen {
    lost: Option<String>,
    blocked: Option<String>,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self { seen: Mutex::default(), health: watch::Sender::new(Health::Live) }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub(crate) fn live(&self) {
        self.note(|seen| seen.lost = None);
    }

    pub(crate) fn lost(&self, why: impl Into<String>) {
        let why = why.into();
        self.note(|seen| seen.lost = Some(why));
    }

    pub(crate) fn blocked(&self, why: impl Into<String>) {
        let why = why.into();
        self.note(|seen| seen.blocked = Some(why));
    }

    pub(crate) fn unblocked(&self) {
        self.note(|seen| seen.blocked = None);
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut seen);
        let now = match (&seen.lost, &seen.blocked) {
            (Some(why), _) => Health::Lost { why: why.clone() },
            (None, Some(why)) => Health::Blocked { why: why.clone() },
            (None, None) => Health::Live,
        };
        self.health.send_if_modified(|health| {
            let changed = *health != now;
            *health = now;
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_not_called_blocked() {
        let pulse = Pulse::new();
        let health = pulse.watch();
        pulse.blocked("low on memory");
        assert_eq!(*health.borrow(), Health::Blocked { why: "low on memory".into() });
        pulse.lost("gone");
        assert_eq!(*health.borrow(), Health::Lost { why: "gone".into() });
        pulse.live();
        assert_eq!(*health.borrow(), Health::Blocked { why: "low on memory".into() });
        pulse.unblocked();
        assert_eq!(*health.borrow(), Health::Live);
    }
}
