//! Relisting gives back everything that is derived, and takes away what has no link.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use contract::key::Key;
use publisher::apply::PublishError;
use publisher::relist::{Relist, Remembered, Summary};
use publisher::store::{Document, Store, When};
use publisher::v1_chain::V1;

use crate::counting::Counting;
use crate::faulty::{Fault, Faulty};
use crate::sample::Sample;
use crate::{derive, memory, run, visible};

async fn relist(store: &dyn Store) -> Summary {
    Relist { derive: derive(store), jobs: 4, v1: V1::Off, stale_after: Duration::ZERO }.run().await.unwrap()
}

/// Everything, published whole.
pub(crate) async fn full() -> publisher::store::memory::Memory {
    let store = memory();
    let subject = Sample::image("one");
    run(&*store, &subject, &["acme/app:1", "acme/app:2", "other:1"]).await.unwrap();
    run(&*store, &Sample::referrer(&subject, "signed"), &["acme/app"]).await.unwrap();
    run(&*store, &Sample::index("many"), &["a/b/c:1"]).await.unwrap();
    run(&*store, &Sample::sha512("long"), &["acme/app:3"]).await.unwrap();
    store.as_ref().clone()
}

#[tokio::test]
async fn what_is_whole_stays_as_it_is() {
    let store = full().await;
    let before = store.objects();
    let summary = relist(&store).await;
    assert_eq!((summary.written, summary.removed, summary.problems.len()), (0, 0, 0), "{summary:?}");
    assert_eq!(store.objects(), before);
    assert_eq!((summary.repositories, summary.tags), (3, 5));
}

/// Everything, published where v1 is off.
async fn without_v1() -> publisher::store::memory::Memory {
    let store = full().await;
    let is_v1 = |key: &Key| {
        matches!(
            key,
            Key::V1Json(_)
                | Key::V1Ancestry(_)
                | Key::V1Layer(_)
                | Key::V1Tag(..)
                | Key::V1Tags(_)
                | Key::V1Images(_)
        )
    };
    for key in store.objects().keys().filter_map(|path| Key::parse(path)).filter(is_v1) {
        store.delete(&key).await.unwrap();
    }
    store
}

/// And where any write of it fails, the next run completes it.
#[tokio::test]
async fn v1_is_written_for_what_was_published_without_it() {
    let whole = full().await.objects();
    assert_eq!(relist(&without_v1().await).await.written, 0, "nobody asked for it");
    for n in 0.. {
        let store = without_v1().await;
        let faulty = Faulty::after(n, Fault::Before, &store);
        let relist = |derive| Relist { derive, jobs: 4, v1: V1::Gzip, stale_after: Duration::ZERO };
        let done = relist(derive(&faulty)).run().await;
        assert_eq!(relist(derive(&store)).run().await.unwrap().problems, Vec::<String>::new());
        assert_eq!(store.objects(), whole, "write {n}");
        if done.is_ok() {
            assert!(n > 10, "{n} writes are not all of it");
            return;
        }
    }
}

#[tokio::test]
async fn all_that_is_derived_comes_back() {
    let store = full().await;
    let before = store.objects();
    let derived = |key: &Key| {
        matches!(
            key,
            Key::DigestView(..)
                | Key::TagView(..)
                | Key::TagList(_)
                | Key::Referrers(..)
                | Key::Catalog
                | Key::Search
                | Key::V1Tag(..)
                | Key::V1Tags(_)
                | Key::V1Images(_)
        )
    };
    for key in before.keys().filter_map(|path| Key::parse(path)).filter(derived) {
        store.delete(&key).await.unwrap();
    }
    assert!(store.objects().len() < before.len());
    let summary = relist(&store).await;
    assert_eq!(store.objects(), before);
    assert!(summary.written > 10, "{summary:?}");
}

#[tokio::test]
async fn damaged_lists_are_made_anew() {
    let store = full().await;
    let before = store.objects();
    let lists = |key: &Key| {
        matches!(
            key,
            Key::TagList(_)
                | Key::Referrers(..)
                | Key::Catalog
                | Key::Search
                | Key::V1Tags(_)
                | Key::V1Images(_)
        )
    };
    for key in before.keys().filter_map(|path| Key::parse(path)).filter(lists) {
        let damage = publisher::store::Document::new("{");
        store.write(&key, &damage, publisher::store::When::Always).await.unwrap();
    }
    relist(&store).await;
    assert_eq!(store.objects(), before);
}

#[tokio::test]
async fn what_lost_its_link_goes() {
    let store = full().await;
    let name: contract::name::Repository = "acme/app".parse().unwrap();
    let digest = visible::tag(&store, "acme/app", "3").await.unwrap();
    let tag: contract::name::Tag = "3".parse().unwrap();
    for key in [
        Key::TagLink(name.clone(), tag.clone()),
        Key::TagHistoryLink(name.clone(), tag, digest),
        Key::RevisionLink(name.clone(), digest),
    ] {
        store.delete(&key).await.unwrap();
    }
    let summary = relist(&store).await;
    assert_eq!(summary.problems, Vec::<String>::new());
    for key in [Key::TagView(name.clone(), "3".parse().unwrap()), Key::DigestView(name, digest)] {
        assert!(store.size(&key).await.unwrap().is_none(), "{key}");
    }
    visible::agrees(&store).await;
}

#[tokio::test]
async fn a_dangling_tag_is_a_problem_that_is_told() {
    let store = full().await;
    let name: contract::name::Repository = "acme/app".parse().unwrap();
    let digest = visible::tag(&store, "acme/app", "3").await.unwrap();
    store.delete(&Key::Blob(digest)).await.unwrap();
    let summary = relist(&store).await;
    assert_eq!(summary.problems.len(), 2, "{summary:?}");
    assert!(store.size(&Key::TagView(name, "3".parse().unwrap())).await.unwrap().is_none());
}

#[tokio::test]
async fn a_publisher_that_died_anywhere_is_completed_where_its_tag_was_written() {
    for n in 0.. {
        let store = memory();
        let faulty = Faulty::after(n, Fault::Before, &*store);
        let done = run(&faulty, &Sample::image("one"), &["acme/app:1"]).await;
        relist(&*store).await;
        visible::agrees(&*store).await;
        if done.is_ok() {
            break;
        }
    }
}

async fn resumed(store: &dyn Store, state: &Path) -> Result<Summary, PublishError> {
    let remembered = Remembered::open(state, "memory").unwrap();
    let relist = Relist { derive: derive(store), jobs: 1, v1: V1::Off, stale_after: Duration::ZERO };
    let summary = relist.go_on(Some(&remembered)).await;
    remembered.end().unwrap();
    summary
}

/// What a bucket has that `distribution` wrote.
async fn without_lists() -> publisher::store::memory::Memory {
    let store = full().await;
    for key in store.objects().keys().filter_map(|path| Key::parse(path)).filter(Key::is_derived) {
        store.delete(&key).await.unwrap();
    }
    store
}

#[tokio::test]
async fn a_run_that_died_anywhere_goes_on_with_what_is_left() {
    let (whole, folder) = (full().await.objects(), tempfile::tempdir().unwrap());
    let mut went_on = BTreeSet::new();
    for n in 0.. {
        let (store, state) = (without_lists().await, folder.path().join(n.to_string()));
        let done = resumed(&Faulty::after(n, Fault::Before, &store), &state).await;
        let noted = std::fs::read_to_string(&state).unwrap().lines().count() - 1;
        let counting = Counting::new(&store);
        let summary = resumed(&counting, &state).await.unwrap();
        assert_eq!((summary.before, summary.repositories), (noted, 3), "write {n}");
        assert_eq!((summary.tags, summary.problems), (5, vec![]), "write {n}");
        assert_eq!(store.objects(), whole, "write {n}");
        let is_read = |name: &&'static str| {
            let view =
                format!("read  docker/registry/v2/repositories/{name}/_manifests/tags/1/current/manifest");
            counting.asked().contains(&view)
        };
        let left = ["a/b/c", "acme/app", "other"].into_iter().filter(is_read).count();
        assert_eq!(left + noted, 3, "write {n}");
        went_on.insert(noted);
        if done.is_ok() {
            assert_eq!(went_on, BTreeSet::from([0, 1, 2, 3]));
            return;
        }
    }
}

#[tokio::test]
async fn what_was_written_since_or_is_lost_is_dealt_with_again() {
    let (store, folder) = (full().await, tempfile::tempdir().unwrap());
    let (state, before) = (folder.path().join("state"), store.objects());
    let name: contract::name::Repository = "acme/app".parse().unwrap();
    assert_eq!(resumed(&store, &state).await.unwrap().before, 0);
    let again = resumed(&store, &state).await.unwrap();
    assert_eq!((again.before, again.written), (3, 0));
    // As `distribution` moves a tag.
    let other = visible::tag(&store, "acme/app", "3").await.unwrap();
    let link = Key::TagLink(name.clone(), "1".parse().unwrap());
    let digest = visible::tag(&store, "acme/app", "1").await.unwrap();
    store.write(&link, &Document::link(&other), When::Always).await.unwrap();
    assert_eq!(resumed(&store, &state).await.unwrap().before, 2);
    visible::agrees(&store).await;
    store.write(&link, &Document::link(&digest), When::Always).await.unwrap();
    assert_eq!(resumed(&store, &state).await.unwrap().before, 2);
    assert_eq!(store.objects(), before);
    for key in before.keys().filter_map(|path| Key::parse(path)) {
        if matches!(key, Key::DigestView(..) | Key::TagView(..) | Key::TagList(_) | Key::Referrers(..)) {
            store.delete(&key).await.unwrap();
            assert_eq!(resumed(&store, &state).await.unwrap().before, 2, "{key}");
            assert_eq!(store.objects(), before);
        }
    }
}

/// A repository with a problem is told of each time.
#[tokio::test]
async fn what_could_not_be_shown_is_looked_at_again() {
    let (store, folder) = (full().await, tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let digest = visible::tag(&store, "acme/app", "3").await.unwrap();
    store.delete(&Key::Blob(digest)).await.unwrap();
    for before in [0, 2, 2] {
        let summary = resumed(&store, &state).await.unwrap();
        assert_eq!((summary.before, summary.problems.len()), (before, 2), "{summary:?}");
    }
}

/// Nothing is left out for what a damaged file says.
#[tokio::test]
async fn a_damaged_file_only_costs_work() {
    let (store, folder) = (full().await, tempfile::tempdir().unwrap());
    let (state, before) = (folder.path().join("state"), store.objects());
    resumed(&store, &state).await.unwrap();
    let text = std::fs::read(&state).unwrap();
    let title = text.iter().position(|byte| *byte == b'\n').unwrap();
    for at in (0..text.len()).step_by(7) {
        let mut damaged = text.clone();
        damaged[at] ^= 1;
        std::fs::write(&state, &damaged).unwrap();
        if at <= title {
            assert!(Remembered::open(&state, "memory").is_err(), "{at}");
        } else {
            assert!(resumed(&store, &state).await.unwrap().before < 3, "{at}");
        }
        assert_eq!(store.objects(), before);
    }
    std::fs::write(&state, &text).unwrap();
    assert!(Remembered::open(&state, "another").is_err());
    assert!(publisher::verify::Remembered::open(&state, "memory").is_err());
}
