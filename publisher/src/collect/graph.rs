//! What manifests and v1 ancestries name, as far as they were read.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::{Algorithm, Digest};
use contract::manifest::{Content, Manifest};
use contract::v1;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::derive::Derive;
use crate::store::{Store, StoreError};
use contract::key::Key;

/// One manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Manifests that it names.
    pub(super) manifests: Vec<Digest>,
    /// Contents that it names.
    pub(super) blobs: Vec<Digest>,
    /// What it refers to.
    pub(super) subject: Option<Digest>,
    /// Its other name.
    pub(super) twin: Option<Digest>,
}

impl Node {
    pub(super) fn of(digest: &Digest, bytes: &[u8], manifest: &Manifest) -> Self {
        let twin = match digest.algorithm() {
            Algorithm::Sha256 => None,
            Algorithm::Sha512 => Some(Digest::of(Algorithm::Sha256, bytes)),
        };
        let (mut manifests, mut blobs) = (Vec::new(), Vec::new());
        for child in manifest.children() {
            let is_manifest =
                matches!(manifest.content, Content::Index { .. }) && child.media_type.is_manifest();
            // What an index names otherwise is content, or a manifest of a kind that is not known here.
            if is_manifest { &mut manifests } else { &mut blobs }.push(child.digest);
        }
        Self { manifests, blobs, subject: manifest.subject.as_ref().map(|subject| subject.digest), twin }
    }
}

/// What was found of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// It names these.
    Names(Node),
    /// It is not there.
    Absent,
    /// It is there, and nobody knows what it names.
    Unreadable,
}

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) manifests: BTreeMap<Digest, Read>,
    /// Of v1 images, all that an ancestry names; `None` where it cannot be read.
    pub(super) chains: BTreeMap<v1::Id, Option<Vec<v1::Id>>>,
}

impl Graph {
    /// What a manifest refers to, as far as it was read.
    pub(super) fn subject(&self, digest: &Digest) -> Option<Digest> {
        match self.manifests.get(digest)? {
            Read::Names(node) => node.subject,
            Read::Absent | Read::Unreadable => None,
        }
    }

    /// Reads these manifests and all that are below them.
    pub(super) async fn read(
        &mut self,
        derive: Derive<'_>,
        wanted: impl IntoIterator<Item = Digest>,
        jobs: usize,
    ) -> Result<(), StoreError> {
        let mut wanted: BTreeSet<Digest> = wanted.into_iter().collect();
        loop {
            wanted.retain(|digest| !self.manifests.contains_key(digest));
            if wanted.is_empty() {
                return Ok(());
            }
            let each = std::mem::take(&mut wanted).into_iter();
            let reading = each.map(|digest| async move { Ok((digest, manifest(derive, digest).await?)) });
            let mut found = stream::iter(reading).buffer_unordered(jobs);
            while let Some((digest, read)) = found.try_next().await? {
                if let Read::Names(node) = &read {
                    wanted.extend(node.manifests.iter().chain(&node.twin).copied());
                }
                self.manifests.insert(digest, read);
            }
        }
    }

    /// Reads these ancestries.
    pub(super) async fn read_chains(
        &mut self,
        store: &dyn Store,
        wanted: impl IntoIterator<Item = v1::Id>,
        jobs: usize,
    ) -> Result<(), StoreError> {
        let wanted: BTreeSet<v1::Id> =
            wanted.into_iter().filter(|id| !self.chains.contains_key(id)).collect();
        let reading = wanted.into_iter().map(|id| async move {
            let found = store.read(&Key::V1Ancestry(id)).await?;
            // Without one, nothing says that anything else of it is there.
            let ids = found.map_or(Some(vec![id]), |found| serde_json::from_slice(&found.bytes).ok());
            Ok::<_, StoreError>((id, ids))
        });
        let found: Vec<_> = stream::iter(reading).buffer_unordered(jobs).try_collect().await?;
        self.chains.extend(found);
        Ok(())
    }
}

async fn manifest(derive: Derive<'_>, digest: Digest) -> Result<Read, StoreError> {
    let Some(found) = derive.store.read(&Key::Blob(digest)).await? else { return Ok(Read::Absent) };
    if Digest::of(digest.algorithm(), &found.bytes) != digest {
        return Ok(Read::Unreadable);
    }
    Ok(match Manifest::parse(&found.bytes, None) {
        Ok(manifest) => Read::Names(Node::of(&digest, &found.bytes, &manifest)),
        Err(_) => Read::Unreadable,
    })
}
