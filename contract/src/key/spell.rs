//! A key's path, piece by piece. Its words are in `key.rs`.

use std::fmt;

use super::{BLOBS, CATALOG, Key, OWN, REPOSITORIES, SEARCH, V1_IMAGES, V1_REPOSITORIES};
use crate::digest::{Digest, Hex};
use crate::name::Repository;
use crate::packed::Packed;
use crate::v1;

impl Key {
    /// The path, to a text or a formatter. What clients ask for is written piece by piece, without formatting: each
    /// request passes here.
    pub(super) fn spell(&self, to: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        match self {
            Self::Blob(digest) => of_blob(to, digest),
            Self::LayerLink(name, digest) => below(to, name, &["_layers/"], Some(digest), "/link"),
            Self::RevisionLink(name, digest) => {
                below(to, name, &["_manifests/revisions/"], Some(digest), "/link")
            }
            Self::DigestView(name, digest) => {
                below(to, name, &["_manifests/revisions/"], Some(digest), "/manifest")
            }
            Self::TagLink(name, tag) => {
                below(to, name, &["_manifests/tags/", tag.as_str()], None, "/current/link")
            }
            Self::TagView(name, tag) => {
                below(to, name, &["_manifests/tags/", tag.as_str()], None, "/current/manifest")
            }
            Self::TagHistoryLink(name, tag, digest) => {
                below(to, name, &["_manifests/tags/", tag.as_str(), "/index/"], Some(digest), "/link")
            }
            Self::TagList(name) => below(to, name, &["_manifests/tags.json"], None, ""),
            Self::Referrers(name, digest) => {
                below(to, name, &["_manifests/referrers/"], Some(digest), ".json")
            }
            Self::Catalog => to.write_str(CATALOG),
            Self::V1Images(name) => put(to, &[V1_REPOSITORIES, "/", name.as_str(), "/images"]),
            Self::V1Tags(name) => put(to, &[V1_REPOSITORIES, "/", name.as_str(), "/tags"]),
            Self::V1Tag(name, tag) => {
                put(to, &[V1_REPOSITORIES, "/", name.as_str(), "/tag_", tag.as_str(), ".json"])
            }
            Self::V1Json(id) => of_v1_image(to, id, "/json"),
            Self::V1Ancestry(id) => of_v1_image(to, id, "/ancestry"),
            Self::V1Layer(id) => of_v1_image(to, id, "/layer"),
            Self::Keep(name, digest) => kept(to, name, digest),
            Self::Diff(digest, packed) => of_diff(to, digest, *packed),
            Self::Search => to.write_str(SEARCH),
            Self::Settings => put(to, &[OWN, "/settings.json"]),
            Self::Probe => put(to, &[OWN, "/probe.json"]),
            Self::Collector => put(to, &[OWN, "/collector.json"]),
            Self::Lock => put(to, &[OWN, "/lock"]),
            Self::Staged(number) => write!(to, "{OWN}/tmp/{number:016x}"),
            Self::Segment { of, upload, number } => {
                write!(to, "{OWN}/segments/{of}/{upload:016x}/{number:05}")
            }
        }
    }
}

fn put(to: &mut (impl fmt::Write + ?Sized), parts: &[&str]) -> fmt::Result {
    parts.iter().try_for_each(|part| to.write_str(part))
}

fn of_blob(to: &mut (impl fmt::Write + ?Sized), digest: &Digest) -> fmt::Result {
    put(to, &[BLOBS, "/", digest.algorithm().as_str(), "/"])?;
    digest.first_byte().spell(to)?;
    put(to, &["/"])?;
    digest.hex().spell(to)?;
    put(to, &["/data"])
}

/// What is kept with a repository: its folder, some parts, a digest, an end.
fn below(
    to: &mut (impl fmt::Write + ?Sized),
    name: &Repository,
    parts: &[&str],
    digest: Option<&Digest>,
    end: &str,
) -> fmt::Result {
    put(to, &[REPOSITORIES, "/", name.as_str(), "/"])?;
    put(to, parts)?;
    digest.map_or(Ok(()), |digest| of_digest(to, digest))?;
    to.write_str(end)
}

/// A digest as two segments of a path: `sha256/<hex>`.
fn of_digest(to: &mut (impl fmt::Write + ?Sized), digest: &Digest) -> fmt::Result {
    put(to, &[digest.algorithm().as_str(), "/"])?;
    digest.hex().spell(to)
}

fn kept(to: &mut (impl fmt::Write + ?Sized), name: &Repository, digest: &Digest) -> fmt::Result {
    put(to, &[OWN, "/keep/", name.as_str(), "/_revisions/"])?;
    of_digest(to, digest)
}

fn of_diff(to: &mut (impl fmt::Write + ?Sized), digest: &Digest, packed: Packed) -> fmt::Result {
    put(to, &[OWN, "/diff/"])?;
    of_digest(to, digest)?;
    write!(to, "/{packed}")
}

fn of_v1_image(to: &mut (impl fmt::Write + ?Sized), id: &v1::Id, end: &str) -> fmt::Result {
    put(to, &[V1_IMAGES, "/"])?;
    Hex(&id.0).spell(to)?;
    to.write_str(end)
}
