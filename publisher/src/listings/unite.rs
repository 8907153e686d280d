//! Lists on a store that does not compare: what the store's own list of keys says, what the list said and a look
//! confirms, and our own; and it is looked at again. A tag is never lost, its name here may be late.

use std::collections::{BTreeMap, BTreeSet};

use contract::key::{Key, Prefix};
use contract::listing::{Listing, TagList, V1Images, V1Tags};
use contract::name::{Repository, Tag};
use contract::v1;

use super::v1::{images, set};
use super::{LOOK_AGAIN, LOOKS, parsed};
use crate::store::{Document, Store, StoreError, When};

/// The tag list, with these tags.
pub(super) async fn tags(
    store: &dyn Store,
    name: &Repository,
    ours: &BTreeSet<Tag>,
) -> Result<(), StoreError> {
    let key = Key::TagList(name.clone());
    for look in 0..LOOKS {
        let found = store.read(&key).await?;
        let mut list = TagList::new(name.clone());
        list.tags.extend(ours.iter().cloned());
        list.tags.extend(shown(store, name).await?);
        let said = found.as_ref().and_then(|found| TagList::from_bytes(&found.bytes).ok());
        for tag in said.into_iter().flat_map(|said| said.tags) {
            if !list.tags.contains(&tag) && is_shown(store, name, &tag).await? {
                list.tags.insert(tag);
            }
        }
        if found.is_none_or(|found| found.bytes != list.to_bytes()) {
            store.write(&key, &Document::new(list.to_bytes()), When::Always).await?;
        } else if look > 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// The tags that have their link and, since a publisher writes that later, their view.
async fn shown(store: &dyn Store, name: &Repository) -> Result<BTreeSet<Tag>, StoreError> {
    let (mut links, mut views) = (BTreeSet::new(), BTreeSet::new());
    for key in store.list(&Prefix::Tags(name.clone())).await? {
        if let Key::TagLink(_, tag) = key {
            links.insert(tag);
        } else if let Key::TagView(_, tag) = key {
            views.insert(tag);
        }
    }
    Ok(&links & &views)
}

async fn is_shown(store: &dyn Store, name: &Repository, tag: &Tag) -> Result<bool, StoreError> {
    for key in [Key::TagLink(name.clone(), tag.clone()), Key::TagView(name.clone(), tag.clone())] {
        if store.size(&key).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The v1 lists, with these ids. The one of a tag that others move is theirs to write.
pub(super) async fn v1(
    store: &dyn Store,
    name: &v1::Repository,
    ours: &BTreeMap<Tag, Option<v1::Id>>,
) -> Result<(), StoreError> {
    let key = Key::V1Tags(name.clone());
    for look in 0..LOOKS {
        let found = store.read(&key).await?;
        let said = found.map(|found| parsed::<V1Tags>(store, &key, &found.bytes)).transpose()?;
        let mut tags = said.clone().unwrap_or_default();
        set(&mut tags, ours);
        others(store, name, ours, &mut tags).await?;

        let before = images(store, name).await?;
        let mut all = before.clone();
        V1Images::from(&tags).ids().for_each(|id| all.insert(id));
        let agrees = all == before && said.as_ref() == Some(&tags);
        if all != before {
            let images = Key::V1Images(name.clone());
            store.write(&images, &Document::new(all.to_bytes()), When::Always).await?;
        }
        if said.as_ref() != Some(&tags) {
            store.write(&key, &Document::new(tags.to_bytes()), When::Always).await?;
        }
        if agrees && look > 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// Adds what others have published, and takes out what they have removed.
async fn others(
    store: &dyn Store,
    name: &v1::Repository,
    ours: &BTreeMap<Tag, Option<v1::Id>>,
    tags: &mut V1Tags,
) -> Result<(), StoreError> {
    let mut there = BTreeSet::new();
    for key in store.list(&Prefix::V1Tags(name.clone())).await? {
        if let Key::V1Tag(_, tag) = key {
            there.insert(tag);
        }
    }
    let listed: BTreeSet<Tag> = tags.tags.keys().cloned().collect();
    for tag in &listed ^ &there {
        if ours.contains_key(&tag) {
            continue;
        }
        let found = store.read(&Key::V1Tag(name.clone(), tag.clone())).await?;
        match found.and_then(|found| serde_json::from_slice::<v1::Id>(&found.bytes).ok()) {
            Some(id) => tags.tags.insert(tag, id),
            None => tags.tags.remove(&tag),
        };
    }
    Ok(())
}
