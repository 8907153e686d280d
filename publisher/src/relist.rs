//! Relisting: everything that is derived, made anew from the links. For a bucket that `distribution` wrote, and for
//! one that a publisher left in the middle. Publishers may run beside it: what they write meanwhile stays.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Repository, Tag};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::Semaphore;

use crate::apply::PublishError;
use crate::derive::Derive;
use crate::describe;
use crate::found::{self, Held, Trees};
use crate::store::StoreError;
use crate::v1_chain::V1;

mod lists;
mod remembered;
mod repository;
mod v1_images;

pub use remembered::Remembered;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Repositories with a manifest.
    pub repositories: usize,
    /// Tags that show an image.
    pub tags: usize,
    /// Manifests that clients can read.
    pub manifests: usize,
    /// Views and lists that were missing or wrong.
    pub written: usize,
    /// Views without a link that were removed.
    pub removed: usize,
    /// Of the repositories, those that an earlier run had dealt with.
    pub before: usize,
    /// What cannot be shown, and why.
    pub problems: Vec<String>,
}

impl Summary {
    fn before(held: &Held) -> Self {
        let one = usize::from(held.any());
        let (tags, manifests) = (held.tags.len(), held.revisions.len());
        Self { repositories: one, tags, manifests, before: one, ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.repositories += other.repositories;
        self.tags += other.tags;
        self.manifests += other.manifests;
        self.written += other.written;
        self.removed += other.removed;
        self.before += other.before;
        self.problems.extend(other.problems);
    }
}

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Relist<'a> {
    /// Where, and how to derive there.
    pub derive: Derive<'a>,
    /// How many repositories at the same time, and how many manifests and tags of each.
    pub jobs: usize,
    /// What is written for Registry v1 of images that it lacks.
    pub v1: V1,
    /// How long a digest view must be seen without its revision link before it is removed: a publisher writes the view
    /// first.
    pub stale_after: Duration,
}

impl Relist<'_> {
    /// Derives everything from the links of the whole store.
    pub async fn run(&self) -> Result<Summary, PublishError> {
        self.go_on(None).await
    }

    /// The same, but for repositories that an earlier run has dealt with; those of this run are noted.
    pub async fn go_on(&self, remembered: Option<&Remembered>) -> Result<Summary, PublishError> {
        let names = found::repositories(self.derive.store, self.jobs).await?;
        let turns = Semaphore::new(self.jobs);
        let each = names.into_iter().map(|(name, trees)| self.at(name, trees, &turns, remembered));
        let mut each = stream::iter(each).buffer_unordered(self.jobs);
        let (mut summary, mut left) = (Summary::default(), Left::default());
        while let Some((part, of_one)) = each.try_next().await? {
            summary.add(part);
            left.add(of_one);
        }
        summary.written += usize::from(lists::catalog(self.derive.store, &left.held).await?);
        summary.written += usize::from(lists::search(self.derive, &left.held, self.jobs).await?);
        summary.removed += self.stale_views(left.stale).await?;
        Ok(summary)
    }

    /// Deals with one repository; `turns` are those of images that are written for v1.
    async fn at(
        &self,
        name: Repository,
        trees: Trees,
        turns: &Semaphore,
        remembered: Option<&Remembered>,
    ) -> Result<(Summary, Left), PublishError> {
        let held = Held::read(self.derive.store, trees.listed(&name)).await?;
        if remembered.is_some_and(|remembered| remembered.has(self, &name, &held)) {
            return Ok((Summary::before(&held), Left::of(name, &held)));
        }
        let mut summary = Summary::default();
        if self.v1 != V1::Off {
            summary.written +=
                v1_images::write(self.derive, &name, &held, self.v1, (turns, self.jobs)).await?;
        }
        summary.add(self.repository(&name, &held).await?);
        if let Some(remembered) = remembered.filter(|_| summary.problems.is_empty()) {
            remembered.note(self, &name, &held);
        }
        Ok((summary, Left::of(name, &held)))
    }

    /// Digest views whose link is gone: `distribution` removes the one and leaves the other.
    async fn stale_views(&self, stale: Vec<(Repository, Digest)>) -> Result<usize, StoreError> {
        if !stale.is_empty() {
            tokio::time::sleep(self.stale_after).await;
        }
        let mut removed = 0;
        for (name, digest) in stale {
            if self.derive.store.size(&Key::RevisionLink(name.clone(), digest)).await?.is_none() {
                self.derive.store.delete(&Key::DigestView(name, digest)).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// What is left to do when all repositories were dealt with.
#[derive(Debug, Default)]
struct Left {
    /// Those that hold a manifest, with the tags that are asked for what they say.
    held: BTreeMap<Repository, Vec<Tag>>,
    /// Digest views without a link.
    stale: Vec<(Repository, Digest)>,
}

impl Left {
    fn of(name: Repository, held: &Held) -> Self {
        let stale = held.digest_views.difference(&held.revisions);
        let stale = stale.map(|digest| (name.clone(), *digest)).collect();
        let asked = held.any().then(|| (name, describe::asked(&held.tags)));
        Self { held: asked.into_iter().collect(), stale }
    }

    fn add(&mut self, other: Self) {
        self.held.extend(other.held);
        self.stale.extend(other.stale);
    }
}
