//! Content that is read to the end.

use contract::digest::{Digest, Hasher};
use contract::key::Key;

use super::finding::Wrong;
use super::looking::Looking;
use crate::reading::Reading;
use crate::store::{Kind, StoreError};

impl Looking<'_> {
    /// Reads content of this size and compares its digest. Returns whether it is right.
    pub(super) async fn read_through(
        &self,
        key: &Key,
        digest: &Digest,
        size: u64,
    ) -> Result<bool, StoreError> {
        let _turn = self.readers.acquire().await;
        match self.digest_of(key, digest, size).await {
            Ok(Some(found)) if found != (*digest, size) => self.tell(key, Wrong::Damaged),
            Ok(Some(_)) => return Ok(true),
            Err(error) if error.kind != Kind::Missing => return Err(error),
            Ok(None) | Err(_) => self.tell(key, Wrong::Missing("what names it".to_owned())),
        }
        Ok(false)
    }

    async fn digest_of(
        &self,
        key: &Key,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<(Digest, u64)>, StoreError> {
        let mut hasher = Hasher::new(digest.algorithm());
        let Some(mut reading) = Reading::begin(self.store(), key.clone(), size).await? else {
            return Ok(None);
        };
        while let Some(chunk) = reading.next().await? {
            hasher.update(&chunk);
            self.has_read(chunk.len() as u64);
        }
        Ok(Some(hasher.finish()))
    }
}
