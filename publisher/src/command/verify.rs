//! `verify`: see whether everything agrees.

use std::time::Duration;

use url::Url;

use super::{Context, Opened};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::relist::Relist;
use crate::through::Through;
use crate::v1_chain::V1;
use crate::verify::{Remembered, Verify, forget, mend};

/// A publisher at work is not hindered: views without a link stay that long, as with `relist`.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// Runs it; more than notices make it fail at its end.
pub(super) async fn run(args: &cli::Verify, context: &Context<'_>) -> Result<(), CommandError> {
    if let Some(registry) = &args.through {
        return through(args, registry, context).await;
    }
    let Context { settings, report, .. } = context;
    let Opened { store, rules } = context.open(&args.store, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    let (jobs, changing_ttl) = (settings.jobs, rules.objects.changing_ttl);
    let remembered = args.resume.as_deref().map(|path| Remembered::open(path, &store.name())).transpose()?;
    let verify = Verify { derive, jobs, deep: args.deep, changing_ttl, remembered: remembered.as_ref() };
    let done = context
        .guarded(&*store, async {
            if args.repair {
                let relisted = Relist { derive, jobs, v1: V1::Off, stale_after: STALE_AFTER }.run().await?;
                let found = Verify { deep: false, ..verify }.run(None).await?;
                let mended = mend(derive, &found.findings).await?;
                report.repaired(relisted.written + mended, relisted.removed);
            }
            let mut summary = verify.run(args.repository.as_ref()).await?;
            if args.repair && args.deep {
                report.forgotten(forget(derive, &mut summary).await?);
            }
            match &args.repository {
                Some(name) if summary.repositories == 0 && summary.findings.is_empty() => {
                    Err(CommandError::Absent(name.to_string()))
                }
                _ => Ok(summary),
            }
        })
        .await;
    if let Some(Err(error)) = remembered.map(Remembered::end) {
        report.not_noted(&error);
    }
    if let (Err(_), Some(path)) = (&done, &args.resume) {
        report.goes_on(path);
    }
    let summary = done?;
    report.verified(&store.name(), &summary, settings.format);
    match summary.problems() {
        0 => Ok(()),
        problems => Err(CommandError::Problems(problems)),
    }
}

/// As clients see it.
async fn through(args: &cli::Verify, registry: &Url, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let Opened { store, rules } = context.open(&args.store, false).await?;
    let through = Through {
        derive: Derive { store: &*store, v1_platform: &settings.v1_platform },
        registry: registry.clone(),
        jobs: settings.jobs,
        timeout: settings.request_timeout,
        changing_ttl: rules.objects.changing_ttl,
        all: args.all,
    };
    let summary = context
        .guarded(&*store, async {
            let summary = through.run(args.repository.as_ref()).await?;
            match &args.repository {
                Some(name) if summary.repositories == 0 => Err(CommandError::Absent(name.to_string())),
                _ => Ok(summary),
            }
        })
        .await?;
    report.seen_through(registry.as_str(), &summary, settings.format);
    match summary.problems() {
        0 => Ok(()),
        problems => Err(CommandError::Problems(problems)),
    }
}
