//! `list`: what is in a store.

use super::{guarded, open_store};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::look;
use crate::report::Report;
use crate::settings::Settings;

/// Runs it.
pub(super) async fn run(args: &cli::List, settings: &Settings, report: &Report) -> Result<(), CommandError> {
    let store = open_store(&args.store, settings, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    guarded(&*store, async {
        match &args.repository {
            None => report.repositories(&look::repositories(&*store).await?, settings.format),
            Some(name) => {
                let tags = look::tags(derive, name, settings.jobs).await?;
                if tags.is_empty() && !look::repositories(&*store).await?.contains_key(name) {
                    return Err(CommandError::Absent(name.to_string()));
                }
                report.tags(&tags, settings.format);
            }
        }
        Ok(())
    })
    .await
}
