//! All that a store holds, with sizes and times, by its own list.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::key::{Key, Prefix};
use contract::name::{Repository, Tag};
use contract::v1;
use futures_util::TryStreamExt;

use super::live::Live;
use super::tally::Count;
use crate::grace::{Grace, age};
use crate::store::{Listed, Store, StoreError};

/// An object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) size: u64,
    /// Whether it may be removed, if nothing names it.
    pub(super) is_old: bool,
}

/// What may be removed, and what tells what must not be.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) repositories: BTreeMap<Repository, Held>,
    pub(super) blobs: BTreeMap<Digest, Item>,
    pub(super) v1: BTreeMap<v1::Id, BTreeMap<Part, Item>>,
}

/// The parts of a v1 image, in the order in which they are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Ancestry,
    Json,
    Layer,
}

impl Part {
    pub(super) fn key(self, id: v1::Id) -> Key {
        match self {
            Self::Ancestry => Key::V1Ancestry(id),
            Self::Json => Key::V1Json(id),
            Self::Layer => Key::V1Layer(id),
        }
    }
}

/// Of one repository.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) revisions: BTreeMap<Digest, Item>,
    pub(super) views: BTreeMap<Digest, Item>,
    pub(super) referrers: BTreeMap<Digest, Item>,
    pub(super) layers: BTreeMap<Digest, Item>,
    pub(super) history: BTreeMap<(Tag, Digest), Item>,
    pub(super) keeps: BTreeSet<Digest>,
    /// With a link, a view or a v1 tag.
    pub(super) tags: BTreeSet<Tag>,
    pub(super) has_tag_list: bool,
    pub(super) has_v1_list: bool,
}

impl Stock {
    /// Reads the whole list.
    pub(super) async fn read(store: &dyn Store, grace: Grace) -> Result<Self, StoreError> {
        let mut stock = Self::default();
        // Before the list, so that nothing in it seems older than it is.
        let now = store.now().await?;
        let prefixes =
            [Prefix::Blobs, Prefix::Repositories, Prefix::V1Repositories, Prefix::V1Images, Prefix::Keeps];
        for prefix in prefixes {
            let mut pages = store.pages(&prefix);
            while let Some(page) = pages.try_next().await? {
                page.into_iter().for_each(|listed| {
                    let is_old = grace.is_over(age(listed.modified, now));
                    stock.take(listed, is_old);
                });
            }
        }
        Ok(stock)
    }

    pub(super) fn take(&mut self, Listed { key, size, .. }: Listed, is_old: bool) {
        let item = Item { size, is_old };
        match key {
            Key::Blob(digest) => _ = self.blobs.insert(digest, item),
            Key::V1Ancestry(id) => _ = self.v1.entry(id).or_default().insert(Part::Ancestry, item),
            Key::V1Json(id) => _ = self.v1.entry(id).or_default().insert(Part::Json, item),
            Key::V1Layer(id) => _ = self.v1.entry(id).or_default().insert(Part::Layer, item),
            Key::RevisionLink(name, digest) => _ = self.of(name).revisions.insert(digest, item),
            Key::DigestView(name, digest) => _ = self.of(name).views.insert(digest, item),
            Key::Referrers(name, digest) => _ = self.of(name).referrers.insert(digest, item),
            Key::LayerLink(name, digest) => _ = self.of(name).layers.insert(digest, item),
            Key::TagHistoryLink(name, tag, digest) => _ = self.of(name).history.insert((tag, digest), item),
            Key::Keep(name, digest) => _ = self.of(name).keeps.insert(digest),
            Key::TagLink(name, tag) | Key::TagView(name, tag) => _ = self.of(name).tags.insert(tag),
            Key::V1Tag(name, tag) => _ = self.of(name.repository()).tags.insert(tag),
            Key::TagList(name) => self.of(name).has_tag_list = true,
            Key::V1Tags(name) => self.of(name.repository()).has_v1_list = true,
            Key::V1Images(_)
            | Key::Catalog
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

    fn of(&mut self, name: Repository) -> &mut Held {
        self.repositories.entry(name).or_default()
    }

    /// The contents that stay.
    pub(super) fn counted(&self, live: &Live) -> Count {
        let mut count = Count::default();
        self.blobs
            .iter()
            .filter(|(digest, _)| live.blobs.contains(*digest))
            .for_each(|(_, item)| count.add(item.size));
        count
    }
}
