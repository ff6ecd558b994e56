use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{in_background, open_reader, sql_trouble};
use crate::Result;

/// Reads under way at once, on one file.
const READS_MAX: usize = 4;

/// Connections that only read one SQLite file, opened when they are needed and kept.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: Arc::default(), turns: Arc::new(Semaphore::new(READS_MAX)) }
    }

    /// Runs `work` beside the async tasks, at most a few at a time.
    pub(crate) async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let readers = self.clone();
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        in_background(doing, move || {
            let _turn = turn;
            let run = || {
                let kept = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let connection = kept.map_or_else(|| open_reader(&readers.path), Ok)?;
                let done = work(&connection)?;
                readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                Ok(done)
            };
            run().map_err(|error| sql_trouble(doing, &error))
        })
        .await
    }
}
