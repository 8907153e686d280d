//! One repository: its views, its lists, its tags.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::listing::{Listing, Referrers, V1Images, V1Tags};
use contract::name::{Repository, Tag};
use contract::v1;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::Mutex;

use super::{Relist, Summary, lists};
use crate::found::Held;
use crate::listings;
use crate::store::{Document, StoreError};

impl Relist<'_> {
    pub(super) async fn repository(&self, name: &Repository, held: &Held) -> Result<Summary, StoreError> {
        let store = self.derive.store;
        let mut summary = Summary { repositories: usize::from(held.any()), ..Summary::default() };
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
        if held.has_tag_list || held.any() {
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
        let mut tags = &(&held.tags | &held.tag_views) | &held.v1_tags;
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
}
