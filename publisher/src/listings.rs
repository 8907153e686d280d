//! Changing listings that others change at the same time: read, change, write if nobody else did meanwhile.

use std::time::Duration;

use bytes::Bytes;
use contract::key::Key;
use contract::listing::{Catalog, Listing, Referrers, Search, TagList};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::plan::Change;
use crate::store::{Document, Found, Kind, Store, StoreError, When};

pub(crate) mod search;
mod unite;
mod v1;

pub(crate) use v1::prune;

/// How often a change is tried against others before giving up: 32 publishers at once need about as many.
const TRIES: u32 = 200;
/// The longest pause between two tries; each is a random part of it, so that publishers do not march in step.
const PAUSE_MAX: Duration = Duration::from_millis(400);
/// Without compare-and-swap: how often we look whether another publisher has overwritten what we wrote.
const LOOKS: u32 = 3;
/// And how long its write may take to be seen.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Carries a change out. Done twice, it changes nothing the second time.
pub async fn change(store: &dyn Store, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Tags(name, tags) => {
            let key = Key::TagList(name.clone());
            if store.compares().await? {
                let empty = TagList::new(name.clone());
                update(store, &key, empty, |list| list.tags.extend(tags.iter().cloned())).await?;
            } else {
                unite::tags(store, name, tags).await?;
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
        Change::Description(name, said) => search::say(store, name, said).await?,
        Change::V1(name, ids) => v1::change(store, name, ids).await?,
    }
    Ok(())
}

/// Whether a change is made already.
pub async fn holds(store: &dyn Store, change: &Change) -> Result<bool, StoreError> {
    match change {
        Change::Tags(name, tags) => {
            has(store, &Key::TagList(name.clone()), |list: &TagList| tags.is_subset(&list.tags)).await
        }
        Change::Referrer(name, subject, referrer) => {
            let listed = |list: &Referrers| list.manifests().contains(referrer);
            has(store, &Key::Referrers(name.clone(), *subject), listed).await
        }
        Change::Catalog(name) => {
            has(store, &Key::Catalog, |catalog: &Catalog| catalog.repositories.contains(name)).await
        }
        Change::Description(name, said) => {
            let says = |search: &Search| search.descriptions.get(name) == Some(said);
            has(store, &Key::Search, says).await
        }
        Change::V1(name, ids) => v1::holds(store, name, ids).await,
    }
}

/// Whether a listing is there and says so.
async fn has<L: Listing>(
    store: &dyn Store,
    key: &Key,
    says: impl Fn(&L) -> bool,
) -> Result<bool, StoreError> {
    let found = store.read(key).await?;
    found.map_or(Ok(false), |found| parsed(store, key, &found.bytes).map(|list| says(&list)))
}

/// Reads a listing, changes it, and writes it where that makes a difference.
async fn update<L: Listing + Send + Sync>(
    store: &dyn Store,
    key: &Key,
    empty: L,
    change: impl Fn(&mut L) + Send + Sync,
) -> Result<(), StoreError> {
    let changed: &Make<'_> = &|before| {
        let changed = || {
            let mut list = match before {
                Some(before) => parsed::<L>(store, key, &before)?,
                None => empty.clone(),
            };
            change(&mut list);
            Ok(list.to_bytes())
        };
        ready(changed()).boxed()
    };
    let mut looks = if store.compares().await? { 1 } else { LOOKS };
    while rewrite_by(store, key, changed).await? {
        looks -= 1;
        if looks == 0 {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
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
        if let Some(written) = attempt(store, key, found, bytes).await? {
            return Ok(written);
        }
    }
    Err(gave_up(store, key))
}

/// Makes a listing's bytes from those that are there.
pub(crate) type Make<'a> =
    dyn Fn(Option<Bytes>) -> BoxFuture<'a, Result<Vec<u8>, StoreError>> + Send + Sync + 'a;

/// As [`rewrite`], in a future that may be spawned: of an async closure's, the compiler cannot tell.
pub(crate) async fn rewrite_by(store: &dyn Store, key: &Key, make: &Make<'_>) -> Result<bool, StoreError> {
    for _ in 0..TRIES {
        let found = store.read(key).await?;
        let bytes = make(found.as_ref().map(|found| found.bytes.clone())).await?;
        if let Some(written) = attempt(store, key, found, bytes).await? {
            return Ok(written);
        }
    }
    Err(gave_up(store, key))
}

/// Whether it wrote; `None` after a pause where somebody else was faster.
async fn attempt(
    store: &dyn Store,
    key: &Key,
    found: Option<Found>,
    bytes: Vec<u8>,
) -> Result<Option<bool>, StoreError> {
    let when = match found {
        None => When::Absent,
        Some(found) if found.bytes == bytes => return Ok(Some(false)),
        Some(found) => When::Unchanged(found.version),
    };
    match store.write(key, &Document::new(bytes), when).await {
        Ok(()) => Ok(Some(true)),
        Err(error) if error.kind == Kind::Conflict => {
            pause().await;
            Ok(None)
        }
        Err(error) => Err(error),
    }
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
