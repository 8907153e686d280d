//! Docker archives: what `manifest.json` lists, and the manifest that we make for one of its images.
//!
//! Follows Docker's image spec, [v1.2, "Combined Image JSON + Filesystem Changeset Format"](https://github.com/moby/docker-image-spec/blob/main/v1.2.md).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::media::MediaType;
use serde::Deserialize;
use serde_json::json;

use super::archive::ArchiveError;
use super::choose::Name;
use super::layer::{self, Layer, LayerError};
use super::packing::Packing;
use super::place::{Place, off};
use super::tree::Tree;
use super::{ManifestType, SourceError, Told, Wanted, layers};
use crate::image::CONFIG_MAX;
use crate::remembered::Compressed;

/// An image of `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
    /// Where layers came from, by diff id: Windows' base layers, which registries may not have.
    layer_sources: Option<BTreeMap<Digest, Descriptor>>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// What was made of an entry.
pub(super) struct Made {
    /// The manifest.
    pub root: Descriptor,
    /// All that it names, and itself.
    pub places: HashMap<Digest, Place>,
    /// Layers that were compressed for it.
    pub compressed: Vec<Compressed>,
}

impl Entry {
    /// What it is called.
    pub(super) fn names(&self) -> Vec<Name> {
        self.repo_tags.iter().flatten().cloned().map(Name::Full).collect()
    }

    fn layers(&self) -> &[String] {
        self.layers.as_deref().unwrap_or_default()
    }

    /// The digest that the config's name states. Docker names it so, with or without `.json`; other tools as they like.
    fn stated(&self) -> Option<Digest> {
        let stem = self.config.rsplit('/').next()?.trim_end_matches(".json");
        Digest::from_parts("sha256", stem.trim_start_matches("sha256:")).ok()
    }

    /// The config's digest, which is what Docker calls an image's id. `None` where the config is lost.
    pub(super) async fn image_id(&self, tree: &Tree) -> Result<Option<Digest>, SourceError> {
        if let Some(stated) = self.stated() {
            return Ok(Some(stated));
        }
        match self.config(tree).await {
            Ok((_, digest)) => Ok(Some(digest)),
            Err(SourceError::Lacks { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The config's bytes and digest.
    async fn config(&self, tree: &Tree) -> Result<(Bytes, Digest), SourceError> {
        let lacks =
            || SourceError::Lacks { name: tree.name.clone(), member: self.config.clone(), by: MANIFEST };
        let bytes = tree.document(&self.config, CONFIG_MAX).await?.ok_or_else(lacks)?;
        let found = Digest::of(Algorithm::Sha256, &bytes);
        if self.stated().is_some_and(|stated| stated != found) {
            return Err(SourceError::Config { name: tree.name.clone(), member: self.config.clone(), found });
        }
        Ok((bytes, found))
    }

    /// Whether any of its layers is a plain tar. Layers that are absent or encrypted are not.
    pub(super) async fn is_plain(&self, tree: &Tree) -> Result<bool, ArchiveError> {
        for member in self.layers() {
            let Some(place) = tree.find(member).await? else { continue };
            let sniffed = off(move || Ok(layer::sniff(&place))).await.map_err(LayerError::Read).flatten();
            if matches!(sniffed, Ok(Packing::Plain)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn layer(&self, tree: &Tree, member: &str) -> Result<Place, SourceError> {
        let lacks =
            || SourceError::Lacks { name: tree.name.clone(), member: member.to_owned(), by: MANIFEST };
        tree.find(member).await?.ok_or_else(lacks)
    }

    /// The config's diff ids, one for each layer.
    fn diff_ids(&self, tree: &Tree, config: &[u8]) -> Result<Vec<Digest>, SourceError> {
        let config: Config = serde_json::from_slice(config).map_err(|source| SourceError::Document {
            name: tree.name.clone(),
            member: self.config.clone(),
            source,
        })?;
        let (layers, diff_ids) = (self.layers().len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(SourceError::Layers { name: tree.name.clone(), layers, diff_ids });
        }
        Ok(config.rootfs.diff_ids)
    }

    /// The foreign layer that a diff id stands for.
    fn foreign(&self, diff_id: &Digest) -> Option<&Descriptor> {
        self.layer_sources.as_ref()?.get(diff_id).filter(|source| source.may_be_absent())
    }

    /// Packs the layers and makes the manifest.
    pub(super) async fn make(
        &self,
        tree: &Tree,
        wanted: &Wanted<'_>,
        told: &dyn Told,
    ) -> Result<Made, SourceError> {
        let (config, config_digest) = self.config(tree).await?;
        let diff_ids = self.diff_ids(tree, &config)?;
        let layers = self.pack(tree, &diff_ids, wanted, told).await?;
        // Docker's manifest has no name for zstd that all clients know; those that read zstd read OCI's.
        let zstd = layers.values().any(|layer| layer.packing == Packing::Zstd);
        let manifest_type = if zstd { ManifestType::Oci } else { wanted.manifest_type };
        let named = diff_ids.iter().filter_map(|diff_id| {
            let made = |layer: &Layer| {
                Descriptor::new(layer.media_type(manifest_type), layer.digest, layer.place.size())
            };
            self.foreign(diff_id).cloned().or_else(|| layers.get(diff_id).map(made))
        });
        let (root, bytes) = manifest(manifest_type, config_digest, config.len(), named.collect());
        let mut places =
            HashMap::from([(config_digest, Place::Memory(config)), (root.digest, Place::Memory(bytes))]);
        let each = diff_ids.iter().collect::<BTreeSet<_>>().into_iter();
        let compressed = each.filter_map(|diff_id| layers.get(diff_id)?.compressed(diff_id)).collect();
        places.extend(layers.into_values().map(|layer| (layer.digest, layer.place)));
        Ok(Made { root, places, compressed })
    }

    /// Every layer by its diff id, so that one that is there twice is packed once.
    async fn pack(
        &self,
        tree: &Tree,
        diff_ids: &[Digest],
        wanted: &Wanted<'_>,
        told: &dyn Told,
    ) -> Result<HashMap<Digest, Layer>, SourceError> {
        let mut places = BTreeMap::new();
        for (member, diff_id) in self.layers().iter().zip(diff_ids) {
            if self.foreign(diff_id).is_none() {
                places.insert(*diff_id, (member.as_str(), self.layer(tree, member).await?));
            }
        }
        layers::pack(tree, places, wanted, told).await
    }
}

/// The file that lists a docker archive's images.
pub(super) const MANIFEST: &str = "manifest.json";

fn manifest(of: ManifestType, config: Digest, size: usize, layers: Vec<Descriptor>) -> (Descriptor, Bytes) {
    let (media_type, config_type) = match of {
        ManifestType::Docker => (MediaType::DOCKER_MANIFEST, MediaType::DOCKER_CONFIG),
        ManifestType::Oci => (MediaType::OCI_MANIFEST, MediaType::OCI_CONFIG),
    };
    let config = Descriptor::new(config_type.into(), config, size as u64);
    let document = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
    let bytes = Bytes::from(document.to_string());
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    (Descriptor::new(media_type.into(), digest, bytes.len() as u64), bytes)
}
