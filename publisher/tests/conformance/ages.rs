//! Ages, by the store's own clock: who writes, copies or refreshes an object makes it young.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use contract::media::MediaType;
use futures_util::TryStreamExt;
use publisher::store::{Document, Kind, Listed, Store, When};

use crate::given::{Given, blob, layer, noise, tag_link};
use crate::subject::Subject;

/// Longer than what stores round times by.
const TICK: Duration = Duration::from_millis(2100);

async fn modified(store: &dyn Store, key: &Key) -> SystemTime {
    store.look(key).await.unwrap().unwrap().modified
}

async fn listed(store: &dyn Store, prefix: Prefix) -> Vec<Listed> {
    let pages: Vec<Vec<Listed>> = store.pages(&prefix).try_collect().await.unwrap();
    let mut listed = pages.concat();
    listed.sort_by(|one, other| one.key.cmp(&other.key));
    listed
}

/// How far two clocks or roundings are apart.
fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|earlier| earlier.duration())
}

pub(crate) async fn lists_tell_sizes_and_times(Subject { store, sibling, .. }: &Subject) {
    assert_eq!(listed(&**store, Prefix::Blobs).await, []);
    let contents: Vec<Bytes> = (1..30).map(noise).collect();
    for bytes in &contents {
        Given::new(bytes.clone()).send(&**store, &blob(bytes)).await;
    }
    store.write(&tag_link("acme/app", "1"), &Document::new("a"), When::Always).await.unwrap();
    let found = listed(&**sibling, Prefix::Blobs).await;
    assert_eq!(found.len(), contents.len());
    let now = sibling.now().await.unwrap();
    for Listed { key, size, modified: of_list } in found {
        assert!(contents.iter().any(|bytes| blob(bytes) == key && bytes.len() as u64 == size), "{key}");
        let looked = store.look(&key).await.unwrap().unwrap();
        assert!(apart(looked.modified, of_list) < TICK, "{key}");
        assert!(apart(looked.modified, now) < Duration::from_secs(300), "{key}, {now:?}");
    }
}

pub(crate) async fn what_is_refreshed_or_copied_is_young_and_else_the_same(subject: &Subject) {
    let Subject { store, sibling, headers, .. } = subject;
    let view = Key::DigestView("acme/app".parse().unwrap(), Digest::of(Algorithm::Sha256, b"{}"));
    let index = MediaType::from(MediaType::OCI_INDEX);
    store.write(&view, &Document::view("{}".into(), index), When::Always).await.unwrap();
    let large = noise(9 << 20);
    Given::new(large.clone()).send(&**store, &blob(&large)).await;
    store.copy(&blob(&large), &layer(1)).await.unwrap();
    let keys = [view, blob(&large), layer(1)];
    let mut before = Vec::new();
    for key in &keys {
        before.push((headers(key).await, store.read(key).await.unwrap().unwrap().bytes));
    }
    tokio::time::sleep(TICK).await;
    for (key, (headers_before, bytes)) in keys.iter().zip(before) {
        let then = modified(&**store, key).await;
        store.refresh(key).await.unwrap();
        assert!(modified(&**sibling, key).await > then, "{key}");
        assert_eq!(headers(key).await, headers_before, "{key}");
        assert!(sibling.read(key).await.unwrap().unwrap().bytes == bytes, "{key}");
    }
    let refreshed = listed(&**sibling, Prefix::Blobs).await;
    assert!(apart(refreshed[0].modified, modified(&**store, &keys[1]).await) < TICK);
    tokio::time::sleep(TICK).await;
    store.copy(&blob(&large), &layer(2)).await.unwrap();
    let then = refreshed[0].modified;
    assert!(modified(&**store, &layer(2)).await > then);
    assert_eq!(store.refresh(&layer(3)).await.unwrap_err().kind, Kind::Missing);
}

pub(crate) async fn many_are_deleted_together(Subject { store, sibling, .. }: &Subject) {
    let mut contents: Vec<Bytes> = (1..20).map(noise).collect();
    contents.push(noise(3 << 20));
    for bytes in &contents {
        Given::new(bytes.clone()).send(&**store, &blob(bytes)).await;
    }
    let mut keys: Vec<Key> = contents.iter().map(|bytes| blob(bytes)).collect();
    let stays = keys.remove(0);
    keys.push(layer(9));
    store.delete_many(&keys).await.unwrap();
    let left: Vec<Key> =
        listed(&**sibling, Prefix::Blobs).await.into_iter().map(|listed| listed.key).collect();
    assert_eq!(left, [stays]);
    assert_eq!(listed(&**sibling, Prefix::Segments).await, []);
    store.delete_many(&keys).await.unwrap();
    store.delete_many(&[]).await.unwrap();
}
