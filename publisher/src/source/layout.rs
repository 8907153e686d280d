//! OCI layouts: the images that `index.json` lists.

use std::collections::{HashSet, VecDeque};

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::manifest::Content;
use serde::Deserialize;

use super::choose::Name;
use super::held::Held;

/// Most manifests that are looked into to find out what an entry is. Real layouts have some hundred.
const LOOKED_MAX: usize = 10_000;

/// `index.json`
/// ([image-layout.md](https://github.com/opencontainers/image-spec/blob/main/image-layout.md#indexjson-file)).
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

/// An image of a layout.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its manifest or image index.
    pub root: Descriptor,
    /// All that it is called.
    pub names: Vec<Name>,
    /// The configs of the runnable images below it that are there.
    pub configs: Vec<Digest>,
}

/// The images of a layout, each once.
pub(super) async fn listed(held: &Held, index: Index) -> Vec<Listed> {
    let mut all: Vec<Listed> = Vec::new();
    for root in index.manifests {
        let names = names(&root);
        match all.iter_mut().find(|listed| listed.root.digest == root.digest) {
            Some(listed) => listed.names.extend(names),
            None => all.push(Listed { root, names, configs: Vec::new() }),
        }
    }
    let mut parts = HashSet::new();
    let mut looked = 0;
    for listed in &mut all {
        look(held, listed, &mut parts, &mut looked).await;
    }
    // Tools list the images of an image index, and what refers to an image, beside it.
    if all.iter().any(|listed| !parts.contains(&listed.root.digest)) {
        all.retain(|listed| !listed.names.is_empty() || !parts.contains(&listed.root.digest));
    }
    all
}

fn names(root: &Descriptor) -> Vec<Name> {
    let annotation = |key| root.annotations.get(key).filter(|name: &&String| !name.is_empty());
    // With the whole name there, the other annotation is its tag.
    if let Some(name) = annotation("io.containerd.image.name") {
        return vec![Name::Full(name.clone())];
    }
    annotation("org.opencontainers.image.ref.name").map(|name| Name::of_layout(name)).into_iter().collect()
}

/// Finds the configs below an entry. What others are made of is added to `parts`.
async fn look(held: &Held, listed: &mut Listed, parts: &mut HashSet<Digest>, looked: &mut usize) {
    let mut seen = HashSet::new();
    let mut waiting = VecDeque::from([listed.root.clone()]);
    while let Some(descriptor) = waiting.pop_front() {
        if *looked >= LOOKED_MAX || !seen.insert(descriptor.digest) {
            continue;
        }
        *looked += 1;
        let Some(manifest) = held.manifest(&descriptor).await else { continue };
        if manifest.subject.is_some() {
            parts.insert(descriptor.digest);
        }
        match manifest.content {
            Content::Index { entries } => {
                parts.extend(entries.iter().map(|entry| entry.digest));
                waiting.extend(entries);
            }
            // Attestations have an image's config, but layers of another kind.
            Content::Image { config, layers } => {
                let runs = layers.iter().all(|layer| layer.media_type.is_layer());
                listed.configs.extend((config.media_type.is_image_config() && runs).then_some(config.digest));
            }
        }
    }
}
