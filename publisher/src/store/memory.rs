//! A store in memory: for tests, and the plainest reading of what [`Store`] promises.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use contract::key::{ContentType, Key, Prefix};

use super::{
    DOCUMENT_MAX, Document, Found, Headers, Kind, Looked, SendError, Sent, Store, StoreError, Version, When,
    headers,
};
use crate::content::Content;

/// Objects in memory. A clone shares them.
#[derive(Debug, Clone)]
pub struct Memory {
    objects: Arc<Mutex<Objects>>,
    changing_ttl: u32,
}

/// What is kept, by path.
pub type Objects = BTreeMap<String, (Headers, Bytes)>;

impl Memory {
    /// Without any object. `changing_ttl` is how many seconds caches may keep what changes.
    pub fn new(changing_ttl: u32) -> Self {
        Self { objects: Arc::default(), changing_ttl }
    }

    /// What is there at this moment.
    pub fn objects(&self) -> Objects {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Objects> {
        // Each change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, kind: Kind, action: String) -> StoreError {
        StoreError { kind, store: self.name(), action, source: None }
    }
}

#[async_trait]
impl Store for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        Ok(self.locked().get(&key.path()).map(|(_, bytes)| bytes.len() as u64))
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        let objects = self.locked();
        Ok(objects.get(&key.path()).map(|(headers, bytes)| {
            let Headers { content_type, cache_control } = headers.clone();
            let (content_type, cache_control) = (Some(content_type), Some(cache_control));
            let headers = Sent { content_type, cache_control, content_encoding: None };
            Looked { size: bytes.len() as u64, headers: Some(headers) }
        }))
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        let Some((_, bytes)) = self.locked().get(&key.path()).cloned() else { return Ok(None) };
        if bytes.len() as u64 > DOCUMENT_MAX {
            return Err(self.failed(Kind::Other, format!("reading {key}, which is no small document")));
        }
        Ok(Some(Found { version: Version::of(&bytes), bytes }))
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        let headers = headers(key, document.media_type.as_ref(), self.changing_ttl);
        let object = (headers, document.bytes.clone());
        let mut objects = self.locked();
        match (when, objects.entry(key.path())) {
            (When::Always, entry) => {
                entry.insert_entry(object);
            }
            (When::Absent, Entry::Vacant(entry)) => {
                entry.insert(object);
            }
            (When::Unchanged(version), Entry::Occupied(mut entry))
                if Version::of(&entry.get().1) == version =>
            {
                entry.insert(object);
            }
            (When::Absent | When::Unchanged(_), _) => {
                return Err(self.failed(Kind::Conflict, format!("writing {key}")));
            }
        }
        Ok(())
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        let bytes = content.open().await?.whole().await?;
        self.locked().insert(key.path(), (headers(key, None, self.changing_ttl), bytes));
        Ok(())
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let mut objects = self.locked();
        let Some((old, bytes)) = objects.get(&from.path()).cloned() else {
            return Err(self.failed(Kind::Missing, format!("copying {from} to {to}")));
        };
        let mut headers = headers(to, None, self.changing_ttl);
        if to.content_type() == ContentType::OfManifest {
            headers.content_type = old.content_type;
        }
        objects.insert(to.path(), (headers, bytes));
        Ok(())
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.locked().remove(&key.path());
        Ok(())
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let prefix = prefix.path();
        let objects = self.locked();
        let below = objects.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        Ok(below.filter_map(|(path, _)| Key::parse(path)).collect())
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
