//! Verification: whether all that is in a store is there, right, and agrees. Looks, and writes nothing.

use std::collections::BTreeSet;

use contract::key::{Key, Prefix};
use contract::listing::{Catalog, Listing, Search};
use contract::name::Repository;
use contract::v1;

use crate::at_once::at_once;
use crate::derive::Derive;
use crate::found::{Found, Held};
use crate::store::StoreError;

mod deep;
mod finding;
mod lists;
mod looking;
mod manifests;
mod memory;
mod of_v1;
mod remembered;
mod repair;
mod tags;
mod unpacked;

pub use finding::{Finding, Summary, Wrong};
use looking::Looking;
pub use remembered::{Remembered, RememberedError};
pub use repair::{forget, mend};

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Verify<'a> {
    /// Where, and how to derive there.
    pub derive: Derive<'a>,
    /// How many repositories, and how many contents, at the same time.
    pub jobs: usize,
    /// Whether contents are read, and not only looked for.
    pub deep: bool,
    /// How many seconds caches may keep what changes.
    pub changing_ttl: u32,
    /// What need not be read once more, and where what is read is noted.
    pub remembered: Option<&'a Remembered>,
}

impl Verify<'_> {
    /// Looks at everything, or at one repository and what it needs.
    ///
    /// Memory grows with the number of keys, not with the size of contents.
    pub async fn run(&self, only: Option<&Repository>) -> Result<Summary, StoreError> {
        let found = self.found(only).await?;
        let looking = Looking::new(self);
        if only.is_none() {
            // First, since it reads blobs: nobody has to do it once more.
            memory::look(&looking).await?;
        }
        let each = found.repositories.iter().map(|(name, held)| repository(&looking, name, held));
        at_once(self.jobs, each).await?;
        if only.is_none() {
            catalog(&looking, &found).await?;
            search(&looking).await?;
        }
        Ok(looking.summary(found.held().count()))
    }

    async fn found(&self, only: Option<&Repository>) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let prefixes = match only {
            None => vec![Prefix::Repositories, Prefix::V1Repositories],
            Some(name) => {
                let v1 = v1::Repository::of(name).map(Prefix::V1Tags);
                [Prefix::Layers(name.clone()), Prefix::Manifests(name.clone())]
                    .into_iter()
                    .chain(v1)
                    .collect()
            }
        };
        for prefix in prefixes {
            found.take(self.derive.store.list(&prefix).await?);
        }
        Ok(found)
    }
}

async fn repository(looking: &Looking<'_>, name: &Repository, held: &Held) -> Result<(), StoreError> {
    let manifests = manifests::look(looking, name, held).await?;
    let shown = tags::look(looking, name, held, &manifests).await?;
    lists::look(looking, name, held, &manifests, &shown).await?;
    match v1::Repository::of(name) {
        Some(v1) => of_v1::look(looking, &v1, held, &shown).await,
        None => Ok(()),
    }
}

/// The catalog names all repositories that hold a manifest, and no others.
async fn catalog(looking: &Looking<'_>, found: &Found) -> Result<(), StoreError> {
    let repositories: BTreeSet<Repository> = found.held().map(|(name, _)| name.clone()).collect();
    if repositories.is_empty() && looking.store().size(&Key::Catalog).await?.is_none() {
        return Ok(());
    }
    looking.document(&Key::Catalog, &Catalog { repositories }.to_bytes(), "the repositories").await
}

/// What repositories say of themselves need not be there: they are found by their names, too.
async fn search(looking: &Looking<'_>) -> Result<(), StoreError> {
    let Some(found) = looking.store().read(&Key::Search).await? else { return Ok(()) };
    looking.object(&Key::Search, None, "who searches").await?;
    if Search::from_bytes(&found.bytes).is_err() {
        looking.tell(&Key::Search, Wrong::Disagrees("what repositories say of themselves"));
    }
    Ok(())
}
