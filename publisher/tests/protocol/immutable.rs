//! Tags that must not be moved: they stay, nothing else moves with them, and a lost answer is no refusal.

use std::sync::Arc;
use std::thread;

use contract::key::Key;
use contract::listing::{Listing, TagList};
use publisher::apply::PublishError;
use publisher::immutable::{Immutable, Refusal, Why};
use publisher::plan::Step;
use publisher::store::directory::Directory;
use publisher::store::{Document, Store, When};

use crate::eventful::{Event, Eventful};
use crate::faulty::{Fault, Faulty};
use crate::sample::Sample;
use crate::{memory, run, run_but, visible};

fn if_absent() -> Immutable {
    Immutable { if_absent: true, ..Immutable::default() }
}

fn versions() -> Immutable {
    Immutable { patterns: ["v*".parse().unwrap()].into(), if_absent: false }
}

#[track_caller]
fn refusal<T>(done: Result<T, PublishError>) -> Refusal {
    match done {
        Err(PublishError::Refused(refusal)) => *refusal,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("nothing was refused"),
    }
}

#[tokio::test]
async fn a_tag_that_points_elsewhere_is_refused_before_anything_is_written() {
    let store = memory();
    let one = Sample::image("one");
    run(&*store, &one, &["acme/app:v1", "acme/app:latest"]).await.unwrap();
    let before = store.objects();
    let two = Sample::image("two");
    // Tags that may move, or are new, do not move either.
    let all = ["acme/app:latest", "acme/app:v1", "acme/app:v2", "acme/other:v1"];
    let refused = refusal(run_but(&versions(), &*store, &two, &all).await);
    assert_eq!(
        refused.to_string(),
        format!("the tag acme/app:v1 is immutable (v*) and points to {}", one.digest())
    );
    let refused = refusal(run_but(&if_absent(), &*store, &two, &["acme/app:latest"]).await);
    assert_eq!(
        refused.to_string(),
        format!("the tag acme/app:latest is there already and points to {}", one.digest())
    );
    assert_eq!(store.objects(), before);
}

#[tokio::test]
async fn a_tag_that_points_there_already_is_settled() {
    let store = memory();
    let one = Sample::image("one");
    run(&*store, &one, &["acme/app:v1"]).await.unwrap();
    let whole = store.objects();
    Store::delete(&*store, &Key::TagView("acme/app".parse().unwrap(), "v1".parse().unwrap())).await.unwrap();
    let plan = run_but(&if_absent(), &*store, &one, &["acme/app:v1"]).await.unwrap();
    assert!(!plan.steps().any(|step| matches!(step, Step::Move(..) | Step::Claim(..))), "{plan}");
    assert_eq!(store.objects(), whole);
}

#[tokio::test]
async fn a_link_that_holds_no_digest_is_not_written_over() {
    let store = memory();
    let link = Key::TagLink("acme/app".parse().unwrap(), "v1".parse().unwrap());
    store.write(&link, &Document::new("damaged"), When::Always).await.unwrap();
    let refused = refusal(run_but(&versions(), &*store, &Sample::image("one"), &["acme/app:v1"]).await);
    assert_eq!((refused.there, refused.why), (None, Why::Pattern("v*".parse().unwrap())));
    assert_eq!(store.read(&link).await.unwrap().unwrap().bytes, "damaged");
}

#[tokio::test]
async fn somebody_faster_keeps_the_tag_and_no_other_one_moves() {
    for event in [Event::Overtaken, Event::Overwritten] {
        let held = memory();
        run(&*held, &Sample::image("old"), &["acme/app:latest"]).await.unwrap();
        let (other, ours) = (Sample::image("other"), Sample::image("ours"));
        let store = Eventful::new(event, &*held, &other);
        let all = ["acme/app:latest", "acme/app:v1", "acme/app:v2", "acme/new:v1"];
        let refused = refusal(run_but(&versions(), &store, &ours, &all).await);
        assert_eq!((refused.tag.as_str(), refused.there), ("v1", Some(other.digest())), "{event:?}");
        visible::agrees(&*held).await;
        assert_eq!(visible::tag(&*held, "acme/app", "v1").await, Some(other.digest()));
        assert_eq!(visible::tag(&*held, "acme/app", "latest").await, Some(Sample::image("old").digest()));
        // What stood by then is ours, whole and listed.
        for (name, tag) in [("acme/app", "v2"), ("acme/new", "v1")] {
            if let Some(digest) = visible::tag(&*held, name, tag).await {
                assert_eq!(digest, ours.digest());
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_no_refusal() {
    let (held, ours) = (memory(), Sample::image("ours"));
    let store = Eventful::new(Event::AnswerLost, &*held, &ours);
    run_but(&if_absent(), &store, &ours, &["acme/app:v1"]).await.unwrap();
    visible::agrees(&*held).await;
    assert_eq!(visible::tag(&*held, "acme/app", "v1").await, Some(ours.digest()));
}

#[tokio::test]
async fn a_run_that_died_is_completed_by_the_same_again() {
    for fault in [Fault::Before, Fault::After] {
        for n in 0.. {
            let (held, ours) = (memory(), Sample::image("ours"));
            let store = Faulty::after(n, fault, &*held);
            let died = run_but(&if_absent(), &store, &ours, &["acme/app:v1"]).await.is_err();
            assert_eq!(died, store.failed());
            if !died {
                break;
            }
            run_but(&if_absent(), &*held, &ours, &["acme/app:v1"]).await.unwrap();
            visible::agrees(&*held).await;
            assert_eq!(visible::tag(&*held, "acme/app", "v1").await, Some(ours.digest()));
        }
    }
}

/// All at once; exactly one wins.
async fn race(store: Arc<dyn Store>, publishers: usize) {
    let samples: Vec<Sample> = (0..publishers).map(|nth| Sample::image(&nth.to_string())).collect();
    let publish = |sample: &Sample| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run_but(&if_absent(), &*store, sample, &["acme/app:v1"]))
    };
    let done: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = samples.iter().map(|sample| scope.spawn(move || publish(sample))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let won = visible::tag(&*store, "acme/app", "v1").await;
    for (sample, done) in samples.iter().zip(done) {
        match done {
            Ok(_) => assert_eq!(won, Some(sample.digest())),
            refused => assert_eq!(refusal(refused).there, won),
        }
    }
    assert!(samples.iter().any(|sample| won == Some(sample.digest())));
    visible::agrees(&*store).await;
    let list = store.read(&Key::TagList("acme/app".parse().unwrap())).await.unwrap().unwrap();
    assert_eq!(TagList::from_bytes(&list.bytes).unwrap().tags.len(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    for _ in 0..10 {
        race(memory(), 8).await;
    }
    let folder = tempfile::tempdir().unwrap();
    race(Arc::new(Directory::create(folder.path()).await.unwrap()), 8).await;
}
