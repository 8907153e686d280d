//! What was removed, by kind.

use std::collections::BTreeMap;

use contract::key::Key;
use serde::Serialize;

/// Objects with their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many.
    pub objects: u64,
    /// How much.
    pub bytes: u64,
}

impl Count {
    pub(super) fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// The kinds of objects that are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Manifests, configs and layers.
    Blobs,
    /// Their links in repositories.
    Links,
    /// What clients read of manifests: views and lists of referrers.
    Views,
    /// What Docker before 1.10 reads.
    V1Images,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Whether nothing was removed: what would have been.
    pub dry_run: bool,
    /// By kind.
    pub removed: BTreeMap<What, Count>,
    /// Manifests, configs and layers that stay since something names them.
    pub kept: Count,
    /// Unfinished uploads that were ended.
    pub uploads: usize,
    /// Whether there was no time for all of it.
    pub unfinished: bool,
    /// What could not be understood, and is kept with all that may belong to it; what could not be looked for.
    pub problems: Vec<String>,
}

impl Summary {
    pub(super) fn count(&mut self, key: &Key, size: u64) {
        let what = match key {
            Key::Blob(_) => What::Blobs,
            Key::V1Json(_) | Key::V1Ancestry(_) | Key::V1Layer(_) => What::V1Images,
            Key::DigestView(..) | Key::Referrers(..) => What::Views,
            _ => What::Links,
        };
        self.removed.entry(what).or_default().add(size);
    }

    /// All kinds together.
    pub fn total(&self) -> Count {
        self.removed.values().fold(Count::default(), |all, one| Count {
            objects: all.objects + one.objects,
            bytes: all.bytes + one.bytes,
        })
    }
}
