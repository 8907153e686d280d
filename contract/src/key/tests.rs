//! Every path byte for byte, and back again.

use proptest::prelude::*;

use super::*;
use crate::digest::Algorithm;

/// One key of each kind.
fn each() -> Vec<Key> {
    let name: Repository = "acme/app".parse().unwrap();
    let one: Repository = "app".parse().unwrap();
    let tag: Tag = "1.2".parse().unwrap();
    let sha256 = Digest::of(Algorithm::Sha256, b"");
    let sha512 = Digest::of(Algorithm::Sha512, b"");
    let v1 = v1::Repository::of(&name).unwrap();
    let id = v1::Id([0xab; 32]);
    vec![
        Key::Blob(sha256),
        Key::Blob(sha512),
        Key::LayerLink(name.clone(), sha256),
        Key::RevisionLink(name.clone(), sha256),
        Key::TagLink(name.clone(), tag.clone()),
        Key::TagHistoryLink(name.clone(), tag.clone(), sha256),
        Key::DigestView(name.clone(), sha256),
        Key::TagView(name.clone(), tag.clone()),
        Key::TagList(name.clone()),
        Key::TagList(one.clone()),
        Key::Referrers(name.clone(), sha256),
        Key::Catalog,
        Key::V1Images(v1.clone()),
        Key::V1Tags(v1::Repository::of(&one).unwrap()),
        Key::V1Tag(v1, tag),
        Key::V1Json(id),
        Key::V1Ancestry(id),
        Key::V1Layer(id),
        Key::Keep(name, sha512),
        Key::Diff(sha256, Packed::Gzip(4)),
        Key::Search,
        Key::Settings,
        Key::Probe,
        Key::Collector,
        Key::Lock,
        Key::Staged(255),
        Key::Segment { of: Box::new(Key::Blob(sha256)), upload: 0xab, number: 7 },
    ]
}

#[test]
fn paths_types_and_caching_are_the_format() {
    let rows: Vec<String> = each()
        .iter()
        .map(|key| {
            let content_type = match key.content_type() {
                ContentType::Fixed(fixed) => fixed,
                ContentType::OfManifest => "(the manifest's)",
            };
            let caching = if key.is_immutable() { "never changes" } else { "changes" };
            let whose = if key.is_public() { "" } else { ", our own" };
            format!("{key}\n    {content_type}, {caching}{whose}")
        })
        .collect();
    insta::assert_snapshot!("paths", rows.join("\n"));
}

#[test]
fn every_path_is_read_back() {
    for key in each() {
        assert_eq!(Key::parse(&key.path()), Some(key));
    }
}

#[test]
fn no_path_is_a_directory_of_another_nor_holds_a_colon() {
    let paths: Vec<String> = each().iter().map(Key::path).collect();
    for path in &paths {
        assert!(!path.contains(':') && !path.starts_with('/') && !path.contains("//"), "{path}");
        assert!(paths.iter().all(|other| !other.starts_with(&format!("{path}/"))), "{path}");
    }
}

#[test]
fn other_paths_are_no_keys() {
    let hex = "0".repeat(64);
    for path in [
        "",
        "docker",
        "docker/registry/v2/catalog.json/",
        &format!("docker/registry/v2/blobs/sha256/ff/{hex}/data"),
        &format!("docker/registry/v2/blobs/sha256/00/{hex}/data/"),
        &format!("docker/registry/v2/blobs/sha256/../{hex}/data"),
        "docker/registry/v2/repositories/../_manifests/tags.json",
        "docker/registry/v2/repositories/a/_manifests/tags/../current/link",
        "docker/registry/v2/repositories/a/_uploads/x/data",
        "repositories/app/images",
        "repositories/a/b/c/images",
        "repositories/acme/app/tag_.json",
        "static-registry/tmp/ff",
        "static-registry/tmp/+0000000000000ff",
        "static-registry/segments/docker/registry/v2/catalog.json/00000000000000ab/7",
        "static-registry/segments/static-registry/lock/00000000000000ab/00007",
        "static-registry/segments/images/00000000000000ab/00007",
        "images/0/json",
        &format!("static-registry/diff/sha256/{hex}/gzip-04"),
        &format!("static-registry/diff/sha256/{hex}"),
    ] {
        assert_eq!(Key::parse(path), None, "{path}");
    }
}

#[test]
fn everybody_reads_what_clients_ask_for_and_no_more() {
    for key in each() {
        let below = Prefix::PUBLIC.iter().any(|folder| key.path().starts_with(folder));
        assert_eq!(below, key.is_public(), "{key}");
    }
}

#[test]
fn views_count_only_with_their_link() {
    for key in each() {
        let guard = key.guard().map(|guard| guard.path());
        assert_eq!(guard, key.path().strip_suffix("/manifest").map(|folder| format!("{folder}/link")));
    }
}

proptest! {
    #[test]
    fn what_parses_prints_the_same(path in "(docker/registry/v2/)?(repositories|blobs|images|static-registry)/[a-z0-9_./-]{0,40}") {
        if let Some(key) = Key::parse(&path) {
            prop_assert_eq!(key.path(), path);
        }
    }
}
