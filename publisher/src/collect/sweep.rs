//! Removing, so that whoever publishes meanwhile loses nothing without noticing.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime};

use contract::digest::Digest;
use contract::key::Key;
use contract::listing::Referrers;
use contract::name::Repository;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::graph::Graph;
use super::live::{Live, mark};
use super::stock::Stock;
use super::tally::Summary;
use super::{Collect, Roots, promises};
use crate::activity::Run;
use crate::apply::SMALL_PER_JOB;
use crate::grace::{Grace, age};
use crate::listings;
use crate::plan::Change;
use crate::remove::{forget_referrer, forget_repository};
use crate::store::StoreError;

/// How many objects are looked at before they are removed together.
const AT_ONCE: usize = 500;
/// How often that is tried where the looks take longer than they are good for.
const TRIES: u32 = 3;

/// A removal under way.
pub(super) struct Sweep<'a> {
    pub(super) collect: &'a Collect<'a>,
    pub(super) run: &'a Run<'a>,
    pub(super) stock: &'a Stock,
    pub(super) graph: Graph,
    pub(super) roots: Roots,
    pub(super) live: Live,
    pub(super) summary: Summary,
}

impl Sweep<'_> {
    /// First what says that something is there. What became young meanwhile is a root, with all that it names; only then
    /// is it known what else can go.
    pub(super) async fn run(&mut self) -> Result<(), StoreError> {
        let first: Vec<_> = self.condemned().into_iter().filter(|(key, _)| promises(key)).collect();
        let spared: BTreeSet<Key> = self.remove(&first).await?.into_iter().collect();
        let mut gone: Vec<Key> =
            first.into_iter().map(|(key, _)| key).filter(|key| !spared.contains(key)).collect();
        if !spared.is_empty() {
            self.spare(spared.into_iter().collect()).await?;
        }
        gone.extend(self.half_gone());
        self.note(&gone);
        self.unlist(gone).await?;
        let rest: Vec<_> = self.condemned().into_iter().filter(|(key, _)| !promises(key)).collect();
        self.remove(&rest).await.map(|_| ())
    }

    /// Whose links somebody removed who died before anything else: what shows them is still there, and lists name them.
    fn half_gone(&self) -> Vec<Key> {
        let linked =
            |name: &Repository, digest: &Digest| self.stock.repositories[name].revisions.contains_key(digest);
        let half = self.condemned().into_iter().filter_map(|(key, _)| match key {
            Key::DigestView(name, digest) if !linked(&name, &digest) => Some(Key::RevisionLink(name, digest)),
            _ => None,
        });
        half.collect()
    }

    /// What is gone is taken from the lists that stay, before anything that it showed goes.
    async fn unlist(&self, gone: Vec<Key>) -> Result<(), StoreError> {
        let (derive, mut names) = (self.collect.derive, BTreeSet::new());
        for key in gone {
            let Key::RevisionLink(name, digest) = &key else { continue };
            if let (Some(subject), Some(kept)) =
                (self.graph.subject(digest), self.live.repositories.get(name))
                && kept.lists(&subject)
            {
                forget_referrer(derive.store, name, digest, &subject).await?;
                // Published again meanwhile, by somebody who found it still listed.
                if let (Some(_), Some((bytes, manifest))) =
                    (derive.store.look(&key).await?, derive.manifest(digest).await?)
                {
                    let said = Referrers::descriptor(*digest, bytes.len() as u64, &manifest);
                    let change = Change::Referrer(name.clone(), subject, Box::new(said));
                    listings::change(derive.store, &change).await?;
                }
            }
            names.insert(name.clone());
        }
        for name in names {
            forget_repository(derive.store, &name).await?;
        }
        Ok(())
    }

    fn condemned(&self) -> Vec<(Key, u64)> {
        self.live.condemned(self.stock)
    }

    /// Whatever else it has seen, it has forgotten.
    fn note(&self, left: &dyn fmt::Debug) {
        let Self { run, stock, graph, roots, live, summary, .. } = self;
        self.collect.notes.remembers(&(left, run.said(), stock, graph, roots, live, summary));
    }

    async fn spare(&mut self, spared: Vec<Key>) -> Result<(), StoreError> {
        for key in spared {
            match key {
                Key::RevisionLink(name, digest) => {
                    self.roots.manifests.entry(name).or_default().insert(digest);
                }
                Key::V1Ancestry(id) => _ = self.roots.v1.insert(id),
                _ => {}
            }
        }
        let jobs = self.collect.jobs * SMALL_PER_JOB;
        let ids = self.roots.v1.iter().copied().collect::<Vec<_>>();
        self.graph.read_chains(self.collect.derive.store, ids, jobs).await?;
        self.roots.v1_frozen |= self.graph.chains.values().any(Option::is_none);
        self.live = mark(self.stock, &self.graph, &self.roots);
        Ok(())
    }

    /// Returns those that stay, since they are younger than they were.
    async fn remove(&mut self, condemned: &[(Key, u64)]) -> Result<Vec<Key>, StoreError> {
        let mut spared = Vec::new();
        for some in condemned.chunks(AT_ONCE) {
            let mut done = false;
            for tried in 0..TRIES {
                self.note(&(condemned, &spared, some, done, tried));
                done = done || (self.in_time().await? && self.remove_some(some, &mut spared).await?);
            }
            if !done {
                // They are not known to be gone, so all that they name stays.
                spared.extend(some.iter().map(|(key, _)| key.clone()));
                self.summary.unfinished = true;
            }
        }
        Ok(spared)
    }

    async fn in_time(&self) -> Result<bool, StoreError> {
        let now = self.collect.derive.store.now().await?;
        Ok(age(self.run.begun, now) <= self.collect.grace.shift())
    }

    /// Looks, and removes what is still old. Returns false where that took too long: then nothing is known to be gone.
    async fn remove_some(&mut self, some: &[(Key, u64)], spared: &mut Vec<Key>) -> Result<bool, StoreError> {
        let store = self.collect.derive.store;
        let looked = store.now().await?;
        let looking = some.iter().cloned().map(|(key, size)| async move {
            let found = store.look(&key).await?;
            Ok::<_, StoreError>(found.map(|found| (key, size, age(found.modified, looked))))
        });
        let jobs = self.collect.jobs * SMALL_PER_JOB;
        let found: Vec<_> = stream::iter(looking).buffered(jobs).try_collect().await?;
        let (old, young): (Vec<_>, Vec<_>) =
            found.into_iter().flatten().partition(|(.., age)| self.collect.grace.is_over(*age));
        self.run.go_on().await?;
        let left = left(looked, store.now().await?);
        let keys: Vec<Key> = old.iter().map(|(key, ..)| key.clone()).collect();
        if !keys.is_empty() {
            let Some(left) = left else { return Ok(false) };
            match tokio::time::timeout(left, store.delete_many(&keys)).await {
                Ok(deleted) => deleted?,
                Err(_) => return Ok(false),
            }
        }
        old.iter().for_each(|(key, size, _)| self.summary.count(key, *size));
        spared.extend(young.into_iter().map(|(key, ..)| key));
        Ok(true)
    }
}

/// How long a removal may take effect after the looks before it; `None` where it is too late to begin.
fn left(looked: SystemTime, now: SystemTime) -> Option<Duration> {
    let passed = age(looked, now);
    (passed < Grace::WINDOW / 2).then(|| Grace::WINDOW - passed)
}
