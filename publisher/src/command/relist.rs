//! `relist`: derive everything anew.

use super::{Context, Opened};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::relist::{Relist, Remembered};
use crate::v1_chain::V1;

/// Runs it; problems that were found make it fail at its end.
pub(super) async fn run(args: &cli::Relist, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let Opened { store, rules } = context.open(&args.store, false).await?;
    let v1 = match (args.v1, rules.v1) {
        (false, _) => V1::Off,
        (true, V1::Off) => V1::Readable,
        (true, wanted) => wanted,
    };
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    let relist = Relist { derive, jobs: settings.jobs, v1, stale_after: args.stale_after };
    let remembered = args.resume.as_deref().map(|path| Remembered::open(path, &store.name())).transpose()?;
    let done = context.guarded(&*store, async { Ok(relist.go_on(remembered.as_ref()).await?) }).await;
    if let Some(Err(error)) = remembered.map(Remembered::end) {
        report.not_noted(&error);
    }
    if let (Err(_), Some(path)) = (&done, &args.resume) {
        report.goes_on(path);
    }
    let summary = done?;
    report.relisted(&store.name(), &summary, settings.format);
    match summary.problems.len() {
        0 => Ok(()),
        problems => Err(CommandError::Problems(problems)),
    }
}
