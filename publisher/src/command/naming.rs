//! Giving names to an image whose contents are in the store: what `tag`, `rollback` and `join` have in common.

use contract::descriptor::Descriptor;
use contract::name::Reference;

use super::{Context, Opened, publish};
use crate::announce::{Action, Changes};
use crate::apply::Apply;
use crate::cli;
use crate::content::Open;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::image::Image;
use crate::plan::Wish;
use crate::publish::{prepare, publish};
use crate::report::Published;

/// An image and the names that it is to have.
pub(super) struct Naming<'a> {
    /// Where its documents are read.
    pub(super) from: &'a dyn Open,
    pub(super) root: Descriptor,
    /// What those are told who want to know.
    pub(super) action: Action,
    pub(super) references: &'a [Reference],
    pub(super) fixed: &'a cli::Fixed,
}

impl Naming<'_> {
    /// Publishes it, and says so. Returns what caches and others are to be told.
    pub(super) async fn run(self, opened: &Opened, context: &Context<'_>) -> Result<Changes, CommandError> {
        let Context { settings, report, .. } = context;
        let Opened { store, rules } = opened;
        let derive = Derive { store: &**store, v1_platform: &settings.v1_platform };
        let image = Image::load(self.from, self.root, true).await;
        let image = image.map_err(|error| CommandError::Image(Box::new(error)))?;
        publish::check_digests(self.references, &image)?;
        let targets = publish::targets(self.references);
        let chain = publish::chain(rules.v1, settings, &image, &targets, report);
        let immutable = rules.immutable(self.fixed);
        let grace = rules.grace();
        let wish = Wish { image: &image, targets: &targets, v1: &chain, immutable: &immutable, grace };
        let plan = prepare(derive, &wish, settings.jobs).await?;
        let apply = Apply { from: self.from, derive, jobs: settings.jobs, progress: *report };
        publish(apply, &wish, &plan).await?;
        let (v1, traffic) = (chain.last().map(|top| top.id), store.traffic());
        let published =
            Published { image: &image, targets: &targets, plan: &plan, v1, traffic: &traffic, read: 0 };
        report.published(&published, settings.format);
        Ok(Changes::of_plan(self.action, &wish, &plan))
    }
}
