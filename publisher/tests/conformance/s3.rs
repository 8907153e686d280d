//! What only S3 has: identities, buckets, uploads in parts, pages.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use contract::descriptor::Descriptor;
use contract::key::{Key, Prefix};
use futures_util::StreamExt;
use futures_util::future::{join_all, try_join_all};
use publisher::content::{Chunks, Content, Open};
use publisher::store::s3::{Limits, S3Location};
use publisher::store::{Document, Kind, SendError, Store, StoreError, When};
use tokio::sync::Notify;

use crate::given::{End, Given, blob, descriptor, layer, noise, tag_link};
use crate::seaweed::{Identity, seaweed};
use crate::subject::{fresh, s3};

/// Each way of asking the store something.
async fn errors(store: &dyn Store) -> Vec<StoreError> {
    let bytes = noise(9 << 20);
    let send = Given::new(bytes.clone()).send_as(store, &blob(&bytes), &descriptor(&bytes)).await;
    let Err(SendError::Store(send)) = send else { panic!("{send:?}") };
    vec![
        store.read(&Key::Catalog).await.unwrap_err(),
        store.list(&Prefix::Repositories).await.unwrap_err(),
        store.write(&Key::Catalog, &Document::new("a"), When::Always).await.unwrap_err(),
        store.write(&Key::Catalog, &Document::new("a"), When::Absent).await.unwrap_err(),
        store.compares().await.unwrap_err(),
        send,
    ]
}

async fn assert_kind(location: &S3Location, identity: Identity, kind: Kind, said: &str) {
    let store = s3(location, identity).await;
    for error in errors(&store).await {
        let source = error.source.as_ref().unwrap().to_string();
        assert_eq!(error.kind, kind, "{error}: {source}");
        assert!(source.contains(said) && !source.contains('{'), "{error}: {source}");
        assert!(!format!("{error:?}").contains(identity.1));
    }
}

#[tokio::test]
async fn who_may_not_is_denied() {
    let location = fresh();
    assert_kind(&location, Identity::NOBODY, Kind::Denied, "AccessDenied").await;
    let reader = s3(&location, Identity::READER).await;
    assert_eq!(reader.read(&Key::Catalog).await.unwrap(), None);
    let error = reader.write(&Key::Catalog, &Document::new("a"), When::Always).await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    assert_eq!(reader.compares().await.unwrap_err().kind, Kind::Denied);
}

#[tokio::test]
async fn unknown_keys_and_wrong_secrets_are_bad_credentials() {
    let wrong = Identity(Identity::RIG.0, "wrongsecretwrongsecret");
    assert_kind(&fresh(), wrong, Kind::Credentials, "SignatureDoesNotMatch").await;
    assert_kind(&fresh(), Identity("unknown", "secretsecret"), Kind::Credentials, "InvalidAccessKeyId").await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_no_store() {
    let missing = S3Location { bucket: "missing".into(), ..fresh() };
    assert_kind(&missing, Identity::RIG, Kind::NoStore, "NoSuchBucket").await;
}

#[tokio::test]
async fn where_nobody_listens_nothing_can_be_reached() {
    let nobody = S3Location { endpoint: Some("http://127.0.0.1:1".into()), ..fresh() };
    let store = s3(&nobody, Identity::RIG).await;
    let error = store.read(&Key::Catalog).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    let said = error.source.unwrap().to_string();
    assert!(said.starts_with("http://127.0.0.1:1: ") && said.contains("refused"), "{said}");
}

/// How many uploads in parts are open below a prefix.
async fn uploads(location: &S3Location) -> usize {
    let client = seaweed().client(Identity::RIG).await;
    let list = client.list_multipart_uploads().bucket(&location.bucket).prefix(&location.prefix).send().await;
    list.unwrap().uploads().len()
}

#[tokio::test]
async fn closing_ends_what_was_dropped() {
    let location = fresh();
    let store = s3(&location, Identity::RIG).await;
    let bytes = noise(9 << 20);
    let endless = Given { bytes: bytes.slice(1..), chunk: 1 << 20, end: End::Never };
    let (key, expected) = (blob(&bytes), descriptor(&bytes));
    let sending = endless.send_as(&store, &key, &expected);
    let begun = async { while uploads(&location).await == 0 {} };
    tokio::select! {
        _ = sending => panic!("it cannot end"),
        () = begun => {}
    }
    store.close().await.unwrap();
    assert_eq!(uploads(&location).await, 0);
}

#[tokio::test]
async fn an_error_ends_its_upload() {
    let location = fresh();
    let store = s3(&location, Identity::RIG).await;
    let (right, wrong) = (noise(9 << 20), noise((9 << 20) - 1));
    let sent = Given::new(wrong).send_as(&store, &blob(&right), &descriptor(&right)).await;
    assert!(matches!(sent, Err(SendError::Content(_))));
    assert_eq!(uploads(&location).await, 0);
}

#[tokio::test]
async fn what_is_too_large_for_one_copy_is_copied_in_parts() {
    let store = s3(&fresh(), Identity::RIG).await.with_limits(Limits {
        part: 5 << 20,
        memory: 5 << 20,
        copy: 5 << 20,
    });
    let bytes = noise(12 << 20);
    Given::new(bytes.clone()).send(&store, &blob(&bytes)).await;
    store.copy(&blob(&bytes), &layer(1)).await.unwrap();
    assert!(store.read(&layer(1)).await.unwrap().unwrap().bytes == bytes);
}

#[tokio::test]
async fn contents_that_share_the_memory_of_one_part_all_arrive() {
    let limits = Limits { part: 5 << 20, memory: 5 << 20, ..Limits::default() };
    let store = s3(&fresh(), Identity::RIG).await.with_limits(limits);
    let contents: Vec<_> = [1, 6, 11, 16].iter().map(|size| noise(size << 20)).collect();
    join_all(contents.iter().map(async |bytes| Given::new(bytes.clone()).send(&store, &blob(bytes)).await))
        .await;
    for bytes in &contents {
        assert!(store.read(&blob(bytes)).await.unwrap().unwrap().bytes == *bytes);
    }
}

/// Begins an upload that nobody will end.
async fn begin(location: &S3Location, key: &Key) {
    let client = seaweed().client(Identity::RIG).await;
    let path = format!("{}/{key}", location.prefix);
    client.create_multipart_upload().bucket(&location.bucket).key(path).send().await.unwrap();
}

#[tokio::test]
async fn what_died_long_ago_is_ended_and_what_began_just_now_is_not() {
    let location = fresh();
    let store = s3(&location, Identity::RIG).await;
    begin(&location, &layer(1)).await;
    assert_eq!(store.tidy(Duration::from_secs(3600), 16).await.unwrap(), 0);
    assert_eq!(uploads(&location).await, 1);
    // Times are told in whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(store.tidy(Duration::ZERO, 16).await.unwrap(), 1);
    assert_eq!(uploads(&location).await, 0);
}

/// A source that stops in the middle until it is told to go on.
struct Halting {
    given: Given,
    go: Arc<Notify>,
}

#[async_trait]
impl Open for Halting {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        let chunks = self.given.open(descriptor).await?.unwrap();
        let go = Arc::clone(&self.go);
        let halting = chunks.enumerate().then(move |(number, chunk)| {
            let go = Arc::clone(&go);
            async move {
                if number == 20 {
                    go.notified().await;
                    go.notify_one();
                }
                chunk
            }
        });
        Ok(Some(halting.boxed()))
    }
}

#[tokio::test]
async fn an_upload_that_somebody_else_ended_is_begun_again() {
    let location = fresh();
    let (store, other) = (s3(&location, Identity::RIG).await, s3(&location, Identity::RIG).await);
    let bytes = noise(24 << 20);
    let source = Halting { given: Given::new(bytes.clone()), go: Arc::default() };
    let (key, expected) = (blob(&bytes), descriptor(&bytes));
    let ending = async {
        while uploads(&location).await == 0 {}
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(other.tidy(Duration::ZERO, 16).await.unwrap(), 1);
        source.go.notify_one();
    };
    let passed = AtomicU64::new(0);
    let count = |bytes| _ = passed.fetch_add(bytes, Ordering::Relaxed);
    let content = Content { descriptor: &expected, from: &source, passed: &count };
    tokio::join!(async { store.send(&key, &content).await.unwrap() }, ending);
    assert!(store.read(&key).await.unwrap().unwrap().bytes == bytes);
    assert_eq!((passed.into_inner(), uploads(&location).await), (24 << 20, 0));
}

#[tokio::test]
async fn a_list_of_several_pages_is_complete() {
    let store = s3(&fresh(), Identity::RIG).await;
    let link = Document::new("a");
    let keys: Vec<Key> = (0..1100).map(|number| tag_link("acme/app", &number.to_string())).collect();
    for keys in keys.chunks(50) {
        try_join_all(keys.iter().map(|key| store.write(key, &link, When::Always))).await.unwrap();
    }
    assert_eq!(store.list(&Prefix::Repositories).await.unwrap().len(), keys.len());
}
