//! Relisting gives back everything that is derived, and takes away what has no link.

use std::time::Duration;

use contract::key::Key;
use publisher::relist::{Relist, Summary};
use publisher::store::Store;
use publisher::v1_chain::V1;

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
