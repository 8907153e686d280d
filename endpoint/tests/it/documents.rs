//! `--documents serve`, case by case of the distribution spec's pull and content discovery; and v1.

use std::time::Duration;

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::media::MediaType;
use contract::v1;
use endpoint::settings::{Documents, Given};

use crate::rig::Running;
use crate::rig::bucket::Bucket;
use crate::rig::client::{Answer, ask};
use crate::rig::origin::Origin;

const FOREVER: &str = "public, max-age=31536000, immutable, no-transform";
const JSON: &str = "application/json";
const INDEX: &str = MediaType::OCI_INDEX;
const TAGS: &str = r#"{"name":"acme/app","tags":["1.10","1.9","A","b","C"]}"#;

pub(crate) fn given(origin: &Origin) -> Given {
    Given { documents: Some(Documents::Serve), origin: Some(origin.url()), ..Given::default() }
}

/// An image manifest; another one for each `note`.
pub(crate) fn manifest(note: &str) -> String {
    let digest = Digest::of(Algorithm::Sha256, b"{}");
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{digest}","size":2}},"layers":[],"annotations":{{"note":"{note}"}}}}"#,
        MediaType::OCI_MANIFEST,
        MediaType::OCI_CONFIG,
    )
}

pub(crate) fn tag_view(tag: &str) -> Key {
    Key::TagView("acme/app".parse().unwrap(), tag.parse().unwrap())
}

pub(crate) fn digest_view(content: &str, algorithm: Algorithm) -> (Key, Digest) {
    let digest = Digest::of(algorithm, content.as_bytes());
    (Key::DigestView("acme/app".parse().unwrap(), digest), digest)
}

/// An origin with `acme/app:1.2` and what belongs to it, with signatures and lists.
fn filled() -> Origin {
    let (origin, manifest) = (Origin::start(), manifest("1.2"));
    let name = || "acme/app".parse().unwrap();
    for algorithm in Algorithm::ALL {
        let (key, _) = digest_view(&manifest, algorithm);
        origin.put(&key, MediaType::OCI_MANIFEST, manifest.as_bytes());
    }
    // As a web server sends a file without an ending.
    origin.put(&tag_view("1.2"), "application/octet-stream", manifest.as_bytes());
    origin.put(&Key::TagList(name()), JSON, TAGS.as_bytes());
    origin.put(&Key::Catalog, JSON, br#"{"repositories":["acme/app","acme/web","zoo"]}"#);
    let (_, digest) = digest_view(&manifest, Algorithm::Sha256);
    let referrer = |kind: &str| {
        let digest = Digest::of(Algorithm::Sha256, kind.as_bytes());
        let media_type = MediaType::OCI_MANIFEST;
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":9,"artifactType":"{kind}"}}"#)
    };
    let referrers = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{},{}]}}"#,
        referrer("application/vnd.a+json"),
        referrer("application/vnd.b")
    );
    origin.put(&Key::Referrers(name(), digest), INDEX, referrers.as_bytes());
    origin
}

/// Asks by GET and by HEAD, which must say the same.
fn both(server: &Running, path: &str, headers: &str) -> Answer {
    let get = ask(server.address, &format!("GET {path}"), headers);
    let head = ask(server.address, &format!("HEAD {path}"), headers);
    assert_eq!(get.status, head.status, "{path}");
    for name in ["content-type", "content-length", "docker-content-digest", "etag", "link", "location"] {
        assert_eq!(get.header(name), head.header(name), "{path}: {name}");
    }
    get
}

#[test]
fn pulling_is_as_the_spec_says() {
    let origin = filled();
    let server = Running::start(given(&origin));
    let (content, name) = (manifest("1.2"), "/v2/acme/app");
    let sha256 = digest_view(&content, Algorithm::Sha256).1.to_string();
    let sha512 = digest_view(&content, Algorithm::Sha512).1.to_string();
    let escaped = sha256.replace(':', "%3A");
    for (path, digest) in [
        (format!("{name}/manifests/1.2"), &sha256),
        (format!("{name}/manifests/{sha256}"), &sha256),
        (format!("{name}/manifests/{escaped}"), &sha256),
        (format!("{name}/manifests/{sha512}"), &sha512),
        (format!("{name}/manifests/{sha256}?ns=docker.io"), &sha256),
    ] {
        let answer = both(&server, &path, "Accept: application/json\r\n");
        assert_eq!((answer.status, answer.text()), (200, content.as_str()), "{path}");
        assert_eq!(answer.header("content-type"), MediaType::OCI_MANIFEST, "{path}");
        assert_eq!(answer.header("docker-content-digest"), digest, "{path}");
        assert_eq!(answer.header("etag"), format!("\"{digest}\""), "{path}");
        assert_eq!(answer.header("content-encoding"), "", "{path}");
        let immutable = !path.ends_with("/1.2");
        assert_eq!(answer.header("cache-control") == FOREVER, immutable, "{path}");
    }
    let nobody = Digest::of(Algorithm::Sha256, b"nobody");
    for (path, status, code) in [
        (format!("{name}/manifests/none"), 404, "MANIFEST_UNKNOWN"),
        (format!("{name}/manifests/{nobody}"), 404, "MANIFEST_UNKNOWN"),
        ("/v2/nobody/manifests/1.2".to_owned(), 404, "MANIFEST_UNKNOWN"),
        (format!("{name}/manifests/sha256:short"), 404, "MANIFEST_UNKNOWN"),
        (format!("{name}/manifests/.bad"), 404, "MANIFEST_UNKNOWN"),
        ("/v2/Bad/manifests/1.2".to_owned(), 404, "MANIFEST_UNKNOWN"),
        (format!("{name}/blobs/sha256:short"), 404, "DIGEST_INVALID"),
        (format!("{name}/blobs/{nobody}"), 302, ""),
        ("/v2/".to_owned(), 200, ""),
    ] {
        let answer = both(&server, &path, "");
        assert_eq!(answer.status, status, "{path}");
        if status == 404 {
            assert_eq!(answer.header("content-type"), JSON, "{path}");
            assert!(answer.text().contains(&format!(r#""code":"{code}""#)), "{path}: {}", answer.text());
        }
    }
    let blob = ask(server.address, &format!("GET {name}/blobs/{nobody}"), "");
    assert_eq!(blob.header("location"), format!("https://cdn.test/{}", Key::Blob(nobody)));
    assert!(origin.asked().iter().all(|asked| !asked.contains("/blobs/")), "{:?}", origin.asked());
}

#[test]
fn discovering_is_as_the_spec_says() {
    let origin = filled();
    let server = Running::start(given(&origin));
    let tags = |tags: &str| format!(r#"{{"name":"acme/app","tags":[{tags}]}}"#);
    let names = |names: &str| format!(r#"{{"repositories":[{names}]}}"#);
    let next = |path: &str| format!("<{path}>; rel=\"next\"");
    for (path, status, body, link) in [
        ("/v2/acme/app/tags/list", 200, TAGS.to_owned(), String::new()),
        (
            "/v2/acme/app/tags/list?n=2",
            200,
            tags(r#""1.10","1.9""#),
            next("/v2/acme/app/tags/list?n=2&last=1.9"),
        ),
        (
            "/v2/acme/app/tags/list?n=2&last=1.9",
            200,
            tags(r#""A","b""#),
            next("/v2/acme/app/tags/list?n=2&last=b"),
        ),
        ("/v2/acme/app/tags/list?n=2&last=b", 200, tags(r#""C""#), String::new()),
        ("/v2/acme/app/tags/list?n=5", 200, TAGS.to_owned(), String::new()),
        ("/v2/acme/app/tags/list?n=0", 200, tags(""), String::new()),
        ("/v2/acme/app/tags/list?last=b", 200, tags(r#""C""#), String::new()),
        ("/v2/acme/app/tags/list?n=x", 400, "UNSUPPORTED".to_owned(), String::new()),
        ("/v2/nobody/tags/list", 404, "NAME_UNKNOWN".to_owned(), String::new()),
        ("/v2/nobody/tags/list?n=1", 404, "NAME_UNKNOWN".to_owned(), String::new()),
        ("/v2/Bad/tags/list", 404, "NAME_INVALID".to_owned(), String::new()),
        ("/v2/_catalog", 200, names(r#""acme/app","acme/web","zoo""#), String::new()),
        ("/v2/_catalog?n=1", 200, names(r#""acme/app""#), next("/v2/_catalog?n=1&last=acme/app")),
        (
            "/v2/_catalog?n=1&last=acme%2Fapp",
            200,
            names(r#""acme/web""#),
            next("/v2/_catalog?n=1&last=acme/web"),
        ),
        ("/v2/_catalog?n=1&last=acme/web", 200, names(r#""zoo""#), String::new()),
    ] {
        let answer = both(&server, path, "");
        assert_eq!((answer.status, answer.header("content-type")), (status, JSON), "{path}");
        assert_eq!(answer.header("link"), link, "{path}");
        let told = if status == 200 { answer.text() == body } else { answer.text().contains(&body) };
        assert!(told, "{path}: {}", answer.text());
    }
}

#[test]
fn referrers_are_as_the_spec_says() {
    let origin = filled();
    let server = Running::start(given(&origin));
    let (_, digest) = digest_view(&manifest("1.2"), Algorithm::Sha256);
    let nobody = Digest::of(Algorithm::Sha512, b"nobody");
    for (path, status, count, applied) in [
        (format!("/v2/acme/app/referrers/{digest}"), 200, 2, ""),
        (format!("/v2/acme/app/referrers/{digest}?artifactType=application/vnd.b"), 200, 1, "artifactType"),
        (
            format!("/v2/acme/app/referrers/{digest}?artifactType=application%2Fvnd.a%2Bjson"),
            200,
            1,
            "artifactType",
        ),
        (format!("/v2/acme/app/referrers/{digest}?artifactType=other"), 200, 0, "artifactType"),
        (format!("/v2/acme/app/referrers/{nobody}"), 200, 0, ""),
        (format!("/v2/acme/app/referrers/{nobody}?artifactType=other"), 200, 0, "artifactType"),
        (format!("/v2/nobody/referrers/{digest}"), 200, 0, ""),
        ("/v2/acme/app/referrers/sha256:short".to_owned(), 400, 0, ""),
        ("/v2/acme/app/referrers/1.2".to_owned(), 400, 0, ""),
    ] {
        let answer = both(&server, &path, "");
        assert_eq!((answer.status, answer.header("oci-filters-applied")), (status, applied), "{path}");
        assert_eq!(answer.header("content-type"), if status == 200 { INDEX } else { JSON }, "{path}");
        assert_eq!(answer.text().matches("artifactType").count(), count, "{path}: {}", answer.text());
    }
}

#[test]
fn who_has_it_is_not_sent_it_again() {
    let origin = filled();
    let server = Running::start(given(&origin));
    let (_, digest) = digest_view(&manifest("1.2"), Algorithm::Sha256);
    let page = ask(server.address, "GET /v2/acme/app/tags/list?n=1", "").header("etag").to_owned();
    let list = ask(server.address, "GET /v2/acme/app/tags/list", "").header("etag").to_owned();
    assert_ne!(page, list);
    for (path, condition, status) in [
        ("manifests/1.2", format!("If-None-Match: \"{digest}\""), 304),
        ("manifests/1.2", format!("If-None-Match: W/\"{digest}\""), 304),
        ("manifests/1.2", "If-None-Match: \"other\"".to_owned(), 200),
        ("manifests/1.2", "If-Match: \"other\"".to_owned(), 412),
        ("tags/list?n=1", format!("If-None-Match: {page}"), 304),
        ("tags/list?n=2", format!("If-None-Match: {page}"), 200),
        ("tags/list", format!("If-None-Match: {list}"), 304),
    ] {
        let request = format!("GET /v2/acme/app/{path}");
        let answer = ask(server.address, &request, &format!("{condition}\r\n"));
        assert_eq!(answer.status, status, "{path} {condition}");
        assert_eq!(answer.body.is_empty(), status != 200, "{path} {condition}");
        assert_eq!(answer.header("cache-control") == "no-store", status == 412, "{path} {condition}");
    }
}

#[test]
fn old_docker_reads_what_it_needs() {
    let (origin, id) = (filled(), v1::Id([0xab; 32]));
    let name = || v1::Repository::of(&"acme/app".parse().unwrap()).unwrap();
    origin.put(&Key::V1Images(name()), JSON, format!(r#"[{{"id":"{id}"}}]"#).as_bytes());
    origin.put(&Key::V1Tags(name()), JSON, format!(r#"{{"1.2":"{id}"}}"#).as_bytes());
    origin.put(&Key::V1Tag(name(), "1.2".parse().unwrap()), JSON, format!("\"{id}\"").as_bytes());
    origin.put(&Key::V1Json(id), JSON, b"{}");
    origin.put(&Key::V1Ancestry(id), JSON, format!("[\"{id}\"]").as_bytes());
    origin.put(&Key::V1Layer(id), "application/octet-stream", &[0; 12_345]);
    let known = Running::start(Given {
        public_url: Some("https://public.test:8443".to_owned()),
        api_version_header: Some(true),
        ..given(&origin)
    });
    let server = Running::start(given(&origin));
    for (path, status, header, value) in [
        ("/v1/repositories/acme/app/images".to_owned(), 200, "x-docker-endpoints", "registry.test"),
        ("/v1/repositories/acme/app/tags".to_owned(), 200, "x-docker-endpoints", ""),
        ("/v1/repositories/acme/app/tags/1.2".to_owned(), 200, "content-type", JSON),
        (format!("/v1/images/{id}/json"), 200, "x-docker-size", "12345"),
        (format!("/v1/images/{id}/ancestry"), 200, "x-docker-size", ""),
        (format!("/v1/images/{id}/layer"), 302, "x-docker-size", ""),
        ("/v1/repositories/acme/none/images".to_owned(), 404, "content-type", "text/plain; charset=utf-8"),
    ] {
        let answer = both(&server, &path, "");
        assert_eq!((answer.status, answer.header(header)), (status, value), "{path}");
        let told = both(&known, &path, "");
        assert_eq!((told.status, told.header("docker-distribution-api-version")), (status, ""), "{path}");
    }
    let told = both(&known, "/v1/repositories/acme/app/images", "");
    assert_eq!(told.header("x-docker-endpoints"), "public.test:8443");
    let told = both(&known, "/v2/acme/app/manifests/1.2", "");
    assert_eq!(told.header("docker-distribution-api-version"), "registry/2.0");
}

#[test]
fn a_directory_is_an_origin_without_http() {
    let bucket = Bucket::with_layer(1000);
    let server = Running::start(Given { documents: Some(Documents::Serve), ..bucket.given() });
    let (key, digest) = digest_view(&bucket.manifest, Algorithm::Sha256);
    for (path, text) in [
        ("/v2/acme/app/manifests/1.2".to_owned(), bucket.manifest.as_str()),
        (format!("/v2/acme/app/manifests/{digest}"), bucket.manifest.as_str()),
        ("/v2/acme/app/tags/list?n=1".to_owned(), r#"{"name":"acme/app","tags":["1.2"]}"#),
        ("/v2/_catalog".to_owned(), r#"{"repositories":[]}"#),
    ] {
        let answer = both(&server, &path, "");
        assert_eq!((answer.status, answer.text()), (200, text), "{path}");
        assert_eq!(answer.header("docker-content-digest").is_empty(), !path.contains("manifests"), "{path}");
    }
    let json = both(&server, &format!("/v1/images/{}/json", bucket.v1), "");
    assert_eq!(json.header("x-docker-size"), "1000");
    let blob = ask(server.address, &format!("GET /v2/acme/app/blobs/{}", bucket.digest), "");
    assert_eq!(blob.header("location"), bucket.layer_path());
    // `distribution` removes the link and leaves our view.
    bucket.remove(&key.guard().unwrap());
    assert_eq!(both(&server, &format!("/v2/acme/app/manifests/{digest}"), "").status, 404);
    bucket.put(&tag_view("1.2"), b"not a manifest");
    assert_eq!(both(&server, "/v2/acme/app/manifests/1.2", "").status, 500);
}

#[test]
fn the_catalog_is_searched() {
    let origin = filled();
    let server = Running::start(Given { api_version_header: Some(true), ..given(&origin) });
    for (query, names) in
        [("?q=app&n=25", &["acme/app"][..]), ("?q=acme", &["acme/app", "acme/web"]), ("?q=none", &[])]
    {
        let answer = both(&server, &format!("/v1/search{query}"), "");
        assert_eq!((answer.status, answer.header("content-type")), (200, JSON), "{query}");
        assert_eq!(answer.header("docker-distribution-api-version"), "");
        for name in ["acme/app", "acme/web", "zoo"] {
            let found = answer.text().contains(&format!("\"name\":\"{name}\""));
            assert_eq!(found, names.contains(&name), "{query}: {}", answer.text());
        }
    }
    let redirecting = Running::start(Given::default());
    assert_eq!(ask(redirecting.address, "GET /v1/search?q=app", "").status, 404);
}

#[test]
fn descriptions_are_searched_and_told_where_they_can_be_had() {
    let origin = filled();
    let said = br#"{"descriptions":{"acme/web":"Shows\u001b the app","gone":"An app"}}"#;
    origin.put(&Key::Search, JSON, said);
    let at_once = Given { changing_ttl: Some(Duration::ZERO), ..given(&origin) };
    let server = Running::start(at_once);
    let found = || {
        let answer = both(&server, "/v1/search?q=app", "");
        assert_eq!(answer.status, 200);
        let told: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        let text = |it: &serde_json::Value| format!("{}: {}", it["name"], it["description"]).replace('"', "");
        told["results"].as_array().unwrap().iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(found(), ["acme/app: ", "acme/web: Shows the app"]);
    // Damaged, the last good one outlives it; gone, names are found all the same.
    origin.put(&Key::Search, JSON, b"<html>");
    assert_eq!(found(), ["acme/app: ", "acme/web: Shows the app"]);
    let server = Running::start(Given { changing_ttl: Some(Duration::ZERO), ..given(&origin) });
    assert!(both(&server, "/v1/search?q=app", "").text().contains(r#""num_results":1,"#));
    origin.remove(&Key::Search);
    assert!(both(&server, "/v1/search?q=app", "").text().contains(r#""num_results":1,"#));

    let bucket = Bucket::with_layer(1);
    bucket.put(&Key::Catalog, br#"{"repositories":["acme/app"]}"#);
    bucket.put(&Key::Search, br#"{"descriptions":{"acme/app":"From a disk"}}"#);
    let server = Running::start(Given { documents: Some(Documents::Serve), ..bucket.given() });
    assert!(
        both(&server, "/v1/search?q=disk", "").text().contains(r#""acme/app","description":"From a disk""#)
    );
}
