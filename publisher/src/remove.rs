//! Removing a tag or a manifest: the link first, then every list that names it, then what it showed, so that nothing
//! visible points at nothing. Contents stay: other repositories may share them.

use std::collections::BTreeSet;

use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use contract::listing::{Catalog, Listing, Referrers, TagList};
use contract::manifest::Manifest;
use contract::name::{Repository, Tag};
use futures_util::FutureExt;

use crate::at_once::at_once;
use crate::derive::Derive;
use crate::listings::{self, Make, rewrite, rewrite_by, search};
use crate::plan::Change;
use crate::store::{Store, StoreError};

/// How many links or manifests are read at the same time.
const AT_ONCE: usize = 16;

/// Why something cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no such tag or manifest.
    #[error("{0} is not there")]
    Absent(String),
    /// An image index names it.
    #[error("{digest} is a part of {index}, which would lack it")]
    Needed {
        /// What was to be removed.
        digest: Digest,
        /// Who names it.
        index: Digest,
    },
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Removes a tag. A publisher that moves it at the same moment wins: then all that is derived shows what it published.
pub async fn tag(derive: Derive<'_>, name: &Repository, tag: &Tag) -> Result<(), RemoveError> {
    let store = derive.store;
    let link = Key::TagLink(name.clone(), tag.clone());
    if store.size(&link).await?.is_none() {
        return Err(RemoveError::Absent(format!("{name}:{tag}")));
    }
    Ok(untag(derive, name, tag).await?)
}

/// The same of a tag that was just seen.
pub(crate) async fn untag(derive: Derive<'_>, name: &Repository, tag: &Tag) -> Result<(), StoreError> {
    let store = derive.store;
    let link = Key::TagLink(name.clone(), tag.clone());
    store.delete(&link).await?;
    unlist(store, name, tag).await?;
    derive.settle(name, tag).await?;
    for key in store.list(&Prefix::TagHistory(name.clone(), tag.clone())).await? {
        if store.size(&link).await?.is_none() {
            store.delete(&key).await?;
        }
    }
    Ok(())
}

/// Takes a tag's name from the list, unless its link is there again.
pub(crate) async fn unlist(store: &dyn Store, name: &Repository, tag: &Tag) -> Result<(), StoreError> {
    let link = Key::TagLink(name.clone(), tag.clone());
    let is_there = &link;
    let without: &Make<'_> = &|said| {
        let changed = async move {
            let said = said.and_then(|said| TagList::from_bytes(&said).ok());
            let mut list = said.unwrap_or_else(|| TagList::new(name.clone()));
            if store.size(is_there).await?.is_none() {
                list.tags.remove(tag);
            }
            Ok(list.to_bytes())
        };
        changed.boxed()
    };
    rewrite_by(store, &Key::TagList(name.clone()), without).await?;
    // A publisher that wrote the link in between found the name still listed, and did not write it. And where the store
    // does not compare, the list may have gone over one with other names.
    let again = store.size(&link).await?.map(|_| tag.clone());
    if again.is_some() || !store.compares().await? {
        listings::change(store, &Change::Tags(name.clone(), again.into_iter().collect())).await?;
    }
    Ok(())
}

/// Removes a manifest and every tag that points to it. Returns those tags, in the order of a tag list.
pub async fn manifest(
    derive: Derive<'_>,
    name: &Repository,
    digest: &Digest,
) -> Result<BTreeSet<Tag>, RemoveError> {
    let store = derive.store;
    if store.size(&Key::RevisionLink(name.clone(), *digest)).await?.is_none() {
        return Err(RemoveError::Absent(format!("{name}@{digest}")));
    }
    let revisions = revisions(store, name).await?;
    let reading = revisions.into_iter().filter(|other| other != digest).map(|other| async move {
        let found = derive.manifest(&other).await?;
        let names = found.is_some_and(|(_, index)| index.children().any(|child| child.digest == *digest));
        Ok::<_, StoreError>(names.then_some(other))
    });
    if let Some(index) = at_once(AT_ONCE, reading).await?.into_iter().flatten().min() {
        return Err(RemoveError::Needed { digest: *digest, index });
    }
    let tags = tags_of(derive, name, digest).await?;
    for tag in &tags {
        self::tag(derive, name, tag).await?;
    }
    let found = derive.manifest(digest).await?;
    let mut names = vec![*digest];
    if let (Algorithm::Sha512, Some((bytes, _))) = (digest.algorithm(), &found) {
        names.push(Digest::of(Algorithm::Sha256, bytes));
    }
    for name_of_it in &names {
        store.delete(&Key::RevisionLink(name.clone(), *name_of_it)).await?;
    }
    forget(store, name, digest, found.map(|(_, manifest)| manifest)).await?;
    for name_of_it in &names {
        store.delete(&Key::DigestView(name.clone(), *name_of_it)).await?;
    }
    store.delete(&Key::Keep(name.clone(), *digest)).await?;
    Ok(tags)
}

async fn revisions(store: &dyn Store, name: &Repository) -> Result<Vec<Digest>, StoreError> {
    let keys = store.list(&Prefix::Revisions(name.clone())).await?;
    let digest = |key| if let Key::RevisionLink(_, digest) = key { Some(digest) } else { None };
    Ok(keys.into_iter().filter_map(digest).collect())
}

/// The tags that point to a digest.
pub async fn tags_of(
    derive: Derive<'_>,
    name: &Repository,
    digest: &Digest,
) -> Result<BTreeSet<Tag>, StoreError> {
    let keys = derive.store.list(&Prefix::Tags(name.clone())).await?;
    let tag = |key| if let Key::TagLink(_, tag) = key { Some(tag) } else { None };
    let reading = keys.into_iter().filter_map(tag).map(|tag| async move {
        let target = derive.target(&Key::TagLink(name.clone(), tag.clone())).await?;
        Ok::<_, StoreError>((target == Some(*digest)).then_some(tag))
    });
    Ok(at_once(AT_ONCE, reading).await?.into_iter().flatten().collect())
}

/// Takes a manifest from its subject's list, and a repository that has none left from the catalog.
async fn forget(
    store: &dyn Store,
    name: &Repository,
    digest: &Digest,
    manifest: Option<Manifest>,
) -> Result<(), StoreError> {
    if let Some(subject) = manifest.and_then(|manifest| manifest.subject) {
        forget_referrer(store, name, digest, &subject.digest).await?;
    }
    forget_repository(store, name).await
}

/// Takes a manifest from the list of what refers to its subject.
pub(crate) async fn forget_referrer(
    store: &dyn Store,
    name: &Repository,
    digest: &Digest,
    subject: &Digest,
) -> Result<(), StoreError> {
    rewrite(store, &Key::Referrers(name.clone(), *subject), async |said| {
        let mut list = said.and_then(|said| Referrers::from_bytes(said).ok()).unwrap_or_default();
        list.remove(digest);
        Ok(list.to_bytes())
    })
    .await
    .map(|_| ())
}

/// Takes a repository that has no manifest left from the catalog.
pub(crate) async fn forget_repository(store: &dyn Store, name: &Repository) -> Result<(), StoreError> {
    if !search::is_held(store, name).await? {
        rewrite(store, &Key::Catalog, async |said| {
            let mut catalog = said.and_then(|said| Catalog::from_bytes(said).ok()).unwrap_or_default();
            catalog.repositories.remove(name);
            Ok(catalog.to_bytes())
        })
        .await?;
        // One that came meanwhile found its repository still listed.
        if search::is_held(store, name).await? {
            listings::change(store, &Change::Catalog(name.clone())).await?;
        }
        search::forget(store, name).await?;
    }
    Ok(())
}
