//! `inspect`: what an image is made of.

use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Reference, Tag};

use super::{Context, Opened, reference};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::look;
use crate::report::Inspected;
use crate::store::StoreError;

/// Runs it.
pub(super) async fn run(args: &cli::Inspect, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let wanted = reference(&args.reference, args.keep_host)?;
    let Opened { store, .. } = context.open(&args.from, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    context
        .guarded(&*store, async {
            let absent = || CommandError::Absent(wanted.to_string());
            let digest = resolve(derive, &wanted).await?.ok_or_else(absent)?;
            let node = look::node(derive, &digest, None).await?.ok_or_else(absent)?;
            let shared = look::shared(&*store, &wanted.repository, &node, settings.jobs).await?;
            let referrers = look::referrers(&*store, &wanted.repository, &digest).await?;
            let inspected =
                Inspected { reference: &wanted, node: &node, shared: &shared, referrers: &referrers };
            report.inspected(&inspected, settings.format);
            Ok(())
        })
        .await
}

/// The digest that a reference means, if the repository has it.
pub(super) async fn resolve(derive: Derive<'_>, wanted: &Reference) -> Result<Option<Digest>, StoreError> {
    let name = &wanted.repository;
    let digest = match wanted.digest {
        Some(digest) => Some(digest),
        None => {
            let tag = wanted.tag.clone().unwrap_or_else(Tag::latest);
            derive.target(&Key::TagLink(name.clone(), tag)).await?
        }
    };
    let Some(digest) = digest else { return Ok(None) };
    let linked = derive.store.size(&Key::RevisionLink(name.clone(), digest)).await?.is_some();
    Ok(linked.then_some(digest))
}
