//! Changing listings that others change at the same time: read, change, write if nobody else did meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::key::{Key, Prefix};
use contract::listing::{Catalog, Listing, Referrers, TagList, V1Images, V1Tags};
use contract::name::{Repository, Tag};

use crate::plan::Change;
use crate::store::{Document, Kind, Store, StoreError, When};

/// How often a change is tried against others before giving up: 32 publishers at once need about as many.
const TRIES: u32 = 200;
/// The longest pause between two tries; each is a random part of it, so that publishers do not march in step.
const PAUSE_MAX: Duration = Duration::from_millis(400);
/// Without compare-and-swap: how long another publisher's write may take to be seen, and how often we look.
const LOOK_AGAIN: (u32, Duration) = (3, Duration::from_millis(300));

/// Carries a change out. Done twice, it changes nothing the second time.
pub async fn change(store: &dyn Store, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Tags(name, tags) => {
            let key = Key::TagList(name.clone());
            if store.compares().await? {
                let empty = TagList::new(name.clone());
                update(store, &key, empty, |list| list.tags.extend(tags.iter().cloned())).await?;
            } else {
                unite(store, name, tags).await?;
            }
        }
        Change::Referrer(name, subject, referrer) => {
            let key = Key::Referrers(name.clone(), *subject);
            update(store, &key, Referrers::default(), |list| list.insert((**referrer).clone())).await?;
        }
        Change::Catalog(name) => {
            let add = |catalog: &mut Catalog| {
                catalog.repositories.insert(name.clone());
            };
            update(store, &Key::Catalog, Catalog::default(), add).await?;
        }
        Change::V1(name, ids) => {
            let images = Key::V1Images(name.clone());
            let tags = Key::V1Tags(name.clone());
            let none_there = ids.values().all(Option::is_none) && store.size(&tags).await?.is_none();
            if none_there {
                return Ok(());
            }
            // Docker up to 1.4 looks an id of `tags` up in `images`, so it has to be there first.
            let add = |list: &mut V1Images| ids.values().flatten().for_each(|&id| list.insert(id));
            update(store, &images, V1Images::default(), add).await?;
            let set = |list: &mut V1Tags| {
                for (tag, id) in ids {
                    match id {
                        Some(id) => list.tags.insert(tag.clone(), *id),
                        None => list.tags.remove(tag),
                    };
                }
            };
            update(store, &tags, V1Tags::default(), set).await?;
            prune(store, &images, &tags).await?;
        }
    }
    Ok(())
}

/// Drops ids from v1 `images` that no tag has. Beside another publisher this may drop an id between that one's two
/// writes, so whoever wrote looks again, until there is nothing to write.
async fn prune(store: &dyn Store, images: &Key, tags: &Key) -> Result<(), StoreError> {
    let of_tags = async |_: Option<&[u8]>| {
        let found = store.read(tags).await?;
        let tags = found.map(|found| parsed::<V1Tags>(store, tags, &found.bytes)).transpose()?;
        Ok(V1Images::from(&tags.unwrap_or_default()).to_bytes())
    };
    while rewrite(store, images, of_tags).await? {}
    Ok(())
}

/// Reads a listing, changes it, and writes it where that makes a difference.
async fn update<L: Listing>(
    store: &dyn Store,
    key: &Key,
    empty: L,
    change: impl Fn(&mut L),
) -> Result<(), StoreError> {
    let changed = async |before: Option<&[u8]>| {
        let mut list = match before {
            Some(before) => parsed::<L>(store, key, before)?,
            None => empty.clone(),
        };
        change(&mut list);
        Ok(list.to_bytes())
    };
    rewrite(store, key, changed).await.map(|_| ())
}

/// Makes a listing's bytes from those that are there, and writes them where they differ and nobody else has written
/// meanwhile; else begins anew. Returns whether it wrote.
pub async fn rewrite(
    store: &dyn Store,
    key: &Key,
    make: impl AsyncFn(Option<&[u8]>) -> Result<Vec<u8>, StoreError>,
) -> Result<bool, StoreError> {
    for _ in 0..TRIES {
        let found = store.read(key).await?;
        let bytes = make(found.as_ref().map(|found| &found.bytes[..])).await?;
        let when = match found {
            None => When::Absent,
            Some(found) if found.bytes == bytes => return Ok(false),
            Some(found) => When::Unchanged(found.version),
        };
        match store.write(key, &Document::new(bytes), when).await {
            Ok(()) => return Ok(true),
            Err(error) if error.kind == Kind::Conflict => pause().await,
            Err(error) => return Err(error),
        }
    }
    Err(gave_up(store, key))
}

/// Where the store does not compare, the list is what the store's own list of tag links says, what the list said and
/// the links confirm, and our own; and it is looked at again. A tag is never lost, its name here may be late.
async fn unite(store: &dyn Store, name: &Repository, ours: &BTreeSet<Tag>) -> Result<(), StoreError> {
    let key = Key::TagList(name.clone());
    for look in 0..LOOK_AGAIN.0 {
        let found = store.read(&key).await?;
        let mut list = TagList::new(name.clone());
        list.tags.extend(ours.iter().cloned());
        for key in store.list(&Prefix::Tags(name.clone())).await? {
            if let Key::TagLink(_, tag) = key {
                list.tags.insert(tag);
            }
        }
        let said = found.as_ref().and_then(|found| TagList::from_bytes(&found.bytes).ok());
        for tag in said.iter().flat_map(|said| &said.tags) {
            let link = Key::TagLink(name.clone(), tag.clone());
            if !list.tags.contains(tag) && store.size(&link).await?.is_some() {
                list.tags.insert(tag.clone());
            }
        }
        if found.is_none_or(|found| found.bytes != list.to_bytes()) {
            store.write(&key, &Document::new(list.to_bytes()), When::Always).await?;
        } else if look > 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN.1).await;
    }
    Ok(())
}

fn parsed<L: Listing>(store: &dyn Store, key: &Key, bytes: &[u8]) -> Result<L, StoreError> {
    L::from_bytes(bytes).map_err(|source| StoreError {
        kind: Kind::Other,
        store: store.name(),
        action: format!("reading the listing {key}, which is damaged (`relist` makes it anew)"),
        source: Some(Box::new(source)),
    })
}

fn gave_up(store: &dyn Store, key: &Key) -> StoreError {
    StoreError {
        kind: Kind::Conflict,
        store: store.name(),
        action: format!("writing {key}, tried {TRIES} times"),
        source: None,
    }
}

async fn pause() {
    tokio::time::sleep(PAUSE_MAX.mul_f64(fastrand::f64())).await;
}
