//! Copying from store to store: whatever fails, what is visible is whole, and copying again completes it.

use std::sync::Arc;
use std::time::Duration;

use contract::key::Key;
use contract::name::Repository;
use publisher::apply::PublishError;
use publisher::copy::{Copied, CopyError, Copying};
use publisher::grace::Grace;
use publisher::immutable::Immutable;
use publisher::progress::Silent;
use publisher::relist::Relist;
use publisher::remove;
use publisher::store::memory::{Memory, Objects};
use publisher::store::{Document, Kind, SendError, Store, When};
use publisher::stored::Remote;
use publisher::v1_chain::V1;

use crate::faulty::{Fault, Faulty};
use crate::sample::Sample;
use crate::shaken::{Harm, Shaken};
use crate::{derive, memory, run, visible};

async fn copy(source: &Arc<impl Store + 'static>, target: &dyn Store) -> Result<Vec<Copied>, CopyError> {
    copy_but(&Immutable::default(), false, source, target).await
}

async fn copy_but(
    immutable: &Immutable,
    dry_run: bool,
    source: &Arc<impl Store + 'static>,
    target: &dyn Store,
) -> Result<Vec<Copied>, CopyError> {
    let from = Remote(Arc::clone(source) as Arc<dyn Store>);
    let (source, target) = (derive(&**source), derive(target));
    let (grace, progress) = (Grace::default(), &Silent);
    let copying =
        Copying { source, from: &from, target, v1: V1::Gzip, immutable, grace, jobs: 4, dry_run, progress };
    copying.run(None).await
}

/// A store with a little of everything.
async fn source() -> Arc<Memory> {
    let store = memory();
    let signed = Sample::image("signed");
    for (sample, references) in [
        (&Sample::image("old"), &["acme/app:1", "acme/app:kept"][..]),
        (&Sample::image("older"), &["acme/app:1"]),
        (&Sample::described("new", "Says new"), &["acme/app:1"]),
        (&signed, &["acme/app:2", "acme/app:latest"]),
        (&Sample::referrer(&signed, "signature"), &["acme/app"]),
        (&Sample::index("many"), &["app:1"]),
        (&Sample::sha512("long"), &["a/b/c:1"]),
        (&Sample::zstd("by digest"), &["a/b/c"]),
    ] {
        run(&*store, sample, references).await.unwrap();
    }
    Relist { derive: derive(&*store), jobs: 4, v1: V1::Off, stale_after: Duration::ZERO }
        .run()
        .await
        .unwrap();
    store
}

/// All objects, but those of v1 images that no tag shows any longer.
fn compared(store: &Memory) -> Objects {
    let mut objects = store.objects();
    objects.retain(|path, _| !path.starts_with("images/"));
    objects
}

#[tokio::test]
async fn a_copy_equals_what_it_was_made_of_and_is_not_made_twice() {
    let (source, target) = (source().await, memory());
    let done = copy(&source, &*target).await.unwrap();
    assert!(done.iter().all(|copied| copied.problems.is_empty() && copied.stay.is_empty()), "{done:?}");
    visible::agrees(&*target).await;
    assert_eq!(compared(&target), compared(&source));
    let count = |done: &[Copied]| -> Vec<(String, usize, usize, usize)> {
        done.iter().map(|it| (it.repository.to_string(), it.images, it.tags, it.moved)).collect()
    };
    let expected = |moved: [usize; 3]| {
        let of = [("a/b/c", 2, 1), ("acme/app", 5, 4), ("app", 1, 1)];
        let each = of.iter().zip(moved);
        each.map(|((name, images, tags), moved)| ((*name).to_owned(), *images, *tags, moved))
            .collect::<Vec<_>>()
    };
    assert_eq!(count(&done), expected([1, 4, 1]));

    let before = target.objects();
    let again = copy(&source, &*target).await.unwrap();
    assert_eq!(count(&again), expected([0, 0, 0]));
    assert!(again.iter().all(|copied| copied.blobs == 0 && copied.bytes == 0), "{again:?}");
    assert_eq!(target.objects(), before);
}

#[tokio::test]
async fn every_write_fails_once_and_copying_again_completes() {
    let source = source().await;
    for fault in [Fault::Before, Fault::After] {
        for n in 0.. {
            let target = memory();
            let faulty = Faulty::after(n, fault, &*target);
            let done = copy(&source, &faulty).await;
            assert_eq!(done.is_err(), faulty.failed(), "write {n}");
            visible::is_whole(&*target).await;
            copy(&source, &*target).await.unwrap();
            visible::agrees(&*target).await;
            assert_eq!(compared(&target), compared(&source), "write {n}");
            if done.is_ok() {
                assert!(n > 50, "only {n} writes");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let (source, target) = (source().await, memory());
    let said = copy_but(&Immutable::default(), true, &source, &*target).await.unwrap();
    assert!(target.objects().is_empty());
    let done = copy(&source, &*target).await.unwrap();
    let count = |done: &[Copied]| -> (usize, usize, u64) {
        let sum = |of: fn(&Copied) -> u64| done.iter().map(of).sum::<u64>();
        (done.iter().map(|it| it.moved).sum(), done.iter().map(|it| it.blobs).sum(), sum(|it| it.bytes))
    };
    assert_eq!(count(&said), count(&done));
}

#[tokio::test]
async fn tags_that_are_immutable_there_stay_and_the_others_move() {
    let (source, target) = (source().await, memory());
    run(&*target, &Sample::image("theirs"), &["acme/app:2"]).await.unwrap();
    let immutable = Immutable { patterns: ["2".parse().unwrap()].into(), if_absent: false };
    let done = copy_but(&immutable, false, &source, &*target).await.unwrap();
    let stay: Vec<String> =
        done.iter().flat_map(|copied| &copied.stay).map(|refusal| refusal.tag.to_string()).collect();
    assert_eq!(stay, ["2"]);
    visible::agrees(&*target).await;
    assert_eq!(visible::tag(&*target, "acme/app", "2").await, Some(Sample::image("theirs").digest()));
    assert_eq!(visible::tag(&*target, "acme/app", "latest").await, Some(Sample::image("signed").digest()));
    let history = Key::TagHistoryLink(
        "acme/app".parse().unwrap(),
        "2".parse().unwrap(),
        Sample::image("signed").digest(),
    );
    assert!(target.size(&history).await.unwrap().is_none(), "it never pointed there");
}

#[tokio::test]
async fn what_is_damaged_is_told_and_the_rest_is_copied() {
    let (source, target) = (source().await, memory());
    let image = Sample::image("old").load().await;
    let layer = image.blobs.iter().find(|blob| blob.size == 3).unwrap();
    source.write(&Key::Blob(layer.digest), &Document::new("bad"), When::Always).await.unwrap();
    let missing = Sample::sha512("long").load().await.blobs.last().unwrap().digest;
    source.delete(&Key::Blob(missing)).await.unwrap();

    let done = copy(&source, &*target).await.unwrap();
    let problems: Vec<&String> = done.iter().flat_map(|copied| &copied.problems).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("a/b/c:1: ") && problems[0].contains("lacks"), "{problems:?}");
    assert!(problems[1].starts_with("acme/app:kept: the source holds other bytes"), "{problems:?}");
    visible::agrees(&*target).await;
    assert_eq!(visible::tag(&*target, "acme/app", "kept").await, None);
    for (name, tag) in [("acme/app", "1"), ("acme/app", "2"), ("app", "1")] {
        assert_eq!(visible::tag(&*target, name, tag).await, visible::tag(&*source, name, tag).await);
    }
}

#[tokio::test]
async fn what_moves_at_the_source_later_comes_with_the_next_copy() {
    let (source, target) = (source().await, memory());
    copy(&source, &*target).await.unwrap();
    run(&*source, &Sample::image("newest"), &["acme/app:1"]).await.unwrap();
    let name: Repository = "acme/app".parse().unwrap();
    remove::tag(derive(&*source), &name, &"latest".parse().unwrap()).await.unwrap();
    let done = copy(&source, &*target).await.unwrap();
    assert_eq!(done.iter().map(|copied| copied.moved).sum::<usize>(), 1);
    assert_eq!(visible::tag(&*target, "acme/app", "1").await, Some(Sample::image("newest").digest()));
    assert!(visible::tag(&*target, "acme/app", "latest").await.is_some(), "nothing is removed there");
    visible::agrees(&*target).await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_read_on() {
    let (whole, target) = (source().await, memory());
    let shaken = Arc::new(Shaken::new(Arc::clone(&whole), Harm::Cut));
    let done = copy(&shaken, &*target).await.unwrap();
    assert!(done.iter().all(|copied| copied.problems.is_empty()), "{done:?}");
    assert_eq!(compared(&target), compared(&whole));

    let target = memory();
    let silent = Arc::new(Shaken::new(whole, Harm::Silent));
    let failed = copy(&silent, &*target).await.unwrap_err();
    let CopyError::Publish(PublishError::Send(SendError::Store(error))) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(error.kind, Kind::Unavailable);
    visible::is_whole(&*target).await;
}

#[tokio::test]
async fn a_tag_that_moves_meanwhile_is_followed() {
    let (store, target) = (source().await, memory());
    let (old, new) = (Sample::described("new", "Says new").digest(), Sample::image("newest"));
    let shaken = Arc::new(Shaken::new(store, Harm::Moved(old, Box::new(new.clone()))));
    let done = copy(&shaken, &*target).await.unwrap();
    assert!(done.iter().all(|copied| copied.problems.is_empty()), "{done:?}");
    assert_eq!(visible::tag(&*target, "acme/app", "1").await, Some(new.digest()));
    visible::agrees(&*target).await;
}
