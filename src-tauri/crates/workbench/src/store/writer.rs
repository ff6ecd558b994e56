use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::trouble::Trouble;
use crate::{Error, Result, StoreTrouble};

/// Writes that wait for the writer.
const WAITING_MAX: usize = 256;
/// Writes in one commit.
const TOGETHER_MAX: usize = 256;

/// The one writer of a SQLite file: a thread that takes all that waits, commits it together, and only then answers.
/// It closes the file when the handle is dropped and everything that waited is done.
pub(crate) struct Writer {
    waiting: mpsc::Sender<Box<dyn Write>>,
    closed: oneshot::Receiver<()>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

/// One write that waits.
trait Write: Send {
    /// Does it. Called once. An error: it is to be undone.
    fn run(&mut self, transaction: &Transaction<'_>) -> Result<(), Trouble>;

    /// Tells the caller: what it gave, or why it is not so.
    fn answer(self: Box<Self>, committed: &Result<(), Trouble>);
}

struct Job<T, F> {
    doing: &'static str,
    work: Option<F>,
    given: Result<T, Trouble>,
    caller: oneshot::Sender<Result<T>>,
}

impl<T, F> Write for Job<T, F>
where
    T: Send,
    F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, transaction: &Transaction<'_>) -> Result<(), Trouble> {
        if let Some(work) = self.work.take() {
            // A panic must not take the writer, and with it everybody else's writes, along.
            self.given = match catch_unwind(AssertUnwindSafe(|| work(transaction))) {
                Ok(given) => given.map_err(|error| Trouble::from(&error)),
                Err(_) => Err(Trouble::broke_off()),
            };
        }
        self.given.as_ref().map(|_| ()).map_err(Trouble::clone)
    }

    fn answer(self: Box<Self>, committed: &Result<(), Trouble>) {
        let answer = self.given.and_then(|given| committed.clone().map(|()| given));
        if self.caller.send(answer.map_err(|trouble| trouble.while_doing(self.doing))).is_err() {
            tracing::trace!("nobody waits for the answer any more");
        }
    }
}

impl Writer {
    /// Starts the thread on that connection.
    pub(crate) fn start(connection: Connection) -> Result<Self> {
        let (waiting, queue) = mpsc::channel(WAITING_MAX);
        let (closing, closed) = oneshot::channel();
        let thread = thread::Builder::new().name("store writer".to_owned());
        let started = thread.spawn(move || {
            write_until_closed(connection, queue);
            drop(closing);
        });
        match started {
            Ok(_) => Ok(Self { waiting, closed }),
            Err(error) => Err(Error::Store {
                doing: "start the store's writer".to_owned(),
                why: error.to_string(),
                kind: StoreTrouble::Other,
            }),
        }
    }

    /// Answers after the commit that holds it, synced.
    pub(crate) async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Job { doing, work: Some(work), given: Err(Trouble::broke_off()), caller };
        self.waiting.send(Box::new(job)).await.map_err(|_| Trouble::broke_off().while_doing(doing))?;
        answer.await.map_err(|_| Trouble::broke_off().while_doing(doing))?
    }

    /// Does what waits, closes the file, and answers when it is closed.
    pub(crate) async fn close(self) {
        drop(self.waiting);
        // It is never sent anything: it ends when the thread does.
        if self.closed.await.is_ok() {
            unreachable!("nothing is sent");
        }
    }
}

fn write_until_closed(mut connection: Connection, mut queue: mpsc::Receiver<Box<dyn Write>>) {
    while let Some(first) = queue.blocking_recv() {
        let mut together = vec![first];
        while together.len() < TOGETHER_MAX
            && let Ok(next) = queue.try_recv()
        {
            together.push(next);
        }
        commit(&mut connection, together);
    }
}

/// Runs them all in one transaction and answers each of them.
fn commit(connection: &mut Connection, mut together: Vec<Box<dyn Write>>) {
    let committed = run_all(connection, &mut together);
    for job in together {
        job.answer(&committed);
    }
}

fn run_all(connection: &mut Connection, together: &mut [Box<dyn Write>]) -> Result<(), Trouble> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let [alone] = together {
        // Dropping the transaction undoes it.
        alone.run(&transaction)?;
        return Ok(transaction.commit()?);
    }
    for job in together {
        transaction.execute_batch("SAVEPOINT one")?;
        if let Err(trouble) = job.run(&transaction) {
            // Some errors, a full disk among them, make SQLite undo the whole transaction by itself.
            if transaction.is_autocommit() {
                return Err(trouble);
            }
            transaction.execute_batch("ROLLBACK TO one")?;
        }
        transaction.execute_batch("RELEASE one")?;
    }
    Ok(transaction.commit()?)
}
