//! Content that is read, from where it broke off if it does.

use contract::digest::{Digest, Hasher};
use contract::key::Key;
use futures_util::StreamExt;

use super::finding::Wrong;
use super::looking::Looking;
use crate::store::{Kind, StoreError};

/// How often content may break off without a byte of it having come.
const TRIES: u32 = 4;

impl Looking<'_> {
    /// Reads content of this size and compares its digest.
    pub(super) async fn read_through(&self, key: &Key, digest: &Digest, size: u64) -> Result<(), StoreError> {
        let _turn = self.readers.acquire().await;
        let (mut hasher, mut at, mut tries) = (Hasher::new(digest.algorithm()), 0, 0);
        while at < size {
            let Some(mut chunks) = self.store().open(key, at).await? else {
                self.tell(key, Wrong::Missing("what names it".to_owned()));
                return Ok(());
            };
            let from = at;
            let broke = loop {
                match chunks.next().await {
                    Some(Ok(chunk)) => {
                        hasher.update(&chunk);
                        at += chunk.len() as u64;
                        self.has_read(chunk.len() as u64);
                    }
                    Some(Err(error)) => break error.into(),
                    None => break "it ended early".into(),
                }
                if at >= size {
                    break "it is whole".into();
                }
            };
            tries = if at > from { 0 } else { tries + 1 };
            if tries == TRIES {
                let action = format!("reading {key} from byte {at} on");
                return Err(StoreError {
                    kind: Kind::Unavailable,
                    store: self.store().name(),
                    action,
                    source: Some(broke),
                });
            }
        }
        if hasher.finish() != (*digest, size) {
            self.tell(key, Wrong::Damaged);
        }
        Ok(())
    }
}
