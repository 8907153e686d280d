//! What is remembered of compressed layers is forgotten with the blobs that they became.

use contract::key::{Key, Prefix};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::apply::SMALL_PER_JOB;
use crate::remembered::recall;
use crate::store::{Store, StoreError};

/// Forgets what leads nowhere. That a publisher remembers the same at this moment costs a compression, and no more.
pub(super) async fn forget(store: &dyn Store, jobs: usize) -> Result<(), StoreError> {
    let keys = store.list(&Prefix::Diffs).await?.into_iter();
    let each = keys.map(|key| async move {
        let Key::Diff(diff_id, packed) = &key else { return Ok(()) };
        match recall(store, diff_id, *packed).await? {
            Some(_) => Ok(()),
            None => store.delete(&key).await,
        }
    });
    stream::iter(each).buffer_unordered(jobs * SMALL_PER_JOB).try_collect().await
}
