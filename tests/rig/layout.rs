//! Writes OCI image layouts, of every kind that a publisher may meet, without any engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(crate) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// `sha256:<hex>` of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// `sha512:<hex>` of some bytes.
pub(crate) fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A layer as it stands in an image: its own bytes and the digest of the tar inside.
pub(crate) struct Layer {
    pub(crate) media: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) diff_id: String,
}

impl Layer {
    /// A gzip layer that holds these files.
    pub(crate) fn gzip(files: &[(&str, &[u8])]) -> Self {
        use std::io::Write;
        let tar = tar(files);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&tar).unwrap();
        Self { media: OCI_LAYER_GZIP, bytes: encoder.finish().unwrap(), diff_id: sha256(&tar) }
    }

    /// A layer that is a plain tar, as `docker save` keeps it.
    pub(crate) fn plain(files: &[(&str, &[u8])]) -> Self {
        let tar = tar(files);
        Self { media: OCI_LAYER, diff_id: sha256(&tar), bytes: tar }
    }

    /// A zstd layer that holds these files.
    pub(crate) fn zstd(files: &[(&str, &[u8])]) -> Self {
        let tar = tar(files);
        Self { media: OCI_LAYER_ZSTD, bytes: zstd::encode_all(&*tar, 3).unwrap(), diff_id: sha256(&tar) }
    }

    /// The same layer as Docker's schema 2 names it.
    pub(crate) fn for_docker(self) -> Self {
        Self { media: DOCKER_LAYER, ..self }
    }
}

/// A tar of plain files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        // Written as it is given: a test may want a path that no honest tar holds.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// An OCI image layout: blobs by digest, and what its `index.json` lists.
#[derive(Default, Clone)]
pub(crate) struct Layout {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    listed: Vec<Value>,
    docker: Vec<Value>,
}

impl Layout {
    /// Keeps a blob under its sha256 digest, and gives its descriptor.
    pub(crate) fn blob(&mut self, media: &str, bytes: Vec<u8>) -> Value {
        self.blob_as(sha256(&bytes), media, bytes)
    }

    /// Keeps a blob under the digest given, be it right or wrong.
    pub(crate) fn blob_as(&mut self, digest: String, media: &str, bytes: Vec<u8>) -> Value {
        let descriptor = json!({"mediaType": media, "digest": digest, "size": bytes.len()});
        self.blobs.insert(digest, bytes);
        descriptor
    }

    /// Keeps a manifest or an image index, which carries its own media type.
    pub(crate) fn manifest(&mut self, manifest: &Value) -> Value {
        let media = manifest["mediaType"].as_str().unwrap().to_owned();
        self.blob(&media, manifest.to_string().into_bytes())
    }

    /// An image for `os/architecture` of these layers, as an OCI manifest.
    pub(crate) fn image(&mut self, platform: &str, layers: &[Layer]) -> Value {
        self.image_as(OCI_MANIFEST, OCI_CONFIG, platform, layers)
    }

    /// The same with the media types of Docker's schema 2.
    pub(crate) fn docker_image(&mut self, platform: &str, layers: &[Layer]) -> Value {
        self.image_as(DOCKER_MANIFEST, DOCKER_CONFIG, platform, layers)
    }

    fn image_as(&mut self, manifest: &str, config: &str, platform: &str, layers: &[Layer]) -> Value {
        let document = config_document(platform, layers.iter().map(|layer| &layer.diff_id));
        let config = self.blob(config, document.to_string().into_bytes());
        let layers: Vec<Value> =
            layers.iter().map(|layer| self.blob(layer.media, layer.bytes.clone())).collect();
        let document = json!({"schemaVersion": 2, "mediaType": manifest, "config": config, "layers": layers});
        let mut descriptor = self.manifest(&document);
        let (os, architecture) = platform.split_once('/').unwrap();
        descriptor["platform"] = json!({"os": os, "architecture": architecture});
        descriptor
    }

    /// An image index of these manifests.
    pub(crate) fn index(&mut self, manifests: &[Value]) -> Value {
        self.manifest(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}))
    }

    /// An artifact: no layers, the empty config, perhaps about another manifest.
    pub(crate) fn artifact(&mut self, artifact_type: &str, subject: Option<&Value>) -> Value {
        let config = self.blob(OCI_EMPTY, b"{}".to_vec());
        let mut document = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type,
            "config": config, "layers": [],
        });
        if let Some(subject) = subject {
            document["subject"] = json!({"mediaType": subject["mediaType"], "digest": subject["digest"], "size": subject["size"]});
        }
        self.manifest(&document)
    }

    /// Lists a descriptor in `index.json` under a name.
    pub(crate) fn list(&mut self, descriptor: &Value, name: &str) {
        let mut descriptor = descriptor.clone();
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        self.listed.push(descriptor);
    }

    /// Lists an image in a `manifest.json` beside `index.json` too, as `docker save` does since Docker 25.
    pub(crate) fn list_for_docker(&mut self, descriptor: &Value, name: &str) {
        let manifest: Value = serde_json::from_slice(&self.blobs[text(&descriptor["digest"])]).unwrap();
        let path = |descriptor: &Value| format!("blobs/{}", text(&descriptor["digest"]).replace(':', "/"));
        let layers: Vec<String> = manifest["layers"].as_array().unwrap().iter().map(path).collect();
        self.docker.push(json!({"Config": path(&manifest["config"]), "RepoTags": [name], "Layers": layers}));
        self.list(descriptor, name);
    }

    /// Every file of the layout by its path.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.listed});
        let mut files = BTreeMap::from([
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), index.to_string().into_bytes()),
        ]);
        if !self.docker.is_empty() {
            files.insert("manifest.json".to_owned(), json!(self.docker).to_string().into_bytes());
        }
        for (digest, bytes) in &self.blobs {
            files.insert(format!("blobs/{}", digest.replace(':', "/")), bytes.clone());
        }
        files
    }

    /// Writes it as a directory.
    pub(crate) fn write_dir(&self, directory: &Path) {
        for (path, bytes) in self.files() {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// The same as a tar.
    pub(crate) fn to_tar(&self) -> Vec<u8> {
        let files = self.files();
        let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        tar(&files)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// An image's config document.
pub(crate) fn config_document<'a>(platform: &str, diff_ids: impl Iterator<Item = &'a String>) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap();
    json!({
        "architecture": architecture, "os": os, "created": "2026-01-01T00:00:00Z",
        "config": {"Cmd": ["/greet"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids.collect::<Vec<_>>()},
    })
}
