//! `init`: make a store, let everybody read it, write its settings, and prove that it can be pulled from.

use contract::key::Key;
use contract::settings::StoreSettings;

use super::Context;
use crate::cli;
use crate::failure::CommandError;
use crate::listings::rewrite;
use crate::prove::prove;
use crate::report::{Founded, Intended};
use crate::settings::told;
use crate::store::{self, Ground, StoreError};

/// Runs it.
pub(super) async fn run(
    args: &cli::Init,
    global: &cli::Global,
    context: &Context<'_>,
) -> Result<(), CommandError> {
    let store = context.ground(&args.store).await?;
    let change = |said| told(args, global, said);
    if args.dry_run {
        return context.unless_interrupted(intend(&*store, &change, context)).await;
    }
    context.guarded(&*store, found(args, &*store, &change, context)).await
}

/// What would be done.
async fn intend(
    store: &dyn Ground,
    change: &(dyn Fn(StoreSettings) -> StoreSettings + Sync),
    context: &Context<'_>,
) -> Result<(), CommandError> {
    let exists = store.exists().await?;
    let said = if exists { store::said(store).await? } else { StoreSettings::default() };
    let (settings, grant) = (change(said), store.wanted(exists).await?);
    let intended = Intended { store: &store.name(), exists, settings: &settings, grant: grant.as_ref() };
    context.report.intended(&intended, context.settings.format);
    Ok(())
}

async fn found(
    args: &cli::Init,
    store: &dyn Ground,
    change: &(dyn Fn(StoreSettings) -> StoreSettings + Sync),
    context: &Context<'_>,
) -> Result<(), CommandError> {
    let report = context.report;
    let made = !store.exists().await?;
    if made {
        store.create().await?;
    }
    let settings = settle(store, change).await?;
    // Stores grant in different ways, or not at all: the proof decides.
    let granted = grant(store).await.inspect_err(|error| report.doubted(error)).is_ok();
    let grace = settings.grace.unwrap_or(StoreSettings::GRACE);
    let tidied = store.abort_unfinished(grace).await.inspect_err(|error| report.doubted(error)).is_ok();
    let base = match &args.public_url {
        Some(url) => Some(url.clone()),
        None => store.public_url().await?,
    };
    let missing = match &base {
        Some(base) => Some(prove(store, base).await?),
        None => None,
    };
    let name = store.name();
    let founded =
        Founded { store: &name, made, settings: &settings, granted, tidied, base: base.as_deref(), missing };
    report.founded(&founded, context.settings.format);
    Ok(())
}

/// Writes the settings where they change anything; another `init` at the same time loses nothing.
async fn settle(
    store: &dyn Ground,
    change: &(dyn Fn(StoreSettings) -> StoreSettings + Sync),
) -> Result<StoreSettings, StoreError> {
    let make = async |bytes: Option<&[u8]>| {
        let said = bytes.map(|bytes| store::understood(store, bytes)).transpose()?;
        Ok(change(said.unwrap_or_default()).to_bytes())
    };
    rewrite(store, &Key::Settings, make).await?;
    store::said(store).await
}

async fn grant(store: &dyn Ground) -> Result<(), StoreError> {
    match store.wanted(true).await? {
        Some(grant) => store.grant(&grant).await,
        None => Ok(()),
    }
}
