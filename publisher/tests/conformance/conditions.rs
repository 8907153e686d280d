//! When a write may happen.

use std::sync::Arc;

use contract::key::Key;
use publisher::store::{Document, Kind, Store, StoreError, Version, When};

use crate::given::{layer, tag_link};
use crate::subject::Subject;

fn conflict(done: Result<(), StoreError>) -> bool {
    match done {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.kind, Kind::Conflict, "{error:?}");
            true
        }
    }
}

pub(crate) async fn a_write_happens_when_its_condition_holds(Subject { store, sibling, .. }: &Subject) {
    assert!(store.compares().await.unwrap() && sibling.compares().await.unwrap());
    for key in [Key::Catalog, tag_link("acme/app", "1"), layer(1)] {
        let content = async || store.read(&key).await.unwrap().unwrap();
        let write = async |bytes: &'static str, when: When| {
            conflict(store.write(&key, &Document::new(bytes), when).await)
        };
        assert!(write("0", When::Unchanged(Version("\"0\"".into()))).await);
        assert_eq!(store.read(&key).await.unwrap(), None);
        assert!(!write("1", When::Absent).await);
        assert!(write("2", When::Absent).await);
        let first = content().await;
        assert_eq!(first.bytes, "1");
        sibling.write(&key, &Document::new("3"), When::Always).await.unwrap();
        assert!(write("4", When::Unchanged(first.version.clone())).await);
        let third = content().await;
        assert_eq!(third.bytes, "3");
        assert!(!write("5", When::Unchanged(third.version)).await);
        assert_eq!(content().await.bytes, "5");
        store.delete(&key).await.unwrap();
        assert!(write("6", When::Unchanged(first.version)).await);
        assert!(!write("7", When::Absent).await);
        assert_eq!(content().await.bytes, "7");
    }
}

pub(crate) async fn of_racing_creators_one_wins(Subject { store, sibling, .. }: &Subject) {
    for key in [Key::Catalog, layer(1)] {
        let creators = (0..16).map(|number| {
            let (store, key) = (Arc::clone(if number % 2 == 0 { store } else { sibling }), key.clone());
            tokio::spawn(async move {
                let lost =
                    conflict(store.write(&key, &Document::new(number.to_string()), When::Absent).await);
                (!lost).then_some(number)
            })
        });
        let mut winners = Vec::new();
        for creator in creators.collect::<Vec<_>>() {
            winners.extend(creator.await.unwrap());
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(store.read(&key).await.unwrap().unwrap().bytes, winners[0].to_string());
    }
}

const WRITERS: u32 = 8;
const CHANGES: u32 = 6;

pub(crate) async fn racing_changes_are_not_lost(Subject { store, sibling, .. }: &Subject) {
    let writers = (0..WRITERS).map(|number| {
        let store = Arc::clone(if number % 2 == 0 { store } else { sibling });
        tokio::spawn(async move {
            for _ in 0..CHANGES {
                while conflict(increment(&*store).await) {}
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let last = store.read(&Key::Catalog).await.unwrap().unwrap();
    assert_eq!(last.bytes, (WRITERS * CHANGES).to_string());
}

async fn increment(store: &dyn Store) -> Result<(), StoreError> {
    let (number, when) = match store.read(&Key::Catalog).await? {
        None => (0, When::Absent),
        Some(found) => {
            (str::from_utf8(&found.bytes).unwrap().parse::<u32>().unwrap(), When::Unchanged(found.version))
        }
    };
    store.write(&Key::Catalog, &Document::new((number + 1).to_string()), when).await
}
