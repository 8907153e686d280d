//! Media types as questions: is this a manifest, an index, a layer, and how is it compressed?
//!
//! The OCI names are of the image spec's [media-types.md](https://github.com/opencontainers/image-spec/blob/main/media-types.md),
//! Docker's of distribution's [manifest-v2-2.md](https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type as a descriptor or a manifest states it. Any text parses: unknown types are somebody's artifacts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(Box<str>);

/// How the tar of a layer is packed, as its media type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, what every client reads.
    Gzip,
    /// bzip2, which old Docker reads.
    Bzip2,
    /// xz, which old Docker reads.
    Xz,
    /// zstd, which clients read since about 2020.
    Zstd,
    /// Something else, an encrypted layer for instance.
    Other,
}

impl MediaType {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    /// OCI image config.
    pub const OCI_CONFIG: &'static str = "application/vnd.oci.image.config.v1+json";
    /// OCI layer, plain; the compressed ones append `+gzip` or `+zstd`.
    pub const OCI_LAYER: &'static str = "application/vnd.oci.image.layer.v1.tar";
    /// OCI layer, gzip.
    pub const OCI_LAYER_GZIP: &'static str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI layer, zstd.
    pub const OCI_LAYER_ZSTD: &'static str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker schema 2 manifest.
    pub const DOCKER_MANIFEST: &'static str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &'static str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image config.
    pub const DOCKER_CONFIG: &'static str = "application/vnd.docker.container.image.v1+json";
    /// Docker layer, plain.
    pub const DOCKER_LAYER: &'static str = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker layer, gzip.
    pub const DOCKER_LAYER_GZIP: &'static str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    const LAYERS: [&'static str; 4] = [
        Self::OCI_LAYER,
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        Self::DOCKER_LAYER,
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ];

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An image manifest, OCI's or Docker's.
    pub fn is_image_manifest(&self) -> bool {
        matches!(self.as_str(), Self::OCI_MANIFEST | Self::DOCKER_MANIFEST)
    }

    /// An image index or a manifest list.
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), Self::OCI_INDEX | Self::DOCKER_LIST)
    }

    /// Something that is fetched from `manifests/` rather than from `blobs/`.
    pub fn is_manifest(&self) -> bool {
        self.is_image_manifest() || self.is_index()
    }

    /// The config of something that runs.
    pub fn is_image_config(&self) -> bool {
        matches!(self.as_str(), Self::OCI_CONFIG | Self::DOCKER_CONFIG)
    }

    /// A layer that, by its type, may be absent from registries.
    pub fn is_foreign(&self) -> bool {
        self.0.contains(".nondistributable.") || self.0.contains(".foreign.")
    }

    /// How the layer is packed; `None` when this is not a layer's type.
    pub fn layer_compression(&self) -> Option<Compression> {
        let rest = Self::LAYERS.iter().find_map(|layer| self.0.strip_prefix(layer))?;
        Some(match rest {
            "" => Compression::None,
            "+gzip" | ".gzip" => Compression::Gzip,
            "+bzip2" | ".bzip2" => Compression::Bzip2,
            "+xz" | ".xz" => Compression::Xz,
            "+zstd" | ".zstd" => Compression::Zstd,
            _ => Compression::Other,
        })
    }

    /// A layer of a file system.
    pub fn is_layer(&self) -> bool {
        self.layer_compression().is_some()
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_tell_their_compression() {
        for (text, compression) in [
            (MediaType::OCI_LAYER, Some(Compression::None)),
            (MediaType::OCI_LAYER_GZIP, Some(Compression::Gzip)),
            (MediaType::OCI_LAYER_ZSTD, Some(Compression::Zstd)),
            (MediaType::DOCKER_LAYER_GZIP, Some(Compression::Gzip)),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Some(Compression::Gzip)),
            ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", Some(Compression::Other)),
            (MediaType::OCI_CONFIG, None),
            ("text/plain", None),
        ] {
            assert_eq!(MediaType::from(text).layer_compression(), compression, "{text}");
        }
    }

    #[test]
    fn questions_do_not_overlap() {
        for text in [
            MediaType::OCI_MANIFEST,
            MediaType::OCI_INDEX,
            MediaType::DOCKER_MANIFEST,
            MediaType::DOCKER_LIST,
        ] {
            let media_type = MediaType::from(text);
            assert!(
                media_type.is_manifest() && !media_type.is_layer() && !media_type.is_image_config(),
                "{text}"
            );
            assert_ne!(media_type.is_index(), media_type.is_image_manifest(), "{text}");
        }
        assert!(MediaType::from("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip").is_foreign());
        assert!(!MediaType::from(MediaType::OCI_LAYER).is_foreign());
    }
}
