//! Verification: whether all that is in a store is there, right, and agrees. Looks, and writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use contract::key::{Key, Prefix};
use contract::listing::{Catalog, Listing, Search};
use contract::name::Repository;
use contract::v1;

use crate::at_once::at_once;
use crate::derive::Derive;
use crate::found::{self, Held, Trees};
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
pub use remembered::Remembered;
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
    /// Memory grows by the names of repositories, by a mark for each content, and by what is found; keys are there of those
    /// repositories that are looked at.
    pub async fn run(&self, only: Option<&Repository>) -> Result<Summary, StoreError> {
        let names = match only {
            None => found::repositories(self.derive.store, self.jobs).await?,
            Some(name) => BTreeMap::from([(name.clone(), Trees::BOTH)]),
        };
        let looking = Looking::begin(self).await?;
        if only.is_none() {
            // First, since it reads blobs: nobody has to do it once more.
            memory::look(&looking).await?;
        }
        let each = names.into_iter().map(|(name, trees)| repository(&looking, name, trees));
        let held: BTreeSet<Repository> = at_once(self.jobs, each).await?.into_iter().flatten().collect();
        let repositories = held.len();
        if only.is_none() {
            catalog(&looking, held).await?;
            search(&looking).await?;
        }
        Ok(looking.summary(repositories))
    }
}

/// Returns its name if it holds a manifest.
async fn repository(
    looking: &Looking<'_>,
    name: Repository,
    trees: Trees,
) -> Result<Option<Repository>, StoreError> {
    // After the manifests: who publishes meanwhile writes the links of layers before those.
    let layers = trees.own.then(|| Prefix::Layers(name.clone()));
    let held = Held::read(looking.store(), trees.listed(&name).chain(layers)).await?;
    let manifests = manifests::look(looking, &name, &held).await?;
    let shown = tags::look(looking, &name, &held, &manifests).await?;
    lists::look(looking, &name, &held, &manifests, &shown).await?;
    if let Some(v1) = v1::Repository::of(&name) {
        of_v1::look(looking, &v1, &held, &shown).await?;
    }
    Ok(held.any().then_some(name))
}

/// The catalog names all repositories that hold a manifest, and no others.
async fn catalog(looking: &Looking<'_>, repositories: BTreeSet<Repository>) -> Result<(), StoreError> {
    if repositories.is_empty() && looking.store().size(&Key::Catalog).await?.is_none() {
        return Ok(());
    }
    looking.document(&Key::Catalog, &Catalog { repositories }.to_bytes(), "the repositories").await
}

/// What repositories say of themselves need not be there: they are found by their names, too.
async fn search(looking: &Looking<'_>) -> Result<(), StoreError> {
    if looking.store().size(&Key::Search).await?.is_none() {
        return Ok(());
    }
    let found = looking.read(&Key::Search, None, "who searches").await?;
    if found.is_some_and(|bytes| Search::from_bytes(&bytes).is_err()) {
        looking.tell(&Key::Search, Wrong::Disagrees("what repositories say of themselves"));
    }
    Ok(())
}
