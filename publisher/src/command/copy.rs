//! `copy`: repositories from one store to another.

use std::sync::Arc;

use super::Context;
use super::publish::{is_folder, nowhere, tidy};
use crate::announce::Changes;
use crate::cli;
use crate::content::Open;
use crate::copy::Copying;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::rate::Limited;
use crate::store::Kind;
use crate::stored::Remote;

/// Runs it; images that could not be copied make it fail at its end.
pub(super) async fn run(args: &cli::Copy, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let source = context.open(&args.from, false).await?.store;
    let opened = match context.open(&args.to, !args.dry_run).await {
        Err(CommandError::Store(error))
            if args.dry_run && error.kind == Kind::NoStore && is_folder(&args.to) =>
        {
            nowhere(settings)
        }
        opened => opened?,
    };
    let announcing = context.announcing(args.dry_run)?;
    let (target, rules) = (&*opened.store, &opened.rules);
    let from = Remote(Arc::clone(&source));
    let limited = settings.limit_rate.map(|rate| Limited::new(&from, rate));
    let from = limited.as_ref().map_or(&from as &dyn Open, |limited| limited as &dyn Open);
    let derive = |store| Derive { store, v1_platform: &settings.v1_platform };
    let progress = report.copying();
    let copying = Copying {
        source: derive(&*source),
        from,
        target: derive(target),
        v1: args.v1.over(rules.v1),
        immutable: &rules.immutable(&args.fixed),
        grace: rules.grace(),
        jobs: settings.jobs,
        dry_run: args.dry_run,
        progress: &progress,
    };
    let done = context
        .guarded(target, async {
            let copying = copying.run(args.repository.as_ref());
            let done = tokio::join!(copying, tidy(target, rules.grace, args.dry_run, report)).0?;
            match &args.repository {
                Some(name) if done.iter().all(crate::copy::Copied::is_nothing) => {
                    Err(CommandError::Absent(name.to_string()))
                }
                _ => Ok(done),
            }
        })
        .await?;
    report.copied(&done, args.dry_run, settings.format);
    let mut changes = Changes::default();
    done.iter().for_each(|copied| changes.add(copied.changes.clone()));
    context.announce(&announcing, target, &changes).await?;
    match done.iter().map(|copied| copied.problems.len()).sum() {
        0 => Ok(()),
        problems => Err(CommandError::Problems(problems)),
    }
}
