//! Status, headers and body of every reply, as they go over the wire.

use http_body_util::BodyExt;

use super::*;
use crate::settings::{Given, resolve};

fn settings(given: Given) -> Settings {
    let cdn = given.cdn.or(Some("https://cdn.test".to_owned()));
    resolve(Given { cdn, ..given }, None, Given::default()).unwrap()
}

/// A response as text, its headers in order of name.
async fn written(reply: Reply, method: &Method, settings: &Settings) -> String {
    let (parts, body) = respond(reply, method, settings).into_parts();
    let mut lines: Vec<String> =
        parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.insert(0, parts.status.to_string());
    let body = body.collect().await.unwrap().to_bytes();
    lines.push(String::from_utf8(body.to_vec()).unwrap());
    lines.join("\n")
}

async fn get(reply: Reply) -> String {
    written(reply, &Method::GET, &settings(Given::default())).await
}

#[tokio::test]
async fn yes_this_is_a_registry() {
    assert_eq!(
        get(Reply::Ping).await,
        "200 OK\ncache-control: no-store\ncontent-length: 2\ncontent-type: application/json\n\
         x-docker-registry-standalone: true\nx-docker-registry-version: 0.9.1\n{}"
    );
    assert_eq!(
        get(Reply::Version).await,
        "200 OK\ncache-control: no-store\ncontent-length: 2\ncontent-type: application/json\n{}"
    );
    let asked_for = settings(Given { api_version_header: Some(true), ..Given::default() });
    let version = written(Reply::Version, &Method::GET, &asked_for).await;
    assert!(version.contains("\ndocker-distribution-api-version: registry/2.0\n"), "{version}");
    assert!(get(Reply::Healthy).await.starts_with("200 OK\ncache-control: no-store\n"));
}

#[tokio::test]
async fn an_https_endpoint_before_a_plain_cdn_is_not_standalone() {
    for (public, cdn, standalone) in [
        ("https://registry.test", "http://cdn.test", "false"),
        ("https://registry.test", "https://cdn.test", "true"),
        ("http://registry.test", "http://cdn.test", "true"),
    ] {
        let given =
            Given { public_url: Some(public.to_owned()), cdn: Some(cdn.to_owned()), ..Given::default() };
        let ping = written(Reply::Ping, &Method::GET, &settings(given)).await;
        assert!(ping.contains(&format!("\nx-docker-registry-standalone: {standalone}\n")), "{public} {cdn}");
    }
}

#[tokio::test]
async fn a_redirect_is_empty_and_kept_for_a_while() {
    assert_eq!(
        get(Reply::Redirect("https://cdn.test/a".to_owned())).await,
        "302 Found\ncache-control: public, max-age=60\ncontent-length: 0\nlocation: https://cdn.test/a\n"
    );
}

#[tokio::test]
async fn a_redirect_that_depends_on_the_client_is_kept_by_nobody() {
    assert_eq!(
        get(Reply::RedirectOfClient("https://cdn.test/a".to_owned())).await,
        "302 Found\ncache-control: private, no-store\ncontent-length: 0\nlocation: https://cdn.test/a\n"
    );
}

#[tokio::test]
async fn a_refusal_says_why_and_is_not_kept() {
    assert_eq!(
        get(Reply::Unknown(Unknown::V2(ErrorCode::ManifestUnknown))).await,
        "404 Not Found\ncache-control: no-store\ncontent-length: 78\ncontent-type: application/json\n\
         {\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"there is no such manifest\"}]}"
    );
    let invalid = get(Reply::Unknown(Unknown::Invalid(ErrorCode::DigestInvalid))).await;
    assert!(invalid.starts_with("400 Bad Request\ncache-control: no-store\n"), "{invalid}");
    assert!(invalid.contains("\"DIGEST_INVALID\""), "{invalid}");
    assert_eq!(
        get(Reply::Unknown(Unknown::Plain)).await,
        "404 Not Found\ncache-control: no-store\ncontent-length: 10\ncontent-type: text/plain; charset=utf-8\nnot found\n"
    );
    let method = get(Reply::MethodNotAllowed(Unknown::V2(ErrorCode::Unsupported))).await;
    assert!(
        method.starts_with("405 Method Not Allowed\nallow: GET, HEAD\ncache-control: no-store\n"),
        "{method}"
    );
    assert!(method.contains("\"UNSUPPORTED\""), "{method}");
    assert!(get(Reply::TooLong).await.starts_with("414 URI Too Long\n"));
    assert!(get(Reply::Failed).await.starts_with("500 Internal Server Error\ncache-control: no-store\n"));
}

#[tokio::test]
async fn an_answer_to_head_has_the_length_and_no_body() {
    let head = written(Reply::Version, &Method::HEAD, &settings(Given::default())).await;
    assert_eq!(head, "200 OK\ncache-control: no-store\ncontent-length: 2\ncontent-type: application/json\n");
}

#[tokio::test]
async fn what_no_header_can_hold_is_no_redirect() {
    assert!(get(Reply::Redirect("https://cdn.test/\r\nX: y".to_owned())).await.starts_with("500 "));
}
