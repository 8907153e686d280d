//! `history`: where a tag points and has pointed.

use contract::name::{Reference, Tag};

use super::{Context, Opened, reference};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::history::{self, Past};

/// Runs it.
pub(super) async fn run(args: &cli::History, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let wanted = tagged(&args.reference, args.keep_host)?;
    let Opened { store, .. } = context.open(&args.from, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    context
        .guarded(&*store, async {
            let history = of(derive, &wanted, settings.jobs).await?;
            report.history(&wanted, &history, settings.format);
            Ok(())
        })
        .await
}

/// The history of a tag that is there.
pub(super) async fn of(
    derive: Derive<'_>,
    wanted: &Reference,
    jobs: usize,
) -> Result<Vec<Past>, CommandError> {
    let tag = wanted.tag.clone().unwrap_or_else(Tag::latest);
    let history = history::of(derive, &wanted.repository, &tag, jobs).await?;
    if history.is_empty() { Err(CommandError::Absent(wanted.to_string())) } else { Ok(history) }
}

/// A reference that means a tag: `latest` where it says none.
pub(super) fn tagged(text: &str, keep_host: bool) -> Result<Reference, CommandError> {
    let Reference { repository, tag, digest } = reference(text, keep_host)?;
    match digest {
        Some(_) => Err(CommandError::NoTag(text.to_owned())),
        None => Ok(Reference { repository, tag: Some(tag.unwrap_or_else(Tag::latest)), digest: None }),
    }
}
