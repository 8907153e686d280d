//! A store that fails at its n-th write.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use contract::key::{Key, Prefix};
use publisher::content::Content;
use publisher::store::{Document, Found, Kind, Looked, Pages, SendError, Store, StoreError, When};

/// When the write that fails takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not at all.
    Before,
    /// It does, and the answer is lost.
    After,
}

/// Fails once the given number of writes went through, and from then on: its publisher is dead.
#[derive(Debug)]
pub(crate) struct Faulty<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) fault: Fault,
    left: AtomicUsize,
}

impl<'a> Faulty<'a> {
    pub(crate) fn after(writes: usize, fault: Fault, store: &'a dyn Store) -> Self {
        Self { store, fault, left: AtomicUsize::new(writes + 1) }
    }

    /// Whether it failed.
    pub(crate) fn failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    async fn pass<T, E: From<StoreError>>(&self, effect: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let one_less = |left: usize| Some(left.saturating_sub(1));
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).unwrap_or(0);
        let dead = || StoreError {
            kind: Kind::Unavailable,
            store: "faulty".into(),
            action: "a test".into(),
            source: None,
        };
        match left {
            0 => Err(dead().into()),
            1 => {
                if self.fault == Fault::After {
                    effect.await?;
                }
                Err(dead().into())
            }
            _ => effect.await,
        }
    }
}

#[async_trait]
impl Store for Faulty<'_> {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        self.store.compares().await
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
        self.pass(self.store.write(key, document, when)).await
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        self.pass(self.store.send(key, content)).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        self.pass(self.store.copy(from, to)).await
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        self.pass(self.store.refresh(key)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.pass(self.store.delete(key)).await
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.pass(self.store.delete_many(keys)).await
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
