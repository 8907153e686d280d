//! Stores that keep their word on conditional writes in other ways than SeaweedFS, on which the whole suite runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use bytes::Bytes;

use super::super::Version;
use super::*;

/// How a store treats conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Strict,
    /// As Garage 2.5: overwrites, and answers 200.
    Ignores,
    /// As Ceph 16.2: takes `If-Match` without quotes alone.
    Unquoted,
    /// Knows `If-None-Match` alone.
    CreatesOnly,
    /// Knows no such header.
    NotImplemented,
    /// Carries the n-th conditional write out, and the answer is lost.
    Loses(u32),
    /// Does not carry the n-th conditional write out, and asks for a repetition.
    Busy(u32),
}

/// How many conditional writes a probe makes of a strict store.
const PROBING: u32 = 4;

/// The five requests that matter here.
#[derive(Debug, Clone)]
struct Fake {
    manner: Manner,
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    conditional: Arc<AtomicU32>,
    requests: Arc<AtomicU32>,
}

impl Fake {
    fn new(manner: Manner) -> Self {
        let (conditional, requests) = Default::default();
        Self { manner, objects: Arc::default(), conditional, requests }
    }

    fn store(&self) -> S3 {
        let connector = SharedHttpConnector::new(self.clone());
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("r"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "k", "s", None, None, "test",
            )))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        S3::new("b?endpoint=http://fake".parse().unwrap(), &sdk, 60).unwrap()
    }

    fn answer(&self, request: &HttpRequest) -> (u16, Bytes) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let path = request.uri().split('?').next().unwrap_or_default().to_owned();
        let mut objects = self.objects.lock().unwrap();
        let there = objects.get(&path).cloned();
        match request.method() {
            "PUT" => {
                let status = self.put_status(request, there.as_ref());
                let body = Bytes::copy_from_slice(request.body().bytes().unwrap());
                if matches!(status, 200 | 500) {
                    objects.insert(path, body.clone());
                }
                (status, body)
            }
            "DELETE" => {
                objects.remove(&path);
                (204, Bytes::new())
            }
            "GET" | "HEAD" => there.map_or((404, Bytes::new()), |body| (200, body)),
            other => panic!("{other}"),
        }
    }

    fn put_status(&self, request: &HttpRequest, there: Option<&Bytes>) -> u16 {
        let (none, matching) = (request.headers().get("if-none-match"), request.headers().get("if-match"));
        if none.or(matching).is_none() {
            return 200;
        }
        let number = self.conditional.fetch_add(1, Ordering::Relaxed) + 1;
        let etag = there.map(etag).unwrap_or_default();
        let held = match (none, matching) {
            (Some(none), _) => none == "*" && there.is_none(),
            (_, Some(_)) if self.manner == Manner::CreatesOnly => true,
            (_, Some(given)) if self.manner == Manner::Unquoted => given == etag.trim_matches('"'),
            (_, given) => given == Some(&etag),
        };
        match self.manner {
            Manner::Ignores => 200,
            Manner::NotImplemented => 501,
            Manner::Busy(busy) if busy == number => 409,
            _ if !held => 412,
            Manner::Loses(lost) if lost == number => 500,
            _ => 200,
        }
    }
}

fn etag(bytes: &Bytes) -> String {
    let Version(version) = Version::of(bytes);
    format!("\"{}\"", &version[version.len() - 32..])
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.answer(&request);
        let sent = if matches!(request.method(), "GET") { body.clone() } else { Bytes::new() };
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(sent));
        if status == 200 {
            response.headers_mut().insert("etag", etag(&body));
            response.headers_mut().insert("content-length", body.len().to_string());
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

async fn write(store: &S3, bytes: &'static str, when: When) -> Result<(), Kind> {
    store.write(&Key::Catalog, &Document::new(bytes), when).await.map_err(|error| error.kind)
}

#[tokio::test]
async fn a_stores_word_is_probed_and_remembered() {
    for (manner, compares) in [
        (Manner::Strict, true),
        (Manner::Unquoted, true),
        (Manner::Loses(1), true),
        (Manner::Loses(PROBING), true),
        (Manner::Ignores, false),
        (Manner::CreatesOnly, false),
        (Manner::NotImplemented, false),
    ] {
        let fake = Fake::new(manner);
        assert_eq!(fake.store().compares().await.unwrap(), compares, "{manner:?}");
        let paths: Vec<String> = fake.objects.lock().unwrap().keys().cloned().collect();
        assert_eq!(paths.len(), 1, "{paths:?}");
        assert!(paths[0].ends_with("/b/static-registry/probe.json"), "{paths:?}");
        let (before, next) = (fake.requests.load(Ordering::Relaxed), fake.store());
        for _ in 0..2 {
            assert_eq!(next.compares().await.unwrap(), compares);
        }
        assert_eq!(fake.requests.load(Ordering::Relaxed), before + 1);
    }
}

#[tokio::test]
async fn what_was_seen_elsewhere_says_nothing() {
    let fake = Fake::new(Manner::Ignores);
    let copied = r#"{"store":"http://other/b","create_only":true,"if_match":"quoted"}"#;
    for remembered in [copied, "", "{}"] {
        let store = fake.store();
        store.write(&Key::Probe, &Document::new(remembered), When::Always).await.unwrap();
        assert!(!store.compares().await.unwrap(), "{remembered}");
    }
}

#[tokio::test]
async fn conditions_hold_in_each_manner() {
    for (manner, created_anew, changed_again) in [
        (Manner::Strict, Err(Kind::Conflict), Err(Kind::Conflict)),
        (Manner::Unquoted, Err(Kind::Conflict), Err(Kind::Conflict)),
        (Manner::CreatesOnly, Err(Kind::Conflict), Ok(())),
        (Manner::Ignores, Err(Kind::Conflict), Ok(())),
        (Manner::NotImplemented, Err(Kind::Conflict), Ok(())),
    ] {
        let store = Fake::new(manner).store();
        assert_eq!(write(&store, "1", When::Absent).await, Ok(()), "{manner:?}");
        assert_eq!(write(&store, "2", When::Absent).await, created_anew, "{manner:?}");
        let first = store.read(&Key::Catalog).await.unwrap().unwrap();
        assert_eq!(first.bytes, "1");
        assert_eq!(write(&store, "3", When::Unchanged(first.version.clone())).await, Ok(()), "{manner:?}");
        assert_eq!(write(&store, "4", When::Unchanged(first.version)).await, changed_again, "{manner:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_taken_for_another_writer() {
    let fake = Fake::new(Manner::Loses(PROBING + 1));
    let store = fake.store();
    assert_eq!(write(&store, "1", When::Absent).await, Ok(()));
    assert_eq!(write(&store, "1", When::Absent).await, Err(Kind::Conflict));
    let fake = Fake::new(Manner::Loses(PROBING + 2));
    let store = fake.store();
    assert_eq!(write(&store, "1", When::Absent).await, Ok(()));
    let version = store.read(&Key::Catalog).await.unwrap().unwrap().version;
    assert_eq!(write(&store, "2", When::Unchanged(version)).await, Ok(()));
    assert_eq!(store.read(&Key::Catalog).await.unwrap().unwrap().bytes, "2");
}

#[tokio::test]
async fn a_busy_store_is_asked_again() {
    let store = Fake::new(Manner::Busy(PROBING + 1)).store();
    assert_eq!(write(&store, "1", When::Absent).await, Ok(()));
    assert_eq!(write(&store, "2", When::Absent).await, Err(Kind::Conflict));
}
