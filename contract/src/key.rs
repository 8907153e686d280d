//! Keys: every object of the bucket by its typed name, with its path, content type and caching.
//!
//! This is the only place that spells a path. The first five rows of the table are the storage tree of `distribution`
//! ([paths.go](https://github.com/distribution/distribution/blob/main/registry/storage/paths.go)); the v1 rows are the
//! paths of the 2014 static registry. Underscore names cannot meet a repository's name (the grammar forbids them), no
//! path holds a `:`, and no key is a directory of another, so the same tree works on a file system.

use std::fmt;

use crate::digest::Digest;
use crate::name::{Repository, Tag};
use crate::packed::Packed;
use crate::v1;

mod parse;
mod spell;

const BLOBS: &str = "docker/registry/v2/blobs";
const REPOSITORIES: &str = "docker/registry/v2/repositories";
const CATALOG: &str = "docker/registry/v2/catalog.json";
const V1_REPOSITORIES: &str = "repositories";
const V1_IMAGES: &str = "images";
const OWN: &str = "static-registry";
const SEARCH: &str = "static-registry/search.json";

/// The typed name of an object.
///
/// Matched without a `_` everywhere: a new kind of object does not compile until its path, its type and its caching
/// are decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Content by its digest; manifests and configs too.
    Blob(Digest),
    /// The repository may read this blob.
    LayerLink(Repository, Digest),
    /// The repository holds this manifest.
    RevisionLink(Repository, Digest),
    /// Where the tag points: the truth that views and listings are derived from.
    TagLink(Repository, Tag),
    /// The tag once pointed there.
    TagHistoryLink(Repository, Tag, Digest),
    /// The manifest as clients fetch it by digest.
    DigestView(Repository, Digest),
    /// The manifest as clients fetch it by tag.
    TagView(Repository, Tag),
    /// The repository's tags.
    TagList(Repository),
    /// What refers to this manifest.
    Referrers(Repository, Digest),
    /// All repositories.
    Catalog,
    /// v1: the ids of a repository's tagged images.
    V1Images(v1::Repository),
    /// v1: a repository's tags with their ids.
    V1Tags(v1::Repository),
    /// v1: one tag's id.
    V1Tag(v1::Repository, Tag),
    /// v1: an image's document.
    V1Json(v1::Id),
    /// v1: an image's id and those of its parents.
    V1Ancestry(v1::Id),
    /// v1: an image's layer, a copy of the blob.
    V1Layer(v1::Id),
    /// Published by digest alone: not garbage, though no tag names it.
    Keep(Repository, Digest),
    /// Which blob this plain layer became when it was compressed: a hint, so that nobody compresses it again.
    Diff(Digest, Packed),
    /// What repositories say of themselves, for those who search.
    Search,
    /// The store's own settings.
    Settings,
    /// What the store was seen to do with conditional writes.
    Probe,
    /// Whether somebody is collecting, and when somebody last did.
    Collector,
    /// The lock of a store in a directory.
    Lock,
    /// Being written, in a directory. Never read.
    Staged(u64),
    /// A piece of an object that is too large for one upload, in stores whose large objects are lists of others.
    Segment {
        /// The object. It alone owns the piece.
        of: Box<Key>,
        /// Which upload of that object, a random number.
        upload: u64,
        /// Counted from 1.
        number: u32,
    },
}

/// What an object's `Content-Type` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// The same for every object of the kind.
    Fixed(&'static str),
    /// The media type of the manifest that the view shows.
    OfManifest,
}

/// Where keys are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// The links, views and lists of all repositories.
    Repositories,
    /// All that begins with a name: of the repository that has it, and of those that have it before their own.
    Below(Repository),
    /// The tag links, views and histories of one repository.
    Tags(Repository),
    /// The history of one tag.
    TagHistory(Repository, Tag),
    /// The revision links and digest views of one repository.
    Revisions(Repository),
    /// The configs and layers of one repository, by their links.
    Layers(Repository),
    /// What one repository has of manifests: links, views and lists.
    Manifests(Repository),
    /// The v1 tags and lists of all repositories.
    V1Repositories,
    /// The same of the repositories whose first segment in v1 this is.
    V1Below(Repository),
    /// The contents of all repositories.
    Blobs,
    /// All v1 images.
    V1Images,
    /// What was published by digest alone.
    Keeps,
    /// What is remembered of compressed layers.
    Diffs,
    /// The pieces of all large objects.
    Segments,
    /// The v1 tags and lists of one repository.
    V1Tags(v1::Repository),
}

impl Key {
    /// Whether the object's content is decided by its key, or never changes once it is there.
    pub fn is_immutable(&self) -> bool {
        match self {
            Self::Blob(_)
            | Self::LayerLink(..)
            | Self::RevisionLink(..)
            | Self::TagHistoryLink(..)
            | Self::DigestView(..)
            | Self::V1Json(_)
            | Self::V1Ancestry(_)
            | Self::V1Layer(_)
            | Self::Keep(..)
            | Self::Segment { .. } => true,
            Self::TagLink(..)
            | Self::TagView(..)
            | Self::TagList(_)
            | Self::Referrers(..)
            | Self::Catalog
            | Self::V1Images(_)
            | Self::V1Tags(_)
            | Self::V1Tag(..)
            | Self::Diff(..)
            | Self::Search
            | Self::Settings
            | Self::Probe
            | Self::Collector
            | Self::Lock
            | Self::Staged(_) => false,
        }
    }

    /// The object's `Content-Type`. Never a guess of the server's: clients refuse a manifest of a wrong type.
    pub fn content_type(&self) -> ContentType {
        ContentType::Fixed(match self {
            Self::DigestView(..) | Self::TagView(..) => return ContentType::OfManifest,
            Self::Blob(_) | Self::V1Layer(_) | Self::Lock | Self::Staged(_) | Self::Segment { .. } => {
                "application/octet-stream"
            }
            Self::LayerLink(..)
            | Self::RevisionLink(..)
            | Self::TagLink(..)
            | Self::TagHistoryLink(..)
            | Self::Keep(..) => "text/plain",
            Self::Referrers(..) => "application/vnd.oci.image.index.v1+json",
            Self::TagList(_)
            | Self::Catalog
            | Self::V1Images(_)
            | Self::V1Tags(_)
            | Self::V1Tag(..)
            | Self::V1Json(_)
            | Self::V1Ancestry(_)
            | Self::Diff(..)
            | Self::Search
            | Self::Settings
            | Self::Probe
            | Self::Collector => "application/json",
        })
    }

    /// The object's `Cache-Control`, where `changing_ttl` is how many seconds a cache may keep what changes.
    /// `no-transform`: a CDN that compresses or rewrites breaks the digest.
    pub fn cache_control(&self, changing_ttl: u32) -> String {
        if self.is_immutable() {
            "public, max-age=31536000, immutable, no-transform".to_owned()
        } else {
            format!("public, max-age={changing_ttl}, must-revalidate, no-transform")
        }
    }

    /// Whether clients have any business with the object; the others are our own.
    pub fn is_public(&self) -> bool {
        match self {
            Self::Keep(..)
            | Self::Diff(..)
            | Self::Settings
            | Self::Probe
            | Self::Collector
            | Self::Lock
            | Self::Staged(_)
            | Self::Segment { .. } => false,
            Self::Blob(_)
            | Self::LayerLink(..)
            | Self::RevisionLink(..)
            | Self::TagLink(..)
            | Self::TagHistoryLink(..)
            | Self::DigestView(..)
            | Self::TagView(..)
            | Self::TagList(_)
            | Self::Referrers(..)
            | Self::Catalog
            | Self::V1Images(_)
            | Self::V1Tags(_)
            | Self::V1Tag(..)
            | Self::V1Json(_)
            | Self::V1Ancestry(_)
            | Self::V1Layer(_)
            | Self::Search => true,
        }
    }

    /// Whether the object is made anew from others, whenever it is missing or wrong.
    pub fn is_derived(&self) -> bool {
        match self {
            Self::DigestView(..)
            | Self::TagView(..)
            | Self::TagList(_)
            | Self::Referrers(..)
            | Self::Catalog
            | Self::V1Images(_)
            | Self::V1Tags(_)
            | Self::V1Tag(..)
            | Self::Search => true,
            Self::Blob(_)
            | Self::LayerLink(..)
            | Self::RevisionLink(..)
            | Self::TagLink(..)
            | Self::TagHistoryLink(..)
            | Self::V1Json(_)
            | Self::V1Ancestry(_)
            | Self::V1Layer(_)
            | Self::Keep(..)
            | Self::Diff(..)
            | Self::Settings
            | Self::Probe
            | Self::Collector
            | Self::Lock
            | Self::Staged(_)
            | Self::Segment { .. } => false,
        }
    }

    /// The link without which a view does not count: `distribution` deletes the one and leaves the other.
    pub fn guard(&self) -> Option<Self> {
        match self {
            Self::DigestView(repository, digest) => Some(Self::RevisionLink(repository.clone(), *digest)),
            Self::TagView(repository, tag) => Some(Self::TagLink(repository.clone(), tag.clone())),
            Self::Blob(_)
            | Self::LayerLink(..)
            | Self::RevisionLink(..)
            | Self::TagLink(..)
            | Self::TagHistoryLink(..)
            | Self::TagList(_)
            | Self::Referrers(..)
            | Self::Catalog
            | Self::V1Images(_)
            | Self::V1Tags(_)
            | Self::V1Tag(..)
            | Self::V1Json(_)
            | Self::V1Ancestry(_)
            | Self::V1Layer(_)
            | Self::Keep(..)
            | Self::Diff(..)
            | Self::Search
            | Self::Settings
            | Self::Probe
            | Self::Collector
            | Self::Lock
            | Self::Staged(_)
            | Self::Segment { .. } => None,
        }
    }

    /// The path below the store's root and the CDN's base, without a leading slash. [`Key::parse`] reads it.
    pub fn path(&self) -> String {
        let mut path = String::with_capacity(PATH_SIZE);
        self.push_path(&mut path);
        path
    }

    /// Puts the path behind what is there already.
    pub fn push_path(&self, to: &mut String) {
        // Writing to a String cannot fail.
        let _ = self.spell(to);
    }
}

/// Enough for most, so that the text does not grow piece by piece.
const PATH_SIZE: usize = 192;

/// The path.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spell(f)
    }
}

impl Prefix {
    /// What all paths of [public](Key::is_public) keys begin with, and no others: what everybody has to be able to read.
    /// Folders, with their slash, and one whole path: an endpoint reads what people search in as it reads the rest.
    pub const PUBLIC: [&str; 4] = ["docker/", "images/", "repositories/", SEARCH];

    /// The path that the keys begin with, with its closing slash.
    pub fn path(&self) -> String {
        match self {
            Self::Repositories => format!("{REPOSITORIES}/"),
            Self::Below(name) => format!("{REPOSITORIES}/{name}/"),
            Self::Tags(name) => format!("{REPOSITORIES}/{name}/_manifests/tags/"),
            Self::TagHistory(name, tag) => format!("{REPOSITORIES}/{name}/_manifests/tags/{tag}/index/"),
            Self::Revisions(name) => format!("{REPOSITORIES}/{name}/_manifests/revisions/"),
            Self::Layers(name) => format!("{REPOSITORIES}/{name}/_layers/"),
            Self::Manifests(name) => format!("{REPOSITORIES}/{name}/_manifests/"),
            Self::V1Repositories => format!("{V1_REPOSITORIES}/"),
            Self::V1Below(first) => format!("{V1_REPOSITORIES}/{first}/"),
            Self::Blobs => format!("{BLOBS}/"),
            Self::V1Images => format!("{V1_IMAGES}/"),
            Self::Keeps => format!("{OWN}/keep/"),
            Self::Diffs => format!("{OWN}/diff/"),
            Self::Segments => format!("{OWN}/segments/"),
            Self::V1Tags(name) => format!("{V1_REPOSITORIES}/{name}/"),
        }
    }
}

#[cfg(test)]
mod tests;
