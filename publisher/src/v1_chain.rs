//! Which v1 images an image becomes. Pure.

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::manifest::{Content, Manifest};
use contract::v1::{self, NotHeld};

use crate::image::Image;

/// What of images is written for Registry v1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum V1 {
    /// Nothing.
    Off,
    /// Images that old Docker can read.
    #[default]
    Readable,
    /// Those with zstd layers too: v1 has gzip of what these hold.
    Gzip,
}

impl V1 {
    /// What of a chain is written: all of it or nothing.
    pub fn takes(self, chain: &[v1::Image]) -> bool {
        match self {
            Self::Off => false,
            Self::Readable => chain.iter().all(|image| image.gzip_of.is_none()),
            Self::Gzip => true,
        }
    }
}

/// The chain of an image, base first; of an index, that of the wanted platform.
pub fn of(image: &Image, platform: &str, wanted: V1) -> Result<Vec<v1::Image>, NotHeld> {
    if wanted == V1::Off {
        return Ok(Vec::new());
    }
    let chain = whole(image, platform)?;
    match chain.iter().find(|image| image.gzip_of.is_some()) {
        Some(image) if !wanted.takes(&chain) => Err(NotHeld::Layer(image.layer.media_type.clone())),
        _ => Ok(chain),
    }
}

fn whole(image: &Image, platform: &str) -> Result<Vec<v1::Image>, NotHeld> {
    let document = |digest: &Digest| image.manifests.iter().find(|it| it.descriptor.digest == *digest);
    let mut manifest = image.root_document().map(|root| &root.manifest);
    // The manifests of an image are a finite tree: each step goes down.
    while let Some(index) = manifest.filter(|it| matches!(it.content, Content::Index { .. })) {
        manifest = entry(index, platform).and_then(|digest| document(&digest)).map(|it| &it.manifest);
    }
    let manifest = manifest.ok_or_else(|| NotHeld::Platform(platform.to_owned()))?;
    let Content::Image { config, .. } = &manifest.content else {
        return Err(NotHeld::Platform(platform.to_owned()));
    };
    let config = image.configs.get(&config.digest).map_or(&[][..], Bytes::as_ref);
    v1::chain(manifest, config)
}

/// The entry of an index that v1 shows.
pub fn entry(index: &Manifest, platform: &str) -> Option<Digest> {
    let Content::Index { entries } = &index.content else { return None };
    let fits = |entry: &&Descriptor| {
        entry.media_type.is_manifest() && entry.platform.as_ref().is_some_and(|it| it.is(platform))
    };
    entries.iter().find(fits).map(|entry| entry.digest)
}
