//! `remove`: a tag, or a manifest with all its tags.

use super::{Context, Opened, reference};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::remove;

/// Runs it.
pub(super) async fn run(args: &cli::Remove, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let wanted = reference(&args.reference, args.keep_host)?;
    if wanted.tag.is_none() && wanted.digest.is_none() {
        return Err(CommandError::Which(wanted.to_string()));
    }
    let Opened { store, .. } = context.open(&args.from, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    context
        .guarded(&*store, async {
            let name = &wanted.repository;
            let removed = match (&wanted.digest, &wanted.tag) {
                (Some(digest), None) => {
                    let tags = remove::manifest(derive, name, digest).await?;
                    let tags = tags.into_iter().map(|tag| format!("{name}:{tag}"));
                    tags.chain([format!("{name}@{digest}")]).collect()
                }
                (expected, Some(tag)) => {
                    let link = contract::key::Key::TagLink(name.clone(), tag.clone());
                    let found = derive.target(&link).await?;
                    // A reference with both says which image the tag must still show.
                    if let (Some(expected), Some(found)) = (*expected, found)
                        && expected != found
                    {
                        return Err(CommandError::Digest { expected, found });
                    }
                    remove::tag(derive, name, tag).await?;
                    vec![format!("{name}:{tag}")]
                }
                (None, None) => Vec::new(),
            };
            report.removed(&removed, settings.format);
            Ok(())
        })
        .await
}
