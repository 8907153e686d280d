//! `mirror`: repositories of registries, kept in a store.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Context;
use super::publish::open_or_plan;
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::mirror::{Mirror, Wanted};
use crate::report::Mirroring;
use crate::source::SourceError;
use crate::source::registry::{Host, Registries};

/// Runs it.
pub(super) async fn run(args: &cli::Mirror, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let wanted = wanted(args)?;
    let location = args.to.as_ref().or(settings.to.as_ref()).ok_or(CommandError::NoStore)?;
    let announcing = context.announcing(args.dry_run)?;
    let hosts: BTreeSet<&Host> = wanted.iter().map(|wanted| &wanted.from.host).collect();
    let registries = Registries::open(context.access(&args.from_registry), hosts.len());
    let registries = registries.map_err(SourceError::from)?;
    let opened = open_or_plan(context, location, args.dry_run).await?;
    let (store, immutable) = (opened.store, opened.rules.immutable(&args.fixed));
    let changes = Mutex::default();
    let told = Mirroring { report, format: settings.format };
    let mirror = Mirror {
        registries: &registries,
        derive: Derive { store: &*store, v1_platform: &settings.v1_platform },
        jobs: settings.jobs,
        limit_rate: settings.limit_rate,
        grace: opened.rules.grace(),
        v1: args.v1.over(opened.rules.v1),
        immutable: &immutable,
        referrers: args.referrers,
        dry_run: args.dry_run,
        told: &told,
        changes: &changes,
    };
    let done = context
        .guarded(&*store, async {
            let mut outcomes = Vec::new();
            for wanted in &wanted {
                outcomes.extend(mirror.run(wanted).await?);
            }
            Ok(outcomes)
        })
        .await;
    if let Ok(outcomes) = &done {
        told.done(outcomes, &store.traffic());
    }
    let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let outcomes = context.conclude(&announcing, &*store, &changes, done).await?;
    match outcomes.iter().filter(|outcome| outcome.is_failure()).count() {
        0 => Ok(()),
        failed => Err(CommandError::NotMirrored { failed, all: outcomes.len() }),
    }
}

/// Those of the command line, then those of the file.
fn wanted(args: &cli::Mirror) -> Result<Vec<Wanted>, CommandError> {
    if args.target.is_some() && args.source.len() > 1 {
        return Err(CommandError::OneTarget);
    }
    let target = args.target.as_ref().map(contract::name::Repository::as_str);
    let each = args.source.iter().map(|text| {
        let place = format!("`{text}`");
        Wanted::new(text, target, &args.tags).map_err(|source| CommandError::Wanted { place, source })
    });
    let mut wanted = each.collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.from_file {
        wanted.extend(of_file(path, args)?);
    }
    Ok(wanted)
}

fn of_file(path: &Path, args: &cli::Mirror) -> Result<Vec<Wanted>, CommandError> {
    let text = fs::read_to_string(path)
        .map_err(|source| CommandError::File { path: path.display().to_string(), source })?;
    let lines = text.lines().enumerate().filter_map(|(at, line)| {
        let read = Wanted::of_line(line, &args.tags).transpose()?;
        let place = format!("{}:{}", path.display(), at + 1);
        Some(read.map_err(|source| CommandError::Wanted { place, source }))
    });
    lines.collect()
}
