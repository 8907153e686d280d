//! What repositories say of themselves: written with the tag that shows it, kept, and taken away with the last manifest.

use std::collections::BTreeMap;

use contract::description::Description;
use contract::key::Key;
use contract::listing::{Listing, Search};
use contract::name::Repository;
use publisher::relist::Relist;
use publisher::remove;
use publisher::store::{Document, Store, When};
use publisher::v1_chain::V1;

use crate::counting::Counting;
use crate::sample::Sample;
use crate::{derive, memory, run, visible};

async fn said(store: &dyn Store) -> BTreeMap<String, String> {
    let found = store.read(&Key::Search).await.unwrap();
    let search = found.map(|found| Search::from_bytes(&found.bytes).unwrap()).unwrap_or_default();
    let text = |(name, said): (Repository, Description)| (name.to_string(), said.to_string());
    search.descriptions.into_iter().map(text).collect()
}

fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, said)| ((*name).to_owned(), (*said).to_owned())).collect()
}

async fn relist(store: &dyn Store) -> usize {
    let stale_after = std::time::Duration::ZERO;
    Relist { derive: derive(store), jobs: 4, v1: V1::Off, stale_after }.run().await.unwrap().written
}

#[tokio::test]
async fn the_last_published_image_that_says_anything_is_heard() {
    let store = memory();
    run(&*store, &Sample::image("silent"), &["acme/silent:1"]).await.unwrap();
    assert!(store.read(&Key::Search).await.unwrap().is_none(), "nothing is written where nothing is said");
    run(&*store, &Sample::described("one", "Says one"), &["acme/app:1", "acme/other:1"]).await.unwrap();
    let both = expected(&[("acme/app", "Says one"), ("acme/other", "Says one")]);
    assert_eq!(said(&*store).await, both);

    // Neither an image that says nothing nor what has no tag takes it away.
    run(&*store, &Sample::image("two"), &["acme/app:2"]).await.unwrap();
    run(&*store, &Sample::referrer(&Sample::image("two"), "signed"), &["acme/app"]).await.unwrap();
    run(&*store, &Sample::described("three", "By digest"), &["acme/app"]).await.unwrap();
    assert_eq!(said(&*store).await, both);

    run(&*store, &Sample::index_described("three", "Says three"), &["acme/app:1"]).await.unwrap();
    assert_eq!(said(&*store).await["acme/app"], "Says three");
    // Its tags stand there already, so it was not published last.
    run(&*store, &Sample::described("one", "Says one"), &["acme/other:1"]).await.unwrap();
    assert_eq!(said(&*store).await["acme/app"], "Says three");
}

#[tokio::test]
async fn what_is_said_already_is_not_written_again() {
    let store = memory();
    run(&*store, &Sample::described("one", "The same"), &["acme/app:1"]).await.unwrap();
    for (sample, reads) in [(Sample::described("two", "The same"), 1), (Sample::image("three"), 0)] {
        let counting = Counting::new(&*store);
        run(&counting, &sample, &["acme/app:1"]).await.unwrap();
        let of_search = counting.asked();
        let of_search: Vec<_> = of_search.iter().filter(|asked| asked.ends_with("search.json")).collect();
        assert_eq!(of_search.len(), reads, "{of_search:?}");
        assert!(of_search.iter().all(|asked| asked.starts_with("read")), "{of_search:?}");
    }
}

#[tokio::test]
async fn relist_finds_what_is_lost_and_keeps_what_is_there() {
    let store = memory();
    run(&*store, &Sample::described("old", "Old"), &["acme/app:1", "acme/app:latest"]).await.unwrap();
    run(&*store, &Sample::described("new", "New"), &["acme/app:2"]).await.unwrap();
    run(&*store, &Sample::index_described("a", "Index"), &["acme/index:9"]).await.unwrap();
    run(&*store, &Sample::image("silent"), &["acme/index:99", "silent:1"]).await.unwrap();
    let published = [("acme/app", "New"), ("acme/index", "Index")];
    assert_eq!((relist(&*store).await, said(&*store).await), (0, expected(&published)));

    // No link tells which of them was the last one: `latest` speaks.
    let found = expected(&[("acme/app", "Old"), ("acme/index", "Index")]);
    store.delete(&Key::Search).await.unwrap();
    assert_eq!((relist(&*store).await, said(&*store).await), (1, found.clone()));
    let stranger = r#"{"descriptions":{"acme/index":"Kept","gone/app":"Gone"}}"#;
    store.write(&Key::Search, &Document::new(stranger), When::Always).await.unwrap();
    let kept = expected(&[("acme/app", "Old"), ("acme/index", "Kept")]);
    assert_eq!((relist(&*store).await, said(&*store).await), (1, kept));
    store.write(&Key::Search, &Document::new("{"), When::Always).await.unwrap();
    assert_eq!((relist(&*store).await, said(&*store).await), (1, found));
    visible::agrees(&*store).await;
}

#[tokio::test]
async fn it_goes_with_the_last_manifest() {
    let store = memory();
    let (one, two) = (Sample::described("one", "Says one"), Sample::described("two", "Says two"));
    run(&*store, &one, &["acme/app:1", "acme/other:1"]).await.unwrap();
    run(&*store, &two, &["acme/app:2"]).await.unwrap();
    let name: Repository = "acme/app".parse().unwrap();
    remove::tag(derive(&*store), &name, &"2".parse().unwrap()).await.unwrap();
    remove::manifest(derive(&*store), &name, &two.digest()).await.unwrap();
    assert_eq!(said(&*store).await["acme/app"], "Says two");
    remove::manifest(derive(&*store), &name, &one.digest()).await.unwrap();
    assert_eq!(said(&*store).await, expected(&[("acme/other", "Says one")]));
}
