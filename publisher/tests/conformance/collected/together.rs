//! Publishers and a collector on a real store, all the while: what is visible is whole at every moment that is looked at.

use std::cell::Cell;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use publisher::collect::{Collect, Unnoted};
use publisher::grace::Grace;
use publisher::store::Store;

use super::clock::Timed;
use super::{Two, by_its_own_clock, derive, on_seaweedfs, on_swift, publishes, untag};
use crate::sample::Sample;
use crate::visible;

const NAMES: [&str; 2] = ["acme/app", "a/b/c"];

fn grace() -> Grace {
    Grace::new(Grace::LEAST)
}

fn collector(store: &Timed) -> Collect<'_> {
    Collect { derive: derive(store), grace: grace(), jobs: 16, dry_run: false, notes: &Unnoted }
}

/// What most of the time is left behind by who publishes, and found by who comes next.
async fn publishes_something(store: &Timed) {
    let sample = match fastrand::u8(..4) {
        0 => Sample::zstd("zstd"),
        1 => Sample::index("index"),
        number => Sample::image(&format!("image {number}")),
    };
    let reference = format!("{}:{}", fastrand::choice(NAMES).unwrap(), fastrand::u8(..3));
    tokio::time::sleep(Duration::from_secs(fastrand::u64(..120))).await;
    publishes(store, &sample, &reference, grace()).await;
}

/// Dies somewhere on the way.
async fn begins_to_publish(store: &Timed) {
    let _ = tokio::time::timeout(Duration::from_secs(fastrand::u64(..200)), publishes_something(store)).await;
}

async fn collects(store: &Timed, removed: &Cell<u64>) {
    tokio::time::sleep(Duration::from_secs(fastrand::u64(..60))).await;
    let summary = collector(store).run().await.unwrap();
    assert!(summary.problems.is_empty(), "{summary:?}");
    removed.set(removed.get() + summary.total().objects);
}

async fn looks(store: &Timed) {
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(fastrand::u64(..120))).await;
        let (_halt, store) = store.halted().await;
        visible::is_whole_beside_a_collector(&store).await;
    }
}

/// In between, some tags go.
async fn removes(store: &Timed) {
    for (name, tag) in NAMES.into_iter().flat_map(|name| ["0", "1", "2"].map(|tag| (name, tag))) {
        if fastrand::bool() && visible::tag(store, name, tag).await.is_some() {
            untag(store, name, tag).await;
        }
    }
}

async fn images_stay_whole([store, _]: Two) {
    let rounds = if std::env::var_os("TESTS_LONG").is_some() { 50 } else { 3 };
    fastrand::seed(7);
    let (slow, removed) = (store.clone().slow(), Cell::new(0));
    for _ in 0..rounds {
        let mut all: Vec<LocalBoxFuture<'_, ()>> = vec![
            collects(&slow, &removed).boxed_local(),
            begins_to_publish(&slow).boxed_local(),
            looks(&slow).boxed_local(),
        ];
        all.extend((0..3).map(|_| publishes_something(&slow).boxed_local()));
        join_all(all).await;
        removes(&store).await;
        tokio::time::advance(Duration::from_secs(60 * fastrand::u64(10..30))).await;
    }
    assert!(removed.get() > rounds, "{} objects were removed", removed.get());
    // When nobody is left, nothing is left that nothing names.
    tokio::time::advance(Grace::LEAST * 2).await;
    collector(&store).run().await.unwrap();
    let left = Collect { dry_run: true, ..collector(&store) }.run().await.unwrap();
    assert_eq!(left.total().objects, 0, "{left:?}");
    visible::is_whole(&store).await;
    assert!(store.now().await.is_ok());
}

#[test]
fn images_stay_whole_on_seaweedfs() {
    by_its_own_clock(on_seaweedfs, images_stay_whole);
}

#[test]
fn images_stay_whole_on_swift() {
    by_its_own_clock(on_swift, images_stay_whole);
}
