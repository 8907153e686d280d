//! From what the source holds to what is published: whole images only, indexes without what is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::manifest::Content;
use serde_json::Value;

use super::graph::Graph;
use super::{DEPTH_MAX, Document, Image, ImageError};

mod shrink;

/// What is published in the place of a descriptor.
#[derive(Clone)]
struct Kept {
    descriptor: Descriptor,
    entry: Entry,
}

/// What becomes of the entry of the image index above.
#[derive(Clone, PartialEq)]
enum Entry {
    Same,
    /// It names a smaller image index.
    Smaller,
    /// The only entry that was left of an image index takes the index's place.
    Other(Value),
}

struct Builder<'a> {
    graph: &'a Graph,
    image: Image,
    /// What became of each manifest; `None` where it is left out. Shared ones would else be walked again and again.
    done: HashMap<Digest, Option<Kept>>,
    blobs: HashSet<Digest>,
}

/// Decides what is published below a root.
pub(super) fn build(graph: &Graph, root: &Descriptor) -> Result<Image, ImageError> {
    let image = Image {
        root: root.clone(),
        manifests: Vec::new(),
        blobs: Vec::new(),
        configs: BTreeMap::new(),
        missing: Vec::new(),
        foreign: Vec::new(),
        compressed: Vec::new(),
        sent: BTreeSet::new(),
    };
    let mut builder = Builder { graph, image, done: HashMap::new(), blobs: HashSet::new() };
    let kept = builder.manifest(root, 0)?.ok_or_else(|| why_nothing(graph, root))?;
    builder.image.root = kept.descriptor;
    Ok(builder.image)
}

fn why_nothing(graph: &Graph, root: &Descriptor) -> ImageError {
    match graph.manifests.get(&root.digest) {
        Some(Some(Document { manifest, .. })) => match &manifest.content {
            Content::Image { config, .. } => {
                ImageError::NoBlob { what: "config", digest: config.digest, manifest: root.digest }
            }
            Content::Index { .. } => ImageError::Nothing(root.digest),
        },
        _ => ImageError::NoManifest(root.digest),
    }
}

impl<'a> Builder<'a> {
    fn manifest(&mut self, descriptor: &Descriptor, depth: usize) -> Result<Option<Kept>, ImageError> {
        if let Some(kept) = self.done.get(&descriptor.digest) {
            return Ok(kept.clone().map(|kept| kept.named_by(descriptor)));
        }
        if depth > DEPTH_MAX {
            return Err(ImageError::TooDeep(descriptor.digest));
        }
        let graph = self.graph;
        let Some(Some(document)) = graph.manifests.get(&descriptor.digest) else { return Ok(None) };
        let kept = match &document.manifest.content {
            Content::Image { config, layers } => self.image(document, config, layers)?,
            Content::Index { entries } => self.index(document, entries, depth)?,
        };
        self.done.insert(descriptor.digest, kept.clone());
        Ok(kept.map(|kept| kept.named_by(descriptor)))
    }

    fn image(
        &mut self,
        document: &Document,
        config: &Descriptor,
        layers: &'a [Descriptor],
    ) -> Result<Option<Kept>, ImageError> {
        let there = |blob: &&Descriptor| self.graph.blobs.get(&blob.digest) == Some(&true);
        // The empty config is every artifact's: that it is there says nothing of this one.
        let shared = config.media_type.as_str() == EMPTY && !layers.is_empty();
        if !there(&config) || shared && !layers.iter().any(|layer| there(&layer)) {
            return Ok(None);
        }
        let (here, absent): (Vec<_>, Vec<_>) = layers.iter().partition(there);
        if let Some(layer) = absent.iter().find(|layer| !layer.may_be_absent()) {
            let (digest, manifest) = (layer.digest, document.descriptor.digest);
            return Err(ImageError::NoBlob { what: "layer", digest, manifest });
        }
        let bytes = self.graph.configs.get(&config.digest).map(|bytes| (config.digest, bytes.clone()));
        self.image.configs.extend(bytes);
        here.into_iter().chain([config]).for_each(|blob| self.blob(blob));
        absent.into_iter().for_each(|layer| self.foreign(layer));
        self.image.manifests.push(document.clone());
        Ok(Some(Kept::as_it_was(&document.descriptor)))
    }

    fn blob(&mut self, blob: &Descriptor) {
        if self.blobs.insert(blob.digest) {
            self.image.blobs.push(blob.clone());
        }
    }

    fn foreign(&mut self, layer: &Descriptor) {
        if self.blobs.insert(layer.digest) {
            self.image.foreign.push(layer.clone());
        }
    }
}

/// The media type of an artifact's config that says nothing
/// ([manifest.md, "Guidance for an Empty Descriptor"](https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor)).
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

impl Kept {
    fn as_it_was(descriptor: &Descriptor) -> Self {
        Self { descriptor: descriptor.clone(), entry: Entry::Same }
    }

    /// Two descriptors of the same manifest may have different annotations and platforms.
    fn named_by(mut self, descriptor: &Descriptor) -> Self {
        if !matches!(self.entry, Entry::Other(_)) {
            let Descriptor { digest, size, .. } = self.descriptor;
            self.descriptor = Descriptor { digest, size, ..descriptor.clone() };
        }
        self
    }

    /// The entry of the image index above, by what it was.
    fn entry(&self, mut raw: Value) -> Value {
        match &self.entry {
            Entry::Same => raw,
            Entry::Other(entry) => entry.clone(),
            Entry::Smaller => {
                if let Some(raw) = raw.as_object_mut() {
                    raw.insert("digest".into(), self.descriptor.digest.to_string().into());
                    raw.insert("size".into(), self.descriptor.size.into());
                    // The content itself, of the old digest.
                    raw.shift_remove("data");
                }
                raw
            }
        }
    }
}
