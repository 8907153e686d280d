//! Manifests: which of the four documents these bytes are, and what they name.
//!
//! Follows the OCI image spec, [manifest.md](https://github.com/opencontainers/image-spec/blob/main/manifest.md) and
//! [image-index.md](https://github.com/opencontainers/image-spec/blob/main/image-index.md), and Docker's
//! [manifest-v2-2.md](https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md).
//! A manifest's bytes are never written again by us: only what is asked of them is read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Error;
use serde_json::Value;

use crate::descriptor::Descriptor;
use crate::media::MediaType;

/// Largest manifest that is read, in bytes: what registries should accept at least
/// (distribution spec, "Pushing Manifests"), and the most that `distribution` and containerd read.
pub const MANIFEST_MAX: u64 = 4 << 20;

/// A parsed manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    media_type: MediaType,
    /// What it holds.
    pub content: Content,
    /// The manifest that this one refers to: a signature, an SBOM.
    pub subject: Option<Descriptor>,
    /// Stated by artifacts.
    pub artifact_type: Option<MediaType>,
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
}

/// The two shapes of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An image or artifact: one config, layers base first.
    Image {
        /// The config.
        config: Box<Descriptor>,
        /// Base first.
        layers: Vec<Descriptor>,
    },
    /// An image index or manifest list.
    Index {
        /// Its entries, mostly manifests.
        entries: Vec<Descriptor>,
    },
}

/// Why bytes are no manifest that can be published.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// No JSON, or a field of the wrong shape.
    #[error("the manifest is not valid")]
    Syntax(#[source] serde_json::Error),
    /// Both an image's and an index's fields: clients would read it differently
    /// ([GHSA-77vh-xpmg-72qh](https://github.com/opencontainers/image-spec/security/advisories/GHSA-77vh-xpmg-72qh)).
    #[error(
        "the manifest has both `manifests` and `config` or `layers`, so clients would read it differently"
    )]
    Ambiguous,
    /// Neither an image's nor an index's fields.
    #[error("the manifest has neither `config` and `layers` nor `manifests`")]
    Neither,
    /// Docker's first manifest, from before 2016.
    #[error(
        "the manifest is of Docker schema 1, which today's clients refuse: pull the image and push it anew"
    )]
    Schema1,
    /// A type that says one shape, and fields of the other; or a type that is no manifest's.
    #[error("the manifest calls itself `{0}`, which does not fit what it holds")]
    MediaType(MediaType),
    /// The descriptor says one type, the document another.
    #[error("the manifest calls itself `{stated}`, but is named as `{named}`")]
    Disagrees {
        /// In the document.
        stated: MediaType,
        /// In the descriptor.
        named: MediaType,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u32>,
    media_type: Option<MediaType>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<Value>,
    subject: Option<Descriptor>,
    artifact_type: Option<MediaType>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Reads a manifest. `named` is the type by which a descriptor or a server called it: it decides where the
    /// document states none (OCI lets it be left out), and must agree where both speak.
    pub fn parse(bytes: &[u8], named: Option<&MediaType>) -> Result<Self, ManifestError> {
        // RFC 8259 §8.1; serde_json would not look at what is passed over, and who reads all of it would refuse it.
        let text = str::from_utf8(bytes).map_err(|error| ManifestError::Syntax(Error::custom(error)))?;
        let document: Document = serde_json::from_str(text).map_err(ManifestError::Syntax)?;
        if document.schema_version == Some(1) || document.fs_layers.is_some() {
            return Err(ManifestError::Schema1);
        }
        let content = match (document.config, document.layers, document.manifests) {
            (None, None, Some(entries)) => Content::Index { entries },
            // Go writes a list without entries as `null`.
            (Some(config), layers, None) => {
                Content::Image { config: Box::new(config), layers: layers.unwrap_or_default() }
            }
            (_, _, Some(_)) => return Err(ManifestError::Ambiguous),
            (None, _, None) => return Err(ManifestError::Neither),
        };
        let named = named.filter(|named| named.is_manifest());
        let media_type = match (document.media_type, named) {
            (Some(stated), Some(named)) if stated != *named => {
                return Err(ManifestError::Disagrees { stated, named: named.clone() });
            }
            (Some(stated), _) => stated,
            (None, Some(named)) => named.clone(),
            (None, None) => content.oci_type(),
        };
        if media_type.is_index() != matches!(content, Content::Index { .. }) || !media_type.is_manifest() {
            return Err(ManifestError::MediaType(media_type));
        }
        Ok(Self {
            media_type,
            content,
            subject: document.subject,
            artifact_type: document.artifact_type,
            annotations: document.annotations.unwrap_or_default(),
        })
    }

    /// Its media type: one for which [`MediaType::is_manifest`] holds.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// All that it names and a pull fetches: config and layers, or the entries of an index. Not its subject.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, rest) = match &self.content {
            Content::Image { config, layers } => (Some(&**config), layers),
            Content::Index { entries } => (None, entries),
        };
        config.into_iter().chain(rest)
    }

    /// What a referrers list says of it: the stated artifact type, else an image's config type
    /// (distribution spec, "Listing Referrers").
    pub fn referrer_type(&self) -> Option<&MediaType> {
        self.artifact_type.as_ref().or(match &self.content {
            Content::Image { config, .. } => Some(&config.media_type),
            Content::Index { .. } => None,
        })
    }
}

impl Content {
    fn oci_type(&self) -> MediaType {
        match self {
            Self::Image { .. } => MediaType::OCI_MANIFEST.into(),
            Self::Index { .. } => MediaType::OCI_INDEX.into(),
        }
    }
}

#[cfg(test)]
mod tests;
