//! A store as those see it who do not keep to the protocol.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use contract::key::{Key, Prefix};
use publisher::content::Content;
use publisher::store::{Document, Found, Looked, Pages, SendError, Store, StoreError, When};

use crate::explore::{Turns, at};

/// What somebody leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Omission {
    /// To look at what is to be removed: it is taken to be as old as it was.
    Looking,
    /// To ask whether somebody collects.
    Asking,
}

/// The store.
#[derive(Debug)]
pub(super) struct Careless(pub(super) Arc<Turns>, pub(super) Omission);

#[async_trait]
impl Store for Careless {
    fn name(&self) -> String {
        self.0.name()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        self.0.compares().await
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.0.size(key).await
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        match self.1 {
            Omission::Looking => Ok(Some(Looked { size: 0, modified: at(0), headers: None })),
            Omission::Asking => self.0.look(key).await,
        }
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        self.0.now().await
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        match self.1 {
            Omission::Asking if *key == Key::Collector => Ok(None),
            Omission::Asking | Omission::Looking => self.0.read(key).await,
        }
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        self.0.write(key, document, when).await
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        self.0.send(key, content).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        self.0.copy(from, to).await
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        self.0.refresh(key).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.0.delete_many(keys).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        self.0.list(prefix).await
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        self.0.pages(prefix)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}
