//! `publish`, and what others have in common with it.

use std::path::PathBuf;

use clap::Args;
use contract::pattern::TagPattern;

use crate::source::registry::Host;
use crate::source::{Compression, ManifestType};
use crate::store::Location;
use crate::v1_chain::V1;

/// `publish`.
#[derive(Debug, Args)]
pub struct Publish {
    /// Where the image is: an archive of `docker save`, an OCI layout (folder or archive), both also compressed with
    /// gzip or zstd; `-` for standard input; `docker-daemon:IMAGE` for an image of the Docker daemon (DOCKER_HOST). Told
    /// apart by looking; skopeo's `docker-archive:`, `oci:`, `oci-archive:` and `dir:` are understood. In another
    /// registry: `docker://ghcr.io/acme/app:1.2`
    pub source: String,
    /// Under which names: `acme/app:1.2`, `acme/app` (tag `latest`), `acme/app@sha256:…` (by digest, no tag)
    #[arg(required = true)]
    pub reference: Vec<String>,
    /// Where to: a folder (`./bucket`, `file:///srv/bucket`), `s3://bucket/prefix?endpoint=URL&region=NAME` or
    /// `swift://container/prefix`
    #[arg(long, value_name = "STORE", env = "REGISTRY_PUBLISHER_TO")]
    pub to: Option<Location>,
    /// Which image of an archive that holds several: its name, tag or digest
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,
    /// Refuse an image index of which the source lacks a platform
    #[arg(long)]
    pub strict: bool,
    /// Which manifest an archive of plain layers gets; others keep theirs [default: docker]
    #[arg(long, value_enum, env = "REGISTRY_PUBLISHER_MANIFEST_TYPE")]
    pub manifest_type: Option<ManifestType>,
    /// How such an archive's layers are packed
    #[command(flatten)]
    pub layers: Layers,
    /// Read and check all contents of the source, also those that need not be sent
    #[arg(long)]
    pub verify_source: bool,
    /// What is written for Registry v1
    #[command(flatten)]
    pub v1: OfV1,
    /// How a registry is asked for the image
    #[command(flatten)]
    pub from_registry: FromRegistry,
    /// Which tags stay where they are
    #[command(flatten)]
    pub fixed: Fixed,
    /// Take a first segment like `registry.example.com` as part of the repository's name
    #[arg(long)]
    pub keep_host: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What is written for Registry v1, for `publish`, `mirror` and `copy`.
#[derive(Debug, Clone, Default, Args)]
pub struct OfV1 {
    /// Write nothing for Registry v1 (Docker before 1.10)
    #[arg(long)]
    pub no_v1: bool,
    /// Keep gzip of zstd layers for Registry v1, which reads no zstd; without this, images with such layers are not
    /// written for it
    #[arg(long, conflicts_with = "no_v1")]
    pub v1_gzip: bool,
}

impl OfV1 {
    /// What these flags make of what holds without them. Nobody turns on what the store says is off.
    pub fn over(&self, rules: V1) -> V1 {
        match rules {
            V1::Off => V1::Off,
            _ if self.no_v1 => V1::Off,
            V1::Readable if self.v1_gzip => V1::Gzip,
            V1::Readable | V1::Gzip => rules,
        }
    }
}

/// How registries are asked as sources, for `publish` and `mirror`. Credentials are in the environment and in files.
#[derive(Debug, Clone, Default, Args)]
pub struct FromRegistry {
    /// A registry that is asked without TLS, as those on this machine are; may be given several times
    #[arg(long, value_name = "HOST", value_delimiter = ',', value_parser = Host::parse,
          env = "REGISTRY_PUBLISHER_INSECURE_SOURCE")]
    pub insecure_source: Vec<Host>,
    /// A folder of certificates for registries that are asked: authorities (`*.crt`), ours (`*.cert` with `*.key`)
    /// [default: HOST in ~/.config/containers/certs.d, /etc/containers/certs.d or /etc/docker/certs.d]
    #[arg(long, value_name = "DIR", env = "REGISTRY_PUBLISHER_CERT_DIR")]
    pub cert_dir: Option<PathBuf>,
}

/// How the layers of a docker archive are packed. Images that have a manifest keep theirs.
#[derive(Debug, Clone, Default, Args)]
pub struct Layers {
    /// What plain layers of a docker archive become, and with anything but `keep` the others too; images that have a
    /// manifest keep it, unless layers of theirs are plain. zstd takes an OCI manifest, and Registry v1 has it with
    /// --v1-gzip alone [default: keep]
    #[arg(long, value_enum, env = "REGISTRY_PUBLISHER_COMPRESSION")]
    pub compression: Option<Compression>,
    /// How much: 1 to 12 for gzip, 1 to 22 for zstd [default: 2, 3]
    #[arg(long, value_name = "N", env = "REGISTRY_PUBLISHER_COMPRESSION_LEVEL")]
    pub compression_level: Option<u8>,
}

/// Tags that must not be moved, for `publish` and `tag`.
#[derive(Debug, Clone, Default, Args)]
pub struct Fixed {
    /// Refuse to move a tag: publish only where it is not there, or points to this image already
    #[arg(long)]
    pub if_absent: bool,
    /// Refuse to move tags that match: `v*`, `release-?`. Adds to what the settings file and the store say; may be
    /// given several times
    #[arg(long, value_name = "PATTERN", env = "REGISTRY_PUBLISHER_IMMUTABLE", value_delimiter = ',')]
    pub immutable: Vec<TagPattern>,
}
