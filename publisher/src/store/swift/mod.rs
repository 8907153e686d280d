//! A store in a container of OpenStack Swift, by Swift's own protocol.
//!
//! Every upload carries its MD5, which the cluster checks. What is larger than the cluster takes in one object is a
//! [static large object](https://docs.openstack.org/swift/latest/overview_large_objects.html): a manifest that lists
//! segments, which stand in the same container and are as public as it is. Each large object has segments of its own,
//! so that one can be deleted without looking for others that share them.
//!
//! Swift compares nothing atomically, so no lock is built on it: `If-None-Match` is sent, and of several creators at
//! once more than one may win.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use contract::key::{Key, Prefix};
use futures_util::stream::{StreamExt, TryStreamExt};
use reqwest::Client;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::OnceCell;

use super::clock::Clock;
use super::failure::Failure;
use super::requests::Requests;
use super::{
    Document, Found, Headers, Kind, Listed, Looked, Pages, Patience, SendError, Store, StoreError, Traffic,
    When,
};
use crate::anonymous::Certs;
use crate::content::{Chunks, Content};
use http::{Answer, Call, exchange};
use info::Info;
use objects::Head;
use session::{Session, Sessions};

mod copy;
mod errors;
mod feed;
mod ground;
mod http;
mod info;
mod location;
mod login;
mod objects;
mod segments;
mod send;
mod session;
mod stale;
mod stream;
mod write;

pub use location::SwiftLocation;
pub use login::{Login, LoginError};

/// A store in a container.
pub struct Swift {
    location: SwiftLocation,
    http: Client,
    sessions: Sessions,
    changing_ttl: u32,
    requests: Requests,
    clock: Clock,
    info: OnceCell<Info>,
    /// Whether the container was seen.
    container: OnceCell<()>,
    uploads: Mutex<Uploads>,
}

/// Segments that no manifest names yet, by upload.
type Uploads = BTreeMap<u64, Vec<String>>;

impl Swift {
    /// A store whose credentials come from the environment. The cluster is asked nothing.
    ///
    /// # Errors
    /// When settings are missing or wrong.
    pub fn connect(location: SwiftLocation, changing_ttl: u32) -> Result<Self, StoreError> {
        match Login::of(|name| std::env::var(name).ok()) {
            Ok(login) => Self::new(location, login, changing_ttl),
            Err(error) => Err(not_opened(&location, Kind::Credentials, error.into())),
        }
    }

    /// A store with given credentials. `changing_ttl` is how many seconds caches may keep what changes.
    ///
    /// # Errors
    /// When the certificates that the login names cannot be used.
    pub fn new(location: SwiftLocation, login: Login, changing_ttl: u32) -> Result<Self, StoreError> {
        let http = http::client(login.authorities.as_deref());
        let http = http.map_err(|error| not_opened(&location, Kind::Other, error.into()))?;
        Ok(Self {
            location,
            http,
            sessions: Sessions::new(login),
            changing_ttl,
            requests: Requests::new(Patience::default()),
            clock: Clock::default(),
            info: OnceCell::new(),
            container: OnceCell::new(),
            uploads: Mutex::default(),
        })
    }

    /// The same store, of which caches keep what changes for so many seconds.
    #[must_use]
    pub fn with_changing_ttl(self, changing_ttl: u32) -> Self {
        Self { changing_ttl, ..self }
    }

    /// The same store with other patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { requests: Requests::new(patience), ..self }
    }

    /// The path of a key in the account.
    fn path(&self, key: &Key) -> String {
        self.in_account(&self.location.path(key))
    }

    fn in_account(&self, path: &str) -> String {
        format!("{}/{path}", self.location.container)
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn session(&self, rejected: Option<&Arc<Session>>) -> Result<Arc<Session>, Failure> {
        self.sessions.get(&self.http, &self.requests, rejected).await
    }

    /// Asks for a path of the account until there is an answer that counts. A token that is no longer taken is
    /// renewed, once.
    async fn call(&self, path: &str, query: &str, call: &Call) -> Result<Answer, Failure> {
        let mut tries = self.requests.tries();
        let mut rejected = None;
        loop {
            let session = self.session(rejected.as_ref()).await?;
            let url = session.url(path, query);
            let asking = exchange(&self.http, &self.requests.patience, &url, call, session.header());
            match self.requests.once(asking).await {
                Ok(answer) => {
                    self.clock.hear(answer.header("date"));
                    return Ok(answer);
                }
                Err(failure) if failure.status == 401 && rejected.is_none() => rejected = Some(session),
                Err(failure) => tries.after(failure).await?,
            }
        }
    }

    fn failed(&self, failure: Failure, action: String) -> StoreError {
        failure.of_store(self.name(), action)
    }
}

/// Clients that send no credentials and trust whom stores are trusted by: one that heeds the environment's proxies, and
/// one that asks straight.
pub(crate) fn http_clients(
    certs: &Certs,
) -> Result<(Client, Client), Box<dyn std::error::Error + Send + Sync>> {
    let more = std::env::var_os("OS_CACERT").filter(|path| !path.is_empty());
    Ok(http::clients(more.as_deref().map(std::path::Path::new), certs)?)
}

fn not_opened(
    location: &SwiftLocation,
    kind: Kind,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StoreError {
    StoreError { kind, store: location.to_string(), action: "opening it".to_owned(), source: Some(source) }
}

/// The headers that an object is stored with, as requests carry them.
fn stored(headers: &Headers) -> Result<HeaderMap, Failure> {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| Failure::new(Kind::Other, format!("`{text}` fits no header")))
    };
    let pairs =
        [(CONTENT_TYPE, value(&headers.content_type)?), (CACHE_CONTROL, value(&headers.cache_control)?)];
    Ok(HeaderMap::from_iter(pairs))
}

impl fmt::Debug for Swift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swift").field("location", &self.location).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Swift {
    fn name(&self) -> String {
        self.location.to_string()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let found =
            self.head(key).await.map_err(|failure| self.failed(failure, format!("looking for {key}")))?;
        Ok(found.map(|found| found.size))
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        let found = self.head_newest(key).await;
        let found = found.map_err(|failure| self.failed(failure, format!("looking for {key}")))?;
        Ok(found.map(|Head { size, modified, sent, .. }| Looked { size, modified, headers: Some(sent) }))
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
        sent.map_err(|trouble| trouble.of_store(self.name(), format!("writing {key}")))
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let copied = self.copy_object(from, to).await;
        copied.map_err(|failure| self.failed(failure, format!("copying {from} to {to}")))
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        let refreshed = self.refresh_object(key).await;
        refreshed.map_err(|failure| self.failed(failure, format!("refreshing {key}")))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let deleted = self.delete_object(key).await;
        deleted.map_err(|failure| self.failed(failure, format!("deleting {key}")))
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        let deleted = self.delete_objects(keys).await;
        deleted.map_err(|failure| self.failed(failure, format!("deleting {} objects", keys.len())))
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let listed = self.list_below(&self.location.below(&prefix.path())).await;
        let listed = listed.map_err(|failure| self.failed(failure, format!("listing {}", prefix.path())))?;
        Ok(listed.into_iter().map(|(key, _)| key).collect())
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        let action = format!("listing {}", prefix.path());
        let pages = self.pages_below(self.location.below(&prefix.path()));
        let listed = |page: Vec<objects::Listed>| {
            let listed = page.into_iter().filter_map(|listed| {
                let key = self.location.key(&listed.name)?;
                Some(Listed { key, size: listed.bytes, modified: stale::time(&listed.last_modified)? })
            });
            listed.collect()
        };
        pages.map_ok(listed).map_err(move |failure| self.failed(failure, action.clone())).boxed()
    }

    async fn folders(&self, prefix: &Prefix) -> Result<BTreeSet<String>, StoreError> {
        let listed = self.folders_below(&self.location.below(&prefix.path())).await;
        listed.map_err(|failure| self.failed(failure, format!("listing {}", prefix.path())))
    }

    async fn tidy(&self, grace: Duration, most: usize) -> Result<usize, StoreError> {
        let ended = self.remove_stale(grace, most).await;
        ended.map_err(|failure| self.failed(failure, "looking for unfinished uploads".to_owned()))
    }

    fn traffic(&self) -> Traffic {
        self.requests.traffic()
    }

    async fn close(&self) -> Result<(), StoreError> {
        let closed = self.abort_all().await;
        closed.map_err(|failure| self.failed(failure, "removing segments of unfinished uploads".to_owned()))
    }
}
