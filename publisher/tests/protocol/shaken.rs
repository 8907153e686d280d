//! A store that is read while things happen to it: streams break off, and somebody else moves a tag.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use async_trait::async_trait;
use contract::digest::Digest;
use contract::key::{Key, Prefix};
use futures_util::stream::{self, StreamExt};
use publisher::content::{Chunks, Content};
use publisher::remove;
use publisher::store::memory::Memory;
use publisher::store::{Document, Found, Looked, Pages, SendError, Store, StoreError, When};

use crate::sample::Sample;
use crate::{derive, run};

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Harm {
    /// Each stream ends after half of what is left, with an error.
    Cut,
    /// No byte of any stream comes.
    Silent,
    /// When the manifest is read the second time, `acme/app:1` has just been moved and the manifest collected.
    Moved(Digest, Box<Sample>),
}

#[derive(Debug)]
pub(crate) struct Shaken {
    pub(crate) store: Arc<Memory>,
    pub(crate) harm: Harm,
    reads: AtomicUsize,
}

impl Shaken {
    pub(crate) fn new(store: Arc<Memory>, harm: Harm) -> Self {
        Self { store, harm, reads: AtomicUsize::new(0) }
    }

    /// On a thread of its own: within a store's method, a whole publication is more than the compiler can follow.
    fn moved(&self, old: &Digest, new: &Sample) {
        let alone = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let store = &*self.store;
                run(store, new, &["acme/app:1"]).await.unwrap();
                remove::manifest(derive(store), &"acme/app".parse().unwrap(), old).await.unwrap();
                store.delete(&Key::Blob(*old)).await.unwrap();
            });
        };
        thread::scope(|scope| scope.spawn(alone).join().unwrap());
    }
}

#[async_trait]
impl Store for Shaken {
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

    async fn open(&self, key: &Key, from: u64) -> Result<Option<Chunks>, StoreError> {
        let Some(found) = self.store.read(key).await? else { return Ok(None) };
        let rest = found.bytes.slice(usize::try_from(from).unwrap()..);
        let comes = match &self.harm {
            Harm::Cut => rest.len().div_ceil(2),
            Harm::Silent => 0,
            Harm::Moved(..) => rest.len(),
        };
        let end = (comes < rest.len()).then(|| Err(io::ErrorKind::ConnectionReset.into()));
        Ok(Some(stream::iter([Ok(rest.slice(..comes))].into_iter().chain(end)).boxed()))
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        if let Harm::Moved(old, new) = &self.harm
            && *key == Key::Blob(*old)
            && self.reads.fetch_add(1, Ordering::SeqCst) == 1
        {
            self.moved(old, new);
        }
        self.store.read(key).await
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        self.store.write(key, document, when).await
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

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.store.delete_many(keys).await
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        self.store.pages(prefix)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        self.store.list(prefix).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}
