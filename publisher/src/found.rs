//! Which repositories a store has, and what its own list of keys says of each. They are looked at apart: in memory are the
//! names of all, and the keys of those that are worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use contract::digest::Digest;
use contract::key::{Key, Prefix};
use contract::name::{Repository, Tag};
use contract::v1;
use futures_util::TryStreamExt;

use crate::at_once::at_once;
use crate::noted::mark;
use crate::store::{Listed, Store, StoreError};

/// Where a repository may have objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trees {
    /// Below its own name.
    pub(crate) own: bool,
    /// Among the lists of v1.
    pub(crate) v1: bool,
}

impl Trees {
    /// Of one that nobody has looked for.
    pub(crate) const BOTH: Self = Self { own: true, v1: true };

    /// Where its manifests, tags and lists are.
    pub(crate) fn listed(self, name: &Repository) -> impl Iterator<Item = Prefix> + use<> {
        let own = self.own.then(|| Prefix::Manifests(name.clone()));
        let v1 = v1::Repository::of(name).filter(|_| self.v1);
        own.into_iter().chain(v1.map(Prefix::V1Tags))
    }
}

/// The repositories that have any object, found folder by folder, so many folders at the same time.
pub(crate) async fn repositories(
    store: &dyn Store,
    jobs: usize,
) -> Result<BTreeMap<Repository, Trees>, StoreError> {
    let mut found: BTreeMap<Repository, Trees> = BTreeMap::new();
    let mut level = vec![None];
    while !level.is_empty() {
        let each = level.into_iter().map(|above| below(store, above));
        let folders: Vec<_> = at_once(jobs, each).await?;
        level = Vec::new();
        for (above, folder) in folders
            .into_iter()
            .flat_map(|(above, folders)| folders.into_iter().map(move |folder| (above.clone(), folder)))
        {
            match above {
                // No segment of a name begins with it.
                Some(name) if folder.starts_with('_') => found.entry(name).or_default().own = true,
                Some(name) => level.extend(format!("{name}/{folder}").parse().ok().map(Some)),
                None => level.extend(folder.parse().ok().map(Some)),
            }
        }
    }
    let firsts = store.folders(&Prefix::V1Repositories).await?.into_iter();
    let firsts = firsts.filter_map(|first| first.parse().ok()).map(|first| of_v1(store, first));
    for v1 in at_once(jobs, firsts).await?.into_iter().flatten() {
        found.entry(v1.repository()).or_default().v1 = true;
    }
    Ok(found)
}

async fn below(
    store: &dyn Store,
    above: Option<Repository>,
) -> Result<(Option<Repository>, BTreeSet<String>), StoreError> {
    let prefix = above.clone().map_or(Prefix::Repositories, Prefix::Below);
    Ok((above, store.folders(&prefix).await?))
}

async fn of_v1(store: &dyn Store, first: Repository) -> Result<Vec<v1::Repository>, StoreError> {
    let folders = store.folders(&Prefix::V1Below(first.clone())).await?;
    Ok(folders.iter().filter_map(|second| v1::Repository::parse(&format!("{first}/{second}"))).collect())
}

/// The objects of one repository that matter here.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// By their links.
    pub(crate) revisions: BTreeSet<Digest>,
    /// By their links.
    pub(crate) tags: BTreeSet<Tag>,
    /// Shown by digest.
    pub(crate) digest_views: BTreeSet<Digest>,
    /// Shown by tag.
    pub(crate) tag_views: BTreeSet<Tag>,
    /// Those that v1 shows.
    pub(crate) v1_tags: BTreeSet<Tag>,
    /// Configs and layers, by their links.
    pub(crate) layers: BTreeSet<Digest>,
    /// With a list of referrers.
    pub(crate) referrers: BTreeSet<Digest>,
    /// Whether there is a tag list.
    pub(crate) has_tag_list: bool,
    /// Whether v1 has one.
    pub(crate) has_v1_tag_list: bool,
    /// Another number where another manifest or tag is linked, or a tag's link was written since.
    pub(crate) links: u128,
}

impl Held {
    /// What is listed of a repository.
    pub(crate) async fn read(
        store: &dyn Store,
        prefixes: impl IntoIterator<Item = Prefix>,
    ) -> Result<Self, StoreError> {
        let mut held = Self::default();
        for prefix in prefixes {
            let mut pages = store.pages(&prefix);
            while let Some(page) = pages.try_next().await? {
                page.into_iter().for_each(|listed| held.take(listed));
            }
        }
        Ok(held)
    }

    fn take(&mut self, Listed { key, modified, .. }: Listed) {
        let since_1970 = || modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        if matches!(key, Key::RevisionLink(..) | Key::TagLink(..)) {
            // A revision's link says the same whenever it is written.
            let written = if matches!(key, Key::TagLink(..)) { since_1970() } else { 0 };
            // In whatever order they are listed.
            self.links ^= u128::from_le_bytes(mark(format!("{key} {written}").as_bytes()));
        }
        match key {
            Key::RevisionLink(_, digest) => _ = self.revisions.insert(digest),
            Key::TagLink(_, tag) => _ = self.tags.insert(tag),
            Key::DigestView(_, digest) => _ = self.digest_views.insert(digest),
            Key::TagView(_, tag) => _ = self.tag_views.insert(tag),
            Key::Referrers(_, digest) => _ = self.referrers.insert(digest),
            Key::TagList(_) => self.has_tag_list = true,
            Key::V1Tag(_, tag) => _ = self.v1_tags.insert(tag),
            Key::V1Tags(_) => self.has_v1_tag_list = true,
            Key::LayerLink(_, digest) => _ = self.layers.insert(digest),
            Key::Blob(_)
            | Key::TagHistoryLink(..)
            | Key::Catalog
            | Key::V1Images(_)
            | Key::V1Json(_)
            | Key::V1Ancestry(_)
            | Key::V1Layer(_)
            | Key::Keep(..)
            | Key::Diff(..)
            | Key::Search
            | Key::Settings
            | Key::Probe
            | Key::Collector
            | Key::Lock
            | Key::Staged(_)
            | Key::Segment { .. } => {}
        }
    }

    /// Whether each link has what clients fetch, and nothing else is shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.digest_views == self.revisions
            && self.revisions.is_subset(&self.referrers)
            && self.tag_views == self.tags
            && self.v1_tags.is_subset(&self.tags)
            && (self.has_tag_list || self.tags.is_empty())
    }

    /// Whether the repository holds a manifest.
    pub(crate) fn any(&self) -> bool {
        !self.revisions.is_empty()
    }
}
