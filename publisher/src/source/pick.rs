//! What kind of source this is, which image of it is meant, and whether its manifest is there or has to be made.

use std::collections::HashMap;

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::manifest::{MANIFEST_MAX, Manifest};
use serde::de::DeserializeOwned;

use super::argument::Said;
use super::choose::{Candidate, choose};
use super::docker::{Entry, MANIFEST};
use super::held::{Held, Naming};
use super::layout::{Index, Listed, listed};
use super::packing::Packing;
use super::place::Place;
use super::tree::Tree;
use super::{SourceError, Told, Wanted};
use crate::image::ImageError;

const INDEX: &str = "index.json";
/// `manifest.json` and `index.json` list every image of an archive.
const LIST_MAX: u64 = 16 << 20;

/// A source by what it has.
enum Kind {
    /// skopeo's `dir:`, by its manifest.
    Folder(Bytes),
    /// An OCI layout, a docker archive, or both.
    Images { index: Option<Index>, entries: Vec<Entry> },
}

/// An image that can be chosen, and where its manifest comes from.
struct Found {
    candidate: Candidate,
    /// It is there.
    root: Option<Descriptor>,
    /// It can be made of this entry of `manifest.json`.
    entry: Option<usize>,
}

/// Opens the image that is meant.
pub(super) async fn pick(
    tree: Tree,
    said: Said,
    wanted: &Wanted<'_>,
    told: &dyn Told,
) -> Result<(Held, Descriptor), SourceError> {
    let kind = kind(&tree, said).await?;
    let mut held = Held { tree, naming: Naming::Layout, made: HashMap::new(), compressed: Vec::new() };
    let (index, entries) = match kind {
        Kind::Images { index, entries } => (index, entries),
        Kind::Folder(manifest) => {
            held.naming = Naming::Folder;
            let root = folder(&held.tree, &manifest, wanted)?;
            held.made.insert(root.digest, Place::Memory(manifest));
            return Ok((held, root));
        }
    };
    let mut found = match index {
        Some(index) => listed(&held, index).await.into_iter().map(Found::listed).collect(),
        None => Vec::new(),
    };
    for (at, entry) in entries.iter().enumerate() {
        add(&mut found, at, entry, entry.image_id(&held.tree).await?);
    }
    let candidates: Vec<&Candidate> = found.iter().map(|found| &found.candidate).collect();
    let chosen = choose(&candidates, wanted.image, wanted.references)
        .map_err(|source| SourceError::Choose { name: held.tree.name.clone(), source })?;
    let Found { root, entry, .. } = found.swap_remove(chosen);
    let entry = entry.and_then(|at| entries.get(at));
    match (root, entry) {
        // One whose layers stay as they are keeps its manifest.
        (Some(root), Some(entry))
            if wanted.compress.keeps(Packing::Plain) || !entry.is_plain(&held.tree).await? =>
        {
            Ok((held, root))
        }
        (_, Some(entry)) => {
            let made = entry.make(&held.tree, wanted, told).await?;
            (held.made, held.compressed) = (made.places, made.compressed);
            Ok((held, made.root))
        }
        (Some(root), None) => Ok((held, root)),
        (None, None) => Err(nothing(&held.tree, said).await?),
    }
}

async fn kind(tree: &Tree, said: Said) -> Result<Kind, SourceError> {
    let manifest = tree.document(MANIFEST, LIST_MAX).await?;
    let index = tree.document(INDEX, LIST_MAX).await?;
    // skopeo's is a manifest, Docker's a list of images.
    let is_folders = manifest.as_ref().is_some_and(|bytes| bytes.trim_ascii_start().starts_with(b"{"));
    let (folders, dockers) = if is_folders { (manifest, None) } else { (None, manifest) };
    let (index, dockers) = match (said, folders, index, dockers) {
        (Said::Folder, Some(manifest), ..) | (Said::Nothing, Some(manifest), None, _) => {
            return Ok(Kind::Folder(manifest));
        }
        (Said::Layout, _, Some(index), _) => (Some(index), None),
        (Said::DockerArchive, _, index, Some(dockers)) => (index, Some(dockers)),
        (Said::Nothing, _, Some(index), dockers) => (Some(index), dockers),
        (Said::Nothing, _, None, Some(dockers)) => (None, Some(dockers)),
        _ => return Err(nothing(tree, said).await?),
    };
    let index = index.map(|bytes| json(tree, INDEX, &bytes)).transpose()?;
    let entries = dockers.map(|bytes| json(tree, MANIFEST, &bytes)).transpose()?.unwrap_or_default();
    Ok(Kind::Images { index, entries })
}

fn json<T: DeserializeOwned>(tree: &Tree, member: &str, bytes: &[u8]) -> Result<T, SourceError> {
    serde_json::from_slice(bytes).map_err(|source| SourceError::Document {
        name: tree.name.clone(),
        member: member.to_owned(),
        source,
    })
}

impl Found {
    fn listed(listed: Listed) -> Self {
        let digests = [listed.root.digest].into_iter().chain(listed.configs).collect();
        let candidate = Candidate { digests, names: listed.names };
        Self { candidate, root: Some(listed.root), entry: None }
    }
}

/// Adds an entry of `manifest.json`, to the images of the layout that have its config where there are some.
fn add(found: &mut Vec<Found>, at: usize, entry: &Entry, image_id: Option<Digest>) {
    let mut known = false;
    for found in found.iter_mut() {
        let Candidate { digests, names } = &mut found.candidate;
        if !image_id.is_some_and(|image_id| digests.contains(&image_id)) {
            continue;
        }
        known = true;
        if names.is_empty() || found.root.is_none() {
            names.extend(entry.names());
        }
        // One entry cannot stand for an image index of several images, which has their configs behind its own digest.
        if digests.len() <= 2 {
            found.entry = found.entry.or(Some(at));
        }
    }
    if !known {
        // One whose config is lost stays a candidate: else another image would be taken for it.
        let candidate = Candidate { digests: image_id.into_iter().collect(), names: entry.names() };
        found.push(Found { candidate, root: None, entry: Some(at) });
    }
}

/// skopeo's `dir:` holds one image, without a name.
fn folder(tree: &Tree, bytes: &[u8], wanted: &Wanted<'_>) -> Result<Descriptor, SourceError> {
    let digest = Digest::of(Algorithm::Sha256, bytes);
    let size = bytes.len() as u64;
    let fail = |source| SourceError::Image { name: tree.name.clone(), source };
    if size > MANIFEST_MAX {
        return Err(fail(ImageError::TooLarge { what: "manifest", digest, size, max: MANIFEST_MAX }));
    }
    let candidate = Candidate { digests: vec![digest], names: Vec::new() };
    choose(&[&candidate], wanted.image, wanted.references)
        .map_err(|source| SourceError::Choose { name: tree.name.clone(), source })?;
    let manifest =
        Manifest::parse(bytes, None).map_err(|source| fail(ImageError::Manifest { digest, source }))?;
    Ok(Descriptor::new(manifest.media_type().clone(), digest, size))
}

/// What to say of a source that is none of those that were looked for.
async fn nothing(tree: &Tree, said: Said) -> Result<SourceError, SourceError> {
    let name = tree.name.clone();
    let not = |said, lacks| SourceError::NotAsSaid { name: name.clone(), said, lacks };
    Ok(match said {
        Said::DockerArchive => not("a docker archive", "`manifest.json` that lists images"),
        Said::Layout => not("an OCI layout", "`index.json`"),
        Said::Folder => not("a directory of skopeo's", "`manifest.json` that is a manifest"),
        Said::Nothing if tree.find("repositories").await?.is_some() => {
            let hint = "it was saved by Docker before 1.10: load it into a newer one, and save it again";
            SourceError::NoImage { name, hint }
        }
        Said::Nothing => {
            let hint = "a source is what `docker save`, `podman save` or `skopeo copy` write; these files must not be in a folder of it";
            SourceError::NoImage { name, hint }
        }
    })
}
