//! The embedded registry: a directory's objects as clients fetch them.

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::name::Repository;

use crate::rig::Running;
use crate::rig::bucket::{Bucket, digest_of};
use crate::rig::client::{Answer, ask};

const FOREVER: &str = "public, max-age=31536000, immutable, no-transform";
const A_MINUTE: &str = "public, max-age=60, must-revalidate, no-transform";
const SCHEMA_2: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Asks, and follows the redirect that must come.
fn follow(server: &Running, method: &str, path: &str) -> Answer {
    let redirect = ask(server.address, &format!("{method} {path}"), "");
    assert_eq!(redirect.status, 302, "{path}");
    let location = redirect.header("location");
    assert!(location.starts_with("/objects/"), "{location}");
    ask(server.address, &format!("{method} {location}"), "")
}

#[test]
fn a_pull_finds_everything_with_its_type() {
    let bucket = Bucket::with_layer(1000);
    let server = Running::start(bucket.given());
    let revision = digest_of(bucket.manifest.as_bytes());
    let layer = bucket.digest;
    let octets = "application/octet-stream";
    for (path, content_type, caching, told) in [
        ("/v2/acme/app/manifests/1.2".to_owned(), SCHEMA_2, A_MINUTE, revision.to_string()),
        (format!("/v2/acme/app/manifests/{revision}"), SCHEMA_2, FOREVER, revision.to_string()),
        (format!("/v2/acme/app/blobs/{layer}"), octets, FOREVER, layer.to_string()),
        ("/v2/acme/app/tags/list".to_owned(), "application/json", A_MINUTE, String::new()),
        (
            format!("/v2/acme/app/referrers/{revision}"),
            "application/vnd.oci.image.index.v1+json",
            A_MINUTE,
            String::new(),
        ),
        (format!("/v1/images/{}/json", bucket.v1), "application/json", FOREVER, String::new()),
        (format!("/v1/images/{}/layer", bucket.v1), octets, FOREVER, String::new()),
    ] {
        let object = follow(&server, "GET", &path);
        assert_eq!((object.status, object.header("content-type")), (200, content_type), "{path}");
        assert_eq!(object.header("cache-control"), caching, "{path}");
        assert_eq!(object.header("docker-content-digest"), told, "{path}");
        assert_eq!(object.header("content-encoding"), "");
        assert_eq!(object.header("last-modified"), "");
        let head = follow(&server, "HEAD", &path);
        for name in ["content-type", "content-length", "etag", "cache-control", "docker-content-digest"] {
            assert_eq!(head.header(name), object.header(name), "{path} {name}");
        }
    }
    assert_eq!(follow(&server, "GET", "/v2/acme/app/manifests/1.2").text(), bucket.manifest);
    assert!(follow(&server, "GET", &format!("/v2/acme/app/blobs/{layer}")).body == bucket.layer);
}

#[test]
fn the_entity_tag_is_strong_and_the_digest() {
    let bucket = Bucket::with_layer(10);
    let server = Running::start(bucket.given());
    let revision = digest_of(bucket.manifest.as_bytes());
    let list = digest_of(br#"{"name":"acme/app","tags":["1.2"]}"#);
    for (path, tag) in [
        (format!("/v2/acme/app/blobs/{}", bucket.digest), bucket.digest.to_string()),
        ("/v2/acme/app/manifests/1.2".to_owned(), revision.to_string()),
        ("/v2/acme/app/tags/list".to_owned(), list.to_string()),
        (format!("/v1/images/{}/layer", bucket.v1), bucket.v1.to_string()),
    ] {
        assert_eq!(follow(&server, "GET", &path).header("etag"), format!("\"{tag}\""), "{path}");
    }
}

#[test]
fn who_has_it_already_is_told_so() {
    let bucket = Bucket::with_layer(1000);
    let server = Running::start(bucket.given());
    let manifest = format!("/objects/{}", Key::TagView("acme/app".parse().unwrap(), "1.2".parse().unwrap()));
    for path in [bucket.layer_path(), manifest] {
        let tag = ask(server.address, &format!("GET {path}"), "").header("etag").to_owned();
        for method in ["GET", "HEAD"] {
            let held = ask(server.address, &format!("{method} {path}"), &format!("If-None-Match: {tag}\r\n"));
            assert_eq!((held.status, held.header("etag")), (304, tag.as_str()), "{path}");
            assert!(held.header("cache-control").starts_with("public, "), "{path}");
            assert_eq!(held.header("content-type"), "", "{path}");
        }
        let other = ask(server.address, &format!("GET {path}"), "If-None-Match: \"other\"\r\n");
        assert_eq!(other.status, 200, "{path}");
        let not_this = ask(server.address, &format!("GET {path}"), "If-Match: \"other\"\r\n");
        assert_eq!((not_this.status, not_this.header("cache-control")), (412, "no-store"), "{path}");
    }
}

#[test]
fn a_download_can_be_resumed() {
    let bucket = Bucket::with_layer(100_000);
    let server = Running::start(bucket.given());
    let get = |headers: &str| ask(server.address, &format!("GET {}", bucket.layer_path()), headers);
    let whole = get("");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let tag = whole.header("etag");
    for (headers, status, range, bytes) in [
        ("Range: bytes=0-9\r\n".to_owned(), 206, "bytes 0-9/100000", 0..10),
        ("Range: bytes=99990-\r\n".to_owned(), 206, "bytes 99990-99999/100000", 99_990..100_000),
        ("Range: bytes=-5\r\n".to_owned(), 206, "bytes 99995-99999/100000", 99_995..100_000),
        ("Range: bytes=-999999\r\n".to_owned(), 206, "bytes 0-99999/100000", 0..100_000),
        ("Range: bytes=5-999999\r\n".to_owned(), 206, "bytes 5-99999/100000", 5..100_000),
        (format!("Range: bytes=7-8\r\nIf-Range: {tag}\r\n"), 206, "bytes 7-8/100000", 7..9),
        ("Range: bytes=7-8\r\nIf-Range: \"other\"\r\n".to_owned(), 200, "", 0..100_000),
        ("Range: bytes=0-1,5-6\r\n".to_owned(), 200, "", 0..100_000),
        ("Range: lines=0-9\r\n".to_owned(), 200, "", 0..100_000),
    ] {
        let part = get(&headers);
        assert_eq!((part.status, part.header("content-range")), (status, range), "{headers}");
        assert!(part.body == bucket.layer[bytes], "{headers}");
        assert_eq!(part.header("etag"), tag);
    }
    let beyond = get("Range: bytes=100000-\r\n");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */100000"));
    assert_eq!(beyond.header("cache-control"), "no-store");
}

#[test]
fn what_is_not_there_is_told_in_the_clients_words() {
    let bucket = Bucket::with_layer(10);
    let server = Running::start(bucket.given());
    let absent = Digest::of(Algorithm::Sha512, b"absent");
    for (path, code) in [
        ("/v2/acme/app/manifests/no".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("/v2/acme/app/manifests/{absent}"), "MANIFEST_UNKNOWN"),
        (format!("/v2/acme/app/blobs/{absent}"), "BLOB_UNKNOWN"),
        ("/v2/acme/no/tags/list".to_owned(), "NAME_UNKNOWN"),
    ] {
        let answer = follow(&server, "GET", &path);
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/json"), "{path}");
        assert!(answer.text().contains(code), "{}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(follow(&server, "GET", "/v1/repositories/acme/no/images").status, 404);
}

#[test]
fn a_view_counts_only_with_its_link() {
    let bucket = Bucket::with_layer(10);
    let server = Running::start(bucket.given());
    let name: Repository = "acme/app".parse().unwrap();
    let revision = digest_of(bucket.manifest.as_bytes());
    let by_digest = format!("/v2/acme/app/manifests/{revision}");
    bucket.remove(&Key::TagLink(name.clone(), "1.2".parse().unwrap()));
    assert_eq!(follow(&server, "GET", "/v2/acme/app/manifests/1.2").status, 404);
    assert_eq!(follow(&server, "GET", &by_digest).status, 200);
    bucket.remove(&Key::RevisionLink(name, revision));
    assert_eq!(follow(&server, "GET", &by_digest).status, 404);
}

#[test]
fn a_moved_tag_is_another_version() {
    let bucket = Bucket::with_layer(10);
    let server = Running::start(bucket.given());
    let view = Key::TagView("acme/app".parse().unwrap(), "1.2".parse().unwrap());
    let before = ask(server.address, &format!("GET /objects/{view}"), "").header("etag").to_owned();
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    bucket.put(&view, index.as_bytes());
    let after = ask(server.address, &format!("GET /objects/{view}"), &format!("If-None-Match: {before}\r\n"));
    assert_eq!((after.status, after.text()), (200, index));
    assert_eq!(after.header("content-type"), "application/vnd.oci.image.index.v1+json");
}

#[test]
fn a_view_that_is_no_manifest_is_our_failure() {
    let bucket = Bucket::with_layer(10);
    let server = Running::start(bucket.given());
    let view = Key::TagView("acme/app".parse().unwrap(), "1.2".parse().unwrap());
    bucket.put(&view, b"half a manif");
    assert_eq!(follow(&server, "GET", "/v2/acme/app/manifests/1.2").status, 500);
}

#[test]
fn nothing_else_of_the_disk_is_shown() {
    let bucket = Bucket::with_layer(10);
    let server = Running::start(bucket.given());
    std::fs::write(bucket.path().join("secret"), "s").unwrap();
    let catalog = "docker/registry/v2/catalog.json";
    for path in [
        "/objects/secret",
        "/objects/static-registry/lock",
        "/objects/../../../../etc/passwd",
        "/objects/docker/registry/v2/../../../secret",
        "/objects/%2e%2e/%2e%2e/etc/passwd",
        "/objects/docker%2fregistry%2fv2%2fcatalog.json",
        "/objects//etc/passwd",
        "/objects/",
        "/objects",
        &format!("/objects/{catalog}/"),
        &format!("/objects/{catalog}"),
        &format!("/{catalog}"),
    ] {
        assert_eq!(ask(server.address, &format!("GET {path}"), "").status, 404, "{path}");
    }
}
