//! A store in memory: for tests, and the plainest reading of what [`Store`] promises.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use contract::key::{ContentType, Key, Prefix};
use futures_util::stream::{self, StreamExt};

use super::{
    DOCUMENT_MAX, Document, Found, Headers, Kind, Listed, Looked, Pages, SendError, Sent, Store, StoreError,
    Version, When, headers,
};
use crate::content::Content;

/// Objects in memory. A clone shares them.
#[derive(Debug, Clone)]
pub struct Memory {
    held: Arc<Mutex<Held>>,
    changing_ttl: u32,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Held {
    objects: Objects,
    times: Times,
}

/// What its clock shows: the machine's, or another.
#[derive(Clone)]
struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)().fmt(f)
    }
}

/// What is kept, by path.
pub type Objects = BTreeMap<String, (Headers, Bytes)>;

/// When it was written or refreshed, by path.
pub type Times = BTreeMap<String, SystemTime>;

impl Memory {
    /// Without any object. `changing_ttl` is how many seconds caches may keep what changes.
    pub fn new(changing_ttl: u32) -> Self {
        Self { held: Arc::default(), changing_ttl, clock: Clock(Arc::new(SystemTime::now)) }
    }

    /// The same store by another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Clock(Arc::new(clock)), ..self }
    }

    /// What is there at this moment.
    pub fn objects(&self) -> Objects {
        self.locked().objects.clone()
    }

    /// Since when.
    pub fn times(&self) -> Times {
        self.locked().times.clone()
    }

    /// Lets an object have been written at this time.
    pub fn date(&self, key: &Key, time: SystemTime) {
        if let Some(was) = self.locked().times.get_mut(&key.path()) {
            *was = time;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Held> {
        // Nothing that is done while it is locked panics: nothing is left half done.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was written.
    fn touch(&self, held: &mut Held, key: &Key) {
        held.times.insert(key.path(), (self.clock.0)());
    }

    fn failed(&self, kind: Kind, action: String) -> StoreError {
        StoreError { kind, store: self.name(), action, source: None }
    }
}

fn sent(Headers { content_type, cache_control }: Headers) -> Sent {
    let (content_type, cache_control) = (Some(content_type), Some(cache_control));
    Sent { content_type, cache_control, content_encoding: None, etag: None }
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
        Ok(self.locked().objects.get(&key.path()).map(|(_, bytes)| bytes.len() as u64))
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        let (held, path) = (self.locked(), key.path());
        let modified = held.times.get(&path).copied();
        Ok(held.objects.get(&path).zip(modified).map(|((headers, bytes), modified)| Looked {
            size: bytes.len() as u64,
            modified,
            headers: Some(sent(headers.clone())),
        }))
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        Ok((self.clock.0)())
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        let (found, modified) = {
            let (held, path) = (self.locked(), key.path());
            (held.objects.get(&path).cloned(), held.times.get(&path).copied())
        };
        let Some((headers, bytes)) = found else { return Ok(None) };
        if bytes.len() as u64 > DOCUMENT_MAX {
            return Err(self.failed(Kind::Other, format!("reading {key}, which is no small document")));
        }
        Ok(Some(Found { version: Version::of(&bytes), bytes, modified, headers: Some(sent(headers)) }))
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        let headers = headers(key, document.media_type.as_ref(), self.changing_ttl);
        let object = (headers, document.bytes.clone());
        let mut held = self.locked();
        match (when, held.objects.entry(key.path())) {
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
        self.touch(&mut held, key);
        Ok(())
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        let bytes = content.open().await?.whole().await?;
        let mut held = self.locked();
        held.objects.insert(key.path(), (headers(key, None, self.changing_ttl), bytes));
        self.touch(&mut held, key);
        Ok(())
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let mut held = self.locked();
        let Some((old, bytes)) = held.objects.get(&from.path()).cloned() else {
            return Err(self.failed(Kind::Missing, format!("copying {from} to {to}")));
        };
        let mut headers = headers(to, None, self.changing_ttl);
        if to.content_type() == ContentType::OfManifest {
            headers.content_type = old.content_type;
        }
        held.objects.insert(to.path(), (headers, bytes));
        self.touch(&mut held, to);
        Ok(())
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        let mut held = self.locked();
        if !held.objects.contains_key(&key.path()) {
            return Err(self.failed(Kind::Missing, format!("refreshing {key}")));
        }
        self.touch(&mut held, key);
        Ok(())
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let mut held = self.locked();
        held.objects.remove(&key.path());
        held.times.remove(&key.path());
        Ok(())
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        for key in keys {
            self.delete(key).await?;
        }
        Ok(())
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let prefix = prefix.path();
        let held = self.locked();
        let below = held.objects.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        Ok(below.filter_map(|(path, _)| Key::parse(path)).collect())
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        let prefix = prefix.path();
        let held = self.locked();
        let below = held.objects.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        let listed = below.filter_map(|(path, (_, bytes))| {
            let (key, modified) = (Key::parse(path)?, *held.times.get(path)?);
            Some(Listed { key, size: bytes.len() as u64, modified })
        });
        stream::iter([Ok(listed.collect())]).boxed()
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
