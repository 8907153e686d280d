//! The v1 lists. Docker up to 1.4 looks an id of `tags` up in `images`: it is there first, and stays.

use std::collections::{BTreeMap, BTreeSet};

use contract::key::{Key, Prefix};
use contract::listing::{Listing, V1Images, V1Tags};
use contract::name::Tag;
use contract::v1;

use super::{parsed, rewrite, unite, update};
use crate::store::{Store, StoreError};

/// Sets the ids that tags have, or takes the tags out. No id is taken out of `images` here: one without a tag may be
/// another publisher's, who writes it to `tags` next.
pub(super) async fn change(
    store: &dyn Store,
    name: &v1::Repository,
    ids: &BTreeMap<Tag, Option<v1::Id>>,
) -> Result<(), StoreError> {
    let tags = Key::V1Tags(name.clone());
    let none_there = ids.values().all(Option::is_none) && store.size(&tags).await?.is_none();
    if none_there {
        return Ok(());
    }
    if !store.compares().await? {
        return unite::v1(store, name, ids).await;
    }
    let add = |list: &mut V1Images| ids.values().flatten().for_each(|&id| list.insert(id));
    let images = Key::V1Images(name.clone());
    update(store, &images, V1Images::default(), add).await?;
    update(store, &tags, V1Tags::default(), |list| set(list, ids)).await?;
    // An id that an earlier tag had left behind may have been pruned in between.
    update(store, &images, V1Images::default(), add).await
}

/// Whether tags have these ids, or none, and their ids are in `images`. Read in the order opposite to that of writing:
/// whoever wrote an id to `tags` sees afterwards that it is in `images`.
pub(super) async fn holds(
    store: &dyn Store,
    name: &v1::Repository,
    ids: &BTreeMap<Tag, Option<v1::Id>>,
) -> Result<bool, StoreError> {
    let key = Key::V1Tags(name.clone());
    let found = store.read(&key).await?;
    let tags =
        found.map(|found| parsed::<V1Tags>(store, &key, &found.bytes)).transpose()?.unwrap_or_default();
    let mut wanted = ids.values().flatten().peekable();
    if ids.iter().any(|(tag, id)| tags.tags.get(tag) != id.as_ref()) {
        return Ok(false);
    }
    if wanted.peek().is_none() {
        return Ok(true);
    }
    let listed: BTreeSet<v1::Id> = images(store, name).await?.ids().collect();
    Ok(wanted.all(|id| listed.contains(id)))
}

pub(super) fn set(list: &mut V1Tags, ids: &BTreeMap<Tag, Option<v1::Id>>) {
    for (tag, id) in ids {
        match id {
            Some(id) => list.tags.insert(tag.clone(), *id),
            None => list.tags.remove(tag),
        };
    }
}

/// The ids in `images`.
pub(super) async fn images(store: &dyn Store, name: &v1::Repository) -> Result<V1Images, StoreError> {
    let key = Key::V1Images(name.clone());
    let found = store.read(&key).await?;
    Ok(found.map(|found| parsed(store, &key, &found.bytes)).transpose()?.unwrap_or_default())
}

/// Drops ids that no tag has from `images`. A publisher writes the v1 tag first, then `images`, then `tags`: so whose
/// id was read in `images` has its v1 tag in place by then. Returns whether there were any.
pub(crate) async fn prune(store: &dyn Store, name: &v1::Repository) -> Result<bool, StoreError> {
    if images(store, name).await? == V1Images::default() {
        return Ok(false);
    }
    let key = Key::V1Images(name.clone());
    rewrite(store, &key, async |said| {
        let mut list =
            said.map(|said| parsed::<V1Images>(store, &key, said)).transpose()?.unwrap_or_default();
        let tags = Key::V1Tags(name.clone());
        let found = store.read(&tags).await?;
        let tags = found.map(|found| parsed::<V1Tags>(store, &tags, &found.bytes)).transpose()?;
        let mut used: BTreeSet<v1::Id> = tags.unwrap_or_default().tags.into_values().collect();
        if list.ids().any(|id| !used.contains(&id)) {
            used.extend(shown(store, name).await?);
        }
        let unused: Vec<_> = list.ids().filter(|id| !used.contains(id)).collect();
        unused.into_iter().for_each(|id| list.remove(id));
        Ok(list.to_bytes())
    })
    .await
}

/// The ids that the v1 tags have.
async fn shown(store: &dyn Store, name: &v1::Repository) -> Result<BTreeSet<v1::Id>, StoreError> {
    let mut ids = BTreeSet::new();
    for key in store.list(&Prefix::V1Tags(name.clone())).await? {
        if matches!(key, Key::V1Tag(..)) {
            let found = store.read(&key).await?;
            ids.extend(found.and_then(|found| serde_json::from_slice::<v1::Id>(&found.bytes).ok()));
        }
    }
    Ok(ids)
}
