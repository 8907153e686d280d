//! `list`: what is in a store.

use super::{Context, Opened};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::listings::search::is_held;
use crate::look;

/// Runs it.
pub(super) async fn run(args: &cli::List, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let Opened { store, .. } = context.open(&args.store, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    context
        .guarded(&*store, async {
            match &args.repository {
                None => {
                    report.repositories(&look::repositories(&*store, settings.jobs).await?, settings.format)
                }
                Some(name) => {
                    let tags = look::tags(derive, name, settings.jobs).await?;
                    if tags.is_empty() && !is_held(&*store, name).await? {
                        return Err(CommandError::Absent(name.to_string()));
                    }
                    report.tags(&tags, settings.format);
                }
            }
            Ok(())
        })
        .await
}
