//! What kind of source this is, which image of it is meant, and whether its manifest is there or has to be made.

use std::collections::HashMap;

use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::manifest::{MANIFEST_MAX, Manifest};
use serde::de::DeserializeOwned;

use super::argument::Said;
use super::choose::{Candidate, choose};
use super::docker::{Entry, MANIFEST};
use super::held::{Held, Naming};
use super::layout::{Index, listed};
use super::place::Place;
use super::tree::Tree;
use super::{SourceError, Told, Wanted};
use crate::image::ImageError;

const INDEX: &str = "index.json";
/// `manifest.json` and `index.json` list every image of an archive.
const LIST_MAX: u64 = 16 << 20;

/// Where a candidate's manifest comes from.
#[derive(Debug, Default)]
struct From {
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
    let listing = tree.document(MANIFEST, LIST_MAX).await?;
    let is_object = listing.as_ref().is_some_and(|bytes| bytes.trim_ascii_start().starts_with(b"{"));
    let index = match said {
        Said::Nothing | Said::Layout => tree.document(INDEX, LIST_MAX).await?,
        Said::DockerArchive | Said::Folder => None,
    };
    let mut held = Held { tree, naming: Naming::Layout, made: HashMap::new() };
    if let (Said::Nothing | Said::Folder, true, None, Some(manifest)) = (said, is_object, &index, &listing) {
        held.naming = Naming::Folder;
        let root = folder(&held.tree, manifest, wanted)?;
        held.made.insert(root.digest, Place::Memory(manifest.clone()));
        return Ok((held, root));
    }
    let entries = listing.filter(|_| !is_object && said != Said::Layout);
    if index.is_none() && (entries.is_none() || said == Said::Folder) {
        return Err(nothing(&held.tree, said).await?);
    }
    // A docker archive that says so may be a layout as well, whose manifests are kept then.
    let index = match (index, said) {
        (None, Said::DockerArchive) => held.tree.document(INDEX, LIST_MAX).await?,
        (index, _) => index,
    };
    let entries: Vec<Entry> = match entries {
        Some(bytes) => json(&held.tree, MANIFEST, &bytes)?,
        None => Vec::new(),
    };
    let from = choice(&held, index.as_deref(), &entries, wanted).await?;
    let entry = from.entry.and_then(|at| entries.get(at));
    match (from.root, entry) {
        (Some(root), None) => Ok((held, root)),
        (Some(root), Some(entry)) if !entry.is_plain(&held.tree).await? => Ok((held, root)),
        (None, None) => Err(nothing(&held.tree, said).await?),
        (_, Some(entry)) => {
            let made = entry.make(&held.tree, wanted.manifest_type, told).await?;
            held.made = made.places;
            Ok((held, made.root))
        }
    }
}

fn json<T: DeserializeOwned>(tree: &Tree, member: &str, bytes: &[u8]) -> Result<T, SourceError> {
    serde_json::from_slice(bytes).map_err(|source| SourceError::Document {
        name: tree.name.clone(),
        member: member.to_owned(),
        source,
    })
}

/// The image of a docker archive or a layout, or of what is both.
async fn choice(
    held: &Held,
    index: Option<&[u8]>,
    entries: &[Entry],
    wanted: &Wanted<'_>,
) -> Result<From, SourceError> {
    let index: Option<Index> = index.map(|bytes| json(&held.tree, INDEX, bytes)).transpose()?;
    let mut all: Vec<(Candidate, From)> = Vec::new();
    let mut below: HashMap<Digest, Vec<usize>> = HashMap::new();
    if let Some(index) = index {
        for listed in listed(held, index).await {
            for config in &listed.configs {
                below.entry(*config).or_default().push(all.len());
            }
            // One entry of `manifest.json` cannot stand for several images.
            let several = listed.configs.len() > 1;
            let digests =
                [listed.root.digest].into_iter().chain(listed.configs.into_iter().filter(|_| !several));
            let candidate = Candidate { digests: digests.collect(), names: listed.names };
            all.push((candidate, From { root: Some(listed.root), entry: None }));
        }
    }
    let in_layout = all.len();
    for (at, entry) in entries.iter().enumerate() {
        let config = match entry.config(&held.tree).await {
            Ok((_, config)) => config,
            // An image that is not chosen may be incomplete.
            Err(_) if entries.len() > 1 => continue,
            Err(error) => return Err(error),
        };
        let known = below.entry(config).or_default();
        for &same in known.iter() {
            let Some((candidate, from)) = all.get_mut(same) else { continue };
            if candidate.names.is_empty() || same >= in_layout {
                candidate.names.extend(entry.names());
            }
            if candidate.digests.contains(&config) {
                from.entry = from.entry.or(Some(at));
            }
        }
        if known.is_empty() {
            known.push(all.len());
            let candidate = Candidate { digests: vec![config], names: entry.names() };
            all.push((candidate, From { root: None, entry: Some(at) }));
        }
    }
    let (candidates, mut from): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let chosen = choose(&candidates, wanted.image, wanted.references);
    let name = held.tree.name.clone();
    chosen.map(|at| from.swap_remove(at)).map_err(|source| SourceError::Choose { name, source })
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
    choose(&[candidate], wanted.image, wanted.references)
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
