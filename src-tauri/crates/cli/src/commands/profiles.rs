use broker::{CheckOutcome, CheckStep};
use clap::{Args, Subcommand, ValueEnum};
use tokio::sync::mpsc;
use workbench::{Environment, Profile, ProfileDraft, SecretState};

use crate::connection::{self, Password};
use crate::failure::{Exit, Failure};
use crate::out::clean;
use crate::secret;
use crate::session::Session;
use crate::table::{Side, Table};

/// Lines of a connection test that may wait to be printed.
const STEPS_MAX: usize = 64;

/// Connection profiles: how to reach each broker
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Add(Add),
    Remove(Remove),
    Test(Test),
}

/// List the profiles
#[derive(Debug, Args)]
pub(crate) struct List {}

/// Add a profile
///
/// The password goes to the system's keychain, where there is one; else it is asked for each time.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope profiles add local amqp://guest@localhost:5672 --environment local
  qscope profiles add shop amqps://support@mq.example.com/shop --environment production --password-stdin < secret.txt
  qscope profiles add staging 'amqp://qa@10.0.0.7/%2F?management=http://10.0.0.7:15672' --read-only")]
pub(crate) struct Add {
    /// What to call it
    name: String,
    /// Where the broker is, without a password
    url: String,
    /// Where it stands: profiles of production and staging are protected
    #[arg(long, value_enum, default_value_t = Where::Development)]
    environment: Where,
    /// Protect it, whatever the environment
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    password: Password,
}

/// Remove a profile and its password; its snapshots stay
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The profile
    name: String,
}

/// Try each step of connecting and say what it found
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A profile's name, or a URL without a password
    #[arg(value_name = "NAME|URL")]
    name: String,
    #[command(flatten)]
    password: Password,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Where {
    Production,
    Staging,
    Development,
    Local,
    Sandbox,
}

impl From<Where> for Environment {
    fn from(place: Where) -> Self {
        match place {
            Where::Production => Self::Production,
            Where::Staging => Self::Staging,
            Where::Development => Self::Development,
            Where::Local => Self::Local,
            Where::Sandbox => Self::Sandbox,
        }
    }
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(_) => list(session).await,
        Command::Add(add) => add.run(session).await,
        Command::Remove(remove) => remove.run(session).await,
        Command::Test(test) => session.unless_stopped(test.run(session)).await,
    }
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let profiles = session.workbench.list_profiles().await?;
    if session.out.json {
        profiles.iter().try_for_each(|profile| session.out.object(profile))?;
        return Ok(Exit::Done);
    }
    let columns = [("name", Side::Left), ("kind", Side::Left), ("environment", Side::Left), ("writes", Side::Left)];
    let mut table = Table::new(&[columns.as_slice(), &[("password", Side::Left), ("where", Side::Whole)]].concat());
    for profile in profiles {
        let password = match profile.secret {
            SecretState::None => "",
            SecretState::Kept => "in the keychain",
            SecretState::AskEachTime => "asked for",
        };
        let writes = if crate::consent::is_protected(&profile) { "protected" } else { "open" };
        table.row([
            profile.name.clone(),
            profile.kind.clone(),
            environment_word(profile.environment),
            writes.to_owned(),
            password.to_owned(),
            place(&profile),
        ]);
    }
    table.print(&session.out)?;
    Ok(Exit::Done)
}

fn environment_word(environment: Environment) -> String {
    serde_json::to_value(environment).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The settings in the order of their names, as `name=value`.
fn place(profile: &Profile) -> String {
    let settings = serde_json::to_value(&profile.settings).unwrap_or_default();
    let settings = settings.as_object().into_iter().flatten();
    let said = settings.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
    said.collect::<Vec<_>>().join(" ")
}

impl Add {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        if connection::is_address(&self.name) {
            return Err(
                Failure::usage("a profile's name may not begin as a URL does").remedy("write NAME first, then the URL")
            );
        }
        let (kind, settings) = session.workbench.read_address(&self.url)?;
        let environment = Environment::from(self.environment);
        let needs_secret = session
            .workbench
            .drivers()
            .iter()
            .any(|driver| driver.kind().0 == kind && driver.form().secret_label.is_some());
        let mut password = secret::given(self.password.password_stdin)?;
        if password.is_none() && needs_secret && session.out.can_ask() {
            let asked = session.unless_stopped(secret::ask(&self.name)).await?;
            password = Some(asked).filter(|asked| !asked.is_empty());
        }
        let draft = ProfileDraft {
            id: None,
            name: self.name,
            kind,
            environment,
            read_only: self.read_only || environment.opens_read_only(),
            settings,
        };
        let saved = session.workbench.save_profile(draft, password.map(|secret| secret.to_string())).await?;
        if let Some(why) = &saved.secret_not_kept {
            session.out.warn(&format!("the password is not kept, and asked for each time: {why}"));
        }
        if session.out.json {
            session.out.object(&saved.profile)?;
        } else {
            session.out.note(&format!("added `{}`; `qscope profiles test '{0}'` tries it", saved.profile.name));
        }
        Ok(Exit::Done)
    }
}

impl Remove {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profiles = session.workbench.list_profiles().await?;
        let named = profiles.into_iter().find(|profile| profile.name.to_lowercase() == self.name.to_lowercase());
        let profile = named.ok_or(workbench::Error::NoSuch { what: "profile", name: self.name })?;
        session.workbench.remove_profile(profile.id).await?;
        session.out.note(&format!("removed `{}`; its snapshots stay", profile.name));
        Ok(Exit::Done)
    }
}

impl Test {
    async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = connection::find(session, &self.name).await?;
        let mut password = secret::given(self.password.password_stdin)?;
        if password.is_none() && profile.secret == SecretState::AskEachTime && session.out.can_ask() {
            password = Some(secret::ask(&profile.name).await?);
        }
        let draft = ProfileDraft {
            id: Some(profile.id),
            name: profile.name.clone(),
            kind: profile.kind.clone(),
            environment: profile.environment,
            read_only: profile.read_only,
            settings: profile.settings.clone(),
        };
        let (sender, mut steps) = mpsc::channel(STEPS_MAX);
        let secret = password.map(|secret| secret.to_string());
        let checking = session.workbench.check_connection(draft, secret, sender);
        let mut failed = false;
        let printing = async {
            while let Some(step) = steps.recv().await {
                failed |= step.outcome == CheckOutcome::Failed;
                if step.outcome != CheckOutcome::Running {
                    print(session, &step)?;
                }
            }
            Ok::<_, Failure>(())
        };
        let (checked, printed) = tokio::join!(checking, printing);
        printed?;
        checked?;
        Ok(if failed { Exit::Failed } else { Exit::Done })
    }
}

fn print(session: &Session, step: &CheckStep) -> Result<(), Failure> {
    let out = &session.out;
    if out.json {
        return out.object(step);
    }
    let mark = match step.outcome {
        CheckOutcome::Passed => "ok     ",
        CheckOutcome::Failed => "FAILED ",
        CheckOutcome::Limited => "limited",
        CheckOutcome::Unknown => "unknown",
        CheckOutcome::Running => "running",
    };
    let took = step.took_ms.map(|ms| format!(" ({ms} ms)")).unwrap_or_default();
    out.line(&clean(&format!("{mark}  {}: {}{took}", step.name, step.detail)))?;
    if let Some(remedy) = &step.remedy {
        out.line(&clean(&format!("         {}", remedy.words)))?;
        if let Some(command) = &remedy.command {
            command.lines().try_for_each(|line| out.line(&format!("           {}", clean(line))))?;
        }
    }
    Ok(())
}
