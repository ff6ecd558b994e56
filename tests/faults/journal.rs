//! What the journal names, read from its file: `qscope jobs show` lists some hundreds of rows, and a fault may leave more.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::ground::Tally;

/// Of each message, by its id: how many of the job's rows are in one of these states.
#[derive(Debug)]
pub(crate) struct Named(Vec<(String, String)>);

impl Named {
    /// The rows of the only job in this data folder, whose copies are in that snapshot.
    pub(crate) fn read(data: &Path, snapshot: &str) -> Self {
        let journal = open(&data.join("queuescope.db"));
        let copies = data.join("captures").join(format!("{snapshot}.qcap"));
        if !copies.exists() {
            // It ended before anything was copied, and so before anything was done.
            return Self(Vec::new());
        }
        let copies = copies.to_str().expect("the folder's name is text");
        journal.execute("ATTACH DATABASE ?1 AS copies", [copies]).expect("the copies can be read");
        let mut rows = journal
            .prepare(
                "SELECT state, (SELECT message_id FROM copies.msg WHERE msg.key = job_row.key LIMIT 1) AS id
                 FROM job_row WHERE chosen AND id IS NOT NULL",
            )
            .expect("the journal has rows and copies have ids");
        let pairs = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("the journal can be read");
        Self(pairs.collect::<Result<_, _>>().expect("the journal can be read"))
    }

    pub(crate) fn in_states(&self, states: &[&str]) -> Tally {
        let mut tally = Tally::new();
        for (_, id) in self.0.iter().filter(|(state, _)| states.contains(&state.as_str())) {
            *tally.entry(id.clone()).or_default() += 1;
        }
        tally
    }
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the journal can be opened")
}
