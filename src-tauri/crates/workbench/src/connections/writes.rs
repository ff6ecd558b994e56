use jiff::{SignedDuration, Timestamp};

use super::{ConnectionView, Writes};
use crate::activity::NewActivity;
use crate::{Act, AppEvent, Error, Outcome, ProfileId, RefusedCode, Result, Workbench};

/// For how long writes are turned on at a time, in minutes.
const WRITES_MIN: i64 = 15;

impl Workbench {
    /// Turns writes on for fifteen minutes, or off. Profiles that open writable have no lock; nothing changes there.
    pub async fn set_writes(&self, profile: ProfileId, on: bool) -> Result<ConnectionView> {
        let connection = self.open_one(profile)?;
        let until = Timestamp::now() + SignedDuration::from_mins(WRITES_MIN);
        {
            let mut watched = connection.watched();
            if watched.lock != Writes::Open {
                watched.lock = if on { Writes::Until { at: until } } else { Writes::Locked };
            }
        }
        let live = connection.live();
        let (act, words) = match on {
            true => (Act::TurnWritesOn, format!("for {WRITES_MIN} minutes")),
            false => (Act::TurnWritesOff, "locked again".to_owned()),
        };
        let note = NewActivity::new(act, &live.profile, &live.identity.user)
            .place(live.profile.name.clone())
            .outcome(Outcome::Done, words);
        self.note(note).await?;
        let view = self.view_of(&connection);
        self.tell(AppEvent::ConnectionChanged { connection: Box::new(view.clone()) });
        Ok(view)
    }

    /// Whether an act that changes the broker may start. [`RefusedCode::ReadOnly`] where it may not.
    pub(crate) fn may_write(&self, profile: ProfileId) -> Result<()> {
        let connection = self.open_one(profile)?;
        let writes = connection.watched().writes();
        if writes == Writes::Locked {
            let why = format!("`{}` is read-only: turn on writes first", connection.live().profile.name);
            return Err(Error::Refused { code: RefusedCode::ReadOnly, why });
        }
        Ok(())
    }
}
