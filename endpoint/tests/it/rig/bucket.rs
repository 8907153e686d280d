//! A directory store with one image in it, written by hand as the publisher would.

use std::fs;
use std::path::Path;

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::v1;
use endpoint::settings::Given;
use tempfile::TempDir;

/// The bucket and what is in it.
pub(crate) struct Bucket {
    folder: TempDir,
    pub(crate) layer: Vec<u8>,
    /// The layer's.
    pub(crate) digest: Digest,
    pub(crate) manifest: String,
    pub(crate) v1: v1::Id,
}

impl Bucket {
    /// `acme/app:1.2`, of one layer of this size.
    pub(crate) fn with_layer(size: usize) -> Self {
        let layer: Vec<u8> = (0..251).cycle().take(size).collect();
        let digest = Digest::of(Algorithm::Sha256, &layer);
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
            "config":{{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{0}","size":2}},
            "layers":[{{"mediaType":"application/vnd.docker.image.rootfs.diff.tar","digest":"{1}","size":{size}}}]}}"#,
            digest_of(b"{}"),
            digest
        );
        let bucket =
            Self { folder: tempfile::tempdir().unwrap(), layer, digest, manifest, v1: v1::Id([0xab; 32]) };
        bucket.fill();
        bucket
    }

    fn fill(&self) {
        let revision = digest_of(self.manifest.as_bytes());
        let name = || "acme/app".parse().unwrap();
        let tag = || "1.2".parse().unwrap();
        let link = revision.to_string();
        for (key, content) in [
            (Key::Blob(self.digest), self.layer.as_slice()),
            (Key::Blob(revision), self.manifest.as_bytes()),
            (Key::RevisionLink(name(), revision), link.as_bytes()),
            (Key::DigestView(name(), revision), self.manifest.as_bytes()),
            (Key::TagLink(name(), tag()), link.as_bytes()),
            (Key::TagView(name(), tag()), self.manifest.as_bytes()),
            (Key::TagList(name()), br#"{"name":"acme/app","tags":["1.2"]}"#),
            (Key::Referrers(name(), revision), br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#),
            (Key::V1Json(self.v1), b"{}"),
            (Key::V1Layer(self.v1), self.layer.as_slice()),
            (Key::Lock, b""),
        ] {
            self.put(&key, content);
        }
    }

    pub(crate) fn put(&self, key: &Key, content: &[u8]) {
        let path = self.folder.path().join(key.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, key: &Key) {
        fs::remove_file(self.folder.path().join(key.path())).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn layer_path(&self) -> String {
        format!("/objects/{}", Key::Blob(self.digest))
    }

    pub(crate) fn given(&self) -> Given {
        Given { directory: Some(self.path().to_owned()), ..Given::default() }
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}
