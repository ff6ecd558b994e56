use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use broker::{CheckStep, Secret};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Connection, ConnectionState, ConnectionView, Freshness, Live, Watched, Writes, lock};
use crate::activity::NewActivity;
use crate::door::Door;
use crate::{
    Act, AppEvent, Error, Fault, Outcome, Profile, ProfileDraft, ProfileId, RefusedCode, Result, SecretState, Workbench,
};

impl Workbench {
    /// Connects, unless it is connected already. `secret` is used instead of the one that is kept, for this session. Where
    /// it is closed while it is being opened, that is what comes back: [`ConnectionState::Closed`].
    ///
    /// Fails with [`Error::SecretNeeded`] where the secret is asked for each time and was not given yet, else as
    /// [`broker::Driver::open`].
    pub async fn open_connection(&self, profile: ProfileId, secret: Option<String>) -> Result<ConnectionView> {
        if let Some(open) = self.inner.connections.get(profile) {
            return Ok(self.view_of(&open));
        }
        let profile = self.profile(profile).await?;
        let secret = self.secret_for(&profile, secret).await?;
        self.tell_state(&profile, ConnectionState::Connecting);
        let called_off = lock(&self.inner.connections.opening).entry(profile.id).or_default().clone();
        let opened = tokio::select! {
            biased;
            () = called_off.cancelled() => None,
            opened = self.connect(&profile, secret) => Some(opened),
        };
        lock(&self.inner.connections.opening).remove(&profile.id);
        match opened {
            Some(Ok(view)) => Ok(view),
            Some(Err(error)) => {
                self.tell_state(&profile, ConnectionState::Failed { fault: Fault::from(&error), retry_at: None });
                Err(error)
            }
            None => {
                // It may have come up at that very moment.
                self.shut_connection(profile.id).await;
                Ok(self.tell_state(&profile, ConnectionState::Closed))
            }
        }
    }

    async fn connect(&self, profile: &Profile, secret: Secret) -> Result<ConnectionView> {
        let driver = self.driver(&profile.kind)?;
        let broker = driver.open(&profile.settings, &secret).await?;
        lock(&self.inner.connections.asked).insert(profile.id, secret);
        let live = Live { identity: broker.identity(), rules: driver.rules(), broker, profile: profile.clone() };
        let connection = Arc::new(Connection {
            watched: Mutex::new(Watched::new(&live)),
            live: Mutex::new(live.clone()),
            wake: Notify::new(),
            closed: CancellationToken::new(),
        });
        if let Some(first) = self.keep_first(&connection, profile.id) {
            live.broker.close().await;
            return Ok(self.view_of(&first));
        }
        self.note_opened(&live).await?;
        let (workbench, watched) = (self.clone(), connection.clone());
        tokio::spawn(async move { workbench.watch(watched).await });
        self.spawn_recovery(profile.id);
        let view = self.view_of(&connection);
        self.tell(AppEvent::ConnectionChanged { connection: Box::new(view.clone()) });
        Ok(view)
    }

    /// Two windows may have asked at once: the first one stays, and is returned if it is not this one.
    fn keep_first(&self, connection: &Arc<Connection>, id: ProfileId) -> Option<Arc<Connection>> {
        let mut open = lock(&self.inner.connections.open);
        if let Some(first) = open.get(&id) {
            return Some(first.clone());
        }
        open.insert(id, connection.clone());
        None
    }

    /// Tells how a connection is that is not open.
    fn tell_state(&self, profile: &Profile, state: ConnectionState) -> ConnectionView {
        let view = ConnectionView::not_open(profile, state);
        self.tell(AppEvent::ConnectionChanged { connection: Box::new(view.clone()) });
        view
    }

    async fn note_opened(&self, live: &Live) -> Result<()> {
        let words = format!("{} {}, {}", live.identity.product, live.identity.version, live.identity.place);
        let note = NewActivity::new(Act::OpenConnection, &live.profile, &live.identity.user)
            .place(live.profile.name.clone())
            .outcome(Outcome::Done, words);
        self.note(note).await?;
        Ok(())
    }

    /// A command would end before a look into a queue does, and leave it half way: `jobs resume` makes it.
    fn spawn_recovery(&self, profile: ProfileId) {
        if self.inner.door.get() == Door::CommandLine {
            return;
        }
        let workbench = self.clone();
        tokio::spawn(async move {
            if let Err(error) = workbench.recover(profile).await {
                tracing::warn!(%error, "could not look after interrupted jobs");
            }
        });
    }

    /// The secret: given now, else asked for earlier in this session, else from the keychain.
    async fn secret_for(&self, profile: &Profile, given: Option<String>) -> Result<Secret> {
        if self.driver(&profile.kind)?.form().secret_label.is_none() {
            return Ok(Secret::none());
        }
        if let Some(secret) = given {
            return Ok(Secret::new(secret));
        }
        if let Some(secret) = lock(&self.inner.connections.asked).get(&profile.id) {
            return Ok(secret.clone());
        }
        match profile.secret {
            SecretState::None => Ok(Secret::none()),
            SecretState::AskEachTime => Err(Error::SecretNeeded { profile: profile.name.clone() }),
            SecretState::Kept => match self.inner.secrets.get(profile.id).await {
                Ok(Some(secret)) => Ok(secret),
                // A locked keyring looks like an empty one: either way the user has to say it.
                Ok(None) | Err(_) => Err(Error::SecretNeeded { profile: profile.name.clone() }),
            },
        }
    }

    /// Tries each step of connecting with these settings and says what it found. Reads only. Without a `secret` the one
    /// that is kept for the profile is used.
    pub async fn check_connection(
        &self,
        draft: ProfileDraft,
        secret: Option<String>,
        steps: mpsc::Sender<CheckStep>,
    ) -> Result<()> {
        let kept = match (&secret, draft.id) {
            (None, Some(id)) => {
                let profile = self.profile(id).await?;
                self.secret_for(&profile, None).await.unwrap_or_else(|_| Secret::none())
            }
            _ => secret.map_or_else(Secret::none, Secret::new),
        };
        Ok(self.driver(&draft.kind)?.check(&draft.settings, &kept, steps).await?)
    }

    /// Reads a connection URL into settings for that kind of broker. A password in it is not kept.
    pub fn read_url(&self, kind: &str, url: &str) -> Result<broker::Settings> {
        Ok(self.driver(kind)?.read_url(url)?.0)
    }

    /// Closes a connection, or stops opening it; one that is neither is closed already. Messages that are held go back to
    /// their queues.
    ///
    /// Refused with [`RefusedCode::Busy`] while a job runs on it.
    pub async fn close_connection(&self, profile: ProfileId) -> Result<()> {
        self.may_close(profile)?;
        self.shut_connection(profile).await;
        Ok(())
    }

    /// Whether no job would lose that profile's connection. [`RefusedCode::Busy`] where one would.
    pub(crate) fn may_close(&self, profile: ProfileId) -> Result<()> {
        let (Some(connection), Some(job)) = (self.inner.connections.get(profile), self.inner.jobs.running_on(profile))
        else {
            return Ok(());
        };
        let name = connection.live().profile.name;
        let why = format!("{job} is running on `{name}`: wait until it has ended, or stop it, and try again");
        Err(Error::Refused { code: RefusedCode::Busy, why })
    }

    /// Closes a connection, whatever runs on it.
    pub(crate) async fn shut_connection(&self, profile: ProfileId) {
        if let Some(called_off) = lock(&self.inner.connections.opening).get(&profile) {
            called_off.cancel();
        }
        let Some(connection) = lock(&self.inner.connections.open).remove(&profile) else { return };
        connection.closed.cancel();
        connection.live().broker.close().await;
        let mut view = self.view_of(&connection);
        view.state = ConnectionState::Closed;
        self.tell(AppEvent::ConnectionChanged { connection: Box::new(view) });
    }

    /// A profile was changed in what does not touch its connection: the open one goes on under its new name.
    pub(crate) fn adopt_profile(&self, profile: &Profile) {
        let Some(connection) = self.inner.connections.get(profile.id) else { return };
        let before = std::mem::replace(&mut lock(&connection.live).profile, profile.clone());
        if before.read_only != profile.read_only {
            connection.watched().lock = Writes::of(profile);
        }
        self.tell(AppEvent::ConnectionChanged { connection: Box::new(self.view_of(&connection)) });
    }

    /// Forgets a secret that was asked for in this session.
    pub(crate) fn forget_secret(&self, profile: ProfileId) {
        lock(&self.inner.connections.asked).remove(&profile);
    }

    pub(crate) async fn close_all_connections(&self) {
        for connection in self.inner.connections.all() {
            self.shut_connection(connection.live().profile.id).await;
        }
    }

    /// Every open connection.
    pub fn list_connections(&self) -> Vec<ConnectionView> {
        self.inner.connections.all().iter().map(|connection| self.view_of(connection)).collect()
    }

    /// One open connection. [`Error::NotOpen`] where it is not.
    pub fn connection(&self, profile: ProfileId) -> Result<ConnectionView> {
        Ok(self.view_of(&*self.open_one(profile)?))
    }

    pub(crate) fn view_of(&self, connection: &Connection) -> ConnectionView {
        let Live { profile, identity, .. } = connection.live();
        let watched = connection.watched();
        ConnectionView {
            profile: profile.id,
            state: ConnectionState::Open { health: watched.health.clone() },
            product: identity.product,
            version: identity.version,
            place: identity.place,
            user: identity.user,
            endpoints: identity.endpoints,
            writes: watched.writes(),
            freshness: watched.freshness.clone(),
            queues: watched.queue_count(),
            exchanges: watched.exchange_count(),
            dead_letters: watched.dead_letters(),
            missing: watched.missing(),
            generation: watched.generation,
        }
    }
}

impl Watched {
    fn new(live: &Live) -> Self {
        Self {
            health: live.broker.health().borrow().clone(),
            lock: Writes::of(&live.profile),
            freshness: Freshness::default(),
            topology: None,
            dead_letter_queues: HashSet::new(),
            measures: None,
            history: Default::default(),
            generation: 0,
        }
    }
}

impl ConnectionView {
    /// A connection of which nothing is known but its profile.
    fn not_open(profile: &Profile, state: ConnectionState) -> Self {
        Self {
            profile: profile.id,
            state,
            product: String::new(),
            version: String::new(),
            place: String::new(),
            user: String::new(),
            endpoints: Vec::new(),
            writes: Writes::of(profile),
            freshness: Freshness::default(),
            queues: None,
            exchanges: None,
            dead_letters: None,
            missing: Vec::new(),
            generation: 0,
        }
    }
}

impl Writes {
    /// As a connection of that profile opens.
    fn of(profile: &Profile) -> Self {
        if profile.read_only { Self::Locked } else { Self::Open }
    }
}
