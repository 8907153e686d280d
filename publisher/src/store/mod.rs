//! Stores: where objects are kept. One trait, its errors by meaning, and what every store does alike.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use contract::digest::{Algorithm, Digest};
use contract::key::{ContentType, Key, Prefix};
use contract::manner::Manner;
use contract::media::MediaType;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::content::{Chunks, Content, ContentError};

mod below;
mod clock;
pub mod directory;
pub(crate) mod failure;
mod gate;
mod ground;
pub mod memory;
mod open;
mod passed;
pub(crate) mod requests;
pub mod s3;
pub mod swift;

pub use ground::{Grant, Ground, ground};
pub use open::{Location, LocationError, Options, open};
pub(crate) use open::{said, understood};
pub use requests::Patience;

/// Largest document that is read whole, in bytes: a tag list of 100,000 tags has about 2 MiB.
pub const DOCUMENT_MAX: u64 = 64 << 20;

/// A place for objects. Every object's `Content-Type` and `Cache-Control` follow from its key ([`headers`]).
///
/// What each method promises is tested by one suite against every store (`tests/conformance.rs`).
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// How users name it, without secrets: `s3://bucket/prefix`.
    fn name(&self) -> String;

    /// Whether [`When::Absent`] and [`When::Unchanged`] are atomic here. A store's word is probed, not believed.
    async fn compares(&self) -> Result<bool, StoreError>;

    /// The size of an object in bytes, `None` where there is none.
    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError>;

    /// Size, time and headers of an object, `None` where there is none. Where a store may answer with an older state
    /// to who asks in haste, this asks for the newest.
    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError>;

    /// What the store's own clock says, to the second or better: by it, and by no other, ages are told.
    async fn now(&self) -> Result<SystemTime, StoreError>;

    /// The bytes of an object of any size, from this one on; `None` where there is none. What comes is not verified.
    async fn open(&self, key: &Key, from: u64) -> Result<Option<Chunks>, StoreError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let rest =
            |found: Found| stream::iter([Ok(found.bytes.slice(from.min(found.bytes.len())..))]).boxed();
        Ok(self.read(key).await?.map(rest))
    }

    /// A whole object of at most [`DOCUMENT_MAX`] bytes, `None` where there is none.
    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError>;

    /// Writes a small object whole: readers see the old one or the new one.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when `when` does not hold; then nothing was written.
    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError>;

    /// Where a file without a name has to be written so that [`Store::send`] need not copy it; `None` where it must all the
    /// same.
    async fn folder(&self) -> Result<Option<PathBuf>, StoreError> {
        Ok(None)
    }

    /// Sends content of any size to a key. Nothing is visible at the key before size and digest are right.
    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError>;

    /// Makes `to` a copy of `from` without moving bytes through here; overwrites.
    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError>;

    /// Makes an object as young as one that is written at this moment; nothing else of it changes.
    ///
    /// # Errors
    /// [`Kind::Missing`] where there is none.
    async fn refresh(&self, key: &Key) -> Result<(), StoreError>;

    /// Removes an object. One that is not there is no error.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// Removes many objects in as few requests as the store knows. Those that are not there are no error.
    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError>;

    /// All keys below a prefix, in no order. Paths that are no keys are left out.
    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError>;

    /// The same with sizes and times, page by page: however many there are, few are in memory.
    fn pages(&self, prefix: &Prefix) -> Pages<'_>;

    /// The folders directly below a prefix: what stands in the paths below it before the next slash. So a tree is gone
    /// through without what is in its branches. There may be some that hold no key.
    async fn folders(&self, prefix: &Prefix) -> Result<BTreeSet<String>, StoreError> {
        let (above, mut folders) = (prefix.path(), BTreeSet::new());
        let mut pages = self.pages(prefix);
        while let Some(page) = pages.try_next().await? {
            let paths = page.into_iter().map(|listed| listed.key.path());
            folders.extend(paths.filter_map(|path| below::first(&above, &path)));
        }
        Ok(folders)
    }

    /// Ends what runs that died left unfinished, once it is older than `grace`; returns how much that was. What a
    /// living run has begun within that time is left alone. Where each has to be looked at, so many are, by chance.
    async fn tidy(&self, grace: Duration, most: usize) -> Result<usize, StoreError> {
        let _ = (grace, most);
        Ok(0)
    }

    /// What was asked so far, of a store that is asked over a network.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// Ends what this run began and did not finish (uploads in parts, staged files). Called on every way out.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Pieces of a list.
pub type Pages<'a> = BoxStream<'a, Result<Vec<Listed>, StoreError>>;

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub key: Key,
    /// In bytes.
    pub size: u64,
    /// When it was written or refreshed, by the store's clock. Of an upload in parts, when that was begun.
    pub modified: SystemTime,
}

/// Requests to a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// All, each time that one was sent.
    pub sent: u64,
    /// Those of them that had been sent before.
    pub repeated: u64,
    /// Why the last one of those was.
    pub why: Option<String>,
}

/// A small object to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its bytes.
    pub bytes: Bytes,
    /// The manifest's own type, for views; everything else has its type by its key.
    pub media_type: Option<MediaType>,
}

impl Document {
    /// One whose type follows from its key.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), media_type: None }
    }

    /// A link: `<alg>:<hex>` without a newline, as `distribution` writes it.
    pub fn link(digest: &Digest) -> Self {
        Self::new(digest.to_string())
    }

    /// A view of a manifest.
    pub fn view(bytes: Bytes, media_type: MediaType) -> Self {
        Self { bytes, media_type: Some(media_type) }
    }
}

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Whatever is there.
    Always,
    /// Only where nothing is.
    Absent,
    /// Only over what was read.
    Unchanged(Version),
}

/// Which writing of an object was read; opaque, the store's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

impl Version {
    /// For stores that know a version by its content.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Digest::of(Algorithm::Sha256, bytes).to_string())
    }
}

/// An object that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its bytes.
    pub bytes: Bytes,
    /// For [`When::Unchanged`].
    pub version: Version,
    /// When it was written, by the store's own clock; `None` where the store does not tell.
    pub modified: Option<SystemTime>,
    /// What the store sends with it, as [`Looked::headers`].
    pub headers: Option<Sent>,
}

/// How objects are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// How many seconds caches may keep what changes.
    pub changing_ttl: u32,
    /// In which manner, in S3.
    pub manner: Manner,
}

/// An object that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// In bytes.
    pub size: u64,
    /// When it was written or refreshed, by the store's clock. Of an upload in parts, when that was begun.
    pub modified: SystemTime,
    /// What the store sends with it. `None` where nothing is kept but bytes, as in a directory: whoever serves those
    /// makes the headers.
    pub headers: Option<Sent>,
}

/// The headers that a store sends with an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `ETag`: another one where other bytes were written.
    pub etag: Option<String>,
}

/// The two headers that an object is stored with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: String,
}

/// The headers of an object; `media_type` is that of a view's manifest, `changing_ttl` in seconds.
pub fn headers(key: &Key, media_type: Option<&MediaType>, changing_ttl: u32) -> Headers {
    let content_type = match key.content_type() {
        ContentType::Fixed(fixed) => fixed.to_owned(),
        ContentType::OfManifest => media_type.map_or(MediaType::OCI_MANIFEST, MediaType::as_str).to_owned(),
    };
    Headers { content_type, cache_control: key.cache_control(changing_ttl) }
}

/// What went wrong in a store, by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The condition of a write did not hold.
    Conflict,
    /// These credentials may not do this.
    Denied,
    /// There are no credentials, or the store does not know them.
    Credentials,
    /// The bucket, container or directory is not there.
    NoStore,
    /// An object that had to be there is not.
    Missing,
    /// The store is full, or over a quota.
    Full,
    /// It cannot be reached, or is out of order.
    Unavailable,
    /// Anything else.
    Other,
}

/// A failure of the store's side.
#[derive(Debug, thiserror::Error)]
#[error("the store {store} {}: {action}", kind.says())]
pub struct StoreError {
    /// By meaning.
    pub kind: Kind,
    /// [`Store::name`].
    pub store: String,
    /// What was tried: `writing docker/registry/v2/catalog.json`.
    pub action: String,
    /// What the store or the operating system said.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Kind {
    fn says(self) -> &'static str {
        match self {
            Self::Conflict => "was changed by somebody else meanwhile",
            Self::Denied => "does not permit it",
            Self::Credentials => "does not accept the credentials",
            Self::NoStore => "is not there",
            Self::Missing => "lacks an object",
            Self::Full => "is full",
            Self::Unavailable => "is out of reach or out of order",
            Self::Other => "failed",
        }
    }
}

/// A failure of [`Store::send`]: of the one side or of the other.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The content could not be had, or is not what its descriptor says.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
}
