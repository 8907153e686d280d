//! The command line, and what the environment says where it says nothing.

use std::env;

use clap::{Arg, Command, CommandFactory, FromArgMatches};

use super::Cli;

impl Cli {
    /// Reads both; ends the process where they are wrong, or are asked for help alone.
    pub fn read() -> Self {
        let mut command = without_empty(Self::command());
        let mut matches = command.get_matches_mut();
        Self::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

/// CI jobs set a variable to nothing where they have nothing to set it to.
fn without_empty(command: Command) -> Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty)
}
