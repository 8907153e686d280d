//! What is published of what a source holds.

use std::collections::HashMap;

use async_trait::async_trait;
use contract::digest::Algorithm;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::*;
use crate::content::Chunks;

/// Content by digest.
#[derive(Default)]
struct Memory(HashMap<Digest, Bytes>);

#[async_trait]
impl Open for Memory {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        Ok(self.0.get(&descriptor.digest).map(|bytes| stream::iter([Ok(bytes.clone())]).boxed()))
    }

    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        Ok(self.0.get(&descriptor.digest).map(|bytes| bytes.len() as u64))
    }
}

const ATTESTATION: &str = "vnd.docker.reference.type";
const LAYER: &str = MediaType::OCI_LAYER_GZIP;
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

impl Memory {
    fn put(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        let size = bytes.len() as u64;
        self.0.insert(digest, bytes);
        Descriptor::new(media_type.into(), digest, size)
    }

    fn document(&mut self, media_type: &str, document: &Value) -> Descriptor {
        self.put(media_type, document.to_string())
    }

    fn manifest(&mut self, config: &Descriptor, layers: &[Descriptor]) -> Descriptor {
        let document = json!({"schemaVersion": 2, "config": config, "layers": layers});
        self.document(MediaType::OCI_MANIFEST, &document)
    }

    /// An image of one layer, both named after it.
    fn image(&mut self, name: &str) -> Descriptor {
        let config = self.put(MediaType::OCI_CONFIG, format!(r#"{{"config":"{name}"}}"#));
        let layer = self.put(LAYER, format!("layer of {name}"));
        self.manifest(&config, &[layer])
    }

    fn index(&mut self, entries: &[Descriptor]) -> Descriptor {
        let document = json!({"schemaVersion": 2, "x": [1], "manifests": entries, "annotations": {"a": "b"}});
        self.document(MediaType::OCI_INDEX, &document)
    }

    fn lose(&mut self, descriptor: &Descriptor) {
        self.0.remove(&descriptor.digest).unwrap();
    }

    async fn load(&self, root: &Descriptor) -> Result<Image, ImageError> {
        Image::load(self, root.clone(), false).await
    }
}

fn digests(descriptors: &[Descriptor]) -> Vec<Digest> {
    descriptors.iter().map(|descriptor| descriptor.digest).collect()
}

fn manifests(image: &Image) -> Vec<Digest> {
    image.manifests.iter().map(|document| document.descriptor.digest).collect()
}

/// The promises of [`Image`]'s fields, whatever was loaded.
fn is_sound(image: &Image) {
    let mut seen: Vec<Digest> = digests(&image.blobs).into_iter().chain(digests(&image.foreign)).collect();
    for Document { descriptor, bytes, manifest } in &image.manifests {
        assert_eq!(Digest::of(descriptor.digest.algorithm(), bytes), descriptor.digest);
        assert_eq!(bytes.len() as u64, descriptor.size);
        assert_eq!(manifest.media_type(), &descriptor.media_type);
        assert!(manifest.children().all(|child| seen.contains(&child.digest)), "children first");
        seen.push(descriptor.digest);
    }
    assert_eq!(image.manifests.last().unwrap().descriptor.digest, image.root.digest);
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "each once");
}

#[tokio::test]
async fn an_image_is_its_layers_its_config_and_its_manifest() {
    let mut memory = Memory::default();
    let root = memory.image("a");
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert_eq!(image.root, root);
    assert_eq!((image.blobs.len(), image.configs.len(), image.missing.len()), (2, 1, 0));
    assert!(image.blobs[0].media_type.is_layer() && image.blobs[1].media_type.is_image_config());
}

#[tokio::test]
async fn a_whole_index_keeps_its_bytes_and_its_order() {
    let mut memory = Memory::default();
    let (a, b) = (memory.image("a"), memory.image("b"));
    let nested = memory.index(&[a.clone(), b.clone()]);
    let cached = memory.put(LAYER, "a layer of a build cache");
    let root = memory.index(&[a.clone(), nested.clone(), a.clone(), cached.clone()]);
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert_eq!(manifests(&image), digests(&[a, b, nested, root]));
    assert!(digests(&image.blobs).contains(&cached.digest));
}

#[tokio::test]
async fn an_artifact_needs_no_layer_and_a_subject_is_not_followed() {
    let mut memory = Memory::default();
    let (config, gone) = (memory.put("application/vnd.oci.empty.v1+json", "{}"), memory.image("gone"));
    memory.lose(&gone);
    let document =
        json!({"schemaVersion": 2, "artifactType": "a/b", "config": config, "layers": [], "subject": gone});
    let root = memory.document(MediaType::OCI_MANIFEST, &document);
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert_eq!(image.manifests[0].manifest.subject.as_ref().unwrap().digest, gone.digest);
    assert!(image.configs.is_empty() && image.missing.is_empty());
}

#[tokio::test]
async fn the_only_image_that_is_left_of_an_index_takes_its_place() {
    let mut memory = Memory::default();
    let (a, b, c) = (memory.image("a"), memory.image("b"), memory.image("c"));
    let nested = memory.index(&[b.clone(), c.clone()]);
    let root = memory.index(&[nested.clone(), a.clone()]);
    memory.lose(&a);
    memory.lose(&c);
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert_eq!(image.root.digest, b.digest);
    assert_eq!(digests(&image.missing), digests(&[c.clone(), a.clone()]));
    let strict = Image::load(&memory, root.clone(), true).await.unwrap_err();
    assert!(strict.to_string().contains(&c.digest.to_string()) && strict.hint().is_some(), "{strict}");
    memory.lose(&b);
    assert!(matches!(memory.load(&root).await, Err(ImageError::Nothing(digest)) if digest == root.digest));
}

#[tokio::test]
async fn several_that_are_left_get_an_index_of_their_own() {
    let mut memory = Memory::default();
    let all = ["a", "b", "c", "d"].map(|name| memory.image(name));
    let [a, b, c, d] = all.clone();
    let nested = memory.index(&[a.clone(), b.clone(), c.clone()]);
    let root = memory.index(&[d.clone(), nested.clone()]);
    memory.lose(&b);
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert_eq!(digests(&image.missing), [b.digest]);
    let texts: Vec<Value> = image
        .manifests
        .iter()
        .filter(|document| document.descriptor.media_type.is_index())
        .map(|document| serde_json::from_slice(&document.bytes).unwrap())
        .collect();
    let [inner, outer] = &texts[..] else { panic!("two indexes") };
    assert_eq!(
        *inner,
        json!({"schemaVersion": 2, "x": [1], "manifests": [a, c], "annotations": {"a": "b"}}),
        "everything else as it was"
    );
    let size = inner.to_string().len();
    let digest = Digest::of(Algorithm::Sha256, inner.to_string().as_bytes());
    assert_eq!(
        outer["manifests"],
        json!([d, {"mediaType": MediaType::OCI_INDEX, "digest": digest, "size": size}])
    );
    assert_eq!(memory.load(&root).await.unwrap().root, image.root, "the same again");
}

#[tokio::test]
async fn an_attestation_goes_where_its_image_goes() {
    let mut memory = Memory::default();
    let (a, b) = (memory.image("a"), memory.image("b"));
    let attest = |memory: &mut Memory, of: &Descriptor| {
        let mut entry = memory.image(&format!("attestation of {}", of.digest));
        entry.annotations.insert(ATTESTATION.into(), "attestation-manifest".into());
        entry.annotations.insert("vnd.docker.reference.digest".into(), of.digest.to_string());
        entry
    };
    let (of_a, of_b) = (attest(&mut memory, &a), attest(&mut memory, &b));
    let root = memory.index(&[of_b.clone(), a.clone(), b.clone(), of_a.clone()]);
    memory.lose(&b);
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert!(image.root.media_type.is_index());
    assert_eq!(manifests(&image)[..2], digests(&[a.clone(), of_a.clone()]));
    assert_eq!(digests(&image.missing), digests(&[b, of_b]));
    memory.lose(&of_a);
    assert_eq!(memory.load(&root).await.unwrap().root.digest, a.digest);
}

#[tokio::test]
async fn a_lost_config_means_another_machines_image_and_a_lost_layer_damage() {
    let mut memory = Memory::default();
    let (a, b) = (memory.image("a"), memory.image("b"));
    let root = memory.index(&[a.clone(), b.clone()]);
    let whole = memory.load(&a).await.unwrap();
    let [layer, config] = &whole.blobs[..] else { panic!("two blobs") };
    memory.lose(layer);
    for root in [&a, &root] {
        let error = memory.load(root).await.unwrap_err();
        let names =
            matches!(&error, ImageError::NoBlob { what: "layer", digest, .. } if *digest == layer.digest);
        assert!(names, "{error}");
    }
    memory.lose(config);
    assert_eq!(memory.load(&root).await.unwrap().root.digest, b.digest);
    assert!(matches!(memory.load(&a).await, Err(ImageError::NoBlob { what: "config", .. })));
    memory.lose(&a);
    assert!(matches!(memory.load(&a).await, Err(ImageError::NoManifest(_))));
}

#[tokio::test]
async fn an_artifact_without_a_layer_of_its_own_is_another_machines() {
    let mut memory = Memory::default();
    let empty = memory.put("application/vnd.oci.empty.v1+json", "{}");
    let layer = memory.put("text/plain", "gone");
    let (artifact, a) = (memory.manifest(&empty, std::slice::from_ref(&layer)), memory.image("a"));
    memory.lose(&layer);
    let root = memory.index(&[artifact.clone(), a.clone()]);
    let image = memory.load(&root).await.unwrap();
    assert_eq!((image.root.digest, digests(&image.missing)), (a.digest, vec![artifact.digest]));
}

#[tokio::test]
async fn foreign_layers_may_be_absent_and_are_taken_when_there() {
    let mut memory = Memory::default();
    let config = memory.put(MediaType::DOCKER_CONFIG, "{}");
    let mut foreign = memory.put(FOREIGN, "base of Windows");
    foreign.urls = vec!["https://example.com/layer".into()];
    let root = memory.manifest(&config, std::slice::from_ref(&foreign));
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert_eq!((image.blobs.len(), image.foreign.len()), (2, 0));
    memory.lose(&foreign);
    let image = memory.load(&root).await.unwrap();
    is_sound(&image);
    assert_eq!((image.blobs, image.foreign), (vec![config.clone()], vec![foreign.clone()]));
    foreign.urls.clear();
    let root = memory.manifest(&config, &[foreign]);
    assert!(matches!(memory.load(&root).await, Err(ImageError::NoBlob { what: "layer", .. })));
}

#[tokio::test]
async fn wrong_bytes_and_sizes_are_refused() {
    let mut memory = Memory::default();
    let root = memory.image("a");
    let whole = memory.load(&root).await.unwrap();
    for (descriptor, bytes) in [(&root, "{}"), (&whole.blobs[0], "short"), (&whole.blobs[1], "{}")] {
        let good = memory.0.insert(descriptor.digest, bytes.into()).unwrap();
        let error = memory.load(&root).await.unwrap_err();
        assert!(error.to_string().contains(&descriptor.digest.to_string()), "{error}");
        assert!(error.hint().is_some(), "{error}");
        memory.0.insert(descriptor.digest, good);
    }
    let mut named = root.clone();
    named.size += 1;
    assert!(matches!(memory.load(&named).await, Err(ImageError::Content(_))));
    let twice = memory.index(&[root.clone(), named]);
    assert!(matches!(memory.load(&twice).await, Err(ImageError::Size { .. })));
    let mut typed = root.clone();
    typed.media_type = MediaType::DOCKER_MANIFEST.into();
    let twice = memory.index(&[root, typed]);
    assert!(matches!(memory.load(&twice).await, Err(ImageError::Manifest { .. })));
}

#[tokio::test]
async fn roots_are_manifests_of_a_reasonable_size() {
    let mut memory = Memory::default();
    let layer = memory.put(LAYER, "layer");
    assert!(matches!(memory.load(&layer).await, Err(ImageError::Root { .. })));
    let mut large = memory.image("a");
    large.size = u64::MAX;
    assert!(matches!(memory.load(&large).await, Err(ImageError::TooLarge { what: "manifest", .. })));
    let mut config = memory.put(MediaType::OCI_CONFIG, "{}");
    config.size = CONFIG_MAX + 1;
    let root = memory.manifest(&config, &[]);
    assert!(matches!(memory.load(&root).await, Err(ImageError::TooLarge { what: "config", .. })));
}

#[tokio::test]
async fn deep_and_wide_graphs_end() {
    let mut memory = Memory::default();
    let mut root = memory.image("a");
    for _ in 0..DEPTH_MAX {
        // Each level doubles the number of ways down.
        root = memory.index(&vec![root; 500]);
    }
    is_sound(&memory.load(&root).await.unwrap());
    root = memory.index(&[root]);
    assert!(matches!(memory.load(&root).await, Err(ImageError::TooDeep(_))));
    let many: Vec<Descriptor> = (0..MANIFESTS_MAX).map(|n| memory.index(&[]).with(n)).collect();
    let root = memory.index(&many);
    assert!(matches!(memory.load(&root).await, Err(ImageError::TooMany)));
}

#[tokio::test]
async fn documents_are_of_a_reasonable_size_together() {
    let mut memory = Memory::default();
    let most = usize::try_from(DOCUMENTS_MAX / CONFIG_MAX).unwrap();
    let mut images = Vec::new();
    for n in 0..=most {
        let absent = Descriptor { size: CONFIG_MAX, ..memory.put(MediaType::OCI_CONFIG, "{}").with(n) };
        images.push(memory.manifest(&absent, &[]));
    }
    let whole = memory.image("a");
    let root = memory.index(&[&images[..most - 1], &[whole]].concat());
    is_sound(&memory.load(&root).await.unwrap());
    let root = memory.index(&images);
    assert!(matches!(memory.load(&root).await, Err(ImageError::TooMuch)));
}

trait With {
    fn with(self, n: usize) -> Self;
}

impl With for Descriptor {
    /// Another digest, of something that is not there.
    fn with(mut self, n: usize) -> Self {
        self.digest = Digest::of(Algorithm::Sha256, &n.to_le_bytes());
        self
    }
}
