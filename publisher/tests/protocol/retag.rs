//! Tags that move, and what is not sent twice.

use contract::key::Key;
use contract::v1;
use publisher::plan::Step;

use crate::sample::Sample;
use crate::{memory, run, visible};

#[tokio::test]
async fn a_tag_that_moves_to_an_image_without_v1_leaves_no_old_v1() {
    let store = memory();
    run(&*store, &Sample::image("one"), &["acme/app:1", "acme/app:2"]).await.unwrap();
    let v1 = v1::Repository::parse("acme/app").unwrap();
    let tag = Key::V1Tag(v1.clone(), "1".parse().unwrap());
    assert!(store.objects().contains_key(&tag.path()));
    run(&*store, &Sample::zstd("two"), &["acme/app:1"]).await.unwrap();
    assert!(!store.objects().contains_key(&tag.path()));
    let (_, tags) = &store.objects()[&Key::V1Tags(v1).path()];
    assert!(tags.starts_with(br#"{"2":"#), "{tags:?}");
    visible::agrees(&*store).await;
}

#[tokio::test]
async fn what_another_repository_has_is_not_sent_again() {
    let store = memory();
    run(&*store, &Sample::image("one"), &["acme/app:1"]).await.unwrap();
    let plan = run(&*store, &Sample::image("one"), &["acme/other:1"]).await.unwrap();
    assert!(!plan.steps().any(|step| matches!(step, Step::Send(..) | Step::Copy(..))), "{plan}");
    visible::agrees(&*store).await;
}

#[tokio::test]
async fn content_of_another_size_is_sent_again() {
    let store = memory();
    let sample = Sample::image("one");
    let image = sample.load().await;
    let damaged = Key::Blob(image.blobs[0].digest);
    let document = publisher::store::Document::new("cut");
    publisher::store::Store::write(&*store, &damaged, &document, publisher::store::When::Always)
        .await
        .unwrap();
    run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    visible::agrees(&*store).await;
}

#[tokio::test]
async fn an_image_that_distribution_wrote_gets_its_views() {
    let store = memory();
    let sample = Sample::index("one");
    run(&*store, &sample, &["app:1"]).await.unwrap();
    let whole = store.objects();
    let ours = |key: &Key| {
        matches!(key, Key::DigestView(..) | Key::TagView(..) | Key::Referrers(..) | Key::TagList(_))
    };
    for key in whole.keys().filter_map(|path| Key::parse(path)).filter(ours) {
        publisher::store::Store::delete(&*store, &key).await.unwrap();
    }
    run(&*store, &sample, &["app:1"]).await.unwrap();
    assert_eq!(store.objects(), whole);
}
