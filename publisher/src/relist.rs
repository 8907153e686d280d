//! Relisting: everything that is derived, made anew from the links. For a bucket that `distribution` wrote, and for
//! one that a publisher left in the middle. Publishers may run beside it: what they write meanwhile stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use contract::listing::{Listing, Referrers, V1Images, V1Tags};
use contract::name::{Repository, Tag};
use contract::v1;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::Mutex;

use crate::apply::PublishError;
use crate::derive::Derive;
use crate::found::{Found, Held};
use crate::listings;
use crate::store::{Document, StoreError};
use crate::v1_chain::V1;

mod lists;
mod v1_images;

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
    /// What cannot be shown, and why.
    pub problems: Vec<String>,
}

impl Summary {
    fn add(&mut self, other: Self) {
        self.repositories += other.repositories;
        self.tags += other.tags;
        self.manifests += other.manifests;
        self.written += other.written;
        self.removed += other.removed;
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
        let store = self.derive.store;
        let mut found = Found::default();
        for prefix in [Prefix::Repositories, Prefix::V1Repositories] {
            found.take(store.list(&prefix).await?);
        }
        let mut summary = Summary::default();
        if self.v1 != V1::Off {
            summary.written += v1_images::write(self.derive, &found, self.v1, self.jobs).await?;
        }
        let each = found.repositories.iter().map(|(name, held)| self.repository(name, held));
        let done: Vec<_> = stream::iter(each).buffer_unordered(self.jobs).try_collect().await?;
        done.into_iter().for_each(|part| summary.add(part));
        summary.written += usize::from(lists::catalog(store, &found).await?);
        summary.written += usize::from(lists::search(self.derive, &found, self.jobs).await?);
        summary.removed += self.stale_views(&found).await?;
        Ok(summary)
    }

    async fn repository(&self, name: &Repository, held: &Held) -> Result<Summary, StoreError> {
        let store = self.derive.store;
        let mut summary =
            Summary { repositories: usize::from(!held.revisions.is_empty()), ..Summary::default() };
        let referrers = self.revisions(name, held, &mut summary).await?;
        for (digest, list) in referrers {
            summary.written += usize::from(lists::referrers(store, name, digest, &list).await?);
        }
        if let Some(v1) = v1::Repository::of(name) {
            let (tags, images) = (Key::V1Tags(v1.clone()), Key::V1Images(v1));
            summary.written += usize::from(lists::readable::<V1Tags>(store, &tags).await?);
            summary.written += usize::from(lists::readable::<V1Images>(store, &images).await?);
        }
        let shown = self.tags(name, held, &mut summary).await?;
        if let Some(v1) = v1::Repository::of(name) {
            summary.removed += usize::from(listings::prune(store, &v1).await?);
        }
        if held.has_tag_list || !held.revisions.is_empty() {
            summary.written += usize::from(lists::tags(store, name, &shown).await?);
        }
        summary.tags = shown.len();
        Ok(summary)
    }

    /// Digest views, with their types; and for each digest what the manifests say of it as their subject.
    async fn revisions(
        &self,
        name: &Repository,
        held: &Held,
        summary: &mut Summary,
    ) -> Result<BTreeMap<Digest, Referrers>, StoreError> {
        let mut referrers: BTreeMap<Digest, Referrers> =
            held.referrers.iter().map(|digest| (*digest, Referrers::default())).collect();
        // A sha512 manifest is there under its sha256 too; as a referrer it is listed under its own name alone.
        let mut other_names = BTreeSet::new();
        // A publisher takes an index whose view is there for whole, so its view comes after those of the images.
        let mut of_indexes = Vec::new();
        let read = async |digest| Ok::<_, StoreError>((digest, self.derive.manifest(digest).await?));
        let mut all = stream::iter(held.revisions.iter().rev().map(read)).buffered(self.jobs);
        while let Some((digest, found)) = all.try_next().await? {
            let Some((bytes, manifest)) = found else {
                let problem =
                    format!("{name}@{digest} is absent, damaged, or a manifest that today's clients refuse");
                summary.problems.push(problem);
                continue;
            };
            summary.manifests += 1;
            referrers.entry(*digest).or_default();
            if digest.algorithm() == Algorithm::Sha512 {
                other_names.insert(Digest::of(Algorithm::Sha256, &bytes));
            }
            if let Some(subject) = manifest.subject.as_ref().filter(|_| !other_names.contains(digest)) {
                let said = Referrers::descriptor(*digest, bytes.len() as u64, &manifest);
                referrers.entry(subject.digest).or_default().insert(said);
            }
            if held.digest_views.contains(digest) {
                continue;
            }
            let key = Key::DigestView(name.clone(), *digest);
            let view = Document::view(bytes, manifest.media_type().clone());
            if manifest.media_type().is_index() {
                of_indexes.push((key, view));
            } else {
                summary.written += usize::from(self.derive.agree(&key, Some(&view)).await?);
            }
        }
        for (key, view) in of_indexes {
            summary.written += usize::from(self.derive.agree(&key, Some(&view)).await?);
        }
        Ok(referrers)
    }

    /// Settles every tag that has a link, a view, a v1 tag or a place in the v1 list. Returns those that show an image.
    async fn tags(
        &self,
        name: &Repository,
        held: &Held,
        summary: &mut Summary,
    ) -> Result<BTreeSet<Tag>, StoreError> {
        let mut tags = &held.tags | &held.shown_tags;
        if let Some(v1) = v1::Repository::of(name) {
            let list = self.derive.store.read(&Key::V1Tags(v1)).await?;
            let list = list.and_then(|list| V1Tags::from_bytes(&list.bytes).ok()).unwrap_or_default();
            tags.extend(list.tags.into_keys());
        }
        let lists = Mutex::default();
        let settle = async |tag: Tag| {
            let settled = self.derive.settle_beside(name, &tag, &lists).await?;
            Ok::<_, StoreError>((tag, settled))
        };
        let all: Vec<_> =
            stream::iter(tags.into_iter().map(settle)).buffered(self.jobs).try_collect().await?;
        let mut shown = BTreeSet::new();
        for (tag, settled) in all {
            summary.written += settled.written;
            summary.removed += settled.removed;
            if settled.shown.is_some() {
                shown.insert(tag);
            } else if held.tags.contains(&tag) {
                summary.problems.push(format!("{name}:{tag} points to a manifest that cannot be shown"));
            }
        }
        Ok(shown)
    }

    /// Digest views whose link is gone: `distribution` removes the one and leaves the other.
    async fn stale_views(&self, found: &Found) -> Result<usize, StoreError> {
        let stale = |(name, held): (&Repository, &Held)| {
            let digests = held.digest_views.difference(&held.revisions);
            digests.map(|digest| (name.clone(), *digest)).collect::<Vec<_>>()
        };
        let stale: Vec<(Repository, Digest)> = found.repositories.iter().flat_map(stale).collect();
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
