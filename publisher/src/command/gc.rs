//! `gc`: remove what nothing names any longer.

use super::{Context, Opened};
use crate::cli;
use crate::collect::{Collect, Unnoted};
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::grace::Grace;

/// Runs it; what could not be understood makes it fail at its end.
pub(super) async fn run(args: &cli::Gc, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let Opened { store, rules } = context.open(&args.store, false).await?;
    let grace = match args.grace {
        Some(asked) if asked < rules.grace => {
            return Err(CommandError::ShortGrace { asked, said: rules.grace });
        }
        asked => Grace::new(asked.unwrap_or(rules.grace)),
    };
    if grace.said() < Grace::LEAST && !args.dry_run {
        report.hasty(grace);
    }
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    let collect = Collect { derive, grace, jobs: settings.jobs, dry_run: args.dry_run, notes: &Unnoted };
    let done = collect.run_unless(context.stopped()).await;
    let summary = context.ending(&*store, done.map_err(CommandError::Store).flatten()).await?;
    report.collected(&store.name(), &summary, settings.format);
    match summary.problems.len() {
        0 => Ok(()),
        problems => Err(CommandError::Problems(problems)),
    }
}
