//! Keys and contents that tests ask for.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::v1;
use futures_util::{StreamExt, stream};
use publisher::content::{Chunks, Content, Open};
use publisher::store::{SendError, Store};

pub(crate) fn tag_link(repository: &str, tag: &str) -> Key {
    Key::TagLink(repository.parse().unwrap(), tag.parse().unwrap())
}

pub(crate) fn blob(bytes: &[u8]) -> Key {
    Key::Blob(Digest::of(Algorithm::Sha256, bytes))
}

pub(crate) fn layer(number: u8) -> Key {
    Key::V1Layer(v1::Id([number; 32]))
}

/// Bytes that neither repeat nor compress.
pub(crate) fn noise(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ size as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(size);
    bytes.into()
}

/// A source of one content.
pub(crate) struct Given {
    pub(crate) bytes: Bytes,
    pub(crate) chunk: usize,
    pub(crate) end: End,
}

/// What comes after the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Good,
    Error,
    Never,
}

#[async_trait]
impl Open for Given {
    async fn open(&self, _: &Descriptor) -> io::Result<Option<Chunks>> {
        let (bytes, chunk) = (self.bytes.clone(), self.chunk);
        let chunks = (0..bytes.len())
            .step_by(chunk)
            .map(move |from| Ok(bytes.slice(from..bytes.len().min(from + chunk))));
        let chunks = stream::iter(chunks);
        Ok(Some(match self.end {
            End::Good => chunks.boxed(),
            End::Error => chunks.chain(stream::iter([Err(io::Error::other("torn"))])).boxed(),
            End::Never => chunks.chain(stream::pending()).boxed(),
        }))
    }
}

impl Given {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes, chunk: 1 << 20, end: End::Good }
    }

    /// Sends it as what `expected` describes; tells how many bytes passed by.
    pub(crate) async fn send_as(
        &self,
        store: &dyn Store,
        key: &Key,
        expected: &Descriptor,
    ) -> Result<u64, SendError> {
        let passed = AtomicU64::new(0);
        let count = |bytes| {
            passed.fetch_add(bytes, Ordering::Relaxed);
        };
        store.send(key, &Content { descriptor: expected, from: self, passed: &count }).await?;
        Ok(passed.into_inner())
    }

    /// Sends it as what it is.
    pub(crate) async fn send(&self, store: &dyn Store, key: &Key) {
        let passed = self.send_as(store, key, &descriptor(&self.bytes)).await.unwrap();
        assert_eq!(passed, self.bytes.len() as u64);
    }
}

pub(crate) fn descriptor(bytes: &[u8]) -> Descriptor {
    let digest = Digest::of(Algorithm::Sha256, bytes);
    Descriptor::new("application/octet-stream".into(), digest, bytes.len() as u64)
}
