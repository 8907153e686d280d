//! From a path back to its key: what a store's own list is read with, and what the embedded registry serves.

use super::{BLOBS, CATALOG, Key, OWN, REPOSITORIES, V1_IMAGES, V1_REPOSITORIES};
use crate::digest::Digest;
use crate::name::Repository;
use crate::v1;

impl Key {
    /// The key whose [`Key::path`] this is; `None` for every other path.
    pub fn parse(path: &str) -> Option<Self> {
        if path == CATALOG {
            return Some(Self::Catalog);
        }
        let below = |root: &str| path.strip_prefix(root)?.strip_prefix('/');
        let key = if let Some(rest) = below(BLOBS) {
            blob(rest)
        } else if let Some(rest) = below(REPOSITORIES) {
            repository(rest)
        } else if let Some(rest) = below(V1_REPOSITORIES) {
            v1_repository(rest)
        } else if let Some(rest) = below(V1_IMAGES) {
            v1_image(rest)
        } else {
            own(below(OWN)?)
        };
        // Hex digits of a digest's folder, a number's leading zeros: whatever the parts let through, the whole decides.
        key.filter(|key| key.path() == path)
    }
}

fn blob(rest: &str) -> Option<Key> {
    let [algorithm, _, hex, "data"] = parts(rest)? else { return None };
    Some(Key::Blob(Digest::from_parts(algorithm, hex).ok()?))
}

fn repository(rest: &str) -> Option<Key> {
    // A component of a name cannot begin with `_`, so the first one that does ends the name.
    let (name, rest) = rest.split_once("/_")?;
    let name: Repository = name.parse().ok()?;
    let digest = |algorithm, hex| Digest::from_parts(algorithm, hex).ok();
    let segments: Vec<&str> = rest.split('/').collect();
    Some(match *segments.as_slice() {
        ["layers", algorithm, hex, "link"] => Key::LayerLink(name, digest(algorithm, hex)?),
        ["manifests", "tags.json"] => Key::TagList(name),
        ["manifests", "revisions", algorithm, hex, "link"] => {
            Key::RevisionLink(name, digest(algorithm, hex)?)
        }
        ["manifests", "revisions", algorithm, hex, "manifest"] => {
            Key::DigestView(name, digest(algorithm, hex)?)
        }
        ["manifests", "tags", tag, "current", "link"] => Key::TagLink(name, tag.parse().ok()?),
        ["manifests", "tags", tag, "current", "manifest"] => Key::TagView(name, tag.parse().ok()?),
        ["manifests", "tags", tag, "index", algorithm, hex, "link"] => {
            Key::TagHistoryLink(name, tag.parse().ok()?, digest(algorithm, hex)?)
        }
        ["manifests", "referrers", algorithm, file] => {
            Key::Referrers(name, digest(algorithm, file.strip_suffix(".json")?)?)
        }
        _ => return None,
    })
}

fn v1_repository(rest: &str) -> Option<Key> {
    let (name, file) = rest.rsplit_once('/')?;
    let name = v1::Repository::parse(name)?;
    Some(match file {
        "images" => Key::V1Images(name),
        "tags" => Key::V1Tags(name),
        _ => Key::V1Tag(name, file.strip_prefix("tag_")?.strip_suffix(".json")?.parse().ok()?),
    })
}

fn v1_image(rest: &str) -> Option<Key> {
    let (id, file) = rest.split_once('/')?;
    let id: v1::Id = id.parse().ok()?;
    match file {
        "json" => Some(Key::V1Json(id)),
        "ancestry" => Some(Key::V1Ancestry(id)),
        "layer" => Some(Key::V1Layer(id)),
        _ => None,
    }
}

fn own(rest: &str) -> Option<Key> {
    match rest {
        "search.json" => return Some(Key::Search),
        "settings.json" => return Some(Key::Settings),
        "probe.json" => return Some(Key::Probe),
        "collector.json" => return Some(Key::Collector),
        "lock" => return Some(Key::Lock),
        _ => {}
    }
    if let Some(number) = rest.strip_prefix("tmp/") {
        return u64::from_str_radix(number, 16).ok().map(Key::Staged);
    }
    if let Some(segment) = rest.strip_prefix("segments/") {
        return segment_of(segment);
    }
    if let Some(diff) = rest.strip_prefix("diff/") {
        let [algorithm, hex, packed] = parts(diff)?;
        return Some(Key::Diff(Digest::from_parts(algorithm, hex).ok()?, packed.parse().ok()?));
    }
    let (name, digest) = rest.strip_prefix("keep/")?.split_once("/_revisions/")?;
    let [algorithm, hex] = parts(digest)?;
    Some(Key::Keep(name.parse().ok()?, Digest::from_parts(algorithm, hex).ok()?))
}

fn segment_of(rest: &str) -> Option<Key> {
    let (rest, number) = rest.rsplit_once('/')?;
    let (of, upload) = rest.rsplit_once('/')?;
    // A segment has no segments: without this, a path of a stranger's making decides how deep we call ourselves.
    if of.starts_with(OWN) {
        return None;
    }
    let (upload, number) = (u64::from_str_radix(upload, 16).ok()?, number.parse().ok()?);
    Some(Key::Segment { of: Box::new(Key::parse(of)?), upload, number })
}

/// Exactly `N` parts of a path.
fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('/').collect::<Vec<_>>().try_into().ok()
}
