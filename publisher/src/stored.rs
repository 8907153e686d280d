//! A store as a source: an image that is there already, to be published under another name.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use futures_util::StreamExt;
use futures_util::stream;

use crate::content::{Chunks, Open};
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
