//! The manifests of a repository: their links, their bytes, what they name, their views.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::listing::Referrers;
use contract::manifest::Manifest;
use contract::media::MediaType;
use contract::name::Repository;

use super::finding::Wrong;
use super::looking::Looking;
use crate::apply::SMALL_PER_JOB;
use crate::at_once::at_once;
use crate::found::Held;
use crate::store::StoreError;

/// The manifests of a repository that clients can read.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// With their types.
    pub(super) types: BTreeMap<Digest, MediaType>,
    /// What refers to each digest that has a manifest or a list.
    pub(super) referrers: BTreeMap<Digest, Referrers>,
}

/// A manifest that was read.
struct Read {
    manifest: Manifest,
    size: u64,
    /// Its sha256 where its own digest is another: it is there under that too.
    other_name: Option<Digest>,
    /// What it names that is no manifest and has a link.
    layers: Vec<Digest>,
}

pub(super) async fn look(
    looking: &Looking<'_>,
    name: &Repository,
    held: &Held,
) -> Result<Manifests, StoreError> {
    let each = held.revisions.iter().map(|digest| async move {
        let read = manifest(looking, name, held, digest).await?;
        Ok::<_, StoreError>(read.map(|read| (*digest, read)))
    });
    let jobs = looking.verify.jobs * SMALL_PER_JOB;
    let read: Vec<_> = at_once(jobs, each).await?;
    let read: BTreeMap<Digest, Read> = read.into_iter().flatten().collect();
    // Images share layers.
    let layers: BTreeSet<&Digest> = read.values().flat_map(|read| &read.layers).collect();
    let each = layers
        .into_iter()
        .map(|digest| async move { looking.link_to(&Key::LayerLink(name.clone(), *digest), digest).await });
    at_once(jobs, each).await?;
    for digest in held.digest_views.difference(&held.revisions) {
        looking.tell(&Key::DigestView(name.clone(), *digest), Wrong::Unlinked);
    }
    Ok(known(&read, held))
}

fn known(read: &BTreeMap<Digest, Read>, held: &Held) -> Manifests {
    let other_names: BTreeSet<Digest> = read.values().filter_map(|read| read.other_name).collect();
    let referrers = held.referrers.iter().map(|digest| (*digest, Referrers::default())).collect();
    let mut known = Manifests { types: BTreeMap::new(), referrers };
    for (digest, Read { manifest, size, .. }) in read {
        known.types.insert(*digest, manifest.media_type().clone());
        known.referrers.entry(*digest).or_default();
        // As a referrer, a manifest is listed under its own name alone.
        if let Some(subject) = manifest.subject.as_ref().filter(|_| !other_names.contains(digest)) {
            let said = Referrers::descriptor(*digest, *size, manifest);
            known.referrers.entry(subject.digest).or_default().insert(said);
        }
    }
    known
}

async fn manifest(
    looking: &Looking<'_>,
    name: &Repository,
    held: &Held,
    digest: &Digest,
) -> Result<Option<Read>, StoreError> {
    looking.link_to(&Key::RevisionLink(name.clone(), *digest), digest).await?;
    let (key, by) = (Key::Blob(*digest), format!("{name}@{digest}"));
    let Some(found) = looking.store().read(&key).await? else {
        looking.tell(&key, Wrong::Missing(by));
        return Ok(None);
    };
    if Digest::of(digest.algorithm(), &found.bytes) != *digest {
        looking.tell(&key, Wrong::Damaged);
        return Ok(None);
    }
    let Ok(manifest) = Manifest::parse(&found.bytes, None) else {
        looking.tell(&key, Wrong::Unreadable);
        return Ok(None);
    };
    looking.saw_manifest();
    let size = found.bytes.len() as u64;
    let other_name =
        (digest.algorithm() != Algorithm::Sha256).then(|| Digest::of(Algorithm::Sha256, &found.bytes));
    looking.came(&key, digest, found, &by).await?;
    view(looking, &Key::DigestView(name.clone(), *digest), manifest.media_type(), digest).await?;
    let mut layers = Vec::new();
    for child in manifest.children().filter(|child| !child.may_be_absent()) {
        let (link, linked) = if child.media_type.is_manifest() {
            // Its link is looked at with the manifest that it is for.
            (Key::RevisionLink(name.clone(), child.digest), held.revisions.contains(&child.digest))
        } else {
            looking.content(&Key::Blob(child.digest), &child.digest, child.size, &by).await?;
            layers.extend(held.layers.get(&child.digest));
            (Key::LayerLink(name.clone(), child.digest), held.layers.contains(&child.digest))
        };
        if !linked {
            looking.tell(&link, Wrong::Missing(by.clone()));
        }
    }
    Ok(Some(Read { manifest, size, other_name, layers }))
}

/// Looks at a view of the manifest that has this digest.
pub(super) async fn view(
    looking: &Looking<'_>,
    key: &Key,
    media_type: &MediaType,
    digest: &Digest,
) -> Result<(), StoreError> {
    let found = looking.read(key, Some(media_type), "its link").await?;
    if found.is_some_and(|bytes| Digest::of(digest.algorithm(), &bytes) != *digest) {
        looking.tell(key, Wrong::Disagrees("its link"));
    }
    Ok(())
}
