//! Images of zstd layers in v1: old Docker gets gzip of what the layers hold.

use std::io::Read;
use std::time::Duration;

use contract::key::Key;
use contract::listing::v1_tag;
use contract::name::Tag;
use contract::v1;
use publisher::apply::{Apply, PublishError};
use publisher::grace::Grace;
use publisher::immutable::Immutable;
use publisher::plan::Wish;
use publisher::progress::Silent;
use publisher::publish::{prepare, publish};
use publisher::relist::Relist;
use publisher::store::memory::Memory;
use publisher::store::{Document, Store, When};
use publisher::stored::Stored;
use publisher::v1_chain::{self, V1};
use publisher::verify::{Verify, Wrong};

use crate::sample::Sample;
use crate::{PLATFORM, derive, memory, run, targets, visible};

const LAYERS: [&str; 2] = ["base", "top"];

fn sample() -> Sample {
    Sample::zstd_of(&LAYERS)
}

async fn chain(sample: &Sample) -> Vec<v1::Image> {
    v1_chain::of(&sample.load().await, PLATFORM, V1::Gzip).unwrap()
}

/// What old Docker gets of each layer, unpacked.
async fn got(store: &dyn Store, sample: &Sample) -> Vec<String> {
    let mut got = Vec::new();
    for image in chain(sample).await {
        let layer = store.read(&Key::V1Layer(image.id)).await.unwrap().expect("the layer is there");
        let mut plain = String::new();
        flate2::read::MultiGzDecoder::new(&layer.bytes[..]).read_to_string(&mut plain).unwrap();
        got.push(plain);
    }
    got
}

fn v1_tag_of(repository: &str, tag: &str) -> Key {
    let v1 = v1::Repository::of(&repository.parse().unwrap()).unwrap();
    Key::V1Tag(v1, tag.parse::<Tag>().unwrap())
}

/// Publishes it as somebody does who skips such images.
async fn run_skipping(store: &Memory, sample: &Sample, reference: &str) {
    let image = sample.load().await;
    assert!(v1_chain::of(&image, PLATFORM, V1::Readable).is_err());
    let (targets, immutable) = (targets(&[reference]), Immutable::default());
    let wish =
        Wish { image: &image, targets: &targets, v1: &[], immutable: &immutable, grace: Grace::default() };
    let plan = prepare(derive(store), &wish, 4).await.unwrap();
    let apply = Apply { from: sample, derive: derive(store), jobs: 4, progress: &Silent };
    publish(apply, &wish, &plan).await.unwrap();
}

async fn findings(store: &Memory, deep: bool) -> Vec<(Key, Wrong)> {
    let verify = Verify { derive: derive(store), jobs: 4, deep, changing_ttl: 60, remembered: None };
    let summary = verify.run(None).await.unwrap();
    summary.findings.into_iter().map(|finding| (finding.key, finding.wrong)).collect()
}

#[tokio::test]
async fn old_docker_gets_what_the_layers_hold_and_the_second_time_writes_nothing() {
    let (store, sample) = (memory(), sample());
    let plan = run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    assert_eq!(plan.to_string().matches("\n  gzip   images/").count(), 2, "{plan}");
    assert_eq!(got(&*store, &sample).await, LAYERS);
    visible::agrees(&*store).await;
    let tag = store.read(&v1_tag_of("acme/app", "1")).await.unwrap().unwrap();
    assert_eq!(tag.bytes, v1_tag(chain(&sample).await[1].id));
    let before = store.objects();
    let again = run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    assert!(again.phases.is_empty(), "{again}");
    assert_eq!(store.objects(), before);
    assert_eq!(findings(&store, true).await, []);
    // Another image on the same base sends its own layer alone.
    let other = run(&*store, &Sample::zstd_of(&["base", "other"]), &["acme/app:2"]).await.unwrap();
    assert_eq!(other.to_string().matches("\n  gzip   images/").count(), 1, "{other}");
}

#[tokio::test]
async fn what_was_published_without_it_gets_it_by_relist_and_by_another_tag() {
    let sample = sample();
    for by_relist in [true, false] {
        let store = memory();
        run_skipping(&store, &sample, "acme/app:1").await;
        assert!(!store.objects().keys().any(|path| path.starts_with("images/")));
        let relist = async |v1| {
            let relist = Relist { derive: derive(&*store), jobs: 4, v1, stale_after: Duration::ZERO };
            relist.run().await.unwrap()
        };
        relist(V1::Readable).await;
        assert!(!store.objects().keys().any(|path| path.starts_with("images/")));
        if by_relist {
            assert!(relist(V1::Gzip).await.written > 0);
        } else {
            // Its contents come from the store itself.
            let image = sample.load().await;
            let (chain, targets, immutable) =
                (chain(&sample).await, targets(&["acme/app:1"]), Immutable::default());
            let grace = Grace::default();
            let wish = Wish { image: &image, targets: &targets, v1: &chain, immutable: &immutable, grace };
            let plan = prepare(derive(&*store), &wish, 4).await.unwrap();
            let from = Stored(&*store);
            let apply = Apply { from: &from, derive: derive(&*store), jobs: 4, progress: &Silent };
            publish(apply, &wish, &plan).await.unwrap();
        }
        assert_eq!(got(&*store, &sample).await, LAYERS);
        visible::agrees(&*store).await;
        assert_eq!(findings(&store, true).await, []);
    }
}

#[tokio::test]
async fn a_layer_that_holds_something_else_is_refused_and_one_that_became_so_is_found() {
    let (store, sample) = (memory(), sample());
    let wrong = Sample::zstd_said_to_be(&["base", "other"], &LAYERS);
    let refused = run(&*store, &wrong, &["acme/app:1"]).await.unwrap_err();
    let PublishError::Send(error) = refused else { panic!("{refused}") };
    let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(why.contains("the image's config says"), "{error}: {why}");
    assert!(!store.objects().keys().any(|path| path.ends_with("/ancestry")));

    run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    let key = Key::V1Layer(chain(&sample).await[0].id);
    let other = gzip_of(&["other", "top"]).await;
    store.write(&key, &Document::new(other), When::Always).await.unwrap();
    assert_eq!(findings(&store, false).await, []);
    assert_eq!(findings(&store, true).await, [(key.clone(), Wrong::Damaged)]);
    store.delete(&key).await.unwrap();
    assert!(matches!(&findings(&store, false).await[..], [(found, Wrong::Missing(_))] if *found == key));
}

/// The gzip of the first of these layers.
async fn gzip_of(layers: &[&str]) -> bytes::Bytes {
    let (store, sample) = (memory(), Sample::zstd_of(layers));
    run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    store.read(&Key::V1Layer(chain(&sample).await[0].id)).await.unwrap().unwrap().bytes
}
