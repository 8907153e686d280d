//! What a store's own list of its keys says, by repository.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Repository, Tag};

/// All repositories that have any object.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) repositories: BTreeMap<Repository, Held>,
}

/// The objects of one repository that matter here.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By their links.
    pub(super) revisions: BTreeSet<Digest>,
    /// By their links.
    pub(super) tags: BTreeSet<Tag>,
    /// Shown by digest.
    pub(super) digest_views: BTreeSet<Digest>,
    /// Shown by tag, in v2 or in v1.
    pub(super) shown_tags: BTreeSet<Tag>,
    /// With a list of referrers.
    pub(super) referrers: BTreeSet<Digest>,
    /// Whether there is a tag list.
    pub(super) has_tag_list: bool,
}

impl Found {
    /// Takes keys in.
    pub(super) fn take(&mut self, keys: Vec<Key>) {
        for key in keys {
            match key {
                Key::RevisionLink(name, digest) => _ = self.of(name).revisions.insert(digest),
                Key::TagLink(name, tag) => _ = self.of(name).tags.insert(tag),
                Key::DigestView(name, digest) => _ = self.of(name).digest_views.insert(digest),
                Key::TagView(name, tag) => _ = self.of(name).shown_tags.insert(tag),
                Key::Referrers(name, digest) => _ = self.of(name).referrers.insert(digest),
                Key::TagList(name) => self.of(name).has_tag_list = true,
                Key::V1Tag(v1, tag) => _ = self.of(v1.repository()).shown_tags.insert(tag),
                Key::V1Tags(v1) | Key::V1Images(v1) => _ = self.of(v1.repository()),
                Key::Blob(_)
                | Key::LayerLink(..)
                | Key::TagHistoryLink(..)
                | Key::Catalog
                | Key::V1Json(_)
                | Key::V1Ancestry(_)
                | Key::V1Layer(_)
                | Key::Keep(..)
                | Key::Settings
                | Key::Probe
                | Key::Lock
                | Key::Staged(_)
                | Key::Segment { .. } => {}
            }
        }
    }

    fn of(&mut self, name: Repository) -> &mut Held {
        self.repositories.entry(name).or_default()
    }
}
