//! `tag`: another name for an image that is in the store, in the same repository or in another one.

use contract::descriptor::Descriptor;

use super::inspect::resolve;
use super::{Context, Opened, publish, reference};
use crate::apply::Apply;
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::image::Image;
use crate::plan::Wish;
use crate::publish::{prepare, publish};
use crate::report::Published;
use crate::stored::Stored;

/// Runs it.
pub(super) async fn run(args: &cli::Tag, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let from = reference(&args.from, args.keep_host)?;
    let parse = |text: &String| reference(text, args.keep_host);
    let references = args.reference.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let Opened { store, rules } = context.open(&args.store, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    let stored = Stored(&*store);
    context
        .guarded(&*store, async {
            let absent = || CommandError::Absent(from.to_string());
            let digest = resolve(derive, &from).await?.ok_or_else(absent)?;
            let (bytes, manifest) = derive.manifest(&digest).await?.ok_or_else(absent)?;
            let root = Descriptor::new(manifest.media_type().clone(), digest, bytes.len() as u64);
            let image = Image::load(&stored, root, true).await;
            let image = image.map_err(|error| CommandError::Image(Box::new(error)))?;
            publish::check_digests(&references, &image)?;
            let targets = publish::targets(&references);
            let chain = publish::chain(rules.v1, settings, &image, &targets, report);
            let immutable = rules.immutable(&args.fixed);
            let wish = Wish {
                image: &image,
                targets: &targets,
                v1: &chain,
                immutable: &immutable,
                grace: rules.grace(),
            };
            let plan = prepare(derive, &wish, settings.jobs).await?;
            publish(Apply { from: &stored, derive, jobs: settings.jobs, progress: *report }, &wish, &plan)
                .await?;
            let (v1, traffic) = (chain.last().map(|top| top.id), store.traffic());
            let published =
                Published { image: &image, targets: &targets, plan: &plan, v1, traffic: &traffic, read: 0 };
            report.published(&published, settings.format);
            Ok(())
        })
        .await
}
