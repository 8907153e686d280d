//! Publishers and a collector, all the while: what is visible is whole at every moment that is looked at.

use std::time::Duration;

use contract::name::Repository;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use publisher::apply::Apply;
use publisher::collect::{Collect, Unnoted};
use publisher::grace::Grace;
use publisher::immutable::Immutable;
use publisher::plan::Wish;
use publisher::progress::Silent;
use publisher::publish::{prepare, publish};
use publisher::remove;
use publisher::store::Store;
use publisher::store::memory::Memory;
use publisher::v1_chain::{self, V1};
use tokio::time::Instant;

use super::slow::Slow;
use crate::explore::at;
use crate::sample::Sample;
use crate::{PLATFORM, derive, targets, visible};

/// What most of the time is left behind by who publishes, and found by who comes next.
fn any_sample() -> Sample {
    match fastrand::u8(..5) {
        0 => Sample::zstd("zstd"),
        1 => Sample::index("index"),
        2 => Sample::sha512("sha512"),
        number => Sample::image(&format!("image {number}")),
    }
}

fn grace() -> Grace {
    Grace::new(Grace::LEAST)
}

async fn publishes(store: &Slow) {
    let sample = any_sample();
    let reference = format!("{}:{}", fastrand::choice(["acme/app", "a/b/c"]).unwrap(), fastrand::u8(..3));
    let image = sample.load().await;
    let (chain, targets) =
        (v1_chain::of(&image, PLATFORM, V1::Gzip).unwrap_or_default(), targets(&[&reference]));
    let immutable = Immutable::default();
    let wish = Wish { image: &image, targets: &targets, v1: &chain, immutable: &immutable, grace: grace() };
    tokio::time::sleep(Duration::from_secs(fastrand::u64(..120))).await;
    let plan = prepare(derive(store), &wish, 4).await.unwrap();
    let apply = Apply { from: &sample, derive: derive(store), jobs: 2, progress: &Silent };
    publish(apply, &wish, &plan).await.unwrap();
}

/// Dies somewhere on the way.
async fn begins_to_publish(store: &Slow) {
    let _ = tokio::time::timeout(Duration::from_secs(fastrand::u64(..200)), publishes(store)).await;
}

async fn collects(store: &Slow, removed: &std::cell::Cell<u64>) {
    tokio::time::sleep(Duration::from_secs(fastrand::u64(..60))).await;
    let collect =
        Collect { derive: derive(store), grace: grace(), jobs: 16, dry_run: false, notes: &Unnoted };
    let collecting = collect.run();
    if fastrand::u8(..4) == 0 {
        let _ = tokio::time::timeout(Duration::from_secs(fastrand::u64(..90)), collecting).await;
    } else {
        let summary = collecting.await.unwrap();
        assert!(summary.problems.is_empty(), "{summary:?}");
        removed.set(removed.get() + summary.total().objects);
    }
}

async fn looks(store: &Memory) {
    for _ in 0..40 {
        visible::is_whole_beside_a_collector(store).await;
        tokio::time::sleep(Duration::from_secs(fastrand::u64(..15))).await;
    }
}

/// In between, some tags go.
async fn removes(store: &Memory) {
    for name in ["acme/app", "a/b/c"] {
        for tag in 0..3 {
            if fastrand::bool() && visible::tag(store, name, &tag.to_string()).await.is_some() {
                let name: Repository = name.parse().unwrap();
                remove::tag(derive(store), &name, &tag.to_string().parse().unwrap()).await.unwrap();
            }
        }
    }
}

async fn round(store: &Slow, removed: &std::cell::Cell<u64>) {
    let mut all: Vec<LocalBoxFuture<'_, ()>> = vec![
        collects(store, removed).boxed_local(),
        begins_to_publish(store).boxed_local(),
        looks(&store.0).boxed_local(),
    ];
    all.extend((0..3).map(|_| publishes(store).boxed_local()));
    join_all(all).await;
    visible::is_whole_beside_a_collector(&store.0).await;
}

#[tokio::test(start_paused = true)]
async fn no_image_is_broken_while_publishers_and_a_collector_run() {
    let rounds = if std::env::var_os("TESTS_LONG").is_some() { 1000 } else { 20 };
    fastrand::seed(7);
    let begun = Instant::now();
    let ticking = move || at(0) + begun.elapsed();
    let store = Slow(Memory::new(60).with_clock(ticking));
    let removed = std::cell::Cell::new(0);
    for _ in 0..rounds {
        round(&store, &removed).await;
        removes(&store.0).await;
        tokio::time::advance(Duration::from_secs(60 * fastrand::u64(..20))).await;
    }
    assert!(removed.get() > rounds, "{} objects were removed", removed.get());
    // When nobody is left, nothing is left that nothing names.
    tokio::time::advance(Grace::LEAST * 2).await;
    let collect =
        Collect { derive: derive(&store.0), grace: grace(), jobs: 4, dry_run: false, notes: &Unnoted };
    collect.run().await.unwrap();
    let left = Collect { dry_run: true, ..collect }.run().await.unwrap();
    assert_eq!(left.total().objects, 0, "{left:?}");
    visible::is_whole(&store.0).await;
    assert!(store.now().await.is_ok());
}
