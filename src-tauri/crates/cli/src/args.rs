//! The command line as it is read.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    activity, capture, jobs, manual, peek, plans, profiles, publish, queues, removing, sending, snapshots, topology,
};

const EXAMPLES: &str = "\
Examples:
  qscope profiles add shop amqps://support@mq.example.com/shop --environment production
  qscope queues -c shop
  qscope peek -c shop orders.dead -n 5
  qscope redrive -c shop orders.dead --filter header.reason=timeout --dry-run
  qscope -q --json queues -c sandbox: | jq 'select(.isDeadLetterQueue)'

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 partly done, 130 interrupted.
Data goes to standard output, everything else to standard error.";

/// See your message brokers, find what failed and why, mend it and send it back
///
/// The same deeds as in the window, on the same data: both may be open at once. Everything that is read is copied to this
/// computer first; every change of a broker is planned, confirmed, and written down step by step.
#[derive(Debug, Parser)]
#[command(name = "qscope", bin_name = "qscope", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The folder in which everything is kept; by default that of the window
    #[arg(long, global = true, value_name = "DIR", env = "QUEUESCOPE_DATA_DIR", hide_env_values = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print data as JSON, one object a line; errors too, on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print data, warnings and errors, and nothing else
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(subcommand)]
    Profiles(profiles::Command),
    Queues(queues::Queues),
    Topology(topology::Topology),
    Peek(peek::Peek),
    Capture(capture::Capture),
    #[command(subcommand)]
    Snapshots(snapshots::Command),
    Publish(publish::Publish),
    Redrive(sending::Redrive),
    Move(sending::Move),
    Copy(sending::Copy),
    Discard(removing::Discard),
    Purge(removing::Purge),
    Replay(removing::Replay),
    Undo(removing::Undo),
    #[command(subcommand)]
    Plans(plans::Command),
    #[command(subcommand)]
    Jobs(jobs::Command),
    Activity(activity::Activity),
    Completions(manual::Completions),
    Man(manual::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        fn check(command: &clap::Command) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.ends_with('.'), "{}: `{about}`", command.get_name());
            for argument in
                command.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
            {
                assert!(argument.get_help().is_some(), "{} of {} has no help", argument.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
