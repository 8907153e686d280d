//! What every kind of request gets, one line a case.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

use super::*;
use crate::settings::{Given, resolve};

mod federation;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn cdn() -> Settings {
    let given = Given { cdn: Some("https://cdn.test/prefix".to_owned()), ..Given::default() };
    resolve(given, None, Given::default()).unwrap()
}

fn directory() -> Settings {
    let given = Given { directory: Some("bucket".into()), ..Given::default() };
    resolve(given, None, Given::default()).unwrap()
}

/// The answer to `GET /path`, in a few words. `HEX` stands for a digest's digits, in question and answer.
fn told(request: &str, settings: &Settings) -> String {
    let (method, path) = request.split_once(' ').unwrap();
    match route(&method.parse().unwrap(), &path.replace("HEX", HEX), settings) {
        Answer::Object(directory, key) => format!("{}/{key}", directory.display()).replace(HEX, "HEX"),
        Answer::Document(wanted) => served(&wanted).replace(HEX, "HEX"),
        Answer::Reply(Reply::Redirect(location)) => location.replace(HEX, "HEX"),
        Answer::Reply(Reply::RedirectOfClient(location)) => {
            format!("{} for this client", location.replace(HEX, "HEX"))
        }
        Answer::Reply(Reply::Unknown(Unknown::V2(code))) => format!("404 {}", code.as_str()),
        Answer::Reply(Reply::Unknown(Unknown::Invalid(code))) => format!("400 {}", code.as_str()),
        Answer::Reply(Reply::Unknown(Unknown::Plain)) => "404".to_owned(),
        Answer::Reply(Reply::MethodNotAllowed(Unknown::V2(code))) => format!("405 {}", code.as_str()),
        Answer::Reply(Reply::MethodNotAllowed(Unknown::Plain)) => "405".to_owned(),
        Answer::Reply(reply) => format!("{reply:?}"),
    }
}

/// What a document is served from.
fn served(Wanted { there, origin, by_client, .. }: &Wanted<'_>) -> String {
    let origin = match origin {
        Origin::Base(base) => base.to_string(),
        Origin::Directory(directory) => format!("{}/", directory.display()),
    };
    format!("{}{origin}{there}", if *by_client { "served private " } else { "served " })
}

/// A text with each `[/v2/…]` in it replaced by the path of the object that this path of the API asks for. Which one that
/// is, and how it is spelled, the tables of `contract` say.
fn spelled(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else { return text.to_owned() };
    let (asked, after) = rest.split_once(']').unwrap();
    let Request::Object(key) = Request::parse(&asked.replace("HEX", HEX)) else {
        panic!("{asked} asks for no object")
    };
    format!("{before}{}{}", key.path().replace(HEX, "HEX"), spelled(after))
}

#[test]
fn what_the_endpoint_answers() {
    let base = "https://cdn.test/prefix";
    for (request, answer) in [
        ("GET /v1/_ping", "Ping".to_owned()),
        ("GET /_ping", "Ping".to_owned()),
        ("GET /v2/", "Version".to_owned()),
        ("GET /v2", "Version".to_owned()),
        ("GET /healthz", "Healthy".to_owned()),
        ("GET /v2/_catalog", format!("{base}/[/v2/_catalog]")),
        ("GET /v2/acme/app/blobs/sha256:HEX", format!("{base}/[/v2/any/blobs/sha256:HEX]")),
        ("GET /v2/acme/app/blobs/sha256%3AHEX", format!("{base}/[/v2/any/blobs/sha256:HEX]")),
        ("GET /v2/a/manifests/1.2", format!("{base}/[/v2/a/manifests/1.2]")),
        ("GET /v2/a/manifests/sha256:HEX", format!("{base}/[/v2/a/manifests/sha256:HEX]")),
        ("GET /v2/acme/app/tags/list", format!("{base}/[/v2/acme/app/tags/list]")),
        ("GET /v2/a/referrers/sha256:HEX", format!("{base}/[/v2/a/referrers/sha256:HEX]")),
        ("GET /v1/repositories/acme/app/images", format!("{base}/repositories/acme/app/images")),
        ("GET /v1/repositories/acme/app/tags", format!("{base}/repositories/acme/app/tags")),
        ("GET /v1/repositories/acme/app/tags/1.2", format!("{base}/repositories/acme/app/tag_1.2.json")),
        ("GET /v1/repositories/app/images", format!("{base}/repositories/library/app/images")),
        ("GET /v1/repositories/app/tags", format!("{base}/repositories/library/app/tags")),
        ("GET /v1/images/HEX/json", format!("{base}/images/HEX/json")),
        ("GET /v1/images/HEX/ancestry", format!("{base}/images/HEX/ancestry")),
        ("GET /v1/images/HEX/layer", format!("{base}/images/HEX/layer")),
        ("HEAD /v1/images/HEX/layer", format!("{base}/images/HEX/layer")),
        ("HEAD /v2/", "Version".to_owned()),
        ("GET /v1/search", "404".to_owned()),
        ("GET /", "404".to_owned()),
        ("GET /objects/[/v2/_catalog]", "404".to_owned()),
    ] {
        let (request, answer) = (spelled(request), spelled(&answer));
        assert_eq!(told(&request, &cdn()), answer, "{request}");
    }
}

#[test]
fn only_get_and_head_are_answered() {
    for (request, answer) in [
        ("POST /v2/acme/app/blobs/uploads/", "405 UNSUPPORTED"),
        ("PUT /v2/acme/app/manifests/1.2", "405 UNSUPPORTED"),
        ("DELETE /v2/acme/app/manifests/1.2", "405 UNSUPPORTED"),
        ("POST /v2", "405 UNSUPPORTED"),
        ("PUT /v1/repositories/acme/app/", "405"),
        ("OPTIONS *", "405"),
        ("CONNECT ", "405"),
        ("BREW /healthz", "405"),
    ] {
        assert_eq!(told(request, &cdn()), answer, "{request}");
    }
}

#[test]
fn with_a_directory_the_objects_are_here() {
    let catalog = Key::Catalog.path();
    for (request, answer) in [
        ("GET /v2/acme/app/manifests/1.2", "/objects/[/v2/acme/app/manifests/1.2]"),
        ("GET /objects/[/v2/acme/app/manifests/1.2]", "bucket/[/v2/acme/app/manifests/1.2]"),
        ("GET /objects/[/v2/acme/app/tags/list]", "bucket/[/v2/acme/app/tags/list]"),
        ("GET /objects/images/HEX/layer", "bucket/images/HEX/layer"),
        ("GET /objects/static-registry/lock", "404"),
        ("GET /objects/static-registry/tmp/00000000000000ff", "404"),
        ("GET /objects/static-registry/probe.json", "404"),
        ("GET /objects/", "404"),
        ("GET /objects", "404"),
        (&format!("GET /objects/{}", catalog.replace("/v2/", "/v2/../v2/")), "404"),
        (&format!("GET /objects/{}", catalog.replace(".json", "%2ejson")), "404"),
        ("GET /objects/../../etc/passwd", "404"),
        ("GET /objects//etc/passwd", "404"),
        ("GET /objects/%2e%2e/%2e%2e/etc/passwd", "404"),
    ] {
        let (request, answer) = (spelled(request), spelled(answer));
        assert_eq!(told(&request, &directory()), answer, "{request}");
    }
}

#[test]
fn hostile_paths_are_never_redirected() {
    let long = format!("/v2/{}/tags/list", "a/".repeat(PATH_LIMIT));
    let longest = format!("/v2/{}/tags/list", "a".repeat(PATH_LIMIT - "/v2//tags/list".len()));
    for (path, answer) in [
        ("", "404"),
        ("*", "404"),
        ("v2/", "404"),
        ("//v2/", "404"),
        ("/V2/", "404"),
        ("/v2/../v2/_catalog", "404 UNSUPPORTED"),
        ("/v2/a/../b/tags/list", "404 NAME_INVALID"),
        ("/v2/a/%2e%2e/tags/list", "404 NAME_INVALID"),
        ("/v2/a%2fb/tags/list", "404 NAME_INVALID"),
        ("/v2/a//tags/list", "404 NAME_INVALID"),
        ("/v2//tags/list", "404 NAME_INVALID"),
        ("/v2/Acme/app/tags/list", "404 NAME_INVALID"),
        ("/v2/a\r\nX: y/tags/list", "404 NAME_INVALID"),
        ("/v2/a\0/tags/list", "404 NAME_INVALID"),
        ("/v2/é/tags/list", "404 NAME_INVALID"),
        ("/v2/a/manifests/..", "404 MANIFEST_UNKNOWN"),
        ("/v2/a/manifests/%2e%2e", "404 MANIFEST_UNKNOWN"),
        ("/v2/a/manifests/sha256:12", "404 MANIFEST_UNKNOWN"),
        ("/v2/a/manifests/1.2%0d%0aX:%20y", "404 MANIFEST_UNKNOWN"),
        ("/v2/a/blobs/sha256:e3", "404 DIGEST_INVALID"),
        ("/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e", "404 DIGEST_INVALID"),
        (&format!("/v2/a/blobs/sha256:{}", HEX.to_uppercase()), "404 DIGEST_INVALID"),
        ("/v2/a/blobs/sha256%253AHEX", "404 DIGEST_INVALID"),
        ("/v2/a/blobs/sha256:HEX/", "404 UNSUPPORTED"),
        ("/v1/images/../json", "404"),
        ("/v1/images/HEX/../../x", "404"),
        ("/v1/images/HEX%2flayer", "404"),
        ("/v1/repositories/acme/../images", "404"),
        ("http://evil.test/v2/", "404"),
        (&longest, "404 NAME_INVALID"),
        (&long, "TooLong"),
    ] {
        assert_eq!(told(&format!("GET {path}"), &cdn()), answer, "{path}");
        assert_eq!(told(&format!("GET {path}"), &directory()), answer, "{path}");
    }
}

proptest! {
    #[test]
    fn any_path_is_answered_and_a_redirect_stays_below_the_base(path in path()) {
        for settings in [cdn(), directory()] {
            if let Answer::Reply(Reply::Redirect(location)) = route(&Method::GET, &path, &settings) {
                let object = location.strip_prefix(&settings.routes.to_string());
                // A tag may be `a..b`; a segment may not be `..`.
                prop_assert!(object.is_some_and(|it| it.split('/').all(|segment| !matches!(segment, "" | "." | ".."))));
                prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%'));
            }
        }
    }
}

/// Anything at all, and things that are nearly right.
fn path() -> impl Strategy<Value = String> {
    let name = "([a-z0-9A-Z._/-]|%2[eEfF]|\\.\\.|[\\x00-\\x1f]){0,20}";
    let v2 = format!("/v2/{name}/(manifests|blobs|referrers|tags)/(list|sha(256|512)(:|%3[aA]){HEX}|{name})");
    let v1 = format!("/v1/(repositories|images)/({HEX}|{name})/(images|tags|json|layer|ancestry)(/{name})?");
    prop_oneof![any::<String>(), string_regex(&v2).unwrap(), string_regex(&v1).unwrap()]
}

#[test]
fn nearly_right_paths_are_sometimes_right() {
    // Else the property above would hold for want of redirects.
    let mut runner = TestRunner::deterministic();
    let redirects = (0..1000).filter(|_| {
        let path = path().new_tree(&mut runner).unwrap().current();
        matches!(route(&Method::GET, &path, &cdn()), Answer::Reply(Reply::Redirect(_)))
    });
    assert!(redirects.count() > 20);
}
