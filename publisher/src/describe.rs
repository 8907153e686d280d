//! What an image says of itself, for those who search: a manifest by its annotation or its config's label; an image
//! index by its own annotation, or else as its first image does.

use std::collections::BTreeSet;

use contract::description::Description;
use contract::digest::Digest;
use contract::key::Key;
use contract::manifest::{Content, Manifest};
use contract::name::{Repository, Tag};

use crate::derive::Derive;
use crate::image::{DEPTH_MAX, Image};
use crate::store::StoreError;

/// How many tags of a repository are asked, of those that may have thousands that say nothing.
const LOOKED_AT: usize = 10;

/// What an image says that is in memory.
pub(crate) fn of(image: &Image) -> Option<Description> {
    let mut manifest = &image.root_document()?.manifest;
    // The manifests of an image are a finite tree: each step goes down.
    loop {
        let config = config(manifest).and_then(|digest| image.configs.get(&digest));
        let said = Description::of(manifest, config.map(AsRef::as_ref));
        let next = || image.manifests.iter().find(|it| Some(it.descriptor.digest) == first(manifest));
        match (said, next()) {
            (None, Some(next)) => manifest = &next.manifest,
            (said, _) => return said,
        }
    }
}

/// Of a repository's tags those that are asked what they say: `latest`, and the last ones in order.
pub(crate) fn asked(tags: &BTreeSet<Tag>) -> Vec<Tag> {
    let (latest, others): (Vec<&Tag>, Vec<&Tag>) =
        tags.iter().rev().partition(|tag| tag.as_str() == "latest");
    latest.into_iter().chain(others).take(LOOKED_AT).cloned().collect()
}

/// What the first of these tags says that says anything.
pub(crate) async fn found(
    derive: Derive<'_>,
    name: &Repository,
    tags: &[Tag],
) -> Result<Option<Description>, StoreError> {
    for tag in tags {
        let Some(digest) = derive.target(&Key::TagLink(name.clone(), tag.clone())).await? else { continue };
        if let Some(said) = by(derive, digest).await? {
            return Ok(Some(said));
        }
    }
    Ok(None)
}

/// What a manifest of the store says.
async fn by(derive: Derive<'_>, digest: Digest) -> Result<Option<Description>, StoreError> {
    let mut next = Some(digest);
    for _ in 0..=DEPTH_MAX {
        let Some(digest) = next else { break };
        let Some((_, manifest)) = derive.manifest(&digest).await? else { break };
        let config = match config(&manifest) {
            Some(config) => derive.store.read(&Key::Blob(config)).await?,
            None => None,
        };
        let said = Description::of(&manifest, config.as_ref().map(|found| found.bytes.as_ref()));
        if said.is_some() {
            return Ok(said);
        }
        next = first(&manifest);
    }
    Ok(None)
}

/// The config of an image. That of an artifact has no labels, and may be of any size.
fn config(manifest: &Manifest) -> Option<Digest> {
    let Content::Image { config, .. } = &manifest.content else { return None };
    config.media_type.is_image_config().then_some(config.digest)
}

fn first(manifest: &Manifest) -> Option<Digest> {
    let Content::Index { entries } = &manifest.content else { return None };
    entries.iter().find(|entry| entry.media_type.is_manifest()).map(|entry| entry.digest)
}
