//! `remove`: a tag, or a manifest with all its tags.

use std::collections::BTreeSet;

use contract::name::{Repository, Tag};

use super::{Context, Opened, reference};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::remove;
use crate::settings::Rules;

/// Runs it.
pub(super) async fn run(args: &cli::Remove, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let wanted = reference(&args.reference, args.keep_host)?;
    if wanted.tag.is_none() && wanted.digest.is_none() {
        return Err(CommandError::Which(wanted.to_string()));
    }
    let Opened { store, rules } = context.open(&args.from, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    context
        .guarded(&*store, async {
            let name = &wanted.repository;
            if !args.force {
                let tags = match (&wanted.digest, &wanted.tag) {
                    (_, Some(tag)) => BTreeSet::from([tag.clone()]),
                    (Some(digest), None) => remove::tags_of(derive, name, digest).await?,
                    (None, None) => BTreeSet::new(),
                };
                protect(name, &tags, &rules)?;
            }
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

/// Who protects a tag from moving does not want it gone either: removed and published again, it has moved.
fn protect(name: &Repository, tags: &BTreeSet<Tag>, rules: &Rules) -> Result<(), CommandError> {
    let immutable = rules.immutable(&cli::Fixed::default());
    match tags.iter().find_map(|tag| immutable.why(tag).map(|why| (tag, why))) {
        Some((tag, why)) => Err(CommandError::Protected { name: format!("{name}:{tag}"), why }),
        None => Ok(()),
    }
}
