//! The two programs agree: every object that a publisher writes for clients is where the endpoint sends them, and the
//! endpoint sends nobody to an object that is the publisher's own.

use std::fs;
use std::path::Path;

use contract::key::Key;
use contract::name::Repository;
use endpoint::route::{Answer, Reply, route};
use endpoint::settings::{Given, Settings, resolve};
use ureq::http::Method;

use crate::rig::layout::{Layer, Layout};
use crate::rig::store::Store;

const BASE: &str = "https://cdn.example.com/some/prefix/";

fn settings() -> Settings {
    resolve(Given { cdn: Some(BASE.to_owned()), ..Given::default() }, None, Given::default()).unwrap()
}

/// By which path of the API a client asks for an object; none for links, which only registries read, and for our own.
fn api_path(key: &Key, holder: &Repository) -> Option<String> {
    match key {
        Key::Blob(digest) => Some(format!("/v2/{holder}/blobs/{digest}")),
        Key::DigestView(name, digest) => Some(format!("/v2/{name}/manifests/{digest}")),
        Key::TagView(name, tag) => Some(format!("/v2/{name}/manifests/{tag}")),
        Key::TagList(name) => Some(format!("/v2/{name}/tags/list")),
        Key::Referrers(name, digest) => Some(format!("/v2/{name}/referrers/{digest}")),
        Key::Catalog => Some("/v2/_catalog".to_owned()),
        Key::V1Images(name) => Some(format!("/v1/repositories/{name}/images")),
        Key::V1Tags(name) => Some(format!("/v1/repositories/{name}/tags")),
        Key::V1Tag(name, tag) => Some(format!("/v1/repositories/{name}/tags/{tag}")),
        Key::V1Json(id) => Some(format!("/v1/images/{id}/json")),
        Key::V1Ancestry(id) => Some(format!("/v1/images/{id}/ancestry")),
        Key::V1Layer(id) => Some(format!("/v1/images/{id}/layer")),
        Key::LayerLink(..)
        | Key::RevisionLink(..)
        | Key::TagLink(..)
        | Key::TagHistoryLink(..)
        | Key::Keep(..)
        | Key::Diff(..)
        | Key::Search
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => None,
    }
}

fn files(root: &Path) -> Vec<String> {
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files
}

#[test]
fn every_object_for_clients_is_where_the_endpoint_sends_them() {
    let mut layout = Layout::default();
    let images =
        [layout.image("linux/amd64", &[Layer::gzip(&[("a", b"1")])]), layout.image("linux/arm64", &[])];
    let index = layout.index(&images);
    layout.list(&index, "1.0");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());
    let store = Store::directory();
    store.publish(source.path(), &["acme/app:1.0", "app:1.0"]);
    let Store::Directory(folder) = &store else { panic!("a directory was asked for") };

    let (settings, holder) = (settings(), "acme/app".parse().unwrap());
    let mut sent = 0;
    for path in files(folder.path()) {
        let key = Key::parse(&path).unwrap_or_else(|| panic!("{path} is no key of the contract"));
        let Some(asked) = api_path(&key, &holder) else { continue };
        match route(&Method::GET, &asked, &settings) {
            Answer::Reply(Reply::Redirect(location)) => {
                assert_eq!(location, format!("{BASE}{path}"), "{asked}");
            }
            other => panic!("{asked}: {other:?}"),
        }
        sent += 1;
    }
    assert!(sent > 20, "only {sent} objects for clients were published");
}
