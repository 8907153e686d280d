//! What is derived from a tag link: its view, its v1 tag, its place in the v1 lists. The link is the only truth.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use contract::listing::v1_tag;
use contract::manifest::{Content, Manifest};
use contract::name::{Repository, Tag};
use contract::v1;
use tokio::sync::Mutex;

use crate::listings;
use crate::plan::Change;
use crate::store::{Document, Kind, Store, StoreError, When};
use crate::v1_chain;

/// How often a tag that others move is followed before giving up.
const ROUNDS: u32 = 100;

/// Derives from links.
#[derive(Debug, Clone, Copy)]
pub struct Derive<'a> {
    /// Where the links are.
    pub store: &'a dyn Store,
    /// Which image of an index v1 shows: `linux/amd64`.
    pub v1_platform: &'a str,
}

/// A tag that was settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// What it shows; nothing without a link to a whole image.
    pub shown: Option<Shown>,
    /// How many objects were missing or wrong.
    pub written: usize,
    /// How many should not have been there.
    pub removed: usize,
}

/// What a tag shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The tag view.
    pub view: Document,
    /// The v1 tag.
    pub v1: Option<v1::Id>,
}

/// The digest in a link.
pub(crate) fn linked(bytes: &[u8]) -> Option<Digest> {
    str::from_utf8(bytes).ok()?.trim_end().parse().ok()
}

impl Derive<'_> {
    /// Where a link points; `None` where there is no link, or no digest in it.
    pub async fn target(&self, link: &Key) -> Result<Option<Digest>, StoreError> {
        Ok(self.dated(link).await?.map(|(digest, _)| digest))
    }

    /// The same, with the time at which the link was written, where the store tells it.
    pub async fn dated(&self, link: &Key) -> Result<Option<(Digest, Option<SystemTime>)>, StoreError> {
        let found = self.store.read(link).await?;
        Ok(found.and_then(|found| Some((linked(&found.bytes)?, found.modified))))
    }

    /// Makes all that is derived from a tag's link agree with it, until the link stays what it was: whoever moves the
    /// tag last leaves everything agreeing.
    pub async fn settle(&self, repository: &Repository, tag: &Tag) -> Result<Settled, StoreError> {
        self.settle_beside(repository, tag, &Mutex::default()).await
    }

    /// The same, where this program settles other tags of the repository at the same time: who holds `lists` changes
    /// its lists, so that they do not compete.
    pub(crate) async fn settle_beside(
        &self,
        repository: &Repository,
        tag: &Tag,
        lists: &Mutex<()>,
    ) -> Result<Settled, StoreError> {
        let link = Key::TagLink(repository.clone(), tag.clone());
        let mut target = self.target(&link).await?;
        let mut settled = Settled::default();
        for _ in 0..ROUNDS {
            settled.shown = match target {
                Some(digest) => self.shown(repository, &digest).await?,
                None => None,
            };
            self.show(repository, tag, lists, &mut settled).await?;
            let now = self.target(&link).await?;
            if now == target {
                return Ok(settled);
            }
            target = now;
        }
        Err(StoreError {
            kind: Kind::Conflict,
            store: self.store.name(),
            action: format!("following the tag {repository}:{tag}, which others keep moving"),
            source: None,
        })
    }

    /// Writes what differs from what the tag is to show.
    async fn show(
        &self,
        repository: &Repository,
        tag: &Tag,
        lists: &Mutex<()>,
        settled: &mut Settled,
    ) -> Result<(), StoreError> {
        let mut wanted = vec![(
            Key::TagView(repository.clone(), tag.clone()),
            settled.shown.as_ref().map(|shown| shown.view.clone()),
        )];
        let id = settled.shown.as_ref().and_then(|shown| shown.v1);
        let v1 = v1::Repository::of(repository);
        if let Some(v1) = &v1 {
            wanted.push((Key::V1Tag(v1.clone(), tag.clone()), id.map(|id| Document::new(v1_tag(id)))));
        }
        for (key, document) in wanted {
            let changed = usize::from(self.agree(&key, document.as_ref()).await?);
            let count = if document.is_some() { &mut settled.written } else { &mut settled.removed };
            *count += changed;
        }
        if let Some(v1) = v1 {
            let _one = lists.lock().await;
            listings::change(self.store, &Change::V1(v1, BTreeMap::from([(tag.clone(), id)]))).await?;
        }
        Ok(())
    }

    /// Makes an object be this document, or not be there. Returns whether that took anything.
    pub async fn agree(&self, key: &Key, wanted: Option<&Document>) -> Result<bool, StoreError> {
        let found = self.store.read(key).await?;
        match (found, wanted) {
            (None, None) => return Ok(false),
            (Some(found), Some(wanted)) if found.bytes == wanted.bytes => return Ok(false),
            (_, Some(wanted)) => self.store.write(key, wanted, When::Always).await?,
            (Some(_), None) => self.store.delete(key).await?,
        }
        Ok(true)
    }

    /// What a tag that points to this digest shows; `None` where the repository has no such revision.
    pub async fn shown(&self, repository: &Repository, digest: &Digest) -> Result<Option<Shown>, StoreError> {
        if self.store.size(&Key::RevisionLink(repository.clone(), *digest)).await?.is_none() {
            return Ok(None);
        }
        let Some((bytes, manifest)) = self.manifest(digest).await? else { return Ok(None) };
        let v1 = self.v1(&manifest).await?;
        Ok(Some(Shown { view: Document::view(bytes, manifest.media_type().clone()), v1 }))
    }

    /// A manifest by its digest; `None` where it is absent, or is none that clients of today accept.
    pub async fn manifest(&self, digest: &Digest) -> Result<Option<(Bytes, Manifest)>, StoreError> {
        let found = self.store.read(&Key::Blob(*digest)).await?;
        let right = found.filter(|found| Digest::of(digest.algorithm(), &found.bytes) == *digest);
        Ok(right.and_then(|found| {
            let manifest = Manifest::parse(&found.bytes, None).ok()?;
            Some((found.bytes, manifest))
        }))
    }

    /// The descriptor of a manifest, where it is there and good.
    pub async fn root(&self, digest: Digest) -> Result<Option<Descriptor>, StoreError> {
        let found = self.manifest(&digest).await?;
        Ok(found.map(|(bytes, manifest)| {
            Descriptor::new(manifest.media_type().clone(), digest, bytes.len() as u64)
        }))
    }

    /// The v1 id that an image has, where all its v1 objects are there.
    async fn v1(&self, manifest: &Manifest) -> Result<Option<v1::Id>, StoreError> {
        let chain = self.chain(manifest).await?;
        let Some(top) = chain.last() else { return Ok(None) };
        let whole = self.store.size(&Key::V1Ancestry(top.id)).await?.is_some();
        Ok(whole.then_some(top.id))
    }

    /// The v1 images that an image becomes, whether they are there or not; none where v1 cannot hold it.
    pub(crate) async fn chain(&self, manifest: &Manifest) -> Result<Vec<v1::Image>, StoreError> {
        let mut manifest = manifest.clone();
        let mut seen = BTreeSet::new();
        // An index may hold an index; by digest, none can hold itself, but nothing keeps it from being deep.
        while let Content::Index { .. } = &manifest.content {
            let Some(entry) = v1_chain::entry(&manifest, self.v1_platform) else { return Ok(Vec::new()) };
            let (true, Some((_, next))) = (seen.insert(entry), self.manifest(&entry).await?) else {
                return Ok(Vec::new());
            };
            manifest = next;
        }
        let Content::Image { config, .. } = &manifest.content else { return Ok(Vec::new()) };
        if !config.media_type.is_image_config() {
            return Ok(Vec::new());
        }
        let Some(config) = self.store.read(&Key::Blob(config.digest)).await? else { return Ok(Vec::new()) };
        Ok(v1::chain(&manifest, &config.bytes).unwrap_or_default())
    }
}
