//! What repositories say of themselves. It is no truth and no part of an image: who publishes last is shown.

use contract::description::Description;
use contract::key::{Key, Prefix};
use contract::listing::{Listing, Search};
use contract::name::Repository;

use super::{rewrite, update};
use crate::store::{Store, StoreError};

/// Says this of a repository.
pub(super) async fn say(store: &dyn Store, name: &Repository, said: &Description) -> Result<(), StoreError> {
    let say = |search: &mut Search| {
        search.descriptions.insert(name.clone(), said.clone());
    };
    update(store, &Key::Search, Search::default(), say).await
}

/// Takes away what is said of a repository that holds no manifest any longer.
pub(crate) async fn forget(store: &dyn Store, name: &Repository) -> Result<(), StoreError> {
    let found = store.read(&Key::Search).await?;
    let search = found.and_then(|found| Search::from_bytes(&found.bytes).ok());
    let Some(said) = search.and_then(|mut search| search.descriptions.remove(name)) else { return Ok(()) };
    rewrite(store, &Key::Search, async |there| {
        let mut search = there.and_then(|there| Search::from_bytes(there).ok()).unwrap_or_default();
        if !is_held(store, name).await? {
            search.descriptions.remove(name);
        }
        Ok(search.to_bytes())
    })
    .await?;
    if is_held(store, name).await? {
        // Who came meanwhile found it said already, and did not write it.
        let again = |search: &mut Search| {
            search.descriptions.entry(name.clone()).or_insert_with(|| said.clone());
        };
        update(store, &Key::Search, Search::default(), again).await?;
    }
    Ok(())
}

/// Whether a repository holds a manifest.
pub(crate) async fn is_held(store: &dyn Store, name: &Repository) -> Result<bool, StoreError> {
    let keys = store.list(&Prefix::Revisions(name.clone())).await?;
    Ok(keys.iter().any(|key| matches!(key, Key::RevisionLink(..))))
}
