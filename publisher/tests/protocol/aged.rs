//! What depends on when links were written: a tag's history, and which tags are kept.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Repository, Tag};
use publisher::history::{self, HistoryError};
use publisher::remove;
use publisher::retain::{self, Candidate, Rules};
use publisher::store::Store;
use publisher::store::directory::Directory;

use crate::counting::Counting;
use crate::sample::Sample;
use crate::{derive, memory, run, visible};

fn app() -> Repository {
    "acme/app".parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// Makes an object as old as so many days.
fn age(root: &Path, key: &Key, days: u32) {
    let file = File::options().write(true).open(root.join(key.path())).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_400) * days).unwrap();
}

async fn publish(store: &dyn Store, text: &str, reference: &str) -> Digest {
    let sample = Sample::image(text);
    run(store, &sample, &[reference]).await.unwrap();
    sample.digest()
}

#[tokio::test]
async fn a_history_is_ordered_by_the_last_move_and_tells_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::create(folder.path()).await.unwrap();
    let mut digests = Vec::new();
    for (text, days) in [("one", 30), ("two", 20), ("three", 10), ("now", 5)] {
        let digest = publish(&store, text, "acme/app:1").await;
        age(folder.path(), &Key::TagHistoryLink(app(), tag("1"), digest), days);
        digests.push(digest);
    }
    let seen = async || history::of(derive(&store), &app(), &tag("1"), 4).await.unwrap();
    let of = |history: &[history::Past]| history.iter().map(|past| past.digest).collect::<Vec<_>>();
    let first = seen().await;
    assert_eq!(of(&first), [digests[3], digests[2], digests[1], digests[0]]);
    assert!(first[0].is_current && first.iter().skip(1).all(|past| !past.is_current));
    assert_eq!(history::previous(&first).map(|past| past.digest), Ok(digests[2]));

    // Back to the first: its link is written again.
    publish(&store, "one", "acme/app:1").await;
    let back = seen().await;
    assert_eq!(of(&back), [digests[0], digests[3], digests[2], digests[1]]);
    assert_eq!(history::previous(&back).map(|past| past.digest), Ok(digests[3]));

    remove::manifest(derive(&store), &app(), &digests[3]).await.unwrap();
    let gone = seen().await;
    assert!(gone[1].image.is_none() && gone[2].image.is_some());
    assert!(history::of(derive(&store), &app(), &tag("2"), 4).await.unwrap().is_empty());
}

/// S3 tells whole seconds.
#[tokio::test]
async fn of_moves_at_one_moment_none_is_guessed_to_be_the_last() {
    let (store, moment) = (memory(), SystemTime::now());
    for text in ["one", "two", "three"] {
        let digest = publish(&*store, text, "acme/app:1").await;
        store.date(&Key::TagHistoryLink(app(), tag("1"), digest), moment);
    }
    let history = history::of(derive(&*store), &app(), &tag("1"), 4).await.unwrap();
    assert!(matches!(history::previous(&history), Err(HistoryError::Unclear(of)) if of.len() == 2));
}

#[tokio::test]
async fn tags_that_go_leave_a_store_that_agrees_and_those_that_moved_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::create(folder.path()).await.unwrap();
    for (text, days) in [("one", 3), ("two", 2), ("three", 1)] {
        publish(&store, text, &format!("acme/app:{text}")).await;
        age(folder.path(), &Key::TagLink(app(), tag(text)), days);
    }
    let tags = retain::tags(&store, None).await.unwrap().remove(&app()).unwrap();
    let found = retain::candidates(derive(&store), &app(), tags, 4).await.unwrap();
    let rules = Rules { newest: Some(1), ..Rules::default() };
    let verdicts = retain::decide(&app(), found, &rules, SystemTime::now());
    let going: Vec<Candidate> = retain::going(&verdicts).cloned().collect();
    assert_eq!(going.iter().map(|candidate| candidate.tag.as_str()).collect::<Vec<_>>(), ["one", "two"]);

    publish(&store, "anew", "acme/app:one").await;
    let mut gone = Vec::new();
    for candidate in &going {
        gone.push(retain::remove(derive(&store), &app(), candidate).await.unwrap());
    }
    assert_eq!(gone, [false, true]);
    visible::agrees(&store).await;
    let left = retain::tags(&store, Some(&app())).await.unwrap();
    assert_eq!(left[&app()], [tag("one"), tag("three")]);
}

/// S3 refreshes by a copy onto itself: what another publisher writes in its midst would be undone.
#[tokio::test]
async fn a_list_that_others_change_is_made_young_by_a_condition_and_no_copy() {
    let (store, subject) = (memory(), Sample::image("subject"));
    run(&*store, &Sample::referrer(&subject, "signature"), &["acme/app"]).await.unwrap();
    let list = Key::Referrers(app(), subject.digest());
    let (before, old) = (store.read(&list).await.unwrap().unwrap().bytes, SystemTime::UNIX_EPOCH);
    store.date(&list, old);
    let counting = Counting::new(&*store);
    run(&counting, &subject, &["acme/app:1"]).await.unwrap();
    let refreshed = format!("fresh {list}");
    assert!(!counting.asked().contains(&refreshed), "{refreshed}");
    assert!(store.times()[&list.path()] > old);
    assert_eq!(store.read(&list).await.unwrap().unwrap().bytes, before);
}
