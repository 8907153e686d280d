//! The lists, made anew. What stands in one and was not found when the store was listed may have come from a publisher
//! since: it stays if its link is there.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::key::Key;
use contract::listing::{Catalog, Listing, Referrers, Search, TagList};
use contract::name::{Repository, Tag};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::derive::Derive;
use crate::describe;
use crate::listings::search::is_held;
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
pub(super) async fn catalog(
    store: &dyn Store,
    held: &BTreeMap<Repository, Vec<Tag>>,
) -> Result<bool, StoreError> {
    let repositories: BTreeSet<Repository> = held.keys().cloned().collect();
    rewrite(store, &Key::Catalog, async |said| {
        let mut catalog = Catalog { repositories: repositories.clone() };
        let said = said.and_then(|said| Catalog::from_bytes(said).ok()).unwrap_or_default();
        for name in said.repositories.into_iter().filter(|name| !repositories.contains(name)) {
            if is_held(store, &name).await? {
                catalog.repositories.insert(name);
            }
        }
        Ok(catalog.to_bytes())
    })
    .await
}

/// What repositories say of themselves: what is written stays, since no link tells what was published last; where
/// nothing is, what these tags say.
pub(super) async fn search(
    derive: Derive<'_>,
    held: &BTreeMap<Repository, Vec<Tag>>,
    jobs: usize,
) -> Result<bool, StoreError> {
    let store = derive.store;
    let there = store.read(&Key::Search).await?;
    let said = there.as_ref().and_then(|there| Search::from_bytes(&there.bytes).ok()).unwrap_or_default();
    let silent = held.iter().filter(|(name, _)| !said.descriptions.contains_key(name));
    let asked = silent.map(|(name, tags)| async move {
        let said = describe::found(derive, name, tags).await?;
        Ok::<_, StoreError>(said.map(|said| (name.clone(), said)))
    });
    let new: Vec<_> = stream::iter(asked).buffer_unordered(jobs).try_collect().await?;
    let new: BTreeMap<_, _> = new.into_iter().flatten().collect();
    if there.is_none() && new.is_empty() {
        return Ok(false);
    }
    rewrite(store, &Key::Search, async |there| {
        let said = there.and_then(|there| Search::from_bytes(there).ok()).unwrap_or_default();
        let mut search = Search { descriptions: new.clone() };
        for (name, said) in said.descriptions {
            if held.contains_key(&name) || is_held(store, &name).await? {
                search.descriptions.insert(name, said);
            }
        }
        Ok(search.to_bytes())
    })
    .await
}
