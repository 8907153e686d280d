//! Layers whose name does not say what they hold: they are read, unpacked, and compared with the digest of the tar.

use std::io;

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest, Hasher};
use contract::key::Key;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::finding::Wrong;
use super::looking::Looking;
use crate::reading::Reading;
use crate::source::unpacked;
use crate::store::{Kind, Store, StoreError};

/// What reading one layer told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Read {
    /// Of its own bytes, and how many these are.
    packed: (Digest, u64),
    /// Of what it holds; `None` where that cannot be unpacked.
    plain: Option<Digest>,
}

impl Looking<'_> {
    /// Looks at the gzip that v1 has of a tar; reads it where that is wanted.
    pub(super) async fn v1_gzip(&self, key: &Key, diff_id: &Digest, by: &str) -> Result<(), StoreError> {
        if !self.is_new(key) {
            return Ok(());
        }
        let Some((size, version)) = self.object(key, None, by).await? else { return Ok(()) };
        if !self.verify.deep || self.was_read(key, size, &version) {
            return Ok(());
        }
        match self.unpack(key, diff_id, size).await? {
            None => self.tell(key, Wrong::Missing(by.to_owned())),
            Some(read) if read.plain != Some(*diff_id) => self.tell(key, Wrong::Damaged),
            Some(_) => self.note(key, size, &version),
        }
        Ok(())
    }

    /// Reads the blob that a plain layer is remembered to have become: it has to hold that layer. Where its own bytes
    /// are right, too, nobody reads it once more.
    pub(super) async fn hint(
        &self,
        hint: &Key,
        diff_id: &Digest,
        blob: &Descriptor,
    ) -> Result<(), StoreError> {
        let key = Key::Blob(blob.digest);
        let Some(looked) = self.store().look(&key).await? else { return Ok(()) };
        let etag = looked.headers.and_then(|sent| sent.etag).unwrap_or_default();
        let version = format!("{} {etag}", blob.digest);
        if self.was_read(hint, blob.size, &version) {
            return Ok(());
        }
        // What is gone meanwhile leads nowhere: who looks next finds that.
        let Some(read) = self.unpack(&key, diff_id, blob.size).await? else { return Ok(()) };
        if read.packed == (blob.digest, blob.size) {
            self.reads_no_more(&key);
        }
        if read.plain == Some(*diff_id) {
            self.note(hint, blob.size, &version);
        } else {
            self.tell(hint, Wrong::Disagrees("what the blob that it names holds"));
        }
        Ok(())
    }

    /// `None` where it is gone.
    async fn unpack(&self, key: &Key, diff_id: &Digest, size: u64) -> Result<Option<Read>, StoreError> {
        let _turn = self.readers.acquire().await;
        let Some(reading) = Reading::begin(self.store(), key.clone(), size).await? else { return Ok(None) };
        let mut hasher = Hasher::new(key_algorithm(key, diff_id));
        let plain = unpacked::digest(diff_id.algorithm(), self.along(reading, &mut hasher)).await;
        let plain = match plain.map_err(io::Error::downcast::<StoreError>) {
            Ok(plain) => plain,
            Err(Ok(error)) if error.kind == Kind::Missing => return Ok(None),
            Err(Ok(error)) => return Err(error),
            // Not packed as its first bytes say, or broken: it holds nothing.
            Err(Err(_)) => None,
        };
        Ok(Some(Read { packed: hasher.finish(), plain }))
    }

    /// The chunks, which pass a hasher on their way.
    fn along<'b>(
        &'b self,
        reading: Reading<&'b dyn Store>,
        hasher: &'b mut Hasher,
    ) -> BoxStream<'b, io::Result<Bytes>> {
        let next = move |(mut reading, hasher): (Reading<_>, &'b mut Hasher)| async move {
            let Some(chunk) = reading.next().await.map_err(io::Error::other)? else { return Ok(None) };
            hasher.update(&chunk);
            self.has_read(chunk.len() as u64);
            Ok::<_, io::Error>(Some((chunk, (reading, hasher))))
        };
        stream::try_unfold((reading, hasher), next).boxed()
    }
}

/// Of a blob, that of its name.
fn key_algorithm(key: &Key, otherwise: &Digest) -> Algorithm {
    if let Key::Blob(digest) = key { digest.algorithm() } else { otherwise.algorithm() }
}
