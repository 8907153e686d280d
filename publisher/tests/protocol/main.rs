//! The order of writing, seen from outside: whatever fails, and whoever writes at the same time, what is visible is
//! whole.

// Every function here is part of a test, where clippy's own exemption sees only the `#[test]` ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod again;
mod aged;
mod collected;
mod concurrent;
mod copied;
mod counting;
mod described;
mod eventful;
mod every;
mod explore;
mod faulty;
mod immutable;
mod interrupted;
mod model;
mod plans;
mod relisted;
mod remembered;
mod removed;
mod retag;
mod sample;
mod shaken;
mod v1_gzip;
mod verified;
mod visible;

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::name::Reference;
use publisher::apply::{Apply, PublishError};
use publisher::derive::Derive;
use publisher::grace::Grace;
use publisher::immutable::Immutable;
use publisher::plan::{Plan, Target, Wish};
use publisher::progress::Silent;
use publisher::publish::{prepare, publish};
use publisher::store::Store;
use publisher::v1_chain::{self, V1};

use sample::Sample;

const PLATFORM: &str = "linux/amd64";

fn derive(store: &dyn Store) -> Derive<'_> {
    Derive { store, v1_platform: PLATFORM }
}

fn targets(references: &[&str]) -> Vec<Target> {
    let parse = |text: &&str| {
        let Reference { repository, tag, .. } = text.parse().unwrap();
        Target { repository, tags: tag.into_iter().collect::<BTreeSet<_>>(), keep: true }
    };
    references.iter().map(parse).collect()
}

/// Publishes a sample, as the command does.
async fn run(store: &dyn Store, sample: &Sample, references: &[&str]) -> Result<Plan, PublishError> {
    run_but(&Immutable::default(), store, sample, references).await
}

/// As [`run`], with tags that must not be moved.
async fn run_but(
    immutable: &Immutable,
    store: &dyn Store,
    sample: &Sample,
    references: &[&str],
) -> Result<Plan, PublishError> {
    let image = sample.load().await;
    let chain = v1_chain::of(&image, PLATFORM, V1::Gzip).unwrap_or_default();
    let targets = targets(references);
    let wish = Wish { image: &image, targets: &targets, v1: &chain, immutable, grace: Grace::default() };
    let plan = prepare(derive(store), &wish, 4).await?;
    let apply = Apply { from: sample, derive: derive(store), jobs: 4, progress: &Silent };
    publish(apply, &wish, &plan).await?;
    Ok(plan)
}

fn memory() -> Arc<publisher::store::memory::Memory> {
    Arc::new(publisher::store::memory::Memory::new(60))
}
