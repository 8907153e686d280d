//! Collecting on real stores, by a clock that the test owns: exactly what nothing names goes, and images stay whole while
//! publishers and a collector run all the while.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use contract::digest::Algorithm;
use contract::key::{Key, Prefix};
use contract::media::MediaType;
use contract::name::Reference;
use futures_util::future::join_all;
use publisher::apply::Apply;
use publisher::collect::{Collect, Summary, Unnoted};
use publisher::derive::Derive;
use publisher::grace::Grace;
use publisher::immutable::Immutable;
use publisher::plan::{Target, Wish};
use publisher::progress::Silent;
use publisher::publish::{prepare, publish};
use publisher::remove;
use publisher::store::Store;
use publisher::store::s3::S3Location;
use publisher::store::swift::SwiftLocation;
use publisher::v1_chain::{self, V1};
use reqwest::Method;
use tokio::runtime::Runtime;

use crate::given::layer;
use crate::sample::Sample;
use crate::seaweed::{Identity, seaweed};
use crate::subject::{fresh, s3};
use crate::swift_server::small_cluster;
use crate::visible;

mod clock;
mod together;

use clock::Timed;

const PLATFORM: &str = "linux/amd64";
/// How many uploads somebody did not finish: more than a publisher looks at.
const DEAD: u8 = 20;
const DAY: Duration = Duration::from_hours(24);

pub(crate) fn derive(store: &dyn Store) -> Derive<'_> {
    Derive { store, v1_platform: PLATFORM }
}

/// Publishes as the command does.
async fn publishes(store: &dyn Store, sample: &Sample, reference: &str, grace: Grace) {
    let Reference { repository, tag, .. } = reference.parse().unwrap();
    let targets = [Target { repository, tags: tag.into_iter().collect(), keep: true }];
    let (image, immutable) = (sample.load().await, Immutable::default());
    let v1 = v1_chain::of(&image, PLATFORM, V1::Gzip).unwrap_or_default();
    let wish = Wish { image: &image, targets: &targets, v1: &v1, immutable: &immutable, grace };
    let plan = prepare(derive(store), &wish, 4).await.unwrap();
    let apply = Apply { from: sample, derive: derive(store), jobs: 4, progress: &Silent };
    publish(apply, &wish, &plan).await.unwrap();
}

async fn untag(store: &dyn Store, name: &str, tag: &str) {
    remove::tag(derive(store), &name.parse().unwrap(), &tag.parse().unwrap()).await.unwrap();
}

async fn collect(store: &dyn Store, dry_run: bool) -> Summary {
    let collect =
        Collect { derive: derive(store), grace: Grace::default(), jobs: 4, dry_run, notes: &Unnoted };
    collect.run().await.unwrap()
}

/// An image of three layers, of which one is the same in all and one is larger than a small cluster takes at once.
fn image(text: &str, seed: u64) -> Sample {
    let mut chance = fastrand::Rng::with_seed(seed);
    let large: String = (0..3 << 19).map(|_| chance.alphanumeric()).collect();
    let mut sample = Sample::new(Algorithm::Sha256);
    sample.manifest(text, MediaType::OCI_LAYER_GZIP, &["base", &large, text]);
    sample
}

/// All that is in the store, but for what `gc` says of itself.
async fn keys(store: &dyn Store) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    let prefixes = [
        Prefix::Blobs,
        Prefix::Repositories,
        Prefix::V1Repositories,
        Prefix::V1Images,
        Prefix::Keeps,
        Prefix::Segments,
    ];
    for prefix in prefixes {
        keys.extend(store.list(&prefix).await.unwrap());
    }
    keys
}

/// Segments have names by chance: of those, only how many there are.
fn unnamed(keys: BTreeSet<Key>) -> (BTreeSet<Key>, usize) {
    let all = keys.len();
    let named: BTreeSet<Key> = keys.into_iter().filter(|key| !matches!(key, Key::Segment { .. })).collect();
    let segments = all - named.len();
    (named, segments)
}

/// A store, and a second one to compare it with, by the test's clock.
type Two = [Timed; 2];

/// What a dead publisher leaves of an upload to a key.
async fn leave_parts(location: &S3Location, key: Key) {
    let client = seaweed().client(Identity::RIG).await;
    let path = format!("{}/{key}", location.prefix);
    client.create_multipart_upload().bucket(&location.bucket).key(path).send().await.unwrap();
}

/// The same, in Swift.
async fn leave_segments(location: &SwiftLocation, key: Key) {
    for number in 1..3 {
        let segment = Key::Segment { of: Box::new(key.clone()), upload: 7, number };
        let path = format!("{}/{}/{segment}", location.container, location.prefix);
        let put = small_cluster().ask(Method::PUT, &path, &[("content-length", "0")]).await;
        assert!(put.status().is_success(), "{put:?}");
    }
}

async fn on_seaweedfs() -> [Arc<dyn Store>; 2] {
    let locations = [fresh(), fresh()];
    join_all((0..DEAD).map(|number| leave_parts(&locations[0], layer(number)))).await;
    [Arc::new(s3(&locations[0], Identity::RIG).await), Arc::new(s3(&locations[1], Identity::RIG).await)]
}

async fn on_swift() -> [Arc<dyn Store>; 2] {
    let locations = [small_cluster().fresh().await, small_cluster().fresh().await];
    join_all((0..DEAD).map(|number| leave_segments(&locations[0], layer(number)))).await;
    locations.map(|location| Arc::new(small_cluster().store(&location)) as Arc<dyn Store>)
}

/// Requests are made on one runtime; on the other one, which a test runs on, time is paused.
fn by_its_own_clock(open: impl AsyncFnOnce() -> [Arc<dyn Store>; 2], test: impl AsyncFnOnce(Two)) {
    let real = Runtime::new().unwrap();
    let stores = real.block_on(async {
        let stores = open().await;
        // Times are told in whole seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        stores
    });
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    paused.block_on(async { test(stores.map(|store| Timed::new(store, real.handle().clone()))).await });
}

async fn exactly_what_nothing_names_goes([both, alone]: Two) {
    let (stays, gone) = (image("stays", 1), image("gone", 2));
    for store in [&both, &alone] {
        publishes(store, &stays, "acme/app:stays", Grace::default()).await;
    }
    publishes(&both, &gone, "acme/app:gone", Grace::default()).await;
    untag(&both, "acme/app", "gone").await;
    let young = keys(&both).await;
    let nothing = collect(&both, false).await;
    assert_eq!((nothing.total().objects, nothing.uploads), (0, 0), "{nothing:?}");
    assert_eq!(keys(&both).await, young);

    tokio::time::advance(2 * DAY).await;
    let intended = collect(&both, true).await;
    let done = collect(&both, false).await;
    assert_eq!((&done.removed, &done.kept), (&intended.removed, &intended.kept));
    assert_eq!((done.removed.len(), done.uploads), (4, usize::from(DEAD)), "{done:?}");
    let left = unnamed(keys(&both).await);
    assert_eq!(left, unnamed(keys(&alone).await));
    for key in left.0.iter().filter(|key| !matches!(key, Key::V1Images(_))) {
        let [left, expected] = [&both, &alone].map(|store| store.read(key));
        assert!(left.await.unwrap().unwrap().bytes == expected.await.unwrap().unwrap().bytes, "{key}");
    }
    visible::is_whole(&both).await;
    let nothing = collect(&both, false).await;
    assert_eq!((nothing.total().objects, nothing.uploads), (0, 0), "{nothing:?}");
}

#[test]
fn exactly_what_nothing_names_goes_from_seaweedfs() {
    by_its_own_clock(on_seaweedfs, exactly_what_nothing_names_goes);
}

#[test]
fn exactly_what_nothing_names_goes_from_swift() {
    by_its_own_clock(on_swift, exactly_what_nothing_names_goes);
}
