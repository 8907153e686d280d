//! What is remembered of compressed layers: no pull needs it, but what is wrong makes every publication look in vain.

use contract::key::{Key, Prefix};
use futures_util::TryStreamExt;

use super::finding::Wrong;
use super::looking::Looking;
use crate::at_once::at_once;
use crate::remembered::recall;
use crate::store::StoreError;

/// Looks at everything that is remembered.
pub(super) async fn look(looking: &Looking<'_>) -> Result<(), StoreError> {
    let mut pages = looking.store().pages(&Prefix::Diffs);
    while let Some(page) = pages.try_next().await? {
        let each = page.into_iter().map(|listed| memory(looking, listed.key));
        at_once(looking.verify.jobs, each).await?;
    }
    Ok(())
}

async fn memory(looking: &Looking<'_>, key: Key) -> Result<(), StoreError> {
    let Key::Diff(diff_id, packed) = &key else { return Ok(()) };
    looking.object(&key, None, "nobody").await?;
    match recall(looking.store(), diff_id, *packed).await? {
        None => looking.tell(&key, Wrong::Disagrees("the blob that it names")),
        Some(blob) if looking.verify.deep => looking.hint(&key, diff_id, &blob).await?,
        Some(_) => {}
    }
    Ok(())
}
