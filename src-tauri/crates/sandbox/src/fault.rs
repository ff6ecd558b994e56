/// What goes wrong once, for tests and simulators: see [`crate::Sandbox::fail_next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The next published message never arrives, and its outcome is unknown.
    PublishLost,
    /// The next published message arrives if it can, but its outcome is unknown.
    PublishUnanswered,
    /// The next message to be removed is removed, but its outcome is unknown.
    RemoveUnanswered,
    /// The next message to be removed stays held, and its outcome is unknown.
    RemoveLost,
    /// The next lease that is asked for messages or a removal loses its channel: what it holds goes back as failed.
    LeaseLost,
    /// At the next call of a lease or a publisher, or of the opening of one, everything is cut, as by
    /// [`crate::Sandbox::cut`]; that call is lost.
    ConnectionLost,
}

/// The faults still to come, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan(Vec<Fault>);

impl FaultPlan {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Takes out the first fault that is one of these.
    pub(crate) fn take(&mut self, any_of: &[Fault]) -> Option<Fault> {
        let found = self.0.iter().position(|fault| any_of.contains(fault))?;
        Some(self.0.remove(found))
    }
}
