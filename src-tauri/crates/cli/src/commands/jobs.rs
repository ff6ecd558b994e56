use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use workbench::{Answer, AnswerFor, End, Error, JobId, JobRow, JobState, JobView, MessageState, Profile, RefusedCode};

use super::bounces::Bounces;
use crate::connection::{self, Password};
use crate::consent::WriteConsent;
use crate::failure::{Exit, Failure};
use crate::jobs::{self, advise, conclude, in_words};
use crate::out::clean;
use crate::session::Session;

use crate::summary::{Summary, deed_words, state_words};
use crate::table::{Side, Table};
use crate::{secret, times};

/// A part of an id that names one job has at least so many characters.
const PREFIX_MIN: usize = 8;
/// While a connection opens, its interrupted jobs are looked up already: so long it is waited for.
const BUSY_WAITS_MAX: u32 = 150;
const BUSY_WAIT: Duration = Duration::from_millis(200);
/// A batch may take so long until a job hears that it is to stop.
const HEARD_LOOKS_MAX: u32 = 150;

/// What was done with messages, step by step
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Stop(Stop),
    Pause(Pause),
    Resume(Resume),
    Resolve(Resolve),
    Bounces(Bounces),
}

/// List the jobs, newest first
#[derive(Debug, Args)]
pub(crate) struct List {}

/// Say what happened to each message of a job that is not simply done
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    job: Job,
}

/// Stop a running job between two batches, whichever program runs it
#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    job: Job,
}

/// Let a running job wait, between two batches, until it is resumed; nothing is held meanwhile
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    job: Job,
}

/// Finish a job that was interrupted, paused or stopped
///
/// Opens the connection that the job had and looks up what became of each message. What has a safe answer is settled, then
/// the rest is done. What has none stays open for `qscope jobs resolve`.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    job: Job,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    consent: WriteConsent,
}

/// Answer for messages that a job left open, and carry the answers out
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope jobs resolve 7 --recommended
  qscope jobs resolve 7 3 5 --answer leave")]
pub(crate) struct Resolve {
    #[command(flatten)]
    job: Job,
    /// Numbers of messages, as `qscope jobs show` prints them; all that can be answered so, without
    #[arg(value_name = "N")]
    messages: Vec<u64>,
    /// What is recommended for each, where something is
    #[arg(long, conflicts_with = "answer", required_unless_present = "answer")]
    recommended: bool,
    /// The same answer for all of them
    #[arg(long, value_enum)]
    answer: Option<Choice>,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    consent: WriteConsent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    /// It arrived: remove the original
    Remove,
    /// It did not arrive: send it, then remove the original
    SendAgain,
    /// It is only in our copy: send that
    SendCopy,
    /// Leave everything as it is and close the question
    Leave,
}

impl From<Choice> for Answer {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Remove => Self::Remove,
            Choice::SendAgain => Self::SendAgain,
            Choice::SendCopy => Self::SendCopy,
            Choice::Leave => Self::Leave,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Job {
    /// Its number, its id, or the beginning of its id
    #[arg(value_name = "ID")]
    id: String,
}

/// A job with its messages, for machines.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    summary: Summary,
    messages: &'a [JobRow],
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(_) => list(session).await,
        Command::Show(show) => {
            let job = show.job.find(session).await?;
            print(session, &session.workbench.show_job(job).await?)?;
            Ok(Exit::Done)
        }
        Command::Stop(stop) => wish(session, &stop.job, Wish::Stop).await,
        Command::Pause(pause) => wish(session, &pause.job, Wish::Pause).await,
        Command::Resume(resume) => resume.run(session).await,
        Command::Resolve(resolve) => resolve.run(session).await,
        Command::Bounces(bounces) => bounces.run(session).await,
    }
}

impl Job {
    pub(crate) async fn find(&self, session: &Session) -> Result<JobId, Failure> {
        let wanted = self.id.trim().trim_start_matches('#');
        let mut jobs = session.workbench.list_jobs(None).await?;
        let number: Option<u64> = wanted.parse().ok();
        if let Some(job) = jobs.iter().find(|job| Some(job.number) == number) {
            return Ok(job.id);
        }
        jobs.retain(|job| wanted.len() >= PREFIX_MIN && job.id.to_string().starts_with(wanted));
        match (jobs.pop(), jobs.len()) {
            (Some(one), 0) => Ok(one.id),
            (None, _) => Err(Error::NoSuch { what: "job", name: self.id.clone() }.into()),
            (Some(_), others) => {
                Err(Failure::usage(format!("`{}` can be {} jobs: say more of the id", clean(wanted), others + 1)))
            }
        }
    }
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let jobs = session.workbench.list_jobs(None).await?;
    if session.out.json {
        jobs.iter().try_for_each(|job| session.out.object(&Summary::of_job(job)))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        ("job", Side::Right),
        ("started", Side::Left),
        ("deed", Side::Left),
        ("state", Side::Left),
        ("profile", Side::Left),
        ("queue", Side::Left),
        ("target", Side::Left),
        ("planned", Side::Right),
        ("done", Side::Right),
        ("outcome", Side::Whole),
    ]);
    for job in jobs {
        table.row([
            job.number.to_string(),
            times::shown(job.started_at),
            deed_words(job.deed),
            state_words(job.state).to_owned(),
            job.profile_name,
            job.queue.map(|queue| queue.to_string()).unwrap_or_default(),
            job.target,
            job.counts.planned.to_string(),
            job.counts.done.to_string(),
            job.outcome,
        ]);
    }
    table.print(&session.out)?;
    Ok(Exit::Done)
}

/// A job, and each message of it that is not simply done.
fn print(session: &Session, job: &JobView) -> Result<(), Failure> {
    let out = &session.out;
    if out.json {
        return out.object(&Whole { summary: Summary::of_job(job), messages: &job.rows });
    }
    out.line(&in_words(job))?;
    out.line(&clean(&format!("  id {}, on `{}`, begun {}", job.id, job.profile_name, times::shown(job.started_at))))?;
    for row in &job.rows {
        out.line(&clean(&row_words(row)))?;
    }
    advise(out, job);
    Ok(())
}

fn row_words(row: &JobRow) -> String {
    let mut words = format!("  {}  {}", row.n, state_word(row.state));
    if let Some(id) = &row.message_id {
        words.push_str(&format!("  {id}"));
    }
    if !row.why.is_empty() {
        words.push_str(&format!(": {}", row.why));
    }
    for (name, end) in [("in its queue", &row.at_source), ("at its target", &row.at_target)] {
        match end {
            End::Yes => words.push_str(&format!("; {name}: yes")),
            End::No => words.push_str(&format!("; {name}: no")),
            End::NotLooked { why } => words.push_str(&format!("; {name}: not known ({why})")),
            End::NotApplicable => {}
        }
    }
    if let Some(answer) = row.recommended {
        words.push_str(&format!("; recommended: {}", answer_word(answer)));
    }
    words
}

fn state_word(state: MessageState) -> String {
    serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Remove => "remove",
        Answer::SendAgain => "send-again",
        Answer::SendCopy => "send-copy",
        Answer::Leave => "leave",
    }
}

/// What is wanted of a running job.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Stop,
    Pause,
}

/// Tells a running job, and stays until it has heard.
async fn wish(session: &Session, job: &Job, wish: Wish) -> Result<Exit, Failure> {
    let job = job.find(session).await?;
    let told = match wish {
        Wish::Stop => session.workbench.stop_job(job).await,
        Wish::Pause => session.workbench.pause_job(job).await,
    };
    let mut now = session.workbench.show_job(job).await?;
    match told {
        Err(Error::NoSuch { .. }) if now.state != JobState::Running => {}
        told => told?,
    }
    for _ in 0..HEARD_LOOKS_MAX {
        if now.state != JobState::Running {
            break;
        }
        let waiting = async {
            tokio::time::sleep(BUSY_WAIT).await;
            Ok(())
        };
        session.unless_stopped(waiting).await?;
        now = session.workbench.show_job(job).await?;
    }
    if session.out.json {
        session.out.object(&Summary::of_job(&now))?;
    } else {
        session.out.line(&in_words(&now))?;
    }
    if now.state == JobState::Running {
        session.out.warn("it was told, and has not come to the end of its batch yet");
        return Ok(Exit::Partly);
    }
    Ok(Exit::Done)
}

impl Resume {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let job = self.job.find(session).await?;
        let now = session.workbench.show_job(job).await?;
        if now.state == JobState::Finished {
            return Ok(conclude(session, &now));
        }
        let profile = open(session, job, &self.password).await?;
        self.consent.obtain(session, &profile).await?;
        let going_on = session.unless_stopped(go_on(session, job, &now.typed)).await?;
        let now = match going_on {
            None => session.workbench.show_job(job).await?,
            Some(_) => jobs::follow(session, job, now.counts.planned).await?,
        };
        Ok(conclude(session, &now))
    }
}

/// Goes on with the job; `None`: there is nothing that can be done without an answer. Opening its connection may have
/// begun with looking it up already.
async fn go_on(session: &Session, job: JobId, typed: &Option<String>) -> Result<Option<()>, Failure> {
    for _ in 0..BUSY_WAITS_MAX {
        match Box::pin(session.workbench.resume_job(job, workbench::Resume::All, typed.clone())).await {
            Ok(()) => return Ok(Some(())),
            Err(Error::Refused { code: RefusedCode::Busy, .. }) => tokio::time::sleep(BUSY_WAIT).await,
            Err(Error::Invalid { why }) => {
                session.out.warn(&clean(&why));
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

fn busy() -> Failure {
    Failure::new("the job is being run or looked up by another program").remedy("try again when it has ended")
}

/// Opens the connection that the job had, whether by a profile's name or by a URL.
pub(crate) async fn open(session: &Session, job: JobId, password: &Password) -> Result<Profile, Failure> {
    let shown = session.workbench.show_job(job).await?;
    if let Some(to) = shown.to_profile {
        let to = session.workbench.show_profile(to).await?;
        connection::open_with(session, &to, secret::given_for_target()?).await?;
    }
    let profile = shown.profile;
    let profile = session.workbench.show_profile(profile).await.map_err(|error| {
        Failure::from(error).remedy("the profile of that job is gone: its copies are in `qscope snapshots list --all`")
    })?;
    password.open(session, &profile).await?;
    Ok(profile)
}

/// Looks up both ends of what the job left open. Opening its connection may have begun with that already.
async fn look_up(session: &Session, job: JobId) -> Result<JobView, Failure> {
    for _ in 0..BUSY_WAITS_MAX {
        match Box::pin(session.workbench.reconcile_job(job)).await {
            Err(Error::Refused { code: RefusedCode::Busy, .. }) => tokio::time::sleep(BUSY_WAIT).await,
            other => return Ok(other?),
        }
    }
    Err(busy())
}

impl Resolve {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let job = self.job.find(session).await?;
        let profile = open(session, job, &self.password).await?;
        let shown = session.unless_stopped(look_up(session, job)).await?;
        let answers = self.answers(&shown)?;
        if answers.is_empty() {
            let error = if shown.rows.iter().all(|row| row.answers.is_empty()) {
                "no message of this job waits for an answer"
            } else {
                "no message of this job can be answered so"
            };
            return Err(Failure::new(error).remedy(format!("`qscope jobs show {}` says what can", shown.number)));
        }
        if answers.iter().any(|answer| answer.answer != Answer::Leave) {
            self.consent.obtain(session, &profile).await?;
        }
        // Carried out to its end: half an answer would be another question.
        let after = Box::pin(session.workbench.answer_job(job, answers)).await?;
        Ok(conclude(session, &after))
    }

    fn answers(&self, shown: &JobView) -> Result<Vec<AnswerFor>, Failure> {
        if let Some(n) = self.messages.iter().find(|n| shown.rows.iter().all(|row| row.n != **n)) {
            return Err(Failure::usage(format!("message {n} of job {} waits for nothing", shown.number)));
        }
        let named = |row: &&JobRow| self.messages.is_empty() || self.messages.contains(&row.n);
        let answer = |row: &JobRow| {
            let answer = match self.answer {
                Some(choice) => Some(Answer::from(choice)).filter(|answer| row.answers.contains(answer)),
                None => row.recommended,
            };
            answer.map(|answer| AnswerFor { n: row.n, answer })
        };
        let answers: Vec<_> = shown.rows.iter().filter(named).filter_map(answer).collect();
        match self.messages.iter().find(|n| answers.iter().all(|answer| answer.n != **n)) {
            Some(n) => Err(Failure::usage(format!("message {n} of job {} cannot be answered so", shown.number))),
            None => Ok(answers),
        }
    }
}
