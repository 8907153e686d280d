//! Removing: nothing visible points at nothing, whatever fails on the way, and other names keep what they share.

use contract::key::Key;
use contract::listing::{Catalog, Listing, Referrers, TagList};
use contract::name::{Repository, Tag};
use publisher::remove::{self, RemoveError};
use publisher::store::Store;
use publisher::store::memory::Memory;
use publisher::v1_chain::V1;

use crate::faulty::{Fault, Faulty};
use crate::sample::Sample;
use crate::{derive, memory, run, visible};

fn app() -> Repository {
    "acme/app".parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

async fn two_tags() -> Memory {
    let store = memory();
    run(&*store, &Sample::image("one"), &["acme/app:1", "acme/app:2"]).await.unwrap();
    run(&*store, &Sample::image("one"), &["acme/other:1"]).await.unwrap();
    store.as_ref().clone()
}

async fn listed(store: &dyn Store, name: &Repository) -> Vec<String> {
    let found = store.read(&Key::TagList(name.clone())).await.unwrap().unwrap();
    TagList::from_bytes(&found.bytes).unwrap().tags.iter().map(Tag::to_string).collect()
}

#[tokio::test]
async fn a_tag_goes_and_the_others_stay() {
    let store = two_tags().await;
    remove::tag(derive(&store), &app(), &tag("1")).await.unwrap();
    let of_tag =
        |path: &String| path.contains("acme/app/_manifests/tags/1/") || path.ends_with("acme/app/tag_1.json");
    assert!(!store.objects().keys().any(of_tag));
    assert_eq!(listed(&store, &app()).await, ["2"]);
    visible::agrees(&store).await;
    remove::tag(derive(&store), &app(), &tag("2")).await.unwrap();
    assert_eq!(listed(&store, &app()).await, [""; 0]);
    let again = remove::tag(derive(&store), &app(), &tag("2")).await;
    assert!(matches!(again, Err(RemoveError::Absent(_))));
}

#[tokio::test]
async fn a_manifest_goes_with_its_tags_and_its_repository() {
    let store = two_tags().await;
    let digest = Sample::image("one").digest();
    let tags = remove::manifest(derive(&store), &app(), &digest).await.unwrap();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), [tag("1"), tag("2")]);
    let catalog = store.read(&Key::Catalog).await.unwrap().unwrap();
    let repositories = Catalog::from_bytes(&catalog.bytes).unwrap().repositories;
    assert_eq!(repositories.iter().map(Repository::as_str).collect::<Vec<_>>(), ["acme/other"]);
    for key in [Key::RevisionLink(app(), digest), Key::DigestView(app(), digest)] {
        assert!(store.size(&key).await.unwrap().is_none(), "{key}");
    }
    visible::agrees(&store).await;
}

#[tokio::test]
async fn a_part_of_an_index_is_needed() {
    let store = memory();
    let sample = Sample::index("one");
    run(&*store, &sample, &["app:1"]).await.unwrap();
    let name: Repository = "app".parse().unwrap();
    let part = sample.load().await.manifests[0].descriptor.digest;
    let refused = remove::manifest(derive(&*store), &name, &part).await;
    assert!(matches!(refused, Err(RemoveError::Needed { .. })), "{refused:?}");
    visible::agrees(&*store).await;
    remove::manifest(derive(&*store), &name, &sample.digest()).await.unwrap();
}

#[tokio::test]
async fn a_referrer_leaves_the_list_of_its_subject() {
    let store = memory();
    let subject = Sample::image("one");
    let referrer = Sample::referrer(&subject, "signed");
    run(&*store, &subject, &["acme/app:1"]).await.unwrap();
    run(&*store, &referrer, &["acme/app"]).await.unwrap();
    let key = Key::Referrers(app(), subject.digest());
    let count = async || {
        Referrers::from_bytes(&store.read(&key).await.unwrap().unwrap().bytes).unwrap().manifests().len()
    };
    assert_eq!(count().await, 1);
    remove::manifest(derive(&*store), &app(), &referrer.digest()).await.unwrap();
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn dying_anywhere_is_completed_by_removing_again_or_by_relist() {
    for n in 0.. {
        let store = two_tags().await;
        let faulty = Faulty::after(n, Fault::Before, &store);
        let done = remove::tag(derive(&faulty), &app(), &tag("1")).await;
        let relist = publisher::relist::Relist {
            derive: derive(&store),
            jobs: 4,
            v1: V1::Off,
            stale_after: std::time::Duration::ZERO,
        };
        relist.run().await.unwrap();
        visible::agrees(&store).await;
        let gone = store.size(&Key::TagLink(app(), tag("1"))).await.unwrap().is_none();
        assert_eq!(listed(&store, &app()).await.len(), if gone { 1 } else { 2 }, "write {n}");
        if done.is_ok() {
            assert!(n > 3, "only {n} writes");
            return;
        }
    }
}
