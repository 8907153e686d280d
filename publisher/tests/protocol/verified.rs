//! Verification sees whatever is missing, damaged or out of step, and nothing where nothing is; what is derived, it mends.

use std::time::Duration;

use bytes::Bytes;
use contract::key::{ContentType, Key};
use contract::media::MediaType;
use publisher::relist::Relist;
use publisher::store::memory::Memory;
use publisher::store::{Document, Store, When};
use publisher::v1_chain::V1;
use publisher::verify::{Remembered, Summary, Verify, Wrong, mend};

use crate::counting::Counting;
use crate::sample::Sample;
use crate::{derive, memory, relisted, run};

async fn verify(store: &Memory) -> Summary {
    Verify { derive: derive(store), jobs: 4, deep: true, changing_ttl: 60, remembered: None }
        .run(None)
        .await
        .unwrap()
}

/// Of every kind something, of which v1 cannot hold all.
async fn full() -> Memory {
    let store = relisted::full().await;
    run(&store, &Sample::zstd("new"), &["acme/app:4"]).await.unwrap();
    run(&store, &Sample::zstd_of(&["base", "top"]), &["acme/app:5"]).await.unwrap();
    store
}

/// The keys of what clients can ask for. What a tag once pointed to is nobody's business but ours.
fn asked_for(store: &Memory) -> Vec<Key> {
    let keys = store.objects();
    let keys = keys.keys().map(|path| Key::parse(path).unwrap());
    keys.filter(|key| key.is_public() && !matches!(key, Key::TagHistoryLink(..))).collect()
}

async fn write(store: &Memory, key: &Key, bytes: Bytes, media_type: Option<&str>) {
    let document = Document { bytes, media_type: media_type.map(MediaType::from) };
    store.write(key, &document, When::Always).await.unwrap();
}

/// Puts an object back as it was, headers too.
async fn restore(store: &Memory, key: &Key, before: &publisher::store::memory::Objects) {
    let (headers, bytes) = &before[&key.path()];
    write(store, key, bytes.clone(), Some(&headers.content_type)).await;
}

#[tokio::test]
async fn what_is_whole_has_no_findings() {
    let store = full().await;
    let before = store.objects();
    let summary = verify(&store).await;
    assert_eq!(summary.findings, []);
    assert_eq!((summary.repositories, store.objects()), (3, before));
    assert!(summary.manifests > 6 && summary.contents > 10 && summary.read > 0, "{summary:?}");
    assert_eq!(verify(&memory()).await.findings, []);
}

#[tokio::test]
async fn whatever_goes_missing_is_found() {
    let store = full().await;
    let before = store.objects();
    for key in asked_for(&store) {
        store.delete(&key).await.unwrap();
        let summary = verify(&store).await;
        assert!(summary.problems() > 0, "{key} is gone");
        restore(&store, &key, &before).await;
    }
    assert_eq!(store.objects(), before);
}

#[tokio::test]
async fn whatever_is_damaged_is_found() {
    let store = full().await;
    let before = store.objects();
    for key in asked_for(&store) {
        let (headers, bytes) = &before[&key.path()];
        let mut damaged = bytes.to_vec();
        damaged[0] ^= 1;
        write(&store, &key, damaged.into(), Some(&headers.content_type)).await;
        let summary = verify(&store).await;
        assert!(summary.problems() > 0, "{key} is damaged");
        restore(&store, &key, &before).await;
    }
    assert_eq!(verify(&store).await.findings, []);
}

#[tokio::test]
async fn a_manifest_of_the_wrong_type_is_found() {
    let store = full().await;
    let before = store.objects();
    for key in asked_for(&store).into_iter().filter(|key| key.content_type() == ContentType::OfManifest) {
        write(&store, &key, before[&key.path()].1.clone(), Some("text/html")).await;
        let summary = verify(&store).await;
        let [finding] = &summary.findings[..] else { panic!("{summary:?}") };
        assert_eq!((&finding.key, summary.problems()), (&key, 1));
        assert!(matches!(&finding.wrong, Wrong::ContentType { .. }));
        assert_eq!(mend(derive(&store), &summary.findings).await.unwrap(), 1);
        assert_eq!(store.objects(), before);
    }
}

#[tokio::test]
async fn caching_of_another_length_is_a_notice() {
    let store = full().await;
    let longer = Verify { derive: derive(&store), jobs: 4, deep: false, changing_ttl: 90, remembered: None };
    let summary = longer.run(None).await.unwrap();
    assert!(!summary.findings.is_empty());
    assert!(summary.findings.iter().all(|finding| matches!(finding.wrong, Wrong::CacheControl { .. })));
    assert_eq!((summary.problems(), summary.read), (0, 0));
}

#[tokio::test]
async fn all_that_is_derived_can_be_mended() {
    let store = full().await;
    let before = store.objects();
    for (number, key) in asked_for(&store).into_iter().filter(Key::is_derived).enumerate() {
        if number % 2 == 0 {
            store.delete(&key).await.unwrap();
        } else {
            write(&store, &key, Bytes::from_static(b"{"), Some("text/html")).await;
        }
    }
    assert!(verify(&store).await.problems() > 10);
    let relist = Relist { derive: derive(&store), jobs: 4, v1: V1::Off, stale_after: Duration::ZERO };
    relist.run().await.unwrap();
    let findings = verify(&store).await.findings;
    mend(derive(&store), &findings).await.unwrap();
    assert_eq!(verify(&store).await.findings, []);
    assert_eq!(store.objects(), before);
}

#[tokio::test]
async fn descriptions_that_cannot_be_read_are_made_anew() {
    let store = full().await;
    run(&store, &Sample::described("hello", "Says hello"), &["acme/hello:1"]).await.unwrap();
    let before = store.objects();
    assert_eq!(verify(&store).await.findings, []);
    write(&store, &Key::Search, Bytes::from_static(b"{"), None).await;
    assert_eq!(verify(&store).await.problems(), 1);
    Relist { derive: derive(&store), jobs: 4, v1: V1::Off, stale_after: Duration::ZERO }.run().await.unwrap();
    assert_eq!(store.objects(), before);
}

#[tokio::test]
async fn one_repository_is_looked_at_alone() {
    let store = full().await;
    let view = Key::TagView("acme/app".parse().unwrap(), "1".parse().unwrap());
    store.delete(&view).await.unwrap();
    let verify = Verify { derive: derive(&store), jobs: 4, deep: false, changing_ttl: 60, remembered: None };
    let other = verify.run(Some(&"other".parse().unwrap())).await.unwrap();
    assert_eq!((other.findings.len(), other.repositories), (0, 1));
    let ours = verify.run(Some(&"acme/app".parse().unwrap())).await.unwrap();
    assert_eq!(ours.findings.iter().map(|finding| &finding.key).collect::<Vec<_>>(), [&view]);
}

#[tokio::test]
async fn an_interrupted_run_goes_on_where_it_was() {
    let (store, folder) = (full().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("state");
    let look = async |may_open: usize| {
        let counting = Counting::opening(&store, may_open);
        let remembered = Remembered::open(&path, "memory").unwrap();
        let derive = derive(&counting);
        let verify = Verify { derive, jobs: 4, deep: true, changing_ttl: 60, remembered: Some(&remembered) };
        let summary = verify.run(None).await;
        remembered.end().unwrap();
        let opened = counting.asked().iter().filter(|it| it.starts_with("open ")).count();
        (summary.map_err(|error| error.action), opened)
    };
    let noted = || std::fs::read_to_string(&path).unwrap().lines().count() - 1;
    let (broken, opened) = look(7).await;
    assert!(broken.is_err(), "{broken:?}");
    let before = noted();
    assert!(before > 0 && before <= 7 && opened > 7, "{before} of {opened}");
    let (whole, opened) = look(usize::MAX).await;
    let whole = whole.unwrap();
    assert_eq!((whole.findings.len(), whole.read_before), (0, before));
    assert_eq!(opened + before, whole.contents);
    assert_eq!(noted(), whole.contents);

    let (again, opened) = look(usize::MAX).await;
    let again = again.unwrap();
    assert_eq!((opened, again.read, again.read_before), (0, 0, whole.contents));
}

#[tokio::test]
async fn what_tags_share_is_asked_for_once() {
    let asked = async |tags: usize| {
        let store = memory();
        let references: Vec<String> = (0..tags).map(|number| format!("acme/app:{number}")).collect();
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        run(&*store, &Sample::image("one"), &references).await.unwrap();
        let counting = Counting::new(&*store);
        let derive = derive(&counting);
        let verify = Verify { derive, jobs: 4, deep: false, changing_ttl: 60, remembered: None };
        assert_eq!(verify.run(None).await.unwrap().findings, []);
        counting.asked().len()
    };
    // Its link, its view, its v1 tag.
    assert_eq!(asked(21).await - asked(1).await, 20 * 3);
}
