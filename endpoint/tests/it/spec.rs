//! The distribution spec's pull and content discovery, sentence by sentence, on a registry in one process, by a client
//! that follows redirects as the spec lets every registry send them. What its conformance suite asks of a registry that
//! nobody can push to is among them.

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::media::MediaType;
use contract::name::Repository;
use endpoint::settings::{Documents, Given};
use serde_json::Value;

use crate::documents::{digest_view, manifest, tag_view};
use crate::rig::Running;
use crate::rig::bucket::Bucket;
use crate::rig::client::{Answer, ask};

const JSON: &str = "application/json";
const INDEX: &str = MediaType::OCI_INDEX;
const OCI: &str = MediaType::OCI_MANIFEST;
const TAGS: [&str; 6] = ["1.10", "1.2", "1.9", "A", "b", "C"];

/// The table "Error Codes": "The `code` field MUST be one of the following".
const CODES: [&str; 14] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
];

fn name() -> Repository {
    "acme/app".parse().unwrap()
}

/// `acme/app:1.2` of Docker's type, `acme/app:b` of OCI's that is there by its sha512 too, and two that refer to it.
fn registry() -> (Bucket, Running, String) {
    let (bucket, content) = (Bucket::with_layer(1000), manifest("b"));
    for algorithm in Algorithm::ALL {
        let (view, digest) = digest_view(&content, algorithm);
        bucket.put(&view.guard().unwrap(), digest.to_string().as_bytes());
        bucket.put(&view, content.as_bytes());
    }
    let (_, digest) = digest_view(&content, Algorithm::Sha256);
    let tag = tag_view("b");
    bucket.put(&tag.guard().unwrap(), digest.to_string().as_bytes());
    bucket.put(&tag, content.as_bytes());
    let tags = TAGS.map(|tag| format!("\"{tag}\"")).join(",");
    bucket.put(&Key::TagList(name()), format!(r#"{{"name":"acme/app","tags":[{tags}]}}"#).as_bytes());
    let referrer = |kind: &str| {
        let digest = Digest::of(Algorithm::Sha256, kind.as_bytes());
        format!(
            r#"{{"mediaType":"{OCI}","digest":"{digest}","size":9,"artifactType":"{kind}","annotations":{{"a":"b"}}}}"#
        )
    };
    let list = [referrer("application/vnd.a+json"), referrer("application/vnd.b")].join(",");
    let list = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{list}]}}"#);
    bucket.put(&Key::Referrers(name(), digest), list.as_bytes());
    let server = Running::start(Given { documents: Some(Documents::Serve), ..bucket.given() });
    (bucket, server, content)
}

/// The final answer to GET, which HEAD must agree with in all but the body.
fn get(server: &Running, path: &str, headers: &str) -> Answer {
    let last = |method: &str| {
        let answer = ask(server.address, &format!("{method} {path}"), headers);
        match answer.status {
            302 => ask(server.address, &format!("{method} {}", answer.header("location")), headers),
            _ => answer,
        }
    };
    let (get, head) = (last("GET"), last("HEAD"));
    assert_eq!(get.status, head.status, "{path}");
    for name in ["content-type", "content-length", "docker-content-digest", "link", "oci-filters-applied"] {
        assert_eq!(get.header(name), head.header(name), "{path}: {name}");
    }
    get
}

/// "If the response body is in JSON format, it MUST have the following format".
#[track_caller]
fn refused(answer: &Answer, path: &str, status: u16, code: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (status, JSON), "{path}");
    let document: Value = serde_json::from_str(answer.text()).unwrap();
    let errors = document["errors"].as_array().unwrap();
    assert_eq!((errors.len(), errors[0]["code"].as_str()), (1, Some(code)), "{path}");
    assert!(CODES.contains(&code) && errors[0]["message"].is_string(), "{path}: {document}");
}

#[test]
fn end_2_blobs() {
    let (bucket, server, _) = registry();
    let path = format!("/v2/acme/app/blobs/{}", bucket.digest);
    // "MUST provide the expected blob, with a response code that MUST be `200 OK`", "MUST contain the digest", "MUST
    // contain the size in bytes".
    let whole = get(&server, &path, "");
    assert_eq!((whole.status, whole.header("content-length")), (200, "1000"));
    assert_eq!(whole.header("docker-content-digest"), bucket.digest.to_string());
    assert!(whole.body == bucket.layer);
    // "A registry SHOULD support the `Range` request header in accordance with RFC 9110".
    for (range, status, stated, bytes) in [
        ("bytes=0-9", 206, "bytes 0-9/1000", 0..10),
        ("bytes=990-", 206, "bytes 990-999/1000", 990..1000),
        ("bytes=-5", 206, "bytes 995-999/1000", 995..1000),
        ("bytes=1000-", 416, "bytes */1000", 0..0),
    ] {
        let part =
            ask(server.address, &format!("GET {}", bucket.layer_path()), &format!("Range: {range}\r\n"));
        assert_eq!((part.status, part.header("content-range")), (status, stated), "{range}");
        assert!(status == 416 || part.body == bucket.layer[bytes], "{range}");
    }
    // "If the blob is not found in the repository, the response code MUST be `404 Not Found`."
    let absent = Digest::of(Algorithm::Sha512, b"absent");
    for (path, code) in [
        (format!("/v2/acme/app/blobs/{absent}"), "BLOB_UNKNOWN"),
        ("/v2/acme/app/blobs/sha256:short".to_owned(), "DIGEST_INVALID"),
        ("/v2/acme/app/blobs/md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(), "DIGEST_INVALID"),
        (format!("/v2/acme/App/blobs/{absent}"), "NAME_INVALID"),
    ] {
        refused(&get(&server, &path, ""), &path, 404, code);
    }
}

#[test]
fn end_3_manifests() {
    let (bucket, server, content) = registry();
    let [sha256, sha512] = Algorithm::ALL.map(|it| digest_view(&content, it).1.to_string());
    let docker = Digest::of(Algorithm::Sha256, bucket.manifest.as_bytes()).to_string();
    for (reference, text, media_type, digest) in [
        ("b", &content, OCI, &sha256),
        (&sha256, &content, OCI, &sha256),
        (&sha512, &content, OCI, &sha512),
        ("1.2", &bucket.manifest, MediaType::DOCKER_MANIFEST, &docker),
    ] {
        // "The client SHOULD include an `Accept` header": without it, and with any, there is one manifest.
        for accept in ["", "Accept: */*\r\n", "Accept: application/vnd.oci.image.index.v1+json\r\n"] {
            let path = format!("/v2/acme/app/manifests/{reference}");
            let answer = get(&server, &path, accept);
            assert_eq!((answer.status, answer.text()), (200, text.as_str()), "{path} {accept}");
            // "The registry SHOULD NOT include parameters on the `Content-Type` header."
            assert_eq!(answer.header("content-type"), media_type, "{path} {accept}");
            assert_eq!(answer.header("content-length"), text.len().to_string(), "{path} {accept}");
            assert_eq!(answer.header("docker-content-digest"), digest, "{path} {accept}");
        }
    }
    let long = "x".repeat(129);
    let absent = Digest::of(Algorithm::Sha256, b"absent").to_string();
    for reference in ["none", &absent, "sha256:short", ".bad", "-bad", "a+b", &long, ""] {
        let path = format!("/v2/acme/app/manifests/{reference}");
        refused(&get(&server, &path, ""), &path, 404, "MANIFEST_UNKNOWN");
    }
    refused(&get(&server, "/v2/acme/none/manifests/1.2", ""), "no repository", 404, "MANIFEST_UNKNOWN");
}

#[test]
fn end_8_tags() {
    let (_bucket, server, _) = registry();
    let list = |query: &str| {
        let path = format!("/v2/acme/app/tags/list{query}");
        let answer = get(&server, &path, "");
        assert_eq!((answer.status, answer.header("content-type")), (200, JSON), "{path}");
        let told: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(told["name"], "acme/app", "{path}");
        let tags = told["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned());
        (tags.collect::<Vec<_>>(), answer.header("link").to_owned())
    };
    // "MUST be in lexical (i.e. case-insensitive alphanumeric order) or ASCIIbetical order", and from `last` on alone.
    for (query, tags, more) in [
        ("", &TAGS[..], false),
        ("?n=6", &TAGS, false),
        ("?n=1000", &TAGS, false),
        ("?n=5", &TAGS[..5], true),
        // "MUST return an empty list, and MUST NOT include a `Link` header."
        ("?n=0", &[], false),
        ("?n=0&last=A", &[], false),
        // "When using the `last` query parameter, the `n` parameter is OPTIONAL."
        ("?last=A", &TAGS[4..], false),
        ("?last=C", &[], false),
        ("?last=zzz", &[], false),
        ("?last=1.11", &TAGS[1..], false),
        ("?n=1&last=A", &TAGS[4..5], true),
    ] {
        let (found, link) = list(query);
        assert_eq!(
            (found, !link.is_empty()),
            (tags.iter().map(ToString::to_string).collect(), more),
            "{query}"
        );
    }
    // "MUST be set according to RFC 5988 with the Relation Type `rel="next"`": by it, every tag is seen once.
    let (mut seen, mut query) = (Vec::new(), "?n=4".to_owned());
    loop {
        let (tags, link) = list(&query);
        seen.extend(tags);
        let Some(link) = link.strip_suffix(">; rel=\"next\"") else { break };
        query = link.strip_prefix("</v2/acme/app/tags/list").unwrap().to_owned();
    }
    assert_eq!(seen, TAGS);
    refused(&get(&server, "/v2/acme/none/tags/list", ""), "no repository", 404, "NAME_UNKNOWN");
    refused(&get(&server, "/v2/acme/App/tags/list", ""), "no name", 404, "NAME_INVALID");
    // "`<int>` is an integer", "`<tagname>` MUST NOT be a numerical index, but rather it MUST be a proper tag".
    for query in ["?n=x", "?n=-1", "?last=.bad"] {
        let path = format!("/v2/acme/app/tags/list{query}");
        refused(&get(&server, &path, ""), &path, 400, "UNSUPPORTED");
    }
}

#[test]
fn end_12_referrers() {
    let (_bucket, server, content) = registry();
    let subject = digest_view(&content, Algorithm::Sha256).1;
    let nobody = Digest::of(Algorithm::Sha256, b"nobody");
    for (path, types, applied) in [
        (format!("{subject}"), &["application/vnd.a+json", "application/vnd.b"][..], ""),
        (format!("{subject}?artifactType="), &["application/vnd.a+json", "application/vnd.b"], ""),
        (format!("{subject}?artifactType=application/vnd.b"), &["application/vnd.b"], "artifactType"),
        (
            format!("{subject}?artifactType=application%2Fvnd.a%2Bjson"),
            &["application/vnd.a+json"],
            "artifactType",
        ),
        // "If a query results in no matching referrers, an empty manifest list MUST be returned."
        (format!("{subject}?artifactType=none"), &[], "artifactType"),
        (format!("{nobody}"), &[], ""),
    ] {
        let answer = get(&server, &format!("/v2/acme/app/referrers/{path}"), "");
        // "MUST be set to `application/vnd.oci.image.index.v1+json`".
        assert_eq!((answer.status, answer.header("content-type")), (200, INDEX), "{path}");
        assert_eq!(answer.header("oci-filters-applied"), applied, "{path}");
        let index: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&2.into(), &INDEX.into()), "{path}");
        let listed = index["manifests"].as_array().unwrap();
        let found: Vec<_> = listed.iter().map(|it| it["artifactType"].as_str().unwrap()).collect();
        assert_eq!(found, types, "{path}");
        // "The descriptors MUST include annotations from the image manifest or index."
        assert!(listed.iter().all(|it| it["annotations"]["a"] == "b"), "{path}");
    }
    // "The registry MUST NOT return a `404 Not Found` to a referrers API requests."
    assert_eq!(get(&server, &format!("/v2/acme/none/referrers/{nobody}"), "").status, 200);
    // "If the request is invalid, such as a `<digest>` with an invalid syntax, a `400 Bad Request` MUST be returned."
    for (path, code) in [
        ("/v2/acme/app/referrers/sha256:short".to_owned(), "DIGEST_INVALID"),
        ("/v2/acme/app/referrers/1.2".to_owned(), "DIGEST_INVALID"),
        (format!("/v2/acme/App/referrers/{nobody}"), "NAME_INVALID"),
    ] {
        refused(&get(&server, &path, ""), &path, 400, code);
    }
}

#[test]
fn nothing_can_be_pushed_or_managed() {
    let (bucket, server, _) = registry();
    let name = "/v2/acme/app";
    let blob = bucket.digest;
    // end-4 to end-7, end-9 to end-11, end-13 and end-14.
    for request in [
        format!("POST {name}/blobs/uploads/"),
        format!("POST {name}/blobs/uploads/?digest={blob}"),
        format!("POST {name}/blobs/uploads/?mount={blob}&from=acme/other"),
        format!("PATCH {name}/blobs/uploads/1"),
        format!("PUT {name}/blobs/uploads/1?digest={blob}"),
        format!("PUT {name}/manifests/1.2"),
        format!("DELETE {name}/manifests/1.2"),
        format!("DELETE {name}/blobs/{blob}"),
        format!("DELETE {name}/blobs/uploads/1"),
        "OPTIONS /v2/".to_owned(),
    ] {
        let answer = ask(server.address, &request, "");
        refused(&answer, &request, 405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), "GET, HEAD", "{request}");
    }
    refused(&get(&server, &format!("{name}/blobs/uploads/1"), ""), "an upload", 404, "UNSUPPORTED");
    refused(&get(&server, "/v2/acme/app/unknown", ""), "no end", 404, "UNSUPPORTED");
    // end-1, "Determining Support".
    assert_eq!(get(&server, "/v2/", "").status, 200);
}
