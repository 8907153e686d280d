//! Image indexes of which the source holds only a part.
//!
//! `docker save` of a containerd image store writes the whole image index, and of its images only those that the
//! machine has.

use std::collections::HashSet;

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::manifest::{Manifest, ManifestError};
use serde_json::Value;

use super::{Builder, Entry, Kept};
use crate::image::{Document, ImageError};

impl Builder<'_> {
    pub(super) fn index(
        &mut self,
        document: &Document,
        entries: &[Descriptor],
        depth: usize,
    ) -> Result<Option<Kept>, ImageError> {
        let missing_before = self.image.missing.len();
        let kept = self.entries(entries, depth)?;
        let there: Vec<&Kept> = kept.iter().flatten().collect();
        if there.is_empty() && !entries.is_empty() {
            // The index above, or the error, names this index instead.
            self.image.missing.truncate(missing_before);
            return Ok(None);
        }
        if there.len() == entries.len() && there.iter().all(|kept| kept.entry == Entry::Same) {
            self.image.manifests.push(document.clone());
            return Ok(Some(Kept::as_it_was(&document.descriptor)));
        }
        let mut index = parsed(document)?;
        let listed = index.get_mut("manifests").and_then(Value::as_array_mut).map(std::mem::take);
        let raw = listed.unwrap_or_default();
        let mut left = kept.iter().zip(raw).filter_map(|(kept, raw)| {
            let kept = kept.as_ref()?;
            Some((kept, kept.entry(raw)))
        });
        if let [one] = there[..]
            && one.descriptor.media_type.is_manifest()
        {
            return Ok(left.next().map(|(one, entry)| Kept { entry: Entry::Other(entry), ..one.clone() }));
        }
        let left: Vec<Value> = left.map(|(_, entry)| entry).collect();
        index["manifests"] = left.into();
        self.shrunk(document, &index).map(Some)
    }

    /// What is kept of each entry, in order.
    fn entries(&mut self, entries: &[Descriptor], depth: usize) -> Result<Vec<Option<Kept>>, ImageError> {
        let mut kept = vec![None; entries.len()];
        let mut lost = HashSet::new();
        // Attestations last: one whose image is missing attests nothing.
        for attestations in [false, true] {
            for (entry, kept) in entries.iter().zip(&mut kept) {
                let attested = attested(entry);
                if attested.is_some() != attestations {
                    continue;
                }
                if !attested.is_some_and(|image| lost.contains(&image)) {
                    *kept = self.entry(entry, depth)?;
                }
                if kept.is_none() {
                    lost.insert(entry.digest);
                    self.image.missing.push(entry.clone());
                }
            }
        }
        Ok(kept)
    }

    fn entry(&mut self, entry: &Descriptor, depth: usize) -> Result<Option<Kept>, ImageError> {
        if entry.media_type.is_manifest() {
            return self.manifest(entry, depth + 1);
        }
        // BuildKit's caches list their layers in an image index.
        let there = self.graph.blobs.get(&entry.digest) == Some(&true);
        if there {
            self.blob(entry);
        } else if entry.may_be_absent() {
            self.foreign(entry);
        } else {
            return Ok(None);
        }
        Ok(Some(Kept::as_it_was(entry)))
    }

    /// Adds an index of what is left, and says how the index above names it.
    fn shrunk(&mut self, before: &Document, index: &Value) -> Result<Kept, ImageError> {
        let digest = before.descriptor.digest;
        let fail = |source| ImageError::Manifest { digest, source };
        let bytes = index.to_string();
        let media_type = before.manifest.media_type().clone();
        let manifest = Manifest::parse(bytes.as_bytes(), Some(&media_type)).map_err(fail)?;
        let digest = Digest::of(digest.algorithm(), bytes.as_bytes());
        let size = bytes.len() as u64;
        let descriptor = Descriptor { digest, size, ..before.descriptor.clone() };
        self.image.manifests.push(Document { descriptor: descriptor.clone(), bytes: bytes.into(), manifest });
        Ok(Kept { descriptor, entry: Entry::Smaller })
    }
}

fn parsed(document: &Document) -> Result<Value, ImageError> {
    serde_json::from_slice(&document.bytes).map_err(|source| ImageError::Manifest {
        digest: document.descriptor.digest,
        source: ManifestError::Syntax(source),
    })
}

/// The image that an entry attests something of
/// ([BuildKit, "Attestation storage"](https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md)).
fn attested(entry: &Descriptor) -> Option<Digest> {
    if entry.annotations.get("vnd.docker.reference.type")? != "attestation-manifest" {
        return None;
    }
    entry.annotations.get("vnd.docker.reference.digest")?.parse().ok()
}
