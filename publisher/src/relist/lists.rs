//! The lists, made anew. What stands in one and was not found when the store was listed may have come from a publisher
//! since: it stays if its link is there.

use std::collections::BTreeSet;

use contract::digest::Digest;
use contract::key::{Key, Prefix};
use contract::listing::{Catalog, Listing, Referrers, TagList};
use contract::name::{Repository, Tag};

use crate::found::Found;
use crate::listings::{self, rewrite};
use crate::plan::Change;
use crate::store::{Document, Kind, Store, StoreError, When};

/// A list that cannot be read becomes an empty one, to which everything is added again.
pub(super) async fn readable<L: Listing + Default>(store: &dyn Store, key: &Key) -> Result<bool, StoreError> {
    let Some(found) = store.read(key).await? else { return Ok(false) };
    if L::from_bytes(&found.bytes).is_ok() {
        return Ok(false);
    }
    let empty = Document::new(L::default().to_bytes());
    match store.write(key, &empty, When::Unchanged(found.version)).await {
        Err(error) if error.kind == Kind::Conflict => Ok(false),
        written => written.map(|()| true),
    }
}

/// The tags that show an image.
pub(super) async fn tags(
    store: &dyn Store,
    name: &Repository,
    shown: &BTreeSet<Tag>,
) -> Result<bool, StoreError> {
    let written = rewrite(store, &Key::TagList(name.clone()), async |said| {
        let mut list = TagList { name: name.clone(), tags: shown.clone() };
        let said = said.and_then(|said| TagList::from_bytes(said).ok());
        for tag in said.into_iter().flat_map(|said| said.tags).filter(|tag| !shown.contains(tag)) {
            // Its view is written before its name is listed.
            if store.size(&Key::TagView(name.clone(), tag.clone())).await?.is_some() {
                list.tags.insert(tag);
            }
        }
        Ok(list.to_bytes())
    })
    .await?;
    if written && !store.compares().await? {
        // It may have gone over a publisher's, who does not look for ever.
        listings::change(store, &Change::Tags(name.clone(), BTreeSet::new())).await?;
    }
    Ok(written)
}

/// The manifests whose subject the digest is.
pub(super) async fn referrers(
    store: &dyn Store,
    name: &Repository,
    subject: Digest,
    list: &Referrers,
) -> Result<bool, StoreError> {
    rewrite(store, &Key::Referrers(name.clone(), subject), async |said| {
        let mut all = said.and_then(|said| Referrers::from_bytes(said).ok()).unwrap_or_default();
        let digests: Vec<Digest> = all.manifests().iter().map(|referrer| referrer.digest).collect();
        for digest in digests {
            if store.size(&Key::RevisionLink(name.clone(), digest)).await?.is_none() {
                all.remove(&digest);
            }
        }
        list.manifests().iter().for_each(|referrer| all.insert(referrer.clone()));
        Ok(all.to_bytes())
    })
    .await
}

/// The repositories that hold a manifest.
pub(super) async fn catalog(store: &dyn Store, found: &Found) -> Result<bool, StoreError> {
    let held = found.repositories.iter().filter(|(_, held)| !held.revisions.is_empty());
    let repositories: BTreeSet<Repository> = held.map(|(name, _)| name.clone()).collect();
    rewrite(store, &Key::Catalog, async |said| {
        let mut catalog = Catalog { repositories: repositories.clone() };
        let said = said.and_then(|said| Catalog::from_bytes(said).ok()).unwrap_or_default();
        for name in said.repositories.into_iter().filter(|name| !repositories.contains(name)) {
            let keys = store.list(&Prefix::Revisions(name.clone())).await?;
            if keys.iter().any(|key| matches!(key, Key::RevisionLink(..))) {
                catalog.repositories.insert(name);
            }
        }
        Ok(catalog.to_bytes())
    })
    .await
}
