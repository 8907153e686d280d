//! A store that takes its time, by a clock that the test owns.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use contract::key::{Key, Prefix};
use futures_util::stream::{self, StreamExt};
use publisher::content::Content;
use publisher::store::memory::Memory;
use publisher::store::{Document, Found, Looked, Pages, SendError, Store, StoreError, When};

/// What is asked is done some time later, unless whoever asked has given up by then.
#[derive(Debug)]
pub(super) struct Slow(pub(super) Memory);

impl Slow {
    /// Mostly no second, now and then half a minute.
    async fn wait(&self) -> &Memory {
        let most = if fastrand::u8(..) < 4 { 30_000 } else { 700 };
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..most))).await;
        &self.0
    }
}

#[async_trait]
impl Store for Slow {
    fn name(&self) -> String {
        self.0.name()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.wait().await.size(key).await
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        self.wait().await.look(key).await
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        self.0.now().await
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        self.wait().await.read(key).await
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        self.wait().await.write(key, document, when).await
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        self.wait().await.send(key, content).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        self.wait().await.copy(from, to).await
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        self.wait().await.refresh(key).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.wait().await.delete(key).await
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        for key in keys {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..900))).await;
            self.0.delete(key).await?;
        }
        Ok(())
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        self.wait().await.list(prefix).await
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        let prefix = prefix.clone();
        let pages = async move { self.wait().await.pages(&prefix) };
        stream::once(pages).flatten().boxed()
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
