//! The stores that the suite runs against, each fresh and empty.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::Client;
use contract::key::Key;
use futures_util::future::BoxFuture;
use publisher::store::directory::Directory;
use publisher::store::memory::Memory;
use publisher::store::s3::{S3, S3Location};
use publisher::store::{Headers, Store};

use crate::seaweed::{Identity, seaweed};
use crate::swift_server::{HASTE, cluster, small_cluster};

/// Not the default, so that a store that ignores the setting shows.
pub(crate) const CHANGING_TTL: u32 = 7;

type HeadersOf = dyn Fn(&Key) -> BoxFuture<'static, Option<Headers>> + Send + Sync;

/// A store to be tested.
pub(crate) struct Subject {
    pub(crate) store: Arc<dyn Store>,
    /// The same place, opened again: what another program would use.
    pub(crate) sibling: Arc<dyn Store>,
    /// What the object is served with; `None` where the store keeps no headers.
    pub(crate) headers: Box<HeadersOf>,
    _folder: Option<tempfile::TempDir>,
}

impl Subject {
    pub(crate) fn new(
        store: impl Store + 'static,
        sibling: impl Store + 'static,
        headers: impl Fn(&Key) -> BoxFuture<'static, Option<Headers>> + Send + Sync + 'static,
    ) -> Self {
        Self { store: Arc::new(store), sibling: Arc::new(sibling), headers: Box::new(headers), _folder: None }
    }
}

pub(crate) async fn swift_at_once() -> Subject {
    crate::swift::subject(cluster()).await
}

/// Where everything over 1 MiB is a large object.
pub(crate) async fn swift_in_segments() -> Subject {
    crate::swift::subject(small_cluster()).await
}

pub(crate) async fn memory() -> Subject {
    let store = Memory::new(CHANGING_TTL);
    let objects = store.clone();
    Subject {
        sibling: Arc::new(store.clone()),
        store: Arc::new(store),
        headers: Box::new(move |key| {
            let found = objects.objects().remove(&key.path());
            Box::pin(async { found.map(|(headers, _)| headers) })
        }),
        _folder: None,
    }
}

pub(crate) async fn directory() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    Subject {
        store: Arc::new(Directory::create(folder.path()).await.unwrap()),
        sibling: Arc::new(Directory::open(folder.path()).await.unwrap()),
        headers: Box::new(|_| Box::pin(async { None })),
        _folder: Some(folder),
    }
}

pub(crate) async fn seaweedfs() -> Subject {
    let location = fresh();
    let client = seaweed().client(Identity::RIG).await;
    Subject {
        store: Arc::new(s3(&location, Identity::RIG).await),
        sibling: Arc::new(s3(&location, Identity::RIG).await),
        headers: Box::new(move |key| Box::pin(head(client.clone(), location.clone(), key.clone()))),
        _folder: None,
    }
}

/// A prefix that nobody else uses.
pub(crate) fn fresh() -> S3Location {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("some prefix/{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    format!("{}/{prefix}?endpoint={}", seaweed().bucket, seaweed().endpoint).parse().unwrap()
}

pub(crate) async fn s3(location: &S3Location, identity: Identity) -> S3 {
    S3::new(location.clone(), &identity.sdk().await, CHANGING_TTL).unwrap().with_patience(HASTE)
}

async fn head(client: Client, location: S3Location, key: Key) -> Option<Headers> {
    let path = format!("{}/{key}", location.prefix);
    let head = client.head_object().bucket(&location.bucket).key(path).send().await.unwrap();
    // Written by a client that signs its checksum at the end, and returned to every reader.
    assert_eq!(head.content_encoding(), None);
    let text = |header: Option<&str>| header.unwrap_or_default().to_owned();
    Some(Headers { content_type: text(head.content_type()), cache_control: text(head.cache_control()) })
}
