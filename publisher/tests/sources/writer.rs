//! Writes archives and folders as container tools do, and as they should not.

use std::io::Write;
use std::path::Path;

use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::media::MediaType;
use serde_json::{Value, json};
use tar::{EntryType, Header};
use tempfile::TempDir;

pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(crate) const IMAGE_NAME: &str = "io.containerd.image.name";

/// Files in the order in which an archive has them.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) items: Vec<(String, Item)>,
    pub(crate) algorithm: Algorithm,
}

#[derive(Clone)]
pub(crate) enum Item {
    File(Vec<u8>),
    Symlink(String),
    Link(String),
}

impl Files {
    pub(crate) fn new() -> Self {
        Self { items: Vec::new(), algorithm: Algorithm::Sha256 }
    }

    pub(crate) fn put(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.items.push((name.into(), Item::File(bytes.into())));
    }

    pub(crate) fn get(&mut self, name: &str) -> &mut Vec<u8> {
        match self.items.iter_mut().find(|(known, _)| known == name) {
            Some((_, Item::File(bytes))) => bytes,
            _ => panic!("no file {name}"),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        let before = self.items.len();
        self.items.retain(|(known, _)| known != name);
        assert!(self.items.len() < before, "no file {name}");
    }

    /// A blob of an OCI layout.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Descriptor {
        let bytes = bytes.into();
        let digest = Digest::of(self.algorithm, &bytes);
        let size = bytes.len() as u64;
        let name = blob(&digest);
        if !self.items.iter().any(|(known, _)| *known == name) {
            self.put(&name, bytes);
        }
        Descriptor::new(media_type.into(), digest, size)
    }

    pub(crate) fn manifest(
        &mut self,
        media_type: &str,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Descriptor {
        let document =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        self.blob(media_type, document.to_string())
    }

    /// An OCI image of one gzip layer.
    pub(crate) fn image(&mut self, name: &str) -> Descriptor {
        let plain = layer(name);
        let config = self.blob(MediaType::OCI_CONFIG, config(&[&plain]));
        let layer = self.blob(MediaType::OCI_LAYER_GZIP, gzip(&plain));
        self.manifest(MediaType::OCI_MANIFEST, &config, &[layer])
    }

    pub(crate) fn index(&mut self, entries: &[Descriptor]) -> Descriptor {
        let document = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries});
        self.blob(MediaType::OCI_INDEX, document.to_string())
    }

    /// The files that make an OCI layout of the blobs.
    pub(crate) fn layout(&mut self, roots: &[Descriptor]) {
        self.put("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        self.put("index.json", json!({"schemaVersion": 2, "manifests": roots}).to_string());
    }

    /// An OCI layout of one image.
    pub(crate) fn layout_of(name: &str) -> (Self, Descriptor) {
        let mut files = Self::new();
        let root = files.image(name);
        files.layout(std::slice::from_ref(&root));
        (files, root)
    }

    /// A docker archive from before Docker 25.
    pub(crate) fn docker(images: &[(&[&str], &[&[u8]])]) -> Self {
        let mut files = Self::new();
        let mut entries = Vec::new();
        for (tags, layers) in images {
            let mut members = Vec::new();
            for bytes in *layers {
                let member = format!("{}/layer.tar", sha256(bytes).hex());
                if !files.items.iter().any(|(known, _)| *known == member) {
                    files.put(&member, *bytes);
                }
                members.push(member);
            }
            let config = config(layers);
            let member = format!("{}.json", sha256(config.as_bytes()).hex());
            files.put(&member, config);
            let tags = (!tags.is_empty()).then_some(tags);
            entries.push(json!({"Config": member, "RepoTags": tags, "Layers": members}));
        }
        files.put("manifest.json", Value::from(entries).to_string());
        files
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, item) in &self.items {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            let (kind, target, data) = match item {
                Item::File(bytes) => (EntryType::Regular, "", &bytes[..]),
                Item::Symlink(target) => (EntryType::Symlink, target.as_str(), &[][..]),
                Item::Link(target) => (EntryType::Link, target.as_str(), &[][..]),
            };
            header.set_entry_type(kind);
            header.set_size(data.len() as u64);
            if name.len() < 100 {
                // The builder would refuse the bad ones.
                header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
                header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
                header.set_cksum();
                tar.append(&header, data).unwrap();
            } else {
                tar.append_data(&mut header, name, data).unwrap();
            }
        }
        tar.into_inner().unwrap()
    }

    pub(crate) fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write_to(folder.path());
        folder
    }

    pub(crate) fn write_to(&self, folder: &Path) {
        for (name, item) in &self.items {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match item {
                Item::File(bytes) => std::fs::write(path, bytes).unwrap(),
                Item::Symlink(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                Item::Link(target) => std::fs::hard_link(folder.join(target), path).unwrap(),
            }
        }
    }
}

/// Where an OCI layout keeps a blob.
pub(crate) fn blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().as_str(), digest.hex())
}

/// An image's config for these plain layers.
pub(crate) fn config(layers: &[&[u8]]) -> String {
    let diff_ids: Vec<_> = layers.iter().map(|bytes| sha256(bytes)).collect();
    json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
}

/// A plain layer: a tar of one file.
pub(crate) fn layer(text: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "file", text.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(bytes), &mut plain).unwrap();
    plain
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// A descriptor with an annotation.
pub(crate) fn called(mut descriptor: Descriptor, key: &str, name: &str) -> Descriptor {
    descriptor.annotations.insert(key.into(), name.into());
    descriptor
}
