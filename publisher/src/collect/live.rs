//! What stays, and what goes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::key::Key;
use contract::name::Repository;
use contract::v1;

use super::Roots;
use super::graph::{Graph, Node, Read};
use super::stock::{Held, Item, Stock};

/// What stays.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) repositories: BTreeMap<Repository, Kept>,
    pub(super) blobs: BTreeSet<Digest>,
    pub(super) v1: BTreeSet<v1::Id>,
    v1_frozen: bool,
}

/// Of one repository.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) manifests: BTreeSet<Digest>,
    pub(super) contents: BTreeSet<Digest>,
    /// What manifests that stay refer to, there or not: clients ask who does.
    pub(super) subjects: BTreeSet<Digest>,
    frozen: bool,
}

impl Kept {
    /// Whether the list of what refers to this stays.
    pub(super) fn lists(&self, subject: &Digest) -> bool {
        self.manifests.contains(subject) || self.subjects.contains(subject)
    }
}

/// From the roots on, all that is named, and what refers to a manifest that stays.
pub(super) fn mark(stock: &Stock, graph: &Graph, roots: &Roots) -> Live {
    let mut live = Live { v1_frozen: roots.v1_frozen, ..Live::default() };
    let none = BTreeSet::new();
    for (name, held) in &stock.repositories {
        let roots_of = roots.manifests.get(name).unwrap_or(&none);
        let kept = if roots.frozen.contains(name) {
            let manifests = held.revisions.keys().chain(roots_of).copied().collect();
            let mut kept = reached(held, graph, manifests);
            kept.contents.extend(held.layers.keys());
            Kept { frozen: true, ..kept }
        } else {
            reached(held, graph, roots_of.clone())
        };
        live.blobs.extend(kept.manifests.iter().chain(&kept.contents).copied());
        live.repositories.insert(name.clone(), kept);
    }
    for id in &roots.v1 {
        live.v1.insert(*id);
        live.v1.extend(graph.chains.get(id).into_iter().flatten().flatten());
    }
    live
}

fn reached(held: &Held, graph: &Graph, roots: BTreeSet<Digest>) -> Kept {
    let node = |digest: &Digest| match graph.manifests.get(digest) {
        Some(Read::Names(node)) => Some(node),
        Some(Read::Absent | Read::Unreadable) | None => None,
    };
    let mut referrers: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    for digest in held.revisions.keys() {
        if let Some(subject) = node(digest).and_then(|node: &Node| node.subject) {
            referrers.entry(subject).or_default().push(*digest);
        }
    }
    let (mut kept, mut waiting) = (Kept::default(), Vec::from_iter(roots));
    while let Some(digest) = waiting.pop() {
        if !kept.manifests.insert(digest) {
            continue;
        }
        waiting.extend(referrers.get(&digest).into_iter().flatten());
        if let Some(node) = node(&digest) {
            waiting.extend(node.manifests.iter().chain(&node.twin));
            kept.contents.extend(&node.blobs);
            kept.subjects.extend(node.subject);
        }
    }
    kept
}

impl Live {
    /// What does not stay and is older than the grace, in the order in which it goes: what says that something is there
    /// before all that it names.
    pub(super) fn condemned(&self, stock: &Stock) -> Vec<(Key, u64)> {
        let mut gone = Vec::new();
        let mut go = |key: Key, item: &Item| {
            if item.is_old {
                gone.push((key, item.size));
            }
        };
        for (name, held) in &stock.repositories {
            let Some(kept) = self.repositories.get(name).filter(|kept| !kept.frozen) else { continue };
            let out = |digest: &Digest| !kept.manifests.contains(digest);
            for (digest, item) in held.revisions.iter().filter(|(digest, _)| out(digest)) {
                go(Key::RevisionLink(name.clone(), *digest), item);
            }
        }
        let v1 = stock.v1.iter().filter(|(id, _)| !self.v1_frozen && !self.v1.contains(id));
        for (id, parts) in v1 {
            parts.iter().for_each(|(part, item)| go(part.key(*id), item));
        }
        for (name, held) in &stock.repositories {
            if let Some(kept) = self.repositories.get(name).filter(|kept| !kept.frozen) {
                below(name, held, kept, &mut go);
            }
        }
        for (digest, item) in stock.blobs.iter().filter(|(digest, _)| !self.blobs.contains(digest)) {
            go(Key::Blob(*digest), item);
        }
        // Of v1 images, too, what says that something is there.
        gone.sort_by_key(|(key, _)| !super::promises(key));
        gone
    }
}

/// What shows a manifest, or names it, where it does not stay; and layer links that no manifest needs.
fn below(name: &Repository, held: &Held, kept: &Kept, go: &mut impl FnMut(Key, &Item)) {
    let out = |digest: &Digest| !kept.manifests.contains(digest);
    for ((tag, digest), item) in held.history.iter().filter(|((_, digest), _)| out(digest)) {
        go(Key::TagHistoryLink(name.clone(), tag.clone(), *digest), item);
    }
    for (digest, item) in held.views.iter().filter(|(digest, _)| out(digest)) {
        go(Key::DigestView(name.clone(), *digest), item);
    }
    for (digest, item) in held.referrers.iter().filter(|(digest, _)| !kept.lists(digest)) {
        go(Key::Referrers(name.clone(), *digest), item);
    }
    for (digest, item) in held.layers.iter().filter(|(digest, _)| !kept.contents.contains(digest)) {
        go(Key::LayerLink(name.clone(), *digest), item);
    }
}

#[cfg(test)]
mod tests;
