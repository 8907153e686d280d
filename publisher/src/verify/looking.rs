//! One verification under way: what was found, and which contents were looked at.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use contract::digest::Digest;
use contract::key::{Key, Prefix};
use contract::media::MediaType;
use contract::v1;
use futures_util::TryStreamExt;
use tokio::sync::Semaphore;

use super::Verify;
use super::finding::{Finding, Summary, Wrong};
use crate::derive::linked;
use crate::noted::{Mark, mark};
use crate::store::{Found, Sent, Store, StoreError, headers};

/// What is known so far.
pub(super) struct Looking<'a> {
    pub(super) verify: &'a Verify<'a>,
    findings: Mutex<BTreeSet<Finding>>,
    /// Contents that were looked at, by anybody: repositories share them. A mark of each, since there may be millions.
    looked: Mutex<HashSet<Mark>>,
    /// v1 images that were.
    v1: Mutex<HashSet<v1::Id>>,
    /// Whether the store has any.
    pub(super) has_v1: bool,
    manifests: AtomicUsize,
    read: AtomicU64,
    /// Contents that were read and found right before anybody asked for it.
    right: Mutex<HashSet<Mark>>,
    /// Contents that an earlier run had read.
    before: AtomicUsize,
    /// How many contents are read at the same time.
    pub(super) readers: Semaphore,
}

impl<'a> Looking<'a> {
    pub(super) async fn begin(verify: &'a Verify<'a>) -> Result<Self, StoreError> {
        let (findings, looked, v1, right, manifests, read, before) = Default::default();
        let readers = Semaphore::new(verify.jobs);
        let has_v1 = any(verify.derive.store, &Prefix::V1Images).await?;
        Ok(Self { verify, findings, looked, v1, has_v1, right, manifests, read, before, readers })
    }

    pub(super) fn store(&self) -> &'a dyn Store {
        self.verify.derive.store
    }

    pub(super) fn tell(&self, key: &Key, wrong: Wrong) {
        locked(&self.findings).insert(Finding { key: key.clone(), wrong });
    }

    pub(super) fn saw_manifest(&self) {
        self.manifests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn summary(self, repositories: usize) -> Summary {
        Summary {
            repositories,
            manifests: self.manifests.into_inner(),
            contents: locked(&self.looked).len(),
            read: self.read.into_inner(),
            read_before: self.before.into_inner(),
            findings: std::mem::take(&mut *locked(&self.findings)).into_iter().collect(),
        }
    }

    /// Looks at an object that `by` needs. Returns its size, and what tells whether it was written anew; `None` where it is not there.
    pub(super) async fn object(
        &self,
        key: &Key,
        media_type: Option<&MediaType>,
        by: &str,
    ) -> Result<Option<(u64, String)>, StoreError> {
        let Some(looked) = self.store().look(key).await? else {
            self.tell(key, Wrong::Missing(by.to_owned()));
            return Ok(None);
        };
        let etag = looked.headers.as_ref().and_then(|sent| sent.etag.clone());
        if let Some(sent) = looked.headers {
            self.headers(key, media_type, sent);
        }
        let time = || looked.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
        Ok(Some((looked.size, etag.unwrap_or_else(time))))
    }

    fn headers(&self, key: &Key, media_type: Option<&MediaType>, sent: Sent) {
        let wanted = headers(key, media_type, self.verify.changing_ttl);
        if sent.content_type.as_ref() != Some(&wanted.content_type) {
            self.tell(key, Wrong::ContentType { found: sent.content_type, expected: wanted.content_type });
        }
        if sent.cache_control.as_ref() != Some(&wanted.cache_control) {
            self.tell(key, Wrong::CacheControl { found: sent.cache_control, expected: wanted.cache_control });
        }
        if let Some(encoding) = sent.content_encoding.filter(|it| !matches!(&**it, "" | "identity")) {
            self.tell(key, Wrong::ContentEncoding(encoding));
        }
    }

    /// Reads a document that `by` needs, and looks at it.
    pub(super) async fn read(
        &self,
        key: &Key,
        media_type: Option<&MediaType>,
        by: &str,
    ) -> Result<Option<Bytes>, StoreError> {
        let Some(found) = self.store().read(key).await? else {
            self.tell(key, Wrong::Missing(by.to_owned()));
            return Ok(None);
        };
        if let Some(sent) = found.headers {
            self.headers(key, media_type, sent);
        }
        Ok(Some(found.bytes))
    }

    /// Whether nobody has looked at this content yet.
    pub(super) fn is_new(&self, key: &Key) -> bool {
        locked(&self.looked).insert(mark(key.path().as_bytes()))
    }

    /// Whether nobody has looked at this v1 image yet.
    pub(super) fn is_new_v1(&self, id: v1::Id) -> bool {
        locked(&self.v1).insert(id)
    }

    /// Content that was read and is right, as it came: a manifest.
    pub(super) async fn came(
        &self,
        key: &Key,
        digest: &Digest,
        found: Found,
        by: &str,
    ) -> Result<(), StoreError> {
        if self.verify.deep {
            return self.content(key, digest, found.bytes.len() as u64, by).await;
        }
        if self.is_new(key)
            && let Some(sent) = found.headers
        {
            self.headers(key, None, sent);
        }
        Ok(())
    }

    /// Looks at content, once for all who need it; reads it where that is wanted.
    pub(super) async fn content(
        &self,
        key: &Key,
        digest: &Digest,
        size: u64,
        by: &str,
    ) -> Result<(), StoreError> {
        if !self.is_new(key) {
            return Ok(());
        }
        match self.object(key, None, by).await? {
            None => {}
            Some((found, _)) if found != size => self.tell(key, Wrong::Size { found, expected: size }),
            Some((_, version))
                if self.verify.deep && locked(&self.right).contains(&mark(key.path().as_bytes())) =>
            {
                self.note(key, size, &version);
            }
            Some((_, version)) if self.verify.deep => self.deep(key, digest, size, &version).await?,
            Some(_) => {}
        }
        Ok(())
    }

    /// Reads content, unless an earlier run has.
    async fn deep(&self, key: &Key, digest: &Digest, size: u64, version: &str) -> Result<(), StoreError> {
        if !self.was_read(key, size, version) && self.read_through(key, digest, size).await? {
            self.note(key, size, version);
        }
        Ok(())
    }

    /// This content was read and is right.
    pub(super) fn reads_no_more(&self, key: &Key) {
        locked(&self.right).insert(mark(key.path().as_bytes()));
    }

    /// Whether an earlier run has read it.
    pub(super) fn was_read(&self, key: &Key, size: u64, version: &str) -> bool {
        let was = self.verify.remembered.is_some_and(|remembered| remembered.has(key, size, version));
        self.before.fetch_add(usize::from(was), Ordering::Relaxed);
        was
    }

    /// It was read and is right, for later runs.
    pub(super) fn note(&self, key: &Key, size: u64, version: &str) {
        self.verify.remembered.iter().for_each(|remembered| remembered.note(key, size, version));
    }

    /// Looks at a link that `by` needs, and returns the digest in it.
    pub(super) async fn link(&self, key: &Key, by: &str) -> Result<Option<Digest>, StoreError> {
        let Some(bytes) = self.read(key, None, by).await? else { return Ok(None) };
        let digest = linked(&bytes);
        if digest.is_none() {
            self.tell(key, Wrong::NoDigest);
        }
        Ok(digest)
    }

    /// Looks at a link that holds the digest that is in its key.
    pub(super) async fn link_to(&self, key: &Key, digest: &Digest) -> Result<(), StoreError> {
        if self.link(key, "what it is for").await?.is_some_and(|held| held != *digest) {
            self.tell(key, Wrong::NoDigest);
        }
        Ok(())
    }

    /// Looks at a document that must hold these bytes, since it is made from `with`.
    pub(super) async fn document(
        &self,
        key: &Key,
        bytes: &[u8],
        with: &'static str,
    ) -> Result<(), StoreError> {
        if self.read(key, None, with).await?.is_some_and(|found| found != bytes) {
            self.tell(key, Wrong::Disagrees(with));
        }
        Ok(())
    }
}

/// Whether there is any key below a prefix.
async fn any(store: &dyn Store, prefix: &Prefix) -> Result<bool, StoreError> {
    let mut pages = store.pages(prefix);
    while let Some(page) = pages.try_next().await? {
        if !page.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
