//! A store in which something happens at the moment of the commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;

use async_trait::async_trait;
use contract::key::{Key, Prefix};
use publisher::content::Content;
use publisher::store::{Document, Found, Looked, Pages, SendError, Store, StoreError, When};

use crate::run;
use crate::sample::Sample;

/// What happens once, at the first write of `acme/app:v1`'s link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody else publishes it just before.
    Overtaken,
    /// Somebody else publishes it just after, in a store that does not compare.
    Overwritten,
    /// The answer is lost, and what the store says to the second try is all that is known.
    AnswerLost,
}

#[derive(Debug)]
pub(crate) struct Eventful<'a> {
    store: &'a dyn Store,
    event: Event,
    other: &'a Sample,
    over: AtomicBool,
}

impl<'a> Eventful<'a> {
    pub(crate) fn new(event: Event, store: &'a dyn Store, other: &'a Sample) -> Self {
        Self { store, event, other, over: AtomicBool::new(false) }
    }

    /// On a thread of its own: within a store's method, a whole publication is more than the compiler can follow.
    fn somebody_else(&self) {
        let publish = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(self.store, self.other, &["acme/app:v1"])).unwrap();
        };
        thread::scope(|scope| scope.spawn(publish).join().unwrap());
    }
}

#[async_trait]
impl Store for Eventful<'_> {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        Ok(self.event != Event::Overwritten)
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.store.size(key).await
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        self.store.look(key).await
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        self.store.now().await
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        self.store.read(key).await
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        let link = Key::TagLink("acme/app".parse().unwrap(), "v1".parse().unwrap());
        if *key != link || self.over.swap(true, Ordering::SeqCst) {
            return self.store.write(key, document, when).await;
        }
        if self.event != Event::Overtaken {
            self.store.write(key, document, when).await?;
        }
        if self.event != Event::AnswerLost {
            self.somebody_else();
        }
        if self.event == Event::Overwritten {
            return Ok(());
        }
        self.store.write(key, document, When::Absent).await
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        self.store.send(key, content).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        self.store.copy(from, to).await
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        self.store.refresh(key).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.store.delete_many(keys).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        self.store.list(prefix).await
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        self.store.pages(prefix)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}
