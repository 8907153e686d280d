//! One image index out of images that were published apart, each for its platform.

use std::collections::{BTreeMap, BTreeSet};

use contract::descriptor::{Descriptor, Platform};
use contract::digest::Digest;
use contract::key::Key;
use contract::manifest::{Content, Manifest};
use contract::media::MediaType;
use serde_json::{Map, Value, json};

use crate::derive::Derive;
use crate::image::DEPTH_MAX;
use crate::source::ManifestType;
use crate::store::StoreError;

/// Why there is no such index.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Clients would get one of the two, nobody knows which.
    #[error("{one} and {other} are both for {platform}")]
    Duplicate {
        /// Of both.
        platform: String,
        /// By the name that was given.
        one: String,
        /// By the name that was given.
        other: String,
    },
    /// Nothing tells clients whether it is for them.
    #[error("{0} is for no platform: its config names no `os` and `architecture`")]
    NoPlatform(String),
    /// A manifest list names Docker's manifests alone.
    #[error("{name} has a manifest of type {media_type}, which a manifest list of Docker cannot name")]
    NotDocker {
        /// By the name that was given.
        name: String,
        /// Of the manifest.
        media_type: MediaType,
    },
    /// A part of an index that was given.
    #[error("{name} names the image index {digest}, which is not in the store, or is nested too deep")]
    Absent {
        /// By the name that was given.
        name: String,
        /// What it names.
        digest: Digest,
    },
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl JoinError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotDocker { .. } => {
                Some("without --manifest-type docker it is an OCI image index, which names both")
            }
            Self::Absent { .. } => Some("publish it again from its source"),
            Self::Duplicate { .. } | Self::NoPlatform(_) | Self::Store(_) => None,
        }
    }
}

/// An entry of the index to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The name that was given for it.
    name: String,
    digest: Digest,
    media_type: MediaType,
    /// As it will stand there, with whatever an index said of it before.
    entry: Value,
    platform: Option<Value>,
}

/// What one of the given images adds: itself, or the entries of an index.
pub async fn parts(
    derive: Derive<'_>,
    name: &str,
    digest: Digest,
    depth: usize,
) -> Result<Vec<Part>, JoinError> {
    let absent = || JoinError::Absent { name: name.to_owned(), digest };
    let found = if depth > DEPTH_MAX { None } else { derive.manifest(&digest).await? };
    let (bytes, manifest) = found.ok_or_else(absent)?;
    let entries = match &manifest.content {
        Content::Index { entries } => entries,
        Content::Image { config, .. } => {
            let platform = platform(derive, config).await?;
            let platform = platform.ok_or_else(|| JoinError::NoPlatform(name.to_owned()))?;
            return Ok(vec![Part::image(name, digest, bytes.len(), &manifest, platform)]);
        }
    };
    let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut parts = Vec::new();
    for (nth, entry) in entries.iter().enumerate() {
        if entry.media_type.is_index() {
            parts.extend(Box::pin(self::parts(derive, name, entry.digest, depth + 1)).await?);
        } else {
            parts.push(Part::entry(name, entry, document["manifests"][nth].clone()));
        }
    }
    Ok(parts)
}

/// What an image's config says that it runs on, in the fields of an index's entry
/// ([image-index.md](https://github.com/opencontainers/image-spec/blob/main/image-index.md)).
async fn platform(derive: Derive<'_>, config: &Descriptor) -> Result<Option<Value>, StoreError> {
    if !config.media_type.is_image_config() {
        return Ok(None);
    }
    let found = derive.store.read(&Key::Blob(config.digest)).await?;
    let said: Value = found.and_then(|found| serde_json::from_slice(&found.bytes).ok()).unwrap_or_default();
    let mut platform = Map::new();
    for field in ["architecture", "os", "os.version", "os.features", "variant"] {
        let value = said.get(field).filter(|value| !matches!(value.as_str(), Some("")) && !value.is_null());
        platform.extend(value.map(|value| (field.to_owned(), value.clone())));
    }
    let is_whole = ["architecture", "os"].iter().all(|field| platform.contains_key(*field));
    Ok(is_whole.then(|| platform.into()))
}

impl Part {
    fn image(name: &str, digest: Digest, size: usize, manifest: &Manifest, platform: Value) -> Self {
        let media_type = manifest.media_type().clone();
        let entry = json!({ "mediaType": media_type, "digest": digest, "size": size, "platform": platform });
        Self { name: name.to_owned(), digest, media_type, entry, platform: Some(platform) }
    }

    fn entry(name: &str, descriptor: &Descriptor, entry: Value) -> Self {
        let (digest, media_type) = (descriptor.digest, descriptor.media_type.clone());
        let platform = entry.get("platform").cloned();
        Self { name: name.to_owned(), digest, media_type, entry, platform }
    }

    /// For whom clients would take it; `None` for attestations and the like, which are for nobody.
    fn wanted_for(&self) -> Option<String> {
        let raw = self.platform.as_ref()?;
        let Platform { os, architecture, variant, os_version } = serde_json::from_value(raw.clone()).ok()?;
        if os == "unknown" || os.is_empty() {
            return None;
        }
        // What a client takes for granted where none is said
        // ([containerd/platforms](https://github.com/containerd/platforms/blob/main/database.go), `normalizeArch`).
        let usual = match &*architecture {
            "arm64" => Some("v8"),
            "arm" => Some("v7"),
            "amd64" => Some("v1"),
            _ => None,
        };
        let variant = variant.filter(|variant| Some(&**variant) != usual);
        let more = [variant, os_version, raw.get("os.features").map(Value::to_string)];
        let said: Vec<String> = [os, architecture].into_iter().chain(more.into_iter().flatten()).collect();
        Some(said.join("/"))
    }
}

/// The bytes of the index: the parts in the order given, each once. The same parts give the same bytes. Pure.
///
/// # Errors
/// [`JoinError::Duplicate`] and [`JoinError::NotDocker`].
pub fn index(parts: &[Part], of: ManifestType) -> Result<Vec<u8>, JoinError> {
    let mut entries: Vec<&Value> = Vec::new();
    let mut digests: BTreeSet<Digest> = BTreeSet::new();
    let mut platforms: BTreeMap<String, &Part> = BTreeMap::new();
    for part in parts {
        if !digests.insert(part.digest) {
            continue;
        }
        if of == ManifestType::Docker && part.media_type.as_str() != MediaType::DOCKER_MANIFEST {
            let (name, media_type) = (part.name.clone(), part.media_type.clone());
            return Err(JoinError::NotDocker { name, media_type });
        }
        if let Some(platform) = part.wanted_for()
            && let Some(one) = platforms.insert(platform.clone(), part)
        {
            let (one, other) = (one.name.clone(), part.name.clone());
            return Err(JoinError::Duplicate { platform, one, other });
        }
        entries.push(&part.entry);
    }
    let media_type = of.index();
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
    Ok(index.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
