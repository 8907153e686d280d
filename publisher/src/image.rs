//! An image: a verified graph of descriptors, with its small documents in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::manifest::{Manifest, ManifestError};
use contract::media::MediaType;

use crate::content::{ContentError, Open};
use crate::remembered::Compressed;
use crate::source::registry::RegistryError;

mod build;
mod graph;

/// Largest image config that is read, in bytes. The largest known ones, of thousands of history lines, have some 100 KiB.
pub const CONFIG_MAX: u64 = 16 << 20;
/// Deepest nesting of image indexes that is followed. Real ones have two levels.
pub const DEPTH_MAX: usize = 8;
/// Most manifests of one image.
pub const MANIFESTS_MAX: usize = 10_000;
/// How much all its manifests and configs may have together, in bytes: all of them are in memory.
pub const DOCUMENTS_MAX: u64 = 128 << 20;

/// What is published: everything below one root descriptor.
#[derive(Debug, Clone)]
pub struct Image {
    /// What a tag will point to. Always a manifest.
    pub root: Descriptor,
    /// Every manifest once, each behind all that it names; the root last.
    pub manifests: Vec<Document>,
    /// Every config and layer once, and entries of an index that are no manifests. Those that may be absent
    /// ([`Descriptor::may_be_absent`]) and are, are not among them.
    pub blobs: Vec<Descriptor>,
    /// The configs of runnable images, for v1.
    pub configs: BTreeMap<Digest, Bytes>,
    /// Entries of image indexes that the source lacks, left out of what is published.
    pub missing: Vec<Descriptor>,
    /// Foreign layers that the source lacks, as they may.
    pub foreign: Vec<Descriptor>,
    /// Layers that were compressed to make it.
    pub compressed: Vec<Compressed>,
    /// Blobs that were sent while others were packed.
    pub sent: BTreeSet<Digest>,
}

/// A manifest with its bytes.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its name.
    pub descriptor: Descriptor,
    /// Its bytes, verified against the descriptor.
    pub bytes: Bytes,
    /// What they say.
    pub manifest: Manifest,
}

impl Image {
    /// The root's document. An image that was loaded has one.
    pub fn root_document(&self) -> Option<&Document> {
        self.manifests.last()
    }
}

/// Why a source's image cannot be published as it is.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The root is something else.
    #[error("{digest} is of type `{media_type}`, not a manifest that can be published")]
    Root {
        /// Of the root.
        digest: Digest,
        /// By its descriptor.
        media_type: MediaType,
    },
    /// A document cannot be read, or has other bytes than its descriptor names.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Whether the source holds something cannot be told.
    #[error("the source failed while {digest} was looked for")]
    Look {
        /// What was looked for.
        digest: Digest,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Not a manifest's bytes.
    #[error("the manifest {digest} cannot be published")]
    Manifest {
        /// Of the manifest.
        digest: Digest,
        /// Why not.
        #[source]
        source: ManifestError,
    },
    /// A document that has to be held in memory, and is too large for that.
    #[error("the {what} {digest} has {size} bytes, more than the {max} that are accepted")]
    TooLarge {
        /// `manifest` or `config`.
        what: &'static str,
        /// Which one.
        digest: Digest,
        /// By its descriptor.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// A config or layer whose size is not its descriptor's.
    #[error("the source holds {found} bytes as {digest}, which has {expected}")]
    Size {
        /// Which one.
        digest: Digest,
        /// By its descriptor.
        expected: u64,
        /// In the source.
        found: u64,
    },
    /// The root is not there.
    #[error("the source lacks the manifest {0}")]
    NoManifest(Digest),
    /// A part of an image is not there.
    #[error("the source lacks the {what} {digest} of the image {manifest}")]
    NoBlob {
        /// `config` or `layer`.
        what: &'static str,
        /// Which one.
        digest: Digest,
        /// Who names it.
        manifest: Digest,
    },
    /// No entry of the image index is there with all its parts.
    #[error("the source lacks every image of the image index {0}")]
    Nothing(Digest),
    /// Something is left out, and that is not wanted.
    #[error("the source lacks {}", list(.0))]
    Incomplete(Vec<Descriptor>),
    /// See [`DEPTH_MAX`].
    #[error("the image indexes are nested deeper than {DEPTH_MAX}, at {0}")]
    TooDeep(Digest),
    /// See [`MANIFESTS_MAX`].
    #[error("the image has more than {MANIFESTS_MAX} manifests")]
    TooMany,
    /// See [`DOCUMENTS_MAX`].
    #[error("the manifests and configs of the image have more than {DOCUMENTS_MAX} bytes together")]
    TooMuch,
}

impl ImageError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Incomplete(_) => Some(
                "save the image with all its platforms, or publish without --strict what is there".into(),
            ),
            Self::Content(ContentError::Mismatch { .. }) | Self::Size { .. } => {
                Some("the source is damaged: save the image again".into())
            }
            Self::NoBlob { .. } | Self::NoManifest(_) | Self::Nothing(_) => Some(
                "the source is not complete: save the image again, with the platform that is wanted".into(),
            ),
            Self::Content(ContentError::Read { source, .. }) | Self::Look { source, .. } => {
                RegistryError::behind(source).and_then(RegistryError::hint)
            }
            Self::Root { .. }
            | Self::Content(_)
            | Self::Manifest { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep(_)
            | Self::TooMany
            | Self::TooMuch => None,
        }
    }
}

fn list(missing: &[Descriptor]) -> String {
    let names = missing.iter().map(|entry| match &entry.platform {
        Some(platform) => format!("{} ({platform})", entry.digest),
        None => entry.digest.to_string(),
    });
    names.collect::<Vec<_>>().join(", ")
}

impl Image {
    /// Reads the graph below `root`, each small document verified, and makes sure that every config and layer is
    /// there. What an image index names and the source lacks is left out; `strict` makes that an error.
    pub async fn load(from: &dyn Open, root: Descriptor, strict: bool) -> Result<Self, ImageError> {
        if !root.media_type.is_manifest() {
            return Err(ImageError::Root { digest: root.digest, media_type: root.media_type });
        }
        let graph = graph::read(from, &root).await?;
        let image = build::build(&graph, &root)?;
        if strict && !image.missing.is_empty() {
            return Err(ImageError::Incomplete(image.missing));
        }
        Ok(image)
    }
}

#[cfg(test)]
mod tests;
