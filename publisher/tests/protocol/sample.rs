//! Small images, made in memory.

use std::collections::BTreeMap;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use contract::description::DESCRIPTION;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::media::MediaType;
use futures_util::{StreamExt, stream};
use publisher::content::{Chunks, Open};
use publisher::image::Image;
use serde_json::{Value, json};

/// Contents by digest, and the root to publish.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    contents: BTreeMap<Digest, Bytes>,
    algorithm: Algorithm,
    root: Option<Descriptor>,
}

#[async_trait]
impl Open for Sample {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        let content = self.contents.get(&descriptor.digest).cloned();
        Ok(content.map(|content| stream::iter([Ok(content)]).boxed()))
    }

    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        Ok(self.contents.get(&descriptor.digest).map(|content| content.len() as u64))
    }
}

impl Sample {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self { contents: BTreeMap::new(), algorithm, root: None }
    }

    /// The graph, as the publisher sees it.
    pub(crate) async fn load(&self) -> Image {
        Image::load(self, self.root.clone().unwrap(), true).await.unwrap()
    }

    /// The digest that a tag will point to.
    pub(crate) fn digest(&self) -> Digest {
        self.root.as_ref().unwrap().digest
    }

    /// Whether its root has that one's as its subject.
    pub(crate) fn refers_to(&self, other: &Self) -> bool {
        let manifest: Value = serde_json::from_slice(&self.contents[&self.digest()]).unwrap();
        manifest["subject"]["digest"] == other.digest().to_string()
    }

    fn add(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let digest = Digest::of(self.algorithm, &bytes);
        let descriptor = Descriptor::new(media_type.into(), digest, bytes.len() as u64);
        self.contents.insert(digest, bytes);
        descriptor
    }

    fn document(&mut self, media_type: &str, document: &Value) -> Descriptor {
        self.root = Some(self.add(media_type, document.to_string()));
        self.root.clone().unwrap()
    }

    pub(crate) fn manifest(&mut self, text: &str, layer_type: &str, layers: &[&str]) -> Descriptor {
        self.image_of(&json!({ "Cmd": [text] }), layer_type, layers)
    }

    fn image_of(&mut self, config: &Value, layer_type: &str, layers: &[&str]) -> Descriptor {
        let config = json!({ "architecture": "amd64", "os": "linux", "config": config });
        let config = self.add(MediaType::OCI_CONFIG, config.to_string());
        let layers: Vec<_> = layers.iter().map(|layer| self.add(layer_type, (*layer).to_owned())).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": layers });
        self.document(MediaType::OCI_MANIFEST, &manifest)
    }

    /// An image of two layers that v1 can hold; the first layer is the same in all of them.
    pub(crate) fn image(text: &str) -> Self {
        let mut sample = Self::new(Algorithm::Sha256);
        sample.manifest(text, MediaType::OCI_LAYER_GZIP, &["base", text]);
        sample
    }

    /// An image that says something of itself, and that v1 cannot hold.
    pub(crate) fn described(text: &str, said: &str) -> Self {
        let mut sample = Self::new(Algorithm::Sha256);
        let config = json!({ "Cmd": [text], "Labels": { DESCRIPTION: said } });
        sample.image_of(&config, MediaType::OCI_LAYER_ZSTD, &[text]);
        sample
    }

    /// An image index with that image, which says nothing itself.
    pub(crate) fn index_described(text: &str, said: &str) -> Self {
        let mut sample = Self::described(text, said);
        let entries = [sample.root.clone()];
        let index = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries });
        sample.document(MediaType::OCI_INDEX, &index);
        sample
    }

    /// An image that v1 cannot hold.
    pub(crate) fn zstd(text: &str) -> Self {
        let mut sample = Self::new(Algorithm::Sha256);
        sample.manifest(text, MediaType::OCI_LAYER_ZSTD, &[text]);
        sample
    }

    /// An image of zstd layers whose config says what they hold: v1 can have gzip of that.
    pub(crate) fn zstd_of(layers: &[&str]) -> Self {
        Self::zstd_said_to_be(layers, layers)
    }

    /// The same, where the config says that the layers hold this.
    pub(crate) fn zstd_said_to_be(said: &[&str], layers: &[&str]) -> Self {
        let mut sample = Self::new(Algorithm::Sha256);
        let diff_ids: Vec<_> =
            said.iter().map(|layer| Digest::of(Algorithm::Sha256, layer.as_bytes())).collect();
        let config = json!({ "architecture": "amd64", "os": "linux", "rootfs": { "diff_ids": diff_ids } });
        let config = sample.add(MediaType::OCI_CONFIG, config.to_string());
        let packed = layers.iter().map(|layer| zstd::encode_all(layer.as_bytes(), 3).unwrap());
        let layers: Vec<_> = packed.map(|layer| sample.add(MediaType::OCI_LAYER_ZSTD, layer)).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": layers });
        sample.document(MediaType::OCI_MANIFEST, &manifest);
        sample
    }

    /// An image whose digests are sha512.
    pub(crate) fn sha512(text: &str) -> Self {
        let mut sample = Self::new(Algorithm::Sha512);
        sample.manifest(text, MediaType::OCI_LAYER_GZIP, &["base", text]);
        sample
    }

    /// An image index of two platforms inside an index.
    pub(crate) fn index(text: &str) -> Self {
        let mut sample = Self::new(Algorithm::Sha256);
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let mut entry = sample.manifest(architecture, MediaType::OCI_LAYER_GZIP, &["base", text]);
            entry.platform =
                serde_json::from_value(json!({ "os": "linux", "architecture": architecture })).ok();
            entries.push(json!(entry));
        }
        let index = |entries: &[Value]| json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries });
        let nested = sample.document(MediaType::OCI_INDEX, &index(&entries));
        entries.push(json!(nested));
        sample.document(MediaType::OCI_INDEX, &index(&entries));
        sample
    }

    /// An artifact that refers to another sample's root.
    pub(crate) fn referrer(subject: &Self, text: &str) -> Self {
        let mut sample = Self::new(Algorithm::Sha256);
        let config = sample.add("application/vnd.oci.empty.v1+json", "{}");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "artifactType": "application/x-signature",
            "config": config, "layers": [], "subject": subject.root, "annotations": { "text": text },
        });
        sample.document(MediaType::OCI_MANIFEST, &manifest);
        sample
    }
}
