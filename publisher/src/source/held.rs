//! Content by digest: what the source has in files, and what was made of it.

use std::collections::HashMap;
use std::io;

use async_trait::async_trait;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::manifest::{MANIFEST_MAX, Manifest};
use futures_util::{StreamExt, TryStreamExt};

use super::place::Place;
use super::tree::Tree;
use crate::content::{Chunks, Content, Open};
use crate::image::Image;
use crate::remembered::Compressed;
use crate::store::SendError;

/// How a source's files are named by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// OCI layout: `blobs/<alg>/<hex>`
    /// ([image-layout.md](https://github.com/opencontainers/image-spec/blob/main/image-layout.md)).
    Layout,
    /// skopeo's `dir:`: `<hex>`, and `<hex>.manifest.json` for the manifests of a list.
    Folder,
}

impl Naming {
    fn files(self, digest: &Digest) -> Vec<String> {
        let (algorithm, hex) = (digest.algorithm(), digest.hex());
        match self {
            Self::Layout => vec![format!("blobs/{}/{hex}", algorithm.as_str())],
            Self::Folder => {
                let other = match algorithm {
                    Algorithm::Sha256 => String::new(),
                    Algorithm::Sha512 => format!("{}-", algorithm.as_str()),
                };
                // Older releases leave the algorithm out.
                let mut files = Vec::new();
                for stem in [format!("{other}{hex}"), hex.to_string()] {
                    files.extend([stem.clone(), format!("{stem}.manifest.json")]);
                }
                files
            }
        }
    }
}

/// A source's content.
#[derive(Debug)]
pub(super) struct Held {
    /// Its files.
    pub tree: Tree,
    /// How to find them.
    pub naming: Naming,
    /// What comes from elsewhere; asked first.
    pub made: HashMap<Digest, Place>,
    /// Layers that were compressed here.
    pub compressed: Vec<Compressed>,
}

impl Held {
    async fn place(&self, digest: &Digest) -> io::Result<Option<Place>> {
        if let Some(made) = self.made.get(digest) {
            return Ok(Some(made.clone()));
        }
        for file in self.naming.files(digest) {
            if let Some(place) = self.tree.find(&file).await.map_err(io::Error::other)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// A manifest, where it is there and good. What is wrong with one matters only when it is loaded to be published.
    pub(super) async fn manifest(&self, descriptor: &Descriptor) -> Option<Manifest> {
        if !descriptor.media_type.is_manifest() || descriptor.size > MANIFEST_MAX {
            return None;
        }
        let content = Content { descriptor, from: self, passed: &|_| () };
        let bytes = content.open().await.ok()?.whole().await.ok()?;
        Manifest::parse(&bytes, Some(&descriptor.media_type)).ok()
    }
}

/// Reads and checks all contents but those that were checked when they were made.
pub(super) async fn read_through(
    from: &dyn Open,
    image: &Image,
    made: &HashMap<Digest, Place>,
) -> Result<(), SendError> {
    for descriptor in image.blobs.iter().filter(|blob| !made.contains_key(&blob.digest)) {
        let mut content = Content { descriptor, from, passed: &|_| () }.open().await?;
        while content.next().await?.is_some() {}
    }
    Ok(())
}

#[async_trait]
impl Open for Held {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        let Some(place) = self.place(&descriptor.digest).await? else { return Ok(None) };
        let chunks = place.chunks().await?;
        if self.made.contains_key(&descriptor.digest) {
            return Ok(Some(chunks));
        }
        let count = self.tree.counter();
        Ok(Some(chunks.inspect_ok(move |chunk| count(chunk.len() as u64)).boxed()))
    }

    fn read(&self) -> u64 {
        self.tree.read()
    }

    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        Ok(self.place(&descriptor.digest).await?.map(|place| place.size()))
    }
}
