//! What is remembered of compressed layers: no pull needs it, but what is wrong makes every publication look in vain.

use contract::key::{Key, Prefix};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::finding::Wrong;
use super::looking::Looking;
use crate::remembered::recall;
use crate::store::StoreError;

/// Looks at everything that is remembered.
pub(super) async fn look(looking: &Looking<'_>) -> Result<(), StoreError> {
    let keys = looking.store().list(&Prefix::Diffs).await?;
    let each = keys.into_iter().map(|key| async move {
        let Key::Diff(diff_id, packed) = &key else { return Ok(()) };
        looking.object(&key, None, "nobody").await?;
        match recall(looking.store(), diff_id, *packed).await? {
            None => looking.tell(&key, Wrong::Disagrees("the blob that it names")),
            Some(blob) if looking.verify.deep => looking.hint(&key, diff_id, &blob).await?,
            Some(_) => {}
        }
        Ok(())
    });
    stream::iter(each).buffer_unordered(looking.verify.jobs).try_collect().await
}
