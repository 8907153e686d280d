//! Answers that SeaweedFS does not give: other regions, names of others, stores that know neither policy nor rule.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};

use super::super::super::Store;
use super::*;

/// Answers each request with the same, and remembers what was sent.
#[derive(Debug, Clone)]
struct Answers {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    sent: Arc<Mutex<Vec<(String, String)>>>,
}

impl Answers {
    fn new(status: u16, body: &'static str) -> Self {
        Self { status, headers: &[], body, sent: Arc::default() }
    }

    fn code(status: u16, code: &'static str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>No.</Message></Error>");
        Self::new(status, Box::leak(body.into_boxed_str()))
    }

    fn store(&self, location: &str, region: &'static str) -> S3 {
        let connector = SharedHttpConnector::new(self.clone());
        let key = Credentials::new("k", "s", None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(region))
            .credentials_provider(SharedCredentialsProvider::new(key))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        S3::new(location.parse().unwrap(), &sdk, 60).unwrap()
    }

    /// Methods and bodies.
    fn sent(&self) -> Vec<(String, String)> {
        self.sent.lock().unwrap().clone()
    }
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let head = request.method() == "HEAD";
        self.sent.lock().unwrap().push((request.method().to_owned(), body));
        let body = if head { "" } else { self.body };
        let mut response = HttpResponse::new(self.status.try_into().unwrap(), SdkBody::from(body));
        for (name, value) in self.headers {
            response.headers_mut().insert(*name, *value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn said(error: &StoreError) -> String {
    error.source.as_ref().unwrap().to_string()
}

#[tokio::test]
async fn a_bucket_is_there_or_not_or_elsewhere() {
    assert!(Answers::new(200, "").store("b", "r").exists().await.unwrap());
    assert!(!Answers::new(404, "").store("b", "r").exists().await.unwrap());
    let denied = Answers::new(403, "").store("b", "r").exists().await.unwrap_err();
    assert_eq!(denied.kind, Kind::Denied);
    let elsewhere = Answers { headers: &[("x-amz-bucket-region", "eu-west-3")], ..Answers::new(301, "") };
    let error = elsewhere.store("b", "eu-central-1").exists().await.unwrap_err();
    assert!(said(&error).contains("append ?region=eu-west-3"), "{}", said(&error));
}

#[tokio::test]
async fn a_bucket_is_made_in_its_region() {
    for (region, constraint) in [("us-east-1", None), ("eu-west-3", Some("eu-west-3"))] {
        let answers = Answers::new(200, "");
        answers.store("b", region).create().await.unwrap();
        let body = &answers.sent()[0].1;
        let tag = constraint.map(|region| format!("<LocationConstraint>{region}</LocationConstraint>"));
        assert_eq!(body.contains("LocationConstraint"), tag.is_some(), "{body}");
        assert!(body.contains(&tag.unwrap_or_default()), "{body}");
    }
    Answers::code(409, "BucketAlreadyOwnedByYou").store("b", "r").create().await.unwrap();
    let error = Answers::code(409, "BucketAlreadyExists").store("b", "r").create().await.unwrap_err();
    assert_eq!(error.kind, Kind::Other);
    assert!(said(&error).contains("BucketAlreadyExists"), "{}", said(&error));
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_is_not_replaced() {
    let none = Answers::code(404, "NoSuchBucketPolicy").store("b/p", "cn-north-1").wanted(true).await;
    let grant = none.unwrap().unwrap();
    assert!(grant.text.contains("arn:aws-cn:s3:::b/p/docker/*"), "{}", grant.text);
    for answers in [Answers::code(403, "AccessDenied"), Answers::code(501, "NotImplemented")] {
        answers.store("b", "r").wanted(true).await.unwrap_err();
        answers.store("b", "r").abort_unfinished(Duration::from_secs(1)).await.unwrap_err();
        assert!(answers.sent().iter().all(|(method, _)| method == "GET"), "{:?}", answers.sent());
    }
}

#[tokio::test]
async fn rules_of_others_are_sent_back() {
    let rules = "<LifecycleConfiguration><Rule><ID>logs</ID><Filter><Prefix>logs/</Prefix></Filter>\
        <Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>";
    let answers = Answers::new(200, rules);
    answers.store("b/p", "r").abort_unfinished(Duration::from_secs(1)).await.unwrap();
    let sent = answers.sent();
    let body = &sent[1].1;
    assert!(body.contains("<Expiration><Days>3</Days></Expiration>"), "{body}");
    assert!(body.contains("<Prefix>p/</Prefix>") && body.contains("DaysAfterInitiation>1<"), "{body}");
}

#[tokio::test]
async fn objects_are_where_the_store_shows_them() {
    for (location, region, url) in [
        ("b", "eu-1", "https://b.s3.eu-1.amazonaws.com"),
        ("b/a/c", "cn-north-1", "https://b.s3.cn-north-1.amazonaws.com.cn/a/c"),
        ("b.c/p", "eu-1", "https://s3.eu-1.amazonaws.com/b.c/p"),
        ("b?path-style=true", "eu-1", "https://s3.eu-1.amazonaws.com/b"),
        ("b/p?endpoint=http://127.0.0.1:1", "r", "http://127.0.0.1:1/b/p"),
        ("b/p q?endpoint=https://h/under", "r", "https://h/under/b/p%20q"),
        ("b/p?endpoint=https://h&path-style=false", "r", "https://b.h/p"),
    ] {
        let store = Answers::new(200, "").store(location, region);
        assert_eq!(store.public_url().await.unwrap().as_deref(), Some(url), "{}", store.name());
    }
}
