//! The graph as the source holds it: every document that can be reached, and which blobs are there.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::manifest::{Content as Parts, MANIFEST_MAX, Manifest, ManifestError};

use super::{CONFIG_MAX, DOCUMENTS_MAX, Document, ImageError, MANIFESTS_MAX};
use crate::content::{Content, Open};

/// What was found of everything that the root reaches.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// `None` where the source lacks it.
    pub manifests: HashMap<Digest, Option<Document>>,
    /// Whether the source has it.
    pub blobs: HashMap<Digest, bool>,
    /// Those of runnable images.
    pub configs: HashMap<Digest, Bytes>,
    /// How much documents have together, in bytes, those that the source lacks too.
    named: u64,
}

/// Reads everything below a root. Subjects are not followed: they are not part of what a pull fetches.
pub(super) async fn read(from: &dyn Open, root: &Descriptor) -> Result<Graph, ImageError> {
    let mut graph = Graph::default();
    let mut waiting = VecDeque::from([root.clone()]);
    while let Some(descriptor) = waiting.pop_front() {
        if !descriptor.media_type.is_manifest() {
            graph.look(from, &descriptor).await?;
            continue;
        }
        if let Entry::Occupied(seen) = graph.manifests.entry(descriptor.digest) {
            seen.get().as_ref().map_or(Ok(()), |document| named_alike(document, &descriptor))?;
            continue;
        }
        if graph.manifests.len() >= MANIFESTS_MAX {
            return Err(ImageError::TooMany);
        }
        let document = graph.document(from, &descriptor).await?;
        match document.as_ref().map(|document| &document.manifest.content) {
            Some(Parts::Index { entries }) => waiting.extend(entries.iter().cloned()),
            Some(Parts::Image { config, layers }) => {
                graph.config(from, config).await?;
                for layer in layers {
                    graph.look(from, layer).await?;
                }
            }
            None => {}
        }
        graph.manifests.insert(descriptor.digest, document);
    }
    Ok(graph)
}

/// Two descriptors of one manifest must not say different things of it.
fn named_alike(document: &Document, named: &Descriptor) -> Result<(), ImageError> {
    let digest = named.digest;
    let (expected, found) = (named.size, document.descriptor.size);
    if expected != found {
        return Err(ImageError::Size { digest, expected, found });
    }
    let stated = document.manifest.media_type().clone();
    if stated == named.media_type {
        return Ok(());
    }
    let source = ManifestError::Disagrees { stated, named: named.media_type.clone() };
    Err(ImageError::Manifest { digest, source })
}

impl Graph {
    async fn document(
        &mut self,
        from: &dyn Open,
        descriptor: &Descriptor,
    ) -> Result<Option<Document>, ImageError> {
        let bytes = self.small(from, descriptor, "manifest", MANIFEST_MAX).await?;
        let Some(bytes) = bytes else { return Ok(None) };
        let manifest = Manifest::parse(&bytes, Some(&descriptor.media_type))
            .map_err(|source| ImageError::Manifest { digest: descriptor.digest, source })?;
        Ok(Some(Document { descriptor: descriptor.clone(), bytes, manifest }))
    }

    async fn small(
        &mut self,
        from: &dyn Open,
        descriptor: &Descriptor,
        what: &'static str,
        max: u64,
    ) -> Result<Option<Bytes>, ImageError> {
        let Descriptor { digest, size, .. } = *descriptor;
        if size > max {
            return Err(ImageError::TooLarge { what, digest, size, max });
        }
        // Each of a stranger's may be small enough, and all of them too much.
        self.named += size;
        if self.named > DOCUMENTS_MAX {
            return Err(ImageError::TooMuch);
        }
        let there = from.size(descriptor).await.map_err(|source| ImageError::Look { digest, source })?;
        if there.is_none() {
            return Ok(None);
        }
        let verified = Content { descriptor, from, passed: &|_| () }.open().await?;
        Ok(Some(verified.whole().await?))
    }

    async fn config(&mut self, from: &dyn Open, config: &Descriptor) -> Result<(), ImageError> {
        if config.media_type.is_image_config() && !self.configs.contains_key(&config.digest) {
            let bytes = self.small(from, config, "config", CONFIG_MAX).await?;
            self.configs.extend(bytes.map(|bytes| (config.digest, bytes)));
        }
        self.look(from, config).await
    }

    /// Whether a blob is there, with the right size. Its bytes are verified when they are sent.
    async fn look(&mut self, from: &dyn Open, blob: &Descriptor) -> Result<(), ImageError> {
        let digest = blob.digest;
        let found = from.size(blob).await.map_err(|source| ImageError::Look { digest, source })?;
        if let Some(found) = found.filter(|found| *found != blob.size) {
            return Err(ImageError::Size { digest, expected: blob.size, found });
        }
        self.blobs.insert(digest, found.is_some());
        Ok(())
    }
}
