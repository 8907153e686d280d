//! The same image published again: what that asks of the store, and that it repairs what is derived.

use contract::key::Key;
use publisher::store::{Document, Store, When};

use crate::counting::Counting;
use crate::sample::Sample;
use crate::{memory, run};

#[tokio::test]
async fn the_same_again_looks_once_at_each_mark_and_writes_nothing() {
    let store = memory();
    for sample in [Sample::image("one"), Sample::index("one"), Sample::described("one", "Says one")] {
        run(&*store, &sample, &["acme/app:1", "acme/app:2"]).await.unwrap();
        let before = store.objects();
        let counting = Counting::new(&*store);
        let plan = run(&counting, &sample, &["acme/app:1", "acme/app:2"]).await.unwrap();
        assert!(plan.phases.is_empty() && !plan.reused.is_empty(), "{plan}");
        assert_eq!(store.objects(), before);
    }
    // To which the command adds two: the settings of the store, and uploads that dead runs left.
    let sample = Sample::image("one");
    run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    let counting = Counting::new(&*store);
    run(&counting, &sample, &["acme/app:1"]).await.unwrap();
    insta::assert_snapshot!("again", counting.asked().join("\n"));
}

#[tokio::test]
async fn requests_do_not_creep_up() {
    let store = memory();
    let counts = async |sample: &Sample, references: &[&str]| {
        let counting = Counting::new(&*store);
        run(&counting, sample, references).await.unwrap();
        format!("{references:?}: {}", counting.counts())
    };
    let one = Sample::image("one");
    let lines = [
        counts(&one, &["acme/app:1"]).await,
        counts(&one, &["acme/app:2"]).await,
        counts(&Sample::image("two"), &["acme/app:1"]).await,
        counts(&Sample::index("one"), &["a/b/c:1"]).await,
        counts(&Sample::index("one"), &["a/b/c:1"]).await,
        counts(&Sample::referrer(&one, "signed"), &["acme/app"]).await,
        counts(&Sample::zstd("three"), &["a/b/d:1"]).await,
        counts(&Sample::described("one", "Says one"), &["a/b/d:2"]).await,
        counts(&Sample::described("one", "Says one"), &["a/b/d:2"]).await,
        counts(&Sample::described("two", "Says one"), &["a/b/d:2"]).await,
    ];
    insta::assert_snapshot!("requests", lines.join("\n"));
}

#[tokio::test]
async fn whatever_is_derived_is_made_anew_where_it_does_not_agree() {
    let derived = |key: &Key| {
        matches!(
            key,
            Key::TagView(..)
                | Key::V1Tag(..)
                | Key::TagList(_)
                | Key::Catalog
                | Key::V1Images(_)
                | Key::V1Tags(_)
                | Key::Referrers(..)
        )
    };
    let subject = Sample::image("one");
    for (sample, expected) in [(subject.clone(), 6), (Sample::referrer(&subject, "signed"), 4)] {
        let store = memory();
        run(&*store, &sample, &["acme/app:1"]).await.unwrap();
        let whole = store.objects();
        let of_root = Key::Referrers("acme/app".parse().unwrap(), sample.digest());
        let keys =
            whole.keys().filter_map(|path| Key::parse(path)).filter(|key| derived(key) && *key != of_root);
        let keys: Vec<Key> = keys.collect();
        assert_eq!(keys.len(), expected, "{keys:?}");
        for key in keys {
            store.delete(&key).await.unwrap();
            run(&*store, &sample, &["acme/app:1"]).await.unwrap();
            assert_eq!(store.objects(), whole, "without {key}");
        }
    }
}

#[tokio::test]
async fn a_view_of_another_image_is_replaced() {
    let store = memory();
    let sample = Sample::image("one");
    run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    let whole = store.objects();
    let key = Key::TagView("acme/app".parse().unwrap(), "1".parse().unwrap());
    store.write(&key, &Document::new("{}"), When::Always).await.unwrap();
    run(&*store, &sample, &["acme/app:1"]).await.unwrap();
    assert_eq!(store.objects(), whole);
}
