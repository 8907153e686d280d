//! Plans as text: the order of writing is the format's second half.

use publisher::derive::Derive;
use publisher::grace::Grace;
use publisher::immutable::Immutable;
use publisher::plan::{Plan, Wish};
use publisher::publish::prepare;
use publisher::store::Store;
use publisher::v1_chain::{self, V1};

use crate::sample::Sample;
use crate::{PLATFORM, memory, run, targets};

async fn planned(store: &dyn Store, sample: &Sample, references: &[&str]) -> Plan {
    planned_but(&Immutable::default(), store, sample, references).await
}

async fn planned_but(immutable: &Immutable, store: &dyn Store, sample: &Sample, references: &[&str]) -> Plan {
    let image = sample.load().await;
    let chain = v1_chain::of(&image, PLATFORM, V1::Gzip).unwrap_or_default();
    let targets = targets(references);
    let wish = Wish { image: &image, targets: &targets, v1: &chain, immutable, grace: Grace::default() };
    prepare(Derive { store, v1_platform: PLATFORM }, &wish, 4).await.unwrap()
}

#[tokio::test]
async fn plans_are_the_order_of_writing() {
    let empty = memory();
    insta::assert_snapshot!("image", planned(&*empty, &Sample::image("one"), &["acme/app:1"]).await);
    insta::assert_snapshot!("index", planned(&*empty, &Sample::index("one"), &["a/b/c:1", "a/b/c:2"]).await);
    insta::assert_snapshot!("sha512", planned(&*empty, &Sample::sha512("one"), &["app:1"]).await);
    insta::assert_snapshot!("digest_alone", planned(&*empty, &Sample::zstd("one"), &["acme/app"]).await);
    let described = Sample::described("one", "Says\n one");
    insta::assert_snapshot!("described", planned(&*empty, &described, &["app:1", "app", "a/b/c:1"]).await);
    assert!(empty.objects().is_empty(), "planning writes nothing");

    let held = memory();
    let one = Sample::image("one");
    run(&*held, &one, &["acme/app:1"]).await.unwrap();
    insta::assert_snapshot!("again", planned(&*held, &one, &["acme/app:1"]).await);
    insta::assert_snapshot!("second_tag", planned(&*held, &one, &["acme/app:2"]).await);
    insta::assert_snapshot!("retag", planned(&*held, &Sample::image("two"), &["acme/app:1"]).await);
    insta::assert_snapshot!("retag_without_v1", planned(&*held, &Sample::zstd("two"), &["acme/app:1"]).await);
    let immutable = Immutable { patterns: ["v*".parse().unwrap()].into(), if_absent: false };
    let two = &Sample::image("two");
    let planned_beside = planned_but(&immutable, &*held, two, &["acme/app:1", "acme/app:v2"]);
    insta::assert_snapshot!("immutable", planned_beside.await);
    insta::assert_snapshot!("referrer", planned(&*held, &Sample::referrer(&one, "x"), &["acme/app"]).await);
}
