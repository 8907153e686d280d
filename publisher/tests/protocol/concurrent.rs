//! Publishers at once: no tag is lost, and a tag that several move ends as one of theirs, whole, in v2 and in v1.

use std::sync::Arc;
use std::thread;

use contract::key::Key;
use contract::listing::{Listing, TagList, V1Tags};
use contract::v1;
use publisher::store::Store;
use publisher::store::directory::Directory;

use crate::sample::Sample;
use crate::{memory, run, visible};

/// All of them at the same time, each on a thread of its own.
fn at_once(store: &Arc<dyn Store>, publications: Vec<(Sample, String)>) {
    thread::scope(|scope| {
        for (sample, reference) in &publications {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(run(&**store, sample, &[reference])).unwrap();
            });
        }
    });
}

async fn each_its_own_tag(store: Arc<dyn Store>, publishers: usize) {
    let publication = |nth| (Sample::image(&format!("image {nth}")), format!("acme/app:{nth}"));
    at_once(&store, (0..publishers).map(publication).collect());
    visible::agrees(&*store).await;
    let name: contract::name::Repository = "acme/app".parse().unwrap();
    let list = store.read(&Key::TagList(name.clone())).await.unwrap().unwrap();
    assert_eq!(TagList::from_bytes(&list.bytes).unwrap().tags.len(), publishers);
    let list = store.read(&Key::V1Tags(v1::Repository::of(&name).unwrap())).await.unwrap().unwrap();
    assert_eq!(V1Tags::from_bytes(&list.bytes).unwrap().tags.len(), publishers);
}

async fn all_the_same_tag(store: Arc<dyn Store>, publishers: usize) {
    let sample = |nth: usize| {
        if nth.is_multiple_of(3) { Sample::zstd(&nth.to_string()) } else { Sample::image(&nth.to_string()) }
    };
    let samples: Vec<Sample> = (0..publishers).map(sample).collect();
    at_once(&store, samples.iter().map(|sample| (sample.clone(), "acme/app:latest".to_owned())).collect());
    visible::agrees(&*store).await;
    let digest = visible::tag(&*store, "acme/app", "latest").await.unwrap();
    assert!(samples.iter().any(|sample| sample.digest() == digest));
}

#[tokio::test]
async fn in_memory() {
    for _ in 0..10 {
        each_its_own_tag(memory(), 16).await;
        all_the_same_tag(memory(), 8).await;
    }
}

#[tokio::test]
async fn in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    each_its_own_tag(Arc::new(Directory::create(folder.path().join("own")).await.unwrap()), 8).await;
    all_the_same_tag(Arc::new(Directory::create(folder.path().join("same")).await.unwrap()), 6).await;
}
