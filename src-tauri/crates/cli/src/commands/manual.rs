use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::{Exit, Failure};
use crate::out::Out;

/// Print what a shell needs to complete this command
///
/// For bash: `qscope completions bash > ~/.local/share/bash-completion/completions/qscope`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Print the man page
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(command: Completions, out: &Out) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "qscope", &mut script);
    out.bytes(&script)?;
    Ok(Exit::Done)
}

pub(crate) fn man(command: Man, out: &Out) -> Result<Exit, Failure> {
    match command.dir {
        Some(dir) => {
            let cannot = |error| Failure::new(format!("could not write into `{}`: {error}", dir.display()));
            clap_mangen::generate_to(Cli::command(), &dir).map_err(cannot)?;
            out.note(&format!("the pages are in `{}`", dir.display()));
        }
        None => {
            let mut page = Vec::new();
            let drawn = clap_mangen::Man::new(Cli::command()).render(&mut page);
            drawn.map_err(|error| Failure::new(format!("could not draw the page: {error}")))?;
            out.bytes(&page)?;
        }
    }
    Ok(Exit::Done)
}
