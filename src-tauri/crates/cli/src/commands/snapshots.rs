use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use workbench::{CaptureView, Error, ExportFormat, ImportProgress, Kept, MessageColumn, ViewAsk};

use super::limits::Limits;
use crate::connection;
use crate::failure::{Exit, Failure};
use crate::messages::Print;
use crate::out::clean;
use crate::session::Session;
use crate::table::{Side, Table};
use crate::times;

/// A part of an id that names one snapshot has at least so many characters.
const PREFIX_MIN: usize = 4;

/// Copies of messages on this computer
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Search(Search),
    Export(Export),
    Import(Import),
    Remove(Remove),
    Limits(Limits),
}

/// List the snapshots, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Copies that nobody named as well, which are kept as `limits` says
    #[arg(long)]
    all: bool,
}

/// Print the messages of a snapshot
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    snapshot: Snapshot,
    /// At most so many messages
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    n: Option<u64>,
    #[command(flatten)]
    print: Print,
}

/// Print the messages of a snapshot whose body holds a text
#[derive(Debug, Args)]
pub(crate) struct Search {
    #[command(flatten)]
    snapshot: Snapshot,
    /// The text, Latin letters in upper and lower case alike
    text: String,
    /// Print headers and the whole body, up to 1 MiB (with --json the body is always whole)
    #[arg(long)]
    full: bool,
}

/// Write the messages of a snapshot to a new file, with nothing of them lost
///
/// JSONL keeps everything and can be imported. CSV is for spreadsheets: types and properties are left out, what a spreadsheet
/// would take for a formula is preceded by a quote, and it cannot be imported.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    snapshot: Snapshot,
    /// The file, which must not be there yet; `-` is standard output
    file: PathBuf,
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

/// Read an exported file into a new snapshot, the whole file or nothing of it; print its id
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file
    file: PathBuf,
    /// What to call the snapshot; by default as the file
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The profile, or URL, whose messages they are: only there can they be sent
    #[arg(short, long, value_name = "NAME|URL")]
    connection: Option<String>,
}

/// Remove a snapshot for good
///
/// Refused while a job needs it, and while messages exist nowhere else.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    snapshot: Snapshot,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Snapshot {
    /// Its id, the beginning of its id, or its name
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object a line, as --json prints messages
    Jsonl,
    /// For spreadsheets, without formulas: not lossless, and not to be imported
    Csv,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl,
            Format::Csv => Self::Csv,
        }
    }
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(list) => list.run(session).await,
        Command::Show(show) => show.run(session).await,
        Command::Search(search) => search.run(session).await,
        Command::Export(export) => export.run(session).await,
        Command::Import(import) => import.run(session).await,
        Command::Remove(remove) => remove.run(session).await,
        Command::Limits(limits) => limits.run(session).await,
    }
}

impl Snapshot {
    /// The one that is meant, and no other.
    pub(crate) async fn find(&self, session: &Session) -> Result<CaptureView, Failure> {
        let wanted = self.id.trim();
        let mut captures = session.workbench.list_captures(None).await?;
        let is_prefix =
            wanted.len() >= PREFIX_MIN && wanted.chars().all(|sign| sign.is_ascii_hexdigit() || sign == '-');
        let is_meant = |capture: &CaptureView| {
            capture.name.as_deref() == Some(wanted) || is_prefix && capture.id.to_string().starts_with(wanted)
        };
        captures.retain(is_meant);
        match (captures.pop(), captures.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => Err(Error::NoSuch { what: "capture", name: wanted.to_owned() }.into()),
            (Some(_), others) => {
                let error = format!("`{}` can be {} snapshots: say more of the id", clean(wanted), others + 1);
                Err(Failure::usage(error))
            }
        }
    }
}

impl List {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let captures = session.workbench.list_captures(None).await?;
        let shown = captures.into_iter().filter(|capture| self.all || capture.name.is_some());
        let mut table = Table::new(&[
            ("id", Side::Left),
            ("made", Side::Left),
            ("profile", Side::Left),
            ("queue", Side::Left),
            ("messages", Side::Right),
            ("kept", Side::Left),
            ("name", Side::Left),
            ("state", Side::Whole),
        ]);
        for capture in shown {
            if session.out.json {
                session.out.object(&capture)?;
                continue;
            }
            let state = if capture.cut_short { "cut short" } else { &capture.outcome };
            table.row([
                capture.id.to_string(),
                times::shown(capture.made_at),
                capture.profile_name.clone(),
                capture.queue.to_string(),
                capture.messages.to_string(),
                kept_words(capture.kept),
                capture.name.clone().unwrap_or_default(),
                [Some(state), capture.held_by.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("; "),
            ]);
        }
        if !session.out.json {
            table.print(&session.out)?;
        }
        Ok(Exit::Done)
    }
}

/// How long it is kept.
fn kept_words(kept: Kept) -> String {
    match kept {
        Kept::Always => "always".to_owned(),
        Kept::WhileNeeded => "while needed".to_owned(),
        Kept::Until { at } => format!("until {}", times::day(at)),
        Kept::WhileThereIsRoom => "while there is room".to_owned(),
    }
}

impl Show {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let snapshot = self.snapshot.find(session).await?;
        let printed = self.print.run(session, snapshot.id, self.n.unwrap_or(u64::MAX)).await?;
        let name = snapshot.name.as_deref().unwrap_or("no name");
        let told = format!(
            "{} of {} messages of queue {} on {}, {name}: {}",
            printed.matching.min(self.n.unwrap_or(u64::MAX)),
            printed.of,
            snapshot.queue,
            snapshot.profile_name,
            snapshot.outcome
        );
        session.out.note(&clean(&told));
        Ok(Exit::Done)
    }
}

impl Search {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let snapshot = self.snapshot.find(session).await?;
        let print = Print { filter: as_text(&self.text), full: self.full };
        let printed = print.run(session, snapshot.id, u64::MAX).await?;
        session.out.note(&format!("{} of {} messages hold it", printed.matching, printed.of));
        Ok(Exit::Done)
    }
}

/// A filter that looks for just that text.
fn as_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Export {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let snapshot = self.snapshot.find(session).await?;
        let format = ExportFormat::from(self.format);
        if self.file == Path::new("-") {
            session.out.bytes(&session.workbench.export_head(format)?)?;
            for n in 1..=snapshot.messages {
                let line = session.workbench.message_line(snapshot.id, n, format);
                let line = session.unless_stopped(async { Ok(line.await?) }).await?;
                session.out.bytes(&line)?;
            }
            return Ok(Exit::Done);
        }
        let ask =
            ViewAsk { capture: snapshot.id, filter: String::new(), sort: MessageColumn::Position, descending: false };
        let view = session.workbench.open_view(ask).await?.view;
        let out = session.out.clone();
        let progress = move |done, of| out.progress(&format!("{done} of {of} written"));
        let exported =
            session.workbench.export_view(view, None, format, &self.file, session.stop.clone(), progress).await;
        session.out.progress_ends();
        let exported = exported?;
        if session.out.json {
            session.out.object(&exported)?;
        } else {
            let told = format!("{} messages, {} bytes, in `{}`", exported.messages, exported.bytes, exported.path);
            session.out.note(&clean(&told));
        }
        Ok(Exit::Done)
    }
}

impl Import {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let of = match &self.connection {
            Some(named) => Some(connection::find(session, named).await?.id),
            None => None,
        };
        let stem = || self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or_else(stem).unwrap_or_default();
        let progress = |read: ImportProgress| session.out.progress(&format!("{} read", read.messages));
        let importing = session.workbench.import_capture(&self.file, name, of, session.stop.clone(), progress);
        let imported = Box::pin(importing).await;
        session.out.progress_ends();
        let imported = imported.map_err(|error| Failure::from(error).messages("nothing was imported"))?;
        if session.out.json {
            session.out.object(&imported)?;
        } else {
            session.out.note(&format!("{} messages of queue {}", imported.messages, clean(imported.queue.as_str())));
            session.out.line(&imported.id.to_string())?;
        }
        Ok(Exit::Done)
    }
}

impl Remove {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let snapshot = self.snapshot.find(session).await?;
        session.workbench.remove_capture(snapshot.id).await?;
        session.out.note(&format!("removed {} with {} messages", snapshot.id, snapshot.messages));
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_to_search_for_is_never_read_as_a_condition() {
        assert_eq!(as_text("header.a=b"), "\"header.a=b\"");
        assert_eq!(as_text("say \"a\\b\""), "\"say \\\"a\\\\b\\\"\"");
    }
}
