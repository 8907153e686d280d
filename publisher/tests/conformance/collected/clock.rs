//! A real store by a clock that the test owns. Time is paused, so that sleeps cost nothing, and an object is as old as the
//! store says, and older by the time that the test has let pass since it was written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use contract::key::{Key, Prefix};
use futures_util::{StreamExt, TryStreamExt};
use publisher::content::Content;
use publisher::store::{Document, Found, Looked, Pages, SendError, Store, StoreError, When};
use tokio::runtime::Handle;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::time::Instant;

use crate::given::Given;

/// The store.
#[derive(Debug, Clone)]
pub(super) struct Timed {
    store: Arc<dyn Store>,
    /// Where requests are made: there, time passes as ever.
    real: Handle,
    begun: Instant,
    /// How much time the test had let pass when an object was written.
    written: Arc<Mutex<HashMap<Key, Duration>>>,
    /// Held by each request.
    at_work: Arc<RwLock<()>>,
    /// Whether requests take time by the test's clock.
    slow: bool,
}

impl Timed {
    pub(super) fn new(store: Arc<dyn Store>, real: Handle) -> Self {
        let (written, at_work) = Default::default();
        Self { store, real, begun: Instant::now(), written, at_work, slow: false }
    }

    /// The same store, whose requests take time by the test's clock.
    pub(super) fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    /// Until it is dropped, nothing happens to the store.
    pub(super) async fn halted(&self) -> (OwnedRwLockWriteGuard<()>, Self) {
        // Who looks asks by a way of its own.
        let looking = Self { at_work: Arc::default(), slow: false, ..self.clone() };
        (Arc::clone(&self.at_work).write_owned().await, looking)
    }

    fn passed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Makes a request. While it is under way the test's clock stands still, since a thread is busy; and a caller that
    /// dies does not end it.
    async fn ask<T: Send + 'static, F: Future<Output = T> + Send>(
        &self,
        ask: impl FnOnce(Arc<dyn Store>) -> F + Send + 'static,
    ) -> T {
        self.request(None, ask).await
    }

    /// The same for what makes an object young. It is from the beginning on, so that nobody takes it for old meanwhile.
    async fn request<T: Send + 'static, F: Future<Output = T> + Send>(
        &self,
        renewed: Option<&Key>,
        ask: impl FnOnce(Arc<dyn Store>) -> F + Send + 'static,
    ) -> T {
        if self.slow {
            // Mostly no second, now and then half a minute.
            let most = if fastrand::u8(..) < 4 { 30_000 } else { 700 };
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..most))).await;
        }
        let guard = Arc::clone(&self.at_work).read_owned().await;
        if let Some(key) = renewed {
            self.written.lock().unwrap().insert(key.clone(), self.passed());
        }
        let (store, real) = (Arc::clone(&self.store), self.real.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            real.block_on(async move { ask(store).await })
        });
        asked.await.unwrap()
    }

    fn since(&self, key: &Key, modified: SystemTime) -> SystemTime {
        modified + self.written.lock().unwrap().get(key).copied().unwrap_or_default()
    }
}

#[async_trait]
impl Store for Timed {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        self.ask(|store| async move { store.compares().await }).await
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let key = key.clone();
        self.ask(|store| async move { store.size(&key).await }).await
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        let asked = key.clone();
        let found = self.ask(|store| async move { store.look(&asked).await }).await?;
        Ok(found.map(|found| Looked { modified: self.since(key, found.modified), ..found }))
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        Ok(self.ask(|store| async move { store.now().await }).await? + self.passed())
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        let key = key.clone();
        self.ask(|store| async move { store.read(&key).await }).await
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        let (at, document) = (key.clone(), document.clone());
        self.request(Some(key), |store| async move { store.write(&at, &document, when).await }).await
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        let descriptor = content.descriptor.clone();
        let (at, given) = (key.clone(), Given::new(content.open().await?.whole().await?));
        let send = |store: Arc<dyn Store>| async move {
            store.send(&at, &Content { descriptor: &descriptor, from: &given, passed: &|_| () }).await
        };
        self.request(Some(key), send).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let [from, at] = [from, to].map(Key::clone);
        self.request(Some(to), |store| async move { store.copy(&from, &at).await }).await
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        let at = key.clone();
        self.request(Some(key), |store| async move { store.refresh(&at).await }).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let key = key.clone();
        self.ask(|store| async move { store.delete(&key).await }).await
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        let keys = keys.to_vec();
        self.ask(|store| async move { store.delete_many(&keys).await }).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let prefix = prefix.clone();
        self.ask(|store| async move { store.list(&prefix).await }).await
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        let prefix = prefix.clone();
        let listed = self.ask(|store| async move { store.pages(&prefix).try_concat().await });
        let dated = async move {
            let mut listed: Vec<publisher::store::Listed> = listed.await?;
            listed.iter_mut().for_each(|listed| listed.modified = self.since(&listed.key, listed.modified));
            Ok(listed)
        };
        futures_util::stream::once(dated).boxed()
    }

    async fn tidy(&self, grace: Duration, most: usize) -> Result<usize, StoreError> {
        let left = grace.saturating_sub(self.passed());
        self.ask(move |store| async move { store.tidy(left, most).await }).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.ask(|store| async move { store.close().await }).await
    }
}
