//! A store as a source: an image that is there already, to be published under another name.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use futures_util::StreamExt;
use futures_util::stream;

use crate::content::{Chunks, Open};
use crate::reading::Reading;
use crate::store::{DOCUMENT_MAX, Store};

/// The contents of a store. Documents can be opened; larger contents are there already, wherever this is published.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a>(pub &'a dyn Store);

#[async_trait]
impl Open for Stored<'_> {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        if descriptor.size > DOCUMENT_MAX {
            return Ok(None);
        }
        let found = self.0.read(&Key::Blob(descriptor.digest)).await.map_err(io::Error::other)?;
        Ok(found.map(|found| stream::iter([Ok(found.bytes)]).boxed()))
    }

    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        self.0.size(&Key::Blob(descriptor.digest)).await.map_err(io::Error::other)
    }
}

/// The contents of a store, of any size, for another store.
#[derive(Debug, Clone)]
pub struct Remote(pub Arc<dyn Store>);

#[async_trait]
impl Open for Remote {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        let (store, key) = (Arc::clone(&self.0), Key::Blob(descriptor.digest));
        let reading = Reading::begin(store, key, descriptor.size).await.map_err(io::Error::other)?;
        let next = |mut reading: Reading<_>| async {
            let chunk = reading.next().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>(chunk.map(|chunk| (chunk, reading)))
        };
        Ok(reading.map(|reading| stream::try_unfold(reading, next).boxed()))
    }

    /// A layer is taken at its word: nobody reads it that the other store has, and whether it is there shows when it
    /// is read.
    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        if descriptor.media_type.is_layer() && !descriptor.may_be_absent() {
            return Ok(Some(descriptor.size));
        }
        Stored(&*self.0).size(descriptor).await
    }
}

/// One document that was made here, beside what is there.
pub struct Beside<'a> {
    /// Of the document.
    pub digest: Digest,
    /// The document.
    pub bytes: Bytes,
    /// Everything else.
    pub rest: &'a dyn Open,
}

#[async_trait]
impl Open for Beside<'_> {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        if descriptor.digest == self.digest {
            return Ok(Some(stream::iter([Ok(self.bytes.clone())]).boxed()));
        }
        self.rest.open(descriptor).await
    }

    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        if descriptor.digest == self.digest {
            return Ok(Some(self.bytes.len() as u64));
        }
        self.rest.size(descriptor).await
    }
}
