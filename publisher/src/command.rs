//! Commands: one verb a file, and the dispatch between them.

use contract::name::Reference;

use crate::cli::{Cli, Command};
use crate::failure::CommandError;
use crate::report::Report;
use crate::settings::{self, File};

mod context;
mod copy;
mod gc;
mod history;
mod init;
mod inspect;
mod join;
mod list;
mod mirror;
mod naming;
mod publish;
mod relist;
mod remove;
mod retain;
mod rollback;
mod shell;
mod tag;
mod verify;

use context::{Context, Opened};

/// Runs what the command line says. From here on SIGINT and SIGTERM end the work in order; a second one ends the
/// process at once.
pub async fn run(cli: &Cli, report: &Report) -> Result<(), CommandError> {
    let file = cli.global.settings.as_deref().map(File::read).transpose()?.unwrap_or_default();
    let settings = settings::resolve(&cli.global, &file)?;
    let context = Context::new(settings, report);
    match &cli.command {
        Command::Init(args) => init::run(args, &cli.global, &context).await,
        Command::Publish(args) => publish::run(args, &context).await,
        Command::Mirror(args) => mirror::run(args, &context).await,
        Command::List(args) => list::run(args, &context).await,
        Command::Inspect(args) => inspect::run(args, &context).await,
        Command::Tag(args) => tag::run(args, &context).await,
        Command::History(args) => history::run(args, &context).await,
        Command::Rollback(args) => rollback::run(args, &context).await,
        Command::Join(args) => join::run(args, &context).await,
        Command::Remove(args) => remove::run(args, &context).await,
        Command::Retain(args) => retain::run(args, &context).await,
        Command::Verify(args) => verify::run(args, &context).await,
        Command::Copy(args) => copy::run(args, &context).await,
        Command::Gc(args) => gc::run(args, &context).await,
        Command::Relist(args) => relist::run(args, &context).await,
        Command::Completions(args) => {
            shell::completions(args, report);
            Ok(())
        }
        Command::Man(args) => shell::man(args, report),
    }
}

/// Parses a reference, with or without a leading host.
fn reference(text: &str, keep_host: bool) -> Result<Reference, CommandError> {
    let parsed = if keep_host { Reference::parse_keeping_host(text) } else { text.parse() };
    parsed.map_err(|source| CommandError::Reference { text: text.to_owned(), source })
}
