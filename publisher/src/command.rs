//! Commands: what every one of them needs.

use std::sync::Arc;

use contract::name::Reference;

use crate::cli::{Cli, Command};
use crate::failure::CommandError;
use crate::report::Report;
use crate::settings::{self, File, Settings};
use crate::store::{self, Location, Options, Store, StoreError};

mod inspect;
mod list;
mod publish;
mod relist;
mod remove;
mod tag;

/// Runs what the command line says.
pub async fn run(cli: &Cli, report: &Report) -> Result<(), CommandError> {
    let file = cli.global.settings.as_deref().map(File::read).transpose()?.unwrap_or_default();
    let settings = settings::resolve(&cli.global, &file)?;
    match &cli.command {
        Command::Publish(args) => publish::run(args, &settings, report).await,
        Command::List(args) => list::run(args, &settings, report).await,
        Command::Inspect(args) => inspect::run(args, &settings, report).await,
        Command::Tag(args) => tag::run(args, &settings, report).await,
        Command::Remove(args) => remove::run(args, &settings, report).await,
        Command::Relist(args) => relist::run(args, &settings, report).await,
    }
}

/// Opens a store and sees that it answers, so that a wrong name is told before long work is done.
async fn open_store(
    location: &Location,
    settings: &Settings,
    create: bool,
) -> Result<Arc<dyn Store>, StoreError> {
    let store = store::open(location, &Options { changing_ttl: settings.changing_ttl, create }).await?;
    store.read(&contract::key::Key::Catalog).await?;
    Ok(store)
}

/// Does work on a store until it ends or a signal ends it; on every way out, the store ends what it began.
async fn guarded<T>(
    store: &dyn Store,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let done = tokio::select! {
        done = work => done,
        () = interrupted() => Err(CommandError::Interrupted),
    };
    let closed = store.close().await;
    let done = done?;
    closed?;
    Ok(done)
}

/// Completes when somebody wants the process to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process by themselves, which the order of writing allows for.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Parses a reference, with or without a leading host.
fn reference(text: &str, keep_host: bool) -> Result<Reference, CommandError> {
    let parsed = if keep_host { Reference::parse_keeping_host(text) } else { text.parse() };
    parsed.map_err(|source| CommandError::Reference { text: text.to_owned(), source })
}
