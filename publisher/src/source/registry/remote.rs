//! A repository in a registry as a place where images are: its tags, its manifests, and all that they name.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::manifest::{Content, MANIFEST_MAX, Manifest, ManifestError};
use contract::media::MediaType;
use contract::name::{Repository, Tag, TagOrDigest};
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;

use super::address::PREFIX;
use super::blob::Blob;
use super::client::{Ask, Client};
use super::error::RegistryError;
use super::link;
use crate::content::{Chunks, Open};
use crate::store::Kind;
use crate::store::failure::Failure;

/// What this program can publish: the four kinds of manifests.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// The digest of what is answered (distribution spec, "Pulling manifests").
const DIGEST: &str = "docker-content-digest";
/// What a registry without referrers lists answers: 404 by the distribution spec, others where a path is not known.
const NO_REFERRERS: [u16; 4] = [400, 404, 405, 501];
/// How many tags are asked for at once; registries may give fewer.
const PAGE: usize = 1000;
/// Largest page of a list that is read.
const PAGE_MAX: u64 = 16 << 20;
/// Most pages of one list, and most bytes of all of them: a million tags and more. Who sends on and on is given up.
const PAGES_MAX: usize = 10_000;
const LIST_MAX: usize = 64 << 20;
/// Largest config that is kept in memory between being read for its own sake and being sent.
const KEPT_MAX: u64 = 1 << 20;

/// A repository in a registry.
pub struct Remote {
    client: Arc<Client>,
    repository: Repository,
    /// What was read already: each document is asked for once.
    documents: Mutex<HashMap<Digest, Bytes>>,
}

/// A tag list, as far as it matters.
#[derive(Deserialize)]
struct Tags {
    /// Go writes a list without entries as `null`.
    tags: Option<Vec<String>>,
}

impl Remote {
    pub(super) fn new(client: Arc<Client>, repository: Repository) -> Self {
        Self { client, repository, documents: Mutex::default() }
    }

    /// Where a tag points, by one HEAD where the registry says it there; `None` where there is none.
    pub async fn digest(&self, tag: &Tag) -> Result<Option<Digest>, RegistryError> {
        let what = || self.named(&TagOrDigest::Tag(tag.clone()));
        let ask = self.ask(Method::HEAD, &format!("manifests/{tag}"), Some(ACCEPT));
        let found = async { self.client.begun(&ask?).await }.await;
        match found {
            Ok(response) => match said(response.headers()) {
                Some(digest) => Ok(Some(digest)),
                None => Ok(self.root(&TagOrDigest::Tag(tag.clone())).await?.map(|root| root.digest)),
            },
            Err(failure) if failure.kind == Kind::Missing => Ok(None),
            Err(failure) => Err(self.failed(format!("looking at {}", what()), failure)),
        }
    }

    /// What a tag or digest names; `None` where it is not there.
    pub async fn root(&self, wanted: &TagOrDigest) -> Result<Option<Descriptor>, RegistryError> {
        let what = || self.named(wanted);
        let reference = match wanted {
            TagOrDigest::Tag(tag) => tag.to_string(),
            TagOrDigest::Digest(digest) => digest.to_string(),
        };
        let read = self.document(&format!("manifests/{reference}"), Some(ACCEPT), MANIFEST_MAX).await;
        let read = read.map_err(|failure| self.failed(format!("reading {}", what()), failure))?;
        let Some((headers, bytes)) = read else { return Ok(None) };
        let expected = match wanted {
            TagOrDigest::Digest(digest) => Some(*digest),
            TagOrDigest::Tag(_) => said(&headers),
        };
        let found = Digest::of(expected.map_or(Algorithm::Sha256, |digest| digest.algorithm()), &bytes);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(RegistryError::Damaged { what: what(), expected, found });
        }
        let manifest = Manifest::parse(&bytes, media_type(&headers).as_ref())
            .map_err(|source| RegistryError::Manifest { what: what(), source })?;
        let descriptor = Descriptor::new(manifest.media_type().clone(), found, bytes.len() as u64);
        self.keep(found, &bytes);
        Ok(Some(descriptor))
    }

    /// All tags, page by page.
    pub async fn tags(&self) -> Result<BTreeSet<Tag>, RegistryError> {
        let mut tags = BTreeSet::new();
        let read = |bytes: &[u8]| -> serde_json::Result<()> {
            let names = serde_json::from_slice::<Tags>(bytes)?.tags.unwrap_or_default();
            // What the grammar does not allow cannot be asked for.
            tags.extend(names.iter().filter_map(|name| name.parse::<Tag>().ok()));
            Ok(())
        };
        let what = format!("the tag list of {self}");
        match self.pages(&format!("tags/list?n={PAGE}"), None, &[404], &what, read).await? {
            true => Ok(tags),
            false => Err(RegistryError::Absent(format!("{self}"))),
        }
    }

    /// The manifests whose subject this digest is, by the registry's own list; `None` where it keeps none.
    pub async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let mut found = Vec::new();
        let read = |bytes: &[u8]| -> Result<(), ManifestError> {
            found.extend(entries(bytes)?);
            Ok(())
        };
        let what = format!("the referrers list of {subject} in {self}");
        let listed = self
            .pages(&format!("referrers/{subject}"), Some(MediaType::OCI_INDEX), &NO_REFERRERS, &what, read)
            .await?;
        Ok(listed.then_some(found))
    }

    /// Reads a list to its end; false where there is none, which is what the statuses `absent` mean.
    async fn pages<E: std::error::Error + Send + Sync + 'static>(
        &self,
        path: &str,
        accept: Option<&'static str>,
        absent: &[u16],
        what: &str,
        mut read: impl FnMut(&[u8]) -> Result<(), E> + Send,
    ) -> Result<bool, RegistryError> {
        let failed = |failure| self.failed(format!("reading {what}"), failure);
        let mut ask = self.ask(Method::GET, path, accept).map_err(failed)?;
        let mut came = 0;
        for _ in 0..PAGES_MAX {
            let (headers, bytes) = match self.client.document(&ask, PAGE_MAX).await {
                Ok(page) => page,
                Err(failure) if absent.contains(&failure.status) => return Ok(false),
                Err(failure) => return Err(failed(failure)),
            };
            came += bytes.len();
            if came > LIST_MAX {
                return Err(failed(Failure::new(Kind::Other, format!("it has more than {LIST_MAX} bytes"))));
            }
            read(&bytes)
                .map_err(|source| RegistryError::Document { what: what.to_owned(), source: source.into() })?;
            let Some(next) = link::next(&headers) else { return Ok(true) };
            // Relative links are relative to the page.
            let next = ask.url.join(&next).ok().and_then(|url| self.client.url(url.as_str()));
            match next {
                Some(url) if url != ask.url => ask.url = url,
                _ => return Err(failed(Failure::new(Kind::Other, "its next page leads nowhere"))),
            }
        }
        Err(failed(Failure::new(Kind::Other, format!("it has more than {PAGES_MAX} pages"))))
    }

    fn ask(&self, method: Method, path: &str, accept: Option<&'static str>) -> Result<Ask<'_>, Failure> {
        let url = self.client.url(&format!("v2/{}/{path}", self.repository));
        let url = url.ok_or_else(|| Failure::new(Kind::Other, "its URL is not valid"))?;
        Ok(Ask { method, url, repository: &self.repository, accept, from: 0 })
    }

    /// A whole document; `None` where there is none.
    async fn document(
        &self,
        path: &str,
        accept: Option<&'static str>,
        max: u64,
    ) -> Result<Option<(HeaderMap, Bytes)>, Failure> {
        match self.client.document(&self.ask(Method::GET, path, accept)?, max).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.kind == Kind::Missing => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// A manifest or a small config, which is read whole; `None` where it is not there.
    async fn small(&self, descriptor: &Descriptor) -> io::Result<Option<Bytes>> {
        let digest = descriptor.digest;
        if let Some(kept) = self.kept(&digest) {
            return Ok(Some(kept));
        }
        let read = if descriptor.media_type.is_manifest() {
            self.document(&format!("manifests/{digest}"), Some(ACCEPT), MANIFEST_MAX).await
        } else {
            self.document(&format!("blobs/{digest}"), None, KEPT_MAX).await
        };
        let failed = |failure| io::Error::other(self.failed(format!("reading {digest}"), failure));
        let Some((_, bytes)) = read.map_err(failed)? else { return Ok(None) };
        self.keep(digest, &bytes);
        Ok(Some(bytes))
    }

    fn keep(&self, digest: Digest, bytes: &Bytes) {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, bytes.clone());
    }

    fn kept(&self, digest: &Digest) -> Option<Bytes> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn blob(&self, descriptor: &Descriptor) -> Blob {
        let (client, repository) = (Arc::clone(&self.client), self.repository.clone());
        Blob { client, repository, descriptor: descriptor.clone() }
    }

    fn failed(&self, action: String, failure: Failure) -> RegistryError {
        RegistryError::failed(self.client.host.as_str(), action, failure)
    }

    /// How something in it is called.
    pub(crate) fn named(&self, wanted: &TagOrDigest) -> String {
        match wanted {
            TagOrDigest::Tag(tag) => format!("{self}:{tag}"),
            TagOrDigest::Digest(digest) => format!("{self}@{digest}"),
        }
    }
}

impl Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}/{}", self.client.host, self.repository)
    }
}

#[async_trait]
impl Open for Remote {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        if is_small(descriptor) {
            let bytes = self.small(descriptor).await?;
            return Ok(bytes.map(|bytes| stream::iter([Ok(bytes)]).boxed()));
        }
        self.blob(descriptor).open().await
    }

    /// A registry holds all that a manifest names, or it would not have taken it: that is not asked for each blob. One
    /// that is lost is missed when it is sent, before anything names it.
    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        if is_small(descriptor) {
            return Ok(self.small(descriptor).await?.map(|bytes| bytes.len() as u64));
        }
        if descriptor.may_be_absent() {
            return self.blob(descriptor).size().await;
        }
        Ok(Some(descriptor.size))
    }

    fn read(&self) -> u64 {
        self.client.read.load(Ordering::Relaxed)
    }
}

/// Image indexes may name images that were never pushed, so manifests are always looked for.
fn is_small(descriptor: &Descriptor) -> bool {
    let is_config = || descriptor.media_type.is_image_config() && descriptor.size <= KEPT_MAX;
    descriptor.media_type.is_manifest() || is_config()
}

/// The digest that a registry says its answer has.
fn said(headers: &HeaderMap) -> Option<Digest> {
    headers.get(DIGEST)?.to_str().ok()?.trim().parse().ok()
}

fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str().into())
}

/// The manifests that an image index lists.
fn entries(bytes: &[u8]) -> Result<Vec<Descriptor>, ManifestError> {
    let list = Manifest::parse(bytes, Some(&MediaType::OCI_INDEX.into()))?;
    Ok(match list.content {
        Content::Index { entries } => {
            entries.into_iter().filter(|entry| entry.media_type.is_manifest()).collect()
        }
        Content::Image { .. } => Vec::new(),
    })
}
