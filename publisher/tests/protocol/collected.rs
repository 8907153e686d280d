//! Collecting: exactly what nothing names goes, once it is old; and images stay whole while publishers and a collector
//! run all the while.

use std::time::Duration;

use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use contract::packed::Packed;
use publisher::collect::{Collect, Summary, Unnoted};
use publisher::grace::Grace;
use publisher::remembered::Compressed;
use publisher::remove;
use publisher::store::memory::Memory;
use publisher::store::{Document, Store, When};

use crate::explore::at;
use crate::faulty::{Fault, Faulty};
use crate::sample::Sample;
use crate::{derive, memory, run, visible};

mod slow;
mod together;

const DAY: u32 = 2880;

/// A store whose clock shows a tick.
fn store() -> Memory {
    Memory::new(60).with_clock(|| at(0))
}

async fn collect(store: &Memory, tick: u32) -> Summary {
    let later = store.clone().with_clock(move || at(tick));
    let collect =
        Collect { derive: derive(&later), grace: Grace::default(), jobs: 4, dry_run: true, notes: &Unnoted };
    let before = store.objects();
    let intended = collect.run().await.unwrap();
    assert_eq!(store.objects(), before, "a dry run removes nothing");
    let done = Collect { dry_run: false, ..collect }.run().await.unwrap();
    assert_eq!(done, Summary { dry_run: false, ..intended }, "what was announced is done");
    done
}

async fn untag(store: &Memory, name: &str, tag: &str) {
    remove::tag(derive(store), &name.parse().unwrap(), &tag.parse().unwrap()).await.unwrap();
}

/// What a collector may remove.
fn things(store: &Memory) -> Vec<Key> {
    let keys = store.objects().into_keys().map(|path| Key::parse(&path).unwrap());
    let thing = |key: &Key| {
        matches!(
            key,
            Key::Blob(_)
                | Key::LayerLink(..)
                | Key::RevisionLink(..)
                | Key::DigestView(..)
                | Key::TagHistoryLink(..)
                | Key::Referrers(..)
                | Key::V1Json(_)
                | Key::V1Ancestry(_)
                | Key::V1Layer(_)
        )
    };
    keys.filter(thing).collect()
}

fn samples() -> Vec<Sample> {
    let one = Sample::image("one");
    vec![
        one.clone(),
        Sample::image("two"),
        Sample::zstd("three"),
        Sample::sha512("four"),
        Sample::index("five"),
        Sample::referrer(&one, "signature"),
    ]
}

#[tokio::test]
async fn what_is_left_is_as_if_the_rest_had_never_been_there() {
    for gone in samples() {
        for stays in samples() {
            let (both, alone) = (store(), store());
            for store in [&both, &alone] {
                run(store, &stays, &["acme/app:stays"]).await.unwrap();
            }
            if gone.refers_to(&stays) {
                run(&alone, &gone, &["acme/app:gone"]).await.unwrap();
                untag(&alone, "acme/app", "gone").await;
            }
            run(&both, &gone, &["acme/app:gone", "app:gone"]).await.unwrap();
            collect(&both, 2 * DAY).await;
            assert!(visible::tag(&both, "app", "gone").await.is_some());
            untag(&both, "acme/app", "gone").await;
            untag(&both, "app", "gone").await;
            let young = things(&both);
            collect(&both, DAY - 1).await;
            assert_eq!(things(&both), young);
            let summary = collect(&both, 2 * DAY).await;
            visible::is_whole(&both).await;
            assert_eq!(things(&both), things(&alone));
            let is_same = gone.digest() == stays.digest();
            assert_eq!(summary.total().objects == 0, is_same && things(&alone) == young, "{summary:?}");
        }
    }
}

/// So that `verify` finds nothing wrong afterwards.
#[tokio::test]
async fn what_layers_became_is_forgotten_with_them() {
    let store = store();
    for text in ["stays", "gone"] {
        let image = Sample::image(text).load().await;
        let (blob, packed) = (image.blobs[1].clone(), Packed::Gzip(4));
        let (diff_id, size) = (Digest::of(Algorithm::Sha256, text.as_bytes()), blob.size);
        run(&store, &Sample::image(text), &[&format!("acme/app:{text}")]).await.unwrap();
        let layer = Compressed { diff_id, packed, blob: blob.digest, size };
        store.write(&layer.key(), &layer.document(), When::Always).await.unwrap();
    }
    untag(&store, "acme/app", "gone").await;
    collect(&store, 2 * DAY).await;
    let left = store.list(&Prefix::Diffs).await.unwrap();
    assert_eq!(left, [Key::Diff(Digest::of(Algorithm::Sha256, b"stays"), Packed::Gzip(4))]);
}

/// Whatever was done of it: where it was not said to be gone, the next one finds it.
#[tokio::test]
async fn who_dies_while_collecting_leaves_it_to_the_next_one() {
    let mut deaths = 0;
    for fault in [Fault::Before, Fault::After] {
        for writes in 0.. {
            let (store, alone) = (store(), store());
            run(&store, &Sample::zstd("stays"), &["a/b/c:stays"]).await.unwrap();
            run(&alone, &Sample::zstd("stays"), &["a/b/c:stays"]).await.unwrap();
            run(&store, &Sample::index("gone"), &["acme/app:gone"]).await.unwrap();
            untag(&store, "acme/app", "gone").await;
            let later = store.clone().with_clock(|| at(2 * DAY));
            let faulty = Faulty::after(writes, fault, &later);
            let grace = Grace::default();
            let dies = Collect { derive: derive(&faulty), grace, jobs: 4, dry_run: false, notes: &Unnoted };
            let died = dies.run().await.is_err();
            assert_eq!(died, faulty.failed());
            visible::is_whole_beside_a_collector(&store).await;
            collect(&store, 4 * DAY).await;
            assert_eq!(things(&store), things(&alone), "{fault:?} {writes}");
            visible::is_whole(&store).await;
            if !died {
                break;
            }
            deaths += 1;
        }
    }
    assert!(deaths > 6, "{deaths}");
}

/// Else publishers would wait before each promise until it must have given up.
#[tokio::test(start_paused = true)]
async fn who_is_stopped_says_that_it_has_ended() {
    let mut stopped = 0;
    for after in [0, 1, 5, 10, 20, 40, 80] {
        let store = store();
        run(&store, &Sample::index("gone"), &["acme/app:gone"]).await.unwrap();
        untag(&store, "acme/app", "gone").await;
        let slow = slow::Slow(store.clone().with_clock(|| at(2 * DAY)));
        let grace = Grace::default();
        let collect = Collect { derive: derive(&slow), grace, jobs: 1, dry_run: false, notes: &Unnoted };
        let stop = tokio::time::sleep(Duration::from_secs(after));
        stopped += usize::from(collect.run_unless(stop).await.unwrap().is_err());
        let said = store.read(&Key::Collector).await.unwrap().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said.bytes).unwrap();
        assert!(said["ended"].is_u64(), "{said}");
        visible::is_whole_beside_a_collector(&store).await;
    }
    assert!(stopped > 1, "{stopped}");
}

#[tokio::test]
async fn what_is_published_by_digest_or_refers_to_what_stays_is_kept() {
    let store = store();
    let one = Sample::image("one");
    run(&store, &one, &["acme/app"]).await.unwrap();
    let signature = Sample::referrer(&one, "signature");
    run(&store, &signature, &["acme/app:signature"]).await.unwrap();
    untag(&store, "acme/app", "signature").await;
    collect(&store, 9 * DAY).await;
    let before = things(&store);
    for sample in [&one, &signature] {
        assert!(before.contains(&Key::RevisionLink("acme/app".parse().unwrap(), sample.digest())));
    }
    store.delete(&Key::Keep("acme/app".parse().unwrap(), one.digest())).await.unwrap();
    collect(&store, 9 * DAY).await;
    assert_eq!(things(&store), []);
}

#[tokio::test]
async fn a_repository_with_something_that_is_not_understood_stays() {
    let store = store();
    run(&store, &Sample::image("one"), &["acme/app:1"]).await.unwrap();
    untag(&store, "acme/app", "1").await;
    let old = Document::new(r#"{"schemaVersion":1,"fsLayers":[]}"#);
    let digest = contract::digest::Digest::of(contract::digest::Algorithm::Sha256, &old.bytes);
    let name: contract::name::Repository = "acme/app".parse().unwrap();
    for (key, document) in [
        (Key::Blob(digest), old),
        (Key::RevisionLink(name.clone(), digest), Document::link(&digest)),
        (Key::TagLink(name, "old".parse().unwrap()), Document::link(&digest)),
    ] {
        store.write(&key, &document, When::Always).await.unwrap();
    }
    let before: Vec<Key> =
        things(&store).into_iter().filter(|key| !key.path().starts_with("images/")).collect();
    let summary = collect(&store, 9 * DAY).await;
    assert_eq!(summary.problems.len(), 1, "{summary:?}");
    assert!(
        things(&store).starts_with(&before[..1])
            && before
                .iter()
                .all(|key| { matches!(key, Key::TagHistoryLink(..)) || things(&store).contains(key) })
    );
}

#[tokio::test]
async fn publishing_again_refreshes_what_is_old_and_only_that() {
    let sample = Sample::image("one");
    let store = store();
    run(&store, &sample, &["acme/app:1"]).await.unwrap();
    for (tick, refreshed) in [(DAY / 2 - 1, 0), (DAY / 2 + 1, 3)] {
        let later = store.clone().with_clock(move || at(tick));
        let plan = run(&later, &sample, &["acme/app:2"]).await.unwrap();
        let steps = plan.steps().filter(|step| matches!(step, publisher::plan::Step::Refresh(_)));
        assert_eq!(steps.count(), refreshed, "{plan}");
        untag(&later, "acme/app", "2").await;
    }
    let store = memory();
    run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    let far = store.clone();
    let far = (*far).clone().with_clock(|| std::time::SystemTime::now() + Duration::from_hours(100));
    assert!(run(&far, &sample, &["acme/app:1"]).await.unwrap().phases.is_empty(), "nothing is promised anew");
}
