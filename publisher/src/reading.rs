//! Content of a store, read on from where it breaks off.

use std::error::Error;
use std::ops::Deref;

use bytes::Bytes;
use contract::key::Key;
use futures_util::StreamExt;

use crate::content::Chunks;
use crate::store::{Kind, Store, StoreError};

/// How often content may break off without a byte of it having come.
const TRIES: u32 = 4;

/// An object of known size that is being read.
pub(crate) struct Reading<S> {
    store: S,
    key: Key,
    size: u64,
    at: u64,
    tries: u32,
    chunks: Option<Chunks>,
}

impl<S: Deref<Target: Store>> Reading<S> {
    /// Begins; `None` where there is no such object.
    pub(crate) async fn begin(store: S, key: Key, size: u64) -> Result<Option<Self>, StoreError> {
        let chunks = store.open(&key, 0).await?;
        Ok(chunks.map(|chunks| Self { store, key, size, at: 0, tries: 0, chunks: Some(chunks) }))
    }

    /// What comes next, not verified; `None` when all bytes have come.
    ///
    /// # Errors
    /// [`Kind::Missing`] where the object has been removed meanwhile.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        while self.at < self.size {
            let chunks = match &mut self.chunks {
                Some(chunks) => chunks,
                None => {
                    let again = self.store.open(&self.key, self.at).await?;
                    self.chunks.insert(again.ok_or_else(|| self.failed(Kind::Missing, None))?)
                }
            };
            match chunks.next().await {
                Some(Ok(chunk)) => {
                    self.at += chunk.len() as u64;
                    self.tries = if chunk.is_empty() { self.tries } else { 0 };
                    return Ok(Some(chunk));
                }
                broken => {
                    let why = broken.and_then(Result::err).map_or("it ended early".into(), Into::into);
                    self.tries += 1;
                    if self.tries == TRIES {
                        return Err(self.failed(Kind::Unavailable, Some(why)));
                    }
                    self.chunks = None;
                }
            }
        }
        Ok(None)
    }

    fn failed(&self, kind: Kind, source: Option<Box<dyn Error + Send + Sync>>) -> StoreError {
        let action = format!("reading {} from byte {} on", self.key, self.at);
        StoreError { kind, store: self.store.name(), action, source }
    }
}
