//! What a store's own list of its keys says, by repository.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Repository, Tag};

/// All repositories that have any object.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) repositories: BTreeMap<Repository, Held>,
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
    /// Shown by tag, in v2 or in v1.
    pub(crate) shown_tags: BTreeSet<Tag>,
    /// Of them, those that v1 shows.
    pub(crate) v1_tags: BTreeSet<Tag>,
    /// Configs and layers, by their links.
    pub(crate) layers: BTreeSet<Digest>,
    /// With a list of referrers.
    pub(crate) referrers: BTreeSet<Digest>,
    /// Whether there is a tag list.
    pub(crate) has_tag_list: bool,
}

impl Found {
    /// Takes keys in.
    pub(crate) fn take(&mut self, keys: Vec<Key>) {
        for key in keys {
            match key {
                Key::RevisionLink(name, digest) => _ = self.of(name).revisions.insert(digest),
                Key::TagLink(name, tag) => _ = self.of(name).tags.insert(tag),
                Key::DigestView(name, digest) => _ = self.of(name).digest_views.insert(digest),
                Key::TagView(name, tag) => _ = self.of(name).shown_tags.insert(tag),
                Key::Referrers(name, digest) => _ = self.of(name).referrers.insert(digest),
                Key::TagList(name) => self.of(name).has_tag_list = true,
                Key::V1Tag(v1, tag) => {
                    let held = self.of(v1.repository());
                    held.shown_tags.insert(tag.clone());
                    held.v1_tags.insert(tag);
                }
                Key::LayerLink(name, digest) => _ = self.of(name).layers.insert(digest),
                Key::V1Tags(v1) | Key::V1Images(v1) => _ = self.of(v1.repository()),
                Key::Blob(_)
                | Key::TagHistoryLink(..)
                | Key::Catalog
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
    }

    /// The repositories that hold a manifest.
    pub(crate) fn held(&self) -> impl Iterator<Item = (&Repository, &Held)> {
        self.repositories.iter().filter(|(_, held)| !held.revisions.is_empty())
    }

    /// Whether this one does.
    pub(crate) fn holds(&self, name: &Repository) -> bool {
        self.repositories.get(name).is_some_and(|held| !held.revisions.is_empty())
    }

    fn of(&mut self, name: Repository) -> &mut Held {
        self.repositories.entry(name).or_default()
    }
}
