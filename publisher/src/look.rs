//! Looking at a store: which repositories and tags it has, and what an image is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use contract::descriptor::{Descriptor, Platform};
use contract::digest::Digest;
use contract::key::{Key, Prefix};
use contract::listing::{Listing, Referrers};
use contract::manifest::{Content, Manifest};
use contract::media::MediaType;
use contract::name::{Repository, Tag};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::at_once::at_once;
use crate::derive::Derive;
use crate::found;
use crate::store::{Store, StoreError};

/// A repository, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Its tags, by their links.
    pub tags: usize,
    /// Its manifests, by their links.
    pub manifests: usize,
}

/// All repositories that hold a manifest.
pub async fn repositories(
    store: &dyn Store,
    jobs: usize,
) -> Result<BTreeMap<Repository, Counts>, StoreError> {
    let names = found::repositories(store, jobs).await?.into_iter().filter(|(_, trees)| trees.own);
    let counts = at_once(jobs, names.map(|(name, _)| counted(store, name))).await?;
    Ok(counts.into_iter().filter(|(_, counts)| counts.manifests > 0).collect())
}

async fn counted(store: &dyn Store, name: Repository) -> Result<(Repository, Counts), StoreError> {
    let mut counts = Counts::default();
    let mut pages = store.pages(&Prefix::Manifests(name.clone()));
    while let Some(page) = pages.try_next().await? {
        let of = |kind: fn(&Key) -> bool| page.iter().filter(|listed| kind(&listed.key)).count();
        counts.tags += of(|key| matches!(key, Key::TagLink(..)));
        counts.manifests += of(|key| matches!(key, Key::RevisionLink(..)));
    }
    drop(pages);
    Ok((name, counts))
}

/// A tag and what it points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tagged {
    /// Its name.
    pub tag: Tag,
    /// Where its link points.
    pub digest: Digest,
    /// Since when, where the store tells.
    #[serde(serialize_with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub moved: Option<SystemTime>,
    /// What is there; `None` where there is no manifest that clients can read.
    pub image: Option<Node>,
}

fn rfc3339<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_some(&time.map(|time| humantime::format_rfc3339(time).to_string()))
}

/// All tags of a repository, in the order of a tag list.
pub async fn tags(derive: Derive<'_>, name: &Repository, jobs: usize) -> Result<Vec<Tagged>, StoreError> {
    let keys = derive.store.list(&Prefix::Tags(name.clone())).await?;
    let tags: BTreeSet<Tag> = keys
        .into_iter()
        .filter_map(|key| if let Key::TagLink(_, tag) = key { Some(tag) } else { None })
        .collect();
    let each = tags.into_iter().map(|tag| async move {
        let found = derive.dated(&Key::TagLink(name.clone(), tag.clone())).await?;
        let Some((digest, moved)) = found else { return Ok(None) };
        Ok::<_, StoreError>(Some(Tagged { tag, digest, moved, image: node(derive, &digest, None).await? }))
    });
    let found: Vec<_> = stream::iter(each).buffered(jobs).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// A manifest with all that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its name.
    pub digest: Digest,
    /// Its type.
    pub media_type: MediaType,
    /// Its own size, in bytes.
    pub size: u64,
    /// What it runs on, as the index above or its config says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// When it was made, as its config says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The manifest that it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// Config and layers, or what an index lists that is no manifest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Descriptor>,
    /// The manifests of an index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Node>,
}

impl Node {
    /// This manifest and all below it.
    pub fn all(&self) -> Vec<&Self> {
        let below = self.manifests.iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }

    /// All bytes that a pull of everything fetches, each blob once.
    pub fn total(&self) -> u64 {
        let mut sizes: BTreeMap<Digest, u64> = BTreeMap::new();
        for node in self.all() {
            sizes.insert(node.digest, node.size);
            sizes.extend(node.blobs.iter().map(|blob| (blob.digest, blob.size)));
        }
        sizes.values().sum()
    }

    /// What it runs on; attestations and the like run on nothing.
    pub fn platforms(&self) -> BTreeSet<String> {
        let known = |platform: &&Platform| platform.os != "unknown" && !platform.os.is_empty();
        let named = self.all().into_iter().filter_map(|node| node.platform.as_ref()).filter(known);
        named.map(Platform::to_string).collect()
    }

    /// The newest date of any image in it.
    pub fn newest(&self) -> Option<&str> {
        self.all().into_iter().filter_map(|node| node.created.as_deref()).max()
    }
}

/// A manifest by its digest; `None` where it is absent, or is none that clients of today accept.
pub async fn node(
    derive: Derive<'_>,
    digest: &Digest,
    platform: Option<Platform>,
) -> Result<Option<Node>, StoreError> {
    let Some((bytes, manifest)) = derive.manifest(digest).await? else { return Ok(None) };
    let mut node = Node {
        digest: *digest,
        media_type: manifest.media_type().clone(),
        size: bytes.len() as u64,
        platform,
        created: None,
        subject: manifest.subject.as_ref().map(|subject| subject.digest),
        blobs: Vec::new(),
        manifests: Vec::new(),
    };
    for child in manifest.children() {
        if child.media_type.is_manifest() {
            // An index that the store lacks a part of is shown by what is there.
            let below = Box::pin(self::node(derive, &child.digest, child.platform.clone())).await?;
            node.manifests.extend(below);
        } else {
            node.blobs.push(child.clone());
        }
    }
    said_by_config(derive.store, &manifest, &mut node).await?;
    Ok(Some(node))
}

async fn said_by_config(store: &dyn Store, manifest: &Manifest, node: &mut Node) -> Result<(), StoreError> {
    let Content::Image { config, .. } = &manifest.content else { return Ok(()) };
    if !config.media_type.is_image_config() {
        return Ok(());
    }
    let found = store.read(&Key::Blob(config.digest)).await?;
    let config: Value = found.and_then(|found| serde_json::from_slice(&found.bytes).ok()).unwrap_or_default();
    node.created = config["created"].as_str().map(str::to_owned);
    if node.platform.is_none() {
        node.platform = serde_json::from_value(config).ok();
    }
    Ok(())
}

/// What refers to a manifest, as its list says; nothing where the list cannot be read.
pub async fn referrers(
    store: &dyn Store,
    name: &Repository,
    digest: &Digest,
) -> Result<Vec<Descriptor>, StoreError> {
    let found = store.read(&Key::Referrers(name.clone(), *digest)).await?;
    let list = found.and_then(|found| Referrers::from_bytes(&found.bytes).ok()).unwrap_or_default();
    Ok(list.manifests().to_vec())
}

/// In how many other repositories each blob of an image is linked.
pub async fn shared(
    store: &dyn Store,
    name: &Repository,
    node: &Node,
    jobs: usize,
) -> Result<BTreeMap<Digest, usize>, StoreError> {
    let ours: BTreeSet<Digest> =
        node.all().into_iter().flat_map(|node| node.blobs.iter().map(|blob| blob.digest)).collect();
    let names = found::repositories(store, jobs).await?.into_iter();
    let names = names.filter(|(other, trees)| trees.own && other != name).map(|(other, _)| other);
    let each = names.map(|other| linked(store, other, &ours));
    let mut others: BTreeMap<Digest, usize> = BTreeMap::new();
    for digest in at_once(jobs, each).await?.into_iter().flatten() {
        *others.entry(digest).or_default() += 1;
    }
    Ok(others)
}

/// Which of these blobs a repository has.
async fn linked(
    store: &dyn Store,
    name: Repository,
    of: &BTreeSet<Digest>,
) -> Result<Vec<Digest>, StoreError> {
    let (prefix, mut linked) = (Prefix::Layers(name), Vec::new());
    let mut pages = store.pages(&prefix);
    while let Some(page) = pages.try_next().await? {
        linked.extend(page.into_iter().filter_map(|listed| {
            let Key::LayerLink(_, digest) = listed.key else { return None };
            of.contains(&digest).then_some(digest)
        }));
    }
    Ok(linked)
}
