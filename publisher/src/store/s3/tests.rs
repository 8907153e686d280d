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
use contract::digest::{Algorithm, Digest};

use super::super::Version;
use super::uploads::Upload;
use super::*;

/// How a store treats conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conditions {
    Strict,
    /// As Garage 2.5: overwrites, and answers 200.
    Ignores,
    /// As Ceph 16.2: takes `If-Match` without quotes alone.
    Unquoted,
    /// Knows `If-None-Match` alone.
    CreatesOnly,
    /// Knows no such header.
    NotImplemented,
    /// As AWS: where nothing is, there is nothing that could match.
    NothingMatches,
    /// Carries the n-th conditional write out, and the answer is lost.
    Loses(u32),
    /// Does not carry the n-th conditional write out, and asks for a repetition.
    Busy(u32),
    /// Compares, and lets nobody delete the object of this name.
    Keeps(&'static str),
}

/// How many conditional writes a probe makes of a strict store.
const PROBING: u32 = 4;

/// The five requests that matter here; uploads in parts find the store out of order.
#[derive(Debug, Clone)]
struct Fake {
    conditions: Conditions,
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    conditional: Arc<AtomicU32>,
    requests: Arc<AtomicU32>,
    /// Of the last PUT.
    headers: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Fake {
    fn new(conditions: Conditions) -> Self {
        let (conditional, requests) = Default::default();
        Self { conditions, objects: Arc::default(), conditional, requests, headers: Arc::default() }
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
        let haste = Patience { pause: Duration::from_millis(1), ..Patience::default() };
        S3::new("b?endpoint=http://fake".parse().unwrap(), &sdk, 60).unwrap().with_patience(haste)
    }

    fn answer(&self, request: &HttpRequest) -> (u16, Bytes) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let path = request.uri().split('?').next().unwrap_or_default().to_owned();
        let mut objects = self.objects.lock().unwrap();
        let there = objects.get(&path).cloned();
        match request.method() {
            "PUT" => {
                let headers = request.headers().iter().map(|(name, value)| (name.into(), value.into()));
                *self.headers.lock().unwrap() = headers.collect();
                let status = self.put_status(request, there.as_ref());
                let body = Bytes::copy_from_slice(request.body().bytes().unwrap());
                if matches!(status, 200 | 500) {
                    objects.insert(path, body.clone());
                }
                (status, body)
            }
            "DELETE" => match self.conditions {
                Conditions::Keeps(name) if path.ends_with(name) => (403, Bytes::new()),
                _ => {
                    objects.remove(&path);
                    (204, Bytes::new())
                }
            },
            "POST" if request.uri().contains("delete") => (200, delete_half(&mut objects, request)),
            "GET" | "HEAD" => there.map_or((404, Bytes::new()), |body| (200, body)),
            "POST" => (503, Bytes::new()),
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
            (_, Some(_)) if self.conditions == Conditions::CreatesOnly => true,
            (_, Some(given)) if self.conditions == Conditions::Unquoted => given == etag.trim_matches('"'),
            (_, given) => given == Some(&etag),
        };
        match self.conditions {
            Conditions::Ignores => 200,
            Conditions::NotImplemented => 501,
            Conditions::Busy(busy) if busy == number => 409,
            Conditions::NothingMatches if matching.is_some() && there.is_none() => 404,
            _ if !held => 412,
            Conditions::Loses(lost) if lost == number => 500,
            _ => 200,
        }
    }
}

/// Of many, every second one, as [`DeleteResult`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html)
/// has it.
fn delete_half(objects: &mut BTreeMap<String, Bytes>, request: &HttpRequest) -> Bytes {
    let asked = str::from_utf8(request.body().bytes().unwrap()).unwrap();
    let keys = asked.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap());
    let mut errors = String::new();
    for (number, key) in keys.enumerate() {
        if number % 2 == 0 {
            objects.retain(|path, _| !path.ends_with(key));
        } else {
            errors += &format!("<Error><Key>{key}</Key><Code>InternalError</Code></Error>");
        }
    }
    format!("<DeleteResult>{errors}</DeleteResult>").into()
}

fn etag(bytes: &Bytes) -> String {
    let Version(version) = Version::of(bytes);
    format!("\"{}\"", &version[version.len() - 32..])
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.answer(&request);
        let sent = if matches!(request.method(), "GET" | "POST") { body.clone() } else { Bytes::new() };
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(sent));
        if status == 200 {
            response.headers_mut().insert("etag", etag(&body));
            response.headers_mut().insert("last-modified", "Sat, 21 Nov 2026 10:00:00 GMT");
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
        (Conditions::Strict, true),
        (Conditions::Unquoted, true),
        (Conditions::Loses(1), true),
        (Conditions::Loses(PROBING), true),
        (Conditions::Ignores, false),
        (Conditions::CreatesOnly, false),
        (Conditions::NotImplemented, false),
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
async fn what_a_request_for_many_did_not_delete_is_deleted_singly_or_named_by_a_reason() {
    let keys: Vec<Key> = (0..5)
        .map(|number| Key::TagLink("acme/app".parse().unwrap(), number.to_string().parse().unwrap()))
        .collect();
    for (conditions, left, said) in [
        (Conditions::Strict, 0, Ok(())),
        (Conditions::Keeps("tags/2/current/link"), 0, Ok(())),
        (Conditions::Keeps("tags/3/current/link"), 1, Err(Kind::Denied)),
    ] {
        let fake = Fake::new(conditions);
        let store = fake.store();
        for key in &keys {
            store.write(key, &Document::new("1"), When::Always).await.unwrap();
        }
        assert_eq!(store.delete_many(&keys).await.map_err(|error| error.kind), said, "{conditions:?}");
        assert_eq!(fake.objects.lock().unwrap().len(), left, "{conditions:?}");
    }
}

#[tokio::test]
async fn what_was_seen_elsewhere_says_nothing() {
    let fake = Fake::new(Conditions::Ignores);
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
        (Conditions::Strict, Err(Kind::Conflict), Err(Kind::Conflict)),
        (Conditions::Unquoted, Err(Kind::Conflict), Err(Kind::Conflict)),
        (Conditions::CreatesOnly, Err(Kind::Conflict), Ok(())),
        (Conditions::Ignores, Err(Kind::Conflict), Ok(())),
        (Conditions::NotImplemented, Err(Kind::Conflict), Ok(())),
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
async fn what_was_deleted_since_it_was_read_is_another_state() {
    let store = Fake::new(Conditions::NothingMatches).store();
    assert_eq!(write(&store, "1", When::Absent).await, Ok(()));
    let read = store.read(&Key::Catalog).await.unwrap().unwrap();
    store.delete(&Key::Catalog).await.unwrap();
    assert_eq!(write(&store, "2", When::Unchanged(read.version)).await, Err(Kind::Conflict));
}

#[tokio::test]
async fn a_lost_answer_is_not_taken_for_another_writer() {
    let fake = Fake::new(Conditions::Loses(PROBING + 1));
    let store = fake.store();
    assert_eq!(write(&store, "1", When::Absent).await, Ok(()));
    assert_eq!(write(&store, "1", When::Absent).await, Err(Kind::Conflict));
    let fake = Fake::new(Conditions::Loses(PROBING + 2));
    let store = fake.store();
    assert_eq!(write(&store, "1", When::Absent).await, Ok(()));
    let version = store.read(&Key::Catalog).await.unwrap().unwrap().version;
    assert_eq!(write(&store, "2", When::Unchanged(version)).await, Ok(()));
    assert_eq!(store.read(&Key::Catalog).await.unwrap().unwrap().bytes, "2");
}

#[tokio::test]
async fn a_busy_store_is_asked_again() {
    let store = Fake::new(Conditions::Busy(PROBING + 1)).store();
    assert_eq!(write(&store, "1", When::Absent).await, Ok(()));
    assert_eq!(write(&store, "2", When::Absent).await, Err(Kind::Conflict));
}

#[tokio::test]
async fn objects_are_kept_in_the_manner_that_was_asked_for() {
    let fake = Fake::new(Conditions::Strict);
    let kept = Manner {
        encryption: Some("aws:kms=key/1".parse().unwrap()),
        storage_class: Some("STANDARD_IA".parse().unwrap()),
        acl: Some("public-read".parse().unwrap()),
        requester_pays: Some(true),
    };
    let names = ["server-side-encryption", "storage-class", "acl", "request-payer"];
    let sent = || {
        let headers = fake.headers.lock().unwrap();
        names.map(|name| headers.get(&format!("x-amz-{name}")).cloned().unwrap_or_default())
    };
    assert_eq!(write(&fake.store(), "1", When::Always).await, Ok(()));
    assert_eq!(sent(), ["", "", "", ""]);
    assert_eq!(write(&fake.store().with_manner(kept), "1", When::Always).await, Ok(()));
    assert_eq!(sent(), ["aws:kms", "STANDARD_IA", "public-read", "requester"]);
    assert_eq!(fake.headers.lock().unwrap()["x-amz-server-side-encryption-aws-kms-key-id"], "key/1");
}

#[tokio::test]
async fn what_arrives_is_checked_by_the_digest_that_every_store_knows() {
    let fake = Fake::new(Conditions::Strict);
    assert_eq!(write(&fake.store(), "1", When::Always).await, Ok(()));
    let headers = fake.headers.lock().unwrap();
    let digest = Digest::of(Algorithm::Sha256, b"1");
    assert_eq!(headers["x-amz-content-sha256"], digest.hex().to_string());
    assert!(!headers.contains_key("content-encoding") && !headers.contains_key("x-amz-trailer"));
}

#[tokio::test]
async fn uploads_that_are_known_are_ended_where_those_in_doubt_cannot_be_looked_for() {
    let store = Fake::new(Conditions::Strict).store();
    store.uploads().open.insert(Upload { path: "known".into(), id: "1".into() });
    store.uploads().in_doubt.insert("in-doubt".into());
    // The fake has no list of uploads: there is nothing at its path.
    assert_eq!(store.close().await.map_err(|error| error.kind), Err(Kind::Missing));
    assert!(store.uploads().open.is_empty());
    assert_eq!(store.uploads().in_doubt.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_does_not_begin_is_not_waited_for_at_the_end() {
    let fake = Fake::new(Conditions::Strict);
    let store =
        fake.store().with_patience(Patience { pause: Duration::from_secs(20), ..Patience::default() });
    let headers = super::super::headers(&Key::Catalog, None, 60);
    let begun = tokio::time::timeout(Duration::from_millis(1), store.begin("path".into(), &headers)).await;
    assert!(begun.is_err() && fake.requests.load(Ordering::Relaxed) == 1);
    assert_eq!(store.close().await.map_err(|error| error.kind), Err(Kind::Missing));
    // Behind the first beginning came the look for what it may have begun, alone.
    assert_eq!(fake.requests.load(Ordering::Relaxed), 2);
}
