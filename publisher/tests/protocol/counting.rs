//! A store that notes what it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use contract::key::{Key, Prefix};
use publisher::content::{Chunks, Content};
use publisher::store::{Document, Found, Kind, Looked, Pages, SendError, Store, StoreError, When};

/// Each operation is one request to a store in a bucket, as long as content is small.
#[derive(Debug)]
pub(crate) struct Counting<'a> {
    store: &'a dyn Store,
    asked: Mutex<Vec<String>>,
    /// So many contents can be opened, no more.
    may_open: usize,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(store: &'a dyn Store) -> Self {
        Self::opening(store, usize::MAX)
    }

    /// One whose network fails when so many contents were opened.
    pub(crate) fn opening(store: &'a dyn Store, may_open: usize) -> Self {
        Self { store, asked: Mutex::default(), may_open }
    }

    fn note(&self, what: &str, of: &dyn Display) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{what:5} {of}"));
    }

    /// All that was asked, in alphabetical order.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.sort_unstable();
        asked
    }

    /// How often what was asked.
    pub(crate) fn counts(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for asked in self.asked() {
            *counts.entry(asked.split(' ').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        counts.join(", ")
    }
}

#[async_trait]
impl Store for Counting<'_> {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        self.store.compares().await
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.note("size", key);
        self.store.size(key).await
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        self.note("look", key);
        self.store.look(key).await
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        self.store.now().await
    }

    async fn open(&self, key: &Key, from: u64) -> Result<Option<Chunks>, StoreError> {
        self.note("open", key);
        let opened = self.asked().iter().filter(|asked| asked.starts_with("open ")).count();
        if opened > self.may_open {
            let (store, action) = (self.name(), format!("reading {key}"));
            return Err(StoreError { kind: Kind::Unavailable, store, action, source: None });
        }
        self.store.open(key, from).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        self.note("read", key);
        self.store.read(key).await
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        self.note("write", key);
        self.store.write(key, document, when).await
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        self.note("send", key);
        self.store.send(key, content).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        self.note("copy", to);
        self.store.copy(from, to).await
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        self.note("fresh", key);
        self.store.refresh(key).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.note("delete", key);
        self.store.delete(key).await
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        keys.iter().for_each(|key| self.note("delete", key));
        self.store.delete_many(keys).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        self.note("list", &prefix.path());
        self.store.list(prefix).await
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        self.note("pages", &prefix.path());
        self.store.pages(prefix)
    }

    async fn folders(&self, prefix: &Prefix) -> Result<BTreeSet<String>, StoreError> {
        self.note("folders", &prefix.path());
        self.store.folders(prefix).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}
