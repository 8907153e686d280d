//! What every path of the API asks for.

use proptest::prelude::*;

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn asks_for(path: &str) -> String {
    match Request::parse(&path.replace("HEX", HEX)) {
        Request::Object(key) => key.path().replace(HEX, "HEX"),
        Request::Unknown(Unknown::V2(code)) => code.as_str().to_owned(),
        Request::Unknown(Unknown::Invalid(code)) => format!("invalid {}", code.as_str()),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_path_of_the_api() {
    let repositories = "docker/registry/v2/repositories";
    for (path, wanted) in [
        ("/v1/_ping", "Ping".to_owned()),
        ("/_ping", "Ping".to_owned()),
        ("/v2", "Version".to_owned()),
        ("/v1/search", "Search".to_owned()),
        ("/v2/", "Version".to_owned()),
        ("/v2/_catalog", "docker/registry/v2/catalog.json".to_owned()),
        ("/v2/acme/app/blobs/sha256:HEX", "docker/registry/v2/blobs/sha256/e3/HEX/data".to_owned()),
        ("/v2/acme/app/blobs/sha256%3AHEX", "docker/registry/v2/blobs/sha256/e3/HEX/data".to_owned()),
        ("/v2/a/b/c/d/manifests/1.0", format!("{repositories}/a/b/c/d/_manifests/tags/1.0/current/manifest")),
        (
            "/v2/app/manifests/sha256%3aHEX",
            format!("{repositories}/app/_manifests/revisions/sha256/HEX/manifest"),
        ),
        ("/v2/app/tags/list", format!("{repositories}/app/_manifests/tags.json")),
        ("/v2/app/referrers/sha256:HEX", format!("{repositories}/app/_manifests/referrers/sha256/HEX.json")),
        ("/v2/blobs/manifests/tags/list", format!("{repositories}/blobs/manifests/_manifests/tags.json")),
        (
            "/v2/tags/list/manifests/list",
            format!("{repositories}/tags/list/_manifests/tags/list/current/manifest"),
        ),
        ("/v1/repositories/acme/app/images", "repositories/acme/app/images".to_owned()),
        ("/v1/repositories/acme/app/tags", "repositories/acme/app/tags".to_owned()),
        ("/v1/repositories/acme/app/tags/1.0", "repositories/acme/app/tag_1.0.json".to_owned()),
        ("/v1/repositories/app/images", "repositories/library/app/images".to_owned()),
        ("/v1/repositories/app/tags", "repositories/library/app/tags".to_owned()),
        ("/v1/repositories/library/app/tags", "repositories/library/app/tags".to_owned()),
        ("/v1/repositories/app/images/images", "repositories/app/images/images".to_owned()),
        ("/v1/repositories/app/tags/tags", "repositories/app/tags/tags".to_owned()),
        ("/v1/images/HEX/json", "images/HEX/json".to_owned()),
        ("/v1/images/HEX/ancestry", "images/HEX/ancestry".to_owned()),
        ("/v1/images/HEX/layer", "images/HEX/layer".to_owned()),
    ] {
        assert_eq!(asks_for(path), wanted, "{path}");
    }
}

#[test]
fn clients_ask_for_an_object_by_the_path_that_leads_to_it() {
    let repository: Repository = "acme/app".parse().unwrap();
    for asked in [
        "/v2/_catalog",
        "/v2/acme/app/blobs/sha256:HEX",
        "/v2/acme/app/manifests/1.0",
        "/v2/acme/app/manifests/sha256:HEX",
        "/v2/acme/app/tags/list",
        "/v2/acme/app/referrers/sha256:HEX",
        "/v1/repositories/library/app/images",
        "/v1/repositories/acme/app/tags",
        "/v1/repositories/acme/app/tags/1.0",
        "/v1/images/HEX/json",
        "/v1/images/HEX/ancestry",
        "/v1/images/HEX/layer",
    ] {
        let asked = asked.replace("HEX", HEX);
        let Request::Object(key) = Request::parse(&asked) else { panic!("{asked} asks for no object") };
        assert_eq!(super::path(&repository, &key), Some(asked));
    }
    assert_eq!(super::path(&repository, &Key::Settings), None);
}

#[test]
fn what_is_wrong_under_v2_is_told_by_its_code() {
    for (path, code) in [
        ("/v2/acme/App/manifests/1.0", "MANIFEST_UNKNOWN"),
        ("/v2/app/manifests/sha256:12", "MANIFEST_UNKNOWN"),
        ("/v2/app/manifests/%2e%2e", "MANIFEST_UNKNOWN"),
        ("/v2/app/manifests/sha256%3A3AHEX", "MANIFEST_UNKNOWN"),
        ("/v2/app/manifests/", "MANIFEST_UNKNOWN"),
        ("/v2/acme/App/tags/list", "NAME_INVALID"),
        ("/v2/acme/App/blobs/sha256:HEX", "NAME_INVALID"),
        ("/v2/a/../b/tags/list", "NAME_INVALID"),
        ("/v2//tags/list", "NAME_INVALID"),
        ("/v2/app%2fx/tags/list", "NAME_INVALID"),
        ("/v2/app/blobs/sha256:12", "DIGEST_INVALID"),
        ("/v2/app/blobs/sha256%2FHEX", "DIGEST_INVALID"),
        ("/v2/app/blobs/latest", "DIGEST_INVALID"),
        ("/v2/app/referrers/latest", "invalid DIGEST_INVALID"),
        ("/v2/App/referrers/sha256:HEX", "invalid NAME_INVALID"),
        ("/v2/app/blobs/uploads/", "UNSUPPORTED"),
        ("/v2/app", "UNSUPPORTED"),
        ("/v2/app/tags/list/", "UNSUPPORTED"),
        ("/v2/_catalog/", "UNSUPPORTED"),
    ] {
        assert_eq!(asks_for(path), code, "{path}");
    }
}

#[test]
fn everything_else_is_unknown() {
    for path in [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v2x/",
        "/V2/",
        "//v2/",
        "/v1/search/",
        "/v1/users/",
        "/v1/images/HEX",
        "/v1/images/short/json",
        "/v1/repositories/images",
        "/v1/repositories/a/b/c/images",
        "/v1/repositories/acme/../images",
        "/v1/repositories//images",
        "/v1/repositories/Acme/app/tags",
        "/v1/repositories/acme/app/tags/",
        "/v1/repositories/acme%2Fapp/tags",
        "/v3/",
        "v2/",
    ] {
        assert_eq!(asks_for(path), "Unknown(Plain)", "{path}");
    }
}

#[test]
fn the_error_document_is_the_specs() {
    assert_eq!(
        error_document(ErrorCode::ManifestUnknown, "a \"b\""),
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"a \"b\""}]}"#
    );
}

proptest! {
    #[test]
    fn any_path_is_answered_and_no_object_escapes(path in "/?(v1|v2)?/[ -~é]{0,60}") {
        if let Request::Object(key) = Request::parse(&path) {
            prop_assert!(!key.path().contains("..") || path.contains("manifests/") || path.contains("tags/"));
            prop_assert_eq!(Key::parse(&key.path()), Some(key));
        }
    }
}
