//! Listings: the JSON documents that are derived from links, with their canonical bytes.
//!
//! The same content has the same bytes whoever writes it: entries are ordered, and there is no white space. Tag list,
//! catalog and referrers follow the OCI distribution spec ("Content Discovery"); the v1 lists the 2014 registry API.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::description::Description;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::media::MediaType;
use crate::name::{Repository, Tag};
use crate::v1;

/// A listing's bytes, there and back.
pub trait Listing: Sized + Clone + PartialEq + Serialize + DeserializeOwned {
    /// As it stands in the bucket.
    fn to_bytes(&self) -> Vec<u8> {
        // Maps have text for keys and no value can fail: there is nothing here that serde_json refuses.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From the bucket's bytes; anybody may have written there.
    fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

impl Listing for TagList {}
impl Listing for Catalog {}
impl Listing for Search {}
impl Listing for Referrers {}
impl Listing for V1Tags {}
impl Listing for V1Images {}

/// `tags/list`: the tags of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagList {
    /// Whose they are.
    pub name: Repository,
    /// In the spec's order.
    pub tags: BTreeSet<Tag>,
}

impl TagList {
    /// One without tags.
    pub fn new(name: Repository) -> Self {
        Self { name, tags: BTreeSet::new() }
    }
}

/// `_catalog`: all repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// In byte order.
    pub repositories: BTreeSet<Repository>,
}

/// What repositories say of themselves. It adds to the catalog, which alone says what is there: one that is not there may
/// be described here, and most of those that are there are not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// By repository, in byte order.
    pub descriptions: BTreeMap<Repository, Description>,
}

/// `referrers/<digest>`: an image index of the manifests whose subject this digest is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrers {
    schema_version: u8,
    media_type: MediaType,
    manifests: Vec<Descriptor>,
}

impl Default for Referrers {
    fn default() -> Self {
        Self { schema_version: 2, media_type: MediaType::OCI_INDEX.into(), manifests: Vec::new() }
    }
}

impl Referrers {
    /// Adds a referrer, or replaces what was said of it.
    pub fn insert(&mut self, referrer: Descriptor) {
        match self.manifests.binary_search_by_key(&referrer.digest, |other| other.digest) {
            Ok(at) => self.manifests[at] = referrer,
            Err(at) => self.manifests.insert(at, referrer),
        }
    }

    /// Takes a referrer out.
    pub fn remove(&mut self, referrer: &Digest) {
        self.manifests.retain(|other| other.digest != *referrer);
    }

    /// The referrers.
    pub fn manifests(&self) -> &[Descriptor] {
        &self.manifests
    }

    /// Those of one artifact type (distribution spec, "Listing Referrers", `artifactType`).
    pub fn of_type(&self, artifact_type: &str) -> Self {
        let is = |referrer: &&Descriptor| {
            referrer.artifact_type.as_ref().is_some_and(|stated| stated.as_str() == artifact_type)
        };
        Self { manifests: self.manifests.iter().filter(is).cloned().collect(), ..self.clone() }
    }

    /// What is said of a referrer (distribution spec, "Listing Referrers"): its descriptor, with artifact type and
    /// annotations.
    pub fn descriptor(digest: Digest, size: u64, manifest: &Manifest) -> Descriptor {
        let mut descriptor = Descriptor::new(manifest.media_type().clone(), digest, size);
        descriptor.artifact_type = manifest.referrer_type().cloned();
        descriptor.annotations = manifest.annotations.clone();
        descriptor
    }
}

/// v1 `tags`: tag to image id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct V1Tags {
    /// In the order of a tag list.
    pub tags: BTreeMap<Tag, v1::Id>,
}

/// v1 `images`: the ids of the tagged images, and perhaps of some that were. Docker up to 1.4 looks a tag's id up here
/// and fails where it is missing, so an id is written here before it is written to [`V1Tags`]; it skips ids without a
/// tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct V1Images {
    /// In byte order.
    images: BTreeSet<V1Image>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct V1Image {
    id: v1::Id,
}

impl V1Images {
    /// Adds an id.
    pub fn insert(&mut self, id: v1::Id) {
        self.images.insert(V1Image { id });
    }

    /// Takes an id out.
    pub fn remove(&mut self, id: v1::Id) {
        self.images.remove(&V1Image { id });
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = v1::Id> {
        self.images.iter().map(|image| image.id)
    }
}

impl From<&V1Tags> for V1Images {
    fn from(tags: &V1Tags) -> Self {
        Self { images: tags.tags.values().map(|&id| V1Image { id }).collect() }
    }
}

/// v1 `tags/<tag>`: the id as a JSON string, with the quotes.
pub fn v1_tag(id: v1::Id) -> Vec<u8> {
    format!("\"{id}\"").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    fn text(listing: &impl Listing) -> String {
        String::from_utf8(listing.to_bytes()).unwrap()
    }

    #[test]
    fn bytes_are_the_format() {
        let mut tags = TagList::new("acme/app".parse().unwrap());
        assert_eq!(text(&tags), r#"{"name":"acme/app","tags":[]}"#);
        tags.tags.extend(["b", "1.10", "A", "a", "C", "1.9"].map(|tag| tag.parse().unwrap()));
        assert_eq!(text(&tags), r#"{"name":"acme/app","tags":["1.10","1.9","A","a","b","C"]}"#);

        let mut catalog = Catalog::default();
        catalog.repositories.extend(["b", "acme/app"].map(|name| name.parse().unwrap()));
        assert_eq!(text(&catalog), r#"{"repositories":["acme/app","b"]}"#);

        let mut search = Search::default();
        let said = Description::new("Says \"hello\"").unwrap();
        search.descriptions.insert("acme/app".parse().unwrap(), said);
        assert_eq!(text(&search), r#"{"descriptions":{"acme/app":"Says \"hello\""}}"#);

        let id = v1::Id([0xab; 32]);
        let v1_tags = V1Tags { tags: [("latest".parse().unwrap(), id), ("1".parse().unwrap(), id)].into() };
        assert_eq!(text(&v1_tags), format!(r#"{{"1":"{id}","latest":"{id}"}}"#));
        assert_eq!(text(&V1Images::from(&v1_tags)), format!(r#"[{{"id":"{id}"}}]"#));
        assert_eq!(v1_tag(id), format!("\"{id}\"").into_bytes());
    }

    #[test]
    fn referrers_are_an_image_index_ordered_by_digest() {
        assert_eq!(
            text(&Referrers::default()),
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
        );
        let mut referrers = Referrers::default();
        let mut digests = [b"1", b"2", b"3"].map(|content| Digest::of(Algorithm::Sha256, content));
        for digest in digests {
            referrers.insert(Descriptor::new(MediaType::OCI_MANIFEST.into(), digest, 1));
        }
        let twice = referrers.clone();
        referrers.insert(Descriptor::new(MediaType::OCI_MANIFEST.into(), digests[0], 1));
        assert_eq!(referrers, twice);
        digests.sort();
        let listed: Vec<_> = referrers.manifests.iter().map(|referrer| referrer.digest).collect();
        assert_eq!(listed, digests);
    }

    #[test]
    fn bytes_are_read_back() {
        let tags = TagList { name: "a".parse().unwrap(), tags: BTreeSet::from(["x".parse().unwrap()]) };
        assert_eq!(TagList::from_bytes(&tags.to_bytes()).unwrap(), tags);
        assert!(TagList::from_bytes(br#"{"name":"a","tags":["not a tag"]}"#).is_err());
        assert!(V1Tags::from_bytes(br#"{"latest":"short"}"#).is_err());
    }
}
