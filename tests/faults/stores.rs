//! The store has no room left half way, or is damaged between a kill and what goes on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use support::{Rabbit, Version, say};

use crate::chance::{Chance, Form};
use crate::ground::{Ground, Kind, Slow};
use crate::laws::{self, Seen};
use crate::qscope::Qscope;
use crate::redrive::{Pace, Resumed, go_on};

const BLOCK_BYTES: u64 = 512;
/// Less than the copy of one message takes. What is written of one to the journal takes more and less than these.
const COPY_BYTES: u64 = 1_024;
const ROWS_BYTES: u64 = 150;
const ROWS_BYTES_MAX: u64 = 600;
/// More than the copy of one message takes.
const BALLAST_BYTES: u64 = 2_048;
const TAKES: Duration = Duration::from_secs(3);

/// No file may grow beyond some size, as on a full disk: nothing is sent that could not be written down before, and the
/// rest is sent when there is room. First the copies find no room, then the journal.
pub(crate) async fn full(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("full {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    let messages = form.messages as u64;
    for n in 0..2 * form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let (what, ballast, bytes) = if n % 2 == 0 {
            ("copies", None, messages / 4 * COPY_BYTES + chance.below(messages / 2 * COPY_BYTES))
        } else {
            let ballast = Ballast::load(&qscope, messages * BALLAST_BYTES).await;
            ("journal", Some(ballast), messages * ROWS_BYTES + chance.below(messages * (ROWS_BYTES_MAX - ROWS_BYTES)))
        };
        let bytes = bytes + ballast.as_ref().map_or(0, Ballast::bytes);
        let ended = ground.redrive_in(&qscope, bytes / BLOCK_BYTES).end().await;
        ground.hang_up();
        laws::is_truthful(&ended, &ground).await;
        let done = ended.summary().map_or(0, |job| job.done);
        assert!(done == messages || ended.said.contains("could not write"), "it says why: {}", ended.said);
        drop(ballast);
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
        let seen = laws::hold(&ground, &qscope, &were, over.job).await;
        say(&format!("{version:?} {kind:?}: no room for the {what} after {done} of {messages}: {seen}"));
    }
}

/// Keeps the log of the journal long, so that what is written to it makes the file longer.
struct Ballast {
    log: PathBuf,
    _reader: Connection,
}

impl Ballast {
    async fn load(qscope: &Qscope, bytes: u64) -> Self {
        // That makes the journal.
        qscope.jobs().await;
        let path = qscope.data().join("queuescope.db");
        let open = || Connection::open(&path).expect("the journal can be opened");
        let (reader, writer) = (open(), open());
        // What somebody reads is not written over.
        reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_master").expect("the journal can be read");
        let fill = format!("CREATE TABLE ballast AS SELECT zeroblob({bytes}) AS filler; DROP TABLE ballast");
        writer.execute_batch(&fill).expect("the journal can be written");
        drop(writer);
        Self { log: path.with_extension("db-wal"), _reader: reader }
    }

    fn bytes(&self) -> u64 {
        size_of_file(&self.log)
    }
}

fn size_of_file(path: &Path) -> u64 {
    std::fs::metadata(path).expect("the file is there").len()
}

/// Killed half way, and then its journal is damaged: going on is refused, and the broker untouched. With a copy of the
/// journal put back it is gone on with.
pub(crate) async fn damaged(version: Version, kind: Kind) {
    let (form, mut chance) = (Form::chosen(), Chance::of(&format!("damaged {version:?} {kind:?}")));
    let ground = Ground::lay(Rabbit::shared(version).await, kind).await;
    let pace = Pace::of(version, kind, &ground).await;
    let mut seen = Seen::default();
    for _ in 0..form.upheavals {
        let were = ground.fill(form.messages, &mut chance).await;
        let qscope = ground.qscope();
        let run = ground.redrive_slowly(&qscope, form.messages, Slow::any(TAKES, &mut chance), &[]).await;
        ground.arrive(chance.below(form.messages as u64 / 2)).await;
        run.kill().await;
        ground.hang_up();
        // Closed in order, the journal is one file.
        let [job] = qscope.jobs().await.try_into().expect("one redrive is one job");
        let path = qscope.data().join("queuescope.db");
        let whole = std::fs::read(&path).expect("the journal can be read");
        let places = [0, page_of(&path, "job_row"), page_of(&path, "job")];
        ground.stands_still().await;
        let depths = ground.depths().await;
        for place in places {
            let mut bytes = whole.clone();
            bytes[place..place + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
            std::fs::write(&path, &bytes).expect("the journal can be written");
            let refused = qscope.run(&["jobs", "resume", "1"]).await;
            assert_eq!(refused.code, Some(1), "it is refused: {}", refused.said);
            assert!(refused.said.contains("is damaged"), "it says why: {}", refused.said);
            assert_eq!(ground.depths().await, depths, "the broker is not touched: {job:?}");
            assert_eq!(std::fs::read(&path).ok(), Some(bytes), "nor is the journal");
        }
        std::fs::write(&path, &whole).expect("the journal can be written");
        let over = go_on(&ground, &qscope, pace, &mut chance, Resumed::InPeace).await;
        seen += laws::hold(&ground, &qscope, &were, over.job).await;
    }
    say(&format!("{version:?} {kind:?}: a damaged journal was refused, {} times: {seen}", form.upheavals));
}

/// Where the root page of that table begins in the file.
fn page_of(path: &Path, table: &str) -> usize {
    let journal = Connection::open(path).expect("the journal can be opened");
    let ask = "SELECT (rootpage - 1) * (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = ?1";
    let place: i64 = journal.query_row(ask, [table], |row| row.get(0)).expect("the journal has that table");
    usize::try_from(place).expect("the file is small")
}
