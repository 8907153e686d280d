//! A store in an S3 bucket, AWS's or any other.
//!
//! Requests are those that every S3-compatible store knows: GET, HEAD, PUT, COPY, DELETE, ListObjectsV2 and uploads in
//! parts. What stores disagree about, conditional writes, is probed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use contract::key::{Key, Prefix};
use contract::manner::Manner;
use futures_util::stream::{StreamExt, TryStreamExt};
use tokio::sync::{OnceCell, RwLock, watch};

use super::clock::Clock;
use super::failure::{Failure, Trouble};
use super::requests::Requests;
use super::{Document, Found, Kind, Looked, Pages, Patience, SendError, Store, StoreError, Traffic, When};
use crate::content::{Chunks, Content};
use client::Reach;
pub(crate) use client::credentials;
use objects::Head;
use probe::Probe;
use rooms::Rooms;
use uploads::Uploads;

mod client;
mod copy;
mod deletions;
mod errors;
mod ground;
mod lifecycle;
mod location;
mod manner;
mod objects;
mod policy;
mod probe;
mod rooms;
mod send;
mod uploads;
mod write;

pub use location::S3Location;

/// A store in a bucket.
pub struct S3 {
    location: S3Location,
    reach: Reach,
    client: Client,
    changing_ttl: u32,
    manner: Manner,
    limits: Limits,
    rooms: Arc<Rooms>,
    requests: Arc<Requests>,
    clock: Arc<Clock>,
    probe: OnceCell<Probe>,
    uploads: Arc<Mutex<Uploads>>,
    /// Held for reading while an upload is begun, which goes on when nobody waits for it any longer; [`Store::close`]
    /// waits for all of them, so that it knows every upload that it has to end.
    beginning: Arc<RwLock<()>>,
    /// Becomes true with [`Store::close`], which would wait long for a beginning that is tried again and again.
    closing: watch::Sender<bool>,
}

/// How much one request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Content up to this size is one PUT; larger content goes in parts of this size or more. It is held in memory.
    /// S3 wants 5 MiB at least.
    pub part: u64,
    /// How much content is held in memory, whatever the sizes of blobs and however many are sent at the same time.
    /// At least one part is.
    pub memory: u64,
    /// The store copies so much in one request, and larger objects in parts of this size. S3 takes 5 GiB at most.
    pub copy: u64,
}

impl Default for Limits {
    /// 8 MiB, of which three are in memory, and 5 GB: some stores count by tens.
    fn default() -> Self {
        Self { part: 8 << 20, memory: 24 << 20, copy: 5_000_000_000 }
    }
}

impl Limits {
    fn rooms(&self) -> Arc<Rooms> {
        Rooms::new(self.part, self.memory)
    }
}

impl S3 {
    /// A store whose credentials, and whatever its location leaves open, come from the environment or the AWS profile.
    ///
    /// # Errors
    /// When settings are missing or wrong. The bucket is asked nothing.
    pub async fn connect(location: S3Location, changing_ttl: u32) -> Result<Self, StoreError> {
        match client::load(&location).await {
            Ok(sdk) => Self::new(location, &sdk, changing_ttl),
            Err(error) => Err(not_opened(&location, error.into())),
        }
    }

    /// A store with given credentials and fallbacks. `changing_ttl` is how many seconds caches may keep what changes.
    ///
    /// # Errors
    /// When settings are missing or wrong.
    pub fn new(location: S3Location, sdk: &SdkConfig, changing_ttl: u32) -> Result<Self, StoreError> {
        let reach = Reach::of(&location, sdk).map_err(|error| not_opened(&location, error.into()))?;
        let (patience, limits) = (Patience::default(), Limits::default());
        let clock = Arc::<Clock>::default();
        Ok(Self {
            client: reach.client(sdk, &patience, &clock),
            clock,
            location,
            reach,
            changing_ttl,
            manner: Manner::default(),
            rooms: limits.rooms(),
            limits,
            requests: Arc::new(Requests::new(patience)),
            probe: OnceCell::new(),
            uploads: Arc::default(),
            beginning: Arc::default(),
            closing: watch::Sender::default(),
        })
    }

    /// The same store, of which caches keep what changes for so many seconds.
    #[must_use]
    pub fn with_changing_ttl(self, changing_ttl: u32) -> Self {
        Self { changing_ttl, ..self }
    }

    /// The same store with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { rooms: limits.rooms(), limits, ..self }
    }

    /// The same store with other patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        let client = client::patient(&self.client, &patience);
        Self { client, requests: Arc::new(Requests::new(patience)), ..self }
    }

    /// The same store, with objects kept in this manner.
    #[must_use]
    pub fn with_manner(self, manner: Manner) -> Self {
        let pays = |manner: &Manner| manner.requester_pays == Some(true);
        let client = match (pays(&self.manner), pays(&manner)) {
            (false, true) => client::paying(&self.client),
            (true, _) | (false, false) => self.client,
        };
        Self { client, manner, ..self }
    }

    fn path(&self, key: &Key) -> String {
        self.location.path(key)
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        locked(&self.uploads)
    }

    /// Says who was asked in vain: with AWS the message names it, elsewhere it may be a slip in a profile.
    fn naming(&self, failure: Failure) -> Failure {
        match &self.reach.endpoint {
            Some(endpoint) if failure.kind == Kind::Unavailable && failure.status == 0 => {
                Failure { said: format!("{endpoint}: {}", failure.said), ..failure }
            }
            _ => failure,
        }
    }

    fn failed(&self, failure: Failure, action: String) -> StoreError {
        self.naming(failure).of_store(self.name(), action)
    }
}

fn locked(uploads: &Mutex<Uploads>) -> MutexGuard<'_, Uploads> {
    uploads.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_opened(location: &S3Location, source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    let (store, action) = (location.to_string(), "opening it".to_owned());
    StoreError { kind: Kind::Other, store, action, source: Some(source) }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("location", &self.location)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for S3 {
    fn name(&self) -> String {
        self.location.to_string()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        let probe = self.probe().await;
        Ok(probe.map_err(|failure| self.failed(failure, "probing conditional writes".to_owned()))?.compares())
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let found =
            self.head(key).await.map_err(|failure| self.failed(failure, format!("looking for {key}")))?;
        Ok(found.map(|found| found.size))
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        let found = self.head(key).await;
        let found = found.map_err(|failure| self.failed(failure, format!("looking for {key}")))?;
        Ok(found.map(|Head { size, modified, sent }| Looked { size, modified, headers: Some(sent) }))
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        let told = self.told_time().await;
        told.map_err(|failure| self.failed(failure, "asking for its time".to_owned()))
    }

    async fn open(&self, key: &Key, from: u64) -> Result<Option<Chunks>, StoreError> {
        self.get_from(key, from).await.map_err(|failure| self.failed(failure, format!("reading {key}")))
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        self.get(key).await.map_err(|failure| self.failed(failure, format!("reading {key}")))
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        let written = self.put_when(key, document, when).await;
        written.map_err(|failure| self.failed(failure, format!("writing {key}")))
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        let sent = self.send_content(key, content).await;
        sent.map_err(|trouble| {
            let trouble = match trouble {
                Trouble::Store(failure) => Trouble::Store(self.naming(failure)),
                content @ Trouble::Content(_) => content,
            };
            trouble.of_store(self.name(), format!("writing {key}"))
        })
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let copied = self.copy_object(from, to).await;
        copied.map_err(|failure| self.failed(failure, format!("copying {from} to {to}")))
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        let copied = self.copy_object(key, key).await;
        copied.map_err(|failure| self.failed(failure, format!("refreshing {key}")))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let deleted = self.delete_path(&self.path(key)).await;
        deleted.map_err(|failure| self.failed(failure, format!("deleting {key}")))
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        let deleted = self.delete_paths(keys.iter().map(|key| self.path(key)).collect()).await;
        deleted.map_err(|failure| self.failed(failure, format!("deleting {} objects", keys.len())))
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let listed = self.list_below(&self.location.below(&prefix.path())).await;
        listed.map_err(|failure| self.failed(failure, format!("listing {}", prefix.path())))
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        let action = format!("listing {}", prefix.path());
        let pages = self.pages_below(self.location.below(&prefix.path()));
        pages.map_err(move |failure| self.failed(failure, action.clone())).boxed()
    }

    async fn folders(&self, prefix: &Prefix) -> Result<BTreeSet<String>, StoreError> {
        let listed = self.folders_below(&self.location.below(&prefix.path())).await;
        listed.map_err(|failure| self.failed(failure, format!("listing {}", prefix.path())))
    }

    async fn tidy(&self, grace: Duration, _: usize) -> Result<usize, StoreError> {
        let ended = self.abort_stale(grace).await;
        ended.map_err(|failure| self.failed(failure, "looking for unfinished uploads".to_owned()))
    }

    fn traffic(&self) -> Traffic {
        self.requests.traffic()
    }

    async fn close(&self) -> Result<(), StoreError> {
        let closed = self.abort_all().await;
        closed.map_err(|failure| self.failed(failure, "ending unfinished uploads".to_owned()))
    }
}

#[cfg(test)]
mod tests;
