//! Layers of Registry v1 that are no copies: gzip of what a blob holds that old Docker cannot read.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::content::{Chunks, Content, ContentError, Open};
use crate::reading::Reading;
use crate::source::LayerError;
use crate::source::repack::{Repack, Repacked};
use crate::store::{Kind, SendError, Store, StoreError};

/// Makes and sends them.
pub(crate) struct V1Layers<'a> {
    from: &'a dyn Open,
    store: &'a dyn Store,
    repack: Repack,
}

impl<'a> V1Layers<'a> {
    /// Of blobs that come from there, or are in the store.
    pub(crate) fn new(from: &'a dyn Open, store: &'a dyn Store) -> Self {
        Self { from, store, repack: Repack::new() }
    }

    /// Sends the one that this blob becomes. Nothing is there before it was seen that the blob holds the tar of this
    /// digest, so that the blob's own digest says nothing more.
    pub(crate) async fn send(&self, blob: &Descriptor, diff_id: &Digest, to: &Key) -> Result<(), SendError> {
        let layer = self.repack.gzip(diff_id, self.open(blob).await?).await;
        let layer = layer.map_err(|error| match error {
            LayerError::Read(error) => failed(blob, error),
            error => failed(blob, io::Error::other(error)),
        })?;
        let from = Made { layer: &layer, from: self.from };
        let content = Content { descriptor: &layer.descriptor, from: &from, passed: &|_| () };
        self.store.send(to, &content).await
    }

    async fn open(&self, blob: &Descriptor) -> Result<BoxStream<'_, io::Result<Bytes>>, SendError> {
        if let Some(chunks) = self.from.look(blob).await.map_err(|error| failed(blob, error))? {
            return Ok(chunks);
        }
        let key = Key::Blob(blob.digest);
        let lacks = || StoreError {
            kind: Kind::Missing,
            store: self.store.name(),
            action: format!("reading {key}, which gzip is to be made of"),
            source: None,
        };
        let reading = Reading::begin(self.store, key.clone(), blob.size).await?.ok_or_else(lacks)?;
        let next = |mut reading: Reading<&'a dyn Store>| async {
            let chunk = reading.next().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>(chunk.map(|chunk| (chunk, reading)))
        };
        Ok(stream::try_unfold(reading, next).boxed())
    }
}

/// Where the store failed, its own words.
fn failed(blob: &Descriptor, source: io::Error) -> SendError {
    match source.downcast::<StoreError>() {
        Ok(error) => error.into(),
        Err(source) => ContentError::Read { digest: blob.digest, source }.into(),
    }
}

/// A layer that is sent as fast as what it was made of may be.
struct Made<'a> {
    layer: &'a Repacked,
    from: &'a dyn Open,
}

#[async_trait]
impl Open for Made<'_> {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        Ok(self.layer.open(descriptor).await?.map(|chunks| self.from.along(chunks)))
    }
}
